"""Functions that move entries without changing them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from typing import Any

from gradproof.engine.array import Array, as_array
from gradproof.engine.backend import Axis
from gradproof.engine.errors import ShapeError
from gradproof.engine.tape import apply


def reshape(x: Any, shape: int | Sequence[int]) -> Array:
    """The same entries, in the same order, in another shape; one length may be -1."""
    return apply("reshape", (x,), {"shape": (shape,) if isinstance(shape, int) else tuple(shape)})


def permute_dims(x: Any, axes: Sequence[int]) -> Array:
    """The axes in another order."""
    return apply("permute_dims", (x,), {"axes": tuple(axes)})


def matrix_transpose(x: Any) -> Array:
    """The last two axes exchanged."""
    return apply("matrix_transpose", (as_array(x),))


def expand_dims(x: Any, axis: int | tuple[int, ...] = 0) -> Array:
    """New axes of length 1 at the given positions of the result."""
    return apply("expand_dims", (x,), {"axis": axis})


def squeeze(x: Any, axis: int | tuple[int, ...]) -> Array:
    """The given axes, all of length 1, removed."""
    return apply("squeeze", (x,), {"axis": axis})


def broadcast_to(x: Any, shape: Sequence[int]) -> Array:
    """The entries repeated along new axes and axes of length 1."""
    return apply("broadcast_to", (x,), {"shape": tuple(shape)})


def concat(arrays: Sequence[Any], axis: int | None = 0) -> Array:
    """Arrays joined along an existing axis; with axis None, all flattened first."""
    parts = [as_array(x) for x in arrays]
    if not parts:
        raise ShapeError("concat: no arrays were given, expected at least one.")
    if axis is None:
        parts, axis = [reshape(x, -1) for x in parts], 0
    ndim = parts[0].ndim
    if not -ndim <= axis < ndim:
        raise ShapeError(f"concat: axis {axis} is out of range for arrays of {ndim} axes. Use stack to add an axis.")
    axis %= ndim
    if any(x.ndim != ndim for x in parts):
        shapes = ", ".join(str(x.shape) for x in parts)
        raise ShapeError(f"concat: arrays of shape {shapes} have different numbers of axes. Reshape them first.")
    starts = tuple(accumulate((x.shape[axis] for x in parts), initial=0))
    return apply("concat", parts, {"axis": axis, "starts": starts})


def stack(arrays: Sequence[Any], axis: int = 0) -> Array:
    """Arrays of one shape joined along a new axis."""
    return concat([expand_dims(x, axis) for x in arrays], axis=axis)


def flip(x: Any, axis: Axis = None) -> Array:
    """The entries in reverse order along the given axes."""
    return apply("flip", (x,), {"axis": axis})


def roll(x: Any, shift: int | tuple[int, ...], axis: Axis = None) -> Array:
    """The entries shifted along an axis; those pushed out come in at the other end."""
    return apply("roll", (x,), {"shift": shift, "axis": axis})


def tile(x: Any, repetitions: Sequence[int]) -> Array:
    """The whole array repeated along each axis. Composed: new axes, broadcast, merged."""
    x = as_array(x)
    ndim = max(x.ndim, len(repetitions))
    lengths = (1,) * (ndim - x.ndim) + x.shape
    times = (1,) * (ndim - len(repetitions)) + tuple(repetitions)
    apart = reshape(x, [part for n in lengths for part in (1, n)])
    spread = broadcast_to(apart, [part for n, r in zip(lengths, times, strict=True) for part in (r, n)])
    return reshape(spread, [n * r for n, r in zip(lengths, times, strict=True)])


def repeat(x: Any, repeats: int, axis: int | None = None) -> Array:
    """Each entry repeated along an axis; with axis None, of the flattened array. Composed, as tile is."""
    x = reshape(x, -1) if axis is None else as_array(x)
    axis = 0 if axis is None else axis % x.ndim
    before, n, after = x.shape[:axis], x.shape[axis], x.shape[axis + 1 :]
    spread = broadcast_to(reshape(x, (*before, n, 1, *after)), (*before, n, repeats, *after))
    return reshape(spread, (*before, n * repeats, *after))


def pad(x: Any, pad_width: Sequence[tuple[int, int]], value: float = 0.0) -> Array:
    """A border of a constant around the array: (before, after) for each axis."""
    return apply("pad", (as_array(x),), {"pad_width": tuple((int(a), int(b)) for a, b in pad_width), "value": value})


def tril(x: Any, k: int = 0) -> Array:
    """The entries on and below the k-th diagonal of the last two axes; zero elsewhere."""
    return apply("tril", (x,), {"k": k})


def triu(x: Any, k: int = 0) -> Array:
    """The entries on and above the k-th diagonal of the last two axes; zero elsewhere."""
    return apply("triu", (x,), {"k": k})


def diagonal(x: Any, offset: int = 0) -> Array:
    """The offset-th diagonal of the last two axes, as the last axis."""
    return apply("diagonal", (x,), {"offset": offset})


def embed_diagonal(x: Any, offset: int, shape: tuple[int, ...]) -> Array:
    """Zeros of the given shape whose offset-th diagonal is x: the transpose of diagonal."""
    return apply("embed_diagonal", (x,), {"offset": offset, "shape": shape})
