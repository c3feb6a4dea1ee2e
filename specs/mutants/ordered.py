"""Faults of sorting, of what runs along an axis, of missing entries: they count in the families whose kind they are.

Ops that are compositions have no rule of their own; their faults give the right values with another function's gradient.
"""

from __future__ import annotations

from typing import Any

import numpy as np

import gradproof.engine as ge
from gradproof.engine.functions.recorded import recorded as namespace
from gradproof.specs.mutants.closure import _stopped as off_the_tape
from gradproof.specs.mutants.mutant import Family, tied
from gradproof.specs.mutants.plant import right_pull
from gradproof.specs.mutants.second import _stopped, recorded

FACTOR, AXIS, TIES, REGION, SECOND = (
    Family("factor"), Family("axis"), Family("ties"), Family("rare region"), Family("second order only", order=2),
)  # fmt: skip
SORTED = "sort topk kthvalue median quantile"


def bent(right: Any, wrong: Any) -> Any:
    """The values of ``right``, to the last bit, with the gradient of ``wrong``."""
    return ge.add(ge.stop_gradient(right), ge.subtract(wrong, ge.stop_gradient(wrong)))


def _order(x: Any, axis: int, descending: bool) -> Any:
    return np.argsort(-x if descending else x, axis=axis, stable=True)


def _suffix(ct: Any, axis: int) -> Any:
    return np.flip(np.cumsum(np.flip(ct, axis), axis), axis)


def _divided(xp: Any, ct: Any, out: Any, x: Any, axis: int, include_initial: bool) -> Any:
    """The formula that divides by the entry, with 0 where that is 0."""
    if include_initial:
        ct, out = (np.delete(v, 0, axis) for v in (ct, out))
    return np.where(x == 0, 0.0, _suffix(ct * out, axis) / np.where(x == 0, 1.0, x))


# fmt: off
# ---- sorting
AXIS.wrap(SORTED, "read in the order, not by the ranking", lambda g, xp, ct, out, x, axis, descending:
          np.take_along_axis(ct, _order(x, axis, descending), axis))
AXIS.wrap("sort", "a negative axis ranks along the first", lambda g, xp, ct, out, x, axis, descending:
          g if axis >= 0 else np.take_along_axis(ct, np.argsort(np.argsort(x, 0), 0) % x.shape[axis], axis))
FACTOR.wrap("sort topk", "descending is pulled back as ascending", lambda g, xp, ct, out, x, axis, descending:
            np.take_along_axis(ct, xp.inverse(xp.order(x, axis=axis, descending=False), axis=axis), axis) if descending else g)
TIES.wrap(SORTED, "tied entries all get what the first of them gets", lambda g, xp, ct, out, x, axis, descending:
          np.take_along_axis(ct, _lowest(x, axis, descending), axis))
AXIS.wrap("sort_by", "read in the order, not by the ranking", lambda g, xp, ct, out, x, order, axis:
          np.take_along_axis(ct, order, axis), "reorder")
AXIS.swap("ptp", "the least entry's share is added", ge, "ptp", lambda right: lambda x, axis=None, keepdims=False:
          bent(right(x, axis, keepdims), ge.add(ge.amax(x, axis, keepdims), ge.amin(x, axis, keepdims))))
TIES.wrap("amax", "every tied entry gets all of it", lambda g, xp, ct, out, x, axis, keepdims: g * tied(out, x, axis, keepdims), "max")
TIES.wrap("amin", "a tie of two gives one of them nothing and none the rest", lambda g, xp, ct, out, x, axis, keepdims:
          np.where(tied(out, x, axis, keepdims) == 2, 0.5 * g, g), "min")
REGION.where(SORTED, "an entry of exactly 1 gives nothing", lambda x: x == 1, lambda g, ct, x: 0 * g)

# ---- running along an axis
REGION.rule("cumulative_prod", "divided by the entry, 0 where that is 0", _divided)
AXIS.wrap("cumulative_prod", "a negative axis turned round", lambda g, xp, ct, out, x, axis, include_initial:
          np.flip(g, axis) if axis < 0 else g)
FACTOR.wrap("cumulative_prod", "with an initial 1 doubled", lambda g, xp, ct, out, x, axis, include_initial:
            2 * g if include_initial else g)
TIES.rule("cumulative_max", "an entry that is overtaken gets all that follows", lambda xp, ct, out, x, axis:
          np.where(x == out, _suffix(ct, axis), 0.0))
