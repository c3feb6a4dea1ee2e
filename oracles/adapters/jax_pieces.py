"""Taking arrays apart and putting them together in JAX."""

from __future__ import annotations

import jax.numpy as jnp
import jax.scipy.linalg
import numpy as np
from jax import Array

moveaxis = jnp.moveaxis
swapaxes = jnp.swapaxes
rot90 = jnp.rot90
ravel = jnp.ravel
diag = jnp.diag
block_diag = jax.scipy.linalg.block_diag


def unstack(x: Array, axis: int, piece: int) -> Array:
    return jnp.unstack(x, axis=axis)[piece]


def split(x: Array, sections: int | tuple[int, ...], axis: int, piece: int) -> Array:
    return jnp.split(x, sections, axis=axis)[piece]


def repeat_interleave(x: Array, counts: Array, axis: int) -> Array:
    return jnp.repeat(x, counts, axis=axis)


def diag_embed(x: Array, offset: int) -> Array:
    out: Array = jnp.vectorize(lambda row: jnp.diag(row, offset), signature="(n)->(m,m)")(x)
    return out


def unfold(x: Array, axis: int, size: int, step: int) -> Array:
    places = np.arange(0, x.shape[axis] - size + 1, step)[:, None] + np.arange(size)
    axis %= x.ndim
    return jnp.moveaxis(jnp.take(x, places, axis=axis), axis + 1, -1)


def meshgrid(*arrays: Array, indexing: str, piece: int) -> Array:
    return jnp.meshgrid(*arrays, indexing=indexing)[piece]


def broadcast_arrays(*arrays: Array, piece: int) -> Array:
    return jnp.broadcast_arrays(*arrays)[piece]
