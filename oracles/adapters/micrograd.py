"""micrograd as an engine: its scalars in NumPy object arrays, so that shapes are NumPy's and derivatives micrograd's."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

import numpy as np
from micrograd.engine import Value

from gradproof.oracles.adapters.making import from_backward
from gradproof.oracles.adapters.numpy_names import key_of, namespace
from gradproof.oracles.engine import Capabilities
from gradproof.oracles.graph import Array

EACH = """abs acos acosh asin asinh atan atanh cos cosh exp expm1 hypot log log10 log1p log2 logaddexp maximum minimum reciprocal sign sin
    sinh sqrt square tan tanh copysign max min prod floor ceil trunc round exp2 cbrt sinc
    remainder floor_divide logaddexp2 atan2 where pow mean linalg.cholesky linalg.det linalg.inv linalg.solve"""

EXCEPTIONS: dict[str, Any] = {
    "nn__relu": lambda x: _each(lambda v: v.relu() if isinstance(v, Value) else v)(x),
    "getitem": lambda x, key: np.asarray(np.asarray(x)[key_of(key)]),
    "linalg__diagonal": lambda x, offset: np.diagonal(x, offset, -2, -1),
    "linalg__trace": lambda x, offset: np.trace(x, offset, -2, -1) + Value(0.0),  # of nothing, NumPy's is an int
    "sum": lambda x, axis, keepdims: np.sum(x, axis=axis, keepdims=keepdims) + Value(0.0),
}


def _each(function: Any) -> Any:
    return np.frompyfunc(function, 1, 1)


def _value(array: Array) -> Any:
    return _each(Value)(array) if array.dtype.kind == "f" else array


def _data(array: Any) -> Array:
    array = np.asarray(array)
    return np.asarray(_each(lambda v: v.data if isinstance(v, Value) else v)(array), float) if array.dtype == object else array


def _total(outputs: Any, cotangents: Any) -> Any:
    pairs = zip(outputs, cotangents, strict=True)
    terms = (y * ct.data for ys, cts in pairs for y, ct in zip(np.ravel(ys), np.ravel(cts), strict=True))
    return sum(terms, Value(0.0))


MICROGRAD = from_backward(
    "micrograd",
    namespace(np, None, **EXCEPTIONS),
    _value,
    _data,
    variable=lambda x: _each(lambda v: Value(v.data))(x),
    total=_total,
    grad=lambda x: _each(lambda v: Value(v.grad))(x),
    capabilities=Capabilities(unsupported=frozenset(EACH.split()), at_kinks={"nn.relu": 0.0}),
    version=version("micrograd"),
)
