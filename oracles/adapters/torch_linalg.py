# mypy: disable-error-code="no-any-return"
"""``linalg`` of the PyTorch namespace; matrices are the last two axes, and only a y of one axis is a vector."""

from __future__ import annotations

import torch
from torch import Tensor

cholesky = torch.linalg.cholesky
det = torch.linalg.det
inv = torch.linalg.inv
outer = torch.outer


def diagonal(x: Tensor, offset: int) -> Tensor:
    return torch.diagonal(x, offset, -2, -1)


def trace(x: Tensor, offset: int) -> Tensor:
    return torch.trace(x) if x.ndim == 2 and offset == 0 else torch.diagonal(x, offset, -2, -1).sum(-1)


def solve(x: Tensor, y: Tensor) -> Tensor:
    """PyTorch takes a y of x's shape without its last axis for a batch of vectors; the array API for a matrix."""
    if y.ndim > 1 and y.shape == x.shape[:-1]:
        y = y.unsqueeze(0)
    return torch.linalg.solve(x, y)


def vector_norm(x: Tensor, axis: int | tuple[int, ...] | None, keepdims: bool, ord: float) -> Tensor:
    if axis == () and x.ndim:
        return torch.linalg.vector_norm(x.unsqueeze(-1), ord, -1)
    return torch.linalg.vector_norm(x, ord, axis, keepdim=keepdims)
