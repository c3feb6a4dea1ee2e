"""Writing and adding at places in PyTorch: its own out-of-place functions, and assignment to a copy."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


def _key_of(key: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(torch.tensor(k) if isinstance(k, tuple) else k for k in key)


def _positive(i: Tensor, x: Tensor, axis: int) -> Tensor:
    return torch.where(i < 0, i + x.shape[axis], i)


def at_set(x: Tensor, values: Tensor, key: tuple[Any, ...]) -> Tensor:
    out = x.clone()
    out[_key_of(key)] = values
    return out


def at_add(x: Tensor, values: Tensor, key: tuple[Any, ...]) -> Tensor:
    if any(isinstance(k, tuple) and len({i % n for i in k}) < len(k) for k, n in zip(key, x.shape, strict=False)):
        places = torch.arange(x.numel(), device=x.device).reshape(x.shape)[_key_of(key)]
        flat = torch.index_put(x.reshape(-1), (places,), values.expand(places.shape), accumulate=True)
        return flat.reshape(x.shape)
    out = x.clone()
    out[_key_of(key)] = x[_key_of(key)] + values
    return out


def at_multiply(x: Tensor, values: Tensor, key: tuple[Any, ...]) -> Tensor:
    out = x.clone()
    out[_key_of(key)] = x[_key_of(key)] * values
    return out


def put_along_axis(x: Tensor, indices: Tensor, values: Tensor, axis: int) -> Tensor:
    return torch.scatter(x, axis, _positive(indices, x, axis), values)


def scatter_add(x: Tensor, indices: Tensor, values: Tensor, axis: int) -> Tensor:
    return torch.scatter_add(x, axis, _positive(indices, x, axis), values)


def index_add(x: Tensor, indices: Tensor, values: Tensor, axis: int) -> Tensor:
    return torch.index_add(x, axis, _positive(indices, x, axis), values)


def index_copy(x: Tensor, indices: Tensor, values: Tensor, axis: int) -> Tensor:
    return torch.index_copy(x, axis, _positive(indices, x, axis), values)


def index_fill(x: Tensor, indices: Tensor, axis: int, value: float) -> Tensor:
    return torch.index_fill(x, axis, indices, value)


def masked_fill(x: Tensor, mask: Tensor, value: float) -> Tensor:
    return torch.masked_fill(x, mask, value)


def masked_select(x: Tensor, mask: Tensor) -> Tensor:
    return torch.masked_select(x, mask)


def segment_sum(x: Tensor, ids: Tensor, count: int) -> Tensor:
    return torch.zeros((count, *x.shape[1:]), dtype=x.dtype).index_add(0, ids, x)


def lookup(x: Tensor, table: Tensor, edges: tuple[float, ...]) -> Tensor:
    return table[torch.bucketize(x, torch.tensor(edges, dtype=x.dtype))]
