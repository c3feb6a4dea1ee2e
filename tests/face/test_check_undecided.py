"""check_gradient never passes an entry that it could not have told from a wrong one, and says how many it decided."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import gradproof.engine as ge
from gradproof import GradientError, InconclusiveError, check_gradient, frameworks
from gradproof.oracles.verdict import Kind

torch = pytest.importorskip("torch", reason="PyTorch is not installed")


@pytest.fixture(autouse=True)
def by_values(monkeypatch: pytest.MonkeyPatch) -> None:
    """What differences alone can tell; of a program that can be traced more is decided (test_check_traced_torch.py)."""
    monkeypatch.setattr(frameworks.Torch, "traces", False)


def function(forward: Callable[[Any], Any], slope: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """An autograd function with this slope."""

    class Given(torch.autograd.Function):  # type: ignore[misc]
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            ctx.save_for_backward(x)
            return forward(x)

        @staticmethod
        def backward(ctx: Any, ct: Any) -> Any:
            return ct * slope(*ctx.saved_tensors)

    return Given.apply  # type: ignore[no-any-return]


def at_zero(value: float, slope: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda x: torch.where(x == 0, torch.full_like(x, value), slope(x))


def sigmoid_slope(x: Any) -> Any:
    return torch.sigmoid(x) * torch.sigmoid(-x)


UNDECIDED: dict[str, tuple[Callable[..., Any], list[float]]] = {
    "a nan beside a right entry": (lambda x: x * torch.sqrt(x), [0.0, 4.0]),
    "a number where the slope is infinite": (function(torch.sqrt, at_zero(777.0, lambda x: 0.5 / torch.sqrt(x))), [0.0, 4.0]),
    "an infinity of the wrong sign": (function(torch.sqrt, at_zero(-np.inf, lambda x: 0.5 / torch.sqrt(x))), [0.0, 4.0]),
    "an infinity where f is smooth from one side": (
        function(lambda x: x * torch.sqrt(x), at_zero(np.inf, lambda x: 1.5 * torch.sqrt(x))),
        [0.0, 4.0],
    ),
    "zero at an entry too small for values": (function(torch.square, torch.zeros_like), [1e-300]),
    "five times at an entry too small for values": (function(torch.square, lambda x: 5 * x), [1e-300]),
    "zero in a tail beside a right entry": (
        function(torch.sigmoid, lambda x: torch.where(x > 20, torch.zeros_like(x), sigmoid_slope(x))),
        [30.0, 1.0],
    ),
    "zero at a jump": (torch.floor, [1.5, 2.0]),
}


@pytest.mark.parametrize("name", UNDECIDED)
def test_an_entry_that_values_cannot_judge_is_not_passed(name: str) -> None:
    f, x = UNDECIDED[name]
    with pytest.raises(InconclusiveError, match=r"at \[\d\]: got .* \(1 of \d entries so\). To decide: pass meaning=") as raised:
        check_gradient(f, torch.tensor(x, dtype=torch.float64))
    assert "\n" not in str(raised.value)


DECIDED: dict[str, tuple[Callable[..., Any], list[float]]] = {
    "an infinity where f rises without end": (torch.sqrt, [0.0, 4.0]),
    "the same from both sides": (function(lambda x: torch.sign(x) * torch.abs(x) ** 0.25, at_zero(np.inf, lambda x: 0.25 * torch.abs(x) ** -0.75)), [0.0, 4.0]),
    "a stationary point": (torch.cos, [0.0]),
    "a stationary point within rounding": (torch.sin, [np.pi / 2]),
    "a constant": (lambda x: 0 * x + 1, [0.3, 2.0]),
    "a constant within rounding": (lambda x: torch.softmax(torch.tanh(x), -1).sum(), [0.3, -0.2, 1.0]),
    "clamped": (lambda x: x.clamp(-1, 1), [1.3, 0.2]),
    "an entry of 1e-100": (torch.square, [1e-100]),
    "an output far below the others": (lambda x: torch.exp(-x), [40.0, 1.0]),
}


@pytest.mark.parametrize("name", DECIDED)
def test_what_looks_like_nothing_and_is_right_agrees(name: str) -> None:
    f, x = DECIDED[name]
    verdict = check_gradient(f, torch.tensor(x, dtype=torch.float64))
    assert (verdict.kind, verdict.entries, verdict.undecided) == (Kind.AGREE, len(x), 0)


@pytest.mark.parametrize(
    ("forward", "slope", "x"),
    [
        (torch.square, torch.zeros_like, [1e-9, 1.0]),
        (lambda x: torch.exp(-x), lambda x: torch.where(x > 20, torch.zeros_like(x), -torch.exp(-x)), [40.0, 1.0]),
    ],
)
def test_zero_for_a_small_slope_is_wrong_where_other_outputs_do_not_hide_it(forward: Any, slope: Any, x: list[float]) -> None:
    with pytest.raises(GradientError, match="zero where f has a slope"):
        check_gradient(function(forward, slope), torch.tensor(x, dtype=torch.float64), save=None)


def test_an_agreement_says_how_many_entries_it_decided() -> None:
    verdict = check_gradient(torch.sin, torch.tensor([0.3, 2.0], dtype=torch.float64))
    assert "  property   gradient\n" in verdict.report()
    assert "  entries    2 of 2 decided\n" in verdict.report()


def test_entries_far_below_the_others_are_counted_as_undecided() -> None:
    verdict = check_gradient(torch.sigmoid, torch.tensor([30.0, 1.0], dtype=torch.float64))
    assert (verdict.kind, verdict.entries, verdict.undecided) == (Kind.AGREE, 2, 1)
    assert "  entries    1 of 2 decided\n" in verdict.report()
    assert "the first is %0 at [0]" in verdict.reason
    assert verdict.evidence.endswith("1 entry undecided")


def test_entries_that_nothing_looked_at_are_not_passed() -> None:
    x = np.linspace(1, 2, 40)
    found = check_gradient(lambda x: ge.sum(ge.sin(x)), x, coordinates=8, directions=0)
    looked = found.entries - found.undecided
    assert found.entries == 40
    assert 0 < looked <= 8
    assert f"{40 - looked} not looked at" in found.reason


JUMPS = torch.cat([torch.tensor([0.5], dtype=torch.float64), torch.linspace(1, 2, 39, dtype=torch.float64)])


def test_a_few_entries_and_directions_that_tell_nothing_do_not_pass_the_rest() -> None:
    with pytest.raises(InconclusiveError, match=r"[78] of 40 entries were looked at alone.*try coordinates=40"):
        check_gradient(lambda x: torch.where(x == 0.5, x.detach() + 1e9, torch.sin(x)), JUMPS, coordinates=8)
