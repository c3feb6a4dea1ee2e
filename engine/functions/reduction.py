"""Reductions along an axis: None for all axes, an int, or a tuple; negative axes count from the end."""

from __future__ import annotations

import math
from typing import Any

from gradproof.engine.array import Array, as_array, raw_of
from gradproof.engine.backend import Axis, constant
from gradproof.engine.functions import elementwise as el
from gradproof.engine.functions import shape
from gradproof.engine.library import full, is_complex
from gradproof.engine.tape import apply


def sum(x: Any, axis: Axis = None, keepdims: bool = False) -> Array:
    """The sum along an axis."""
    return apply("sum", (x,), {"axis": axis, "keepdims": keepdims})


def mean(x: Any, axis: Axis = None, keepdims: bool = False) -> Array:
    """The mean along an axis."""
    return apply("mean", (as_array(x),), {"axis": axis, "keepdims": keepdims})


def max(x: Any, axis: Axis = None, keepdims: bool = False) -> Array:
    """The greatest entry along an axis; tied entries share the cotangent evenly."""
    return apply("max", (x,), {"axis": axis, "keepdims": keepdims})


def min(x: Any, axis: Axis = None, keepdims: bool = False) -> Array:
    """The least entry along an axis; tied entries share the cotangent evenly."""
    return apply("min", (x,), {"axis": axis, "keepdims": keepdims})


def var(x: Any, axis: Axis = None, correction: float = 0.0, keepdims: bool = False) -> Array:
    """The variance along an axis: squared deviations over (count - correction)."""
    return apply("var", (as_array(x),), {"axis": axis, "correction": correction, "keepdims": keepdims})


def std(x: Any, axis: Axis = None, correction: float = 0.0, keepdims: bool = False) -> Array:
    """The standard deviation along an axis; its gradient at constant entries is 0."""
    return apply("std", (as_array(x),), {"axis": axis, "correction": correction, "keepdims": keepdims})


def centred(x: Any, axis: Axis = None) -> Array:
    """x less its mean along an axis; exactly 0 for constants, since the mean is corrected once."""
    x = as_array(x)
    middle = mean(x, axis=axis, keepdims=True)
    return el.subtract(x, el.add(middle, mean(el.subtract(x, middle), axis=axis, keepdims=True)))


def prod(x: Any, axis: Axis = None, keepdims: bool = False) -> Array:
    """The product along an axis.

    Composed: a tree of multiplies never divides by an entry, so that zeros need no case and every order is right.
    """
    x = as_array(x)
    ndim = len(x.shape)
    axes = tuple(range(ndim)) if axis is None else tuple(a % ndim for a in (axis if isinstance(axis, tuple) else (axis,)))
    rest = tuple(i for i in range(ndim) if i not in axes)
    lengths = tuple(x.shape[i] for i in rest)
    count = math.prod(x.shape[i] for i in axes)
    if axes != tuple(range(len(rest), ndim)):
        x = shape.permute_dims(x, rest + axes)
    if len(axes) != 1:
        x = shape.reshape(x, (*lengths, count))
    while count > 1:
        half = count // 2
        pairs = el.multiply(x[..., :half], x[..., half : 2 * half])
        x = pairs if count % 2 == 0 else shape.concat([pairs, x[..., 2 * half :]], axis=-1)
        count -= half
    out = x[..., 0] if count else Array(full(lengths, 1.0, x.data))
    if keepdims:
        out = shape.expand_dims(out, axes)
    return out


def logsumexp(x: Any, axis: Axis = None, keepdims: bool = False) -> Array:
    """log(sum(exp(x))) along an axis, without overflow."""
    return apply("logsumexp", (as_array(x),), {"axis": axis, "keepdims": keepdims})


def vector_norm(x: Any, axis: Axis = None, keepdims: bool = False, ord: float = 2) -> Array:
    """The norm along an axis (sum of |x|**ord, to 1/ord; inf is the greatest magnitude), without overflow."""
    x = as_array(x)
    if ord == 1:
        return sum(el.abs(x), axis=axis, keepdims=keepdims)
    if ord == math.inf:
        return max(el.abs(x), axis=axis, keepdims=keepdims)
    if ord == -math.inf:
        return min(el.abs(x), axis=axis, keepdims=keepdims)
    x = el.abs(x) if is_complex(x.dtype) else x
    return apply("vector_norm", (x,), {"axis": axis, "keepdims": keepdims, "ord": ord})


def cumulative_sum(x: Any, axis: int | None = None, include_initial: bool = False) -> Array:
    """Partial sums along an axis, from 0 on if ``include_initial``."""
    x = as_array(x)
    return apply("cumulative_sum", (x,), {"axis": 0 if axis is None else axis, "include_initial": include_initial})


def ties(mask: Any, axis: Axis, dtype: Any) -> Any:
    """How many entries of a boolean array are set along an axis; a constant."""
    return constant("ties", raw_of(mask), axis=axis, dtype=dtype)


def extreme_pullback(ct: Any, out: Any, x: Any, axis: Axis) -> Array:
    """The cotangent of x where ``out`` is its greatest, or least, along an axis: ties share ct. ``out`` and ct keep the axis."""
    hit = raw_of(x) == raw_of(out)
    return el.where(hit, el.divide(ct, ties(hit, axis=axis, dtype=x.dtype)), 0.0)
