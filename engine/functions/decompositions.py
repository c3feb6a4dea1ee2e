"""Decompositions and functions of matrices. Signs that are free are fixed: ``engine/kernels/decompositions.py`` says how.

A decomposition with several results gives them all, or, with ``result``, the one of that name.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from gradproof.engine.array import Array, as_array, raw_of
from gradproof.engine.backend import constant
from gradproof.engine.errors import ShapeError
from gradproof.engine.functions import reduction
from gradproof.engine.functions.complexes import conj, real
from gradproof.engine.functions.elementwise import abs, beside, divide, multiply, subtract, where
from gradproof.engine.functions.products import inv, matmul
from gradproof.engine.functions.shape import broadcast_to, expand_dims, matrix_transpose, reshape, stack
from gradproof.engine.library import is_complex
from gradproof.engine.tape import apply


class EighResult(NamedTuple):
    """What ``eigh`` gives."""

    eigenvalues: Array
    eigenvectors: Array


class SVDResult(NamedTuple):
    """What ``svd`` gives."""

    U: Array
    S: Array
    Vh: Array


class QRResult(NamedTuple):
    """What ``qr`` gives."""

    Q: Array
    R: Array


class SlogdetResult(NamedTuple):
    """What ``slogdet`` gives."""

    sign: Array
    logabsdet: Array


def eigh(x: Any, result: str | None = None) -> Any:
    """Eigenvalues, rising, and eigenvectors in columns of a symmetric or Hermitian matrix; the gradient is so too.

    Raises: NoGradient, in the pullback, where eigenvalues repeat and the cotangent depends on which eigenvectors were chosen.
    """
    both = apply("eigh", (_matrix(x, "eigh", square=True),))
    values, vectors = both[..., 0, :], both[..., 1:, :]
    found = EighResult(real(values), vectors * _phases(vectors)) if is_complex(both.dtype) else EighResult(values, vectors)
    return found if result is None else getattr(found, result)


def _phases(vectors: Array) -> Array:
    """The phases, a row, that make the sum of each column, weighted by exp(-i/3), positive: as for the signs of real ones."""
    weights = np.exp(np.arange(vectors.shape[-2]) / -3.0)[:, None]
    total = conj(reduction.sum(multiply(beside(vectors, weights), vectors), axis=-2, keepdims=True))
    none = raw_of(abs(total)) == 0
    return where(none, 1.0, divide(total, where(none, 1.0, abs(total))))


def eigvalsh(x: Any) -> Array:
    """The eigenvalues of a symmetric matrix, rising."""
    found: Array = eigh(x, "eigenvalues")
    return found


def svd(x: Any, result: str | None = None) -> Any:
    """U, the singular values, falling, and Vh: the thin decomposition, x = U @ diag(S) @ Vh.

    Raises: NoGradient, in the pullback, where singular values repeat, or are 0, and the cotangent depends on which vectors
    were chosen.
    """
    x = _matrix(x, "svd")
    m = x.shape[-2]
    packed = apply("svd", (x,))
    u, s, v = packed[..., :m, :], packed[..., m, :], packed[..., m + 1 :, :]
    if is_complex(packed.dtype):
        phases = _phases(u)
        u, s, v = u * phases, real(s), v * conj(phases)
    found = SVDResult(u, s, matrix_transpose(v))
    return found if result is None else getattr(found, result)


def svdvals(x: Any) -> Array:
    """The singular values, falling."""
    found: Array = svd(x, "S")
    return found


def qr(x: Any, result: str | None = None) -> Any:
    """Q with orthonormal columns and an upper triangular R with a positive diagonal: the thin decomposition, x = Q @ R.

    Raises: NoGradient, in the pullback, where columns are linearly dependent.
    """
    x = _matrix(x, "qr")
    m = x.shape[-2]
    packed = apply("qr", (x,))
    found = QRResult(packed[..., :m, :], matrix_transpose(packed[..., m:, :]))
    return found if result is None else getattr(found, result)


def slogdet(x: Any, result: str | None = None) -> Any:
    """The sign of the determinant, a constant (of a complex matrix the phase, which is none), and the logarithm of its absolute value: -inf for a singular matrix.

    Raises: NoGradient, in the pullback, for a singular matrix.
    """
    x = _matrix(x, "slogdet", square=True)
    if result == "logabsdet":
        return apply("logabsdet", (x,))
    sign = apply("signdet", (x,)) if is_complex(x.dtype) else Array(constant("signdet", x.data))
    found = SlogdetResult(sign, apply("logabsdet", (x,)))
    return found if result is None else getattr(found, result)


def pinv(x: Any) -> Array:
    """The pseudo-inverse; singular values below max(rows, columns) * eps times the largest count as 0.

    The gradient is that at constant rank: where the rank changes the pseudo-inverse jumps, and has none.
    """
    return apply("pinv", (_matrix(x, "pinv"),))


def lstsq(x: Any, y: Any) -> Array:
    """The shortest z with the least ``|x @ z - y|``; y is a matrix."""
    return matmul(pinv(x), y)


def matrix_norm(x: Any, ord: float | str = "fro", keepdims: bool = False) -> Array:
    """The norm of each matrix: "fro", "nuc" (the sum of the singular values), 2 and -2 (the largest and the least of
    them), 1 and -1 (of the sums of the columns), inf and -inf (of those of the rows).
    """
    x = _matrix(x, "matrix_norm")
    if ord == "fro":
        return reduction.vector_norm(x, axis=(-2, -1), keepdims=keepdims)
    if ord in ("nuc", 2, -2):
        parts = svdvals(x)
    elif ord in (1, -1, math.inf, -math.inf):
        parts = reduction.sum(abs(x), axis=-2 if ord in (1, -1) else -1)
    else:
        raise ValueError(f"matrix_norm: ord={ord!r}, expected 'fro', 'nuc', 1, -1, 2, -2, inf or -inf.")
    fold = reduction.sum if ord == "nuc" else reduction.max if float(ord) > 0 else reduction.min
    found = fold(parts, axis=-1)
    return expand_dims(expand_dims(found, -1), -1) if keepdims else found


def triangular_solve(x: Any, y: Any, lower: bool) -> Array:
    """The z with T @ z = y, where T is the lower, or the upper, triangle of x; the rest of x is not read."""
    return apply("triangular_solve", (_matrix(x, "triangular_solve", square=True), as_array(y)), {"lower": lower})


def cholesky_solve(x: Any, y: Any) -> Array:
    """The z with L @ L.T @ z = y, where L is the lower triangle of x: what ``cholesky`` gives."""
    return triangular_solve(matrix_transpose(as_array(x)), triangular_solve(x, y, lower=True), lower=False)


def expm(x: Any) -> Array:
    """The matrix exponential."""
    return apply("expm", (_matrix(x, "expm", square=True),))


def matrix_power(x: Any, n: int) -> Array:
    """The matrix times itself, n times; of a negative n, that of the inverse."""
    x = _matrix(x, "matrix_power", square=True)
    if n < 0:
        return matrix_power(inv(x), -n)
    if n == 0:
        return broadcast_to(beside(x, np.eye(x.shape[-1])), x.shape)
    half = matrix_power(x, n // 2) if n > 1 else None
    squared = x if half is None else matmul(half, half)
    return matmul(squared, x) if half is not None and n % 2 else squared


def kron(x: Any, y: Any) -> Array:
    """Every entry of x times the whole matrix y."""
    x, y = _matrix(x, "kron"), _matrix(y, "kron")
    (m, n), (p, q) = x.shape[-2:], y.shape[-2:]
    blocks = multiply(x[..., :, None, :, None], y[..., None, :, None, :])
    return reshape(blocks, (*blocks.shape[:-4], m * p, n * q))


def cross(x: Any, y: Any, axis: int = -1) -> Array:
    """The vector product of vectors of three along an axis."""
    x, y = as_array(x), as_array(y)
    ndim = max(x.ndim, y.ndim)
    back = axis if axis < 0 else axis - ndim
    if not (-min(x.ndim, y.ndim) <= back < 0 and x.shape[back] == y.shape[back] == 3):
        raise ShapeError(f"cross: operands of shape {x.shape}, {y.shape}; expected length 3 along axis {axis} in both.")
    after = (slice(None),) * (-1 - back)
    (a, b, c), (d, e, f) = ([v[(..., i, *after)] for i in range(3)] for v in (x, y))
    parts = [subtract(multiply(*one), multiply(*other)) for one, other in (((b, f), (c, e)), ((c, d), (a, f)), ((a, e), (b, d)))]
    return stack(parts, axis=back)


def shut(gap: Any, scale: Any, reach: Any, amount: Any, *, said: str) -> Any:
    """Where a gap is closed; a constant. See the kernel."""
    return constant("shut", raw_of(gap), raw_of(scale), raw_of(reach), raw_of(amount), said=said)


def _matrix(x: Any, name: str, square: bool = False) -> Array:
    found = as_array(x)
    if found.ndim < 2 or (square and found.shape[-1] != found.shape[-2]):
        wanted = "square matrices" if square else "matrices"
        raise ShapeError(f"{name}: an operand of shape {found.shape}; expected {wanted} in the last two axes.")
    return found
