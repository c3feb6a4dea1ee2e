"""Reductions that leave out NaN, which stands for an entry that is missing; its gradient is 0. All are composed."""

from __future__ import annotations

import math
from typing import Any

from gradproof.engine.array import Array, as_array
from gradproof.engine.backend import Axis, constant
from gradproof.engine.functions import elementwise as el
from gradproof.engine.functions import reduction
from gradproof.engine.tape import apply, unary


def nan_to_num(x: Any, nan: float = 0.0) -> Array:
    """The entries, with a constant in place of NaN. Infinities stay."""
    return apply("fill_missing", (as_array(x),), {"value": nan})


def present(x: Any) -> Array:
    """1 where there is a number, 0 where there is NaN; its gradient is 0."""
    return unary("present", as_array(x))


def isnan(x: Any) -> Any:
    """Where the entries are NaN; a constant."""
    return constant("isnan", as_array(x).data)


def nansum(x: Any, axis: Axis = None, keepdims: bool = False) -> Array:
    """The sum of the numbers along an axis.

    >>> import gradproof.engine as ge
    >>> ge.grad(ge.nansum)([1.0, float("nan")])
    Array([1., 0.], dtype=float64)
    """
    return reduction.sum(nan_to_num(x), axis=axis, keepdims=keepdims)


def nanprod(x: Any, axis: Axis = None, keepdims: bool = False) -> Array:
    """The product of the numbers along an axis."""
    return reduction.prod(nan_to_num(x, 1.0), axis=axis, keepdims=keepdims)


def nanmean(x: Any, axis: Axis = None, keepdims: bool = False) -> Array:
    """The mean of the numbers along an axis; NaN where there is none."""
    return el.divide(nansum(x, axis, keepdims), reduction.sum(present(x), axis=axis, keepdims=keepdims))


def nanvar(x: Any, axis: Axis = None, correction: float = 0.0, keepdims: bool = False) -> Array:
    """The variance of the numbers along an axis: squared deviations over (count - correction)."""
    x = as_array(x)
    deviations = nan_to_num(el.subtract(x, nanmean(x, axis, True)))
    total = reduction.sum(el.square(deviations), axis=axis, keepdims=keepdims)
    return el.divide(total, el.subtract(reduction.sum(present(x), axis=axis, keepdims=keepdims), correction))


def nanmax(x: Any, axis: Axis = None, keepdims: bool = False) -> Array:
    """The greatest number along an axis, -inf where there is none; tied ones share the cotangent evenly."""
    return reduction.max(nan_to_num(x, -math.inf), axis=axis, keepdims=keepdims)


def nanmin(x: Any, axis: Axis = None, keepdims: bool = False) -> Array:
    """The least number along an axis, inf where there is none; tied ones share the cotangent evenly."""
    return reduction.min(nan_to_num(x, math.inf), axis=axis, keepdims=keepdims)
