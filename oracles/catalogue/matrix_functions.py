"""Functions of matrices and solutions with them: elimination, substitution, the exponential, and products of entries."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.linalg

from gradproof.oracles.catalogue import elimination
from gradproof.oracles.catalogue.decompositions import backward, columnwise, each, full_shape, pooled, square_shape
from gradproof.oracles.catalogue.elimination import PRODUCTS
from gradproof.oracles.catalogue.row import Op, Shape, Sketch, Slot
from gradproof.oracles.catalogue.source import Source
from gradproof.oracles.domain import EXPONENT
from gradproof.oracles.graph import Array


def slogdet(xp: Any, x: Any, result: str) -> Any:
    if result != "logabsdet":
        raise ValueError(f"result={result!r}, expected 'logabsdet': the sign is a constant")
    x = np.asarray(x)
    if x.dtype != object:
        return np.linalg.slogdet(x)[1]

    def of_one(a: Any) -> Any:
        total: Any = 0.0
        for pivot in elimination.pivots(xp.pooled(a, PRODUCTS * len(a), elimination.backward_lu).tolist()):
            total = (pivot if float(pivot) > 0 else -pivot).apply("log") + total
        return total

    return each(x, of_one)


def pinv(xp: Any, x: Any) -> Any:
    """Of full rank: from the least squares problem of x or of its transpose."""
    x = np.asarray(x)
    if x.dtype != object:
        return np.linalg.pinv(x, rcond=0.0)
    m, n = x.shape[-2:]
    if m < n:
        return np.swapaxes(pinv(xp, np.swapaxes(x, -1, -2)), -1, -2)
    return each(x, lambda a: _least_squares(pooled(xp, a), np.eye(m, dtype=int).tolist()))


def lstsq(xp: Any, x: Any, y: Any) -> Any:
    x, y = np.asarray(x), np.asarray(y)
    if x.dtype != object and y.dtype != object:
        return np.linalg.pinv(x, rcond=0.0) @ y
    batch = np.broadcast_shapes(x.shape[:-2], y.shape[:-2])
    out = np.empty((*batch, x.shape[-1], y.shape[-1]), dtype=object)
    x, y = np.broadcast_to(x, (*batch, *x.shape[-2:])), np.broadcast_to(y, (*batch, *y.shape[-2:]))
    for i in np.ndindex(*batch):
        out[i] = np.array(_least_squares(pooled(xp, x[i]), pooled(xp, y[i], columnwise).tolist()), dtype=object)
    return out


def _least_squares(a: Any, right: list[list[Any]]) -> list[list[Any]]:
    """The z with least |a z - right|, by elimination of r + a z = right, a' r = 0."""
    m, n = a.shape
    one = a.flat[0].lift(1.0)
    zero = one.lift(0.0)
    rows = [[one if i == j else zero for j in range(m)] + a[i].tolist() for i in range(m)]
    rows += [[*a[:, j].tolist(), *([zero] * n)] for j in range(n)]
    found = elimination.eliminated(rows, [*right, *([[zero] * len(right[0])] * n)])
    return found[m:]


def triangular_solve(xp: Any, x: Any, y: Any, lower: bool) -> Any:
    """Of one triangle of x: the other is never read."""
    x, y = np.asarray(x), np.asarray(y)
    batch = np.broadcast_shapes(x.shape[:-2], y.shape[:-2])
    plain = x.dtype != object and y.dtype != object
    out = np.empty((*batch, *y.shape[-2:]), dtype=x.dtype if plain else object)
    x, y = np.broadcast_to(x, (*batch, *x.shape[-2:])), np.broadcast_to(y, out.shape)
    n = x.shape[-1]
    for i in np.ndindex(*batch):
        if plain:
            out[i] = scipy.linalg.solve_triangular(x[i], y[i], lower=lower)
            continue
        a = xp.pooled(x[i], PRODUCTS * n, lambda v: n * np.abs(v))
        out[i] = _substituted(a, xp.pooled(y[i], PRODUCTS * n), lower)
    return out


def _substituted(a: Any, right: Any, lower: bool) -> Any:
    """Row by row (Higham, theorem 8.5: exact for a + E with |E| <= n u |a|)."""
    n = len(a)
    out = np.array(right, dtype=object)
    for i in range(n) if lower else reversed(range(n)):
        for j in range(i) if lower else range(i + 1, n):
            out[i] = out[i] - a[i, j] * out[j]
        out[i] = out[i] / a[i, i]
    return out


def cholesky_solve(xp: Any, x: Any, y: Any) -> Any:
    """The z with L L' z = y, for the lower triangle L of x."""
    half = triangular_solve(xp, x, y, lower=True)
    return triangular_solve(xp, np.swapaxes(np.asarray(x), -1, -2), half, lower=False)


# ---- the matrix exponential

UNSCALED = 5.4  # the norm up to which the approximant of degree 13 is used as it is (Higham 2005)
TERMS, NORM = 24, 0.25  # of the power series, at matrices of at most this norm: what is left out is below 2**-130


def expm(xp: Any, x: Any) -> Any:
    x = np.asarray(x)
    if x.dtype != object:
        return scipy.linalg.expm(x)
    return each(x, lambda a: _scaled_and_squared(pooled(xp, a, _backward)))


def _backward(x: Array) -> Array:
    """E / u of Pade approximants: each solves with about exp(-A / 2), of condition exp(|A|), where A is not scaled down."""
    size = np.abs(x).sum(axis=0).max()
    found: Array = backward(x) * np.exp(min(size, UNSCALED))
    return found


