"""Eigenvalues and singular values on scalars: Jacobi's method, all planes at once, in a constant frame that is nearly right.

The frame X is that of the floats, made orthonormal to 150 digits, and held fixed. In it the recorded matrix B = X'AX is
nearly D, its diagonal; O is the rest. The skew K with DK - KD = -O turns O away:

    exp(-K) (D + O) exp(K) = D + 1/2 [O, K] + 1/3 [[O, K], K] + ...,        [M, K] = MK - KM

and a second K turns away what is left of that, which is of second order. The values and the frame X exp(K) (1 + K2) are then
right up to the fourth order in O, hence to 60 digits, and so are the derivatives by A, up to the third: no derivative
is written here, and no two terms cancel. Of a rectangular matrix U'AV, K turns the rows and another skew matrix L the columns,
and [M, K] is ML - KM. The differences of eigenvalues that K divides by are those of the problem itself.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import flint
import numpy as np

from gradproof.oracles.graph import Array

Rows = list[list[Any]]  # a matrix of scalars; None is exactly zero, and leaves no trace
BITS = 640
STEPS = 4  # from 16 digits to more than BITS hold


def signs(vectors: Array) -> Array:
    """The constant signs that fix those of vectors, in columns: the sum of each, weighted by exp(-i/3), is positive."""
    weights = np.exp(-np.arange(vectors.shape[-2]) / 3)
    return np.where(np.einsum("i,...ij->...j", weights, vectors) < 0, -1.0, 1.0)


def orthonormal(x: Array) -> Rows:
    """The nearest orthonormal columns to those of x, to far more digits than x has (Newton's iteration for the polar factor)."""
    if not np.isfinite(x).all():
        return [[flint.arb(v) for v in row] for row in x.tolist()]
    before, flint.ctx.prec = flint.ctx.prec, BITS
    try:
        found = flint.arb_mat(x.tolist())
        for _ in range(STEPS):
            step = found * (found.transpose() * found)
            found = flint.arb_mat(_each(lambda a, b: ((3 * a - b) / 2).mid(), found.tolist(), step.tolist()))
        return [[v.mid() for v in row] for row in found.tolist()]
    finally:
        flint.ctx.prec = before


def held(like: Any, frame: Rows) -> Rows:
    """Numbers as constants beside the scalar ``like``: no format rounds them, for no engine computes with them."""
    found = [[like.lift(v) for v in row] for row in frame]
    if hasattr(like, "tape"):
        for c in (c for row in found for c in row):
            like.tape.factors[c.index] = 0.0
    return found


def times(x: Rows, y: Rows) -> Rows:
    """The matrix product."""
    columns = list(zip(*y, strict=True))
    return [[_dot(row, column) for column in columns] for row in x]


def _dot(x: Any, y: Any) -> Any:
    total: Any = None
    for a, b in zip(x, y, strict=True):
        if a is not None and b is not None:
            total = a * b if total is None else total + a * b
    return total


def transposed(x: Rows) -> Rows:
    return [list(column) for column in zip(*x, strict=True)]


def _each(combine: Callable[..., Any], *matrices: Rows) -> Rows:
    return [[combine(*entries) for entries in zip(*rows, strict=True)] for rows in zip(*matrices, strict=True)]


def _plus(a: Any, b: Any) -> Any:
    return b if a is None else a if b is None else a + b


def _minus(a: Any, b: Any) -> Any:
    return a if b is None else -b if a is None else a - b


def _over(divisor: float) -> Callable[[Any], Any]:
    return lambda a: a if a is None else a / divisor


def _turned_away(o: Rows, k: Rows, turn: Rows) -> Rows:
    """What is left of O: 1/2 [O, K] + 1/3 [[O, K], K], with K on the left and ``turn`` on the right."""
    first = _each(_minus, times(o, turn), times(k, o))
    second = _each(_minus, times(first, turn), times(k, first))
    return _each(_plus, _each(_over(2), first), _each(_over(3), second))


def _rotated(frame: Rows, k: Rows, again: Rows) -> Rows:
    """frame exp(K) (1 + K2), up to the third order."""
    once = times(frame, k)
    twice = _each(_over(2), times(once, k))
    thrice = _each(_over(3), times(twice, k))
    turned = _each(_plus, _each(_plus, frame, once), _each(_plus, twice, thrice))
    return _each(_plus, turned, times(turned, again))


def _split(b: Rows) -> tuple[list[Any], Rows]:
    """The diagonal, and the matrix without it."""
    count = min(len(b), len(b[0]))
    return [b[i][i] for i in range(count)], [[None if i == j else v for j, v in enumerate(row)] for i, row in enumerate(b)]


def _numbers(a: Array) -> Array:
    """The matrix in float64, to be factorised for a start; where it overflowed nothing is certified, and any frame will do."""
    x = a.astype(float)
    return x if np.isfinite(x).all() else np.eye(*x.shape)


def eigen(a: Array) -> tuple[list[Any], Rows]:
    """Eigenvalues, rising, and eigenvectors in columns, of a symmetric matrix of scalars."""
    n = len(a)
    _, vectors = np.linalg.eigh(_numbers(a))
    frame = held(a.flat[0], orthonormal(vectors * signs(vectors)))
    half = times(a.tolist(), frame)
    b: Rows = [[None] * n for _ in range(n)]
    for i in range(n):
        for j in range(i, n):
            b[i][j] = b[j][i] = _dot([row[i] for row in frame], [row[j] for row in half])
    values, o = _split(b)
    k = _turn(values, o)
    left = _turned_away(o, k, k)
    moved, rest = _split(left)
    values = [_plus(v, m) for v, m in zip(values, moved, strict=True)]
    return values, _rotated(frame, k, _turn(values, rest))


def _turn(values: list[Any], o: Rows) -> Rows:
    """The skew K with DK - KD = -O."""
    n = len(values)
    k: Rows = [[None] * n for _ in range(n)]
    for i in range(n):
        for j in range(i + 1, n):
            if o[i][j] is not None:
                k[i][j] = o[i][j] / (values[j] - values[i])
                k[j][i] = -k[i][j]
    return k


def singular(a: Array) -> tuple[Rows, list[Any], Rows]:
    """U, the singular values, falling, and V, of a matrix of scalars of full rank; vectors in columns, thin."""
    left, _, right = np.linalg.svd(_numbers(a))
    count = min(a.shape)
    turn = signs(left[:, :count])
    left[:, :count] *= turn
    right[:count] *= turn[:, None]
    like = a.flat[0]
    u, v = held(like, orthonormal(left)), held(like, orthonormal(right.T))
    values, o = _split(times(transposed(u), times(a.tolist(), v)))
    k, turn_v = _turn_both(values, o)
    moved, rest = _split(_turned_away(o, k, turn_v))
    values = [_plus(value, m) for value, m in zip(values, moved, strict=True)]
    k2, turn_v2 = _turn_both(values, rest)
    thin = slice(0, count)
    return [row[thin] for row in _rotated(u, k, k2)], values, [row[thin] for row in _rotated(v, turn_v, turn_v2)]


def _turn_both(values: list[Any], o: Rows) -> tuple[Rows, Rows]:
    """The skew K and L with DL - KD = -O; rows and columns beyond the diagonal do not turn among themselves."""
    m, n, count = len(o), len(o[0]), len(values)
    k: Rows = [[None] * m for _ in range(m)]
    turn: Rows = [[None] * n for _ in range(n)]
    for i in range(count):
        for j in range(i + 1, count):
            low, high = values[j], values[i]
            gap = (low - high) * (low + high)
            k[i][j] = (o[i][j] * low + o[j][i] * high) / gap
            turn[i][j] = (o[i][j] * high + o[j][i] * low) / gap
            k[j][i], turn[j][i] = -k[i][j], -turn[i][j]
        for j in range(count, m):
            if o[j][i] is not None:
                k[j][i] = o[j][i] / values[i]
                k[i][j] = -k[j][i]
        for j in range(count, n):
            if o[i][j] is not None:
                turn[i][j] = -(o[i][j] / values[i])
                turn[j][i] = -turn[i][j]
    return k, turn

