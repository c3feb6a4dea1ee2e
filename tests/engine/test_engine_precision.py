"""float16 and bfloat16: stored narrow, computed in float32, rounded once; autocast and loss scaling."""

from __future__ import annotations

import numpy as np
import pytest

import gradproof.engine as ge

ml_dtypes = pytest.importorskip("ml_dtypes", reason="bfloat16 needs ml_dtypes")
F16, BF16 = np.dtype(np.float16), np.dtype(ml_dtypes.bfloat16)
NARROW = pytest.mark.parametrize("dtype", [F16, BF16], ids=["float16", "bfloat16"])


@NARROW
def test_a_sum_is_collected_in_float32_and_rounded_once(dtype) -> None:
    x = np.full(4096, 0.01, dtype)
    exactly = 4096 * float(x[0])
    assert float(ge.sum(x)) == float(np.float64(exactly).astype(dtype))


def test_numpy_alone_sums_bfloat16_in_bfloat16() -> None:
    """Why the engine does not leave it to NumPy."""
    assert float(np.full(4096, 0.01, BF16).sum()) == 4.0


@NARROW
def test_a_python_number_never_widens(dtype) -> None:
    x = np.ones(3, dtype)
    for y in (ge.multiply(x, 2.0), 2.0 * ge.variable(x), ge.clip(x, 0.5, 1.0), ge.variable(x) ** 2, ge.where(x > 0, x, 0.0)):
        assert y.dtype == dtype


@NARROW
def test_products_of_matrices_give_the_narrow_dtype_and_einsum_works(dtype) -> None:
    x = np.linspace(0, 1, 6).reshape(2, 3).astype(dtype)
    for product in (ge.matmul(x, ge.matrix_transpose(x)), ge.einsum("ij,kj->ik", x, x)):
        assert product.dtype == dtype
        wide = x.astype(np.float64) @ x.astype(np.float64).T
        np.testing.assert_array_equal(product.numpy(), wide.astype(dtype))


@NARROW
def test_gradients_have_the_dtype_of_the_variable_and_meet_in_float32(dtype) -> None:
    """2,048 uses of one value, each of cotangent 1: a narrow sum stops growing at 2,048 or 256."""

    def f(x):
        total = x
        for _ in range(2047):
            total = total + x
        return total

    (gradient,) = ge.vjp(f, np.array(0.0, dtype))[1](np.array(1.0, dtype))
    assert gradient.dtype == dtype
    assert float(gradient) == 2048


@NARROW
def test_plain_arrays_come_out(dtype) -> None:
    x = np.ones(3, dtype)
    gradient = ge.grad(lambda x: ge.sum(x * x))(x)
    assert type(gradient.numpy()) is np.ndarray
    assert type(np.asarray(gradient)) is np.ndarray
    assert x.dtype == dtype


def test_narrow_and_wide_operands_promote_as_numpys() -> None:
    half, wide = ge.variable(np.ones(2, F16)), ge.variable(np.ones(2, np.float32))
    assert (half * wide).dtype == np.float32
    assert (half * ge.variable(np.ones(2, BF16))).dtype == np.float32
    ge.sum(half * wide).backward()
    assert (half.grad.dtype, wide.grad.dtype) == (F16, np.float32)


def test_what_leaves_float16s_range_is_inf_without_a_warning() -> None:
    assert float(ge.multiply(np.array(300.0, F16), np.array(300.0, F16))) == np.inf


def test_a_norm_with_a_tiny_eps_is_computed_in_float32() -> None:
    """eps = 1e-12 is 0 in float16, where a constant row gave 0 times infinity."""
    x = np.zeros((2, 4), F16)
    gradient = ge.grad(lambda w: ge.sum(ge.nn.layer_norm(x, w, np.zeros(4, F16), eps=1e-12)))(np.ones(4, F16))
    np.testing.assert_array_equal(gradient.numpy(), 0)


# ---- autocast


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_autocast_makes_products_narrow_and_keeps_master_gradients_in_float32(dtype) -> None:
    w, x = np.ones((2, 2), np.float32), np.ones((2, 2), np.float32)
    seen = []

    def loss(w):
        h = ge.tanh(ge.matmul(x, w))
        scores = ge.nn.softmax(h)
        seen.extend([h.dtype.name, scores.dtype.name])
        return ge.sum(scores * h)

    with ge.autocast(dtype):
        gradient = ge.grad(loss)(w)
    assert seen == [dtype, "float32"]
    assert gradient.dtype == np.float32
    assert ge.matmul(x, w).dtype == np.float32  # and none beyond the block


def test_autocast_leaves_float64_and_integers_alone() -> None:
    with ge.autocast("float16"):
        assert ge.matmul(np.ones((2, 2)), np.ones((2, 2))).dtype == np.float64
        assert ge.sum(np.arange(3)).dtype.kind == "i"


def test_autocast_ends_with_its_block_after_an_error_too() -> None:
    def fails() -> None:
        with ge.autocast("float16"):
            raise KeyError

    with pytest.raises(KeyError):
        fails()
    assert ge.matmul(np.ones((1, 1), np.float32), np.ones((1, 1), np.float32)).dtype == np.float32


def test_autocast_to_another_dtype_is_refused() -> None:
    with pytest.raises(ge.DtypeError, match="expected 'float16' or 'bfloat16'"), ge.autocast("float8"):
        pass


# ---- loss scaling


def test_a_loss_scale_recovers_what_underflows() -> None:
    x, w = np.full((1, 4), 0.5, np.float32), np.full((4, 1), 0.5, np.float32)

    def loss(w):
        return ge.sum(ge.matmul(x, w)) * 2.0**-30

    with ge.autocast("float16"):
        lost = ge.grad(loss)(w)
        _, kept, finite = ge.LossScale(2.0**20).value_and_grad(loss)(w)
    assert not lost.numpy().any()
    assert finite
    np.testing.assert_array_equal(kept.numpy(), np.full((4, 1), 2.0**-31, np.float32))


def test_an_overflow_is_told_its_step_skipped_and_the_scale_halved() -> None:
    x, w = np.full((1, 4), 0.5, np.float32), np.full((4, 1), 0.5, np.float32)
    scale = ge.LossScale(2.0**18, every=2)
    with ge.autocast("float16"):
        while True:
            _, _, finite = scale.value_and_grad(lambda w: ge.sum(ge.matmul(x, w)))(w)
            if finite:
                break
            scale = scale.after(finite)
    assert (scale.value, scale.skipped) == (2.0**15, 3)  # 65504 is the largest float16
    assert scale.after(True).after(True).value == 2.0**16
    assert scale.after(True).after(False).after(True).good == 1
