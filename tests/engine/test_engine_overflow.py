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
