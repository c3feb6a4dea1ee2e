"""Reading entries by key: basic slices, index arrays with repeated and negative indices."""

from __future__ import annotations

from types import EllipsisType
from typing import Any

import numpy as np

from gradproof.engine.array import Array, as_array, raw_of
from gradproof.engine.library import interpreted, to_numpy
from gradproof.engine.tape import apply, state


def getitem(x: Any, key: Any) -> Array:
    """The entries at a key, with NumPy's meaning: ints, slices, None, ..., index arrays, nested tuples as index arrays."""
    parts = key if isinstance(key, tuple) else (key,)
    key = tuple([_part(part) for part in parts])
    return apply("getitem", (_beside(as_array(x), key),), {"key": key})


def _beside(x: Array, key: tuple[Any, ...]) -> Array:
    """x as a value of the trace or the vmap that its key is of, if it is of one."""
    return state.lift(x) if state.lift is not None and any(map(interpreted, key)) else x


def _part(part: Any) -> Any:
    if part is None or (isinstance(part, int | slice | EllipsisType) and not isinstance(part, bool)):
        return part
    part = indices_of(part)
    if type(part) is not np.ndarray:
        return part
    part = np.array(part)  # a copy: the key outlives this call
    return part.astype(np.int64) if part.size == 0 and part.dtype != bool else part


def indices_of(x: Any) -> Any:
    """Indices as a NumPy array; those of a trace or a vmap stay theirs."""
    x = raw_of(x)
    return x if interpreted(x) else np.asarray(to_numpy(x))


def scatter(x: Any, key: tuple[Any, ...], shape: tuple[int, ...]) -> Array:
    """Zeros of a shape with x added at a key: the transpose of getitem."""
    return apply("scatter", (_beside(as_array(x), key),), {"key": key, "shape": shape})


def take(x: Any, indices: Any, axis: int = 0) -> Array:
    """The entries at integer indices along an axis. Composed of getitem."""
    x = as_array(x)
    return getitem(x, (slice(None),) * (axis % x.ndim) + (indices_of(indices),))


def take_along_axis(x: Any, indices: Any, axis: int = -1) -> Array:
    """The entries at integer indices along an axis, which differ from place to place. Composed of getitem."""
    x, where = as_array(x), indices_of(indices)
    axis %= x.ndim
    key = tuple(
        where if i == axis else np.arange(n).reshape((-1,) + (1,) * (x.ndim - 1 - i)) for i, n in enumerate(x.shape)
    )
    return getitem(x, key)
