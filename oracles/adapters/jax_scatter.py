"""Writing and adding at places in JAX: ``x.at[...]``."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array


def _key_of(key: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(np.array(k) if isinstance(k, tuple) else k for k in key)


def _at_axis(x: Array, indices: Array, axis: int) -> Any:
    return x.at[(slice(None),) * (axis % x.ndim) + (indices,)]


def _at_places(x: Array, indices: Array, axis: int) -> Any:
    grid: list[Any] = list(np.indices(indices.shape, sparse=True))
    grid[axis] = indices
    return x.at[tuple(grid)]


def at_set(x: Array, values: Array, key: tuple[Any, ...]) -> Array:
    return x.at[_key_of(key)].set(values)


def at_add(x: Array, values: Array, key: tuple[Any, ...]) -> Array:
    return x.at[_key_of(key)].add(values)


def at_multiply(x: Array, values: Array, key: tuple[Any, ...]) -> Array:
    return x.at[_key_of(key)].multiply(values, unique_indices=True)


def put_along_axis(x: Array, indices: Array, values: Array, axis: int) -> Array:
    return jnp.put_along_axis(x, indices, values, axis, inplace=False)


def scatter_add(x: Array, indices: Array, values: Array, axis: int) -> Array:
    out: Array = _at_places(x, indices, axis).add(values)
    return out


def index_add(x: Array, indices: Array, values: Array, axis: int) -> Array:
    out: Array = _at_axis(x, indices, axis).add(values)
    return out


def index_copy(x: Array, indices: Array, values: Array, axis: int) -> Array:
    out: Array = _at_axis(x, indices, axis).set(values)
    return out


def index_fill(x: Array, indices: Array, axis: int, value: float) -> Array:
    out: Array = _at_axis(x, indices, axis).set(value)
    return out


def masked_fill(x: Array, mask: Array, value: float) -> Array:
    return jnp.where(mask, value, x)


def masked_select(x: Array, mask: Array) -> Array:
    return x[mask]


def segment_sum(x: Array, ids: Array, count: int) -> Array:
    return jax.ops.segment_sum(x, ids, num_segments=count)


def lookup(x: Array, table: Array, edges: tuple[float, ...]) -> Array:
    return table[jnp.searchsorted(jnp.array(edges, dtype=x.dtype), x)]
