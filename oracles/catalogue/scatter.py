"""Writing and adding at places: keys, indices along an axis, masks and segments; and tables looked up by steps."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradproof.oracles.catalogue.indexing import as_key, indices
from gradproof.oracles.catalogue.row import Op, Shape, Sketch, Slot
from gradproof.oracles.catalogue.shapes import array_shape, one_axis, size, within
from gradproof.oracles.catalogue.source import Source
from gradproof.oracles.domain import REAL, Domain
from gradproof.oracles.graph import Array, Param

STEPS = (slice(None), slice(1, None), slice(None, -1), slice(None, None, 2), slice(-2, None), slice(0, 0))
GIVEN = Domain("real, given and not computed", lambda x, room: REAL.into(x, room))  # rounding may carry nothing over an edge
EDGES = ((-1.0, 0.0, 2.0), (0.0,), (-0.5, -0.5, 1.0))


def _distinct(source: Source, n: int, count: int) -> tuple[int, ...]:
    """Different places of an axis of length n, of either sign."""
    keys = sorted((source.byte(), i) for i in range(n))
    return tuple(i - n if source.flag() else i for _, i in keys[: min(n, count)])


def _key(source: Source, shape: Shape, repeated: bool) -> tuple[Param, ...]:
    """Slices, ints and at most one index array, so that no place is named twice but where an array may repeat one."""
    key: list[Param] = []
    arrays = 0
    for n in shape[: 1 + source.below(len(shape))]:
        kind = source.below(4)
        if kind == 2 and n:
            key.append(source.below(2 * n) - n)
        elif kind == 3 and n and not arrays:
            count = source.pick((2, 1, 3))
            again = repeated and source.flag()
            key.append(tuple(indices(source, n, (count,)).tolist()) if again else _distinct(source, n, count))
            arrays += 1
        else:
            key.append(source.pick(STEPS))
    if arrays:  # an int beside an index array would be one too, and its axis might come first
        key = [slice(k, k + 1 or None) if isinstance(k, int) else k for k in key]
    return tuple(key)


def _region(shape: Shape, key: tuple[Param, ...]) -> Shape:
    named: Array = np.zeros(shape, dtype=bool)[as_key(key)]
    return named.shape


def _at(repeated: bool = False) -> Any:
    """A key and values that broadcast to what it names."""

    def sketch(source: Source, shape: Shape) -> Sketch | None:
        if not shape:
            return None
        key = _key(source, shape, repeated)
        return Sketch((Slot(shape), Slot(within(source, _region(shape, key)))), {"key": key})

    return sketch


def _along(repeated: bool) -> Any:
    """Indices that differ from place to place along an axis; ``repeated`` allows one to come up again."""

    def sketch(source: Source, shape: Shape) -> Sketch | None:
        if not shape:
            return None
        axis = one_axis(source, len(shape))
        n = shape[axis]
        count = min(source.pick((2, 1, 3)), 3 if repeated else n) if n else 0
        target = [count if a == axis % len(shape) else m for a, m in enumerate(shape)]
        if repeated:
            chosen = indices(source, n, (size(tuple(target)),)).reshape(target)
        else:
            rows = [_distinct(source, n, count) for _ in range(size(tuple(target)) // count if count else 0)]
            moved = [count, *(m for a, m in enumerate(shape) if a != axis % len(shape))]
            flat = np.array(rows, dtype=np.int64).reshape(-1, count).T if rows else np.zeros((count, 0), dtype=np.int64)
            chosen = np.moveaxis(flat.reshape(moved), 0, axis)
        return Sketch((Slot(shape), np.ascontiguousarray(chosen), Slot(tuple(target))), {"axis": axis})

    return sketch


def _index(repeated: bool, values: bool = True) -> Any:
    """One vector of indices along an axis, for all places alike."""

    def sketch(source: Source, shape: Shape) -> Sketch | None:
        if not shape:
            return None
        axis = one_axis(source, len(shape))
        n, count = shape[axis], source.pick((2, 3, 1, 4, 0))
        chosen = indices(source, n, (count,)) if repeated else np.array(_distinct(source, n, count), dtype=np.int64)
        if not values:
            return Sketch((Slot(shape), chosen), {"axis": axis, "value": source.pick((0.0, -1.5))})
        target = tuple(len(chosen) if a == axis % len(shape) else m for a, m in enumerate(shape))
        return Sketch((Slot(shape), chosen, Slot(target)), {"axis": axis})

    return sketch


def _mask(source: Source, shape: Shape) -> Array:
    bits = source.integer(2)
    return np.array([bool(bits >> i % 16 & 1) for i in range(size(shape))], dtype=bool).reshape(shape)


def _fill_sketch(source: Source, shape: Shape) -> Sketch | None:
    return Sketch((Slot(shape), _mask(source, within(source, shape))), {"value": source.pick((0.0, -1.5))})


def _select_sketch(source: Source, shape: Shape) -> Sketch | None:
    return Sketch((Slot(shape), _mask(source, shape)), {}) if shape else None


def _segment_sketch(source: Source, shape: Shape) -> Sketch | None:
    """Segments of any order, some empty."""
    if not shape:
        return None
    count = source.pick((2, 3, 1))
    ids = np.array([source.below(count) for _ in range(shape[0])], dtype=np.int64)
    return Sketch((Slot(shape), ids), {"count": count})


def _lookup_sketch(source: Source, shape: Shape) -> Sketch | None:
    edges = source.pick(EDGES)
    return Sketch((Slot(shape, GIVEN), Slot((len(edges) + 1,))), {"edges": edges})


def _hit(shape: Shape, key: Any) -> Array:
    mask = np.zeros(shape, dtype=bool)
    mask[key] = True
    return mask


def _spread(xp: Any, values: Any, shape: Shape, key: Any) -> Any:
    """Zeros of ``shape`` with the values, broadcast, added at a key."""
    return xp.scatter(xp.broadcast_to(values, np.zeros(shape, dtype=bool)[key].shape), key, shape)


def _set(xp: Any, x: Any, values: Any, key: Any) -> Any:
    return xp.where(_hit(np.shape(x), key), _spread(xp, values, np.shape(x), key), x)


def _add(xp: Any, x: Any, values: Any, key: Any) -> Any:
    return x + _spread(xp, values, np.shape(x), key)


def _multiply(xp: Any, x: Any, values: Any, key: Any) -> Any:
    hit = _hit(np.shape(x), key)
    return xp.where(hit, x * _spread(xp, values, np.shape(x), key), x)


def _axis_key(i: Any, axis: int, ndim: int) -> tuple[Any, ...]:
    return (slice(None),) * (axis % ndim) + (i,)


def _places(i: Array, axis: int) -> tuple[Any, ...]:
    """The key of entries that differ from place to place along an axis."""
    grid: list[Any] = list(np.indices(i.shape, sparse=True))
    grid[axis] = i
    return tuple(grid)


def _lookup(xp: Any, x: Any, table: Any, edges: tuple[float, ...]) -> Any:
    """The table's entry for the last edge that x is above: a step function of x, with slope 0."""
    out = xp.broadcast_to(table[0], np.shape(x))
    for k, edge in enumerate(edges):
        out = xp.select(x, edge, table[k + 1], out)
    return out


