"""Sorting, what is read off a sorted array, and running reductions in JAX."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

ptp = jnp.ptp
amax = jnp.amax
amin = jnp.amin
cumulative_prod = getattr(jnp, "cumulative_prod", None)  # not in 0.4.35


def sort(x: Array, axis: int, descending: bool) -> Array:
    return jnp.sort(x, axis=axis, descending=descending, stable=True)


def sort_by(x: Array, keys: Array, axis: int) -> Array:
    return jnp.take_along_axis(x, jnp.argsort(keys, axis=axis, stable=True), axis=axis)


def topk(x: Array, k: int, axis: int, largest: bool) -> Array:
    last = jnp.moveaxis(x, axis, -1)
    found = jax.lax.top_k(last, k)[0] if largest else -jax.lax.top_k(-last, k)[0]
    return jnp.moveaxis(found, -1, axis)


def kthvalue(x: Array, k: int, axis: int, keepdims: bool) -> Array:
    return jax.lax.index_in_dim(jnp.sort(x, axis=axis), k - 1, axis, keepdims)


def median(x: Array, axis: int | None, keepdims: bool, middle: str) -> Array:
    keepdims = keepdims and x.ndim > 0  # of a 0-d array JAX then makes one of shape (1,)
    if middle == "mean":
        return jnp.median(x, axis=axis, keepdims=keepdims)
    return jnp.quantile(x, 0.5, axis=axis, keepdims=keepdims, method="lower")


def quantile(x: Array, q: float, axis: int | None, keepdims: bool) -> Array:
    return jnp.quantile(x, q, axis=axis, keepdims=keepdims and x.ndim > 0)


# running along an axis


def cumulative_max(x: Array, axis: int) -> Array:
    return jax.lax.cummax(x, axis % x.ndim)


def cumulative_min(x: Array, axis: int) -> Array:
    return jax.lax.cummin(x, axis % x.ndim)


def logcumsumexp(x: Array, axis: int) -> Array:
    return jax.lax.cumlogsumexp(x, axis % x.ndim)


def linear_recurrence(x: Array, decay: Array, axis: int, reverse: bool) -> Array:
    def step(before: Array, entry: tuple[Array, Array]) -> tuple[Array, Array]:
        after = entry[0] + entry[1] * before
        return after, after

    rows, shares = jnp.moveaxis(x, axis, 0), jnp.moveaxis(decay, axis, 0)
    _, out = jax.lax.scan(step, jnp.zeros(rows.shape[1:], x.dtype), (rows, shares), reverse=reverse)
    return jnp.moveaxis(out, 0, axis)


def diff(x: Array, axis: int, n: int) -> Array:
    return jnp.diff(x, n=n, axis=axis)


def trapezoid(y: Array, x: Array | None = None, *, dx: float = 1.0, axis: int) -> Array:
    if y.shape[axis] == 0:  # JAX raises IndexError, where NumPy and PyTorch give 0
        return jnp.sum(y, axis=axis)
    return jnp.trapezoid(y, x, dx, axis)


def cumulative_trapezoid(y: Array, x: Array | None = None, *, dx: float = 1.0, axis: int) -> Array:
    n = y.shape[axis]
    if n == 0:
        return y

    def pairs(v: Array) -> tuple[Array, Array]:
        return jax.lax.slice_in_dim(v, 1, n, axis=axis), jax.lax.slice_in_dim(v, 0, n - 1, axis=axis)

    after, before = pairs(y)
    steps: Any = dx
    if x is not None:
        right, left = pairs(x)
        steps = right - left
    return jnp.cumsum(steps * (after + before) / 2.0, axis=axis)


def average(x: Array, weights: Array, axis: int | tuple[int, ...] | None, keepdims: bool) -> Array:
    return jnp.average(x, axis=axis, weights=weights, keepdims=keepdims)
