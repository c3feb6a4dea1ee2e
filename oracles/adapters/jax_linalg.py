# mypy: disable-error-code="no-any-return"
"""``linalg`` of the JAX namespace."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import jax.scipy.linalg
from jax import Array

cholesky = jnp.linalg.cholesky
det = jnp.linalg.det
diagonal = jnp.linalg.diagonal
eigvalsh = jnp.linalg.eigvalsh
expm = jax.scipy.linalg.expm
inv = jnp.linalg.inv
kron = jnp.kron
outer = jnp.linalg.outer
pinv = jnp.linalg.pinv
solve = jnp.linalg.solve
svdvals = jnp.linalg.svdvals
trace = jnp.linalg.trace


def vector_norm(x: Array, axis: int | tuple[int, ...] | None, keepdims: bool, ord: float) -> Array:
    return jnp.linalg.vector_norm(x, axis=axis, keepdims=keepdims, ord=ord)  # type: ignore[arg-type]


# ---- decompositions: one result each, with the catalogue's signs of vectors


def _signs(vectors: Array) -> Array:
    """Constant signs: of each column, the sum weighted by exp(-i/3) becomes positive."""
    weights = jnp.exp(-jnp.arange(vectors.shape[-2], dtype=vectors.dtype) / 3)
    return jnp.where(jnp.einsum("i,...ij->...j", weights, jax.lax.stop_gradient(vectors)) < 0, -1, 1).astype(vectors.dtype)


def eigh(x: Array, result: str) -> Array:
    values, vectors = jnp.linalg.eigh(x)
    return values if result == "eigenvalues" else vectors * _signs(vectors)[..., None, :]


def svd(x: Array, result: str) -> Array:
    u, s, vh = jnp.linalg.svd(x, full_matrices=False)
    turn = _signs(u)
    return s if result == "S" else u * turn[..., None, :] if result == "U" else vh * turn[..., None]


def qr(x: Array, result: str) -> Array:
    q, r = jnp.linalg.qr(x)
    turn = jnp.where(jax.lax.stop_gradient(jnp.diagonal(r, 0, -2, -1)) < 0, -1, 1).astype(x.dtype)
    return q * turn[..., None, :] if result == "Q" else r * turn[..., None]


def slogdet(x: Array, result: str) -> Array:
    return jnp.linalg.slogdet(x).logabsdet


def lstsq(x: Array, y: Array) -> Array:
    return jnp.linalg.lstsq(x, y)[0]


def triangular_solve(x: Array, y: Array, lower: bool) -> Array:
    return jax.scipy.linalg.solve_triangular(x, y, lower=lower)


def cholesky_solve(x: Array, y: Array) -> Array:
    return jax.scipy.linalg.cho_solve((x, True), y)


def matrix_norm(x: Array, ord: float | str, keepdims: bool) -> Array:
    return jnp.linalg.matrix_norm(x, ord=ord, keepdims=keepdims)  # type: ignore[arg-type]


def matrix_power(x: Array, n: int) -> Array:
    return jnp.linalg.matrix_power(x, n)


def cross(x: Array, y: Array, axis: int) -> Array:
    return jnp.linalg.cross(x, y, axis=axis)
