# mypy: disable-error-code="no-any-return"
"""Convolution, pooling, patches and normalisation in JAX: ``jax.lax``, as libraries of layers call it."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
from jax import Array

Steps = tuple[int, ...]


def conv1d(x: Array, weight: Array, bias: Array | None = None, *, stride: Steps, padding: Steps, dilation: Steps | None = None, groups: int = 1) -> Array:
    """Of any rank: the axes of the stride say which."""
    sides = [(width, width) for width in padding]
    out = jax.lax.conv_general_dilated(x, weight, stride, sides, rhs_dilation=dilation, feature_group_count=groups)
    return out if bias is None else out + bias.reshape((1, -1) + (1,) * len(stride))


def conv2d(x: Array, weight: Array, bias: Array | None = None, *, stride: Steps, padding: Steps, dilation: Steps | None = None, groups: int = 1) -> Array:
    return conv1d(x, weight, bias, stride=stride, padding=padding, dilation=dilation, groups=groups)


def conv3d(x: Array, weight: Array, bias: Array | None = None, *, stride: Steps, padding: Steps, dilation: Steps | None = None, groups: int = 1) -> Array:
    return conv1d(x, weight, bias, stride=stride, padding=padding, dilation=dilation, groups=groups)


def conv_transpose1d(
    x: Array, weight: Array, bias: Array | None = None, *,
    stride: Steps, padding: Steps, output_padding: Steps, dilation: Steps, groups: int,
) -> Array:  # fmt: skip
    """Of any rank: lhs_dilation is the stride, and the filters are turned round."""
    window = weight.shape[2:]
    reach = [d * (k - 1) - p for k, d, p in zip(window, dilation, padding, strict=True)]
    deep, wide = weight.shape[0] // groups, weight.shape[1]
    turned = jnp.swapaxes(weight.reshape((groups, deep, wide, *window)), 1, 2).reshape((groups * wide, deep, *window))
    out = jax.lax.conv_general_dilated(
        x, jnp.flip(turned, tuple(range(2, 2 + len(window)))), (1,) * len(window),
        [(r, r + after) for r, after in zip(reach, output_padding, strict=True)],
        lhs_dilation=stride, rhs_dilation=dilation, feature_group_count=groups,
    )  # fmt: skip
    return out if bias is None else out + bias.reshape((1, -1) + (1,) * len(stride))


def conv_transpose2d(
    x: Array, weight: Array, bias: Array | None = None, *,
    stride: Steps, padding: Steps, output_padding: Steps, dilation: Steps, groups: int,
) -> Array:  # fmt: skip
    return conv_transpose1d(
        x, weight, bias, stride=stride, padding=padding, output_padding=output_padding, dilation=dilation, groups=groups
    )


def conv_transpose3d(
    x: Array, weight: Array, bias: Array | None = None, *,
    stride: Steps, padding: Steps, output_padding: Steps, dilation: Steps, groups: int,
) -> Array:  # fmt: skip
    return conv_transpose1d(
        x, weight, bias, stride=stride, padding=padding, output_padding=output_padding, dilation=dilation, groups=groups
    )


def unfold(x: Array, window: Steps, stride: Steps, padding: Steps, dilation: Steps) -> Array:
    sides = [(width, width) for width in padding]
    out = jax.lax.conv_general_dilated_patches(x, window, stride, sides, rhs_dilation=dilation)
    return out.reshape((*out.shape[:2], -1))


def _around(rank: int, window: Steps, stride: Steps, padding: Steps, dilation: Steps) -> tuple[Steps, Steps, list[tuple[int, int]], Steps]:
    ones = (1,) * (rank - len(window))
    return ones + window, ones + stride, [(0, 0)] * len(ones) + [(p, p) for p in padding], ones + dilation


def max_pool1d(x: Array, window: Steps, stride: Steps, padding: Steps | None = None, dilation: Steps | None = None) -> Array:
    """Of any rank: the axes of the window say which."""
    wide, step, sides, apart = _around(x.ndim, window, stride, padding or (0,) * len(window), dilation or (1,) * len(window))
    return jax.lax.reduce_window(x, -jnp.inf, jax.lax.max, wide, step, sides, window_dilation=apart)


def max_pool2d(x: Array, window: Steps, stride: Steps, padding: Steps | None = None, dilation: Steps | None = None) -> Array:
    return max_pool1d(x, window, stride, padding, dilation)


def max_pool3d(x: Array, window: Steps, stride: Steps, padding: Steps | None = None, dilation: Steps | None = None) -> Array:
    return max_pool1d(x, window, stride, padding, dilation)


def avg_pool1d(x: Array, window: Steps, stride: Steps, padding: Steps, count_include_pad: bool) -> Array:
    """Of any rank: the axes of the window say which."""
    wide, step, sides, _ = _around(x.ndim, window, stride, padding, (1,) * len(window))
    total = jax.lax.reduce_window(x, 0.0, jax.lax.add, wide, step, sides)
    if count_include_pad:
        return total / math.prod(window)
    return total / jax.lax.reduce_window(jnp.ones_like(x), 0.0, jax.lax.add, wide, step, sides)


def avg_pool2d(x: Array, window: Steps, stride: Steps, padding: Steps, count_include_pad: bool) -> Array:
    return avg_pool1d(x, window, stride, padding, count_include_pad)


def avg_pool3d(x: Array, window: Steps, stride: Steps, padding: Steps, count_include_pad: bool) -> Array:
    return avg_pool1d(x, window, stride, padding, count_include_pad)


def _standardized(x: Array, axes: int | Steps, eps: float) -> Array:
    variance = jnp.var(x, axis=axes, keepdims=True)  # the default, mean(x**2) - mean(x)**2, cancels
    return jax.nn.standardize(x, axis=axes, variance=variance, epsilon=eps)


def _affine(x: Array, weight: Array, bias: Array) -> Array:
    shape = (1, -1) + (1,) * (x.ndim - 2)
    return x * weight.reshape(shape) + bias.reshape(shape)


def layer_norm(x: Array, weight: Array, bias: Array, eps: float) -> Array:
    return _standardized(x, -1, eps) * weight + bias


def batch_norm(x: Array, weight: Array, bias: Array, eps: float) -> Array:
    return _affine(_standardized(x, (0, *range(2, x.ndim)), eps), weight, bias)


def group_norm(x: Array, weight: Array, bias: Array, groups: int, eps: float) -> Array:
    apart = x.reshape((x.shape[0], groups, -1, *x.shape[2:]))
    return _affine(_standardized(apart, tuple(range(2, apart.ndim)), eps).reshape(x.shape), weight, bias)


def instance_norm(x: Array, weight: Array, bias: Array, eps: float) -> Array:
    return _affine(_standardized(x, tuple(range(2, x.ndim)), eps), weight, bias)


def linear(x: Array, weight: Array, bias: Array | None = None) -> Array:
    out = jnp.matmul(x, weight.T)
    return out if bias is None else out + bias


def bilinear(x: Array, y: Array, weight: Array, bias: Array | None = None) -> Array:
    out = jnp.einsum("...i,oij,...j->...o", x, weight, y)
    return out if bias is None else out + bias
