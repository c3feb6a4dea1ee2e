"""What a kernel is: an op's value on plain arrays, written over an array-API namespace, and NumPy as such a namespace."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from operator import attrgetter
from typing import Any

import numpy as np

Raw = Any  # an array of the library at hand, or the NumPy scalar that NumPy makes of a 0-d result
Axis = int | tuple[int, ...] | None
Kernel = Callable[..., Raw] | str  # ``kernel(xp, *arrays, **params)``, or the name of a function of xp with that signature
Table = dict[str, Kernel]
Bound = dict[str, Callable[..., Raw]]  # ``kernel(*arrays, **params)``


def standard(names: str) -> Table:
    """Kernels that are a function of the namespace, by its own name and with its own parameters."""
    return {name.rpartition(".")[2]: name for name in names.split()}


def lookup(xp: Any, name: str) -> Callable[..., Raw]:
    """The function of a namespace by its dotted name."""
    function: Callable[..., Raw] = attrgetter(name)(xp)
    return function


def like(x: Raw) -> dict[str, Any]:
    """The dtype and device arguments that make a new array one of x's kind."""
    return {"dtype": x.dtype, "device": x.device}


def axes_of(axis: Axis, ndim: int) -> tuple[int, ...]:
    """The axes meant by an axis parameter, counted from the front."""
    if axis is None:
        return tuple(range(ndim))
    return tuple(a % ndim for a in (axis if isinstance(axis, tuple) else (axis,)))


def count(shape: tuple[int, ...], axis: Axis) -> int:
    """How many entries each result of a reduction of ``shape`` over ``axis`` collects."""
    axes = range(len(shape)) if axis is None else (axis,) if isinstance(axis, int) else axis
    return math.prod(shape[a] for a in axes)


_total: Any = np.add.reduce  # half the overhead of np.sum
_greatest: Any = np.maximum.reduce
_least: Any = np.minimum.reduce


FEW, MANY = 16, 4096  # entries of a window, and of an array: between them NumPy's loops over a window cost more than all else


def few(x: Raw, axis: Axis) -> int:
    """How many axes are reduced, if they are the last ones and short beside the rest, as those of windows are; else 0."""
    if axis is None or x.size < MANY:
        return 0
    rank = 1 if isinstance(axis, int) else len(axis)
    last = sorted(axes_of(axis, x.ndim)) == list(range(x.ndim - rank, x.ndim))
    return rank if last and 0 < math.prod(x.shape[x.ndim - rank :]) <= FEW else 0


def entries(x: Raw, rank: int) -> Iterator[Raw]:
    """The entries of windows over the last axes: at each place in the window, those of all windows."""
    return (x[(..., *place)] for place in np.ndindex(x.shape[x.ndim - rank :]))


def _extreme(reduce: Any, of_two: Any, x: Raw, axis: Axis, keepdims: bool) -> Raw:
    rank = few(x, axis)
    if not rank:
        return reduce(x, axis=axis, keepdims=keepdims)
    first, *others = entries(x, rank)
    out = np.array(first)
    for part in others:
        of_two(out, part, out=out)
    return out.reshape(out.shape + (1,) * rank) if keepdims else out


class Fast:
    """NumPy, with reductions that skip half its overhead: what kernels are bound to for NumPy arrays."""

    def __getattr__(self, name: str) -> Any:
        value = getattr(np, name)
        setattr(self, name, value)  # found at once from then on
        return value

    @staticmethod
    def sum(x: Raw, *, axis: Axis = None, keepdims: bool = False, dtype: Any = None) -> Raw:
        """np.sum."""
        return _total(x, axis=axis, keepdims=keepdims, dtype=dtype)

    @staticmethod
    def max(x: Raw, *, axis: Axis = None, keepdims: bool = False) -> Raw:
        """np.max."""
        return _extreme(_greatest, np.maximum, x, axis, keepdims)

    @staticmethod
    def min(x: Raw, *, axis: Axis = None, keepdims: bool = False) -> Raw:
        """np.min."""
        return _extreme(_least, np.minimum, x, axis, keepdims)


numpy = Fast()
