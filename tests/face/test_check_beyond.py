"""What first gradients of all results do not show is looked at too; right functions of these kinds pass."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from gradproof import GradientError, InconclusiveError, check_gradient
from gradproof.oracles.verdict import Kind

torch = pytest.importorskip("torch", reason="PyTorch is not installed")
X = torch.tensor(np.random.default_rng(0).standard_normal((2, 3)))


def function(forward: Any, backward: Any, **more: Any) -> Any:
    """The apply of an ``autograd.Function`` that keeps its inputs, and hands None on where a result is not used."""

    def run(ctx: Any, *xs: Any) -> Any:
        ctx.save_for_backward(*xs)
        ctx.set_materialize_grads(False)
        return forward(*xs)

    members = {"forward": staticmethod(run), "backward": staticmethod(lambda ctx, *cts: backward(*cts, *ctx.saved_tensors)), **more}
    return type("Own", (torch.autograd.Function,), members).apply


def both(c1: Any, c2: Any, x: Any) -> Any:
    return (0 if c1 is None else c1 * torch.cos(x)) + (0 if c2 is None else -c2 * torch.sin(x))


def test_a_result_used_alone_may_not_break_the_backward_pass() -> None:
    results = lambda x: (torch.sin(x), torch.cos(x))
    assert check_gradient(function(results, both), X, order=2, save=None).kind is Kind.AGREE
    for backward in (lambda c1, c2, x: c1 * torch.cos(x) - c2 * torch.sin(x), lambda c1, c2, x: c1 * torch.cos(x) if c2 is None else both(c1, c2, x) * (1 if c1 is not None else 2)):
        with pytest.raises(GradientError, match="CONTRACT"):
            check_gradient(function(results, backward), X, save=None)


def test_a_cotangent_that_is_detached_is_caught_at_the_second_order() -> None:
    cube = function(lambda x: x**3, lambda ct, x: 3 * x**2 * ct.detach())
    assert check_gradient(cube, X, save=None).kind is Kind.AGREE
    with pytest.raises(GradientError, match=r"WRONG(.|\n)*derivative by the cotangent is wrong"):
        check_gradient(cube, X, order=2, save=None)
    assert check_gradient(function(lambda x: x**3, lambda ct, x: 3 * x**2 * ct), X, order=2, save=None).kind is Kind.AGREE


def test_operands_of_two_dtypes_may_not_crash_backward() -> None:
    def strict(ct: Any, x: Any, y: Any) -> Any:
        if x.dtype != y.dtype:
            raise RuntimeError("Found dtype Double but expected Float")
        return ct * y, ct * x

    product = lambda x, y: x * y
    with pytest.raises(GradientError, match=r"CRASHED(.|\n)*expected Float"):
        check_gradient(function(product, strict), X.float(), X, save=None)
    assert check_gradient(product, X.float(), X, save=None).kind is Kind.AGREE


@pytest.mark.parametrize("error", [NotImplementedError, TypeError])
def test_a_jvp_that_refuses_is_left_alone_and_one_that_crashes_is_told(error: type[Exception]) -> None:
    def raising(ctx: Any, t: Any) -> Any:
        raise error("forward mode")

    one = function(torch.sin, lambda ct, x: ct * torch.cos(x), jvp=staticmethod(raising))
    if error is NotImplementedError:
        assert check_gradient(one, X, save=None).kind is Kind.AGREE
    else:
        with pytest.raises(GradientError, match="CRASHED"):
            check_gradient(one, X, save=None)


@pytest.mark.parametrize("slope", [0.0, 2.0])
def test_a_pullback_that_is_off_at_one_point_of_a_smooth_function_is_wrong_and_at_a_kink_undecided(slope: float) -> None:
    x = np.array([0.0, 0.5, -2.0])
    with pytest.raises(GradientError, match="wrong at this very point, around which f is smooth"):
        check_gradient(np.sin, x, vjp=lambda x, ct: ct * np.where(x == 0, slope, np.cos(x)), save=None)
    with pytest.raises(InconclusiveError):
        check_gradient(np.abs, x, vjp=lambda x, ct: ct * np.where(x == 0, slope + 1.5, np.sign(x)), save=None)


def test_a_point_without_a_derivative_where_the_slopes_along_the_axes_agree_convicts_nobody() -> None:
    def f(x: Any) -> Any:
        return np.abs(x[0] + x[1]) - np.abs(x[0] - x[1])  # slopes 0 along both axes at 0, and 2 and -2 in the quadrants

    def vjp(x: Any, ct: Any) -> Any:
        up, down = np.where(x[0] + x[1] >= 0, 1.0, -1.0), np.where(x[0] - x[1] >= 0, 1.0, -1.0)
        return ct * np.array([up - down, up + down])

    with pytest.raises(InconclusiveError):
        check_gradient(f, np.zeros(2), vjp=vjp, save=None)
