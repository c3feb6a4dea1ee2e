"""Running products, extremes and sums along an axis, and their inverses: differences and integrals by the trapezoid rule."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradproof.oracles.catalogue.reduction import Axis
from gradproof.oracles.catalogue.row import Op, Shape, Sketch, Slot
from gradproof.oracles.catalogue.shapes import any_shape, array_shape, axis_or_none, one_axis
from gradproof.oracles.catalogue.source import Source
from gradproof.oracles.domain import BASE, POSITIVE, REAL, ZEROS


def _initial_sketch(source: Source, shape: Shape) -> Sketch | None:
    """Zeros among the factors, one and several: where a formula that divides by an entry breaks."""
    if not shape:
        return None
    slot = Slot(shape, source.pick((REAL, REAL, ZEROS)))
    return Sketch((slot,), {"axis": one_axis(source, len(shape)), "include_initial": source.flag(3)})


def _axis_sketch(source: Source, shape: Shape) -> Sketch | None:
    return Sketch((Slot(shape),), {"axis": one_axis(source, len(shape))}) if shape else None


def _recurrence_sketch(source: Source, shape: Shape) -> Sketch | None:
    params = {"axis": one_axis(source, len(shape)), "reverse": source.flag()} if shape else {}
    return Sketch((Slot(shape), Slot(shape)), params) if shape else None


def _diff_sketch(source: Source, shape: Shape) -> Sketch | None:
    return Sketch((Slot(shape),), {"axis": one_axis(source, len(shape)), "n": source.pick((1, 2, 1, 3, 0))}) if shape else None


def _trapezoid_sketch(source: Source, shape: Shape) -> Sketch | None:
    if not shape:
        return None
    axis = one_axis(source, len(shape))
    if source.flag(3):
        return Sketch((Slot(shape),), {"dx": source.pick((1.0, 0.5)), "axis": axis})
    return Sketch((Slot(shape), Slot(shape)), {"axis": axis})


def _average_sketch(source: Source, shape: Shape) -> Sketch | None:
    if 0 in shape:
        return None
    return Sketch(
        (Slot(shape), Slot(shape, source.pick((POSITIVE, BASE)))),
        {"axis": axis_or_none(source, len(shape)), "keepdims": source.flag()},
    )


def part(x: Any, axis: int, start: int | None, stop: int | None) -> Any:
    """The entries from ``start`` to ``stop`` along an axis."""
    return x[(slice(None),) * (axis % np.ndim(x)) + (slice(start, stop),)]


def rounded(x: Any) -> Any:
    """``x``, which an engine may round: what is made of one entry alone would else be exact."""
    return x / 1.0


def _cumulative_prod(xp: Any, x: Any, axis: int, include_initial: bool) -> Any:
    """One after the other, by the entries of each place along the axis."""
    x = rounded(x)
    slices = [part(x, axis, i, i + 1) for i in range(np.shape(x)[axis])]
    edge = list(np.shape(x))
    edge[axis] = 1
    out = [np.ones(edge)] if include_initial else []
    for i, entry in enumerate(slices):
        out.append(entry if i == 0 else out[-1] * entry)
    return xp.concatenate(out, axis=axis) if out else x


def _linear_recurrence(xp: Any, x: Any, decay: Any, axis: int, reverse: bool) -> Any:
    out: list[Any] = []
    places = range(np.shape(x)[axis])
    for i in reversed(places) if reverse else places:
        entry = part(x, axis, i, i + 1)
        out.append(entry + part(decay, axis, i, i + 1) * out[-1] if out else entry)
    return xp.concatenate(out[::-1] if reverse else out, axis=axis) if out else x


def _diff(xp: Any, x: Any, axis: int, n: int) -> Any:
    for _ in range(n):
        x = part(x, axis, 1, None) - part(x, axis, None, -1) if np.shape(x)[axis] else x
    return x


def _areas(xp: Any, y: Any, x: Any, dx: float, axis: int) -> Any:
    heights = (part(y, axis, 1, None) + part(y, axis, None, -1)) * 0.5
    return heights * (dx if x is None else part(x, axis, 1, None) - part(x, axis, None, -1))


def _trapezoid(xp: Any, y: Any, x: Any = None, *, dx: float = 1.0, axis: int) -> Any:
    return xp.sum(_areas(xp, y, x, dx, axis), axis)


def _cumulative_trapezoid(xp: Any, y: Any, x: Any = None, *, dx: float = 1.0, axis: int) -> Any:
    return xp.cumsum(_areas(xp, y, x, dx, axis), axis=axis)


def _average(xp: Any, x: Any, weights: Any, axis: Axis, keepdims: bool) -> Any:
    return xp.sum(x * weights, axis, keepdims) / xp.sum(weights, axis, keepdims)


ROWS = (
    Op("cumulative_prod", _cumulative_prod, _initial_sketch, array_shape, family="scan"),
    Op("cumulative_max", lambda xp, x, axis: xp.scan("maximum", x, axis), _axis_sketch, array_shape, "ties", family="scan"),
    Op("cumulative_min", lambda xp, x, axis: xp.scan("minimum", x, axis), _axis_sketch, array_shape, "ties", family="scan"),
    Op("logcumsumexp", lambda xp, x, axis: xp.scan("logaddexp", rounded(x), axis), _axis_sketch, array_shape, family="scan"),
    Op("linear_recurrence", _linear_recurrence, _recurrence_sketch, array_shape, family="scan"),
    Op("diff", _diff, _diff_sketch, array_shape, family="scan"),
    Op("trapezoid", _trapezoid, _trapezoid_sketch, array_shape, family="scan"),
    Op("cumulative_trapezoid", _cumulative_trapezoid, _trapezoid_sketch, array_shape, family="scan"),
    Op("average", _average, _average_sketch, any_shape, family="scan"),
)