def _scaled_and_squared(a: Any) -> Any:
    size = float(np.max(np.sum(np.abs(a.astype(float)), axis=0)))
    squarings = max(0, int(np.ceil(np.log2(size / NORM)))) if NORM < size < np.inf else 0
    small = a * 2.0**-squarings
    identity = np.eye(len(a), dtype=int).astype(object)
    total = identity
    for k in range(TERMS, 0, -1):
        total = identity + (np.matmul(small, total) if k < TERMS else small) / k
    for _ in range(squarings):
        total = np.matmul(total, total)
    return total


# ---- products


def kron(xp: Any, x: Any, y: Any) -> Any:
    (m, n), (p, q) = np.shape(x), np.shape(y)
    return xp.reshape(np.asarray(x)[:, None, :, None] * np.asarray(y)[None, :, None, :], (m * p, n * q))


def cross(xp: Any, x: Any, y: Any, axis: int) -> Any:
    x, y = np.broadcast_arrays(x, y)
    (a, b, c), (d, e, f) = np.moveaxis(x, axis, 0), np.moveaxis(y, axis, 0)
    return xp.stack((b * f - c * e, c * d - a * f, a * e - b * d), axis)


def matrix_power(xp: Any, x: Any, n: int) -> Any:
    x = np.asarray(x)
    if n < 0:
        return matrix_power(xp, elimination.inv(xp, x), -n)
    out = x
    for _ in range(n - 1):
        out = np.matmul(out, x)
    return out if n else np.broadcast_to(np.eye(x.shape[-1]), x.shape).astype(x.dtype)


# ---- how to sample them


def _square(shape: Shape) -> bool:
    return len(shape) >= 2 and shape[-1] == shape[-2] and 0 not in shape


def _slogdet_sketch(source: Source, shape: Shape) -> Sketch | None:
    return Sketch((Slot(shape, matrix="general"),), {"result": "logabsdet"}) if _square(shape) else None


def _pinv_sketch(source: Source, shape: Shape) -> Sketch | None:
    return Sketch((Slot(shape, matrix="full"),)) if len(shape) >= 2 and 0 not in shape else None


def _lstsq_sketch(source: Source, shape: Shape) -> Sketch | None:
    if len(shape) != 2 or 0 in shape or shape[0] < shape[1]:
        return None
    return Sketch((Slot(shape, matrix="sound"), Slot((shape[0], source.pick((2, 1, 3))))))


def _triangular_sketch(source: Source, shape: Shape) -> Sketch | None:
    if not _square(shape):
        return None
    other = (*shape[:-1], source.pick((2, 1, 3)))
    return Sketch((Slot(shape, matrix="triangular"), Slot(other)), {"lower": source.flag()})


def _cholesky_solve_sketch(source: Source, shape: Shape) -> Sketch | None:
    found = _triangular_sketch(source, shape)
    return None if found is None else Sketch(found.operands)


def _expm_sketch(source: Source, shape: Shape) -> Sketch | None:
    return Sketch((Slot(shape, EXPONENT),)) if _square(shape) and shape[-1] <= 3 else None


def _kron_sketch(source: Source, shape: Shape) -> Sketch | None:
    return Sketch((Slot(shape), Slot(source.pick(((2, 2), (1, 2), (3, 1), (0, 2)))))) if len(shape) == 2 else None


def _cross_sketch(source: Source, shape: Shape) -> Sketch | None:
    places = [i for i, n in enumerate(shape) if n == 3]
    if not places:
        return None
    axis = source.pick(places)
    other = tuple(1 if i != axis and source.flag(4) else n for i, n in enumerate(shape))
    axis -= len(shape) if source.flag() else 0
    operands = (Slot(shape), Slot(other))
    return Sketch(operands[::-1] if source.flag() else operands, {"axis": axis})


def _power_sketch(source: Source, shape: Shape) -> Sketch | None:
    return Sketch((Slot(shape, matrix="general"),), {"n": source.pick((2, 3, 1, 0, -1, -2))}) if _square(shape) else None


ROWS = tuple(
    Op(name, meaning, sketch, shape, kinks, factorises=factorises, family="linalg")
    for name, meaning, sketch, shape, kinks, factorises in (
        ("linalg.slogdet", slogdet, _slogdet_sketch, square_shape, "singular x", True),
        ("linalg.pinv", pinv, _pinv_sketch, full_shape, "where the rank changes", True),
        ("linalg.lstsq", lstsq, _lstsq_sketch, full_shape, "where the rank changes", True),
        ("linalg.triangular_solve", triangular_solve, _triangular_sketch, square_shape, "singular x", True),
        ("linalg.cholesky_solve", cholesky_solve, _cholesky_solve_sketch, square_shape, "singular x", True),
        ("linalg.expm", expm, _expm_sketch, square_shape, "", True),
        ("linalg.matrix_power", matrix_power, _power_sketch, square_shape, "singular x, for a negative n", True),
        ("linalg.kron", kron, _kron_sketch, lambda s: s.pick(((2, 2), (2, 3), (3, 1), (1, 1), (0, 2))), "", False),
        ("linalg.cross", cross, _cross_sketch, lambda s: s.pick(((3,), (2, 3), (3, 2), (3, 3), (1, 3), (2, 3, 1))), "", False),
    )
)
