"""``complex.fft`` of the JAX namespace."""

from __future__ import annotations

import jax.numpy as jnp
from jax import Array, lax

Lengths = tuple[int, ...]


def _joined(x: Array) -> Array:
    return lax.complex(x[..., 0], x[..., 1])


def _parted(z: Array) -> Array:
    return jnp.stack((jnp.real(z), jnp.imag(z)), axis=-1)


def fft(x: Array, n: int, axis: int, norm: str) -> Array:
    return _parted(jnp.fft.fft(_joined(x), n, axis, norm))


def ifft(x: Array, n: int, axis: int, norm: str) -> Array:
    return _parted(jnp.fft.ifft(_joined(x), n, axis, norm))


def fftn(x: Array, s: Lengths, axes: Lengths, norm: str) -> Array:
    return _parted(jnp.fft.fftn(_joined(x), s, axes, norm))


def ifftn(x: Array, s: Lengths, axes: Lengths, norm: str) -> Array:
    return _parted(jnp.fft.ifftn(_joined(x), s, axes, norm))


def rfft(x: Array, n: int, axis: int, norm: str) -> Array:
    return _parted(jnp.fft.rfft(x, n, axis, norm))


def rfftn(x: Array, s: Lengths, axes: Lengths, norm: str) -> Array:
    return _parted(jnp.fft.rfftn(x, s, axes, norm))


def irfft(x: Array, n: int, axis: int, norm: str) -> Array:
    return jnp.fft.irfft(_joined(x), n, axis, norm)


def irfftn(x: Array, s: Lengths, axes: Lengths, norm: str) -> Array:
    return jnp.fft.irfftn(_joined(x), s, axes, norm)


def fftshift(x: Array, axes: Lengths) -> Array:
    return _parted(jnp.fft.fftshift(_joined(x), axes))


def ifftshift(x: Array, axes: Lengths) -> Array:
    return _parted(jnp.fft.ifftshift(_joined(x), axes))
