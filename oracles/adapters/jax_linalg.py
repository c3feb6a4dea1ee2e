"""``linalg`` of the JAX namespace."""

from __future__ import annotations

import jax.numpy as jnp
from jax import Array

cholesky = jnp.linalg.cholesky
det = jnp.linalg.det
diagonal = jnp.linalg.diagonal
inv = jnp.linalg.inv
outer = jnp.linalg.outer
solve = jnp.linalg.solve
trace = jnp.linalg.trace


def vector_norm(x: Array, axis: int | tuple[int, ...] | None, keepdims: bool, ord: float) -> Array:
    return jnp.linalg.vector_norm(x, axis=axis, keepdims=keepdims, ord=ord)  # type: ignore[arg-type]
