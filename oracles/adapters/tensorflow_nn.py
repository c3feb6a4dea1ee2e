"""TensorFlow's activations, losses and layers, as people call them: ``tf.nn`` and ``tf.keras``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from gradproof.oracles.errors import Unsupported

Function = Callable[..., Any]
Steps = tuple[int, ...]


def _only(holds: bool, what: str) -> None:
    if not holds:
        raise Unsupported(f"TensorFlow has no {what}")


def _reduced(losses: Any, reduction: str) -> Any:
    return tf.reduce_mean(losses) if reduction == "mean" else tf.reduce_sum(losses) if reduction == "sum" else losses


def _last(x: Any) -> Any:
    """Channels last, where TensorFlow's CPU kernels want them."""
    return tf.transpose(x, (0, *range(2, x.ndim), 1))


def _first(x: Any) -> Any:
    return tf.transpose(x, (0, x.ndim - 1, *range(1, x.ndim - 1)))


def _sides(padding: Steps) -> list[tuple[int, int]]:
    return [(0, 0), *((p, p) for p in padding), (0, 0)]


def conv(x: Any, weight: Any, bias: Any = None, *, stride: Steps, padding: Steps, dilation: Steps | None = None, groups: int = 1) -> Any:
    """A convolution of any rank: the padding is an op of its own, since ``tf.nn.convolution`` knows SAME and VALID."""
    if x.ndim == len(stride) + 1:
        return conv(x[None], weight, bias, stride=stride, padding=padding, dilation=dilation, groups=groups)[0]
    if groups > 1:  # which have no gradient on the CPU: one after another
        parts = zip(tf.split(x, groups, 1), tf.split(weight, groups, 0), strict=True)
        whole = tf.concat([conv(a, b, stride=stride, padding=padding, dilation=dilation) for a, b in parts], 1)
        return whole if bias is None else tf.nn.bias_add(whole, bias, "NC" + "DHW"[-len(stride) :])
    _only(max(stride) == 1 or max(dilation or (1,)) == 1, "convolution that is strided and dilated")
    kernel = tf.transpose(weight, (*range(2, weight.ndim), 1, 0))
    out = _first(tf.nn.convolution(tf.pad(_last(x), _sides(padding)), kernel, stride, "VALID", "N" + "DHW"[-len(stride) :] + "C" if len(stride) == 3 else None, dilation))
    return out if bias is None else tf.nn.bias_add(out, bias, "NC" + "DHW"[-len(stride) :])


def conv_transpose(
    x: Any, weight: Any, bias: Any = None, *, stride: Steps, padding: Steps, output_padding: Steps, dilation: Steps, groups: int
) -> Any:
    """Whole, then the padding cut off: SAME and VALID are all that ``tf.nn.conv_transpose`` knows."""
    if x.ndim == len(stride) + 1:
        whole = x[None]
        return conv_transpose(
            whole, weight, bias, stride=stride, padding=padding, output_padding=output_padding, dilation=dilation, groups=groups
        )[0]
    _only(groups == 1 and max(dilation) == 1 and max(output_padding) == 0, "such a transposed convolution")
    kernel = tf.transpose(weight, (*range(2, weight.ndim), 1, 0))
    size = [max(s * (n - 1) + k, s * n) for s, n, k in zip(stride, x.shape[2:], weight.shape[2:], strict=True)]
    ends = [s * (n - 1) + k - p for s, n, k, p in zip(stride, x.shape[2:], weight.shape[2:], padding, strict=True)]
    out = _first(tf.nn.conv_transpose(_last(x), kernel, (x.shape[0], *size, weight.shape[1]), stride, "VALID"))
    out = out[(..., *(slice(p, end) for p, end in zip(padding, ends, strict=True)))]
    return out if bias is None else out + tf.reshape(bias, (1, -1) + (1,) * len(stride))


def _pool(x: Any, window: Steps, stride: Steps, kind: str, dilation: Steps | None = None) -> Any:
    _only(all(s <= w for s, w in zip(stride, window, strict=True)), "pooling whose stride is wider than its window")
    _only(max(dilation or (1,)) == 1 or max(stride) == 1, "pooling that is strided and dilated")
    return _first(tf.nn.pool(_last(x), window, kind, stride, "VALID", "N" + "DHW"[-len(stride) :] + "C" if len(stride) == 3 else None, dilation))


def _around(x: Any, padding: Steps, value: float) -> Any:
    outer = [(0, 0)] * (x.ndim - len(padding))
    return tf.pad(x, [*outer, *((p, p) for p in padding)], constant_values=tf.cast(value, x.dtype)) if max(padding) else x


