"""How a formula is spelled does not turn a right gradient that loses digits in a tail into a wrong one, nor a wrong one into a loss."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.special

from gradproof import GradientError, check_gradient
from gradproof.oracles.verdict import Kind

torch = pytest.importorskip("torch", reason="PyTorch is not installed")

X = np.linspace(-2.0, 6.0, 7)
WIDE = np.linspace(-10.0, 10.0, 6)


def logistic(x: Any) -> Any:
    return 1 / (1 + np.exp(-x))


def swish(x: Any) -> Any:
    return x / (1 + np.exp(-x))


def with_factor(value: Callable[[Any], Any], slope: Callable[[Any], Any], factor: float) -> Callable[..., Any]:
    """The function ``value`` as a torch Function whose backward rule is ``slope`` times a factor."""

    class Own(torch.autograd.Function):  # type: ignore[misc, name-defined]
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            ctx.save_for_backward(x)
            return value(x)

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            (x,) = ctx.saved_tensors
            return g * slope(x) * factor

    return Own.apply  # type: ignore[no-any-return]


def sigmoid_slope(x: Any) -> Any:
    s = torch.sigmoid(x)
    return s * (1 - s)


def swish_slope(x: Any) -> Any:
    s = torch.sigmoid(x)
    return s + x * s * (1 - s)


def tanh_slope(x: Any) -> Any:
    return 1 - torch.tanh(x) ** 2


def own_swish(x: Any) -> Any:
    return x * torch.sigmoid(x)


@pytest.mark.parametrize(
    ("f", "meaning", "x", "order"),
    [
        (torch.sigmoid, logistic, X, 1),
        (torch.sigmoid, scipy.special.expit, X, 1),
        (torch.tanh, np.tanh, X, 1),
        (torch.tanh, lambda x: 1 - 2 / (np.exp(2 * x) + 1), X, 1),
        (torch.sigmoid, logistic, WIDE, 2),
        (with_factor(own_swish, swish_slope, 1.0), swish, WIDE, 2),
    ],
    ids=["sigmoid, spelled", "sigmoid", "tanh", "tanh, spelled", "sigmoid, order 2", "swish, order 2"],
)
def test_digits_lost_in_a_tail_are_lossy_however_the_formula_is_spelled(
    f: Callable[..., Any], meaning: Callable[..., Any], x: Any, order: int
) -> None:
    with pytest.raises(GradientError) as caught:
        check_gradient(f, torch.tensor(x), meaning=meaning, order=order, save=None)
    assert caught.value.verdict.kind is Kind.LOSSY


@pytest.mark.parametrize("factor", [1 + 1e-9, 1 + 1e-12, 1.5, -1.0])
@pytest.mark.parametrize(
    ("value", "slope", "meaning"),
    [
        (torch.sigmoid, sigmoid_slope, logistic),
        (own_swish, swish_slope, swish),
        (torch.tanh, tanh_slope, lambda x: 1 - 2 / (np.exp(2 * x) + 1)),
        (torch.exp, torch.exp, np.exp),
        (torch.log, lambda x: 1 / x, np.log),
    ],
    ids=["sigmoid", "swish", "tanh", "exp", "log"],
)
def test_a_wrong_factor_stays_wrong_whatever_the_spelling(
    value: Callable[..., Any], slope: Callable[..., Any], meaning: Callable[..., Any], factor: float
) -> None:
    with pytest.raises(GradientError) as caught:
        check_gradient(with_factor(value, slope, factor), torch.linspace(0.1, 2, 6).double(), meaning=meaning, save=None)
    assert caught.value.verdict.kind is Kind.WRONG


def test_a_factor_is_wrong_also_where_other_entries_lie_in_the_tail() -> None:
    with pytest.raises(GradientError) as caught:
        check_gradient(with_factor(torch.sigmoid, sigmoid_slope, 1 + 1e-9), torch.tensor(WIDE), meaning=logistic, save=None)
    assert caught.value.verdict.kind is Kind.WRONG


def test_a_large_argument_of_a_quotient_hides_nothing() -> None:
    """The slope of a / b is widened by what b changes relatively, so that exp(40) below it does not excuse everything."""
    wrong = with_factor(lambda x: torch.sigmoid(-x), lambda x: -1e-10 * torch.ones_like(x), 1.0)
    with pytest.raises(GradientError) as caught:
        check_gradient(wrong, torch.tensor([40.0]).double(), meaning=lambda x: 1 / (1 + np.exp(x)), save=None)
    assert caught.value.verdict.kind is Kind.WRONG


@pytest.mark.parametrize(("factor", "kind"), [(1.0, Kind.LOSSY), (1 + 1e-9, Kind.WRONG)])
def test_large_arrays_are_graded_by_the_same_bound(factor: float, kind: Kind, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gradproof.setting.LARGE_S", 0.5)
    x = torch.linspace(-2, 16, 20_000).double()
    with pytest.raises(GradientError) as caught:
        check_gradient(with_factor(torch.sigmoid, sigmoid_slope, factor), x, meaning=logistic, save=None)
    assert caught.value.verdict.kind is kind
