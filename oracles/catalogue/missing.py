"""Reductions that leave out NaN, which stands for an entry that is missing; the gradient there is 0."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from gradproof.oracles.ball import CONSTANT, LEAF, Scalar, Tape
from gradproof.oracles.catalogue.reduction import Axis, count, floats
from gradproof.oracles.catalogue.row import Op, Shape, Sketch, Slot
from gradproof.oracles.catalogue.shapes import any_shape, axis_or_none
from gradproof.oracles.catalogue.source import Source
from gradproof.oracles.domain import REAL, Domain, Room
from gradproof.oracles.graph import Array


def _some(x: Array, room: Room) -> Array:
    """NaN for -2 and for a quarter of what is no whole number."""
    with np.errstate(all="ignore"):
        return np.where((x == -2) | (np.floor(np.abs(x) * 1000) % 4 == 1), np.nan, x)


def _alternating(x: Array, room: Room) -> Array:
    """As ``_some``, but at every other entry along any axis only: so half of each row and more are numbers."""
    places = np.indices(x.shape).sum(axis=0) if x.ndim else np.zeros((), dtype=int)
    return np.where(places % 2 == 1, _some(x, room), x)


SOME = Domain("real, some NaN", _some)  # no guard: a computed value is never NaN, so the operand is an input
ALTERNATING = Domain("real, some NaN but no row without a number", _alternating)


def _sum_sketch(source: Source, shape: Shape) -> Sketch | None:
    return Sketch((Slot(shape, SOME),), {"axis": axis_or_none(source, len(shape)), "keepdims": source.flag()})


def _numbers(shape: Shape, axis: Axis) -> int:
    """How many numbers each reduction is sure to meet, with NaN where ``ALTERNATING`` puts it; 0 if it may meet none."""
    axes = range(len(shape)) if axis is None else (axis,) if isinstance(axis, int) else axis
    longest = max((shape[a] for a in axes), default=1)
    return count(shape, axis) // 2 if longest > 1 else 0


def _mean_sketch(source: Source, shape: Shape) -> Sketch | None:
    axis = axis_or_none(source, len(shape))
    if not count(shape, axis):
        return None
    domain = ALTERNATING if _numbers(shape, axis) else REAL
    return Sketch((Slot(shape, domain),), {"axis": axis, "keepdims": source.flag()})


def _var_sketch(source: Source, shape: Shape) -> Sketch | None:
    sketch = _mean_sketch(source, shape)
    if sketch is None:
        return None
    axis: Any = sketch.params["axis"]
    sure = _numbers(shape, axis) or count(shape, axis)
    return Sketch(sketch.operands, {**sketch.params, "correction": source.pick([c for c in (0, 1, 0.5) if c < sure])})


def _replace_sketch(source: Source, shape: Shape) -> Sketch:
    return Sketch((Slot(shape, SOME),), {"nan": source.pick((0.0, 1.5, -2.0))})


def _gone(x: Any) -> Array:
    """Where an array is NaN; of recorded scalars those that are, or are computed from, an input that is NaN.

    A ball that has lost its middle is a number that is not known, and not one that is missing.
    """
    nan: Array = np.asarray(np.isnan(floats(x)))
    if nan.any() and isinstance(x, np.ndarray) and x.dtype == object:
        for place in np.argwhere(nan):
            scalar = x[tuple(place)]
            nan[tuple(place)] = not isinstance(scalar, Scalar) or _given(scalar.tape, scalar.index)
    return nan


def _given(tape: Tape, row: int) -> bool:
    """Whether a row is an input that is NaN, or computed from one."""
    waiting, seen = [row], {row}
    while waiting:
        k = waiting.pop()
        if not tape.values[k].is_nan():
            continue
        if tape.rows[k] in (LEAF, CONSTANT):
            return True
        waiting += [i for i in tape.args[k] if i not in seen]
        seen.update(tape.args[k])
    return False


def _beyond(x: Any, sign: int) -> float:
    """A number above all of an array (below, for -1), in the range of its dtype where theirs are."""
    numbers = floats(x)[~_gone(x)]
    last = float(np.max(sign * numbers, initial=-np.inf))
    return sign * (last + 1 + abs(last)) if np.isfinite(last) else 0.0


def filled(xp: Any, x: Any, value: float) -> Any:
    """``x`` with a constant where it is NaN."""
    return xp.where(_gone(x), _constant(x, value), x)


def _constant(x: Any, value: float) -> Any:
    """A constant of x's kind: a scalar of its tape, or a number in its dtype."""
    if isinstance(x, np.ndarray) and x.dtype == object:
        return np.asarray(x.flat[0].lift(value) if x.size else value, dtype=object)
    return np.asarray(value, dtype=getattr(x, "dtype", np.float64))


def _count(x: Any, axis: Axis, keepdims: bool) -> Array:
    return np.sum(~_gone(x), axis=axis, keepdims=keepdims).astype(np.float64)


def _mean(xp: Any, x: Any, axis: Axis, keepdims: bool) -> Any:
    return xp.sum(filled(xp, x, 0.0), axis, keepdims) / _count(x, axis, keepdims)


def _var(xp: Any, x: Any, axis: Axis, keepdims: bool, correction: float) -> Any:
    deviations = xp.where(_gone(x), _constant(x, 0.0), filled(xp, x, 0.0) - _mean(xp, x, axis, True))
    return xp.sum(deviations * deviations, axis, keepdims) / (_count(x, axis, keepdims) - correction)


def _row(name: str, meaning: Callable[..., Any], sketch: Callable[[Source, Shape], Sketch | None], kinks: str = "") -> Op:
    return Op(name, meaning, sketch, any_shape, kinks, family="missing")


ROWS = (
    _row("nansum", lambda xp, x, axis, keepdims: xp.sum(filled(xp, x, 0.0), axis, keepdims), _sum_sketch),
    _row("nanprod", lambda xp, x, axis, keepdims: xp.prod(filled(xp, x, 1.0), axis=axis, keepdims=keepdims), _sum_sketch),
    _row("nanmean", _mean, _mean_sketch),
    _row("nanvar", _var, _var_sketch),
    _row("nanmax", lambda xp, x, axis, keepdims: xp.max(filled(xp, x, _beyond(x, -1)), axis, keepdims), _mean_sketch, "ties"),
    _row("nanmin", lambda xp, x, axis, keepdims: xp.min(filled(xp, x, _beyond(x, 1)), axis, keepdims), _mean_sketch, "ties"),
    _row("nan_to_num", lambda xp, x, nan: filled(xp, x, nan), _replace_sketch),
)
