"""Object arrays of the judge's scalars that NumPy's own dispatch keeps apart from plain ones.

``Numbers`` looks NumPy's ufuncs and functions up in ``UFUNCS`` and ``FUNCTIONS``; what is only structure (reshape, matmul,
einsum, slices, concatenate, …) is NumPy's own code on the objects. A comparison gives a ``Mask`` that remembers its
sides, so that ``np.where`` of it is a recorded selection; any other use of one is logged.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from gradproof.oracles.ball import Scalar, constants, lifted
from gradproof.oracles.certificate import Recording
from gradproof.oracles.errors import GradproofError
from gradproof.oracles.graph import Array
from gradproof.oracles.meaning import SCALARS

Pair = tuple[Scalar, Scalar, str]


class Log:
    """What is being recorded now: NumPy calls its overrides without a place to carry it."""

    recording: Recording
    pairs: list[Pair]


class FormulaError(GradproofError, TypeError):
    """A NumPy formula uses something that the judge cannot follow; the text says what to use instead."""


# What NumPy's functions mean here; filled by ``formula``.
UFUNCS: dict[Any, Callable[..., Any]] = {}
FUNCTIONS: dict[Any, Callable[..., Any]] = {}
COMPARISONS = {np.less, np.less_equal, np.greater, np.greater_equal, np.equal, np.not_equal}
PLAIN = {np.add, np.subtract, np.multiply, np.divide, np.matmul, np.vecdot}  # NumPy's own code, on the objects
LINEAR = {
    *(np.linalg.outer, np.linalg.matmul, np.linalg.trace, np.linalg.diagonal, np.linalg.vecdot),
    *(np.linalg.tensordot, np.linalg.matrix_transpose, np.linalg.multi_dot, np.linalg.matrix_power),
}


class Numbers(np.ndarray):
    """An object array of scalars on a tape."""

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        out = kwargs.pop("out", None)
        given = [plain(x) for x in inputs]
        name = ufunc.__name__
        enter(name)
        if kwargs.get("where", True) is not True:
            raise FormulaError(f"np.{name} with where= cannot be followed; select with np.where(...) instead.")
        if method == "__call__" and ufunc in COMPARISONS:
            return mask(name, given[0], given[1])
        if method == "reduce":
            result = reduced(ufunc, given[0], kwargs)
        elif method == "__call__" and ufunc in UFUNCS:
            result = UFUNCS[ufunc](*(np.asarray(x) if isinstance(x, Mask) else objects(x) for x in given))
        elif ufunc in PLAIN:
            result = getattr(ufunc, method)(*(np.asarray(x) for x in given), **kwargs)
        else:
            raise unfollowed(f"np.{name}" if method == "__call__" else f"np.{name}.{method}")
        if out is not None:
            out[0][...] = result
            return out[0]
        return numbers(result)

    def __array_function__(self, func: Any, types: Any, args: Any, kwargs: Any) -> Any:
        if func in FUNCTIONS:
            enter(func.__name__)
            return numbers(FUNCTIONS[func](*args, **kwargs))
        module, name = getattr(func, "__module__", "numpy"), func.__name__
        if module.startswith(("numpy.linalg", "numpy.fft")) and func not in LINEAR:
            raise unfollowed(f"{module}.{name}")
        return numbers(super().__array_function__(func, types, args, kwargs))

    def __getitem__(self, key: Any) -> Any:
        _used(key)
        return numbers(super().__getitem__(key))

    def __setitem__(self, key: Any, value: Any) -> None:
        _used(key)
        super().__setitem__(key, plain(value))

    def max(self, *args: Any, **kwargs: Any) -> Any:
        return np.max(self, *args, **kwargs)

    def min(self, *args: Any, **kwargs: Any) -> Any:
        return np.min(self, *args, **kwargs)

    def mean(self, *args: Any, **kwargs: Any) -> Any:
        return np.mean(self, *args, **kwargs)

    def var(self, *args: Any, **kwargs: Any) -> Any:
        return np.var(self, *args, **kwargs)

    def std(self, *args: Any, **kwargs: Any) -> Any:
        return np.std(self, *args, **kwargs)

    def clip(self, *args: Any, **kwargs: Any) -> Any:
        return np.clip(self, *args, **kwargs)

    def astype(self, dtype: Any, *args: Any, **kwargs: Any) -> Any:
        if np.dtype(dtype).kind not in "fO":
            raise FormulaError(f"astype({dtype}) loses the derivative; compute indices and flags from fixed arguments.")
        return self

    def __bool__(self) -> bool:
        raise FormulaError("the truth of a number that is differentiated; compare it, or select with np.where(...).")

    def __float__(self) -> float:
        raise FormulaError("float() of a number loses its derivative; use the array as it is (x[()], x.sum()).")


class Mask(np.ndarray):
    """A boolean array from a comparison, with the comparison's sides."""

    sides: tuple[Array, Array, str] | None

    def __array_finalize__(self, obj: Any) -> None:
        self.sides = None

    def _spent(self) -> Any:
        """The bare booleans: the comparison is logged, because what is done with it leaves no trace."""
        if self.sides is not None:
            left, right, name = self.sides
            Log.pairs += [(a, b, name) for a, b in zip(left.flat, right.flat, strict=True)]
        return np.asarray(self).view(np.ndarray)

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        spent = [x._spent() if isinstance(x, Mask) else x for x in inputs]
        return getattr(ufunc, method)(*spent, **kwargs)

    def __array_function__(self, func: Any, types: Any, args: Any, kwargs: Any) -> Any:
        if func is np.where and isinstance(args[0], Mask):
            enter("where")
            return numbers(FUNCTIONS[np.where](*args, **kwargs))
        spent = [a._spent() if isinstance(a, Mask) else a for a in args]
        return func(*spent, **kwargs)

    def __getitem__(self, key: Any) -> Any:
        return self._spent()[key]

    def __bool__(self) -> bool:
        return bool(self._spent())

    def any(self, *args: Any, **kwargs: Any) -> Any:
        return self._spent().any(*args, **kwargs)

    def all(self, *args: Any, **kwargs: Any) -> Any:
        return self._spent().all(*args, **kwargs)

    def astype(self, dtype: Any, *args: Any, **kwargs: Any) -> Any:
        return self._spent().astype(dtype, *args, **kwargs)


