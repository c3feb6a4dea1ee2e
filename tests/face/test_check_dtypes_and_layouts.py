"""check_gradient judges float64 and the dtype given, and arrays in other layouts than plain ones."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from gradproof import GradientError, check_gradient
from gradproof.oracles.verdict import Kind

torch = pytest.importorskip("torch", reason="PyTorch is not installed")


def square(wrong: Callable[[Any, Any], Any]) -> Callable[[Any], Any]:
    """x squared, with a slope three times too large where ``wrong`` says so of input and cotangent."""

    class Square(torch.autograd.Function):  # type: ignore[misc]
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            ctx.save_for_backward(x)
            return x * x

        @staticmethod
        def backward(ctx: Any, ct: Any) -> Any:
            (x,) = ctx.saved_tensors
            return (6 if wrong(x, ct) else 2) * x * ct

    return Square.apply  # type: ignore[no-any-return]


IN_SINGLE = square(lambda x, ct: x.dtype == torch.float32)
IN_HALF = square(lambda x, ct: x.dtype == torch.float16)


@pytest.mark.parametrize("meaning", [None, np.square])
def test_a_fault_of_the_dtype_given_alone_is_caught(meaning: Any) -> None:
    x = torch.tensor([1.5, 2.3, -0.7])
    with pytest.raises(GradientError, match=r"judged in float32, as given; in float64 nothing is wrong"):
        check_gradient(IN_SINGLE, x, meaning=meaning, save=None)
    verdict = check_gradient(torch.sin, x, meaning=None if meaning is None else np.sin)
    assert verdict.kind is Kind.AGREE
    assert "; judged in float64, given float32; in float32 itself: " in verdict.evidence


def test_of_a_half_the_formula_judges_the_dtype_given_and_differences_say_that_they_do_not() -> None:
    x = torch.tensor([1.5, 2.25, -0.75], dtype=torch.float16)
    with pytest.raises(GradientError, match="judged in float16, as given"):
        check_gradient(IN_HALF, x, meaning=np.square, save=None)
    assert check_gradient(IN_HALF, x).evidence.endswith("float16 itself was not looked at")


@pytest.mark.parametrize("meaning", [None, np.square])
@pytest.mark.parametrize(
    ("what", "wrong"),
    [
        ("inputs in another memory order", lambda x, ct: not x.is_contiguous()),
        ("a cotangent in another memory order", lambda x, ct: not ct.is_contiguous() and 0 not in ct.stride()),
        ("a cotangent of expanded ones", lambda x, ct: 0 in ct.stride()),
    ],
)
def test_a_fault_of_one_layout_alone_is_caught(what: str, wrong: Callable[[Any, Any], Any], meaning: Any) -> None:
    x = torch.tensor(np.random.default_rng(0).standard_normal((3, 4)))
    with pytest.raises(GradientError, match=rf"^CONTRACT(.|\n)*the gradient of x at \[0, 0\] is .* for {what}") as caught:
        check_gradient(lambda x: square(wrong)(x), x, meaning=meaning, save=None)
    assert caught.value.verdict.decisive.property == "layout"


def test_a_function_that_refuses_a_layout_is_not_wrong_and_the_evidence_says_so() -> None:
    x = torch.tensor(np.random.default_rng(0).standard_normal((3, 4)))
    verdict = check_gradient(lambda x: torch.sin(x.view(12)), x)
    assert verdict.kind is Kind.AGREE
    assert verdict.evidence.endswith("with inputs in another memory order f raises RuntimeError")


@pytest.mark.parametrize("seed", range(3))
def test_gradients_that_are_zero_but_for_rounding_and_parameters_of_a_module_do_not_alarm(seed: int) -> None:
    torch.manual_seed(seed)
    module = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4))
    assert check_gradient(module, torch.tensor([[1.0] * 3, [-2.0] * 3, [0.5] * 3])).kind is Kind.AGREE
