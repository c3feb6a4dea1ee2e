"""Activations of ``jax.nn``, with every parameter explicit."""

from __future__ import annotations

import jax
from jax import Array

hard_sigmoid = jax.nn.hard_sigmoid
hardswish = jax.nn.hard_silu
hardtanh = jax.nn.hard_tanh
log_sigmoid = jax.nn.log_sigmoid
mish = jax.nn.mish
relu6 = jax.nn.relu6
selu = jax.nn.selu
softsign = jax.nn.soft_sign


def celu(x: Array, alpha: float) -> Array:
    return jax.nn.celu(x, alpha)


def glu(x: Array, axis: int) -> Array:
    return jax.nn.glu(x, axis)
