"""A cotangent that overflowed, or nearly vanished, on its way spoils what it reaches and nothing else.

Each case is what a campaign of random graphs came down to; the judge had called every one WRONG or NAN_UNTAKEN.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import gradproof.engine as ge

INF = np.inf


def pulled(f: Any, cotangent: Any, *primals: Any) -> list[Any]:
    out, pullback = ge.vjp(f, *primals)
    with np.errstate(all="ignore"):
        return [g.numpy() for g in pullback(np.asarray(cotangent, out.dtype))]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_exponential_of_a_matrix_pulls_back_a_cotangent_below_the_normal_numbers(dtype: type) -> None:
    least = np.finfo(dtype).smallest_subnormal
    x = np.zeros((2, 2), dtype)
    (g,) = pulled(ge.linalg.expm, [[0.0, 0.0], [0.0, 600 * least]], x)
    assert (g == [[0.0, 0.0], [0.0, 600 * least]]).all()


@pytest.mark.parametrize("reverse", [False, True])
def test_a_decay_with_nothing_before_it_has_no_gradient_whatever_overflowed(reverse: bool) -> None:
    x, decay = np.array([1.0, 2.0]), np.array([0.5, 0.25])
    first = -1 if reverse else 0
    _, g = pulled(lambda x, d: ge.linear_recurrence(x, d, reverse=reverse), [INF, INF], x, decay)
    assert g[first] == 0.0
    assert np.isposinf(g[-1 - first])


def test_below_the_diagonal_of_r_a_cotangent_is_nobodys() -> None:
    x = np.array([[2.0, 1.0, 0.5], [1.0, 3.0, -1.0], [0.0, 1.0, 1.0], [0.5, 0.0, 2.0]])
    above = np.triu(np.arange(1.0, 10.0).reshape(3, 3))
    (expected,) = pulled(lambda x: ge.linalg.qr(x).R, above, x)
    spoilt = np.where(np.tri(3, 3, -1) == 1, INF, above)
    (g,) = pulled(lambda x: ge.linalg.qr(x).R, spoilt, x)
    assert (g == expected).all()


@pytest.mark.parametrize("name", ["cumulative_max", "cumulative_min"])
def test_a_running_extreme_passes_no_overflow_on_to_entries_that_it_left_behind(name: str) -> None:
    x = np.array([0.5, 1.0, 2.0, 1.0]) * (1 if name == "cumulative_max" else -1)
    (g,) = pulled(getattr(ge, name), [1.0, 2.0, np.nan, INF], x)
    assert (g[:2] == [1.0, 2.0]).all()
    assert np.isnan(g[2])
    assert g[3] == 0.0


def test_a_decay_of_zero_forgets_an_overflow() -> None:
    x, decay = np.array([INF, 1.0, 2.0]), np.array([1.0, 0.0, 1.0])
    assert (ge.linear_recurrence(x, decay).numpy() == [INF, 1.0, 3.0]).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_power_zero_has_no_slope_where_the_reciprocal_overflows(dtype: type) -> None:
    x, y = np.array([np.finfo(dtype).smallest_subnormal]), np.zeros(1, dtype)
    assert pulled(ge.pow, [1.0], x, y)[0] == 0.0


def second(f: Any, primals: list[Any], directions: list[Any], cotangent: float) -> list[list[Any]]:
    """The derivative of <cotangent, f>'s gradient along the directions: forward over reverse, and reverse over reverse."""
    primals, directions = [np.float32(x) for x in primals], [np.float32(v) for v in directions]

    def gradient(*xs: Any) -> Any:
        return ge.vjp(f, *xs)[1](np.float32(cotangent))

    forward = ge.jvp(gradient, tuple(primals), tuple(directions))[1]
    reverse = ge.vjp(gradient, *primals)[1](tuple(directions))
    return [[float(g) for g in way] for way in (forward, reverse)]


def test_the_slope_of_a_slope_of_an_angle_overflows_only_where_the_result_does() -> None:
    # by y and x at (0, x) the gradient is (ct / x, 0), and its derivative (-ct dx / x**2, -ct dy / x**2); 1 / x**2 is 1e40
    for way in second(ge.atan2, [0.0, 1e-20], [1.0, 1.0], 1e-7):
        np.testing.assert_allclose(way, [-1e33, -1e33], rtol=1e-5)


def test_the_slope_of_a_slope_of_a_quotient_overflows_only_where_the_result_does() -> None:
    # of x / y at (0, y) the derivative of the gradient is (-ct dy / y**2, -ct dx / y**2); out / y is 1e40
    for way in second(ge.divide, [0.0, 1e-20], [1e-10, 1e-10], 1.0):
        np.testing.assert_allclose(way, [-1e30, -1e30], rtol=1e-5)


def test_the_slope_of_a_slope_of_a_relative_entropy_overflows_only_where_the_result_does() -> None:
    # of x log(x / y) the derivative of the gradient is (dx / x - dy / y, x dy / y**2 - dx / y)
    for way in second(ge.rel_entr, [1.0, 1e-20], [0.0, 1e-10], 1.0):
        np.testing.assert_allclose(way, [-1e10, 1e30], rtol=1e-5)


@pytest.mark.parametrize("name", ["over", "scale", "meet"])
def test_a_number_beside_what_is_no_number_does_not_make_it_float64(name: str) -> None:
    from gradproof.engine.kernels.elementwise import NUMPY

    nan = np.full(2, np.nan, np.float32)
    assert NUMPY[name](nan, 6).dtype == np.float32
    assert NUMPY[name](nan, 0.5).dtype == np.float32
    assert NUMPY[name](6, nan).dtype == np.float32


def test_a_traced_derivative_that_is_no_number_keeps_its_dtype() -> None:
    x, v = np.array([0.0, 1.0, 2.0], np.float32), np.array([np.nan, 1.0, 1.0], np.float32)
    along = ge.trace(lambda x, v: ge.jvp(lambda x: ge.mean(ge.sin(x)), x, v)[1])
    assert along(x, np.ones(3, np.float32)).dtype == np.float32
    assert along(x, v).dtype == np.float32
