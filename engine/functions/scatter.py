"""Writing and adding at places: an array is never changed, the result is a new one. All are composed of scatter and where.

Where places come up more than once, what is added adds up, and of what is written the last stays, as in NumPy.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from gradproof.engine.array import Array, as_array
from gradproof.engine.backend import constant
from gradproof.engine.errors import ShapeError
from gradproof.engine.functions import elementwise as el
from gradproof.engine.functions import indexing, shape
from gradproof.engine.functions.indexing import indices_of, scatter

Key = tuple[Any, ...]


def at_set(x: Any, values: Any, key: Any) -> Array:
    """x with values written at a key.

    >>> import gradproof.engine as ge
    >>> ge.at_set([1.0, 2.0, 3.0], 9.0, (slice(1, None),))
    Array([1., 9., 9.], dtype=float64)
    """
    x, key = as_array(x), _as_key(key)
    values = _fitted("at_set", x, values, key)
    number = np.full(x.shape, -1)
    count = int(np.prod(values.shape))
    number[key] = np.arange(count).reshape(values.shape)
    if count != np.count_nonzero(number >= 0):  # a place is named twice: all but the last are lost
        values = el.where(number[key] == np.arange(count).reshape(values.shape), values, 0.0)
    return el.where(number >= 0, scatter(values, key, x.shape), x)


def at_add(x: Any, values: Any, key: Any) -> Array:
    """x with values added at a key."""
    x, key = as_array(x), _as_key(key)
    return el.add(x, scatter(_fitted("at_add", x, values, key), key, x.shape))


def at_multiply(x: Any, values: Any, key: Any) -> Array:
    """x multiplied by values at a key, which must not name a place twice."""
    x, key = as_array(x), _as_key(key)
    values = _fitted("at_multiply", x, values, key)
    hit = np.zeros(x.shape, dtype=bool)
    hit[key] = True
    if np.count_nonzero(hit) != np.prod(values.shape, dtype=int):
        raise ShapeError("at_multiply: the key names a place more than once. Multiply the values of one place first.")
    return el.where(hit, el.multiply(x, scatter(values, key, x.shape)), x)


def put_along_axis(x: Any, indices: Any, values: Any, axis: int = -1) -> Array:
    """x with values written at integer indices along an axis, which differ from place to place."""
    return at_set(x, values, _places(x, indices, axis))


def scatter_add(x: Any, indices: Any, values: Any, axis: int = -1) -> Array:
    """x with values added at integer indices along an axis, which differ from place to place."""
    return at_add(x, values, _places(x, indices, axis))


def index_add(x: Any, indices: Any, values: Any, axis: int = 0) -> Array:
    """x with slices added at integer indices along an axis."""
    return at_add(x, values, _axis_key(x, indices, axis))


def index_copy(x: Any, indices: Any, values: Any, axis: int = 0) -> Array:
    """x with slices written at integer indices along an axis."""
    return at_set(x, values, _axis_key(x, indices, axis))


def index_fill(x: Any, indices: Any, axis: int = 0, value: float = 0.0) -> Array:
    """x with a constant at integer indices along an axis."""
    x = as_array(x)
    hit = np.zeros(x.shape, dtype=bool)
    hit[_axis_key(x, indices, axis)] = True
    return el.where(hit, value, x)


def masked_fill(x: Any, mask: Any, value: float) -> Array:
    """x with a constant where a mask is set."""
    return el.where(mask, value, x)


def masked_select(x: Any, mask: Any) -> Array:
    """The entries where a mask of x's shape is set, in one axis."""
    x, mask = as_array(x), indices_of(mask)
    if mask.dtype != bool or mask.shape != x.shape:
        raise ShapeError(f"masked_select: a mask of shape {mask.shape}, {mask.dtype}; expected booleans of shape {x.shape}.")
    return indexing.getitem(x, (mask,))


def segment_sum(x: Any, ids: Any, count: int) -> Array:
    """The sums of the slices along the first axis that have the same id, for ids 0 to count - 1."""
    x, ids = as_array(x), indices_of(ids)
    if ids.shape != x.shape[:1] or (ids.size and not (ids.min() >= 0 and ids.max() < count)):
        raise ShapeError(f"segment_sum: ids of shape {ids.shape} for {x.shape}; expected one in 0 .. {count - 1} for each slice.")
    return scatter(x, (ids.astype(np.int64),), (count, *x.shape[1:]))


def lookup(x: Any, table: Any, edges: Sequence[float]) -> Array:
    """Entries of a table, by how many of the ascending edges each entry of x is above; the gradient of x is 0.

    >>> import gradproof.engine as ge
    >>> ge.lookup([-3.0, 0.0, 5.0], [10.0, 20.0], edges=(0.0,))
    Array([10., 10., 20.], dtype=float64)
    """
    x, table, edges = as_array(x), as_array(table), tuple(float(e) for e in edges)
    if table.shape != (len(edges) + 1,) or list(edges) != sorted(edges):
        raise ShapeError(f"lookup: a table of shape {table.shape} for edges {edges}; expected ascending edges and one entry more.")
    return indexing.take(table, constant("bucket", x.data, edges=edges), axis=0)


def _as_key(key: Any) -> Key:
    """A key with its index arrays and masks as arrays."""
    parts = key if isinstance(key, tuple) else (key,)
    return tuple(np.array(indices_of(p)) if isinstance(p, tuple | list | np.ndarray | Array) else p for p in parts)


def _fitted(name: str, x: Array, values: Any, key: Key) -> Array:
    """The values broadcast to what the key names."""
    given = as_array(values)
    region = np.zeros(x.shape, dtype=bool)[key].shape
    if given.shape == region:
        return given
    try:
        fits = np.broadcast_shapes(given.shape, region) == region
    except ValueError:
        fits = False
    if not fits:
        raise ShapeError(f"{name}: values of shape {given.shape} at a key that names {region}; expected values that broadcast to it.")
    return shape.broadcast_to(given, region)


def _axis_key(x: Any, indices: Any, axis: int) -> Key:
    return (slice(None),) * (axis % as_array(x).ndim) + (np.asarray(indices_of(indices), dtype=np.int64),)


def _places(x: Any, indices: Any, axis: int) -> Key:
    found = np.asarray(indices_of(indices), dtype=np.int64)
    grid: list[Any] = list(np.indices(found.shape, sparse=True))
    grid[axis] = found
    return tuple(grid)
