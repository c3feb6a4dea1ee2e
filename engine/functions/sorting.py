"""Order: sorting, what is read off a sorted array, and gathers in the order of keys. Tied entries keep their order."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from gradproof.engine.array import Array, as_array
from gradproof.engine.backend import Axis, constant
from gradproof.engine.errors import ShapeError
from gradproof.engine.functions import elementwise as el
from gradproof.engine.functions import indexing, reduction, shape
from gradproof.engine.tape import apply


def sort(x: Any, axis: int = -1, descending: bool = False) -> Array:
    """The entries along an axis in order, the least first; tied entries keep their order."""
    return apply("sort", (_with_axis("sort", x),), {"axis": axis, "descending": descending})


def order(x: Any, axis: int, descending: bool) -> Any:
    """The positions of the entries of x in order; a constant."""
    return constant("order", as_array(x).data, axis=axis, descending=descending)


def inverse(order: Any, axis: int) -> Any:
    """The inverse of a permutation along an axis; a constant."""
    return constant("inverse", as_array(order).data, axis=axis)


def reorder(x: Any, order: Any, axis: int) -> Array:
    """The entries permuted along an axis."""
    return apply("reorder", (x, order), {"axis": axis})


def sort_by(x: Any, keys: Any, axis: int = -1) -> Array:
    """The entries along an axis in the order of fixed keys of the same shape; tied entries keep their order.

    >>> import gradproof.engine as ge
    >>> ge.sort_by([10.0, 20.0, 30.0], [2, 1, 3])
    Array([20., 10., 30.], dtype=float64)
    """
    x, keys = _with_axis("sort_by", x), as_array(keys)
    if x.shape != keys.shape:
        raise ShapeError(f"sort_by: operands of shape {x.shape}, {keys.shape}; expected one shape. Use broadcast_to for the keys.")
    return reorder(x, order(keys, axis=axis, descending=False), axis=axis)


def topk(x: Any, k: int, axis: int = -1, largest: bool = True) -> Array:
    """The k largest entries along an axis (the smallest, if asked), in order. Composed of sort."""
    x = _with_axis("topk", x)
    n = x.shape[axis]
    if not 0 <= k <= n:
        raise ShapeError(f"topk: k={k} of an axis of length {n}; expected 0 to {n}. Choose a smaller k or another axis.")
    return _part(sort(x, axis=axis, descending=largest), axis, slice(0, k))


def kthvalue(x: Any, k: int, axis: int = -1, keepdims: bool = False) -> Array:
    """The k-th smallest entry along an axis, counted from 1. Composed of sort."""
    x = _with_axis("kthvalue", x)
    n = x.shape[axis]
    if not 1 <= k <= n:
        raise ShapeError(f"kthvalue: k={k} of an axis of length {n}; expected 1 to {n}. k counts from 1.")
    return _between("kthvalue", x, axis, keepdims, k - 1, 0.0)


def median(x: Any, axis: int | None = None, keepdims: bool = False, middle: str = "mean") -> Array:
    """The entry in the middle along an axis; of an even number the mean of the two, or with ``middle="low"`` the lower.

    Composed of sort.
    """
    x = as_array(x)
    if middle not in ("mean", "low"):
        raise ValueError(f"median: middle={middle!r}, expected 'mean' or 'low'.")
    n = _count("median", x, axis)
    return _between("median", x, axis, keepdims, (n - 1) // 2, 0.5 if middle == "mean" and n % 2 == 0 else 0.0)


def quantile(x: Any, q: float, axis: int | None = None, keepdims: bool = False) -> Array:
    """The entry at the share ``q`` of the way from the least to the greatest, between entries by a straight line.

    Composed of sort.
    """
    x = as_array(x)
    if not 0 <= q <= 1:
        raise ValueError(f"quantile: q={q}, expected a share from 0 to 1.")
    place = q * (_count("quantile", x, axis) - 1)
    return _between("quantile", x, axis, keepdims, math.floor(place), place - math.floor(place))


def ptp(x: Any, axis: Axis = None, keepdims: bool = False) -> Array:
    """The greatest entry less the least. Composed of max and min."""
    x = as_array(x)
    return el.subtract(reduction.max(x, axis=axis, keepdims=keepdims), reduction.min(x, axis=axis, keepdims=keepdims))


def amax(x: Any, axis: Axis = None, keepdims: bool = False) -> Array:
    """max by its older name: tied entries share the cotangent evenly."""
    return reduction.max(x, axis=axis, keepdims=keepdims)


def amin(x: Any, axis: Axis = None, keepdims: bool = False) -> Array:
    """min by its older name: tied entries share the cotangent evenly."""
    return reduction.min(x, axis=axis, keepdims=keepdims)


def _with_axis(name: str, x: Any) -> Array:
    array = as_array(x)
    if array.ndim == 0:
        raise ShapeError(f"{name}: an array of no axes; expected at least one. Use reshape(x, (1,)).")
    return array


def _count(name: str, x: Array, axis: int | None) -> int:
    n = math.prod(x.shape) if axis is None else x.shape[axis]
    if n == 0:
        raise ShapeError(f"{name}: an array of shape {x.shape} has no entry along axis {axis}; expected at least one.")
    return n


def _part(x: Array, axis: int, key: Any) -> Array:
    return indexing.getitem(x, (slice(None),) * (axis % x.ndim) + (key,))


def _between(name: str, x: Array, axis: int | None, keepdims: bool, low: int, share: float) -> Array:
    """``share`` of the way from the entry at rank ``low`` to the next."""
    axes: Sequence[int] = range(x.ndim)
    if axis is None:
        x, axis = shape.reshape(x, (-1,)), 0
    else:
        axes = (axis % x.ndim,)
    ordered = sort(x, axis=axis)
    out = _part(ordered, axis, low)
    if share:
        out = el.add(el.multiply(out, 1.0 - share), el.multiply(_part(ordered, axis, low + 1), share))
    return shape.expand_dims(out, tuple(axes)) if keepdims and len(axes) else out
