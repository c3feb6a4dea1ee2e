"""Pullbacks of reductions. A cotangent is first given back its reduced axes as size 1, then it broadcasts."""

from __future__ import annotations

import math
from typing import Any

from gradproof.engine.rules.rule import Table, rule


def _axes(axis: Any, ndim: int) -> tuple[int, ...]:
    if axis is None:
        return tuple(range(ndim))
    return tuple(a % ndim for a in (axis if isinstance(axis, tuple) else (axis,)))


def _kept(xp: Any, ct: Any, x: Any, axis: Any, keepdims: bool = False) -> Any:
    """``ct`` in the shape the reduction of ``x`` would have with keepdims."""
    if keepdims or not x.shape:
        return ct
    axes = _axes(axis, len(x.shape))
    return xp.reshape(ct, shape=tuple(1 if i in axes else n for i, n in enumerate(x.shape)))


def _spread(xp: Any, ct: Any, x: Any, axis: Any, keepdims: bool) -> Any:
    return xp.broadcast_to(_kept(xp, ct, x, axis, keepdims), shape=x.shape)


def _count(x: Any, axis: Any) -> int:
    return math.prod(x.shape[a] for a in _axes(axis, len(x.shape)))


def _var(xp: Any, ct: Any, out: Any, x: Any, axis: Any, correction: float, keepdims: bool) -> Any:
    centred = xp.centred(x, axis=axis)
    return _kept(xp, ct, x, axis, keepdims) * (2.0 * centred / max(_count(x, axis) - correction, 0))


def _std(xp: Any, ct: Any, out: Any, x: Any, axis: Any, correction: float, keepdims: bool) -> Any:
    centred = xp.centred(x, axis=axis)
    out = _kept(xp, out, x, axis, keepdims)
    share = centred / xp.where(out == 0, 1.0, out)  # C12
    share = xp.centred(share, axis=axis)  # deviations that are all rounding have a mean, and the gradient must have none
    return _kept(xp, ct, x, axis, keepdims) * (share / max(_count(x, axis) - correction, 0))


def _extreme(xp: Any, ct: Any, out: Any, x: Any, axis: Any, keepdims: bool) -> Any:
    return xp.extreme_pullback(_kept(xp, ct, x, axis, keepdims), _kept(xp, out, x, axis, keepdims), x, axis=axis)  # C13


def _vector_norm(xp: Any, ct: Any, out: Any, x: Any, axis: Any, keepdims: bool, ord: float) -> Any:
    out = _kept(xp, out, x, axis, keepdims)
    share = x / xp.where(out == 0, 1.0, out)  # C12
    if ord != 2:
        share = xp.sign(share) * xp.pow(xp.abs(share), ord - 1.0)
    return _kept(xp, ct, x, axis, keepdims) * share


def _softmax(xp: Any, ct: Any, out: Any, x: Any, axis: Any) -> Any:
    total = xp.sum(xp.scale(out, ct), axis=axis, keepdims=True)
    return xp.scale(out, ct - total)  # a weight of 0 passes nothing on, though its cotangent may have overflowed


def _log_softmax(xp: Any, ct: Any, out: Any, x: Any, axis: Any) -> Any:
    return ct - xp.exp(out) * xp.sum(ct, axis=axis, keepdims=True)


def _cumulative_sum(xp: Any, ct: Any, out: Any, x: Any, axis: int, include_initial: bool) -> Any:
    if include_initial:
        ct = ct[(slice(None),) * (axis % len(x.shape)) + (slice(1, None), ...)]
    flipped = xp.cumulative_sum(xp.flip(ct, axis=axis), axis=axis, include_initial=False)
    return xp.flip(flipped, axis=axis)


# fmt: off
RULES: Table = {
    "sum":            (rule("", lambda xp, ct, out, x, axis, keepdims: _spread(xp, ct, x, axis, keepdims)),),
    "mean":           (rule("", lambda xp, ct, out, x, axis, keepdims:
                            _spread(xp, ct / _count(x, axis), x, axis, keepdims)),),
    "var":            (rule("x", _var),),  # fused: composed, it would add a rounding for the mean's own path
    "std":            (rule("x out", _std),),  # fused: one division by out, and 0 for constants
    "max":            (rule("x out", _extreme),),
    "min":            (rule("x out", _extreme),),
    "logsumexp":      (rule("x", lambda xp, ct, out, x, axis, keepdims:
                            _kept(xp, ct, x, axis, keepdims) * xp.softmax(x, axis=axis)),),
    "vector_norm":    (rule("x out", _vector_norm),),
    "cumulative_sum": (rule("", _cumulative_sum),),
    "softmax":        (rule("out", _softmax),),
    "log_softmax":    (rule("out", _log_softmax),),
}
# fmt: on
