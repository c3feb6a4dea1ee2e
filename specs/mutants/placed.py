"""Faults of taking arrays apart, putting them together and writing at places: compositions, so each gives the right values
with the gradient of another function. They count in the families whose kind they are.
"""

from __future__ import annotations

from typing import Any

import numpy as np

import gradproof.engine as ge
from gradproof.specs.mutants.mutant import Family
from gradproof.specs.mutants.ordered import bent

FACTOR, AXIS, REGION, LAYOUT = Family("factor"), Family("axis"), Family("rare region"), Family("layout")


def _instead(family: Family, op: str, wrong: str, other: Any) -> None:
    """The values of the op, with the gradient of ``other(right, *operands, **params)``."""
    family.swap(op, wrong, ge, op, lambda right: lambda *x, **p: bent(right(*x, **p), other(right, *x, **p)))


def _kept(x: Any) -> Any:
    return ge.stop_gradient(x)


# fmt: off
# ---- pieces
_instead(AXIS, "unstack", "the piece before it", lambda f, x, axis, piece: f(x, axis=axis, piece=piece - 1 if piece else 0))
_instead(FACTOR, "unstack", "a negative axis is doubled", lambda f, x, axis, piece: (2 if axis < 0 else 1) * f(x, axis=axis, piece=piece))
_instead(AXIS, "split", "the piece turned round", lambda f, x, sections, axis, piece: ge.flip(f(x, sections=sections, axis=axis, piece=piece), axis=axis))
_instead(FACTOR, "split", "the last piece is halved", lambda f, x, sections, axis, piece:
         (0.5 if piece == (sections - 1 if isinstance(sections, int) else len(sections)) else 1) * f(x, sections=sections, axis=axis, piece=piece))
_instead(AXIS, "moveaxis", "of equal lengths, the way back", lambda f, x, source, destination: _back(f, x, source, destination))
_instead(AXIS, "swapaxes", "of equal lengths, not exchanged", lambda f, x, axis1, axis2:
         x * 1.0 if np.shape(x)[axis1] == np.shape(x)[axis2] else f(x, axis1=axis1, axis2=axis2))
_instead(AXIS, "repeat_interleave", "a count of 3 goes back as 2", lambda f, x, counts, axis: f(
         ge.where(np.reshape(np.asarray(counts) == 3, [-1 if a == axis % np.ndim(x) else 1 for a in range(np.ndim(x))]),
                  x * (2 / 3) + _kept(x) / 3, x), counts, axis=axis))
_instead(FACTOR, "repeat_interleave", "a negative axis is halved", lambda f, x, counts, axis: (0.5 if axis < 0 else 1) * f(x, counts, axis=axis))
_instead(AXIS, "rot90", "turned the other way where the shape is the same", lambda f, x, k, axes:
         f(x, k=-k, axes=axes) if np.shape(f(x, k=-k, axes=axes)) == np.shape(f(x, k=k, axes=axes)) else f(x, k=k, axes=axes))
_instead(LAYOUT, "ravel", "in the order of columns", lambda f, x: f(ge.permute_dims(x, tuple(range(np.ndim(x)))[::-1])))
_instead(LAYOUT, "diag", "of a vector turned round", lambda f, x, k: f(ge.flip(x) if np.ndim(x) == 1 else x, k=k))
_instead(FACTOR, "diag", "of a matrix, beside the diagonal doubled", lambda f, x, k: (2 if np.ndim(x) == 2 and k else 1) * f(x, k=k))
_instead(AXIS, "diag_embed", "below the diagonal turned round", lambda f, x, offset: f(ge.flip(x, axis=-1) if offset < 0 else x, offset=offset))
_instead(FACTOR, "unfold", "each entry counted once", lambda f, x, axis, size, step: _once(f, x, axis, size, step))
_instead(AXIS, "unfold", "windows turned round", lambda f, x, axis, size, step: ge.flip(f(x, axis=axis, size=size, step=step), axis=-1))
_instead(AXIS, "meshgrid", "turned round along its own axis", lambda f, *x, indexing, piece:
         f(*(ge.flip(part) if i == 1 else part for i, part in enumerate(x)), indexing=indexing, piece=piece))
_instead(FACTOR, "meshgrid", "xy is halved", lambda f, *x, indexing, piece: (0.5 if indexing == "xy" else 1) * f(*x, indexing=indexing, piece=piece))
_instead(FACTOR, "broadcast_arrays", "the second piece is negated", lambda f, *x, piece: (-1 if piece else 1) * f(*x, piece=piece))
_instead(LAYOUT, "block_diag", "blocks after the first get nothing", lambda f, *x: f(x[0], *map(_kept, x[1:])))

