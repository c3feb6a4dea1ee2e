"""PaddlePaddle's functions under the catalogue's names, as a table."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import paddle
import paddle.nn.functional as F

from gradproof.oracles.adapters.numpy_names import key_of, mixed
from gradproof.oracles.errors import Unsupported

Function = Callable[..., Any]

SAME = """abs acos acosh add asin asinh atan atanh atan2 ceil copysign cos cosh digamma divide erf erfinv exp expm1 floor floor_divide hypot
    lgamma log log10 log1p log2 logaddexp matmul maximum minimum multiply pow reciprocal remainder round rsqrt sign sin sinc sinh sqrt square
    subtract tan tanh trunc where i0 i1 logit polygamma reshape broadcast_to diag_embed ravel masked_select"""
RENAMED = {"negative": "neg", "permute_dims": "transpose", "expand_dims": "unsqueeze", "tril": "tril", "triu": "triu",
           "repeat_interleave": "repeat_interleave", "swapaxes": "swapaxes", "moveaxis": "moveaxis", "rot90": "rot90", "diag": "diag",
           "masked_fill": "masked_fill", "index_fill": "index_fill", "logcumsumexp": "logcumsumexp"}  # fmt: skip
REDUCTIONS = ("sum", "mean", "prod", "max", "min", "amax", "amin", "logsumexp", "nansum", "nanmean")
ACTIVATIONS = {"relu": "relu", "sigmoid": "sigmoid", "silu": "silu", "softplus": "softplus", "log_sigmoid": "log_sigmoid", "softsign": "softsign",
               "selu": "selu", "celu": "celu", "elu": "elu", "mish": "mish", "relu6": "relu6", "hard_sigmoid": "hardsigmoid",
               "hardswish": "hardswish", "hardtanh": "hardtanh", "tanhshrink": "tanhshrink", "softshrink": "softshrink",
               "hardshrink": "hardshrink", "leaky_relu": "leaky_relu", "softmax": "softmax", "log_softmax": "log_softmax", "glu": "glu",
               "threshold": "thresholded_relu", "pixel_shuffle": "pixel_shuffle", "pixel_unshuffle": "pixel_unshuffle",
               "channel_shuffle": "channel_shuffle"}  # fmt: skip


def _call(module: Any, name: str) -> Function:
    function = getattr(module, name)
    return lambda x, *rest, **params: function(x, *rest, *params.values())


def _reduction(name: str) -> Function:
    function = getattr(paddle, name)
    return lambda x, axis, keepdims: x if axis == () else function(x, axis=axis, keepdim=keepdims)


def _only(x: Any, known: bool, what: str) -> Any:
    """The operand, where Paddle takes it."""
    if not known:
        raise Unsupported(f"Paddle has no {what}")
    return x


def _first(found: Any) -> Any:
    """The values, where their places come with them."""
    return found[0] if isinstance(found, tuple | list) else found


def _size(x: Any) -> int:
    return math.prod(x.shape)


def _spread(function: Function) -> Function:
    def of(x: Any, axis: Any, correction: float, keepdims: bool) -> Any:
        if axis == ():
            raise Unsupported("Paddle has no variance over no axis")
        if correction in (0, 1):
            return function(x, axis, unbiased=bool(correction), keepdim=keepdims)
        found = function(x, axis, unbiased=False, keepdim=keepdims)
        share = np.float64(_size(x) / max(_size(found), 1))  # entries that each variance is of
        factor = share / (share - correction)
        return found * float(np.sqrt(factor) if function is paddle.std else factor)

    return of


def _running(function: Function) -> Function:
    def run(x: Any, axis: int, include_initial: bool) -> Any:
        if include_initial:
            raise Unsupported("Paddle's running sums have no initial entry")
        return function(x, axis)

    return run


def _norm(x: Any, axis: Any, keepdims: bool, ord: float) -> Any:
    return paddle.linalg.vector_norm(x, ord, axis, keepdims) if axis != () else paddle.abs(x)


def _conv(function: Function) -> Function:
    def conv(x: Any, weight: Any, bias: Any = None, *, stride: Any, padding: Any, dilation: Any = 1, groups: int = 1) -> Any:
        if x.ndim == len(stride) + 1:
            return conv(x.unsqueeze(0), weight, bias, stride=stride, padding=padding, dilation=dilation, groups=groups).squeeze(0)
        return function(x, weight, bias, _list(stride), _list(padding), _list(dilation), groups)

    return conv


def _conv_transpose(function: Function) -> Function:
    def conv(x: Any, weight: Any, bias: Any = None, *, stride: Any, padding: Any, output_padding: Any, dilation: Any, groups: int) -> Any:
        if x.ndim == len(stride) + 1:
            raise Unsupported("Paddle's transposed convolution takes a batch")
        return function(x, weight, bias, _list(stride), _list(padding), _list(output_padding), groups=groups, dilation=_list(dilation))

    return conv


def _list(steps: Any) -> Any:
    return list(steps) if isinstance(steps, tuple) else steps


def _max_pool(function: Function) -> Function:
    def pool(x: Any, window: Any, stride: Any, padding: Any = 0, dilation: Any = (1,)) -> Any:
        if max(dilation) > 1 or x.ndim != len(window) + 2:
            raise Unsupported("Paddle's pooling takes a batch, undilated")
        return function(x, _list(window), _list(stride), _list(padding))

    return pool


def _avg_pool(function: Function) -> Function:
    def pool(x: Any, window: Any, stride: Any, padding: Any, count_include_pad: bool) -> Any:
        if x.ndim != len(window) + 2:
            raise Unsupported("Paddle's pooling takes a batch")
        return function(x, _list(window), _list(stride), _list(padding), exclusive=not count_include_pad)

    return pool


def _symmetric(x: Any) -> Any:
    return (x + x.mT) / 2


LINALG: dict[str, Function] = {
    "linalg.cholesky": lambda x: paddle.linalg.cholesky(_symmetric(x)), "linalg.det": paddle.linalg.det, "linalg.inv": paddle.linalg.inv,
    "linalg.solve": lambda x, y: _solve(x, y),
    "linalg.slogdet": lambda x, result: paddle.linalg.slogdet(x)[1], "linalg.pinv": paddle.linalg.pinv, "linalg.vector_norm": _norm,
    "linalg.eigvalsh": lambda x: paddle.linalg.eigvalsh(_symmetric(x)), "linalg.svdvals": lambda x: paddle.linalg.svd(x)[1],
    "linalg.matrix_power": lambda x, n: paddle.linalg.matrix_power(x, n), "linalg.cross": lambda x, y, axis: paddle.cross(x, y, axis),
    "linalg.kron": paddle.kron, "linalg.outer": paddle.outer, "linalg.diagonal": lambda x, offset: paddle.diagonal(x, offset, -2, -1),
    "linalg.trace": lambda x, offset: paddle.trace(x, offset, -2, -1),
    "linalg.triangular_solve": lambda x, y, lower: paddle.linalg.triangular_solve(x, y, upper=not lower),
    "linalg.cholesky_solve": lambda x, y: paddle.linalg.cholesky_solve(y, paddle.tril(x), upper=False),
}  # fmt: skip

NN: dict[str, Function] = {
    **{name: _call(F, theirs) for name, theirs in ACTIVATIONS.items()},
    **{f"conv{n}d": _conv(getattr(F, f"conv{n}d")) for n in (1, 2, 3)},
    **{f"conv_transpose{n}d": _conv_transpose(getattr(F, f"conv{n}d_transpose")) for n in (1, 2, 3)},
    **{f"max_pool{n}d": _max_pool(getattr(F, f"max_pool{n}d")) for n in (1, 2, 3)},
    **{f"avg_pool{n}d": _avg_pool(getattr(F, f"avg_pool{n}d")) for n in (1, 2, 3)},
    "gelu": lambda x, approximate: F.gelu(x, approximate == "tanh"), "prelu": F.prelu, "hardtanh": lambda x: F.hardtanh(x),
    "l1": lambda x, y, reduction: F.l1_loss(x, y, reduction), "mse": lambda x, y, reduction: F.mse_loss(x, y, reduction),
    "huber": lambda x, y, delta, reduction: F.smooth_l1_loss(x, y, reduction, delta),
    "bce": lambda x, y, reduction: F.binary_cross_entropy(x, y, reduction=reduction),
    "bce_with_logits": lambda x, y, reduction: F.binary_cross_entropy_with_logits(x, y, reduction=reduction),
    "kl_div": lambda x, y, log_target, reduction: F.kl_div(x, y, reduction, log_target),
    "nll": lambda log_p, labels, reduction: F.nll_loss(log_p, labels, reduction=reduction),
    "cross_entropy": lambda logits, labels, reduction: _labelled(logits, labels, reduction),
    "hinge_embedding": lambda x, labels, margin, reduction: F.hinge_embedding_loss(x, labels.astype(x.dtype), margin, reduction),
    "soft_margin": lambda x, labels, reduction: F.soft_margin_loss(x, labels.astype(x.dtype), reduction),
    "margin_ranking": lambda x, y, labels, margin, reduction: F.margin_ranking_loss(x, y, labels.astype(x.dtype), margin, reduction),
    "cosine_similarity": lambda x, y, axis, eps: F.cosine_similarity(x, y, axis, eps),
    "gaussian_nll": lambda x, y, var, eps, reduction: F.gaussian_nll_loss(x, y, var, False, eps, reduction),
    "poisson_nll": lambda x, y, log_input, eps, reduction: F.poisson_nll_loss(x, y, log_input, False, eps, reduction),
    "layer_norm": lambda x, weight, bias, eps: F.layer_norm(_only(x, x.ndim > 1 and eps <= 1e-3, "norm of a vector, or with a larger epsilon"), x.shape[-1:], weight, bias, eps),
    "instance_norm": lambda x, weight, bias, eps: F.instance_norm(x, weight=weight, bias=bias, eps=eps),
    "linear": lambda x, weight, bias=None: F.linear(x, weight.T, bias),
    "bilinear": lambda x, y, weight, bias=None: F.bilinear(
        _only(x, x.ndim == 2, "bilinear layer but of matrices"), y, weight, None if bias is None else bias.reshape([1, -1])
    ),
    "normalize": lambda x, axis, eps: F.normalize(x, 2, axis, eps),
    "embedding": lambda table, ids: F.embedding(ids, table),
}  # fmt: skip


def _labelled(logits: Any, labels: Any, reduction: str) -> Any:
    return F.cross_entropy(logits, labels, reduction=reduction).reshape(list(labels.shape) if reduction == "none" else [])


def _getitem(x: Any, key: Any) -> Any:
    if any(isinstance(part, tuple) for part in key):
        odd = mixed(key) or any(part is None or (isinstance(part, slice) and (part.step or 1) < 0) for part in key)
        if odd:  # beside a slice that steps back, the process dies
            raise Unsupported("Paddle reads an index array beside an integer, a new axis or a slice that steps back in its own way")
    return x[key_of(key, lambda part: paddle.to_tensor(np.asarray(part)))]


def _solve(x: Any, y: Any) -> Any:
    """Paddle takes a y of x's shape without its last axis for a batch of vectors; the array API for a matrix."""
    if y.ndim == 1:
        return paddle.linalg.solve(x, y.unsqueeze(-1)).squeeze(-1)
    return paddle.linalg.solve(x, y.unsqueeze(0) if x.ndim > y.ndim else y)


