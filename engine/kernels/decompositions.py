"""Kernels of decompositions and of functions of matrices. Several results are packed in one array, unpacked by views.

Signs that a decomposition leaves free are fixed, so that every library gives the same: see ``_signs``, and R in ``qr`` has a
positive diagonal. Of a complex matrix a phase is free, which ``functions/decompositions.py`` fixes by recorded operations.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import scipy.linalg

from gradproof.engine.errors import NoGradient
from gradproof.engine.kernels.kernel import Bound, Raw, Table, like
from gradproof.engine.library import is_complex


def _signs(xp: Any, vectors: Raw) -> Raw:
    """The signs, a row, that make the sum of each column, weighted by exp(-i/3), positive."""
    weights = xp.exp(xp.arange(vectors.shape[-2], **like(vectors)) / -3.0)
    total = xp.sum(xp.expand_dims(weights, axis=1) * vectors, axis=-2, keepdims=True)
    return xp.where(total < 0, -xp.ones_like(total), xp.ones_like(total))


def eigh(xp: Any, x: Raw) -> Raw:
    """Of the symmetric part, packed as rows: the eigenvalues, then the matrix of eigenvectors."""
    if is_complex(x.dtype):
        values, vectors = xp.linalg.eigh((x + xp.conj(xp.matrix_transpose(x))) / 2.0)
        return xp.concat([xp.astype(xp.expand_dims(values, axis=-2), x.dtype), vectors], axis=-2)
    values, vectors = xp.linalg.eigh((x + xp.matrix_transpose(x)) / 2.0)
    return xp.concat([xp.expand_dims(values, axis=-2), vectors * _signs(xp, vectors)], axis=-2)


def svd(xp: Any, x: Raw) -> Raw:
    """Packed as rows: U, the singular values, V."""
    u, s, vh = xp.linalg.svd(x, full_matrices=False)
    if is_complex(x.dtype):
        return xp.concat([u, xp.astype(xp.expand_dims(s, axis=-2), x.dtype), xp.matrix_transpose(vh)], axis=-2)
    signs = _signs(xp, u)
    return xp.concat([u * signs, xp.expand_dims(s, axis=-2), xp.matrix_transpose(vh) * signs], axis=-2)


def qr(xp: Any, x: Raw) -> Raw:
    """Packed as rows: Q, the transpose of R."""
    q, r = xp.linalg.qr(x)
    diagonal = xp.expand_dims(xp.linalg.diagonal(r), axis=-2)
    if is_complex(x.dtype):
        size = xp.abs(diagonal)
        phase = xp.where(size == 0, xp.ones_like(diagonal), diagonal / xp.where(size == 0, 1.0, size))
        return xp.concat([q * phase, xp.matrix_transpose(r) * xp.conj(phase)], axis=-2)
    signs = xp.where(diagonal < 0, -xp.ones_like(diagonal), xp.ones_like(diagonal))
    return xp.concat([q * signs, xp.matrix_transpose(r) * signs], axis=-2)


def logabsdet(xp: Any, x: Raw) -> Raw:
    return xp.linalg.slogdet(x)[1]


def signdet(xp: Any, x: Raw) -> Raw:
    return xp.linalg.slogdet(x)[0]


def pinv(xp: Any, x: Raw) -> Raw:
    return xp.linalg.pinv(x, rtol=float(max(x.shape[-2:]) * xp.finfo(x.dtype).eps))


def expm(xp: Any, x: Raw, *, norm: float = 0.5, terms: int = 14) -> Raw:
    """The power series at x / 2**k, whose norm is at most 1/2, squared k times: no digits are lost in a denominator."""
    identity = xp.eye(x.shape[-1], **like(x))
    size = float(xp.max(xp.sum(xp.abs(x), axis=-2))) if math.prod(x.shape) else 0.0
    squarings = math.ceil(math.log2(size / norm)) if norm < size < math.inf else 0
    small = x * 2.0**-squarings
    total = identity + small / terms
    for k in range(terms - 1, 0, -1):
        total = identity + xp.matmul(small, total) / k
    for _ in range(squarings):
        total = xp.matmul(total, total)
    return total


def triangular_solve(xp: Any, x: Raw, y: Raw, *, lower: bool) -> Raw:
    """Substitution, a row at a time; one triangle of x is never read."""
    n = x.shape[-1]
    rows: list[Raw] = []  # solved so far, the topmost first
    for i in range(n) if lower else range(n - 1, -1, -1):
        rest = y[..., i : i + 1, :]
        if rows:
            known = x[..., i : i + 1, :i] if lower else x[..., i : i + 1, i + 1 :]
            rest = rest - xp.matmul(known, xp.concat(rows, axis=-2))
        solved = rest / x[..., i : i + 1, i : i + 1]
        rows = [*rows, solved] if lower else [solved, *rows]
    return xp.concat(xp.broadcast_arrays(*rows), axis=-2) if rows else y


ROUNDINGS = 64.0  # times n: how far rounding alone may move a gap, or what is left of a cotangent that cancels


def shut(xp: Any, gap: Raw, scale: Raw, reach: Raw, amount: Raw, *, said: str) -> Raw:
    """Where a gap between values up to ``scale`` is rounding, so that what divides by it must be 0.

    Raises: NoGradient, with the words ``said``, where more than the rounding of terms up to ``amount`` reaches such a gap.
    """
    level = ROUNDINGS * max(gap.shape[-1:], default=1) * float(xp.finfo(gap.dtype).eps)
    closed = xp.abs(gap) <= level * scale
    if xp.any(closed & (reach > level * amount)):
        raise NoGradient(said)
    return closed


# ---- NumPy's own


def _triangular_solve(x: Raw, y: Raw, *, lower: bool) -> Raw:
    if x.ndim == y.ndim == 2 and x.size and y.size and x.dtype == y.dtype and x.dtype in (np.float32, np.float64):
        return scipy.linalg.solve_triangular(x, y, lower=lower, check_finite=False)
    return triangular_solve(np, x, y, lower=lower)


def _pinv(x: Raw) -> Raw:
    return np.linalg.pinv(x, rcond=max(x.shape[-2:]) * np.finfo(x.dtype).eps)


KERNELS: Table = {
    "eigh": eigh, "svd": svd, "qr": qr, "logabsdet": logabsdet, "signdet": signdet, "pinv": pinv, "expm": expm, "triangular_solve": triangular_solve,
    "shut": shut,
}  # fmt: skip
NUMPY: Bound = {"triangular_solve": _triangular_solve, "pinv": _pinv}
