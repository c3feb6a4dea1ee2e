"""Taking arrays apart and putting them together in PyTorch."""

from __future__ import annotations

import torch
from torch import Tensor

Where = int | tuple[int, ...]


def unstack(x: Tensor, axis: int, piece: int) -> Tensor:
    return torch.unbind(x, axis)[piece]


def split(x: Tensor, sections: Where, axis: int, piece: int) -> Tensor:
    return torch.tensor_split(x, sections, dim=axis)[piece]


def moveaxis(x: Tensor, source: Where, destination: Where) -> Tensor:
    return torch.moveaxis(x, source, destination)  # type: ignore[arg-type]


def swapaxes(x: Tensor, axis1: int, axis2: int) -> Tensor:
    return torch.swapaxes(x, axis1, axis2)


def repeat_interleave(x: Tensor, counts: Tensor, axis: int) -> Tensor:
    return torch.repeat_interleave(x, counts, dim=axis)


def rot90(x: Tensor, k: int, axes: tuple[int, int]) -> Tensor:
    return torch.rot90(x, k, axes)


def ravel(x: Tensor) -> Tensor:
    return torch.ravel(x)


def diag(x: Tensor, k: int) -> Tensor:
    return torch.diag(x, k)


def diag_embed(x: Tensor, offset: int) -> Tensor:
    return torch.diag_embed(x, offset)


def unfold(x: Tensor, axis: int, size: int, step: int) -> Tensor:
    return x.unfold(axis, size, step)


def meshgrid(*arrays: Tensor, indexing: str, piece: int) -> Tensor:
    return torch.meshgrid(*arrays, indexing=indexing)[piece]


def broadcast_arrays(*arrays: Tensor, piece: int) -> Tensor:
    return torch.broadcast_tensors(*arrays)[piece]  # type: ignore[no-untyped-call,no-any-return]


def block_diag(*arrays: Tensor) -> Tensor:
    return torch.block_diag(*arrays)  # type: ignore[no-untyped-call,no-any-return]