FUNCTIONS: dict[str, Function] = {
    **{name: _call(paddle, name) for name in SAME.split()},
    **{name: _call(paddle, theirs) for name, theirs in RENAMED.items()},
    **{name: _reduction(name) for name in REDUCTIONS},
    **LINALG,
    **{f"nn.{name}": function for name, function in NN.items()},
    "where": paddle.where, "clip": lambda x, min, max: paddle.clip(x, min, max),
    "var": _spread(paddle.var), "std": _spread(paddle.std),
    "cumulative_sum": _running(paddle.cumsum), "cumulative_prod": _running(paddle.cumprod),
    "cumulative_max": lambda x, axis: paddle.cummax(x, axis)[0], "cumulative_min": lambda x, axis: paddle.cummin(x, axis)[0],
    "concat": lambda arrays, axis: paddle.concat([paddle.flatten(x) for x in arrays] if axis is None else arrays, axis or 0),
    "stack": lambda arrays, axis: paddle.stack(arrays, axis), "matrix_transpose": lambda x: x.mT,
    "squeeze": lambda x, axis: x if axis == () else paddle.squeeze(x, axis),
    "flip": lambda x, axis: paddle.flip(x, list(range(x.ndim)) if axis is None else axis),
    "roll": lambda x, shift, axis: paddle.roll(x, shift, axis), "tile": lambda x, repetitions: paddle.tile(x, repetitions),
    "repeat": lambda x, repeats, axis: paddle.repeat_interleave(_only(x, not isinstance(repeats, int) or repeats > 0, "repetition of nothing"), repeats, axis),
    "getitem": _getitem,
    "take": lambda x, indices, axis: paddle.index_select(x, paddle.where(indices < 0, indices + x.shape[axis], indices), axis),
    "take_along_axis": lambda x, indices, axis: paddle.take_along_axis(x, indices, axis, broadcast=False),
    "sort": lambda x, axis, descending: paddle.sort(x, axis, descending, stable=True),
    "topk": lambda x, k, axis, largest: paddle.topk(x, k, axis, largest)[0],
    "kthvalue": lambda x, k, axis, keepdims: paddle.kthvalue(x, k, axis, keepdims)[0],
    "median": lambda x, axis, keepdims, middle: paddle.median(x, axis, keepdims, "avg") if middle == "mean" else _first(paddle.median(x, axis, keepdims, "min")),
    "quantile": lambda x, q, axis, keepdims: paddle.quantile(x, q, axis, keepdims), "diff": lambda x, axis, n: paddle.diff(x, n, axis),
    "split": lambda x, sections, axis, piece: paddle.tensor_split(x, sections, axis)[piece],
    "unstack": lambda x, axis, piece: paddle.unstack(x, axis)[piece], "vecdot": lambda x, y, axis: paddle.vecdot(x, y, axis),
    "index_add": lambda x, indices, values, axis: paddle.index_add(x, indices, axis, values),
    "scatter_add": lambda x, indices, values, axis: paddle.put_along_axis(x, indices, values, axis, "add", broadcast=False),
    "unfold": lambda x, axis, size, step: paddle.unfold(x, axis, size, step), "tensordot": lambda x, y, axes: paddle.tensordot(x, y, axes),
    "einsum": lambda subscripts, *operands: paddle.einsum(subscripts, *operands),
}  # fmt: skip
