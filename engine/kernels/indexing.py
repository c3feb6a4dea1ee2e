"""Kernels of indexing. A slice's cotangent is a ``Patch``, so that n slices of an array cost n, not n**2."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradproof.engine.kernels.kernel import Bound, Raw, Table
from gradproof.engine.library import FOREIGN

Key = tuple[Any, ...]


class Patch:
    """A cotangent that is zero but at ``key``: the sweep adds it into a buffer it owns, so n slices cost n, not n**2."""

    __slots__ = ("key", "value")

    def __init__(self, key: Key, value: Raw) -> None:
        self.key, self.value = key, value

    def add_into(self, buffer: Raw) -> None:
        library = FOREIGN.get(type(buffer))
        if library is not None and library.add_at is not None:
            library.add_at(buffer, self.key, self.value)
        elif any(isinstance(part, np.ndarray) for part in self.key):
            np.add.at(buffer, self.key, self.value)  # an index array may name an entry twice
        else:
            buffer[self.key] += self.value


def patch(x: Raw, *, key: Key, shape: tuple[int, ...]) -> Patch:
    """What ``scatter`` is to the sweep of plain arrays."""
    return Patch(key, x)


def _getitem(x: Raw, *, key: Key) -> Raw:
    return x[key]


def _scatter(x: Raw, *, key: Key, shape: tuple[int, ...]) -> Raw:
    """Zeros of ``shape`` with ``x`` added at ``key``: the transpose of ``getitem``."""
    out = np.zeros(shape, x.dtype)
    Patch(key, x).add_into(out)
    return out


KERNELS: Table = {}
NUMPY: Bound = {"getitem": _getitem, "scatter": _scatter}
