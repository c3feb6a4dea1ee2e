"""A JAX function as a NumPy formula: the program that ``jax.make_jaxpr`` records, one primitive after another.

A ``custom_vjp`` or ``custom_jvp`` is followed through its values, never its rules, so that these are what is on trial.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import numpy as np
import scipy.special

from gradproof.oracles.adapters.jax import x64
from gradproof.oracles.errors import Unsupported
from gradproof.oracles.graph import Array

Formula = Callable[..., list[Any]]


def _axes(reduce: Callable[..., Any]) -> Callable[..., Any]:
    return lambda x, *, axes, **_: reduce(x, axis=tuple(axes)) if axes else x


def _dot(a: Any, b: Any, *, dimension_numbers: Any, **_: Any) -> Any:
    (of_a, of_b), (batch_a, batch_b) = dimension_numbers
    left, right = list(range(a.ndim)), list(range(a.ndim, a.ndim + b.ndim))
    for i, j in (*zip(batch_a, batch_b, strict=True), *zip(of_a, of_b, strict=True)):
        right[j] = left[i]
    kept = [left[i] for i in batch_a]
    kept += [x for i, x in enumerate(left) if i not in (*batch_a, *of_a)]
    kept += [x for i, x in enumerate(right) if i not in (*batch_b, *of_b)]
    return np.einsum(a, left, b, right, kept)


def _broadcast(x: Any, *, shape: Any, broadcast_dimensions: Any, **_: Any) -> Any:
    axes = dict(zip(broadcast_dimensions, np.shape(x), strict=True))
    return np.broadcast_to(np.reshape(x, [axes.get(i, 1) for i in range(len(shape))]), shape)


def _power(x: Any, *, y: int) -> Any:
    """A whole power by products."""
    if y < 0:
        return 1.0 / _power(x, y=-y)
    if y == 0:
        return x * 0.0 + 1.0
    half = _power(x, y=y // 2) if y > 1 else None
    return x if half is None else (half * half if y % 2 == 0 else half * half * x)


def _select(which: Any, *cases: Any) -> Any:
    if len(cases) != 2:
        raise Unsupported("select_n of more than two cases")
    return np.where(which, cases[1], cases[0])


def _slice(x: Any, *, start_indices: Any, limit_indices: Any, strides: Any) -> Any:
    steps = strides or (1,) * len(start_indices)
    return x[tuple(slice(a, b, c) for a, b, c in zip(start_indices, limit_indices, steps, strict=True))]


def _converted(x: Any, *, new_dtype: Any, **_: Any) -> Any:
    if np.dtype(new_dtype).kind != "f" or np.dtype(new_dtype).itemsize < 4:
        raise Unsupported(f"a conversion to {np.dtype(new_dtype).name}")
    return x


def _plain(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *xs, **_: function(*xs)


def _bounded(function: Callable[..., Any], nothing: float) -> Callable[..., Any]:
    """maximum or minimum, of which an infinite constant is no operand: JAX starts a reduction with it."""

    def call(*xs: Any, **_: Any) -> Any:
        kept = [x for x in xs if np.asarray(x).dtype == object or not np.all(np.asarray(x) == nothing)]
        return function(*kept) if len(kept) == 2 else np.broadcast_to(kept[0], np.broadcast_shapes(*(np.shape(x) for x in xs)))

    return call


# fmt: off
PRIMITIVES: Mapping[str, Callable[..., Any]] = {
    **{name: _plain(getattr(np, numpy)) for name, numpy in {
        "add": "add", "sub": "subtract", "mul": "multiply", "div": "divide", "neg": "negative", "sin": "sin", "cos": "cos", "tan": "tan",
        "asin": "arcsin", "acos": "arccos", "atan": "arctan", "atan2": "arctan2", "sinh": "sinh", "cosh": "cosh", "tanh": "tanh",
        "asinh": "arcsinh", "acosh": "arccosh", "atanh": "arctanh", "exp": "exp", "log": "log", "expm1": "expm1", "log1p": "log1p",
        "sqrt": "sqrt", "abs": "absolute", "sign": "sign", "pow": "power", "square": "square",
        "gt": "greater", "lt": "less", "ge": "greater_equal", "le": "less_equal", "eq": "equal", "ne": "not_equal",
    }.items()},
    "max": _bounded(np.maximum, -np.inf), "min": _bounded(np.minimum, np.inf),
    "is_finite": _plain(lambda x: np.ones(np.shape(x), bool)),  # what is not is out of range, whatever it is selected for
    "clamp": _plain(lambda low, x, high: np.minimum(np.maximum(x, low), high)),
    "exp2": _plain(np.exp2), "sort": lambda x, *, dimension, **_: np.sort(x, axis=dimension),
    "iota": lambda *, dtype, shape, dimension, **_: np.arange(shape[dimension], dtype=dtype).reshape([-1 if i == dimension else 1 for i in range(len(shape))]) + np.zeros(shape, dtype),
    "logistic": _plain(scipy.special.expit), "erf": _plain(scipy.special.erf), "erfc": _plain(scipy.special.erfc),
    "rsqrt": _plain(lambda x: 1.0 / np.sqrt(x)), "integer_pow": _power, "add_any": _plain(np.add),
    "stop_gradient": _plain(lambda x: x), "copy": _plain(lambda x: x), "copy_p": _plain(lambda x: x),
    "reduce_sum": _axes(np.sum), "reduce_max": _axes(np.max), "reduce_min": _axes(np.min), "dot_general": _dot,
    "transpose": lambda x, *, permutation: np.transpose(x, permutation), "broadcast_in_dim": _broadcast,
    "reshape": lambda x, *, new_sizes, **_: np.reshape(x, new_sizes),
    "squeeze": lambda x, *, dimensions: np.squeeze(x, tuple(dimensions)),
    "expand_dims": lambda x, *, dimensions: np.expand_dims(x, tuple(dimensions)),
    "concatenate": lambda *xs, dimension: np.concatenate(xs, axis=dimension), "slice": _slice, "select_n": _plain(_select),
    "rev": lambda x, *, dimensions: np.flip(x, tuple(dimensions)), "convert_element_type": _converted,
}
# fmt: on
INSIDE = ("jaxpr", "call_jaxpr", "fun_jaxpr")  # where a call keeps its program
CALLS = {"jit", "pjit", "closed_call", "core_call", "remat", "remat2", "checkpoint", "custom_jvp_call", "custom_vjp_call", "custom_vjp_call_jaxpr"}


def imported(fn: Callable[..., Any], primals: Sequence[Array]) -> Formula:
    """``fn`` at arrays of these shapes as a function of NumPy arrays, or of what dispatches as they do; a list of results.

    Raises: Unsupported if it uses a primitive that is not known here, or cannot be traced; the text says which.
    """
    try:
        with x64(True):
            program = jax.make_jaxpr(fn)(*(np.array(x) for x in primals))
    except Exception as error:  # whatever f raises on tracers
        raise Unsupported(f"make_jaxpr cannot trace f ({type(error).__name__})") from error
    _known(program.jaxpr)
    return lambda *xs: _run(program.jaxpr, program.consts, xs)


def _program(equation: Any) -> tuple[Any, Sequence[Any]]:
    inside = next(equation.params[name] for name in INSIDE if name in equation.params)
    return (inside.jaxpr, inside.consts) if hasattr(inside, "jaxpr") else (inside, ())


def _known(jaxpr: Any) -> None:
    for equation in jaxpr.eqns:
        name = equation.primitive.name
        if name in CALLS and any(key in equation.params for key in INSIDE):
            _known(_program(equation)[0])
        elif name not in PRIMITIVES or (name == "sort" and len(equation.invars) > 1):
            raise Unsupported(f"{name} is not known")


def _run(jaxpr: Any, consts: Sequence[Any], arguments: Sequence[Any]) -> list[Any]:
    values: dict[Any, Any] = dict(zip(jaxpr.constvars, map(np.asarray, consts), strict=True))
    values.update(zip(jaxpr.invars, arguments, strict=True))

    def read(v: Any) -> Any:
        return np.asarray(v.val) if hasattr(v, "val") else values[v]

    for equation in jaxpr.eqns:
        operands = [read(v) for v in equation.invars]
        name = equation.primitive.name
        if name in CALLS:
            inside, own = _program(equation)
            found = _run(inside, own, operands)
        else:
            found = [PRIMITIVES[name](*operands, **equation.params)]
        values.update(zip(equation.outvars, found, strict=True))
    return [read(v) for v in jaxpr.outvars]
