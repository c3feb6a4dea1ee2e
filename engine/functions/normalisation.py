"""Normalisation: by mean and variance, by lengths; and dropout. All composed.

Shapes: x (N, C, ...), where there are channels; weight and bias (C,).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from gradproof.engine.array import Array, as_array, raw_of
from gradproof.engine.errors import ShapeError
from gradproof.engine.functions import elementwise as el
from gradproof.engine.functions import reduction, shape
from gradproof.engine.functions.convolution import windows
from gradproof.engine.functions.narrow import in_float32

__all__ = [
    "batch_norm",
    "batch_norm_inference",
    "dropout",
    "dropout_mask",
    "group_norm",
    "instance_norm",
    "layer_norm",
    "local_response_norm",
    "normalize",
    "rms_norm",
    "weight_norm",
]


def _standardized(x: Array, axes: int | tuple[int, ...], eps: float) -> Array:
    """x brought to mean 0 and, but for eps, variance 1 over the axes."""
    centred = el.subtract(x, reduction.mean(x, axis=axes, keepdims=True))
    return el.multiply(centred, el.rsqrt(reduction.mean(el.square(centred), axis=axes, keepdims=True) + eps))


def _affine(x: Array, weight: Any, bias: Any) -> Array:
    """Scaled and shifted by one value a channel, where those are given."""
    if weight is not None:
        x = el.multiply(x, _by_channel(weight, x.ndim))
    return x if bias is None else el.add(x, _by_channel(bias, x.ndim))


def _by_channel(values: Any, ndim: int) -> Array:
    return shape.reshape(values, (1, -1, *(1,) * (ndim - 2)))


def _with_channels(name: str, x: Any, least: int) -> Array:
    made: Array = as_array(x)
    if made.ndim < least:
        raise ShapeError(f"{name}: x of shape {made.shape}; expected {least} axes or more, (N, C, ...).")
    return made


@in_float32
def layer_norm(x: Any, weight: Any, bias: Any, eps: float = 1e-5) -> Array:
    """The last axis brought to mean 0 and variance 1, then scaled and shifted."""
    return el.add(el.multiply(_standardized(as_array(x), -1, eps), weight), bias)


@in_float32
def batch_norm(x: Any, weight: Any = None, bias: Any = None, eps: float = 1e-5) -> Array:
    """Each channel brought to mean 0 and variance 1 over the batch and all places, then scaled and shifted."""
    x = _with_channels("batch_norm", x, 2)
    return _affine(_standardized(x, (0, *range(2, x.ndim)), eps), weight, bias)


@in_float32
def batch_norm_inference(
    x: Any, mean: Any, variance: Any, weight: Any = None, bias: Any = None, eps: float = 1e-5
) -> Array:
    """batch_norm by a mean and a variance of each channel that are given."""
    x = _with_channels("batch_norm_inference", x, 2)
    scale = el.rsqrt(el.add(_by_channel(variance, x.ndim), eps))
    return _affine(el.multiply(el.subtract(x, _by_channel(mean, x.ndim)), scale), weight, bias)


@in_float32
def group_norm(x: Any, weight: Any = None, bias: Any = None, groups: int = 1, eps: float = 1e-5) -> Array:
    """Each group of channels of a sample brought to mean 0 and variance 1, then each channel scaled and shifted."""
    x = _with_channels("group_norm", x, 2)
    n, c, *rest = x.shape
    if c % groups:
        raise ShapeError(f"group_norm: {c} channels in {groups} groups; expected a multiple.")
    apart = shape.reshape(x, (n, groups, c // groups, *rest))
    return _affine(shape.reshape(_standardized(apart, tuple(range(2, apart.ndim)), eps), x.shape), weight, bias)


@in_float32
def instance_norm(x: Any, weight: Any = None, bias: Any = None, eps: float = 1e-5) -> Array:
    """Each channel of a sample brought to mean 0 and variance 1 over its places, then scaled and shifted."""
    x = _with_channels("instance_norm", x, 3)
    return _affine(_standardized(x, tuple(range(2, x.ndim)), eps), weight, bias)


@in_float32
def rms_norm(x: Any, weight: Any = None, eps: float = 1e-5) -> Array:
    """The last axis over the root of its mean square, then scaled."""
    x = as_array(x)
    made = el.multiply(x, el.rsqrt(reduction.mean(el.square(x), axis=-1, keepdims=True) + eps))
    return made if weight is None else el.multiply(made, weight)


@in_float32
def local_response_norm(x: Any, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> Array:
    """x over (k + alpha * the mean square of ``size`` neighbouring channels) ** beta."""
    x = _with_channels("local_response_norm", x, 2)
    before, after = size // 2, (size - 1) // 2
    around = shape.pad(el.square(x), ((0, 0), (before, after), *((0, 0),) * (x.ndim - 2)))
    last = shape.permute_dims(around, (0, *range(2, x.ndim), 1))
    near = reduction.sum(windows(last, (size,), (1,), (1,)), axis=-1)
    near = shape.permute_dims(near, (0, x.ndim - 1, *range(1, x.ndim - 1)))
    return el.divide(x, el.pow(near * (alpha / size) + k, beta))


@in_float32
def normalize(x: Any, axis: int = -1, eps: float = 1e-12) -> Array:
    """x over its Euclidean length along an axis, or over eps where that is longer."""
    x = as_array(x)
    return el.divide(x, el.clip(reduction.vector_norm(x, axis=axis, keepdims=True), min=eps))


@in_float32
def weight_norm(v: Any, g: Any) -> Array:
    """Filters of the directions v and the lengths g. Shapes: v (O, ...), g (O, 1, ...)."""
    v = as_array(v)
    return el.multiply(v, el.divide(g, reduction.vector_norm(v, axis=tuple(range(1, v.ndim)), keepdims=True)))


def dropout(x: Any, mask: Any, rate: float) -> Array:
    """x / (1 - rate) where the mask is True, and 0 elsewhere; ``dropout_mask`` draws one."""
    return el.where(raw_of(mask), el.divide(x, 1.0 - rate), 0.0)


def dropout_mask(key: int, shape: tuple[int, ...], rate: float) -> Any:
    """Which entries stay: each with probability 1 - rate, and the same ones for the same key."""
    if not 0.0 <= rate < 1.0:
        raise ValueError(f"dropout_mask: rate={rate}, expected a number from 0 to below 1.")
    return np.random.default_rng(key).random(shape) >= rate
