"""CasADi as an engine: one ``SX`` expression an entry in NumPy object arrays, so that shapes are NumPy's and derivatives CasADi's."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

import casadi
import numpy as np

from gradproof.oracles.adapters.numpy_names import grouped, key_of
from gradproof.oracles.engine import Capabilities, nestings, several
from gradproof.oracles.graph import Array

Function = Callable[..., Any]
SAME = "acos acosh asin asinh atan atanh ceil cos cosh erf exp expm1 floor log log10 log1p sign sin sinh sqrt tan tanh"
ONE = {"abs": "fabs", **{name: name for name in SAME.split()}}
TWO = {"maximum": "fmax", "minimum": "fmin", "hypot": "hypot", "atan2": "atan2", "copysign": "copysign", "pow": "power"}
NUMPYS = """add subtract multiply divide negative square reshape permute_dims matrix_transpose expand_dims squeeze broadcast_to
    concat stack flip roll repeat matmul tensordot einsum tril triu ravel moveaxis swapaxes diag linalg.outer"""


def _array(found: Any) -> Any:
    """Of shape () NumPy gives the entry itself, which CasADi would have it read as a matrix."""
    return found if isinstance(found, np.ndarray) else _objects([found], ())


def _each(name: str, count: int) -> Function:
    function = np.frompyfunc(getattr(casadi, name), count, 1)
    return lambda *xs: _array(function(*xs))


def _numpys(name: str) -> Function:
    function = getattr(np, name.rpartition(".")[2])
    return lambda *xs, **params: _array(function(*xs, **params))


FUNCTIONS: dict[str, Function] = {
    **{name: _each(theirs, 1) for name, theirs in ONE.items()},
    **{name: _each(theirs, 2) for name, theirs in TWO.items()},
    **{name: _numpys(name) for name in NUMPYS.split()},
    "where": lambda condition, x, y: _array(np.frompyfunc(casadi.if_else, 3, 1)(_numbers(condition), x, y)),
    "sum": lambda x, axis, keepdims: _array(np.sum(x, axis=axis, keepdims=keepdims, initial=casadi.SX(0))),
    "reciprocal": lambda x: _array(1 / x), "tile": lambda x, repetitions: np.tile(x, repetitions), "getitem": lambda x, key: _array(x[key_of(key)]),
    "logsumexp": lambda x, axis, keepdims: _along(lambda row: casadi.logsumexp(casadi.vertcat(*row)), x, axis, keepdims),
    "linalg.diagonal": lambda x, offset: np.diagonal(x, offset, -2, -1),
    "linalg.det": lambda x: _matrix(casadi.det, x), "linalg.inv": lambda x: _matrix(casadi.inv, x),
}  # fmt: skip


def _numbers(x: Any) -> Any:
    return np.asarray([float(casadi.SX(v)) for v in np.ravel(x)], dtype=object).reshape(np.shape(x))


def _along(function: Function, x: Any, axis: Any, keepdims: bool) -> Any:
    axes = tuple(range(x.ndim)) if axis is None else (axis,) if isinstance(axis, int) else axis
    axes = tuple(a % x.ndim for a in axes)
    kept = [n for i, n in enumerate(x.shape) if i not in axes]
    rows = np.moveaxis(x, axes, range(-len(axes), 0)).reshape(int(np.prod(kept)), -1)
    shape = [1 if i in axes else n for i, n in enumerate(x.shape)] if keepdims else kept
    return _objects([function(row) for row in rows], shape)


def _matrix(function: Function, x: Any) -> Any:
    stack = x.reshape(-1, *x.shape[-2:])
    found = [casadi.SX(function(casadi.SX(casadi.vertcat(*[casadi.horzcat(*row) for row in m])))) for m in stack]
    flat = [entry for one in found for i in range(one.shape[0]) for entry in [one[i, j] for j in range(one.shape[1])]]
    return _objects(flat, x.shape if function is casadi.inv else x.shape[:-2])


def _objects(flat: Sequence[Any], shape: Any) -> Any:
    out = np.empty(len(flat), dtype=object)
    for i, entry in enumerate(flat):  # one by one: NumPy would ask a list of them for numbers
        out[i] = entry
    return out.reshape(shape)


class CasadiEngine:
    """CasADi's scalar expressions; a pullback is ``casadi.jtimes`` of the whole, evaluated by a ``casadi.Function``."""

    name: str = "casadi"
    lineage: str = "casadi"
    version: str = casadi.__version__
    namespace: SimpleNamespace = grouped(FUNCTIONS)
    capabilities: Capabilities = Capabilities(modes=nestings(), at_kinks={"abs": 0.0})

    def from_numpy(self, array: Array) -> Any:
        """Numbers, which become expressions when a function is traced: an SX has no zero below zero."""
        return np.array(array)

    def to_numpy(self, array: Any) -> Array:
        given: Array = _array(array)
        if given.dtype != object:
            return given
        return np.array([float(casadi.evalf(casadi.SX(v))) for v in given.ravel()], dtype=float).reshape(given.shape)

    def _traced(self, fn: Function, primals: Sequence[Any]) -> tuple[list[Any], tuple[Any, ...]]:
        symbols = [_objects([casadi.SX.sym("x") for _ in range(np.size(x))], np.shape(x)) for x in primals]
        return symbols, several(fn(*symbols))

    def _at(self, wanted: Sequence[Any], symbols: Sequence[Any], primals: Sequence[Any]) -> tuple[Any, ...]:
        """The expressions with the primals put in."""
        inside, values = _column(symbols), _column(primals)
        return tuple(_entries(casadi.substitute(_column([y]), inside, values), np.shape(y)) for y in wanted)

    def vjp(self, fn: Function, primals: Sequence[Any]) -> tuple[tuple[Any, ...], Function]:
        """``fn(*primals)`` and a pullback."""
        symbols, outputs = self._traced(fn, primals)

        def pullback(cotangents: tuple[Any, ...]) -> Sequence[Any]:
            found = casadi.jtimes(_column(outputs), _column(symbols), _column(cotangents), True)
            return self._at(_apart(found, primals), symbols, primals)

        return self._at(outputs, symbols, primals), pullback

    def jvp(self, fn: Function, primals: Sequence[Any], tangents: Sequence[Any]) -> tuple[Any, Any]:
        """``fn(*primals)`` and its tangents."""
        symbols, outputs = self._traced(fn, primals)
        along = casadi.jtimes(_column(outputs), _column(symbols), _column(tangents))
        return self._at(outputs, symbols, primals), self._at(_apart(along, outputs), symbols, primals)


def _column(arrays: Sequence[Any]) -> Any:
    return casadi.SX(casadi.vertcat(*[casadi.SX(v) for x in arrays for v in np.ravel(x)]))


def _entries(column: Any, shape: Any) -> Any:
    return _objects([column[i] for i in range(int(np.prod(shape)))], shape)


def _apart(column: Any, like: Sequence[Any]) -> list[Any]:
    ends = np.cumsum([0, *(np.size(x) for x in like)])
    return [_entries(column[int(a) : int(b)], np.shape(x)) for a, b, x in zip(ends[:-1], ends[1:], like, strict=True)]
