"""Running products, extremes and sums along an axis, and their inverses: differences and the trapezoid rule."""

from __future__ import annotations

from typing import Any

from gradproof.engine.array import Array, as_array
from gradproof.engine.backend import Axis
from gradproof.engine.errors import ShapeError
from gradproof.engine.functions import elementwise as el
from gradproof.engine.functions import indexing, reduction, shape
from gradproof.engine.tape import apply


def cumulative_prod(x: Any, axis: int | None = None, include_initial: bool = False) -> Array:
    """Partial products along an axis, from 1 on if ``include_initial``; the gradient is right where entries are 0.

    >>> import gradproof.engine as ge
    >>> ge.grad(lambda x: ge.sum(ge.cumulative_prod(x)))([2.0, 0.0, 3.0])
    Array([1., 8., 0.], dtype=float64)
    """
    x = as_array(x)
    return apply("cumulative_prod", (x,), {"axis": 0 if axis is None else axis, "include_initial": include_initial})


def cumulative_max(x: Any, axis: int = 0) -> Array:
    """The greatest entry so far along an axis; the last of tied entries gets the cotangent."""
    return apply("cumulative_max", (as_array(x),), {"axis": axis})


def cumulative_min(x: Any, axis: int = 0) -> Array:
    """The least entry so far along an axis; the last of tied entries gets the cotangent."""
    return apply("cumulative_min", (as_array(x),), {"axis": axis})


def logcumsumexp(x: Any, axis: int = 0) -> Array:
    """The logarithm of the partial sums of exp(x) along an axis, without overflow."""
    return apply("logcumsumexp", (as_array(x),), {"axis": axis})


def linear_recurrence(x: Any, decay: Any, axis: int = 0, reverse: bool = False) -> Array:
    """y[i] = x[i] + decay[i] * y[i - 1] along an axis, from 0 on; in reverse, from the last entry on."""
    x, decay = as_array(x), as_array(decay)
    if x.shape != decay.shape or x.ndim == 0:
        raise ShapeError(
            f"linear_recurrence: operands of shape {x.shape}, {decay.shape}; expected one shape, of at least one axis. "
            "Use broadcast_to."
        )
    return apply("linear_recurrence", (x, decay), {"axis": axis, "reverse": reverse})


def shifted(x: Any, axis: int, by: int, fill: float) -> Array:
    """The entries moved one place along an axis; what enters is ``fill``."""
    return apply("shifted", (x,), {"axis": axis, "by": by, "fill": fill})


def diff(x: Any, axis: int = -1, n: int = 1, prepend: Any = None, append: Any = None) -> Array:
    """Each entry less the one before it along an axis, n times; arrays may be joined on at either end first. Composed."""
    if n < 0:
        raise ValueError(f"diff: n={n}, expected 0 or more.")
    joined = [as_array(part) for part in (prepend, x, append) if part is not None]
    out = shape.concat(joined, axis=axis) if len(joined) > 1 else joined[0]
    for _ in range(n):
        out = el.subtract(_part(out, axis, 1, None), _part(out, axis, None, -1)) if out.shape[axis] else out
    return out


def trapezoid(y: Any, x: Any = None, dx: float = 1.0, axis: int = -1) -> Array:
    """The integral of samples along an axis by the trapezoid rule, at the points x or dx apart. Composed."""
    return reduction.sum(_areas(y, x, dx, axis), axis=axis)


def cumulative_trapezoid(y: Any, x: Any = None, dx: float = 1.0, axis: int = -1) -> Array:
    """The integral up to each point but the first, by the trapezoid rule. Composed."""
    return reduction.cumulative_sum(_areas(y, x, dx, axis), axis=axis)


def average(x: Any, weights: Any, axis: Axis = None, keepdims: bool = False) -> Array:
    """The mean along an axis with weights, which need not add up to 1. Composed."""
    x, weights = as_array(x), as_array(weights)
    if x.shape != weights.shape:
        raise ShapeError(f"average: operands of shape {x.shape}, {weights.shape}; expected one shape. Use broadcast_to.")
    total = reduction.sum(el.multiply(x, weights), axis=axis, keepdims=keepdims)
    return el.divide(total, reduction.sum(weights, axis=axis, keepdims=keepdims))


def _part(x: Array, axis: int, start: int | None, stop: int | None) -> Array:
    return indexing.getitem(x, (slice(None),) * (axis % x.ndim) + (slice(start, stop),))


def _areas(y: Any, x: Any, dx: float, axis: int) -> Array:
    y = as_array(y)
    heights = el.multiply(el.add(_part(y, axis, 1, None), _part(y, axis, None, -1)), 0.5)
    if x is None:
        return el.multiply(heights, dx)
    return el.multiply(heights, diff(x, axis=axis if as_array(x).ndim > 1 else -1))
