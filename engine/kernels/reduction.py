"""Kernels of reductions. ``axis`` is None for all axes, an int, or a tuple."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from gradproof.engine.kernels.kernel import Axis, Bound, Raw, Table, axes_of, count, entries, few, like, numpy, standard


def mean(xp: Any, x: Raw, *, axis: Axis = None, keepdims: bool = False) -> Raw:
    return xp.divide(xp.sum(x, axis=axis, keepdims=keepdims), count(x.shape, axis))


def centred(xp: Any, x: Raw, *, axis: Axis) -> Raw:
    """x less its mean. The mean is corrected once by that of the differences, so that constants give exactly 0."""
    middle = mean(xp, x, axis=axis, keepdims=True)
    return x - (middle + mean(xp, x - middle, axis=axis, keepdims=True))


def var(xp: Any, x: Raw, *, axis: Axis, correction: float, keepdims: bool) -> Raw:
    total = xp.sum(xp.square(centred(xp, x, axis=axis)), axis=axis, keepdims=keepdims)
    return xp.divide(total, max(count(x.shape, axis) - correction, 0))


def std(xp: Any, x: Raw, *, axis: Axis, correction: float, keepdims: bool) -> Raw:
    norm = vector_norm(xp, centred(xp, x, axis=axis), axis=axis, keepdims=keepdims, ord=2)
    return xp.divide(norm, math.sqrt(max(count(x.shape, axis) - correction, 0)))


def ties(xp: Any, mask: Raw, *, axis: Axis, dtype: Any) -> Raw:
    """How many entries of ``mask`` are set along ``axis``, kept as size 1."""
    return xp.sum(xp.astype(mask, dtype), axis=axis, keepdims=True)


def extreme_pullback(xp: Any, ct: Raw, out: Raw, x: Raw, *, axis: Axis) -> Raw:
    """What the entries of x equal to ``out`` get of its cotangent: ties share. ``out`` and ct keep the axis as size 1."""
    hit = x == out
    return xp.where(hit, ct / ties(xp, hit, axis=axis, dtype=x.dtype), 0.0)


def peak(xp: Any, x: Raw, axis: Axis) -> Raw:
    """The largest entry along ``axis``, kept as size 1; 0 where that is infinite, or there is none: to be subtracted."""
    if 0 in x.shape and count(x.shape, axis) == 0:
        axes = axes_of(axis, len(x.shape))
        return xp.zeros(tuple(1 if i in axes else n for i, n in enumerate(x.shape)), **like(x))
    top = xp.max(x, axis=axis, keepdims=True)
    return xp.where(xp.isfinite(top), top, 0.0)


def logsumexp(xp: Any, x: Raw, *, axis: Axis, keepdims: bool) -> Raw:
    top = peak(xp, x, axis)
    out = xp.log(xp.sum(xp.exp(x - top), axis=axis, keepdims=True)) + top
    return out if keepdims else xp.squeeze(out, axis=axes_of(axis, len(x.shape)))


def softmax(xp: Any, x: Raw, *, axis: Axis) -> Raw:
    e = xp.exp(x - peak(xp, x, axis))
    return e / xp.sum(e, axis=axis, keepdims=True)


def log_softmax(xp: Any, x: Raw, *, axis: Axis) -> Raw:
    shifted = x - peak(xp, x, axis)
    return shifted - xp.log(xp.sum(xp.exp(shifted), axis=axis, keepdims=True))


def vector_norm(xp: Any, x: Raw, *, axis: Axis, keepdims: bool, ord: float) -> Raw:
    """The norm of entries scaled by the largest, so that no power overflows or underflows."""
    size = xp.abs(x)
    top = peak(xp, size, axis)
    top = xp.where(top == 0, 1.0, top)
    scaled = size / top
    total = xp.sum(scaled * scaled if ord == 2 else scaled**ord, axis=axis, keepdims=True)
    out = top * (xp.sqrt(total) if ord == 2 else total ** (1.0 / ord))
    return out if keepdims else xp.squeeze(out, axis=axes_of(axis, len(x.shape)))


def _extreme_pullback(ct: Raw, out: Raw, x: Raw, *, axis: Axis) -> Raw:
    rank = few(x, axis)
    if not rank:
        return extreme_pullback(numpy, ct, out, x, axis=axis)
    first: tuple[Any, ...] = (..., *(0,) * rank)
    ct, out = (np.broadcast_to(y, (*x.shape[:-rank], *y.shape[-rank:]))[first] for y in (ct, out))
    hit = np.stack([part == out for part in entries(x, rank)])  # a window's entries first: whole passes, where NumPy loops over 4 entries
    given = np.zeros(hit.shape, np.result_type(ct, x))
    np.copyto(given, ct / np.add.reduce(hit, axis=0, dtype=x.dtype), where=hit)
    given = given.reshape(*x.shape[-rank:], *x.shape[:-rank])
    return given.transpose((*range(rank, x.ndim), *range(rank)))


def _ties(mask: Raw, *, axis: Axis, dtype: Any) -> Raw:
    return np.add.reduce(mask, axis=axis, keepdims=True, dtype=dtype)


KERNELS: Table = standard("cumulative_sum max min sum") | {
    "centred": centred, "extreme_pullback": extreme_pullback, "log_softmax": log_softmax, "logsumexp": logsumexp, "mean": mean, "softmax": softmax, "std": std,
    "ties": ties, "var": var, "vector_norm": vector_norm,
}  # fmt: skip
NUMPY: Bound = {"extreme_pullback": _extreme_pullback, "ties": _ties}
