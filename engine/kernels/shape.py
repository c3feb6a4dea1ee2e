"""Kernels that move entries without changing them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from gradproof.engine.kernels.kernel import Bound, Raw, Table, like, standard


def concat(xp: Any, *arrays: Raw, axis: int, starts: tuple[int, ...]) -> Raw:
    return xp.concat(arrays, axis=axis)


def pad(xp: Any, x: Raw, *, pad_width: tuple[tuple[int, int], ...], value: float) -> Raw:
    out = xp.full(
        tuple(before + n + after for n, (before, after) in zip(x.shape, pad_width, strict=True)), value, **like(x)
    )
    out[inner(x.shape, pad_width)] = x
    return out


def inner(shape: tuple[int, ...], pad_width: tuple[tuple[int, int], ...]) -> tuple[slice, ...]:
    """The key of the part of a padded array that is not padding."""
    return tuple(slice(before, before + n) for n, (before, _) in zip(shape, pad_width, strict=True))


def embed_diagonal(xp: Any, x: Raw, *, offset: int, shape: tuple[int, ...]) -> Raw:
    """An array of zeros of ``shape`` whose diagonal is ``x``: the transpose of ``diagonal``."""
    rows, columns = shape[-2:]
    length = x.shape[-1]
    if length == 0:
        return xp.zeros(shape, **like(x))
    row = xp.arange(rows, device=x.device)
    entry = xp.clip(row + min(offset, 0), 0, length - 1)  # which entry of x a row holds, if any
    on = xp.expand_dims(row, axis=1) + offset == xp.arange(columns, device=x.device)
    return xp.where(on, xp.expand_dims(xp.take(x, entry, axis=-1), axis=-1), 0.0)


# ---- NumPy's own


def _reshape(x: Raw, *, shape: tuple[int, ...]) -> Raw:
    return np.asarray(x).reshape(shape)


def _broadcast_to(x: Raw, *, shape: tuple[int, ...]) -> Raw:
    x = np.asarray(x)
    if math.prod(shape) > 4096:
        return np.broadcast_to(x, shape)
    out = np.empty(shape, x.dtype)  # np.broadcast_to costs 4 us; writing a small array costs 0.5
    out[...] = x
    return out


def _embed_diagonal(x: Raw, *, offset: int, shape: tuple[int, ...]) -> Raw:
    x = np.asarray(x)
    out = np.zeros(shape, x.dtype)
    row = np.arange(x.shape[-1])
    out[..., row + max(-offset, 0), row + max(offset, 0)] = x
    return out


KERNELS: Table = standard(
    "broadcast_to expand_dims flip linalg.diagonal matrix_transpose permute_dims reshape roll squeeze tril triu"
) | {"concat": concat, "embed_diagonal": embed_diagonal, "pad": pad}
NUMPY: Bound = {"broadcast_to": _broadcast_to, "embed_diagonal": _embed_diagonal, "reshape": _reshape}
