"""Ways that are there for speed give what the plain way gives: bit for bit, or with the error that is declared."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import special

import gradproof.engine as ge
from gradproof.engine.backend import kernels
from gradproof.engine.rows import RowSparse


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_select_of_zeros_has_the_bits_of_where_with_nan_inf_and_signed_zeros(dtype) -> None:
    x = np.random.default_rng(0).standard_normal((50, 100)).astype(dtype)
    x[0, :6] = [np.nan, np.inf, -np.inf, 0.0, -0.0, np.finfo(dtype).tiny / 4]
    for values in (x, x.T, x[::-1, ::2].repeat(2, axis=1)):
        mask = np.random.default_rng(1).random(values.shape) < 0.5
        for args in ((mask, values, 0.0), (mask, 0.0, values), (mask[:1], values, 0.0), (mask, values, -0.0)):
            found, expected = kernels["where"](*args), np.where(*args)
            assert found.dtype == expected.dtype
            assert found.tobytes() == expected.tobytes()


def test_erfc_of_a_long_float32_array_is_within_one_unit_in_the_last_place() -> None:
    x = np.concatenate([np.linspace(-6.0, 9.0, 200_001), np.geomspace(1e-30, 1.0, 1000)]).astype(np.float32)
    exact = special.erfc(x.astype(np.float64))
    assert np.max(np.abs(kernels["erfc"](x) - exact) / exact) < 2.0**-23
    ends = np.resize(np.array([np.inf, -np.inf, np.nan, 0.0, -0.0, 11.0, -11.0], np.float32), 8192)
    with np.errstate(all="ignore"):
        assert np.array_equal(kernels["erfc"](ends), special.erfc(ends), equal_nan=True)


def test_a_stack_by_one_matrix_is_the_product_of_each_and_fits_or_says_so() -> None:
    x, y = np.arange(24.0).reshape(2, 3, 4), np.arange(20.0).reshape(4, 5)
    assert np.array_equal(ge.matmul(x, y).data, np.stack([a @ y for a in x]))
    assert ge.matmul(np.zeros((2, 0, 4)), y).shape == (2, 0, 5)
    with pytest.raises(ge.ShapeError, match=r"matmul: operands of shape \(2, 3, 4\), \(3, 5\)"):
        ge.matmul(x, np.zeros((3, 5)))


def test_what_is_saved_of_arrays_of_no_axes_stays_on_the_tape_of_an_outer_transform() -> None:
    f = lambda x: ge.sin(x) * x * x
    third = ge.grad(ge.grad(ge.grad(f)))(0.7).item()
    x = 0.7  # f''' = -x² cos x - 6 x sin x + 6 cos x
    assert third == pytest.approx(-x * x * np.cos(x) - 6.0 * x * np.sin(x) + 6.0 * np.cos(x), rel=1e-13)


def test_a_traced_gather_of_a_large_table_gives_rows_as_the_eager_one_does() -> None:
    ids = np.array([7, 7, 3, -1])
    table = np.random.default_rng(0).standard_normal((40_000, 2))
    loss = lambda t: ge.sum(ge.square(ge.nn.embedding(t, ids)))
    step = ge.trace(ge.value_and_grad(loss))
    for _ in range(2):  # buffers are used again by the second call, and the first one's rows must not be
        _, found = step(table)
        assert type(found.data) is RowSparse
        assert found.data.ids.tolist() == [3, 7, 39_999]
        assert np.array_equal(found.numpy(), ge.grad(loss)(table).numpy())
    held = found.data.rows.copy()
    step(table * 2.0)
    assert np.array_equal(found.data.rows, held)


def test_a_traced_table_that_is_read_otherwise_as_well_has_a_dense_gradient() -> None:
    table, ids = np.ones((40_000, 2)), np.array([1, 1])
    loss = lambda t: ge.sum(ge.nn.embedding(t, ids)) + ge.sum(t)
    found = ge.trace(ge.grad(loss))(table)
    assert type(found.data) is np.ndarray
    assert np.array_equal(found.data, ge.grad(loss)(table).numpy())


def test_a_traced_program_on_numbers_has_the_bits_of_the_eager_one_with_every_function() -> None:
    def f(x: ge.Array, y: ge.Array) -> ge.Array:
        a = ge.sin(x) * ge.exp(y) + ge.tanh(x) / ge.cosh(y) - ge.nn.sigmoid(x) * ge.erf(y)
        return a + ge.log1p(ge.square(x)) * ge.pow(ge.abs(x), y) + ge.hypot(x, y) + ge.nn.softplus(x)

    both = ge.value_and_grad(f, argnums=(0, 1))
    traced = ge.trace(both)
    for x, y in ((0.3, -1.7), (-2.25, 0.5), (40.0, -3.0), (0.0, 0.0), (800.0, 900.0)):
        for a, b in zip(_flat(traced(np.asarray(x), np.asarray(y))), _flat(both(np.asarray(x), np.asarray(y))), strict=True):
            assert np.asarray(a.data).tobytes() == np.asarray(b.data).tobytes() or (np.isnan(a.data) and np.isnan(b.data))


def _flat(found):
    return found[0], *found[1]


def test_sigmoid_and_its_slope_keep_their_digits_in_arrays_of_any_length() -> None:
    for dtype, far in ((np.float32, 87.0), (np.float64, 709.0)):
        ends = np.array([np.nan, np.inf, -np.inf, 0.0, -0.0, far, -far], dtype)
        for x in (np.linspace(-far, far, 9001, dtype=dtype), np.linspace(-20, 20, 9001, dtype=dtype), np.resize(ends, 9001)):
            wide = x.astype(np.longdouble)
            power = np.exp(-np.abs(wide))
            exact = np.where(wide >= 0, 1, power) / (1 + power), power / (1 + power) ** 2
            for name, value in zip(("sigmoid", "sigmoid_slope"), exact, strict=True):
                for found, expected in ((kernels[name](x), value), (kernels[name](x[::300]), value[::300])):
                    np.testing.assert_allclose(found, expected, rtol=8 * np.finfo(dtype).eps, atol=2 * np.finfo(dtype).smallest_subnormal)


def test_a_few_rows_by_a_transposed_matrix_are_the_product_in_rows_one_after_another() -> None:
    x, y = np.random.default_rng(0).standard_normal((3, 150)), np.random.default_rng(1).standard_normal((160, 150))
    found = kernels["matmul"](x, y.T)
    assert found.flags.c_contiguous
    np.testing.assert_allclose(found, np.einsum("ik,jk->ij", x, y), rtol=1e-12, atol=1e-12)
    into = np.empty((3, 160))
    assert kernels["matmul"](x, y.T, into) is into
    assert np.array_equal(into, found)
    with pytest.raises(ge.ShapeError, match="matmul"):
        ge.matmul(x[:, :-1], ge.matrix_transpose(y))
