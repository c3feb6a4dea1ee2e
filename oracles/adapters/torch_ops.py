# mypy: disable-error-code="no-any-return"
"""PyTorch under array-API names: each op is the PyTorch operation people really use, so its own derivative is tested.

The functions need nothing but PyTorch, so that a saved graph exports to a script with only what it uses. ``abs``,
``sum``, ``max``, ``min`` and ``pow`` here hide the builtins: no function below may use those.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from gradproof.oracles.adapters import torch_complex as complex
from gradproof.oracles.adapters import torch_linalg as linalg
from gradproof.oracles.adapters import torch_nn as nn
from gradproof.oracles.adapters.torch_missing import *
from gradproof.oracles.adapters.torch_order import *
from gradproof.oracles.adapters.torch_pieces import *
from gradproof.oracles.adapters.torch_scatter import *
from gradproof.oracles.adapters.torch_special import *

__all__ = ["complex", "linalg", "nn"]

Axis = int | tuple[int, ...] | None

# elementwise

abs = torch.abs
acos = torch.acos
acosh = torch.acosh
asin = torch.asin
asinh = torch.asinh
atan = torch.atan
atanh = torch.atanh
cos = torch.cos
cosh = torch.cosh
erf = torch.erf
erfc = torch.erfc
exp = torch.exp
expm1 = torch.expm1
log = torch.log
log1p = torch.log1p
log2 = torch.log2
log10 = torch.log10
negative = torch.negative
reciprocal = torch.reciprocal
rsqrt = torch.rsqrt
sign = torch.sign
sin = torch.sin
sinh = torch.sinh
sqrt = torch.sqrt
square = torch.square
tan = torch.tan
tanh = torch.tanh

add = torch.add
subtract = torch.subtract
multiply = torch.multiply
divide = torch.divide
pow = torch.pow
maximum = torch.maximum
minimum = torch.minimum
hypot = torch.hypot
atan2 = torch.atan2
copysign = torch.copysign
logaddexp = torch.logaddexp
xlogy = torch.xlogy
where = torch.where


def clip(x: Tensor, min: float | None, max: float | None) -> Tensor:
    return x.clone() if min is None and max is None else torch.clamp(x, min, max)


# reductions


def _over(x: Tensor, axis: Axis, keepdims: bool) -> tuple[Tensor, tuple[int, ...], bool]:
    """Explicit axes; no axes at all, which PyTorch reads as all of them, becomes one axis of length one."""
    if axis is None:
        return x, tuple(range(x.ndim)), keepdims
    if axis == () and x.ndim:
        return x.unsqueeze(-1), (-1,), False
    return x, axis if isinstance(axis, tuple) else (axis,), keepdims


def sum(x: Tensor, axis: Axis, keepdims: bool) -> Tensor:
    if axis is None and not keepdims:
        return torch.sum(x)
    x, dims, keepdims = _over(x, axis, keepdims)
    return torch.sum(x, dims, keepdim=keepdims)


def mean(x: Tensor, axis: Axis, keepdims: bool) -> Tensor:
    if axis is None and not keepdims:
        return torch.mean(x)
    x, dims, keepdims = _over(x, axis, keepdims)
    return torch.mean(x, dims, keepdim=keepdims)


def prod(x: Tensor, axis: Axis, keepdims: bool) -> Tensor:
    if axis is None and not keepdims:
        return torch.prod(x)
    axes = tuple(range(x.ndim)) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    for dim in sorted((a % x.ndim for a in axes), reverse=True):
        x = torch.prod(x, dim, keepdim=keepdims)
    return x


def max(x: Tensor, axis: Axis, keepdims: bool) -> Tensor:
    if axis is None and not keepdims:
        return torch.max(x)
    if isinstance(axis, int):
        return torch.max(x, axis, keepdim=keepdims).values
    x, dims, keepdims = _over(x, axis, keepdims)
    return torch.amax(x, dims, keepdim=keepdims)


def min(x: Tensor, axis: Axis, keepdims: bool) -> Tensor:
    if axis is None and not keepdims:
        return torch.min(x)
    if isinstance(axis, int):
        return torch.min(x, axis, keepdim=keepdims).values
    x, dims, keepdims = _over(x, axis, keepdims)
    return torch.amin(x, dims, keepdim=keepdims)


def var(x: Tensor, axis: Axis, correction: float, keepdims: bool) -> Tensor:
    x, dims, keepdims = _over(x, axis, keepdims)
    return torch.var(x, dims, correction=correction, keepdim=keepdims)


def std(x: Tensor, axis: Axis, correction: float, keepdims: bool) -> Tensor:
    x, dims, keepdims = _over(x, axis, keepdims)
    return torch.std(x, dims, correction=correction, keepdim=keepdims)


def logsumexp(x: Tensor, axis: Axis, keepdims: bool) -> Tensor:
    x, dims, keepdims = _over(x, axis, keepdims)
    return torch.logsumexp(x, dims, keepdim=keepdims)


def cumulative_sum(x: Tensor, axis: int, include_initial: bool) -> Tensor:
    if include_initial:
        x = torch.cat([torch.zeros_like(x.sum(axis, keepdim=True)), x], axis)
    return torch.cumsum(x, axis)


# shape

reshape = torch.reshape


def broadcast_to(x: Tensor, shape: tuple[int, ...]) -> Tensor:
    return torch.broadcast_to(x, shape)


def permute_dims(x: Tensor, axes: tuple[int, ...]) -> Tensor:
    return torch.permute(x, axes)


def matrix_transpose(x: Tensor) -> Tensor:
    return x.mT


def expand_dims(x: Tensor, axis: int) -> Tensor:
    return torch.unsqueeze(x, axis)


def squeeze(x: Tensor, axis: int | tuple[int, ...]) -> Tensor:
    return torch.squeeze(x, axis)


def concat(arrays: Sequence[Tensor], axis: int | None) -> Tensor:
    if axis is None:
        return torch.cat([torch.ravel(x) for x in arrays])
    return torch.cat(tuple(arrays), axis)


def stack(arrays: Sequence[Tensor], axis: int) -> Tensor:
    return torch.stack(tuple(arrays), axis)


def flip(x: Tensor, axis: Axis) -> Tensor:
    dims = tuple(range(x.ndim)) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    return torch.flip(x, dims)


def roll(x: Tensor, shift: int | tuple[int, ...], axis: Axis) -> Tensor:
    if axis is None:
        return torch.roll(x, shift)
    dims = axis if isinstance(axis, tuple) else (axis,)
    return torch.roll(x, shift if isinstance(shift, tuple) else (shift,) * len(dims), dims)


def tile(x: Tensor, repetitions: tuple[int, ...]) -> Tensor:
    return torch.tile(x, repetitions)


def repeat(x: Tensor, repeats: int, axis: int | None) -> Tensor:
    return torch.repeat_interleave(x, repeats, dim=axis)


def pad(x: Tensor, pad_width: tuple[tuple[int, int], ...], value: float) -> Tensor:
    return F.pad(x, [width for pair in reversed(pad_width) for width in pair], value=value)


def tril(x: Tensor, k: int) -> Tensor:
    return torch.tril(x, k)


def triu(x: Tensor, k: int) -> Tensor:
    return torch.triu(x, k)


# indexing


def getitem(x: Tensor, key: tuple[Any, ...]) -> Tensor:
    """NumPy's indexing: PyTorch has no negative steps, and takes an int beside an index array for a slice."""
    spare = x.ndim - len([k for k in key if k is not None and k is not ...])
    at = key.index(...) if ... in key else len(key)
    key = (*key[:at], *(slice(None),) * spare, *key[at + 1 :])
    advanced = any(isinstance(k, tuple) for k in key)
    index: list[Any] = []
    reversed_dims: list[int] = []
    dim = 0
    for k in key:
        if isinstance(k, slice) and k.step is not None and k.step < 0:
            start, stop, step = k.indices(x.shape[dim])
            last = x.shape[dim] - 1
            index.append(slice(last - start, last - stop, -step))
            reversed_dims.append(dim)
        elif isinstance(k, tuple):
            index.append(torch.tensor(k, dtype=torch.bool if k and type(k[0]) is bool else torch.int64))
        elif isinstance(k, int) and advanced:
            index.append(torch.tensor([k]))
        else:
            index.append(k)
        dim += k is not None
    return (torch.flip(x, reversed_dims) if reversed_dims else x)[tuple(index)]


def _wrapped(indices: Tensor, size: int) -> Tensor:
    return torch.where(indices < 0, indices + size, indices)


def take(x: Tensor, indices: Tensor, axis: int) -> Tensor:
    axis %= x.ndim
    flat = torch.index_select(x, axis, _wrapped(indices, x.shape[axis]).ravel())
    return flat if indices.ndim == 1 else flat.reshape(x.shape[:axis] + indices.shape + x.shape[axis + 1 :])


def take_along_axis(x: Tensor, indices: Tensor, axis: int) -> Tensor:
    return torch.take_along_dim(x, _wrapped(indices, x.shape[axis]), axis)


# products

matmul = torch.matmul
einsum = torch.einsum


def tensordot(x: Tensor, y: Tensor, axes: int | tuple[tuple[int, ...], tuple[int, ...]]) -> Tensor:
    return torch.tensordot(x, y, dims=axes)


def vecdot(x: Tensor, y: Tensor, axis: int) -> Tensor:
    return torch.linalg.vecdot(x, y, dim=axis)
