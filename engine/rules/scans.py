"""Pullbacks of running products, extremes and sums: all are a linear recurrence from the end, so none divides by an entry.

With y[i] = f(y[i - 1], x[i]) the adjoint of y[i] is S[i] = ct[i] + (df/dy at i + 1) S[i + 1], and x[i] gets (df/dx) S[i].
"""

from __future__ import annotations

import math
from typing import Any

from gradproof.engine.rules.rule import Table, rule


def _adjoint(xp: Any, ct: Any, slope: Any, axis: int, reverse: bool = False) -> Any:
    """S above, for slopes by the entry before; in reverse, by the entry after."""
    there = xp.shifted(slope, axis=axis, by=1 if reverse else -1, fill=0.0)
    return xp.linear_recurrence(ct, there, axis=axis, reverse=not reverse)


def _recurrence_x(xp: Any, ct: Any, out: Any, x: Any, decay: Any, axis: int, reverse: bool) -> Any:
    return _adjoint(xp, ct, decay, axis, reverse)


def _recurrence_decay(xp: Any, ct: Any, out: Any, x: Any, decay: Any, axis: int, reverse: bool) -> Any:
    """The first decay has nothing before it, so its gradient is 0, whatever the cotangent: no product says so."""
    by = -1 if reverse else 1
    after = xp.shifted(_adjoint(xp, ct, decay, axis, reverse), axis=axis, by=-by, fill=0.0)
    met = xp.scale(after, out)  # nothing flows through an overflow either
    return xp.shifted(met, axis=axis, by=by, fill=0.0)


def _prod(xp: Any, ct: Any, out: Any, x: Any, axis: int, include_initial: bool) -> Any:
    key = (slice(None),) * (axis % len(x.shape))
    if include_initial:
        return _adjoint(xp, ct[(*key, slice(1, None), ...)], x, axis) * out[(*key, slice(None, -1), ...)]
    return _adjoint(xp, ct, x, axis) * xp.shifted(out, axis=axis, by=1, fill=1.0)


def _extreme(xp: Any, ct: Any, out: Any, x: Any, axis: int) -> Any:
    hit = x == out
    passed = xp.where(hit, xp.zeros_like(ct), 1.0)
    return xp.where(hit, _adjoint(xp, ct, passed, axis), 0.0)  # C22


def _logcumsumexp(xp: Any, ct: Any, out: Any, x: Any, axis: int) -> Any:
    lead = xp.shifted(out, axis=axis, by=1, fill=-math.inf) - x  # not out less either: that keeps no digits of a large sum
    return xp.sigmoid(-lead) * _adjoint(xp, ct, xp.sigmoid(lead), axis)


# fmt: off
RULES: Table = {
    "linear_recurrence": (rule("decay", _recurrence_x), rule("decay out", _recurrence_decay)),
    "cumulative_prod":   (rule("x out", _prod),),
    "cumulative_max":    (rule("x out", _extreme),),
    "cumulative_min":    (rule("x out", _extreme),),
    "logcumsumexp":      (rule("x out", _logcumsumexp),),
    "shifted":           (rule("", lambda xp, ct, out, x, axis, by, fill: xp.shifted(ct, axis=axis, by=-by, fill=0.0)),),
}
# fmt: on
