"""What ``check_gradient`` says of a call that cannot be meant, what ``allow`` accepts, and how a verdict prints."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import gradproof.engine as ge
from gradproof import GradientError, check_gradient
from gradproof.oracles import codec
from gradproof.oracles.errors import GraphError
from gradproof.oracles.verdict import Kind

torch = pytest.importorskip("torch", reason="PyTorch is not installed")


class Sigmoid(torch.autograd.Function):  # type: ignore[misc, name-defined]
    """The true slope; but its own derivative, of order 2, is wrong by a millionth."""

    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        ctx.save_for_backward(x)
        return torch.sigmoid(x)

    @staticmethod
    def backward(ctx: Any, g: Any) -> Any:
        (x,) = ctx.saved_tensors
        s = torch.sigmoid(x)
        slope = s * (1 - s)
        return g * (slope + 1e-6 * (slope - slope.detach()))


def logistic(x: Any) -> Any:
    return 1 / (1 + np.exp(-x))


X = torch.linspace(-2, 6, 7).double()
LOSSY: dict[str, Any] = {"meaning": logistic, "save": None}


@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_an_allowed_loss_is_returned_with_its_verdict(order: int, dtype: Any) -> None:
    with pytest.raises(GradientError):
        check_gradient(torch.sigmoid, X.to(dtype), order=order, **LOSSY)
    found = check_gradient(torch.sigmoid, X.to(dtype), order=order, allow=["LOSSY"], **LOSSY)
    assert found.kind is Kind.LOSSY


def test_an_allowed_loss_hides_no_fault_of_the_next_order() -> None:
    assert check_gradient(Sigmoid.apply, X, allow=["LOSSY"], **LOSSY).kind is Kind.LOSSY
    with pytest.raises(GradientError) as caught:
        check_gradient(Sigmoid.apply, X, order=2, allow=["LOSSY"], **LOSSY)
    assert caught.value.verdict.kind is Kind.WRONG
    assert "order=2" in str(caught.value)
    assert "allow=['LOSSY']" in str(caught.value)


def test_only_what_is_allowed_is_returned() -> None:
    with pytest.raises(GradientError):
        check_gradient(torch.sigmoid, X, allow=["SPEC", "NAN_UNTAKEN"], **LOSSY)
    found = check_gradient(torch.sin, X, meaning=lambda x: np.sin(x) + 1e-9, allow=[Kind.SPEC], save=None)
    assert found.kind is Kind.SPEC


@pytest.mark.parametrize(("allow", "error"), [("LOSSY", TypeError), (3, TypeError), (["WRONG"], ValueError), ([1], ValueError)])
def test_allow_takes_a_collection_of_verdicts_that_may_be_accepted(allow: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match="expected some of LOSSY, NAN_UNTAKEN, SPEC"):
        check_gradient(torch.sin, X, allow=allow)


def test_a_verdict_prints_in_one_short_line() -> None:
    one = check_gradient(torch.sin, X, meaning=np.sin)
    assert repr(one) == "<Verdict AGREE: torch, 7 of 7 entries decided>"
    lossy = check_gradient(torch.sigmoid, X, allow=["LOSSY"], **LOSSY)
    assert repr(lossy).startswith("<Verdict LOSSY: torch, gradient: about ")
    assert len(repr(lossy)) < 120


def test_a_verdict_of_order_2_has_the_findings_of_both_orders() -> None:
    x = np.array([0.5, 2.0])
    one, two = (check_gradient(ge.sin, x, meaning=np.sin, order=n) for n in (1, 2))
    assert two.findings[: len(one.findings)] == one.findings
    assert len(two.findings) > len(one.findings)
    assert two.entries == 2 * one.entries


def test_a_class_of_autograd_is_asked_for_its_apply() -> None:
    with pytest.raises(TypeError, match=r"pass Sigmoid\.apply"):
        check_gradient(Sigmoid, X)


@pytest.mark.parametrize("given", [[1.0, 2.0], [[1.0], [2.0]]])
def test_a_list_of_numbers_for_a_function_of_arrays_is_explained(given: Any) -> None:
    with pytest.raises(TypeError) as caught:
        check_gradient(torch.sin, given, engine="torch")
    assert any("pass np.array" in note for note in caught.value.__notes__)


@pytest.mark.parametrize("given", [(X, X), [X, X]])
def test_arguments_given_as_one_tuple_are_told_to_be_given_one_by_one(given: Any) -> None:
    with pytest.raises(TypeError, match="missing 1 required") as caught:
        check_gradient(lambda x, y: x * y, given, engine="torch")
    assert any("check_gradient(f, x, y)" in note for note in caught.value.__notes__)


def test_a_function_of_numpy_without_its_pullback_is_asked_for_it() -> None:
    with pytest.raises(TypeError) as caught:
        check_gradient(lambda x: np.exp(x).sum(), np.ones(2))
    assert any("vjp=f_vjp" in note for note in caught.value.__notes__)


def test_a_slope_of_a_flat_function_is_called_that() -> None:
    class Straight(torch.autograd.Function):  # type: ignore[misc, name-defined]
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            return torch.round(x)

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            return g

    with pytest.raises(GradientError, match="a slope where the values of f show none"):
        check_gradient(Straight.apply, torch.tensor([0.2, 1.3], dtype=torch.float64), save=None)


@pytest.mark.parametrize("meaning", [torch.sin, lambda x: torch.sin(x)])
def test_a_formula_of_a_framework_is_told_to_be_one_of_numpy(meaning: Callable[..., Any]) -> None:
    with pytest.raises(TypeError) as caught:
        check_gradient(torch.sin, X, meaning=meaning)
    assert any("meaning takes NumPy functions" in note for note in caught.value.__notes__)


def test_a_file_of_check_gradient_given_to_replay_is_named_with_its_loader(tmp_path: Path) -> None:
    with pytest.raises(GradientError):
        check_gradient(torch.sigmoid, X, meaning=logistic, save=tmp_path)
    (saved,) = tmp_path.glob("*.json")
    with pytest.raises(GraphError, match=r"is a file of check_gradient.*gradproof\.failures\.load"):
        codec.load(saved)
