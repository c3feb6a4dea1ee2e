"""Ops that take arrays apart and put them together: pieces of a split, axes moved, entries repeated, diagonals, windows."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradproof.oracles.catalogue.row import Op, Shape, Sketch, Slot
from gradproof.oracles.catalogue.shape import cubic_shape, matrix_shape
from gradproof.oracles.catalogue.shapes import any_shape, array_shape, one_axis, partner, size
from gradproof.oracles.catalogue.source import Source
from gradproof.oracles.graph import Array


def vector_shape(source: Source) -> Shape:
    return source.pick(((2,), (3,), (1,), (0,), (4,), (2, 3)))


def _unstack(source: Source, shape: Shape) -> Sketch | None:
    """One of the pieces, named by ``piece``: the others then have no cotangent."""
    if not shape or 0 in shape:
        return None
    axis = one_axis(source, len(shape))
    return Sketch((Slot(shape),), {"axis": axis, "piece": source.below(shape[axis])})


def _split(source: Source, shape: Shape) -> Sketch | None:
    if not shape:
        return None
    axis = one_axis(source, len(shape))
    n = shape[axis]
    divisors = [k for k in (1, 2, 3) if n % k == 0]
    if source.flag():
        sections = source.pick(divisors)
        return Sketch((Slot(shape),), {"sections": sections, "axis": axis, "piece": source.below(sections)})
    cuts = tuple(sorted(source.below(n + 1) for _ in range(source.pick((1, 2)))))
    return Sketch((Slot(shape),), {"sections": cuts, "axis": axis, "piece": source.below(len(cuts) + 1)})


def _moveaxis(source: Source, shape: Shape) -> Sketch | None:
    ndim = len(shape)
    if not ndim:
        return None
    if ndim > 1 and source.flag(3):
        return Sketch((Slot(shape),), {"source": (0, -1), "destination": source.pick(((-1, 0), (1, 0), (-1, 0)))})
    return Sketch((Slot(shape),), {"source": one_axis(source, ndim), "destination": one_axis(source, ndim)})


def _swapaxes(source: Source, shape: Shape) -> Sketch | None:
    ndim = len(shape)
    return Sketch((Slot(shape),), {"axis1": one_axis(source, ndim), "axis2": one_axis(source, ndim)}) if ndim else None


def _interleave(source: Source, shape: Shape) -> Sketch | None:
    """A count of its own for each entry along the axis, 0 too."""
    if not shape:
        return None
    axis = one_axis(source, len(shape))
    counts = np.array([source.pick((2, 1, 0, 3)) for _ in range(shape[axis])], dtype=np.int64)
    return Sketch((Slot(shape), counts), {"axis": axis})


def _rot90(source: Source, shape: Shape) -> Sketch | None:
    if len(shape) < 2:
        return None
    return Sketch((Slot(shape),), {"k": source.pick((1, 2, 3, -1, 0)), "axes": source.pick(((0, 1), (1, 0), (-2, -1), (-1, 0)))})


def _ravel(source: Source, shape: Shape) -> Sketch:
    return Sketch((Slot(shape),), {})


def _diag(source: Source, shape: Shape) -> Sketch | None:
    return Sketch((Slot(shape),), {"k": source.pick((0, 1, -1, 2))}) if len(shape) in (1, 2) else None


def _diag_embed(source: Source, shape: Shape) -> Sketch | None:
    return Sketch((Slot(shape),), {"offset": source.pick((0, 1, -1, 2))}) if shape else None


def _unfold(source: Source, shape: Shape) -> Sketch | None:
    """Windows that overlap, that do not, and steps that leave entries out."""
    if not shape:
        return None
    axis = one_axis(source, len(shape))
    if not shape[axis]:
        return None
    return Sketch((Slot(shape),), {"axis": axis, "size": 1 + source.below(min(shape[axis], 4)), "step": source.pick((1, 2, 3))})


def _meshgrid(source: Source, shape: Shape) -> Sketch | None:
    if len(shape) != 1:
        return None
    count = source.pick((2, 1, 3))
    lengths = (shape, *((source.pick((2, 1, 3)),) for _ in range(count - 1)))
    return Sketch(tuple(map(Slot, lengths)), {"indexing": source.pick(("ij", "xy")), "piece": source.below(count)})


def _together(source: Source, shape: Shape) -> Sketch:
    return Sketch((Slot(shape), Slot(partner(source, shape))), {"piece": source.below(2)})


def _block_diag(source: Source, shape: Shape) -> Sketch | None:
    if len(shape) != 2:
        return None
    others = [source.pick(((1, 2), (2, 2), (2, 1), (0, 1), shape)) for _ in range(source.pick((1, 2, 0)))]
    return Sketch((Slot(shape), *map(Slot, others)), {})


def _pieces(x: Any, axis: int, cuts: tuple[int, ...], piece: int) -> Any:
    axis %= np.ndim(x)
    bounds = (0, *cuts, np.shape(x)[axis])
    return x[(slice(None),) * axis + (slice(bounds[piece], max(bounds[piece : piece + 2])),)]


def _split_meaning(xp: Any, x: Any, sections: int | tuple[int, ...], axis: int, piece: int) -> Any:
    n = np.shape(x)[axis]
    cuts = sections if isinstance(sections, tuple) else tuple(n // sections * i for i in range(1, sections))
    return _pieces(x, axis, cuts, piece)


def _repeated(counts: Array) -> Array:
    return np.repeat(np.arange(len(counts)), counts)


def _turned(xp: Any, x: Any, k: int, axes: tuple[int, int]) -> Any:
    first, second = axes
    if k % 4 == 0:
        return xp.reshape(x, np.shape(x))
    if k % 4 == 2:
        return xp.flip(xp.flip(x, first), second)
    return xp.swapaxes(xp.flip(x, second), first, second) if k % 4 == 1 else xp.flip(xp.swapaxes(x, first, second), second)


def _embedded(xp: Any, x: Any, offset: int) -> Any:
    """On the offset-th diagonal of the last two axes of zeros."""
    shape = np.shape(x)
    n = shape[-1] + abs(offset)
    row = np.arange(shape[-1])
    key = (Ellipsis, row + max(-offset, 0), row + max(offset, 0))
    return xp.scatter(x, key, (*shape[:-1], n, n))


def _diag_meaning(xp: Any, x: Any, k: int) -> Any:
    return _embedded(xp, x, k) if np.ndim(x) == 1 else xp.diagonal(x, k, -2, -1)


def _unfolded(xp: Any, x: Any, axis: int, size: int, step: int) -> Any:
    axis %= np.ndim(x)
    starts = range(0, np.shape(x)[axis] - size + 1, step)
    places = np.array([[s + i for i in range(size)] for s in starts], dtype=np.int64).reshape(len(starts), size)
    return xp.moveaxis(xp.take(x, places, axis=axis), axis + 1, -1)


def _grid(xp: Any, *arrays: Any, indexing: str, piece: int) -> Any:
    lengths = [np.shape(x)[0] for x in arrays]
    place = piece
    if indexing == "xy" and len(arrays) > 1:
        lengths[:2] = lengths[1], lengths[0]
        place = (1, 0, 2)[piece]
    column = [1] * len(arrays)
    column[place] = -1
    return xp.broadcast_to(xp.reshape(arrays[piece], tuple(column)), tuple(lengths))


def _broadcast(xp: Any, *arrays: Any, piece: int) -> Any:
    return xp.broadcast_to(arrays[piece], np.broadcast_shapes(*(np.shape(x) for x in arrays)))


def _blocks(xp: Any, *arrays: Any) -> Any:
    rows, columns = (sum(np.shape(x)[i] for x in arrays) for i in (0, 1))
    out: Any = None
    top = left = 0
    for x in arrays:
        high, wide = np.shape(x)
        widths = ((top, rows - top - high), (left, columns - left - wide))
        block = xp.pad(x, widths, constant_values=0.0)
        out = block if out is None else xp.where(_inside(rows, columns, top, left, high, wide), block, out)
        top, left = top + high, left + wide
    return out


def _inside(rows: int, columns: int, top: int, left: int, high: int, wide: int) -> Array:
    mask = np.zeros((rows, columns), dtype=bool)
    mask[top : top + high, left : left + wide] = True
    return mask


def _row(name: str, meaning: Any, sketch: Any, shape: Any = array_shape, call: str = "operands") -> Op:
    return Op(name, meaning, sketch, shape, call=call, family="pieces")


ROWS = (
    _row("unstack", lambda xp, x, axis, piece: xp.take(x, piece, axis=axis), _unstack),
    _row("split", _split_meaning, _split),
    _row("moveaxis", lambda xp, x, source, destination: xp.moveaxis(x, source, destination), _moveaxis, cubic_shape),
    _row("swapaxes", lambda xp, x, axis1, axis2: xp.swapaxes(x, axis1, axis2), _swapaxes, cubic_shape),
    _row("repeat_interleave", lambda xp, x, counts, axis: xp.take(x, _repeated(counts), axis=axis), _interleave),
    _row("rot90", _turned, _rot90, matrix_shape),
    _row("ravel", lambda xp, x: xp.reshape(x, (size(np.shape(x)),)), _ravel, any_shape),
    _row("diag", _diag_meaning, _diag, lambda source: source.pick(((2,), (2, 3), (3,), (3, 3), (1,), (3, 2), (0,), (1, 4)))),
    _row("diag_embed", _embedded, _diag_embed),
    _row("unfold", _unfolded, _unfold),
    _row("meshgrid", _grid, _meshgrid, vector_shape),
    _row("broadcast_arrays", _broadcast, _together, any_shape),
    _row("block_diag", _blocks, _block_diag, matrix_shape),
)
