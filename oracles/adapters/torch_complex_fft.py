# mypy: disable-error-code="no-any-return"
"""``complex.fft`` of the PyTorch namespace."""

from __future__ import annotations

import torch
from torch import Tensor

Lengths = tuple[int, ...]


def _joined(x: Tensor) -> Tensor:
    return torch.complex(*torch.unbind(x, -1))


def _parted(z: Tensor) -> Tensor:
    return torch.stack((torch.real(z), torch.imag(z)), -1)


def fft(x: Tensor, n: int, axis: int, norm: str) -> Tensor:
    return _parted(torch.fft.fft(_joined(x), n, axis, norm))


def ifft(x: Tensor, n: int, axis: int, norm: str) -> Tensor:
    return _parted(torch.fft.ifft(_joined(x), n, axis, norm))


def fftn(x: Tensor, s: Lengths, axes: Lengths, norm: str) -> Tensor:
    return _parted(torch.fft.fftn(_joined(x), s, axes, norm))


def ifftn(x: Tensor, s: Lengths, axes: Lengths, norm: str) -> Tensor:
    return _parted(torch.fft.ifftn(_joined(x), s, axes, norm))


def rfft(x: Tensor, n: int, axis: int, norm: str) -> Tensor:
    return _parted(torch.fft.rfft(x, n, axis, norm))


def rfftn(x: Tensor, s: Lengths, axes: Lengths, norm: str) -> Tensor:
    return _parted(torch.fft.rfftn(x, s, axes, norm))


def irfft(x: Tensor, n: int, axis: int, norm: str) -> Tensor:
    return torch.fft.irfft(_joined(x), n, axis, norm)


def irfftn(x: Tensor, s: Lengths, axes: Lengths, norm: str) -> Tensor:
    return torch.fft.irfftn(_joined(x), s, axes, norm)


def fftshift(x: Tensor, axes: Lengths) -> Tensor:
    return _parted(torch.fft.fftshift(_joined(x), axes))


def ifftshift(x: Tensor, axes: Lengths) -> Tensor:
    return _parted(torch.fft.ifftshift(_joined(x), axes))
