"""Reading entries: basic slices, integer arrays with repeated and negative entries, take and take_along_axis."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradproof.oracles.catalogue.row import Op, Shape, Sketch, Slot
from gradproof.oracles.catalogue.shapes import array_shape, one_axis
from gradproof.oracles.catalogue.source import Source
from gradproof.oracles.graph import Array, Param

SLICES = (
    slice(None), slice(1, None), slice(None, None, -1), slice(None, -1), slice(None, None, 2), slice(-2, None),
    slice(0, 0), slice(2, 0, -1),
)  # fmt: skip


def as_key(key: Param) -> Any:
    """A graph's key as NumPy takes it: a nested tuple of ints is an integer array, one of booleans a mask."""
    items = key if isinstance(key, tuple) else (key,)
    return tuple(np.array(item, dtype=bool if is_mask(item) else np.int64) if isinstance(item, tuple) else item for item in items)


def is_mask(item: Param) -> bool:
    """Whether a part of a key is a tuple of booleans."""
    return isinstance(item, tuple) and bool(item) and isinstance(item[0], bool)


def _ints(source: Source, n: int, count: int) -> tuple[int, ...]:
    """Indices of either sign into an axis of length n; repeats are likely."""
    return tuple(source.below(2 * n) - n for _ in range(count))


def _key(source: Source, shape: Shape) -> tuple[Param, ...]:
    key: list[Param] = []
    count = source.pick((2, 3, 1, 0))
    nested = source.flag(4)
    for n in shape[: 1 + source.below(len(shape))]:
        kind = source.below(6)
        if kind <= 2:
            key.append(source.pick(SLICES))
        elif not n:
            key.append(slice(None))
        elif kind == 3:
            key.append(source.below(2 * n) - n)
        else:
            entries = _ints(source, n, count)
            key.append(tuple((e,) for e in entries) if nested and len(entries) > 1 else entries)
    whole = len(key) == len(shape)
    if source.flag(4):
        key.insert(source.below(len(key) + 1), None)
    if source.flag(5):
        key.insert(0 if whole and source.flag() else len(key), Ellipsis)
    return tuple(key)


def _getitem_sketch(source: Source, shape: Shape) -> Sketch | None:
    if not shape:
        return Sketch((Slot(shape),), {"key": source.pick(((Ellipsis,), (None,)))})
    kind = source.below(10)
    if kind == 8 and shape[0]:  # a mask over the first axis
        bits = source.byte()
        return Sketch((Slot(shape),), {"key": (tuple(bool(bits >> i % 8 & 1) for i in range(shape[0])),)})
    if kind >= 7 and kind != 8 and len(shape) == 3 and 0 not in shape:  # index arrays with a slice between: their axis comes first
        count = source.pick((shape[1], 2, 3, 1))  # as many as the slice has, once in four: axes that are exchanged fit
        ends = [_ints(source, n, count) for n in (shape[0], shape[2])]
        return Sketch((Slot(shape),), {"key": (ends[0], source.pick(SLICES), ends[1])})
    return Sketch((Slot(shape),), {"key": _key(source, shape)})


def indices(source: Source, n: int, shape: Shape) -> Array:
    """An int64 array of valid indices of either sign."""
    if not n:
        return np.zeros((*shape[:-1], 0), dtype=np.int64)
    return np.array(_ints(source, n, int(np.prod(shape))), dtype=np.int64).reshape(shape)


def _take_sketch(source: Source, shape: Shape) -> Sketch | None:
    if not shape:
        return None
    axis = one_axis(source, len(shape))
    chosen = indices(source, shape[axis], (source.pick((3, 2, 1, 4, 0)),))
    return Sketch((Slot(shape), chosen), {"axis": axis})


def _along_sketch(source: Source, shape: Shape) -> Sketch | None:
    if not shape:
        return None
    axis = one_axis(source, len(shape))
    target = list(shape)
    target[axis] = source.pick((2, 1, 3)) if shape[axis] else 0
    n = shape[axis]
    chosen = np.array(_ints(source, n, int(np.prod(target))) if n else (), dtype=np.int64).reshape(target)
    return Sketch((Slot(shape), chosen), {"axis": axis})


ROWS = (
    Op("getitem", lambda xp, x, key: x[as_key(key)], _getitem_sketch, array_shape, family="indexing"),
    Op("take", lambda xp, x, i, axis: xp.take(x, i, axis=axis), _take_sketch, array_shape, family="indexing"),
    Op(
        "take_along_axis",
        lambda xp, x, i, axis: xp.take_along_axis(x, i, axis=axis),
        _along_sketch,
        array_shape,
        family="indexing",
    ),
)
