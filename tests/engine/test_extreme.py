"""max and min over windows go entry by entry: the same values and the same gradients as NumPy's own way."""

from __future__ import annotations

import numpy as np
import pytest

import gradproof.engine as ge
from gradproof.engine.backend import kernels
from gradproof.engine.kernels import reduction
from gradproof.engine.kernels.kernel import numpy as fast

RNG = np.random.default_rng(3)


@pytest.mark.parametrize("name", ["max", "min"])
@pytest.mark.parametrize(("shape", "axis"), [((40, 40, 2, 2), (-2, -1)), ((40, 40, 2, 2), (3, 2)), ((9, 300, 3), -1), ((9, 300, 3), 2), ((4096, 1), 1)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_window_at_a_time_and_an_entry_at_a_time_give_the_same(
    name: str, shape: tuple[int, ...], axis: int | tuple[int, ...], dtype: type
) -> None:
    x = RNG.integers(-1, 2, shape).astype(dtype)  # nearly every window has ties
    x.flat[:7] = [np.nan, np.inf, -np.inf, np.inf, np.nan, -np.inf, np.inf]
    reduce = getattr(np, name)
    for keepdims in (False, True):
        out = kernels[name](x, axis=axis, keepdims=keepdims)
        np.testing.assert_array_equal(out, reduce(x, axis=axis, keepdims=keepdims))
        assert out.dtype == dtype
    ct = RNG.standard_normal(out.shape).astype(dtype)
    with np.errstate(all="ignore"):
        plain = reduction.extreme_pullback(fast, ct, out, x, axis=axis)
        given = kernels["extreme_pullback"](ct, out, x, axis=axis)
    np.testing.assert_array_equal(given, plain)
    assert given.dtype == plain.dtype


def test_the_windows_of_a_pool_are_read_not_written() -> None:
    x = RNG.standard_normal((2, 3, 40, 40))
    before = x.copy()
    kernels["max"](np.lib.stride_tricks.sliding_window_view(x, (2, 2), axis=(2, 3)), axis=(-2, -1), keepdims=False)
    np.testing.assert_array_equal(x, before)


def test_second_order_through_a_large_pool_with_ties() -> None:
    x = RNG.integers(0, 3, (1, 4, 40, 40)).astype(float)
    slope = ge.grad(lambda x: ge.sum(ge.nn.max_pool2d(x, 2) ** 3))
    curved = ge.grad(lambda x: ge.sum(slope(x)))(x)  # each window's share is 3 out**2 in all, and 6 out its slope
    out = x.reshape(1, 4, 20, 2, 20, 2).max(axis=(3, 5))
    np.testing.assert_allclose(ge.nn.avg_pool2d(curved, 2).numpy() * 4, 6.0 * out, rtol=1e-12)
