"""Reductions in PyTorch that leave out NaN; those it has not are written as people write them, with nan_to_num first."""

from __future__ import annotations

import math

import torch
from torch import Tensor

Over = int | tuple[int, ...] | None


def _filled(x: Tensor, value: float) -> Tensor:
    return torch.where(torch.isnan(x), value, x)


def nan_to_num(x: Tensor, nan: float) -> Tensor:
    return torch.nan_to_num(x, nan=nan, posinf=math.inf, neginf=-math.inf)


def nansum(x: Tensor, axis: Over, keepdims: bool) -> Tensor:
    return torch.nansum(x, axis, keepdim=keepdims)


def nanmean(x: Tensor, axis: Over, keepdims: bool) -> Tensor:
    return torch.nanmean(x, axis, keepdim=keepdims)


def nanprod(x: Tensor, axis: Over, keepdims: bool) -> Tensor:
    x = _filled(x, 1.0)
    dims = tuple(range(x.ndim)) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    for dim in sorted((a % x.ndim for a in dims), reverse=True):
        x = torch.prod(x, dim, keepdim=keepdims)
    return x


def nanvar(x: Tensor, axis: Over, keepdims: bool, correction: float) -> Tensor:
    deviations = _filled(x - torch.nanmean(x, axis, keepdim=True), 0.0)  # NaN times 0 would be NaN in the gradient
    count = torch.sum(~torch.isnan(x), axis, keepdim=keepdims).to(x.dtype)
    return torch.sum(deviations * deviations, axis, keepdim=keepdims) / (count - correction)


def nanmax(x: Tensor, axis: Over, keepdims: bool) -> Tensor:
    return torch.amax(_filled(x, -math.inf), () if axis is None else axis, keepdim=keepdims)


def nanmin(x: Tensor, axis: Over, keepdims: bool) -> Tensor:
    return torch.amin(_filled(x, math.inf), () if axis is None else axis, keepdim=keepdims)
