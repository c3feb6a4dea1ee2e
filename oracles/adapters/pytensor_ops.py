"""PyTensor's functions under the catalogue's names, as a table."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytensor.tensor as pt

from gradproof.oracles.adapters.numpy_names import RENAMED, key_of
from gradproof.oracles.errors import Unsupported

Function = Callable[..., Any]
SAME = """abs add ceil cos cosh erf erfc erfinv exp exp2 expm1 floor i0 i1 log log10 log1p log2 logaddexp maximum minimum multiply reciprocal
    round sign sin sinh sqrt subtract tan tanh trunc where matmul tensordot outer"""
THEIRS = {"divide": "true_divide", "negative": "neg", "square": "sqr", "lgamma": "gammaln", "digamma": "psi", "nn.sigmoid": "sigmoid",
          "nn.softplus": "softplus", "remainder": "mod", "floor_divide": "int_div", "pow": "pow", "xlogy": "xlogy", "logit": "logit"}  # fmt: skip
REDUCTIONS = ("sum", "mean", "prod", "max", "min", "logsumexp")
EACH = {k: v for k, v in RENAMED.items() if k.startswith("a")}


def _reduction(name: str) -> Function:
    function = getattr(pt, name)
    return lambda x, axis, keepdims: x if axis == () else function(x, axis=axis, keepdims=keepdims)


def _spread(function: Function) -> Function:
    def of(x: Any, axis: Any, correction: float, keepdims: bool) -> Any:
        if axis == ():
            raise Unsupported("PyTensor reads no axes as all of them")
        return function(x, axis=axis, ddof=correction, keepdims=keepdims)

    return of


def _running(function: Function) -> Function:
    def run(x: Any, axis: int, include_initial: bool) -> Any:
        if include_initial:
            raise Unsupported("PyTensor's running sums have no initial entry")
        return function(x, axis)

    return run


def _clip(x: Any, min: float | None, max: float | None) -> Any:
    if min is None or max is None:
        raise Unsupported("pt.clip has two bounds")
    return pt.clip(x, np.asarray(min, x.dtype), np.asarray(max, x.dtype))


FUNCTIONS: dict[str, Function] = {
    **{name: getattr(pt, name) for name in SAME.split() if hasattr(pt, name)},
    **{name: getattr(pt, theirs) for name, theirs in (THEIRS | EACH).items() if hasattr(pt, theirs)},
    **{name: _reduction(name) for name in REDUCTIONS},
    "clip": _clip, "var": _spread(pt.var), "std": _spread(pt.std), "nn.relu": lambda x: pt.maximum(x, np.asarray(0, x.dtype)),
    "polygamma": lambda x, n: pt.polygamma(np.asarray(n), x), "nn.softmax": lambda x, axis: pt.special.softmax(x, axis),
    "nn.log_softmax": lambda x, axis: pt.special.log_softmax(x, axis),
    "reshape": lambda x, shape: pt.reshape(x, shape), "permute_dims": lambda x, axes: pt.transpose(x, [a % len(axes) for a in axes]),
    "matrix_transpose": lambda x: pt.matrix_transpose(x), "expand_dims": lambda x, axis: pt.expand_dims(x, axis),
    "squeeze": lambda x, axis: x if axis == () else pt.squeeze(x, axis), "broadcast_to": lambda x, shape: pt.broadcast_to(x, shape),
    "concat": lambda arrays, axis: pt.concatenate([pt.flatten(x) for x in arrays] if axis is None else arrays, axis or 0),
    "stack": lambda arrays, axis: pt.stack(arrays, axis), "flip": lambda x, axis: pt.flip(x, axis),
    "roll": lambda x, shift, axis: pt.roll(x, shift, axis) if isinstance(shift, int) else _no_rolls(),
    "repeat": lambda x, repeats, axis: pt.repeat(x, repeats, axis), "tile": lambda x, repetitions: pt.tile(x, repetitions),
    "pad": lambda x, pad_width, value: pt.pad(x, pad_width, "constant", constant_values=np.asarray(value, x.dtype)) if pad_width else x,
    "tril": lambda x, k: pt.tril(x, k), "triu": lambda x, k: pt.triu(x, k), "ravel": lambda x: pt.flatten(x),
    "swapaxes": lambda x, axis1, axis2: pt.swapaxes(x, axis1, axis2), "moveaxis": lambda x, source, destination: pt.moveaxis(x, source, destination),
    "getitem": lambda x, key: x[key_of(key)], "take": lambda x, indices, axis: pt.take(x, indices, axis),
    "take_along_axis": lambda x, indices, axis: pt.take_along_axis(x, indices, axis),
    "sort": lambda x, axis, descending: -pt.sort(-x, axis) if descending else pt.sort(x, axis),
    "cumulative_sum": _running(pt.cumsum), "cumulative_prod": _running(pt.cumprod), "diff": lambda x, axis, n: pt.diff(x, n, axis),
    "vecdot": lambda x, y, axis: pt.sum(x * y, axis),
    "einsum": lambda subscripts, *operands: pt.einsum(subscripts, *operands), "linalg.outer": pt.outer,
    "linalg.diagonal": lambda x, offset: pt.diagonal(x, offset, -2, -1) if x.ndim == 2 else _no_stack(),
    "linalg.trace": lambda x, offset: pt.linalg.trace(x) if x.ndim == 2 and offset == 0 else _no_stack(),
    "linalg.kron": lambda x, y: pt.linalg.kron(x, y), "linalg.det": lambda x: pt.linalg.det(x), "linalg.inv": lambda x: pt.linalg.inv(x),
    "linalg.cholesky": lambda x: pt.linalg.cholesky((x + pt.matrix_transpose(x)) / 2), "linalg.pinv": lambda x: pt.linalg.pinv(x),
    "linalg.solve": lambda x, y: pt.linalg.solve(x, y, b_ndim=1 if y.ndim == 1 else 2), "linalg.expm": lambda x: pt.linalg.expm(x),
    "linalg.slogdet": lambda x, result: pt.linalg.slogdet(x)[1],
}  # fmt: skip


def _no_rolls() -> Any:
    raise Unsupported("pt.roll takes one shift")


def _no_stack() -> Any:
    raise Unsupported("PyTensor has this of one matrix alone")
