# mypy: disable-error-code="no-any-return"
"""TensorFlow under array-API names: each op is the TensorFlow operation people really use, so its own gradient is tested."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import tensorflow as tf

from gradproof.oracles.adapters.numpy_names import key_of
from gradproof.oracles.errors import Unsupported

Tensor = Any
Axis = int | tuple[int, ...] | None

# elementwise

abs, acos, acosh, asin, asinh, atan, atanh = tf.abs, tf.acos, tf.acosh, tf.asin, tf.asinh, tf.atan, tf.atanh
cos, cosh, erf, erfc, exp, expm1, log, log1p = tf.cos, tf.cosh, tf.math.erf, tf.math.erfc, tf.exp, tf.math.expm1, tf.math.log, tf.math.log1p
negative, reciprocal, rsqrt, sign, sin, sinh, sqrt, square = (
    tf.negative, tf.math.reciprocal, tf.math.rsqrt, tf.sign, tf.sin, tf.sinh, tf.sqrt, tf.square,
)  # fmt: skip
tan, tanh, add, subtract, multiply, divide, pow = tf.tan, tf.tanh, tf.add, tf.subtract, tf.multiply, tf.divide, tf.pow
maximum, minimum, atan2, xlogy, where = tf.maximum, tf.minimum, tf.atan2, tf.math.xlogy, tf.where


def clip(x: Tensor, min: float | None, max: float | None) -> Tensor:
    """``tf.clip_by_value`` has two bounds."""
    if min is None or max is None:
        return tf.maximum(x, tf.cast(min, x.dtype)) if max is None else tf.minimum(x, tf.cast(max, x.dtype))
    return tf.clip_by_value(x, min, max)


# reductions


def _reduction(function: Any) -> Any:
    return lambda x, axis, keepdims: function(x, axis=axis, keepdims=keepdims)


sum, mean, prod = map(_reduction, (tf.reduce_sum, tf.reduce_mean, tf.reduce_prod))
max, min, logsumexp = map(_reduction, (tf.reduce_max, tf.reduce_min, tf.reduce_logsumexp))


def _spread(function: Any, root: bool) -> Any:
    """TensorFlow divides a variance by the count alone."""

    def of(x: Tensor, axis: Axis, correction: float, keepdims: bool) -> Tensor:
        if not correction:
            return function(x, axis=axis, keepdims=keepdims)
        found = function(x, axis=axis, keepdims=keepdims)
        share = np.float64(tf.size(x)) / np.maximum(tf.size(found), 1)  # entries that each variance is of
        factor = share / (share - correction)
        return found * tf.constant(np.sqrt(factor) if root else factor, x.dtype)

    return of


var, std = _spread(tf.math.reduce_variance, False), _spread(tf.math.reduce_std, True)


def cumulative_sum(x: Tensor, axis: int, include_initial: bool) -> Tensor:
    if include_initial:
        x = tf.concat([tf.zeros_like(tf.reduce_sum(x, axis, keepdims=True)), x], axis)
    return tf.cumsum(x, axis)


# shape

reshape, broadcast_to = tf.reshape, tf.broadcast_to
expand_dims = tf.expand_dims


def permute_dims(x: Tensor, axes: tuple[int, ...]) -> Tensor:
    return tf.transpose(x, [a % len(axes) for a in axes])


def matrix_transpose(x: Tensor) -> Tensor:
    return tf.linalg.matrix_transpose(x)


def squeeze(x: Tensor, axis: int | tuple[int, ...]) -> Tensor:
    return x if axis == () else tf.squeeze(x, axis)  # TensorFlow reads no axes as all of them


def concat(arrays: list[Tensor], axis: int | None) -> Tensor:
    return tf.concat([tf.reshape(x, [-1]) for x in arrays], 0) if axis is None else tf.concat(arrays, axis)


def stack(arrays: list[Tensor], axis: int) -> Tensor:
    return tf.stack(arrays, axis)


def flip(x: Tensor, axis: Axis) -> Tensor:
    return tf.reverse(x, list(range(x.ndim)) if axis is None else [axis] if isinstance(axis, int) else list(axis))


def roll(x: Tensor, shift: int | tuple[int, ...], axis: Axis) -> Tensor:
    return tf.reshape(tf.roll(tf.reshape(x, [-1]), shift, 0), x.shape) if axis is None else tf.roll(x, shift, axis)


def tile(x: Tensor, repetitions: tuple[int, ...]) -> Tensor:
    missing = x.ndim - len(repetitions)
    whole = (1,) * missing + repetitions if missing > 0 else repetitions
    return tf.tile(tf.reshape(x, (1,) * -missing + tuple(x.shape)) if missing < 0 else x, whole)


def repeat(x: Tensor, repeats: int, axis: int | None) -> Tensor:
    return tf.repeat(x, repeats, axis)


def pad(x: Tensor, pad_width: tuple[tuple[int, int], ...], value: float) -> Tensor:
    return tf.pad(x, pad_width, constant_values=value) if pad_width else x


# indexing


def getitem(x: Tensor, key: tuple[Any, ...]) -> Tensor:
    if any(isinstance(part, tuple) for part in key):
        raise Unsupported("a tensor takes no index arrays; tf.gather does")
    return x[key_of(key)]


def take(x: Tensor, indices: Tensor, axis: int) -> Tensor:
    return tf.gather(x, tf.where(indices < 0, indices + x.shape[axis], indices), axis=axis)


# products



def matmul(x: Tensor, y: Tensor) -> Tensor:
    """``tf.matmul`` multiplies matrices, ``tf.linalg.matvec`` a matrix by a vector."""
    if x.ndim == 1:
        return tf.tensordot(x, y, 1) if y.ndim == 1 else tf.linalg.matvec(y, x, transpose_a=True)
    return tf.linalg.matvec(x, y) if y.ndim == 1 else tf.matmul(x, y)


tensordot = tf.tensordot


def einsum(subscripts: str, *operands: Tensor) -> Tensor:
    return tf.einsum(subscripts, *operands)


def _diagonal(x: Tensor, offset: int) -> Tensor:
    if not -x.shape[-2] < offset < x.shape[-1]:
        raise Unsupported("tf.linalg.diag_part takes diagonals that the matrix has")
    return tf.linalg.diag_part(x, k=offset)


def _norm(x: Tensor, axis: Axis, keepdims: bool, ord: float) -> Tensor:
    if isinstance(axis, tuple) and len(axis) != 1:
        raise Unsupported("tf.norm takes one axis of vectors, or all")
    return tf.norm(x, ord, axis[0] if isinstance(axis, tuple) else axis, keepdims)


linalg = SimpleNamespace(
    cholesky=lambda x: tf.linalg.cholesky((x + tf.linalg.matrix_transpose(x)) / 2),
    det=tf.linalg.det,
    inv=tf.linalg.inv,
    solve=lambda x, y: tf.linalg.solve(x, y) if y.ndim > 1 else tf.linalg.solve(x, y[:, None])[..., 0],
    vector_norm=_norm,
    trace=lambda x, offset: tf.linalg.trace(x) if offset == 0 else tf.reduce_sum(_diagonal(x, offset), -1),
    diagonal=_diagonal,
)


def _reduced(losses: Tensor, reduction: str) -> Tensor:
    return tf.reduce_mean(losses) if reduction == "mean" else tf.reduce_sum(losses) if reduction == "sum" else losses


nn = SimpleNamespace(
    relu=tf.nn.relu,
    sigmoid=tf.nn.sigmoid,
    silu=tf.nn.silu,
    softplus=tf.nn.softplus,
    gelu=lambda x, approximate: tf.nn.gelu(x, approximate == "tanh"),
    leaky_relu=lambda x, negative_slope: tf.nn.leaky_relu(x, negative_slope),
    softmax=lambda x, axis: tf.nn.softmax(x, axis),
    log_softmax=lambda x, axis: tf.nn.log_softmax(x, axis),
    cross_entropy=lambda logits, labels, reduction: _reduced(
        tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits), reduction
    ),
    mse=lambda x, y, reduction: _reduced(tf.math.squared_difference(x, y), reduction),
    embedding=lambda table, ids: tf.nn.embedding_lookup(table, ids),
    conv2d=lambda x, weight, stride, padding: tf.transpose(
        tf.nn.conv2d(
            tf.transpose(x, (0, 2, 3, 1)), tf.transpose(weight, (2, 3, 1, 0)), stride, [(0, 0), *((p, p) for p in padding), (0, 0)]
        ),
        (0, 3, 1, 2),
    ),
    max_pool2d=lambda x, window, stride: tf.transpose(
        tf.nn.max_pool2d(tf.transpose(x, (0, 2, 3, 1)), window, stride, "VALID"), (0, 3, 1, 2)
    ),
)

