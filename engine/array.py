"""Array: a value, and where on the tape it came from."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from gradproof.engine.errors import TapeError
from gradproof.engine.library import accept, name_of, to_numpy

if TYPE_CHECKING:
    from gradproof.engine.hooks import Handle
    from gradproof.engine.tape import Node


class Array:
    """An array that may be on a tape; operators and indexing follow NumPy, comparisons give plain boolean arrays.

    ``data`` is a NumPy array, or one of another library (``engine/library.py``): a torch tensor, a CuPy array.
    """

    __slots__ = ("data", "node")
    __array_priority__ = 1000
    __array_ufunc__ = None  # ndarray * Array comes here; np.exp(Array) is an error rather than a lost gradient
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, data: Any, node: Node | None = None) -> None:
        self.data = data
        self.node = node

    # ---- what it is

    @property
    def shape(self) -> tuple[int, ...]:
        """The length of each axis."""
        return self.data.shape  # type: ignore[no-any-return]

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of the entries."""
        return self.data.dtype  # type: ignore[no-any-return]

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return self.data.ndim  # type: ignore[no-any-return]

    @property
    def size(self) -> int:
        """The number of entries."""
        return math.prod(self.data.shape)

    def numpy(self) -> Any:
        """The plain NumPy array, off the tape; a copy on the host if the array is another library's."""
        return to_numpy(self.data)

    def item(self) -> Any:
        """The one entry as a Python number, off the tape."""
        return to_numpy(self.data).item()

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        if self.node is not None:
            raise TapeError(
                "a value on a tape was handed to NumPy, which would lose its gradient. "
                "Use the function of gradproof.engine, or x.numpy() to leave the tape on purpose."
            )
        return np.array(to_numpy(self.data), dtype=dtype, copy=copy)

    def __repr__(self) -> str:
        text = np.array2string(to_numpy(self.data), separator=", ", prefix="Array(")
        tape = "" if self.node is None else f", op='{self.node.op.name}'"
        return f"Array({text}, dtype={name_of(self.dtype)}{tape})"

    def __array_namespace__(self, api_version: str | None = None) -> Any:
        """The engine's module, which has the differentiable functions of the array API standard 2024.12, and not the rest."""
        if api_version not in (None, "2024.12"):
            raise ValueError(f"api_version {api_version!r}: expected '2024.12' or None.")
        import gradproof.engine  # made of Arrays, so not yet there above

        return gradproof.engine

    def __len__(self) -> int:
        if not self.data.shape:
            raise TypeError("an Array of shape () has no length. Reshape it, or read its one entry by item().")
        return self.data.shape[0]  # type: ignore[no-any-return]

    def __float__(self) -> float:
        return float(self.data)

    def __int__(self) -> int:
        return int(self.data)

    def __complex__(self) -> complex:
        return complex(self.data)

    def __bool__(self) -> bool:
        return bool(self.data)

    def __iter__(self) -> Iterator[Array]:
        return map(self.__getitem__, range(len(self)))  # at once, so that the error of no axis is raised here

    # ---- the tape seen directly

    @property
    def grad(self) -> Array | None:
        """The gradients of every backward so far, added up; None before the first and for what is no variable."""
        return getattr(self.node, "grad", None)  # only a Leaf has one

    @grad.setter
    def grad(self, value: Array | None) -> None:
        if not hasattr(self.node, "grad"):
            raise TapeError("only a variable holds a gradient. Make one by variable(array).")
        setattr(self.node, "grad", value)  # noqa: B010 - typed as a Node here

    def backward(self, cotangent: Any = None, *, retain: bool = False) -> None:
        """Add this value's gradient to ``x.grad`` of every variable x it depends on.

        Raises: TapeError if it is on no tape, or the tape was used before and not retained; ShapeError if it is not a
        scalar and no cotangent is given.
        """
        from gradproof.engine.transforms import backward  # made of functions of Arrays, so not yet there above

        backward(self, cotangent, retain)

    def register_hook(self, hook: Callable[[Array], Any]) -> Handle:
        """Have ``hook`` see, and replace unless it returns None, this value's cotangent. The handle removes it.

        Raises: TapeError if the value is on no tape.
        """
        from gradproof.engine.hooks import register

        return register(self, hook)

    # ---- operators

    def __add__(self, other: Any) -> Array:
        return fn.add(self, other)

    def __radd__(self, other: Any) -> Array:
        return fn.add(other, self)

    def __sub__(self, other: Any) -> Array:
        return fn.subtract(self, other)

    def __rsub__(self, other: Any) -> Array:
        return fn.subtract(other, self)

    def __mul__(self, other: Any) -> Array:
        return fn.multiply(self, other)

    def __rmul__(self, other: Any) -> Array:
        return fn.multiply(other, self)

    def __truediv__(self, other: Any) -> Array:
        return fn.divide(self, other)

    def __rtruediv__(self, other: Any) -> Array:
        return fn.divide(other, self)

    def __floordiv__(self, other: Any) -> Array:
        return fn.floor_divide(self, other)

    def __rfloordiv__(self, other: Any) -> Array:
        return fn.floor_divide(other, self)

    def __mod__(self, other: Any) -> Array:
        return fn.remainder(self, other)

    def __rmod__(self, other: Any) -> Array:
        return fn.remainder(other, self)

    def __divmod__(self, other: Any) -> tuple[Array, Array]:
        return self // other, self % other

    def __rdivmod__(self, other: Any) -> tuple[Array, Array]:
        return other // self, other % self

    def __pow__(self, other: Any) -> Array:
        return fn.pow(self, other)

    def __rpow__(self, other: Any) -> Array:
        return fn.pow(other, self)

    def __matmul__(self, other: Any) -> Array:
        return fn.matmul(self, other)

    def __rmatmul__(self, other: Any) -> Array:
        return fn.matmul(other, self)

    def __neg__(self) -> Array:
        return fn.negative(self)

    def __pos__(self) -> Array:
        return self

    def __abs__(self) -> Array:
        return fn.abs(self)

    def __getitem__(self, key: Any) -> Array:
        return fn.getitem(self, key)

    def __setitem__(self, key: Any, value: Any) -> None:
        raise TapeError(
            "the entries of an Array cannot be written: what was computed from it would no longer fit its gradient. "
            "Use at_set(x, key, values), at_add or at_multiply, which give a new Array."
        )

    # ---- comparisons: constants, so plain arrays

    def __eq__(self, other: object) -> Any:
        return self.data == raw_of(other)

    def __ne__(self, other: object) -> Any:
        return self.data != raw_of(other)

    def __lt__(self, other: Any) -> Any:
        return self.data < raw_of(other)

    def __le__(self, other: Any) -> Any:
        return self.data <= raw_of(other)

    def __gt__(self, other: Any) -> Any:
        return self.data > raw_of(other)

    def __ge__(self, other: Any) -> Any:
        return self.data >= raw_of(other)

    # ---- a few methods, for reading left to right

    @property
    def T(self) -> Array:
        """All axes reversed."""
        return fn.permute_dims(self, tuple(range(self.ndim))[::-1])

    @property
    def mT(self) -> Array:
        """The last two axes exchanged."""
        return fn.matrix_transpose(self)

    def reshape(self, *shape: Any) -> Array:
        """The same entries in another shape."""
        return fn.reshape(self, shape[0] if len(shape) == 1 and isinstance(shape[0], tuple | list) else shape)

    def sum(self, axis: Any = None, keepdims: bool = False) -> Array:
        """The sum along an axis."""
        return fn.sum(self, axis=axis, keepdims=keepdims)

    def mean(self, axis: Any = None, keepdims: bool = False) -> Array:
        """The mean along an axis."""
        return fn.mean(self, axis=axis, keepdims=keepdims)

    def astype(self, dtype: Any) -> Array:
        """The same entries in another floating dtype."""
        return fn.astype(self, dtype)


def raw_of(x: Any) -> Any:
    """The plain array of an Array; anything else as it is."""
    return x.data if isinstance(x, Array) else x


def as_array(x: Any) -> Array:
    """An Array of anything NumPy can read; an Array stays as it is."""
    return x if isinstance(x, Array) else Array(accept(x))


import gradproof.engine.functions as fn
