"""Kernels of linear algebra on the last two axes; leading axes broadcast."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradproof.engine.kernels.kernel import Bound, Raw, Table, like, standard
from gradproof.engine.library import is_complex


def cholesky_pullback(xp: Any, ct: Raw, out: Raw) -> Raw:
    """The cotangent of the matrix, by undoing the factorisation column by column.

    The closed formula (``functions.products.cholesky_pullback``, for when this is itself recorded) lets entries of a
    cotangent meet and cancel that the algorithm keeps apart, and loses digits when they differ in size.
    Source: Murray, Differentiation of the Cholesky decomposition, 2016, the level-2 routine.
    """
    if is_complex(ct.dtype):
        return _complex_cholesky_pullback(xp, ct, out)
    bar = xp.tril(ct)
    for j in range(out.shape[-1] - 1, -1, -1):
        pivot, row, below = out[..., j, j], out[..., j : j + 1, :j], out[..., j + 1 :, j]
        bar[..., j, j] -= xp.sum(below * bar[..., j + 1 :, j], axis=-1) / pivot
        bar[..., j:, j] /= pivot[..., None]
        bar[..., j, :j] -= xp.matmul(bar[..., None, j:, j], out[..., j:, :j])[..., 0, :]
        bar[..., j + 1 :, :j] -= bar[..., j + 1 :, j, None] * row
        bar[..., j, j] *= 0.5
    return 0.5 * (bar + xp.matrix_transpose(bar))


def _complex_cholesky_pullback(xp: Any, ct: Raw, out: Raw) -> Raw:
    """By the closed formula, in the conjugate of the cotangent."""
    upper = xp.conj(xp.matrix_transpose(out))
    inner = xp.matmul(upper, xp.tril(xp.conj(ct)))
    real = xp.astype(xp.real(inner), inner.dtype)
    inner = xp.tril(inner, k=-1) + 0.5 * (xp.tril(real) - xp.tril(real, k=-1))
    half = xp.conj(xp.matrix_transpose(xp.linalg.solve(upper, xp.conj(xp.matrix_transpose(inner)))))
    half = xp.linalg.solve(upper, half)
    return 0.5 * xp.conj(half + xp.conj(xp.matrix_transpose(half)))


def _least(xp: Any, x: Raw) -> float:
    """The smallest normal number: of those below it, the reciprocal may be infinite."""
    return float(xp.finfo(x.dtype).smallest_normal)


def row_scale(xp: Any, x: Raw) -> Raw:
    """Powers of two, as a column, that bring the largest entry of each row of x to about 1, as far as they are finite."""
    if 0 in x.shape:
        return xp.ones((*x.shape[:-1], 1), **like(x))
    top = xp.max(xp.abs(x), axis=-1, keepdims=True)
    top = xp.where(xp.isfinite(top) & (top > 0), xp.maximum(top, xp.asarray(_least(xp, top), **like(top))), 1.0)
    return xp.pow(xp.asarray(2.0, **like(top)), -xp.ceil(xp.log2(top)))


def contract(xp: Any, *operands: Raw, terms: tuple[str, ...], result: str) -> Raw:
    """einsum by broadcasting: every operand over all letters, their product, summed over those not in the result."""
    letters = result + "".join(sorted(set("".join(terms)) - set(result)))
    product: Any = 1.0
    for x, term in zip(operands, terms, strict=True):
        order = sorted(range(len(term)), key=lambda i, term=term: letters.index(term[i]))  # type: ignore[misc]
        lengths = {letter: x.shape[i] for i, letter in enumerate(term)}
        product = product * xp.reshape(xp.permute_dims(x, tuple(order)), tuple(lengths.get(c, 1) for c in letters))
    summed = tuple(range(len(result), len(letters)))
    return xp.sum(product, axis=summed) if summed else product


# ---- NumPy's own


def _row_scale(x: Raw) -> Raw:
    """Powers of two, as a column, that bring the largest entry of each row of x to between 1/2 and 1, as far as they are finite."""
    greatest: Any = np.maximum.reduce
    size = np.abs(x)
    _, exponent = np.frexp(greatest(size, axis=-1, keepdims=True, initial=_least(np, size)))
    return np.ldexp(np.ones((), size.dtype), -exponent)


def _contract(*operands: Raw, terms: tuple[str, ...], result: str) -> Raw:
    costly = len(operands) > 1 and max(np.size(x) for x in operands) > 4096
    return np.einsum(",".join(terms) + "->" + result, *operands, optimize=costly)


FEW_ROWS, LARGE = 64, 1 << 14


def _matmul(x: Raw, y: Raw, out: Raw = None) -> Raw:
    """np.matmul, in the form that BLAS is fastest at.

    A stack of matrices by one matrix is one product, where NumPy would make one of each of the stack. A few rows by a large
    transposed matrix (a small batch's cotangent by the weights) is the transpose of the other product: up to twice as fast.
    """
    if y.ndim != 2 or not x.size:
        return np.matmul(x, y, out)
    if x.ndim > 2 and x.flags.c_contiguous and (out is None or out.flags.c_contiguous):
        flat = x.reshape(-1, x.shape[-1])
        made = _matmul(flat, y, None if out is None else out.reshape(len(flat), -1))
        return made.reshape(*x.shape[:-1], y.shape[-1]) if out is None else out
    if x.ndim == 2 and x.shape[0] <= FEW_ROWS and y.size >= LARGE and y.flags.f_contiguous and not y.flags.c_contiguous:
        turned = np.matmul(y.T, x.T).T
        if out is None:
            return np.ascontiguousarray(turned)
        out[...] = turned
        return out
    return np.matmul(x, y, out)


KERNELS: Table = standard("linalg.cholesky linalg.det linalg.inv linalg.solve matmul") | {
    "cholesky_pullback": cholesky_pullback, "contract": contract, "row_scale": row_scale,
}  # fmt: skip
NUMPY: Bound = {"contract": _contract, "matmul": _matmul, "row_scale": _row_scale}
