"""MLX's functions under the catalogue's names: what is not NumPy's by the same name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mlx.core as mx
import mlx.nn

from gradproof.oracles.adapters.numpy_names import key_of
from gradproof.oracles.errors import Unsupported

Steps = tuple[int, ...]
mnn: Any = mlx.nn


def _clip(x: Any, min: float | None, max: float | None) -> Any:
    return mx.clip(x, min, max)


def _flip(x: Any, axis: Any) -> Any:
    return mx.flip(x, axis)


def _norm(x: Any, axis: Any, keepdims: bool, ord: float) -> Any:
    if axis is None or (isinstance(axis, tuple) and len(axis) != 1):
        raise Unsupported("mx.linalg.norm reads two axes as a matrix")
    return mx.linalg.norm(x, ord, axis, keepdims)


def _whole(correction: float) -> int:
    if correction != int(correction):
        raise Unsupported("MLX corrects a variance by a whole number")
    return int(correction)


def _initial(function: Callable[..., Any]) -> Callable[..., Any]:
    def run(x: Any, axis: int, include_initial: bool) -> Any:
        if include_initial:
            raise Unsupported("MLX's running sums have no initial entry")
        return function(x, axis=axis)

    return run


def _conv(name: str) -> Callable[..., Any]:
    """Channels last, as MLX has them."""
    function = getattr(mx, name)

    def conv(x: Any, weight: Any, bias: Any = None, *, stride: Steps, padding: Steps, dilation: Steps | None = None, groups: int = 1) -> Any:
        if x.ndim == len(stride) + 1:
            return conv(x[None], weight, bias, stride=stride, padding=padding, dilation=dilation, groups=groups)[0]
        rest = [v if len(stride) > 1 else v[0] for v in (stride, padding, dilation or (1,) * len(stride))]
        out = mx.moveaxis(function(mx.moveaxis(x, 1, -1), mx.moveaxis(weight, 1, -1), *rest, groups), -1, 1)
        return out if bias is None else out + mx.reshape(bias, (1, -1) + (1,) * len(stride))

    return conv


def _pool(kind: Callable[..., Any], window: Steps, stride: Steps, padding: Steps) -> Callable[..., Any]:
    pool = kind(window if len(window) > 1 else window[0], stride if len(stride) > 1 else stride[0], padding if len(padding) > 1 else padding[0])
    rank = len(window)

    def pooled(x: Any) -> Any:
        return pooled(x[None])[0] if x.ndim == rank + 1 else mx.moveaxis(pool(mx.moveaxis(x, 1, -1)), -1, 1)

    return pooled


def _max_pool(kind: Callable[..., Any]) -> Callable[..., Any]:
    def pool(x: Any, window: Steps, stride: Steps, padding: Steps | None = None, dilation: Steps | None = None) -> Any:
        if max(dilation or (1,)) > 1:
            raise Unsupported("MLX has no dilated pooling")
        return _pool(kind, window, stride, padding or (0,) * len(window))(x)

    return pool


def _avg_pool(kind: Callable[..., Any]) -> Callable[..., Any]:
    def pool(x: Any, window: Steps, stride: Steps, padding: Steps, count_include_pad: bool) -> Any:
        if not count_include_pad and max(padding):
            raise Unsupported("MLX counts the padding in")
        return _pool(kind, window, stride, padding)(x)

    return pool


def _attention(q: Any, k: Any, v: Any, mask: Any = None, *, causal: bool, scale: float | None, grouped: bool) -> Any:
    if grouped or q.ndim != 3:
        raise Unsupported("MLX's attention has four axes")
    if causal and q.shape[-2] != k.shape[-2]:
        raise Unsupported("MLX counts the places of a causal mask from the end")
    scale = q.shape[-1] ** -0.5 if scale is None else scale
    given = "causal" if causal else mask
    return mx.fast.scaled_dot_product_attention(q[None], k[None], v[None], scale=scale, mask=given)[0]


def _weighted(x: Any, weight: Any, bias: Any, normal: Any) -> Any:
    shape = (1, -1) + (1,) * (x.ndim - 2)
    return normal * mx.reshape(weight, shape) + mx.reshape(bias, shape)


def _half(losses: Callable[..., Any], parameter: str) -> Callable[..., Any]:
    return lambda x, y, reduction, **params: losses(x, y, params[parameter], reduction=reduction)


EXCEPTIONS: dict[str, Callable[..., Any]] = {
    **{name: getattr(mx, name) for name in ("erf", "rsqrt", "logsumexp", "vecdot", "matrix_transpose", "floor", "ceil")},
    "clip": _clip,
    "flip": _flip,
    "cumulative_sum": _initial(mx.cumsum),
    "cumulative_prod": _initial(mx.cumprod),
    "linalg__vector_norm": _norm,
    "atan2": mx.arctan2,
    "tile": lambda x, repetitions: mx.tile(x, list(repetitions)),
    "var": lambda x, axis, correction, keepdims: mx.var(x, axis, keepdims, _whole(correction)),
    "std": lambda x, axis, correction, keepdims: mx.std(x, axis, keepdims, _whole(correction)),
    "concat": lambda arrays, axis: mx.concatenate([mx.flatten(x) for x in arrays] if axis is None else arrays, axis or 0),
    "pad": lambda x, pad_width, value: mx.pad(x, pad_width, constant_values=mx.array(value, x.dtype)),
    "getitem": lambda x, key: x[key_of(key, mx.array)],
    "linalg__diagonal": lambda x, offset: mx.diagonal(x, offset, -2, -1),
    "linalg__trace": lambda x, offset: mx.trace(x, offset, -2, -1),
    "nn__relu": mnn.relu,
    "nn__sigmoid": mx.sigmoid,
    "nn__silu": mnn.silu,
    "nn__softplus": mnn.softplus,
    "nn__gelu": lambda x, approximate: mnn.gelu(x) if approximate == "none" else mnn.gelu_approx(x),
    "nn__elu": mnn.elu,
    "nn__leaky_relu": mnn.leaky_relu,
    "nn__softmax": mx.softmax,
    "nn__log_softmax": mnn.log_softmax,
    "nn__layer_norm": lambda x, weight, bias, eps: mx.fast.layer_norm(x, weight, bias, eps),
    "nn__cross_entropy": lambda logits, labels, reduction: mnn.losses.cross_entropy(logits, labels, reduction=reduction),
    "nn__mse": lambda x, y, reduction: mnn.losses.mse_loss(x, y, reduction),
    "nn__embedding": lambda table, ids: table[ids],
    **{f"nn__conv{n}d": _conv(f"conv{n}d") for n in (1, 2, 3)},
    **{f"nn__max_pool{n}d": _max_pool(getattr(mnn, f"MaxPool{n}d")) for n in (1, 2, 3)},
    **{f"nn__avg_pool{n}d": _avg_pool(getattr(mnn, f"AvgPool{n}d")) for n in (1, 2, 3)},
    "erfinv": mx.erfinv,
    "round": mx.round,
    "remainder": mx.remainder,
    "floor_divide": mx.floor_divide,
    "cumulative_max": lambda x, axis: mx.cummax(x, axis=axis),
    "cumulative_min": lambda x, axis: mx.cummin(x, axis=axis),
    "logcumsumexp": lambda x, axis: mx.logcumsumexp(x, axis=axis),
    "sort": lambda x, axis, descending: -mx.sort(-x, axis) if descending else mx.sort(x, axis),
    "sort_by": lambda x, keys, axis: mx.take_along_axis(x, mx.argsort(keys, axis), axis),
    "amax": lambda x, axis, keepdims: mx.max(x, axis, keepdims),
    "amin": lambda x, axis, keepdims: mx.min(x, axis, keepdims),
    "swapaxes": mx.swapaxes,
    "unstack": lambda x, axis, piece: mx.split(x, x.shape[axis], axis)[piece].squeeze(axis),
    "split": lambda x, sections, axis, piece: mx.split(x, sections if isinstance(sections, int) else list(sections), axis)[piece],
    "ravel": mx.flatten,
    "diag": lambda x, k: mx.diag(x, k),
    "meshgrid": lambda *arrays, indexing, piece: mx.meshgrid(*arrays, indexing=indexing)[piece],
    "broadcast_arrays": lambda *arrays, piece: mx.broadcast_arrays(*arrays)[piece],
    "at_add": lambda x, values, key: x.at[key_of(key, mx.array)].add(values),
    "put_along_axis": lambda x, indices, values, axis: mx.put_along_axis(x, indices, mx.broadcast_to(values, indices.shape), axis),
    "masked_fill": lambda x, mask, value: mx.where(mask, mx.array(value, x.dtype), x),
    "linalg__kron": mx.kron,
    "linalg__cross": lambda x, y, axis: mx.linalg.cross(x, y, axis),
    "linalg__matrix_norm": lambda x, ord, keepdims: mx.linalg.norm(x, ord, [-2, -1], keepdims),
    "nn__log_sigmoid": mnn.log_sigmoid,
    "nn__softsign": mnn.softsign,
    "nn__selu": mnn.selu,
    "nn__celu": mnn.celu,
    "nn__mish": mnn.mish,
    "nn__hardtanh": lambda x: mnn.hard_tanh(x),
    "nn__relu6": mnn.relu6,
    "nn__hardswish": mnn.hardswish,
    "nn__softshrink": mnn.softshrink,
    "nn__hardshrink": mnn.hard_shrink,
    "nn__glu": mnn.glu,
    "nn__softmin": mnn.softmin,
    "nn__l1": lambda x, y, reduction: mnn.losses.l1_loss(x, y, reduction),
    "nn__huber": _half(mnn.losses.huber_loss, "delta"),
    "nn__smooth_l1": _half(mnn.losses.smooth_l1_loss, "beta"),
    "nn__bce": lambda x, y, reduction: mnn.losses.binary_cross_entropy(x, y, with_logits=False, reduction=reduction),
    "nn__bce_with_logits": lambda x, y, reduction: mnn.losses.binary_cross_entropy(x, y, reduction=reduction),
    "nn__nll": lambda log_p, labels, reduction: mnn.losses.nll_loss(log_p, labels, reduction=reduction),
    "nn__margin_ranking": lambda x, y, labels, margin, reduction: mnn.losses.margin_ranking_loss(x, y, labels, margin, reduction),
    "nn__rms_norm": lambda x, weight, eps: mx.fast.rms_norm(x, weight, eps),
    "nn__scaled_dot_product_attention": _attention,
    "nn__linear": lambda x, weight, bias=None: x @ weight.T if bias is None else mx.addmm(bias, x, weight.T),
    "nn__instance_norm": lambda x, weight, bias, eps: _weighted(
        x, weight, bias, mx.moveaxis(mnn.InstanceNorm(x.shape[1], eps)(mx.moveaxis(x, 1, -1)), -1, 1)
    ),
}
