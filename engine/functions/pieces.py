"""Functions that take arrays apart and put them together. All are composed of moves that have rules."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from gradproof.engine.array import Array, as_array
from gradproof.engine.errors import ShapeError
from gradproof.engine.functions import indexing, shape
from gradproof.engine.functions.indexing import indices_of
from gradproof.engine.functions.shape import diagonal, embed_diagonal


def unstack(x: Any, axis: int = 0, piece: int | None = None) -> Any:
    """The slices along an axis, as a tuple, or the one that is named."""
    x = _with_axis("unstack", x, axis)
    if piece is not None:
        return _part(x, axis, piece)
    return tuple(_part(x, axis, i) for i in range(x.shape[axis]))


def split(x: Any, sections: int | Sequence[int], axis: int = 0, piece: int | None = None) -> Any:
    """As many equal parts along an axis, or the parts between the given places: a tuple, or the one that is named.

    >>> import gradproof.engine as ge
    >>> ge.split([1.0, 2.0, 3.0], (1,))
    (Array([1.], dtype=float64), Array([2., 3.], dtype=float64))
    """
    x = _with_axis("split", x, axis)
    n = x.shape[axis]
    if isinstance(sections, int):
        if sections < 1 or n % sections:
            raise ShapeError(
                f"split: an axis of length {n} has no {sections} equal parts. Give the places to cut at, such as ({n // 2},)."
            )
        cuts = tuple(n // sections * i for i in range(1, sections))
    else:
        cuts = tuple(sections)
    bounds = (0, *cuts, n)
    keys = [slice(start, max(start, stop)) for start, stop in pairwise(bounds)]
    return tuple(_part(x, axis, key) for key in keys) if piece is None else _part(x, axis, keys[piece])


def moveaxis(x: Any, source: int | Sequence[int], destination: int | Sequence[int]) -> Array:
    """Axes moved to other places; the others keep their order."""
    x = as_array(x)
    here, there = ([a % x.ndim for a in ((axes,) if isinstance(axes, int) else axes)] for axes in (source, destination))
    if len(here) != len(there) or len(set(here)) != len(here) or len(set(there)) != len(there):
        raise ShapeError(f"moveaxis: from {source} to {destination}; expected as many different axes on both sides.")
    order = [a for a in range(x.ndim) if a not in here]
    for place, axis in sorted(zip(there, here, strict=True)):
        order.insert(place, axis)
    return shape.permute_dims(x, order)


def swapaxes(x: Any, axis1: int, axis2: int) -> Array:
    """Two axes exchanged."""
    x = as_array(x)
    order = list(range(x.ndim))
    order[axis1], order[axis2] = order[axis2], order[axis1]
    return shape.permute_dims(x, order)


def repeat_interleave(x: Any, counts: Any, axis: int = 0) -> Array:
    """Each slice along an axis repeated as often as its count says."""
    x, counts = _with_axis("repeat_interleave", x, axis), indices_of(counts)
    if counts.shape != (x.shape[axis],):
        raise ShapeError(f"repeat_interleave: counts of shape {counts.shape} for an axis of length {x.shape[axis]}; expected one each.")
    return indexing.take(x, np.repeat(np.arange(x.shape[axis]), counts), axis=axis)


def rot90(x: Any, k: int = 1, axes: tuple[int, int] = (0, 1)) -> Array:
    """A quarter turn, k times, from the first of two axes towards the second."""
    first, second = axes
    if k % 4 == 0:
        return shape.reshape(x, as_array(x).shape)
    if k % 4 == 2:
        return shape.flip(x, axis=(first, second))
    if k % 4 == 1:
        return swapaxes(shape.flip(x, axis=second), first, second)
    return shape.flip(swapaxes(x, first, second), axis=second)


def ravel(x: Any) -> Array:
    """The entries in one axis."""
    x = as_array(x)
    return shape.reshape(x, (math.prod(x.shape),))


def diag(x: Any, k: int = 0) -> Array:
    """A vector as the k-th diagonal of a matrix of zeros, or the k-th diagonal of a matrix."""
    x = as_array(x)
    if x.ndim not in (1, 2):
        raise ShapeError(f"diag: an array of shape {x.shape}; expected one or two axes. For stacks, use diag_embed or linalg.diagonal.")
    return diag_embed(x, offset=k) if x.ndim == 1 else diagonal(x, offset=k)


def diag_embed(x: Any, offset: int = 0) -> Array:
    """The last axis as the offset-th diagonal of square matrices of zeros."""
    x = _with_axis("diag_embed", x, -1)
    n = x.shape[-1] + abs(offset)
    return embed_diagonal(x, offset=offset, shape=(*x.shape[:-1], n, n))


def unfold(x: Any, axis: int, size: int, step: int = 1) -> Array:
    """Windows of a length along an axis, a step apart; what is inside a window becomes the last axis."""
    x = _with_axis("unfold", x, axis)
    axis %= x.ndim
    if not 1 <= size <= x.shape[axis] or step < 1:
        raise ShapeError(f"unfold: windows of {size}, {step} apart, along an axis of length {x.shape[axis]}; expected at least 1 each.")
    places = np.arange(0, x.shape[axis] - size + 1, step)[:, None] + np.arange(size)
    return moveaxis(indexing.take(x, places, axis=axis), axis + 1, -1)


def meshgrid(*arrays: Any, indexing: str = "xy", piece: int | None = None) -> Any:
    """Coordinates of a grid from those along each axis: an array for each operand, or the one that is named."""
    parts = [as_array(x) for x in arrays]
    if indexing not in ("xy", "ij") or any(x.ndim != 1 for x in parts):
        raise ShapeError(f"meshgrid: shapes {[x.shape for x in parts]}, indexing={indexing!r}; expected vectors, and 'xy' or 'ij'.")
    places = list(range(len(parts)))
    if indexing == "xy" and len(parts) > 1:
        places[:2] = 1, 0
    lengths = [parts[places.index(i)].shape[0] for i in range(len(parts))]

    def spread(i: int) -> Array:
        column = [lengths[j] if j == places[i] else 1 for j in range(len(parts))]
        return shape.broadcast_to(shape.reshape(parts[i], column), lengths)

    return tuple(map(spread, range(len(parts)))) if piece is None else spread(piece)


def broadcast_arrays(*arrays: Any, piece: int | None = None) -> Any:
    """Arrays broadcast to their common shape: a tuple, or the one that is named."""
    parts = [as_array(x) for x in arrays]
    lengths = np.broadcast_shapes(*(x.shape for x in parts))
    return tuple(shape.broadcast_to(x, lengths) for x in parts) if piece is None else shape.broadcast_to(parts[piece], lengths)


def block_diag(*arrays: Any) -> Array:
    """Matrices along the diagonal of a matrix of zeros."""
    parts = [as_array(x) for x in arrays]
    if not parts or any(x.ndim != 2 for x in parts):
        raise ShapeError(f"block_diag: shapes {[x.shape for x in parts]}; expected matrices. Reshape a vector to one row.")
    columns = sum(x.shape[1] for x in parts)
    left, rows = 0, []
    for x in parts:
        rows.append(shape.pad(x, ((0, 0), (left, columns - left - x.shape[1]))))
        left += x.shape[1]
    return shape.concat(rows, axis=0)


def _with_axis(name: str, x: Any, axis: int) -> Array:
    array = as_array(x)
    if not -array.ndim <= axis < array.ndim:
        raise ShapeError(f"{name}: axis {axis} of an array of {array.ndim} axes; expected an axis that it has.")
    return array


def _part(x: Array, axis: int, key: Any) -> Array:
    return indexing.getitem(x, (slice(None),) * (axis % x.ndim) + (key,))