TIES.wrap("cumulative_min", "an entry gets half of what its tie after it gets, which keeps it", lambda g, xp, ct, out, x, axis: np.where(
          (x == out) & (np.roll(x, -1, axis) == x), g + 0.5 * np.roll(ct, -1, axis), g))
AXIS.rule("cumulative_min", "each entry only its own", lambda xp, ct, out, x, axis: np.where(x == out, ct, 0.0))
FACTOR.rule("logcumsumexp", "weights by the last sum", lambda xp, ct, out, x, axis:
            _suffix(ct, axis) * np.exp(x - np.take(out, [-1], axis)) if x.shape[axis] else ct)
REGION.where("logcumsumexp", "entries below -15 get nothing", lambda x: x < -15, lambda g, ct, x: 0 * g)
AXIS.rule("linear_recurrence", "the share of the entry itself in place of the next one's", lambda xp, ct, out, x, decay, axis, reverse:
          xp.linear_recurrence(ct, decay, axis=axis, reverse=not reverse))
AXIS.rule("linear_recurrence", "the state after it in place of that before", lambda xp, ct, out, x, decay, axis, reverse:
          right_pull("linear_recurrence")(xp, ct, out, x, decay, axis, reverse) * out, argument=1)
REGION.where("linear_recurrence", "a decay of exactly 1 gives nothing", lambda x: x == 1, lambda g, ct, x: 0 * g, argument=1)
FACTOR.swap("diff", "second differences are halved", ge, "diff", lambda right: lambda x, axis=-1, n=1:
            bent(right(x, axis, n), (0.5 if n == 2 else 1.0) * right(x, axis, n)))
AXIS.swap("trapezoid", "the ends count whole", ge, "trapezoid", lambda right: lambda y, x=None, dx=1.0, axis=-1:
          bent(right(y, x, dx, axis), ge.sum(y, axis=axis) * dx if x is None else right(y, x, dx, axis)))
FACTOR.swap("cumulative_trapezoid", "the points are constants", ge, "cumulative_trapezoid", lambda right:
            lambda y, x=None, dx=1.0, axis=-1: right(y, None if x is None else ge.stop_gradient(x), dx, axis))
FACTOR.swap("average", "the weights are constants", ge, "average", lambda right: lambda x, weights, axis=None, keepdims=False:
            right(x, ge.stop_gradient(weights), axis, keepdims))

# ---- missing entries
MISSING = "nansum nanprod nanmean nanvar nanmax nanmin nan_to_num"
REGION.rule(MISSING, "a missing entry gets the cotangent", lambda xp, ct, out, x, value: ct, "fill_missing")
REGION.rule("nan_to_num nansum", "a missing entry gets NaN", lambda xp, ct, out, x, value: np.where(np.isnan(x), np.nan, ct), "fill_missing")
REGION.where(MISSING, "an entry of exactly 0 is taken for missing", lambda x: x == 0, lambda g, ct, x: 0 * g, "fill_missing")
REGION.rule("nanmean nanvar", "the count has a slope", lambda xp, ct, out, x: ct, "present")
FACTOR.swap("nanmean", "divided by the count of all entries", ge, "nanmean", lambda right: lambda x, axis=None, keepdims=False:
            bent(right(x, axis, keepdims), ge.mean(ge.nan_to_num(x), axis=axis, keepdims=keepdims)))
FACTOR.swap("nanvar", "the correction is ignored", ge, "nanvar", lambda right: lambda x, axis=None, correction=0.0, keepdims=False:
            bent(right(x, axis, correction, keepdims), right(x, axis, 0.0, keepdims)))

# ---- second order
for ops, argument, what, wrong in (
    ("cumulative_prod", 0, "out", "its result is a constant"), ("cumulative_prod", 0, "0", "the factors are constants"),
    ("logcumsumexp", 0, "out", "its result is a constant"), ("linear_recurrence", 0, "1", "the decay is a constant"),
    ("linear_recurrence", 1, "out", "its result is a constant"),
):
    SECOND.rule(ops, wrong, recorded(ops, argument, _stopped(ops, argument, what)), ops, argument)
SECOND.swap("linear_recurrence cumulative_prod", "a shifted array is a constant", namespace, "shifted", off_the_tape)
# fmt: on


def _lowest(x: Any, axis: int, descending: bool) -> Any:
    """The place of the first of an entry's ties in the order."""
    rows = np.moveaxis(-x if descending else x, axis, -1)
    return np.moveaxis(np.sum(rows[..., None, :] < rows[..., :, None], axis=-1), -1, axis)


MUTANTS = (*FACTOR.mutants, *AXIS.mutants, *TIES.mutants, *REGION.mutants, *SECOND.mutants)
