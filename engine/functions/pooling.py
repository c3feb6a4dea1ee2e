"""Pooling over the last one to three axes. All composed: windows (or slices), then a reduction.

``window``, ``stride``, ``padding``, ``dilation`` and ``size`` are one number, or one for each of these axes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import product
from typing import Any

import numpy as np

from gradproof.engine.array import Array, as_array
from gradproof.engine.errors import ShapeError
from gradproof.engine.functions import elementwise as el
from gradproof.engine.functions import reduction, shape
from gradproof.engine.functions.convolution import Steps, steps, windows

__all__ = [
    "adaptive_avg_pool1d",
    "adaptive_avg_pool2d",
    "adaptive_avg_pool3d",
    "adaptive_max_pool1d",
    "adaptive_max_pool2d",
    "adaptive_max_pool3d",
    "avg_pool1d",
    "avg_pool2d",
    "avg_pool3d",
    "lp_pool1d",
    "lp_pool2d",
    "max_pool1d",
    "max_pool2d",
    "max_pool3d",
]


def max_pool1d(x: Any, window: Steps, stride: Steps | None = None, padding: Steps = 0, dilation: Steps = 1) -> Array:
    """The greatest entry of each window over the last axis; ties share evenly."""
    return _max_pool("max_pool1d", 1, x, window, stride, padding, dilation)


def max_pool2d(x: Any, window: Steps, stride: Steps | None = None, padding: Steps = 0, dilation: Steps = 1) -> Array:
    """The greatest entry of each window over the last two axes; ties share evenly."""
    return _max_pool("max_pool2d", 2, x, window, stride, padding, dilation)


def max_pool3d(x: Any, window: Steps, stride: Steps | None = None, padding: Steps = 0, dilation: Steps = 1) -> Array:
    """The greatest entry of each window over the last three axes; ties share evenly."""
    return _max_pool("max_pool3d", 3, x, window, stride, padding, dilation)


def avg_pool1d(x: Any, window: Steps, stride: Steps | None = None, padding: Steps = 0, count_include_pad: bool = True) -> Array:
    """The mean of each window over the last axis; zeros of the padding count, or do not."""
    return _avg_pool("avg_pool1d", 1, x, window, stride, padding, count_include_pad)


def avg_pool2d(x: Any, window: Steps, stride: Steps | None = None, padding: Steps = 0, count_include_pad: bool = True) -> Array:
    """The mean of each window over the last two axes; zeros of the padding count, or do not."""
    return _avg_pool("avg_pool2d", 2, x, window, stride, padding, count_include_pad)


def avg_pool3d(x: Any, window: Steps, stride: Steps | None = None, padding: Steps = 0, count_include_pad: bool = True) -> Array:
    """The mean of each window over the last three axes; zeros of the padding count, or do not."""
    return _avg_pool("avg_pool3d", 3, x, window, stride, padding, count_include_pad)


def lp_pool1d(x: Any, order: float, window: Steps, stride: Steps | None = None) -> Array:
    """The norm of each window over the last axis, without overflow."""
    return _lp_pool("lp_pool1d", 1, x, order, window, stride)


def lp_pool2d(x: Any, order: float, window: Steps, stride: Steps | None = None) -> Array:
    """The norm of each window over the last two axes, without overflow."""
    return _lp_pool("lp_pool2d", 2, x, order, window, stride)


def adaptive_avg_pool1d(x: Any, size: Steps) -> Array:
    """The mean of each of ``size`` bins that cover the last axis."""
    return _adaptive("adaptive_avg_pool1d", 1, x, size, reduction.mean)


def adaptive_avg_pool2d(x: Any, size: Steps) -> Array:
    """The mean of each of ``size`` bins that cover the last two axes; size 1 is global pooling."""
    return _adaptive("adaptive_avg_pool2d", 2, x, size, reduction.mean)


def adaptive_avg_pool3d(x: Any, size: Steps) -> Array:
    """The mean of each of ``size`` bins that cover the last three axes."""
    return _adaptive("adaptive_avg_pool3d", 3, x, size, reduction.mean)


def adaptive_max_pool1d(x: Any, size: Steps) -> Array:
    """The greatest entry of each of ``size`` bins that cover the last axis; ties share evenly."""
    return _adaptive("adaptive_max_pool1d", 1, x, size, reduction.max)


def adaptive_max_pool2d(x: Any, size: Steps) -> Array:
    """The greatest entry of each of ``size`` bins that cover the last two axes; ties share evenly."""
    return _adaptive("adaptive_max_pool2d", 2, x, size, reduction.max)


def adaptive_max_pool3d(x: Any, size: Steps) -> Array:
    """The greatest entry of each of ``size`` bins that cover the last three axes; ties share evenly."""
    return _adaptive("adaptive_max_pool3d", 3, x, size, reduction.max)


# ---- once for every number of axes


def _last(rank: int) -> tuple[int, ...]:
    return tuple(range(-rank, 0))


def _view(
    name: str, rank: int, x: Array, window: Steps, stride: Steps | None, padding: Steps, dilation: Steps, border: float
) -> tuple[Array, tuple[int, ...], tuple[int, ...], tuple[int, ...]]:
    """Every window, with the window, stride and padding as tuples."""
    wide = steps(window, rank, f"{name}: window")
    step = wide if stride is None else steps(stride, rank, f"{name}: stride")
    around, apart = steps(padding, rank, f"{name}: padding"), steps(dilation, rank, f"{name}: dilation")
    if any(2 * p > k for p, k in zip(around, wide, strict=True)):
        raise ShapeError(f"{name}: padding {around} is more than half of the window {wide}; a window would be all padding.")
    if x.ndim >= rank and any(around):
        x = shape.pad(x, ((0, 0),) * (x.ndim - rank) + tuple((p, p) for p in around), border)
    if x.ndim < rank or any(n < d * (k - 1) + 1 for n, k, d in zip(x.shape[-rank:], wide, apart, strict=True)):
        raise ShapeError(
            f"{name}: a window of {' x '.join(map(str, wide))} does not fit an image of shape {x.shape} (with padding)."
        )
    return windows(x, wide, step, apart), wide, step, around


def _max_pool(name: str, rank: int, x: Any, window: Steps, stride: Steps | None, padding: Steps, dilation: Steps) -> Array:
    view, *_ = _view(name, rank, as_array(x), window, stride, padding, dilation, -math.inf)
    return reduction.max(view, axis=_last(rank))


def _avg_pool(name: str, rank: int, x: Any, window: Steps, stride: Steps | None, padding: Steps, count_include_pad: bool) -> Array:
    x = as_array(x)
    view, wide, step, around = _view(name, rank, x, window, stride, padding, 1, 0.0)
    if count_include_pad or not any(around):
        return reduction.mean(view, axis=_last(rank))
    filled = np.ones((1,) * rank)
    for i, (n, k, s, p) in enumerate(zip(x.shape[-rank:], wide, step, around, strict=True)):
        starts = np.arange(view.shape[-2 * rank + i]) * s - p
        met = np.minimum(starts + k, n) - np.maximum(starts, 0)
        filled = filled * met.reshape((-1,) + (1,) * (rank - 1 - i))
    return el.divide(reduction.sum(view, axis=_last(rank)), el.beside(x, filled))


def _lp_pool(name: str, rank: int, x: Any, order: float, window: Steps, stride: Steps | None) -> Array:
    view, *_ = _view(name, rank, as_array(x), window, stride, 0, 1, 0.0)
    return reduction.vector_norm(view, axis=_last(rank), ord=order)


def _adaptive(name: str, rank: int, x: Any, size: Steps, reduce: Callable[..., Array]) -> Array:
    x, counts = as_array(x), steps(size, rank, f"{name}: size")
    lengths = x.shape[-rank:]
    if x.ndim < rank or min(lengths) < 1 or min(counts) < 1:
        raise ShapeError(f"{name}: x of shape {x.shape} into {counts} bins; expected at least one entry and one bin an axis.")
    if all(n % count == 0 for n, count in zip(lengths, counts, strict=True)):  # bins that do not overlap are windows
        wide = tuple(n // count for n, count in zip(lengths, counts, strict=True))
        return reduce(windows(x, wide, wide, (1,) * rank), axis=_last(rank))
    parts = [_bins(n, count) for n, count in zip(lengths, counts, strict=True)]
    made = [reduce(x[(..., *key)], axis=_last(rank)) for key in product(*parts)]
    return shape.reshape(shape.stack(made, axis=-1), (*x.shape[:-rank], *counts))


def _bins(n: int, count: int) -> Sequence[slice]:
    return [slice(i * n // count, -(-(i + 1) * n // count)) for i in range(count)]
