"""Kernels of indexing. A slice's cotangent is a ``Patch``, so that n slices of an array cost n, not n**2."""

from __future__ import annotations

import math
from collections.abc import Callable
from types import EllipsisType
from typing import Any

import numpy as np

from gradproof.engine.kernels.kernel import Bound, Raw, Table, like
from gradproof.engine.library import FOREIGN

Key = tuple[Any, ...]
_STRAIGHT = frozenset({slice, int, EllipsisType, type(None)})  # parts of a key that names a view


class Patch:
    """A cotangent that is zero but at ``key``: the sweep adds it into a buffer it owns, so n slices cost n, not n**2."""

    __slots__ = ("key", "value")

    def __init__(self, key: Key, value: Raw) -> None:
        self.key, self.value = key, value

    @property
    def straight(self) -> bool:
        """Whether value and key are NumPy's and Python's, and the key names a view."""
        return type(self.value) is np.ndarray and _STRAIGHT.issuperset(map(type, self.key))

    def add_into(self, buffer: Raw) -> None:
        if type(buffer) is np.ndarray and self.straight:
            part = buffer[self.key]
            if type(part) is np.ndarray:  # a view; buffer[key] += value would copy the sum onto itself
                np.add(part, self.value, out=part)
            else:
                buffer[self.key] = part + self.value
            return
        library = FOREIGN.get(type(buffer))
        if library is not None and library.add_at is not None:
            library.add_at(buffer, self.key, self.value)
        elif _by_rows(self.key, self.value):
            ids, rows = merged(self.key[0].reshape(-1) % len(buffer), self.value.reshape(-1, *buffer.shape[1:]))
            buffer[ids] += rows
        elif any(isinstance(part, np.ndarray) for part in self.key):
            np.add.at(buffer, self.key, self.value)  # an index array may name an entry twice
        else:
            buffer[self.key] += self.value


PASSES = 8  # that add one duplicate of many ids each; ids with more are added up one by one


def merged(ids: Raw, rows: Raw) -> tuple[Raw, Raw]:
    """Each id once, in order, and the sum of its rows: 20 times as fast as ``np.add.at``, which adds entry by entry.

    Pass k adds the k-th duplicate of each id that has one. Ids differ within a pass, so that ``+=`` is right.
    """
    order = np.argsort(ids, kind="stable")
    ids = ids[order]
    starts = np.flatnonzero(np.concatenate((np.ones(min(len(ids), 1), bool), ids[1:] != ids[:-1])))
    counts = np.diff(starts, append=len(ids))
    total = rows[order[starts]]
    for k in range(1, min(counts.max(initial=0), PASSES)):
        more = np.flatnonzero(counts > k)
        total[more] += rows[order[starts[more] + k]]
    for i in np.flatnonzero(counts > PASSES):
        total[i] += rows[order[starts[i] + PASSES : starts[i] + counts[i]]].sum(axis=0)
    return ids[starts], total


def _by_rows(key: Key, value: Raw) -> bool:
    """Whether a key is one array of integers along the first axis, for rows wide enough that moving them whole pays."""
    return len(key) == 1 and isinstance(key[0], np.ndarray) and key[0].dtype.kind in "iu" and value.size >= 16 * key[0].size > 0


def patch(x: Raw, *, key: Key, shape: tuple[int, ...]) -> Patch:
    """What ``scatter`` is to the sweep of plain arrays."""
    return Patch(key, x)


def getitem(xp: Any, x: Raw, *, key: Key) -> Raw:
    if _basic(key):
        return x[_spelled(key, tuple(x.shape))]
    where, shape = _positions(xp, key, x)
    return xp.reshape(xp.take(xp.reshape(x, (-1,)), where, axis=0), shape)


def scatter(xp: Any, x: Raw, *, key: Key, shape: tuple[int, ...]) -> Raw:
    """Zeros of ``shape`` with ``x`` added at ``key``: the transpose of ``getitem``."""
    out = xp.zeros(tuple(shape), **like(x))
    add_at(xp, out, key, x)
    return out


def add_at(xp: Any, buffer: Raw, key: Key, value: Raw, add_flat: Callable[..., Raw] | None = None) -> None:
    """Add a value at a key in place; an entry that the key names twice gets both."""
    if _basic(key):
        spelled = tuple(part for part in _spelled(key, tuple(buffer.shape)) if part is not None)
        part = buffer[spelled]
        buffer[spelled] = part + xp.reshape(value, part.shape)
        return
    where, _ = _positions(xp, key, buffer)
    size = math.prod(buffer.shape)
    buffer[...] += xp.reshape((add_flat or _add_flat)(xp, size, where, xp.reshape(value, (-1,))), buffer.shape)


def _add_flat(xp: Any, size: int, where: Raw, value: Raw) -> Raw:
    """The sums of the values at each of ``size`` places: the standard has no way but to compare every place with every value."""
    hit = xp.expand_dims(xp.arange(size, device=value.device), axis=1) == where
    return xp.sum(xp.where(hit, value, 0.0), axis=1)


def _basic(key: Key) -> bool:
    """Whether a key is of ints, None, ... and slices forwards: what every library reads by itself."""
    return all(
        part is None or part is Ellipsis or isinstance(part, int) or (isinstance(part, slice) and (part.step or 1) > 0)
        for part in key
    )


def _spelled(key: Key, shape: tuple[int, ...]) -> Key:
    """A basic key that names every axis, within its bounds."""
    named = sum(part is not None and part is not Ellipsis for part in key)
    if named > len(shape):
        raise IndexError(f"a key of {named} axes for an array of shape {shape}")
    spelled: list[Any] = []
    lengths = list(shape)
    for part in key if Ellipsis in key else (*key, Ellipsis):
        if part is None:
            spelled.append(None)
        elif part is Ellipsis:
            spelled += [slice(0, n, 1) for n in lengths[: len(shape) - named]]
            del lengths[: len(shape) - named]
        elif isinstance(part, slice):
            spelled.append(slice(*part.indices(lengths.pop(0))))
        else:
            n = lengths.pop(0)
            if not -n <= part < n:
                raise IndexError(f"index {part} is out of bounds for an axis of length {n}")
            spelled.append(part % n)
    return tuple(spelled)


def _positions(xp: Any, key: Key, x: Raw) -> tuple[Raw, tuple[int, ...]]:
    """The places of the entries at a key in x flattened, and the shape that they are read in.

    Keys are NumPy's, so this is resolved on the host, where x's shape is all that it takes.
    """
    places = np.arange(math.prod(x.shape)).reshape(tuple(x.shape))[key]
    return xp.asarray(places.reshape(-1), device=x.device), places.shape


# ---- NumPy's own


def _getitem(x: Raw, *, key: Key) -> Raw:
    return x[key]


def _scatter(x: Raw, *, key: Key, shape: tuple[int, ...]) -> Raw:
    """Zeros of ``shape`` with ``x`` added at ``key``: the transpose of ``getitem``."""
    out = np.zeros(shape, x.dtype)
    Patch(key, x).add_into(out)
    return out


KERNELS: Table = {"getitem": getitem, "scatter": scatter}
NUMPY: Bound = {"getitem": _getitem, "scatter": _scatter}
