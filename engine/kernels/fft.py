"""Kernels of Fourier transforms over ``axes``; lengths are those of the operand, or ``n`` of the last result."""

from __future__ import annotations

from typing import Any

from gradproof.engine.kernels.kernel import Raw, Table
from gradproof.engine.library import is_complex


def fftn(xp: Any, x: Raw, *, axes: tuple[int, ...], norm: str) -> Raw:
    return xp.fft.fftn(_complex(x), axes=axes, norm=norm)


def ifftn(xp: Any, x: Raw, *, axes: tuple[int, ...], norm: str) -> Raw:
    return xp.fft.ifftn(_complex(x), axes=axes, norm=norm)


def rfft(xp: Any, x: Raw, *, axis: int, norm: str) -> Raw:
    return xp.fft.rfft(x, axis=axis, norm=norm)


def irfft(xp: Any, x: Raw, *, n: int, axis: int, norm: str) -> Raw:
    return xp.fft.irfft(_complex(x), n=n, axis=axis, norm=norm)


def _complex(x: Raw) -> Raw:
    """The standard transforms complex arrays only."""
    return x if is_complex(x.dtype) else x + 0j


KERNELS: Table = {"fftn": fftn, "ifftn": ifftn, "rfft": rfft, "irfft": irfft}
NUMPY: dict[str, Any] = {}
