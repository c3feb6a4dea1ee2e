"""The two namespaces an op's meaning is written over: ``NUMPY`` on floats, ``SCALARS`` on object arrays of scalars.

Structure (shapes, axes, indices, contractions) is NumPy's own code in both. They differ only in elementwise functions
and in everything that compares, because a comparison of objects would leave no trace on a tape (docs/judge.md 1).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import special

from gradproof.oracles.meaning_special import BranchSpecial, NumpySpecial, ScalarSpecial, each
from gradproof.oracles.order import ascending

Axis = int | tuple[int, ...] | None


def _collapsed(x: Any, axis: Axis) -> tuple[Any, tuple[int, ...]]:
    """``x`` with the reduced axes moved last and merged, and their positions."""
    axes = tuple(range(x.ndim)) if axis is None else (axis,) if isinstance(axis, int) else axis
    if x.ndim and not all(-x.ndim <= a < x.ndim for a in axes):
        raise np.exceptions.AxisError(f"axis {axis} is out of bounds for an array of {x.ndim} dimensions")
    axes = tuple(a % x.ndim for a in axes) if x.ndim else ()
    kept = tuple(a for a in range(x.ndim) if a not in axes)
    moved = np.transpose(x, kept + axes)
    count = int(np.prod([x.shape[a] for a in axes], dtype=int))
    return moved.reshape((*(x.shape[a] for a in kept), count)), axes


class Structure:
    """What both namespaces share: NumPy's array structure and the compositions built on it."""

    add_up = staticmethod(np.add.reduce)
    reshape, transpose, swapaxes = staticmethod(np.reshape), staticmethod(np.transpose), staticmethod(np.swapaxes)
    expand_dims, squeeze = staticmethod(np.expand_dims), staticmethod(np.squeeze)
    broadcast_to, concatenate = staticmethod(np.broadcast_to), staticmethod(np.concatenate)
    stack, flip, roll, tile = staticmethod(np.stack), staticmethod(np.flip), staticmethod(np.roll), staticmethod(np.tile)
    repeat, diagonal, cumsum = staticmethod(np.repeat), staticmethod(np.diagonal), staticmethod(np.cumsum)
    take, take_along_axis = staticmethod(np.take), staticmethod(np.take_along_axis)
    matmul, einsum, tensordot = staticmethod(np.matmul), staticmethod(np.einsum), staticmethod(np.tensordot)
    prod, where, outer, pad = staticmethod(np.prod), staticmethod(np.where), staticmethod(np.outer), staticmethod(np.pad)
    windows, moveaxis = staticmethod(np.lib.stride_tricks.sliding_window_view), staticmethod(np.moveaxis)

    @staticmethod
    def scatter(x: Any, key: Any, shape: tuple[int, ...]) -> Any:
        """Zeros of a shape with ``x`` added at a key, which may name an entry more than once."""
        x = np.asarray(x)
        out = np.zeros(shape, dtype=x.dtype)
        np.add.at(out, key, x)
        return out

    def scan(self, name: str, x: Any, axis: int) -> Any:
        """The function ``name`` of two numbers, applied from each prefix along an axis to the next entry."""
        return getattr(self, name).accumulate(x, axis=axis)

    @staticmethod
    def sum(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
        total: Any = np.add
        return total.reduce(np.asarray(x), axis=axis, keepdims=keepdims)

    @staticmethod
    def _reduce(fold: Any, x: Any, axis: Axis, keepdims: bool) -> Any:
        """``fold`` along the merged reduced axes; an object ufunc reduces one axis only."""
        x = np.asarray(x)
        flat, axes = _collapsed(x, axis)
        out = np.asarray(fold(flat))
        return np.expand_dims(out, axes) if keepdims and axes else out


class NumpyMeaning(NumpySpecial, Structure):
    """The meaning on floating-point arrays, with NumPy and SciPy functions."""

    exp, expm1, log, log1p, log2, log10 = map(
        staticmethod, (np.exp, np.expm1, np.log, np.log1p, np.log2, np.log10)
    )
    sqrt, square, reciprocal, hypot, atan2 = map(
        staticmethod, (np.sqrt, np.square, np.reciprocal, np.hypot, np.arctan2)
    )
    sin, cos, tan, asin, acos, atan = map(
        staticmethod, (np.sin, np.cos, np.tan, np.arcsin, np.arccos, np.arctan)
    )
    sinh, cosh, tanh, asinh, acosh, atanh = map(
        staticmethod, (np.sinh, np.cosh, np.tanh, np.arcsinh, np.arccosh, np.arctanh)
    )
    erf, erfc, ndtr = map(staticmethod, (special.erf, special.erfc, special.ndtr))
    sigmoid, xlogy = map(staticmethod, (special.expit, special.xlogy))
    pow, logaddexp, sign, copysign = map(staticmethod, (np.power, np.logaddexp, np.sign, np.copysign))
    absolute, maximum, minimum = map(staticmethod, (np.abs, np.maximum, np.minimum))
    negative = staticmethod(np.negative)
    sort = staticmethod(np.sort)

    @staticmethod
    def rsqrt(x: Any) -> Any:
        return 1 / np.sqrt(x)

    @staticmethod
    def softplus(x: Any) -> Any:
        return np.logaddexp(x, np.zeros((), dtype=np.asarray(x).dtype))

    @staticmethod
    def select(left: Any, right: Any, a: Any, b: Any) -> Any:
        return np.where(np.greater(left, right), a, b)

    @staticmethod
    def max(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
        return np.max(x, axis=axis, keepdims=keepdims)

    @staticmethod
    def min(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
        return np.min(x, axis=axis, keepdims=keepdims)

    def fold_hypot(self, x: Any, axis: Axis, keepdims: bool) -> Any:
        return self._reduce(lambda f: np.hypot.reduce(f, axis=-1), x, axis, keepdims)

    @staticmethod
    def over_root(x: Any, scale: float) -> Any:
        """x / sqrt(scale) for a static scale."""
        return x / np.asarray(np.sqrt(scale), dtype=np.asarray(x).dtype)

    @staticmethod
    def pooled(x: Any, factor: float = 1.0, backward: Any = None) -> Any:
        """``x``, a matrix whose adjoint a backward-stable algorithm knows only to the rounding of its largest entry."""
        return x

    @staticmethod
    def frozen(x: Any) -> Any:
        """``x`` as a constant: a shift that cancels exactly, such as the max in logsumexp."""
        return x


class BranchMeaning(BranchSpecial, NumpyMeaning):
    """The meaning on floats, with the outcome of every comparison logged: the branch signature that differences need."""

    def __init__(self) -> None:
        self.branches: list[bytes] = []

    def _note(self, outcome: Any) -> None:
        self.branches.append(np.asarray(outcome).tobytes())

    def select(self, left: Any, right: Any, a: Any, b: Any) -> Any:  # type: ignore[override]
        self._note(np.sign(np.subtract(left, right)))
        return NumpyMeaning.select(left, right, a, b)

    def absolute(self, x: Any) -> Any:
        self._note(np.sign(x))
        return np.abs(x)

    def sign(self, x: Any) -> Any:
        self._note(np.sign(x))
        return np.sign(x)

    def copysign(self, x: Any, y: Any) -> Any:
        self._note(np.sign(x))
        self._note(np.sign(y))
        return np.copysign(x, y)

    def maximum(self, x: Any, y: Any) -> Any:
        self._note(np.sign(np.subtract(x, y)))
        return np.maximum(x, y)

    def minimum(self, x: Any, y: Any) -> Any:
        self._note(np.sign(np.subtract(x, y)))
        return np.minimum(x, y)

    def max(self, x: Any, axis: Axis = None, keepdims: bool = False) -> Any:  # type: ignore[override]
        self._note(x == np.max(x, axis=axis, keepdims=True))
        return np.max(x, axis=axis, keepdims=keepdims)

    def min(self, x: Any, axis: Axis = None, keepdims: bool = False) -> Any:  # type: ignore[override]
        self._note(x == np.min(x, axis=axis, keepdims=True))
        return np.min(x, axis=axis, keepdims=keepdims)

    def sort(self, x: Any, axis: int) -> Any:  # type: ignore[override]
        ordered = np.sort(x, axis=axis)
        self._note(np.argsort(x, axis=axis, stable=True))
        self._note(np.diff(ordered, axis=axis) == 0)
        return ordered

    def scan(self, name: str, x: Any, axis: int) -> Any:
        out = getattr(np, name).accumulate(x, axis=axis)
        if name != "logaddexp":  # a smooth one
            self._note(x == out)
        return out


class ScalarMeaning(ScalarSpecial, Structure):
    """The meaning on object arrays of scalars (tape scalars, duals, …): every function leaves its trace."""

    exp, expm1, log, log1p, log2, log10 = map(each, ("exp", "expm1", "log", "log1p", "log2", "log10"))
    sqrt, rsqrt, square, reciprocal = map(each, ("sqrt", "rsqrt", "square", "reciprocal"))
    sin, cos, tan, asin, acos, atan = map(each, ("sin", "cos", "tan", "asin", "acos", "atan"))
    sinh, cosh, tanh, asinh, acosh, atanh = map(each, ("sinh", "cosh", "tanh", "asinh", "acosh", "atanh"))
    erf, erfc, ndtr, sigmoid, softplus = map(each, ("erf", "erfc", "ndtr", "sigmoid", "softplus"))
    pow, hypot, atan2 = each("pow", 2), each("hypot", 2), each("atan2", 2)
    logaddexp, xlogy = each("logaddexp", 2), each("xlogy", 2)
    sign = staticmethod(np.frompyfunc(lambda x: x.sign(), 1, 1))
    absolute = staticmethod(np.frompyfunc(abs, 1, 1))
    negative = staticmethod(np.frompyfunc(lambda x: -x, 1, 1))
    maximum: Any = staticmethod(np.frompyfunc(lambda x, y: x.larger(y), 2, 1))
    minimum: Any = staticmethod(np.frompyfunc(lambda x, y: x.smaller(y), 2, 1))
    copysign = staticmethod(np.frompyfunc(lambda x, y: abs(x) * y.sign(), 2, 1))
    select = staticmethod(np.frompyfunc(lambda x, right, a, b: x.select(right, a, b), 4, 1))
    frozen = staticmethod(np.frompyfunc(lambda x: x.frozen(), 1, 1))
    sort = staticmethod(ascending)

    @staticmethod
    def pooled(x: Any, factor: float = 1.0, backward: Any = None) -> Any:
        return x.flat[0].pooled(x, factor, backward) if x.size and hasattr(x.flat[0], "pooled") else x

    @staticmethod
    def over_root(x: Any, scale: float) -> Any:
        return np.frompyfunc(lambda v: v / v.lift(scale).apply("sqrt"), 1, 1)(x)

    def max(self, x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
        return self._reduce(lambda f: self.maximum.reduce(f, axis=-1), x, axis, keepdims)

    def min(self, x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
        return self._reduce(lambda f: self.minimum.reduce(f, axis=-1), x, axis, keepdims)

    def fold_hypot(self, x: Any, axis: Axis, keepdims: bool) -> Any:
        """Euclidean length, folded without squares so that nothing overflows or underflows."""

        def fold(f: Any) -> Any:
            if f.shape[-1] == 0:
                return np.zeros(f.shape[:-1], dtype=object)
            if f.shape[-1] == 1:
                return self.hypot(f[..., 0], 0.0)  # not |x|, which is exact: a length may round
            return self.hypot.reduce(f, axis=-1)

        return self._reduce(fold, x, axis, keepdims)


NUMPY = NumpyMeaning()
SCALARS = ScalarMeaning()
