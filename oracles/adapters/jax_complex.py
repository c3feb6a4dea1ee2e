"""``complex`` of the JAX namespace: pairs (..., 2) become complex arrays, and JAX's own function is applied."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
from jax import Array, lax

from gradproof.oracles.adapters import jax_complex_fft as fft
from gradproof.oracles.adapters.pairs import more

__all__ = ["fft"]

Axis = int | tuple[int, ...] | None


def _joined(x: Array) -> Array:
    return lax.complex(x[..., 0], x[..., 1])


def _parted(z: Array) -> Array:
    return jnp.stack((jnp.real(z), jnp.imag(z)), axis=-1)


def add(x: Array, y: Array) -> Array:
    return _parted(jnp.add(_joined(x), _joined(y)))


def subtract(x: Array, y: Array) -> Array:
    return _parted(jnp.subtract(_joined(x), _joined(y)))


def multiply(x: Array, y: Array) -> Array:
    return _parted(jnp.multiply(_joined(x), _joined(y)))


def divide(x: Array, y: Array) -> Array:
    return _parted(jnp.divide(_joined(x), _joined(y)))


def matmul(x: Array, y: Array) -> Array:
    return _parted(jnp.matmul(_joined(x), _joined(y)))


def negative(x: Array) -> Array:
    return _parted(jnp.negative(_joined(x)))


def reciprocal(x: Array) -> Array:
    return _parted(jnp.reciprocal(_joined(x)))


def square(x: Array) -> Array:
    return _parted(jnp.square(_joined(x)))


def exp(x: Array) -> Array:
    return _parted(jnp.exp(_joined(x)))


def log(x: Array) -> Array:
    return _parted(jnp.log(_joined(x)))


def sqrt(x: Array) -> Array:
    return _parted(jnp.sqrt(_joined(x)))


def sin(x: Array) -> Array:
    return _parted(jnp.sin(_joined(x)))


def cos(x: Array) -> Array:
    return _parted(jnp.cos(_joined(x)))


def sinh(x: Array) -> Array:
    return _parted(jnp.sinh(_joined(x)))


def cosh(x: Array) -> Array:
    return _parted(jnp.cosh(_joined(x)))


def tanh(x: Array) -> Array:
    return _parted(jnp.tanh(_joined(x)))


def conj(x: Array) -> Array:
    return _parted(jnp.conj(_joined(x)))


def sum(x: Array, axis: Axis, keepdims: bool) -> Array:
    return _parted(jnp.sum(_joined(x), axis=axis, keepdims=keepdims))


def mean(x: Array, axis: Axis, keepdims: bool) -> Array:
    return _parted(jnp.mean(_joined(x), axis=axis, keepdims=keepdims))


def prod(x: Array, axis: Axis, keepdims: bool) -> Array:
    return _parted(jnp.prod(_joined(x), axis=axis, keepdims=keepdims))


def vecdot(x: Array, y: Array, axis: int) -> Array:
    return _parted(jnp.linalg.vecdot(_joined(x), _joined(y), axis=axis))


def abs(x: Array) -> Array:
    return jnp.abs(_joined(x))


def real(x: Array) -> Array:
    return jnp.real(_joined(x))


def imag(x: Array) -> Array:
    return jnp.imag(_joined(x))


def __getattr__(name: str) -> Any:
    """What has no line above: the real function as it is, on complex arrays."""
    if name.startswith("__"):
        raise AttributeError(name)
    from gradproof.oracles.adapters import jax_ops  # which has this module as its ``complex``

    found = more(jax_ops, _joined, _parted)
    if name not in found:
        raise AttributeError(f"complex numbers: no {name}.")
    globals().update(found)
    return found[name]
