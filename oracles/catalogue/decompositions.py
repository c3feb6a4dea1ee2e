"""Decompositions and what is made of them: an op a result, named by a static parameter, with the signs of vectors fixed.

Signs: ``frames.signs`` for eigenvectors and for the columns of U (those of V follow), a positive diagonal of R in QR. An
algorithm that is backward stable gives the result of A + E with |E| <= c n u |A| in norm, whichever it is (Higham, Accuracy
and Stability, chapters 10, 19 and 20; LAPACK Users' Guide, chapter 4): each entry of A may be off by that much.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from gradproof.oracles.catalogue import frames
from gradproof.oracles.catalogue.elimination import PRODUCTS
from gradproof.oracles.catalogue.row import Op, Shape, Sketch, Slot
from gradproof.oracles.catalogue.source import Source
from gradproof.oracles.graph import Array, Param

STABLE = 3.0  # c above, as for LU


def backward(x: Array) -> Array:
    """E / u of an orthogonal algorithm, the same for every entry."""
    size = float(np.linalg.norm(x)) if np.isfinite(x).all() else np.inf
    return np.full(x.shape, STABLE * max(x.shape, default=1) * size)


def columnwise(x: Array) -> Array:
    """E / u by column: QR works on each alone."""
    sizes: Array = np.broadcast_to(np.linalg.norm(x, axis=0), x.shape)
    return STABLE * len(x) * sizes


def pooled(xp: Any, x: Any, error: Callable[[Array], Array] = backward) -> Any:
    """A matrix that is read so: products with orthogonal factors mix its entries, and the errors of their adjoints."""
    found = xp.pooled(x, PRODUCTS * max(x.shape), error)
    first = found.flat[0]
    if hasattr(first, "tape"):
        first.tape.mixed.add(first.index)
    return found


def symmetric(x: Any) -> Any:
    return (x + np.swapaxes(x, -1, -2)) / 2


def each(x: Any, result: Callable[[Any], Any]) -> Any:
    """An array of what ``result`` gives of each matrix of a stack."""
    found = [np.array(result(x[i]), dtype=object) for i in np.ndindex(*x.shape[:-2])]
    out = np.empty((len(found), *found[0].shape), dtype=object)
    for i, entry in enumerate(found):
        out[i] = entry[()]  # a scalar, not an array of one
    return out.reshape((*x.shape[:-2], *out.shape[1:]))


# ---- symmetric eigenvalues


def eigh(xp: Any, x: Any, result: str) -> Any:
    """Of the symmetric part, as cholesky."""
    x = symmetric(np.asarray(x))
    position = ("eigenvalues", "eigenvectors").index(result)
    if x.dtype != object:
        values, vectors = np.linalg.eigh(x)
        return (values, vectors * frames.signs(vectors)[..., None, :])[position]
    return each(x, lambda a: frames.eigen(pooled(xp, a))[position])


def eigvalsh(xp: Any, x: Any) -> Any:
    return eigh(xp, x, "eigenvalues")


# ---- singular values


def svd(xp: Any, x: Any, result: str) -> Any:
    x = np.asarray(x)
    position = ("U", "S", "Vh").index(result)
    if x.dtype != object:
        u, s, vh = np.linalg.svd(x, full_matrices=False)
        turn = frames.signs(u)
        return (u * turn[..., None, :], s, vh * turn[..., None])[position]

    def of_one(a: Any) -> Any:
        u, s, v = frames.singular(pooled(xp, a))
        return (u, s, frames.transposed(v))[position]

    return each(x, of_one)


def svdvals(xp: Any, x: Any) -> Any:
    return svd(xp, x, "S")


def matrix_norm(xp: Any, x: Any, ord: float | str, keepdims: bool) -> Any:
    if ord == "fro":
        return xp.fold_hypot(x, (-2, -1), keepdims)
    if ord in ("nuc", 2, -2):
        s = svdvals(xp, x)
        found = xp.sum(s, -1) if ord == "nuc" else s[..., 0 if ord == 2 else -1]
    else:
        sums = xp.sum(xp.absolute(x), -2 if abs(float(ord)) == 1 else -1)
        found = (xp.max if float(ord) > 0 else xp.min)(sums, -1)
    return np.expand_dims(found, (-2, -1)) if keepdims else found


# ---- QR


def qr(xp: Any, x: Any, result: str) -> Any:
    x = np.asarray(x)
    position = ("Q", "R").index(result)
    if x.dtype != object:
        q, r = np.linalg.qr(x)
        turn = np.where(np.diagonal(r, axis1=-2, axis2=-1) < 0, -1.0, 1.0)
        return (q * turn[..., None, :], r * turn[..., None])[position]
    return each(x, lambda a: _gram_schmidt(pooled(xp, a, columnwise))[position])


def _gram_schmidt(a: Any) -> tuple[Any, Any]:
    """Q and R, column by column, each freed of the earlier ones in turn."""
    m, n = a.shape
    q: list[Any] = []
    r = np.full((min(m, n), n), 0, dtype=object)
    for j in range(n):
        column = a[:, j]
        for i, before in enumerate(q):
            r[i, j] = np.sum(before * column)
            column = column - before * r[i, j]
        if len(q) < m:
            r[j, j] = np.sum(column * column).apply("sqrt")
            q.append(column / r[j, j])
    return np.stack(q, axis=1), r


# ---- how to sample them


def square_shape(source: Source) -> Shape:
    return source.pick(((2, 2), (3, 3), (1, 1), (2, 2, 2), (4, 4), (2, 2), (3, 3), (2, 3, 3)))


def full_shape(source: Source) -> Shape:
    return source.pick(((3, 2), (2, 3), (2, 2), (3, 3), (1, 1), (4, 2), (2, 2, 2), (3, 1), (2, 3, 2), (1, 3)))


def _square(shape: Shape) -> bool:
    return len(shape) >= 2 and shape[-1] == shape[-2] and 0 not in shape


def _full(shape: Shape) -> bool:
    return len(shape) >= 2 and 0 not in shape


def _sketch(matrix: str, results: tuple[str, ...] = (), fits: Callable[[Shape], bool] = _square) -> Any:
    def sketch(source: Source, shape: Shape) -> Sketch | None:
        if not fits(shape):
            return None
        return Sketch((Slot(shape, matrix=matrix),), {"result": source.pick(results)} if results else {})

    return sketch


def _norm_sketch(source: Source, shape: Shape) -> Sketch | None:
    if not _full(shape):
        return None
    orders: tuple[Param, ...] = ("fro", "nuc", 2, -2, 1, -1, float("inf"), float("-inf"))
    return Sketch((Slot(shape, matrix="full"),), {"ord": source.pick(orders), "keepdims": source.flag()})


def _qr_sketch(source: Source, shape: Shape) -> Sketch | None:
    return Sketch((Slot(shape, matrix="leading"),), {"result": source.pick(("Q", "R"))}) if _full(shape) else None


ROWS = (
    Op(
        "linalg.eigh",
        eigh,
        _sketch("symmetric", ("eigenvectors", "eigenvalues")),
        square_shape,
        "repeated eigenvalues",
        factorises=True,
        family="linalg",
    ),
    Op("linalg.eigvalsh", eigvalsh, _sketch("symmetric"), square_shape, "repeated eigenvalues", factorises=True, family="linalg"),
    Op(
        "linalg.svd",
        svd,
        _sketch("full", ("U", "S", "Vh"), _full),
        full_shape,
        "repeated singular values",
        factorises=True,
        family="linalg",
    ),
    Op(
        "linalg.svdvals",
        svdvals,
        _sketch("full", fits=_full),
        full_shape,
        "repeated singular values, and 0",
        factorises=True,
        family="linalg",
    ),
    Op("linalg.matrix_norm", matrix_norm, _norm_sketch, full_shape, "ties, and 0", factorises=True, family="linalg"),
    Op("linalg.qr", qr, _qr_sketch, full_shape, "dependent columns", factorises=True, family="linalg"),
)