# ---- writing and adding at places
_instead(FACTOR, "at_set", "what is overwritten gets its cotangent too", lambda f, x, values, key: ge.at_add(x, values, key))
_instead(REGION, "at_set", "a value that is broadcast gets one share", lambda f, x, values, key:
         f(x, values / max(1, np.zeros(np.shape(x))[_array_key(key)].size // max(1, np.size(values))), key))
_instead(FACTOR, "at_add", "the values are halved", lambda f, x, values, key: f(x, 0.5 * values, key))
_instead(FACTOR, "at_add", "x gets nothing where something is added", lambda f, x, values, key: ge.at_set(x, values, key))
_instead(FACTOR, "at_multiply", "the factors are constants", lambda f, x, values, key: f(x, _kept(values), key))
_instead(FACTOR, "at_multiply", "x is passed whole", lambda f, x, values, key: f(_kept(x), values, key) + x - _kept(x))
_instead(FACTOR, "put_along_axis", "what is overwritten gets its cotangent too", lambda f, x, i, values, axis:
         ge.scatter_add(x, i, values, axis=axis))
_instead(AXIS, "put_along_axis", "a negative index writes from the front", lambda f, x, i, values, axis:
         f(x, _mirrored(i, np.shape(x)[axis]), values, axis=axis))
_instead(REGION, "scatter_add", "of a place named twice one value gets it", lambda f, x, i, values, axis:
         ge.put_along_axis(_kept(x), i, values, axis=axis) + x - _kept(x))
_instead(FACTOR, "scatter_add", "x gets nothing", lambda f, x, i, values, axis: f(_kept(x), i, values, axis=axis))
_instead(REGION, "index_add", "of a place named twice one value gets it", lambda f, x, i, values, axis:
         ge.index_copy(_kept(x), i, values, axis=axis) + x - _kept(x))
_instead(AXIS, "index_add", "the values turned round", lambda f, x, i, values, axis: f(x, i, ge.flip(values, axis=axis), axis=axis))
_instead(FACTOR, "index_copy", "what is overwritten gets its cotangent too", lambda f, x, i, values, axis: ge.index_add(x, i, values, axis=axis))
_instead(AXIS, "index_copy", "the values turned round", lambda f, x, i, values, axis: f(x, i, ge.flip(values, axis=axis), axis=axis))
_instead(FACTOR, "index_fill", "what is overwritten gets its cotangent too", lambda f, x, i, axis, value: x * 1.0)
_instead(FACTOR, "masked_fill", "what is covered gets its cotangent too", lambda f, x, mask, value: x * 1.0)
_instead(FACTOR, "masked_fill", "the mask the other way round", lambda f, x, mask, value: f(x, ~np.asarray(mask), value))
_instead(LAYOUT, "masked_select", "written from the end", lambda f, x, mask: ge.flip(f(x, mask)))
_instead(AXIS, "segment_sum", "segments one further on", lambda f, x, ids, count: f(x, (np.asarray(ids) + 1) % count, count=count))
_instead(REGION, "segment_sum", "means in place of sums", lambda f, x, ids, count:
         f(x, ids, count=count) / np.maximum(np.bincount(ids, minlength=count), 1).reshape(-1, *[1] * (np.ndim(x) - 1)))
_instead(FACTOR, "lookup", "x has slope 1", lambda f, x, table, edges: f(x, table, edges=edges) + x - _kept(x))
_instead(AXIS, "lookup", "the table turned round", lambda f, x, table, edges: f(x, ge.flip(table), edges=edges))
# fmt: on


def _back(f: Any, x: Any, source: Any, destination: Any) -> Any:
    there, back = (f(x, source=a, destination=b) for a, b in ((source, destination), (destination, source)))
    return back if np.shape(back) == np.shape(there) else there


def _once(f: Any, x: Any, axis: int, size: int, step: int) -> Any:
    """Every entry is in at most one window: the others read it as a constant."""
    parts = f(x, axis=axis, size=size, step=step)
    first = np.arange(size) < step
    return ge.where(first, parts, _kept(parts))


def _mirrored(i: Any, n: int) -> Any:
    """A negative index as its distance from the front: still distinct where all of a row are negative."""
    i = np.asarray(i)
    return np.where(i < 0, (-i - 1) % max(n, 1), i) if (i < 0).all() else i


def _array_key(key: Any) -> Any:
    return tuple(np.array(k) if isinstance(k, tuple) else k for k in key)


MUTANTS = (*FACTOR.mutants, *AXIS.mutants, *REGION.mutants, *LAYOUT.mutants)
