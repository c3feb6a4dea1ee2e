"""With ``meaning=`` the user's own NumPy formula is run on the judge's scalars, and the bound is certified."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.special

import gradproof.engine as ge
from gradproof import GradientError, InconclusiveError, check_gradient, frameworks
from gradproof.oracles.callables.recorded import FormulaError
from gradproof.oracles.verdict import Kind

RNG = np.random.default_rng(0)
X, A, B = RNG.standard_normal(6), RNG.standard_normal((3, 2)), RNG.standard_normal(3)
SQUARE = RNG.standard_normal((3, 3)) + 3 * np.eye(3)


def softmax(x: Any) -> Any:
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def layer_norm(x: Any) -> Any:
    return (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 2**-10)


def in_place(x: Any) -> Any:
    y = np.zeros_like(x) + x
    y += np.sin(x)
    return y


FORMULAS: dict[str, tuple[Callable[..., Any], Callable[..., Any], tuple[Any, ...]]] = {
    "methods and operators": (lambda x: ge.sum(ge.exp(x) * x), lambda x: (np.exp(x) * x).sum(), (X,)),
    "powers": (lambda x: ge.pow(x * x + 1.0, 1.5), lambda x: (x**2 + 1) ** 1.5, (X,)),
    "matmul": (lambda a, b: ge.matmul(b, a), lambda a, b: b @ a, (A, B)),
    "einsum": (lambda a: ge.sum(a * a, axis=1), lambda a: np.einsum("ij,ij->i", a, a), (A,)),
    "concatenate and reshape": (
        lambda a: ge.reshape(ge.concat([a, a], axis=0), (12,)),
        lambda a: np.concatenate([a, a]).ravel(),
        (A,),
    ),
    "indices": (lambda x: x[0] * ge.exp(x[1]) + x[2] / x[-1], lambda x: x[0] * np.exp(x[1]) + x[2] / x[-1], (X,)),
    "a loop": (lambda x: ge.sum(x) / 6.0, lambda x: sum(v for v in x) / len(x), (X,)),
    "softmax": (lambda a: ge.nn.softmax(a, axis=-1), softmax, (A,)),
    "layer norm": (
        lambda a: ge.nn.layer_norm(a, np.ones(2), np.zeros(2), eps=2**-10),
        layer_norm,
        (A,),
    ),
    "logsumexp, written out": (lambda x: ge.logsumexp(x), lambda x: np.log(np.sum(np.exp(x))), (X,)),
    "logaddexp": (ge.logaddexp, np.logaddexp, (X, X[::-1].copy())),
    "solve": (ge.linalg.solve, np.linalg.solve, (SQUARE, B)),
    "norm": (lambda x: ge.linalg.vector_norm(x), np.linalg.norm, (X,)),
    "SciPy's expit": (lambda x: ge.nn.sigmoid(x), scipy.special.expit, (X,)),
    "clip": (lambda x: ge.clip(x, -0.5, 0.5), lambda x: np.clip(x, -0.5, 0.5), (X,)),
    "variance": (lambda x: ge.var(x), np.var, (X,)),
    "in place": (lambda x: x + ge.sin(x), in_place, (X,)),
    "sorting": (lambda x: x, lambda x: np.sort(x)[np.argsort(np.argsort(x))], (X,)),
    "a choice off its border": (lambda x: ge.nn.relu(x), lambda x: np.where(x > 0, x, 0), (X,)),
    "a mask off its border": (lambda x: ge.nn.relu(x), lambda x: x * (x > 0), (X,)),
}


@pytest.mark.parametrize("name", FORMULAS)
def test_a_numpy_formula_certifies_the_gradient(name: str) -> None:
    f, meaning, inputs = FORMULAS[name]
    verdict = check_gradient(f, *inputs, meaning=meaning, save=None)
    assert verdict.kind is Kind.AGREE
    assert verdict.units <= 4.0
    assert verdict.evidence == "certified balls, from the NumPy formula given"


@pytest.mark.parametrize(
    "meaning",
    [lambda x: np.maximum(x, 0), lambda x: np.where(x > 0, x, 0), lambda x: np.where(x < 0, 0, x), lambda x: x * (x > 0)],
)
def test_a_kink_of_the_formula_accepts_the_slopes_of_both_sides(meaning: Callable[..., Any]) -> None:
    x = np.array([0.0, 1.0, -1.0])
    assert check_gradient(ge.nn.relu, x, meaning=meaning).kind is Kind.SUBGRADIENT


def test_a_wrong_gradient_is_caught_to_the_last_digits_by_the_formula_or_the_trace(monkeypatch: pytest.MonkeyPatch) -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")

    class Off(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            ctx.save_for_backward(x)
            return torch.sin(x)

        @staticmethod
        def backward(ctx: Any, ct: Any) -> Any:
            return ct * torch.cos(ctx.saved_tensors[0]) * (1 + 1e-13)

    with pytest.raises(GradientError, match="from the program that was traced"):
        check_gradient(Off.apply, X, engine="torch", save=None)
    monkeypatch.setattr(frameworks.Torch, "traces", False)
    assert check_gradient(Off.apply, X, engine="torch").kind is Kind.AGREE  # by differences
    with pytest.raises(GradientError, match="certified balls"):
        check_gradient(Off.apply, X, engine="torch", meaning=np.sin, save=None)


def test_a_comparison_within_rounding_is_never_wrong() -> None:
    def jumpy(x: Any) -> Any:
        return 2 * x if bool((x * 3 - 0.3 > 0).any()) else x

    with pytest.raises(InconclusiveError, match="could go either way"):
        check_gradient(lambda x: x * 1.5, np.array([0.1]), meaning=jumpy, save=None)


def test_a_module_gives_its_parameters_to_the_formula() -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    verdict = check_gradient(torch.nn.Linear(3, 2), torch.ones(4, 3), meaning=lambda x, p: x @ p["weight"].T + p["bias"])
    assert verdict.kind is Kind.AGREE


def test_another_function_than_the_formula_is_a_difference_of_meaning() -> None:
    with pytest.raises(GradientError, match="SPEC"):
        check_gradient(ge.sin, X, meaning=np.cos, save=None)


@pytest.mark.parametrize(
    ("meaning", "message"),
    [
        (np.fft.fft, r"numpy.fft.fft cannot be followed .* write it with functions that can: absolute"),
        (np.floor, "np.floor cannot be followed"),
        (lambda x: x[x[0]], "an index is a number that is differentiated"),
        (lambda x: float(x[0]) * x, "loses its derivative"),
        (lambda x: x.astype(int), "loses the derivative"),
        (lambda x: np.ones(2), "outputs of shapes"),
    ],
)
def test_what_a_formula_may_not_do_is_said_in_one_error(meaning: Callable[..., Any], message: str) -> None:
    with pytest.raises(FormulaError, match=message):
        check_gradient(ge.sin, X, meaning=meaning)


HIGHER: dict[str, tuple[Callable[..., Any], Callable[..., Any], tuple[Any, ...]]] = {
    "sin(x) x": (lambda x: ge.sin(x) * x, lambda x: np.sin(x) * x, (X,)),
    "a number": (lambda x: ge.exp(x) * x, lambda x: np.exp(x) * x, (0.5,)),
    "matmul": (lambda a, b: ge.exp(ge.matmul(b, a)), lambda a, b: np.exp(b @ a), (A, B)),
    "softmax": (lambda a: ge.nn.softmax(a, axis=-1), softmax, (A,)),
    "norm": (lambda x: ge.linalg.vector_norm(x), np.linalg.norm, (X,)),
    "a choice off its border": (lambda x: ge.nn.relu(x) * x, lambda x: np.where(x > 0, x, 0) * x, (X,)),
}


@pytest.mark.parametrize("order", [2, 3])
@pytest.mark.parametrize("name", HIGHER)
def test_a_numpy_formula_certifies_higher_orders(name: str, order: int) -> None:
    f, meaning, inputs = HIGHER[name]
    verdict = check_gradient(f, *inputs, meaning=meaning, order=order, save=None)
    assert verdict.kind is Kind.AGREE
    assert verdict.units <= 4.0
    assert f"order {order}: certified balls, from the NumPy formula given" in verdict.evidence


def test_a_second_order_fault_of_the_last_digits_is_caught_by_the_formula_or_the_trace(monkeypatch: pytest.MonkeyPatch) -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")

    class Slope(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            ctx.save_for_backward(x)
            return torch.cos(x)

        @staticmethod
        def backward(ctx: Any, ct: Any) -> Any:
            return -ct * torch.sin(ctx.saved_tensors[0]) * (1 + 1e-13)

    class Off(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            ctx.save_for_backward(x)
            return torch.sin(x)

        @staticmethod
        def backward(ctx: Any, ct: Any) -> Any:
            return ct * Slope.apply(ctx.saved_tensors[0])

    with pytest.raises(GradientError, match="from the program that was traced"):
        check_gradient(Off.apply, X, engine="torch", order=2, save=None)
    monkeypatch.setattr(frameworks.Torch, "traces", False)
    assert check_gradient(Off.apply, X, engine="torch", order=2).kind is Kind.AGREE  # by differences
    assert check_gradient(Off.apply, X, engine="torch", meaning=np.sin).kind is Kind.AGREE
    with pytest.raises(GradientError, match=r"WRONG: second-order gradient(.|\n)*certified balls"):
        check_gradient(Off.apply, X, engine="torch", meaning=np.sin, order=2, save=None)


@pytest.mark.parametrize("framework", ["torch", "jax"])
def test_a_framework_is_certified_at_order_two(framework: str) -> None:
    module = pytest.importorskip(framework, reason=f"{framework} is not installed")
    namespace = module if framework == "torch" else module.numpy
    verdict = check_gradient(lambda x: (namespace.tanh(x) * x).sum(), X, engine=framework, meaning=lambda x: (np.tanh(x) * x).sum(), order=2)
    assert verdict.kind is Kind.AGREE
    assert "order 2: certified" in verdict.evidence
