"""Reductions and scans."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradproof.oracles.catalogue.row import Op, Shape, Sketch, Slot
from gradproof.oracles.catalogue.shapes import any_shape, array_shape, axis_or_none, one_axis
from gradproof.oracles.catalogue.source import Source
from gradproof.oracles.domain import MASKED, ORIGIN, REAL, SIGNED_BASE, ZEROS
from gradproof.oracles.graph import Array

Axis = int | tuple[int, ...] | None


def count(shape: Shape, axis: Axis) -> int:
    """How many entries a reduction over ``axis`` merges into one."""
    axes = range(len(shape)) if axis is None else (axis,) if isinstance(axis, int) else axis
    return int(np.prod([shape[a] for a in axes], dtype=int))


def _sketch(source: Source, shape: Shape) -> Sketch:
    return Sketch((Slot(shape),), {"axis": axis_or_none(source, len(shape)), "keepdims": source.flag()})


def _nonempty(source: Source, shape: Shape) -> Sketch | None:
    """For ops that have no value over an empty axis."""
    sketch = _sketch(source, shape)
    return sketch if count(shape, sketch.params["axis"]) else None  # type: ignore[arg-type]


def _maskable(source: Source, shape: Shape) -> Sketch | None:
    """Now and then with entries of minus infinity, as a mask puts them, and a number beside each."""
    sketch = _nonempty(source, shape)
    if sketch is None or not source.flag(5):
        return sketch
    axis: Any = sketch.params["axis"]
    axes = range(len(shape)) if axis is None else (axis,) if isinstance(axis, int) else axis
    return Sketch((Slot(shape, MASKED if max((shape[a] for a in axes), default=1) > 1 else REAL),), sketch.params)


def _moment(source: Source, shape: Shape) -> Sketch | None:
    sketch = _sketch(source, shape)
    merged = count(shape, sketch.params["axis"])  # type: ignore[arg-type]
    if not merged:
        return None
    correction = source.pick([c for c in (0, 1, 2, 0.5) if c < merged])
    return Sketch(sketch.operands, {**sketch.params, "correction": correction})


def _norm(source: Source, shape: Shape) -> Sketch | None:
    sketch = _sketch(source, shape)
    merged = count(shape, sketch.params["axis"])  # type: ignore[arg-type]
    order: float = source.pick((2, 1, float("inf"), 2, 1, float("inf"), 3))
    if order == 3 and merged:
        return Sketch((Slot(shape, SIGNED_BASE),), {**sketch.params, "ord": 3})
    slot = Slot(shape, source.pick((REAL, REAL, REAL, REAL, ZEROS, ORIGIN)), scale=source.pick((0,) * 8 + (1, -1)))
    return Sketch((slot,), {**sketch.params, "ord": order if merged else 2})


def _scan(source: Source, shape: Shape) -> Sketch | None:
    if not shape:
        return None
    return Sketch((Slot(shape),), {"axis": one_axis(source, len(shape)), "include_initial": source.flag(3)})


def centred(xp: Any, x: Any, axis: Axis) -> Any:
    """x minus its mean over ``axis``."""
    return x - xp.sum(x, axis, True) / count(np.shape(x), axis)


def _var(xp: Any, x: Any, axis: Axis, correction: int, keepdims: bool) -> Any:
    return xp.sum(xp.square(centred(xp, x, axis)), axis, keepdims) / (count(np.shape(x), axis) - correction)


def _std(xp: Any, x: Any, axis: Axis, correction: int, keepdims: bool) -> Any:
    """A scaled length rather than a square root, so that its accepted set at constant x is bounded."""
    merged = count(np.shape(x), axis)
    if merged == 1:  # 0 whatever x is: smooth, and no kink; x - x rounds as an engine's does
        return xp.sum(centred(xp, x, axis), axis, keepdims)
    return xp.over_root(xp.fold_hypot(centred(xp, x, axis), axis, keepdims), merged - correction)


def floats(x: Any) -> Array:
    """Plain numbers of an array that is recorded, tracked or plain."""
    return np.asarray(getattr(x, "value", x), dtype=np.float64)


def below_all(x: Any) -> Array:
    """Where entries are minus infinity; a ball of a number that is only too large for float64 is none."""
    entries = np.asarray(getattr(x, "value", x))
    found: Array = floats(x) == -np.inf
    for i in map(tuple, np.argwhere(found)) if entries.dtype == object else ():
        ball = getattr(entries[i], "value", entries[i])
        found[i] = not (hasattr(ball, "is_finite") and ball.is_finite())
    return found


def exp_shifted(xp: Any, x: Any, shift: Any) -> Any:
    """exp(x - shift), and the constant 0 for an entry of minus infinity, which is how a place is masked.

    Where all places of an axis are masked nothing is hidden: that is NaN.
    """
    hidden = below_all(x) & ~np.broadcast_to(below_all(shift), np.shape(x))
    if not np.any(hidden):
        return xp.exp(x - shift)
    seen, shape = np.nonzero(~hidden), np.shape(x)
    return xp.scatter(xp.exp(x[seen] - xp.broadcast_to(shift, shape)[seen]), seen, shape)


def log_sum_exp(xp: Any, x: Any, axis: Axis, keepdims: bool) -> Any:
    """Shifted by the (frozen) maximum, which cancels exactly."""
    shift = xp.frozen(xp.max(x, axis, True))
    total = xp.log(xp.sum(exp_shifted(xp, x, shift), axis, keepdims))
    return total + (shift if keepdims else np.reshape(shift, np.shape(total)))


def _vector_norm(xp: Any, x: Any, axis: Axis, keepdims: bool, ord: float) -> Any:
    if ord == 1:
        return xp.sum(xp.absolute(x), axis, keepdims)
    if ord == 2:
        return xp.fold_hypot(x, axis, keepdims)
    if ord == 3:
        return xp.pow(xp.sum(xp.pow(xp.absolute(x), 3.0), axis, keepdims), 1.0 / 3.0)
    if ord != np.inf:
        raise ValueError(f"ord={ord}, expected 1, 2, 3 or inf")
    return xp.max(xp.absolute(x), axis, keepdims)


def _cumulative_sum(xp: Any, x: Any, axis: int, include_initial: bool) -> Any:
    out = xp.cumsum(x, axis=axis)
    if not include_initial:
        return out
    edge = list(np.shape(x))
    edge[axis] = 1
    return xp.concatenate([np.zeros(edge, dtype=np.asarray(x).dtype), out], axis=axis)


ROWS = tuple(
    Op(name, meaning, sketch, shape, kinks, family="reduction")
    for name, meaning, sketch, shape, kinks in (
        ("sum", lambda xp, x, axis, keepdims: xp.sum(x, axis, keepdims), _sketch, any_shape, ""),
        (
            "mean",
            lambda xp, x, axis, keepdims: xp.sum(x, axis, keepdims) / count(np.shape(x), axis),
            _nonempty,
            any_shape,
            "",
        ),
        (
            "prod",
            lambda xp, x, axis, keepdims: xp.prod(x, axis=axis, keepdims=keepdims),
            _sketch,
            any_shape,
            "",
        ),
        ("max", lambda xp, x, axis, keepdims: xp.max(x, axis, keepdims), _nonempty, any_shape, "ties"),
        ("min", lambda xp, x, axis, keepdims: xp.min(x, axis, keepdims), _nonempty, any_shape, "ties"),
        ("var", _var, _moment, any_shape, ""),
        ("std", _std, _moment, any_shape, "constant x"),
        ("logsumexp", log_sum_exp, _maskable, any_shape, ""),
        ("linalg.vector_norm", _vector_norm, _norm, any_shape, "0; ties and zeros for ord 1 and inf"),
        ("cumulative_sum", _cumulative_sum, _scan, array_shape, ""),
    )
)
