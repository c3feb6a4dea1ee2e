"""Rows of decompositions and functions of matrices: op, meaning, operands, parameters; meanings are NumPy's and SciPy's own."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import scipy.linalg

RNG = np.random.default_rng(23)
Row = tuple[str, Any, tuple[Any, ...], dict[str, Any]]


def matrix(*shape: int) -> Any:
    """Ordinary entries, and a heavy diagonal."""
    return RNG.uniform(-1, 1, shape) + np.eye(*shape[-2:]) * np.arange(2, 2 + shape[-1]) * 1.5


def positive(vectors: Any) -> Any:
    """The vectors with signs that make the sum of each column, weighted by exp(-i/3), positive."""
    return vectors * np.sign(np.exp(-np.arange(vectors.shape[-2]) / 3) @ vectors)[..., None, :]


def eigh(x: Any, result: str) -> Any:
    values, vectors = np.linalg.eigh((x + np.swapaxes(x, -1, -2)) / 2)
    return values if result == "eigenvalues" else positive(vectors)


def svd(x: Any, result: str) -> Any:
    u, s, _ = np.linalg.svd(x, full_matrices=False)
    turned = positive(u)
    return s if result == "S" else turned if result == "U" else np.swapaxes(turned, -1, -2) @ x / s[..., None]


def qr(x: Any, result: str) -> Any:
    q, r = np.linalg.qr(x)
    signs = np.sign(np.diagonal(r, axis1=-2, axis2=-1))
    return q * signs[..., None, :] if result == "Q" else r * signs[..., None]


def norm(x: Any, ord: Any, keepdims: bool) -> Any:
    return np.linalg.norm(x, ord, axis=(-2, -1), keepdims=keepdims)


def of_triangle(x: Any, y: Any, lower: bool) -> Any:
    return np.linalg.solve(np.tril(x) if lower else np.triu(x), y)


def rows() -> Iterator[Row]:
    for shape in ((3, 3), (2, 2, 2), (1, 1)):
        x = matrix(*shape)
        for result in ("eigenvalues", "eigenvectors"):
            yield "linalg.eigh", eigh, (x + np.swapaxes(x, -1, -2),), {"result": result}
        yield "linalg.eigvalsh", np.linalg.eigvalsh, (x + np.swapaxes(x, -1, -2),), {}
        yield "linalg.slogdet", lambda x, result: np.linalg.slogdet(x)[1], (x,), {"result": "logabsdet"}
        yield "linalg.expm", scipy.linalg.expm, (x / 4,), {}
        for n in (3, 2, 1, 0, -2):
            yield "linalg.matrix_power", np.linalg.matrix_power, (x,), {"n": n}
        y = RNG.uniform(-1, 1, (*shape[:-1], 2))
        for lower in (True, False):
            yield "linalg.triangular_solve", of_triangle, (x, y), {"lower": lower}
        yield "linalg.cholesky_solve", lambda x, y: np.linalg.solve(np.tril(x) @ np.swapaxes(np.tril(x), -1, -2), y), (x, y), {}
    for shape in ((3, 2), (2, 3), (3, 3), (2, 3, 2)):
        x = matrix(*shape)
        for result in ("U", "S", "Vh"):
            yield "linalg.svd", svd, (x,), {"result": result}
        yield "linalg.svdvals", lambda x: np.linalg.svd(x, compute_uv=False), (x,), {}
        for result in ("Q", "R"):
            if shape[-2] >= shape[-1] or result == "R":
                yield "linalg.qr", qr, (x,), {"result": result}
        yield "linalg.pinv", np.linalg.pinv, (x,), {}
        for order in ("fro", "nuc", 2, -2, 1, -1, math.inf, -math.inf):
            yield "linalg.matrix_norm", norm, (x,), {"ord": order, "keepdims": order in ("nuc", 1)}
    yield "linalg.lstsq", lambda x, y: np.linalg.lstsq(x, y)[0], (matrix(3, 2), RNG.uniform(-1, 1, (3, 2))), {}
    yield "linalg.kron", np.kron, (matrix(2, 3), matrix(2, 2)), {}
    yield "linalg.cross", lambda x, y, axis: np.cross(x, y, axis=axis), (matrix(2, 3), matrix(2, 3)), {"axis": -1}
    yield "linalg.cross", lambda x, y, axis: np.cross(x, y, axis=axis), (matrix(3, 2), matrix(3, 2)), {"axis": 0}


ROWS = tuple(rows())
