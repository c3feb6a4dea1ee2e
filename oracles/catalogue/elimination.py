"""The matrix ops whose exact formula is elimination on scalars, and how far a sound algorithm may be from it.

LU with row interchanges solves A + E exactly, with |E| <= 3n u |L||U|, and Cholesky with |E| <= (3n + 1) u |R'||R|, in
whatever order sums are taken (Higham, Accuracy and Stability, theorems 9.4 and 10.4). So the entries of a matrix that is
factorised may be off by E: the slopes of the elimination carry that on to |inv(A)| E |x| in a solution and to the like in
an inverse, a determinant, a factor and in every slope, whatever the condition. Beside that each step rounds as written.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import scipy.linalg

from gradproof.oracles.graph import Array

PRODUCTS = 3.0  # a pullback multiplies up to three matrices in a row: so many times n roundings of the largest entry


def backward_lu(x: Array) -> Array:
    """E / u of LU, entry by entry."""
    if not np.isfinite(x).all():
        return np.abs(x)
    turned, low, up = scipy.linalg.lu(x, check_finite=False)
    found: Array = 3 * len(x) * (np.real(turned) @ (np.abs(low) @ np.abs(up)))
    return found


def backward_cholesky(x: Array) -> Array:
    """E / u of Cholesky: an entry of |R'||R| is at most the root of the product of its two diagonal entries."""
    root = np.sqrt(np.abs(np.diagonal(x)))
    found: Array = (3 * len(x) + 1) * np.outer(root, root)
    return found


def _size(x: Any) -> float:
    """The magnitude by which a pivot is chosen."""
    return math.hypot(float(x.re), float(x.im)) if hasattr(x, "im") else abs(float(x))


def eliminated(m: list[list[Any]], right: list[list[Any]]) -> list[list[Any]]:
    """The solution by Gauss-Jordan with partial pivoting on scalars. Pivots are chosen by value."""
    n = len(m)
    m, right = [list(r) for r in m], [list(r) for r in right]
    for k in range(n):
        pivot = max(range(k, n), key=lambda i: _size(m[i][k]))
        if pivot != k:
            m[k], m[pivot], right[k], right[pivot] = m[pivot], m[k], right[pivot], right[k]
        for i in range(k + 1, n):
            ratio = m[i][k] / m[k][k]
            m[i] = [*m[i][: k + 1], *(a - ratio * b for a, b in zip(m[i][k + 1 :], m[k][k + 1 :], strict=True))]
            right[i] = [a - ratio * b for a, b in zip(right[i], right[k], strict=True)]
    for k in reversed(range(n)):
        for i in range(k + 1, n):
            right[k] = [a - m[k][i] * b for a, b in zip(right[k], right[i], strict=True)]
        right[k] = [a / m[k][k] for a in right[k]]
    return right


def pivots(m: list[list[Any]]) -> list[Any]:
    """The pivots of elimination with row interchanges; their product is the determinant, but for its sign."""
    m = [list(r) for r in m]
    for k in range(len(m)):
        pivot = max(range(k, len(m)), key=lambda i: _size(m[i][k]))
        m[k], m[pivot] = m[pivot], m[k]
        for i in range(k + 1, len(m)):
            ratio = m[i][k] / m[k][k]
            m[i] = [*m[i][: k + 1], *(a - ratio * b for a, b in zip(m[i][k + 1 :], m[k][k + 1 :], strict=True))]
    return [m[k][k] for k in range(len(m))]


def _determinant(m: list[list[Any]]) -> Any:
    """Elimination with complete pivoting: a single zero pivot comes last, where nothing is divided by it."""
    n = len(m)
    det: Any = m[0][0].lift(1.0) if n else 1  # so that a matrix of one entry is allowed a rounding too
    for k in range(n):
        i, j = max(((i, j) for i in range(k, n) for j in range(k, n)), key=lambda ij: _size(m[ij[0]][ij[1]]))
        m[k], m[i] = m[i], m[k]
        for row in m:
            row[k], row[j] = row[j], row[k]
        det = m[k][k] * det if (i != k) == (j != k) else -(m[k][k] * det)
        for i in range(k + 1, n):
            ratio = m[i][k] / m[k][k]
            m[i] = [*m[i][: k + 1], *(a - ratio * b for a, b in zip(m[i][k + 1 :], m[k][k + 1 :], strict=True))]
    return det


def solve(xp: Any, x: Any, y: Any) -> Any:
    x, y = np.asarray(x), np.asarray(y)
    if x.dtype != object:
        return np.linalg.solve(x, y)
    if y.ndim == 1:
        return solve(xp, x, y[:, None])[..., 0]
    batch = np.broadcast_shapes(x.shape[:-2], y.shape[:-2])
    out = np.empty((*batch, *y.shape[-2:]), dtype=object)
    x, y = np.broadcast_to(x, (*batch, *x.shape[-2:])), np.broadcast_to(y, out.shape)
    for i in np.ndindex(*batch):
        n = PRODUCTS * x.shape[-1]
        matrix, right = xp.pooled(x[i], n, backward_lu).tolist(), xp.pooled(y[i], n).tolist()
        out[i] = np.array(eliminated(matrix, right), dtype=object).reshape(out.shape[-2:])
    return out


def inv(xp: Any, x: Any) -> Any:
    x = np.asarray(x)
    return np.linalg.inv(x) if x.dtype != object else solve(xp, x, np.eye(x.shape[-1], dtype=int).astype(object))


def det(xp: Any, x: Any) -> Any:
    x = np.asarray(x)
    if x.dtype != object:
        return np.linalg.det(x)
    out = np.empty(x.shape[:-2], dtype=object)
    for i in np.ndindex(*out.shape):
        out[i] = _determinant(xp.pooled(x[i], PRODUCTS * x.shape[-1], backward_lu).tolist())
    return out


def cholesky(xp: Any, x: Any) -> Any:
    """Of the symmetric part, as every framework that spreads the gradient over both triangles reads it."""
    x = np.asarray(x)
    if x.dtype != object:
        return np.linalg.cholesky((x + np.swapaxes(x, -1, -2)) / 2)
    n = x.shape[-1]
    out = np.full(x.shape, 0, dtype=object)
    for i in np.ndindex(*x.shape[:-2]):
        a, low = xp.pooled(x[i], PRODUCTS * n, backward_cholesky), out[i]
        a = (a + a.T) / 2
        for j in range(n):
            for k in range(j + 1):
                rest = a[j, k]
                for m in range(k):
                    rest = rest - low[j, m] * low[k, m]
                low[j, k] = rest.apply("sqrt") if j == k else rest / low[k, k]
        entries = np.tril_indices(n)
        low[entries] = xp.pooled(low[entries], 0.0)  # the tangents of a factor are known as well as the worst of them
    return out