def numbers(value: Any) -> Any:
    """Objects as ``Numbers`` (also a single scalar, as a 0-d array); everything else as it is."""
    if isinstance(value, Scalar):
        out = np.empty((), dtype=object)
        out[()] = value
        return out.view(Numbers)
    if isinstance(value, np.ndarray) and value.dtype == object:
        return value.view(Numbers)
    if isinstance(value, tuple | list):
        return type(value)(map(numbers, value))
    return value


def plain(value: Any) -> Any:
    return value.view(np.ndarray) if isinstance(value, Numbers) else value._spent() if isinstance(value, Mask) else value


def objects(value: Any) -> Array:
    """Anything as an object array of scalars of the current tape."""
    if isinstance(value, np.ndarray) and value.dtype == object:
        return lifted(Log.recording.tape, plain(value))
    if isinstance(value, Scalar):
        return np.asarray(numbers(value)).view(np.ndarray)
    data = np.asarray(value)
    if data.dtype == object:
        return lifted(Log.recording.tape, data)
    return constants(Log.recording.tape, data)


def enter(name: str) -> None:
    """A new NumPy call begins: sums may be reordered within it, not across it."""
    tape = Log.recording.tape
    tape.start, tape.factor = len(tape.rows), 1.0
    Log.recording.owners.append((tape.start, 0, f"np.{name}"))  # no op of the engine, whose conventions are not meant


def unfollowed(name: str) -> FormulaError:
    known = sorted({u.__name__ for u in (*UFUNCS, *PLAIN)} | {f.__name__ for f in FUNCTIONS})
    return FormulaError(
        f"{name} cannot be followed in a formula; write it with functions that can: {', '.join(known)}, slices, "
        "reshapes, matmul, einsum and the like."
    )


def _used(key: Any) -> None:
    for part in key if isinstance(key, tuple) else (key,):
        if isinstance(part, Numbers):
            raise FormulaError("an index is a number that is differentiated; index with fixed integers or a comparison.")
        if isinstance(part, Mask):
            part._spent()


def _holds(name: str, a: Scalar, b: Scalar) -> bool:
    if name in ("equal", "not_equal"):
        same = float(a.value - b.value) == 0
        return same if name == "equal" else not same
    less, greater = bool(a.value < b.value), bool(a.value > b.value)
    return {"less": less, "greater": greater, "less_equal": not greater, "greater_equal": not less}[name]


def mask(name: str, x: Any, y: Any) -> Mask:
    left, right = np.broadcast_arrays(objects(x), objects(y))
    answers = [_holds(name, a, b) for a, b in zip(left.flat, right.flat, strict=True)]
    found = np.array(answers, dtype=bool).reshape(left.shape).view(Mask)
    found.sides = (left, right, name)
    return found


def reduced(ufunc: Any, x: Any, kwargs: dict[str, Any]) -> Any:
    x, axis, keepdims = np.asarray(x), kwargs.get("axis", 0), bool(kwargs.get("keepdims", False))
    if kwargs.get("initial", np._NoValue) not in (np._NoValue, None):
        raise FormulaError(f"np.{ufunc.__name__} with initial= cannot be followed; add the initial value by hand.")
    if ufunc is np.maximum:
        return SCALARS.max(objects(x), axis, keepdims)
    if ufunc is np.minimum:
        return SCALARS.min(objects(x), axis, keepdims)
    if ufunc in (np.add, np.multiply):
        axes = tuple(range(x.ndim)) if axis is None else axis
        result = ufunc.reduce(x, axis=axes, keepdims=keepdims)
        return lifted(Log.recording.tape, result)
    raise unfollowed(f"np.{ufunc.__name__}.reduce")
