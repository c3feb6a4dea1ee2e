# mypy: disable-error-code="no-any-return"
"""``complex`` of the PyTorch namespace: pairs (..., 2) become complex tensors, and PyTorch's own function is applied."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from gradproof.oracles.adapters import torch_complex_fft as fft
from gradproof.oracles.adapters.pairs import more

__all__ = ["fft"]


def _joined(x: Tensor) -> Tensor:
    return torch.complex(*torch.unbind(x, -1))


def _parted(z: Tensor) -> Tensor:
    return torch.stack((torch.real(z), torch.imag(z)), -1)


def add(x: Tensor, y: Tensor) -> Tensor:
    return _parted(torch.add(_joined(x), _joined(y)))


def subtract(x: Tensor, y: Tensor) -> Tensor:
    return _parted(torch.subtract(_joined(x), _joined(y)))


def multiply(x: Tensor, y: Tensor) -> Tensor:
    return _parted(torch.multiply(_joined(x), _joined(y)))


def divide(x: Tensor, y: Tensor) -> Tensor:
    return _parted(torch.divide(_joined(x), _joined(y)))


def negative(x: Tensor) -> Tensor:
    return _parted(torch.negative(_joined(x)))


def reciprocal(x: Tensor) -> Tensor:
    return _parted(torch.reciprocal(_joined(x)))


def square(x: Tensor) -> Tensor:
    return _parted(torch.square(_joined(x)))


def exp(x: Tensor) -> Tensor:
    return _parted(torch.exp(_joined(x)))


def log(x: Tensor) -> Tensor:
    return _parted(torch.log(_joined(x)))


def sqrt(x: Tensor) -> Tensor:
    return _parted(torch.sqrt(_joined(x)))


def sin(x: Tensor) -> Tensor:
    return _parted(torch.sin(_joined(x)))


def cos(x: Tensor) -> Tensor:
    return _parted(torch.cos(_joined(x)))


def sinh(x: Tensor) -> Tensor:
    return _parted(torch.sinh(_joined(x)))


def cosh(x: Tensor) -> Tensor:
    return _parted(torch.cosh(_joined(x)))


def tanh(x: Tensor) -> Tensor:
    return _parted(torch.tanh(_joined(x)))


def _dims(z: Tensor, axis: int | tuple[int, ...] | None) -> tuple[int, ...]:
    return tuple(range(z.ndim)) if axis is None else axis if isinstance(axis, tuple) else (axis,)


def sum(x: Tensor, axis: int | tuple[int, ...] | None, keepdims: bool) -> Tensor:
    z = _joined(x)
    if axis == () and z.ndim:
        return _parted(torch.sum(z.unsqueeze(-1), -1))
    return _parted(torch.sum(z, _dims(z, axis), keepdim=keepdims))


def mean(x: Tensor, axis: int | tuple[int, ...] | None, keepdims: bool) -> Tensor:
    z = _joined(x)
    if axis == () and z.ndim:
        return _parted(torch.mean(z.unsqueeze(-1), -1))
    return _parted(torch.mean(z, _dims(z, axis), keepdim=keepdims))


def prod(x: Tensor, axis: int | tuple[int, ...] | None, keepdims: bool) -> Tensor:
    z = _joined(x)
    for dim in sorted((a % z.ndim for a in _dims(z, axis)), reverse=True):
        z = torch.prod(z, dim, keepdim=keepdims)
    return _parted(z)


def matmul(x: Tensor, y: Tensor) -> Tensor:
    return _parted(torch.matmul(_joined(x), _joined(y)))


def vecdot(x: Tensor, y: Tensor, axis: int) -> Tensor:
    return _parted(torch.linalg.vecdot(_joined(x), _joined(y), dim=axis))


def abs(x: Tensor) -> Tensor:
    return torch.abs(_joined(x))


def conj(x: Tensor) -> Tensor:
    return _parted(torch.conj(_joined(x)))


def real(x: Tensor) -> Tensor:
    return torch.real(_joined(x))


def imag(x: Tensor) -> Tensor:
    return torch.imag(_joined(x))


def __getattr__(name: str) -> Any:
    """What has no line above: the real function as it is, on complex arrays."""
    if name.startswith("__"):
        raise AttributeError(name)
    from gradproof.oracles.adapters import torch_ops  # which has this module as its ``complex``

    found = more(torch_ops, _joined, _parted)
    if name not in found:
        raise AttributeError(f"complex numbers: no {name}.")
    globals().update(found)
    return found[name]
