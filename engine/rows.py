"""A gradient that is zero but for a few rows: what a gather pulls back to a large table, without a table of zeros.

A ``RowSparse`` is what an Array holds as ``data``, like an array of another library. Whatever does not know of rows gets the
dense array: every op of the engine, ``x.numpy()``, NumPy itself. What knows of them is the sweep (which adds rows up), ``backward``
(which adds gradients up) and ``optim.sgd``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from gradproof.engine.backend import Patch, kernels, raw
from gradproof.engine.kernels.indexing import merged
from gradproof.engine.library import FOREIGN, Library

LEAST = 1 << 16  # entries of a table: zeros for a smaller one cost nothing beside the rest of a sweep


class RowSparse(NDArrayOperatorsMixin):
    """Rows of an array, at ``ids`` along its first axis; all others are zero.

    Shapes: ids (K,), sorted, each once; rows (K, *shape[1:]).

    >>> import numpy as np
    >>> rows = RowSparse.of([(np.array([4, 1, 4]), np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]))], (100_000, 2))
    >>> rows.ids, rows.rows
    (array([1, 4]), array([[3., 4.],
           [6., 8.]]))
    >>> rows.dense().shape
    (100000, 2)
    """

    __slots__ = ("_parts", "dtype", "shape")

    def __init__(self, parts: tuple[tuple[Any, Any], ...], shape: tuple[int, ...]) -> None:
        self._parts, self.shape, self.dtype = parts, shape, parts[0][1].dtype

    @classmethod
    def of(cls, parts: Any, shape: tuple[int, ...]) -> RowSparse:
        """From pairs of ids (from 0 on, any shape, repeated ones too) and a row for each: all are added up."""
        return cls(tuple([(ids.reshape(-1), rows.reshape(-1, *shape[1:])) for ids, rows in parts]), shape)

    def plus(self, other: RowSparse) -> RowSparse:
        """The sum; rows of the same id are added when somebody looks."""
        return RowSparse(self._parts + other._parts, self.shape)

    def merged(self) -> RowSparse:
        """The same with each id once, in arrays of its own."""
        (ids, rows), *more = self._parts
        if more:
            ids, rows = (np.concatenate(parts) for parts in zip(*self._parts, strict=True))
        return RowSparse((merged(ids, rows),), self.shape)

    def _settled(self) -> tuple[Any, Any]:
        if len(self._parts) > 1 or np.any(self._parts[0][0][1:] <= self._parts[0][0][:-1]):
            self._parts = self.merged()._parts
        return self._parts[0]

    @property
    def ids(self) -> Any:
        """Which rows these are."""
        return self._settled()[0]

    @property
    def rows(self) -> Any:
        """The rows."""
        return self._settled()[1]

    @property
    def ndim(self) -> int:
        """The number of axes of the whole array."""
        return len(self.shape)

    @property
    def nbytes(self) -> int:
        """What it takes, in bytes."""
        return sum(ids.nbytes + rows.nbytes for ids, rows in self._parts)

    def dense(self) -> Any:
        """The whole array."""
        out = np.zeros(self.shape, self.dtype)
        out[self.ids] = self.rows
        return out

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        return self.dense() if dtype is None else self.dense().astype(dtype)

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **named: Any) -> Any:
        if ufunc is np.add and method == "__call__" and not named and all(type(x) is RowSparse for x in inputs):
            return inputs[0].plus(inputs[1])
        return getattr(ufunc, method)(*map(dense, inputs), **named)

    def __getitem__(self, key: Any) -> Any:
        return self.dense()[key]

    def __repr__(self) -> str:
        return f"RowSparse({len(self.ids)} rows of {self.shape}, {self.dtype})"


def dense(x: Any) -> Any:
    """The whole array of a RowSparse; anything else as it is."""
    return x.dense() if type(x) is RowSparse else x


def rows_of(patch: Patch, shape: tuple[int, ...], dtype: Any) -> RowSparse | None:
    """The cotangent of a large table as rows, where that is what a patch is; None for other patches."""
    key, value = patch.key, patch.value
    if len(key) != 1 or type(ids := key[0]) is not np.ndarray or ids.dtype.kind not in "iu" or not ids.size:
        return None
    if type(value) is not np.ndarray or value.dtype != dtype or len(shape) < 2 or np.prod(shape, dtype=np.int64) < LEAST:
        return None
    return RowSparse.of([(np.where(ids < 0, ids + shape[0], ids), value)], shape)


def _kernel(name: str) -> Callable[..., Any]:
    return lambda *data, **params: kernels[name](*map(dense, data), **params)


FOREIGN[RowSparse] = Library(
    name="rows",
    raw=raw,
    kernel=_kernel,
    operand=lambda x, like: np.asarray(x, like.dtype) if type(x) in (int, float, bool) else x,
    wide=dense,
    full=lambda shape, value, dtype, like: np.full(shape, value, dtype),
    own=lambda x, dtype: x.merged(),
    to_numpy=dense,
)
