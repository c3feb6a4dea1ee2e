# mypy: disable-error-code="no-any-return"
"""``linalg`` of the PyTorch namespace; matrices are the last two axes, and only a y of one axis is a vector."""

from __future__ import annotations

import torch
from torch import Tensor

cholesky = torch.linalg.cholesky
det = torch.linalg.det
expm = torch.linalg.matrix_exp
inv = torch.linalg.inv
kron = torch.kron
outer = torch.outer
pinv = torch.linalg.pinv
svdvals = torch.linalg.svdvals


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


# ---- decompositions: one result each, with the catalogue's signs of vectors


def _signs(vectors: Tensor) -> Tensor:
    """Constant signs: of each column, the sum weighted by exp(-i/3) becomes positive."""
    weights = torch.exp(-torch.arange(vectors.shape[-2], dtype=vectors.dtype) / 3)
    return torch.where(weights @ vectors.detach() < 0, -1.0, 1.0).to(vectors.dtype)


def eigh(x: Tensor, result: str) -> Tensor:
    """PyTorch's gradient is for symmetric changes of x, so x is made symmetric."""
    values, vectors = torch.linalg.eigh((x + x.mT) / 2)
    return values if result == "eigenvalues" else vectors * _signs(vectors).unsqueeze(-2)


def eigvalsh(x: Tensor) -> Tensor:
    return torch.linalg.eigvalsh((x + x.mT) / 2)


def svd(x: Tensor, result: str) -> Tensor:
    u, s, vh = torch.linalg.svd(x, full_matrices=False)
    turn = _signs(u)
    return s if result == "S" else u * turn.unsqueeze(-2) if result == "U" else vh * turn.unsqueeze(-1)


def qr(x: Tensor, result: str) -> Tensor:
    q, r = torch.linalg.qr(x)
    turn = torch.where(torch.diagonal(r.detach(), 0, -2, -1) < 0, -1.0, 1.0).to(x.dtype)
    return q * turn.unsqueeze(-2) if result == "Q" else r * turn.unsqueeze(-1)


def slogdet(x: Tensor, result: str) -> Tensor:
    return torch.linalg.slogdet(x).logabsdet


def lstsq(x: Tensor, y: Tensor) -> Tensor:
    return torch.linalg.lstsq(x, y).solution


def triangular_solve(x: Tensor, y: Tensor, lower: bool) -> Tensor:
    return torch.linalg.solve_triangular(x, y, upper=not lower)


def cholesky_solve(x: Tensor, y: Tensor) -> Tensor:
    """PyTorch reads all of x, and promises nothing unless it is triangular."""
    return torch.cholesky_solve(y, torch.tril(x))


def matrix_norm(x: Tensor, ord: float | str, keepdims: bool) -> Tensor:
    return torch.linalg.matrix_norm(x, ord, keepdim=keepdims)


def matrix_power(x: Tensor, n: int) -> Tensor:
    return torch.linalg.matrix_power(x, n)


def cross(x: Tensor, y: Tensor, axis: int) -> Tensor:
    return torch.linalg.cross(x, y, dim=axis)
