# mypy: disable-error-code="no-any-return"
"""``nn`` of the JAX namespace: ``jax.nn`` with every parameter explicit; JAX itself has no losses and no layers."""

from __future__ import annotations

import math
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from gradproof.oracles.adapters.jax_activations import *
from gradproof.oracles.adapters.jax_layers import *

relu = jax.nn.relu
sigmoid = jax.nn.sigmoid
silu = jax.nn.silu
softplus = jax.nn.softplus


def gelu(x: Array, approximate: str) -> Array:
    return jax.nn.gelu(x, approximate=approximate == "tanh")


def leaky_relu(x: Array, negative_slope: float) -> Array:
    return jax.nn.leaky_relu(x, negative_slope)


def elu(x: Array, alpha: float) -> Array:
    return jax.nn.elu(x, alpha)


def softmax(x: Array, axis: int) -> Array:
    return jax.nn.softmax(x, axis)


def log_softmax(x: Array, axis: int) -> Array:
    return jax.nn.log_softmax(x, axis)


def _reduced(losses: Array, reduction: str) -> Array:
    return losses.mean() if reduction == "mean" else losses.sum() if reduction == "sum" else losses


def cross_entropy(logits: Array, labels: Array, reduction: str) -> Array:
    log_p = jax.nn.log_softmax(logits, axis=1)
    return _reduced(-jnp.take_along_axis(log_p, labels[:, None], axis=1)[:, 0], reduction)


def mse(x: Array, y: Array, reduction: str) -> Array:
    return _reduced(jnp.square(x - y), reduction)


def embedding(table: Array, indices: Array) -> Array:
    return jnp.take(table, indices, axis=0)


def _widened(x: Array, width: int) -> Array:
    return x if x.shape[-1] == width else jnp.pad(x, [(0, 0)] * (x.ndim - 1) + [(0, width - x.shape[-1])])


def scaled_dot_product_attention(
    q: Array, k: Array, v: Array, mask: Array | None = None, *, causal: bool, scale: float | None, grouped: bool = False
) -> Array:
    """JAX wants (batch, length, heads, features), with as many features in v as in q: zeros change nothing."""
    width = max(q.shape[-1], v.shape[-1])
    scale = 1 / math.sqrt(q.shape[-1]) if scale is None else scale  # its own default would count the zeros
    options: dict[str, Any] = {"scale": scale, "is_causal": causal}
    if mask is not None:
        options["mask" if mask.dtype == bool else "bias"] = mask[None, None]
    q4, k4, v4 = (_widened(x, width) for x in (q, k, v))
    if grouped:
        q4, k4, v4 = (jnp.swapaxes(x, -3, -2)[None] for x in (q4, k4, v4))
        out = jnp.swapaxes(jax.nn.dot_product_attention(q4, k4, v4, **options)[0], -3, -2)
        return out[..., : v.shape[-1]]
    batch = math.prod(q.shape[:-2])
    q4, k4, v4 = (x.reshape(batch, x.shape[-2], 1, width) for x in (q4, k4, v4))
    out = jax.nn.dot_product_attention(q4, k4, v4, **options)
    return out[..., : v.shape[-1]].reshape(q.shape[:-1] + v.shape[-1:])


def interpolate(x: Array, size: tuple[int, ...], mode: str, align_corners: bool) -> Array:
    shape = x.shape[:2] + size
    if mode == "nearest":
        for axis, (m, n) in enumerate(zip(size, x.shape[2:], strict=True), 2):
            x = jnp.take(x, jnp.arange(m) * n // m, axis=axis)
        return x
    if not align_corners:
        return jax.image.resize(x, shape, "linear" if mode == "linear" else "nearest", antialias=False)
    scale = jnp.array([(m - 1) / (n - 1) if min(m, n) > 1 else float(m) for m, n in zip(size, x.shape[2:], strict=True)])
    axes = tuple(range(2, x.ndim))
    return jax.image.scale_and_translate(x, shape, axes, scale, 0.5 - 0.5 * scale, "linear", antialias=False)