def max_pool(x: Any, window: Steps, stride: Steps, padding: Steps | None = None, dilation: Steps | None = None) -> Any:
    if x.ndim == len(window) + 1:
        return max_pool(x[None], window, stride, padding, dilation)[0]
    return _pool(_around(x, padding or (0,), float("-inf")), window, stride, "MAX", dilation)


def avg_pool(x: Any, window: Steps, stride: Steps, padding: Steps, count_include_pad: bool) -> Any:
    if x.ndim == len(window) + 1:
        return avg_pool(x[None], window, stride, padding, count_include_pad)[0]
    _only(count_include_pad or not max(padding), "average of what a padded window holds alone")
    return _pool(_around(x, padding, 0.0), window, stride, "AVG")


def _standardized(x: Any, axes: Any, eps: float) -> Any:
    mean, variance = tf.nn.moments(x, axes, keepdims=True)
    return tf.nn.batch_normalization(x, mean, variance, None, None, eps)


def _affine(x: Any, weight: Any, bias: Any) -> Any:
    shape = (1, -1) + (1,) * (x.ndim - 2)
    return x * tf.reshape(weight, shape) + tf.reshape(bias, shape)


def batch_norm(x: Any, weight: Any, bias: Any, eps: float) -> Any:
    mean, variance = tf.nn.moments(x, [0, *range(2, x.ndim)])
    return _first(tf.nn.batch_normalization(_last(x), mean, variance, bias, weight, eps))


def group_norm(x: Any, weight: Any, bias: Any, groups: int, eps: float) -> Any:
    apart = tf.reshape(x, (x.shape[0], groups, x.shape[1] // groups, *x.shape[2:]))
    return _affine(tf.reshape(_standardized(apart, list(range(2, apart.ndim)), eps), x.shape), weight, bias)


def _poisson(x: Any, y: Any, log_input: bool, eps: float, reduction: str) -> Any:
    _only(log_input, "Poisson loss of a rate that is not a logarithm")
    return _reduced(tf.nn.log_poisson_loss(y, x), reduction)


LAYERS: dict[str, Function] = {
    **{f"conv{n}d": conv for n in (1, 2, 3)}, **{f"conv_transpose{n}d": conv_transpose for n in (1, 2, 3)},
    **{f"max_pool{n}d": max_pool for n in (1, 2, 3)}, **{f"avg_pool{n}d": avg_pool for n in (1, 2, 3)},
    "log_sigmoid": tf.math.log_sigmoid, "softsign": tf.nn.softsign, "selu": tf.nn.selu, "relu6": tf.nn.relu6,
    "elu": lambda x, alpha: tf.keras.activations.elu(x, alpha), "celu": lambda x, alpha: tf.keras.activations.celu(x, alpha),
    "mish": lambda x: tf.keras.activations.mish(x), "hard_sigmoid": lambda x: tf.keras.activations.hard_sigmoid(x),
    "hardswish": lambda x: tf.keras.activations.hard_swish(x), "hardtanh": lambda x: tf.keras.activations.hard_tanh(x),
    "tanhshrink": lambda x: tf.keras.activations.tanh_shrink(x), "glu": lambda x, axis: tf.keras.activations.glu(x, axis),
    "softshrink": lambda x, lambd: tf.keras.activations.soft_shrink(x, lambd),
    "hardshrink": lambda x, lambd: tf.keras.activations.hard_shrink(x, lambd),
    "threshold": lambda x, threshold, value: tf.keras.activations.threshold(x, threshold, value),
    "l1": lambda x, y, reduction: _reduced(tf.abs(x - y), reduction), "poisson_nll": _poisson,
    "bce_with_logits": lambda x, y, reduction: _reduced(tf.nn.sigmoid_cross_entropy_with_logits(y, x), reduction),
    "linear": lambda x, weight, bias=None: _biased(tf.linalg.matvec(weight, x), bias),
    "layer_norm": lambda x, weight, bias, eps: _standardized(x, [-1], eps) * weight + bias,
    "batch_norm": batch_norm, "group_norm": group_norm,
    "batch_norm_inference": lambda x, mean, variance, weight, bias, eps: _first(
        tf.nn.batch_normalization(_last(x), mean, variance, bias, weight, eps)
    ),
    "instance_norm": lambda x, weight, bias, eps: _affine(_standardized(x, list(range(2, x.ndim)), eps), weight, bias),
    "pixel_shuffle": lambda x, factor: _first(tf.nn.depth_to_space(_last(x), factor)) if x.shape[1] == factor**2 else _only(False, "such order"),
}  # fmt: skip


def _biased(x: Any, bias: Any) -> Any:
    return x if bias is None else x + bias
