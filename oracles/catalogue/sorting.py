"""Order: sorting, what is read off a sorted array, and gathers in the order of keys."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradproof.oracles.catalogue.reduction import Axis, count
from gradproof.oracles.catalogue.row import Op, Shape, Sketch, Slot
from gradproof.oracles.catalogue.shapes import any_shape, array_shape, axis_or_none, one_axis
from gradproof.oracles.catalogue.source import Source


def _sort_sketch(source: Source, shape: Shape) -> Sketch | None:
    if not shape:
        return None
    return Sketch((Slot(shape),), {"axis": one_axis(source, len(shape)), "descending": source.flag()})


def _keys_sketch(source: Source, shape: Shape) -> Sketch | None:
    """Integer keys, often tied: the order of ties is that of the array."""
    if not shape:
        return None
    keys = np.array([source.below(4) for _ in range(int(np.prod(shape)))], dtype=np.int64).reshape(shape)
    return Sketch((Slot(shape), keys), {"axis": one_axis(source, len(shape))})


def _picked(source: Source, shape: Shape) -> tuple[int, int] | None:
    """An axis that is not empty, and a number from 1 to its length."""
    if not shape or 0 in shape:
        return None
    axis = one_axis(source, len(shape))
    return axis, 1 + source.below(shape[axis])


def _topk_sketch(source: Source, shape: Shape) -> Sketch | None:
    picked = _picked(source, shape)
    if picked is None:
        return None
    axis, k = picked
    return Sketch((Slot(shape),), {"k": k, "axis": axis, "largest": not source.flag()})


def _kth_sketch(source: Source, shape: Shape) -> Sketch | None:
    picked = _picked(source, shape)
    if picked is None:
        return None
    axis, k = picked
    return Sketch((Slot(shape),), {"k": k, "axis": axis, "keepdims": source.flag()})


def _whole_or_one(source: Source, shape: Shape) -> dict[str, Any] | None:
    if 0 in shape:
        return None
    axis = one_axis(source, len(shape)) if shape and not source.flag(3) else None
    return {"axis": axis, "keepdims": source.flag()}


def _median_sketch(source: Source, shape: Shape) -> Sketch | None:
    params = _whole_or_one(source, shape)
    return None if params is None else Sketch((Slot(shape),), {**params, "middle": source.pick(("mean", "low"))})


def _quantile_sketch(source: Source, shape: Shape) -> Sketch | None:
    """Shares that every dtype holds, so that all engines find the same two neighbours."""
    params = _whole_or_one(source, shape)
    return None if params is None else Sketch((Slot(shape),), {"q": source.pick((0.5, 0.25, 0.125, 0.75, 1.0, 0.0)), **params})


def _extreme_sketch(source: Source, shape: Shape) -> Sketch | None:
    axis = axis_or_none(source, len(shape))
    return Sketch((Slot(shape),), {"axis": axis, "keepdims": source.flag()}) if count(shape, axis) else None


def _sort(xp: Any, x: Any, axis: int, descending: bool) -> Any:
    """Stable, descending too: turned round before and after, so that ties keep their order."""
    return xp.flip(xp.sort(xp.flip(x, axis), axis), axis) if descending else xp.sort(x, axis)


def _head(xp: Any, x: Any, axis: int, start: int, stop: int) -> Any:
    axis %= np.ndim(x)
    return x[(slice(None),) * axis + (slice(start, stop),)]


def _row(xp: Any, x: Any, axis: Axis) -> tuple[Any, int, tuple[int, ...]]:
    """``x`` sorted along one axis (flat if None), that axis, and the axes that keepdims gives back."""
    if axis is None:
        return xp.sort(xp.reshape(x, (-1,)), 0), 0, tuple(range(np.ndim(x)))
    assert isinstance(axis, int)
    return xp.sort(x, axis), axis % np.ndim(x), (axis % np.ndim(x),)


def _between(xp: Any, x: Any, axis: Axis, keepdims: bool, low: int, high: int, share: float) -> Any:
    """``share`` of the way from the entry at rank ``low`` to the one at rank ``high``."""
    ordered, along, axes = _row(xp, x, axis)
    a = xp.take(ordered, low, axis=along)
    out = a if share == 0 or low == high else a * (1.0 - share) + xp.take(ordered, high, axis=along) * share
    return xp.expand_dims(out, axes) if keepdims and axes else out


def _median(xp: Any, x: Any, axis: Axis, keepdims: bool, middle: str) -> Any:
    n = count(np.shape(x), axis)
    low = (n - 1) // 2
    return _between(xp, x, axis, keepdims, low, n // 2 if middle == "mean" else low, 0.5)


def _quantile(xp: Any, x: Any, q: float, axis: Axis, keepdims: bool) -> Any:
    place = q * (count(np.shape(x), axis) - 1)
    low = int(place)
    return _between(xp, x, axis, keepdims, low, low if place == low else low + 1, place - low)


def _kth(xp: Any, x: Any, k: int, axis: int, keepdims: bool) -> Any:
    return _between(xp, x, axis, keepdims, k - 1, k - 1, 0.0)


def _topk(xp: Any, x: Any, k: int, axis: int, largest: bool) -> Any:
    return _head(xp, _sort(xp, x, axis, largest), axis, 0, k)


def _sort_by(xp: Any, x: Any, keys: Any, axis: int) -> Any:
    return xp.take_along_axis(x, np.argsort(keys, axis=axis, stable=True), axis=axis)


ROWS = (
    Op("sort", _sort, _sort_sketch, array_shape, "ties", family="sorting"),
    Op("sort_by", _sort_by, _keys_sketch, array_shape, family="sorting"),
    Op("topk", _topk, _topk_sketch, array_shape, "ties", family="sorting"),
    Op("kthvalue", _kth, _kth_sketch, array_shape, "ties", family="sorting"),
    Op("median", _median, _median_sketch, any_shape, "ties", family="sorting"),
    Op("quantile", _quantile, _quantile_sketch, any_shape, "ties", family="sorting"),
    Op(
        "ptp",
        lambda xp, x, axis, keepdims: xp.max(x, axis, keepdims) - xp.min(x, axis, keepdims),
        _extreme_sketch,
        any_shape,
        "ties",
        family="sorting",
    ),
    Op("amax", lambda xp, x, axis, keepdims: xp.max(x, axis, keepdims), _extreme_sketch, any_shape, "ties", family="sorting"),
    Op("amin", lambda xp, x, axis, keepdims: xp.min(x, axis, keepdims), _extreme_sketch, any_shape, "ties", family="sorting"),
)
