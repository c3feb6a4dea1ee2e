"""Sorting, what is read off a sorted array, and running reductions in PyTorch."""

from __future__ import annotations

import torch
from torch import Tensor

Dims = int | tuple[int, ...] | None


def sort(x: Tensor, axis: int, descending: bool) -> Tensor:
    return torch.sort(x, dim=axis, descending=descending, stable=True).values


def sort_by(x: Tensor, keys: Tensor, axis: int) -> Tensor:
    return torch.take_along_dim(x, torch.argsort(keys, dim=axis, stable=True), axis)


def topk(x: Tensor, k: int, axis: int, largest: bool) -> Tensor:
    return torch.topk(x, k, dim=axis, largest=largest, sorted=True).values


def kthvalue(x: Tensor, k: int, axis: int, keepdims: bool) -> Tensor:
    return torch.kthvalue(x, k, dim=axis, keepdim=keepdims).values


def median(x: Tensor, axis: int | None, keepdims: bool, middle: str) -> Tensor:
    if middle == "mean":
        return torch.quantile(x, 0.5, dim=axis, keepdim=keepdims)
    if axis is None:
        return torch.median(x).reshape((1,) * x.ndim if keepdims else ())
    return torch.median(x, axis, keepdim=keepdims).values


def quantile(x: Tensor, q: float, axis: int | None, keepdims: bool) -> Tensor:
    return torch.quantile(x, q, dim=axis, keepdim=keepdims)


def amax(x: Tensor, axis: Dims, keepdims: bool) -> Tensor:
    return torch.amax(x, () if axis is None else axis, keepdim=keepdims)


def amin(x: Tensor, axis: Dims, keepdims: bool) -> Tensor:
    return torch.amin(x, () if axis is None else axis, keepdim=keepdims)


def ptp(x: Tensor, axis: Dims, keepdims: bool) -> Tensor:
    return amax(x, axis, keepdims) - amin(x, axis, keepdims)


# running along an axis


def cumulative_prod(x: Tensor, axis: int, include_initial: bool) -> Tensor:
    if include_initial:
        x = torch.cat([torch.ones_like(torch.sum(x, axis, keepdim=True)), x], axis)
    return torch.cumprod(x, axis)


def cumulative_max(x: Tensor, axis: int) -> Tensor:
    return torch.cummax(x, axis).values


def cumulative_min(x: Tensor, axis: int) -> Tensor:
    return torch.cummin(x, axis).values


def logcumsumexp(x: Tensor, axis: int) -> Tensor:
    return torch.logcumsumexp(x, axis)


def linear_recurrence(x: Tensor, decay: Tensor, axis: int, reverse: bool) -> Tensor:
    out: list[Tensor] = []
    pairs = list(zip(torch.unbind(x, axis), torch.unbind(decay, axis), strict=True))
    for entry, share in reversed(pairs) if reverse else pairs:
        out.append(entry + share * out[-1] if out else entry)
    return torch.stack(out[::-1] if reverse else out, axis) if out else x + decay


def diff(x: Tensor, axis: int, n: int) -> Tensor:
    return torch.diff(x, n=n, dim=axis)


def trapezoid(y: Tensor, x: Tensor | None = None, *, dx: float = 1.0, axis: int) -> Tensor:
    return torch.trapezoid(y, dx=dx, dim=axis) if x is None else torch.trapezoid(y, x, dim=axis)


def cumulative_trapezoid(y: Tensor, x: Tensor | None = None, *, dx: float = 1.0, axis: int) -> Tensor:
    return torch.cumulative_trapezoid(y, dx=dx, dim=axis) if x is None else torch.cumulative_trapezoid(y, x, dim=axis)


def average(x: Tensor, weights: Tensor, axis: Dims, keepdims: bool) -> Tensor:
    dims = tuple(range(x.ndim)) if axis is None else axis
    return torch.sum(x * weights, dims, keepdim=keepdims) / torch.sum(weights, dims, keepdim=keepdims)
