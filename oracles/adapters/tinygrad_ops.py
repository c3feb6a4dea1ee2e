"""tinygrad's methods under the catalogue's names, as a table."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from tinygrad import Tensor

from gradproof.oracles.adapters.numpy_names import key_of, mixed
from gradproof.oracles.errors import Unsupported

Axis = int | tuple[int, ...] | None
METHODS = """abs acos acosh add asin asinh atan atanh ceil cos cosh erf exp exp2 floor log log2 log10 maximum minimum pow reciprocal round
    rsqrt sign sin sinh sqrt square tan tanh trunc copysign logaddexp matmul reshape diag sort masked_select"""
RENAMED = {"subtract": "sub", "multiply": "mul", "divide": "div", "negative": "neg", "broadcast_to": "expand", "permute_dims": "permute",
           "expand_dims": "unsqueeze", "ravel": "flatten", "tril": "tril", "triu": "triu", "nn.silu": "silu", "nn.relu": "relu",
           "nn.sigmoid": "sigmoid", "nn.softplus": "softplus", "nn.log_sigmoid": "logsigmoid", "nn.softsign": "softsign", "nn.selu": "selu",
           "nn.celu": "celu", "nn.mish": "mish", "nn.relu6": "relu6", "nn.hard_sigmoid": "hardsigmoid", "nn.hardswish": "hardswish",
           "nn.elu": "elu", "nn.leaky_relu": "leaky_relu", "nn.softmax": "softmax", "nn.log_softmax": "log_softmax", "nn.softmin": "softmin",
           "swapaxes": "transpose", "cumulative_max": "cummax", "cumulative_min": "cummin", "logcumsumexp": "logcumsumexp",
           "unfold": "unfold", "masked_fill": "masked_fill", "repeat": "repeat_interleave"}  # fmt: skip
REDUCTIONS = ("sum", "mean", "prod", "max", "min", "logsumexp")


def _method(name: str) -> Callable[..., Any]:
    function = getattr(Tensor, name)

    def call(x: Any, *rest: Any, **params: Any) -> Any:
        found = function(x, *rest, *params.values())
        return found[0] if isinstance(found, tuple) else found

    return call


def _reduction(name: str) -> Callable[..., Any]:
    function = getattr(Tensor, name)
    return lambda x, axis, keepdims: x if axis == () else function(x, axis, keepdims)


def _spread(name: str) -> Callable[..., Any]:
    function = getattr(Tensor, name)
    return lambda x, axis, correction, keepdims: function(x, axis, keepdims, correction)


def _concat(arrays: list[Any], axis: int | None) -> Any:
    first, *rest = [x.flatten() for x in arrays] if axis is None else arrays
    return first.cat(*rest, dim=axis or 0)


def _running(name: str) -> Callable[..., Any]:
    def run(x: Any, axis: int, include_initial: bool) -> Any:
        if include_initial:
            raise Unsupported("tinygrad's running sums have no initial entry")
        return getattr(x, name)(axis)

    return run


def _reduced(losses: Any, reduction: str) -> Any:
    return losses.mean() if reduction == "mean" else losses.sum() if reduction == "sum" else losses


def _sides(padding: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(p for width in padding[::-1] for p in (width, width))


def _conv(x: Any, weight: Any, bias: Any = None, *, stride: Any, padding: Any, dilation: Any = 1, groups: int = 1) -> Any:
    """``conv2d`` is of any rank."""
    if x.ndim == len(stride) + 1:
        return _conv(x[None], weight, bias, stride=stride, padding=padding, dilation=dilation, groups=groups)[0]
    return x.conv2d(weight, bias, groups, stride, dilation, _sides(padding))


def _conv_transpose(x: Any, weight: Any, bias: Any = None, *, stride: Any, padding: Any, output_padding: Any, dilation: Any, groups: int) -> Any:
    if x.ndim == len(stride) + 1:
        raise Unsupported("tinygrad's transposed convolution takes a batch")
    return x.conv_transpose2d(weight, bias, groups, stride, dilation, padding, output_padding)


def _max_pool(x: Any, window: Any, stride: Any, padding: Any = 0, dilation: Any = 1) -> Any:
    return x.max_pool2d(window, stride, dilation, padding if padding == 0 else _sides(padding))


def _avg_pool(x: Any, window: Any, stride: Any, padding: Any, count_include_pad: bool) -> Any:
    return x.avg_pool2d(window, stride, 1, _sides(padding), False, count_include_pad)


def _getitem(x: Any, key: Any) -> Any:
    if mixed(key):
        raise Unsupported("beside an index array, tinygrad's integer is no index array of one, as NumPy's is")
    return x[key_of(key, lambda part: Tensor(np.asarray(part), device=x.device))]


FUNCTIONS: dict[str, Callable[..., Any]] = {
    **{name: _method(tinys) for name, tinys in (*((name, name) for name in METHODS.split()), *RENAMED.items()) if hasattr(Tensor, tinys)},
    **{name: _reduction(name) for name in REDUCTIONS},
    **{name: _reduction(name[1:]) for name in ("amax", "amin")},
    **{name: _spread(name) for name in ("var", "std")},
    **{f"nn.conv{n}d": _conv for n in (1, 2, 3)}, **{f"nn.conv_transpose{n}d": _conv_transpose for n in (1, 2, 3)},
    **{f"nn.max_pool{n}d": _max_pool for n in (1, 2, 3)}, **{f"nn.avg_pool{n}d": _avg_pool for n in (1, 2, 3)},
    "where": lambda condition, x, y: condition.where(x, y),
    "clip": lambda x, min, max: x.clip(min, max),
    "concat": _concat, "stack": lambda arrays, axis: Tensor.stack(*arrays, dim=axis),
    "flip": lambda x, axis: x.flip(tuple(range(x.ndim)) if axis is None else axis),
    "roll": lambda x, shift, axis: x.roll(shift, axis) if axis is not None else x.flatten().roll(shift, 0).reshape(x.shape),
    "tile": lambda x, repetitions: x.repeat(repetitions),
    "squeeze": lambda x, axis: x.reshape([n for i, n in enumerate(x.shape) if i not in [a % x.ndim for a in np.atleast_1d(axis).astype(int)]]),
    "matrix_transpose": lambda x: x.transpose(-2, -1),
    "pad": lambda x, pad_width, value: x.pad(pad_width, value=value),
    "cumulative_sum": _running("cumsum"), "cumulative_prod": _running("cumprod"),
    "getitem": _getitem,
    "take_along_axis": lambda x, indices, axis: x.gather(axis, _places(indices, x, axis)),
    "topk": lambda x, k, axis, largest: x.topk(k, axis, largest)[0],
    "split": lambda x, sections, axis, piece: x.split(x.shape[axis] // sections, axis)[piece] if isinstance(sections, int) else _no_split(),
    "unstack": lambda x, axis, piece: x.split(1, axis)[piece].squeeze(axis),
    "meshgrid": lambda *arrays, indexing, piece: arrays[0].meshgrid(*arrays[1:], indexing=indexing)[piece],
    "scatter_add": lambda x, indices, values, axis: x.scatter_reduce(axis, _places(indices, x, axis), values, "sum"),
    "einsum": lambda subscripts, *operands: Tensor.einsum(subscripts, *operands),
    "linalg.outer": lambda x, y: x.unsqueeze(1) * y.unsqueeze(0),
    "linalg.diagonal": lambda x, offset: x.diagonal(offset, -2, -1),
    "nn.gelu": lambda x, approximate: x.gelu() if approximate == "tanh" else _no_exact_gelu(),
    "nn.hardtanh": lambda x: x.hardtanh(), "nn.mse": lambda x, y, reduction: _reduced((x - y).square(), reduction),
    "nn.layer_norm": lambda x, weight, bias, eps: x.layernorm(eps=eps) * weight + bias,
    "nn.linear": lambda x, weight, bias=None: x.linear(weight.T, bias),
    "nn.bce": lambda x, y, reduction: x.binary_crossentropy(y, reduction),
    "nn.bce_with_logits": lambda x, y, reduction: x.binary_crossentropy_logits(y, reduction),
    "nn.nll": lambda log_p, labels, reduction: log_p.nll_loss(labels, reduction=reduction),
    "nn.cross_entropy": lambda logits, labels, reduction: logits.sparse_categorical_crossentropy(labels, reduction=reduction),
    "nn.embedding": lambda table, ids: table[ids],
}  # fmt: skip


def _places(indices: Any, x: Any, axis: int) -> Any:
    return (indices < 0).where(indices + x.shape[axis], indices)


def _no_split() -> Any:
    raise Unsupported("tinygrad splits by sizes, not by places")


def _no_exact_gelu() -> Any:
    raise Unsupported("tinygrad's gelu is the approximation by tanh")
