"""Reductions in JAX that leave out NaN."""

from __future__ import annotations

import jax.numpy as jnp
from jax import Array

nansum = jnp.nansum
nanprod = jnp.nanprod
nanmean = jnp.nanmean
nanmax = jnp.nanmax
nanmin = jnp.nanmin


def nan_to_num(x: Array, nan: float) -> Array:
    return jnp.nan_to_num(x, nan=nan, posinf=jnp.inf, neginf=-jnp.inf)


def nanvar(x: Array, axis: int | tuple[int, ...] | None, keepdims: bool, correction: float) -> Array:
    return jnp.nanvar(x, axis=axis, keepdims=keepdims, ddof=correction)  # type: ignore[arg-type]