def _row(name: str, meaning: Any, sketch: Any, kinks: str = "") -> Op:
    return Op(name, meaning, sketch, array_shape, kinks, family="scatter")


ROWS = (
    _row("at_set", lambda xp, x, values, key: _set(xp, x, values, as_key(key)), _at()),
    _row("at_add", lambda xp, x, values, key: _add(xp, x, values, as_key(key)), _at(repeated=True)),
    _row("at_multiply", lambda xp, x, values, key: _multiply(xp, x, values, as_key(key)), _at()),
    _row("put_along_axis", lambda xp, x, i, values, axis: _set(xp, x, values, _places(i, axis)), _along(False)),
    _row("scatter_add", lambda xp, x, i, values, axis: _add(xp, x, values, _places(i, axis)), _along(True)),
    _row("index_add", lambda xp, x, i, values, axis: _add(xp, x, values, _axis_key(i, axis, np.ndim(x))), _index(True)),
    _row("index_copy", lambda xp, x, i, values, axis: _set(xp, x, values, _axis_key(i, axis, np.ndim(x))), _index(False)),
    _row(
        "index_fill",
        lambda xp, x, i, axis, value: xp.where(_hit(np.shape(x), _axis_key(i, axis, np.ndim(x))), value, x),
        _index(True, values=False),
    ),
    _row("masked_fill", lambda xp, x, mask, value: xp.where(mask, value, x), _fill_sketch),
    _row("masked_select", lambda xp, x, mask: x[mask], _select_sketch),
    _row("segment_sum", lambda xp, x, ids, count: xp.scatter(x, (ids,), (count, *np.shape(x)[1:])), _segment_sketch),
    _row("lookup", _lookup, _lookup_sketch, "edges"),
)
