"""A user's NumPy formula on whole arrays: what NumPy's functions and array methods mean on ``Tracked`` arrays.

The counterpart of ``oracles/callables/formula.py`` for arrays that are too large for scalars; importing it teaches ``Tracked`` NumPy.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.special

from gradproof.oracles.bound import Rounding
from gradproof.oracles.graph import Case
from gradproof.oracles.large.arrays import ARRAYS
from gradproof.oracles.large.linearised import LIMIT, SMALL, Linearised, entries, leaves_on
from gradproof.oracles.large.pushforward import Pushforward
from gradproof.oracles.large.tracked import FUNCTIONS, UFUNCS, NotLinearised, Tracked, binary, lift, lifted, unary


class Compared:
    """A comparison of tracked arrays: only ``np.where`` may look at it, as a selection."""

    __array_ufunc__ = None

    def __init__(self, left: Any, right: Any) -> None:
        self.left, self.right = left, right  # true where left > right

    def __array_function__(self, func: Any, types: Any, args: Any, kwargs: Any) -> Any:
        if func is np.where:
            return _where(*args)
        raise NotLinearised(f"np.{func.__name__} of a comparison is not followed on whole arrays; select with np.where(...)")

    def __bool__(self) -> bool:
        raise NotLinearised("the truth of an array that is differentiated; select with np.where(...)")

    def __invert__(self) -> Compared:
        kind: type[Compared] = Compared if isinstance(self, Flipped) else Flipped
        return kind(self.left, self.right)


class Flipped(Compared):
    """The opposite: true where left <= right."""


def _where(condition: Any, x: Any, y: Any) -> Any:
    if not isinstance(condition, Compared):
        return _plain_where(condition, x, y)
    a, b = (y, x) if isinstance(condition, Flipped) else (x, y)
    left, right = lifted([condition.left, condition.right])
    return ARRAYS.select(left, right, a, b)


_plain_where = FUNCTIONS[np.where]


def _power(x: Any, y: Any) -> Any:
    """x ** y; a fixed power of 1, 2 or 1/2 is what it says, whose slope at 0 is plain."""
    fixed = None if isinstance(y, Tracked) or np.ndim(y) else float(y)
    if fixed in (1.0, 2.0, 0.5):
        return x if fixed == 1.0 else unary("square" if fixed == 2.0 else "sqrt", x)
    return binary("pow", x, y)


def _mean(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    total = ARRAYS.sum(x, axis, keepdims)
    return total / (x.size / max(total.size, 1))


def _var(x: Any, axis: Any = None, ddof: float = 0, keepdims: bool = False, correction: float | None = None) -> Any:
    total = ARRAYS.sum(ARRAYS.square(x - _mean(x, axis, True)), axis, keepdims)
    return total / (x.size / max(total.size, 1) - (ddof if correction is None else correction))


def _norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Any:
    if ord is not None and axis is None and x.ndim != 1:
        raise NotLinearised("np.linalg.norm of a matrix with ord= is not followed on whole arrays; give axis=")
    if ord in (None, 2):
        return ARRAYS.fold_hypot(x, axis, keepdims)
    if ord == 1:
        return ARRAYS.sum(ARRAYS.absolute(x), axis, keepdims)
    if ord == np.inf:
        return ARRAYS.max(ARRAYS.absolute(x), axis, keepdims)
    raise NotLinearised(f"np.linalg.norm with ord={ord} is not followed on whole arrays; write it out")


def _clip(x: Any, min: Any = None, max: Any = None, **named: Any) -> Any:
    low, high = named.get("a_min", min), named.get("a_max", max)
    x = x if low is None else ARRAYS.maximum(x, low)
    return x if high is None else ARRAYS.minimum(x, high)


# fmt: off
_SAME = ("exp", "expm1", "log", "log1p", "log2", "log10", "sqrt", "square", "reciprocal", "sin", "cos", "tan", "sinh", "cosh", "tanh")
_NAMED = {
    np.arcsin: "asin", np.arccos: "acos", np.arctan: "atan", np.arcsinh: "asinh", np.arccosh: "acosh", np.arctanh: "atanh",
    scipy.special.expit: "sigmoid", scipy.special.erf: "erf", scipy.special.erfc: "erfc", scipy.special.ndtr: "ndtr",
}
_PAIRS = {np.hypot: "hypot", np.logaddexp: "logaddexp", np.arctan2: "atan2", scipy.special.xlogy: "xlogy"}
UFUNCS.update({getattr(np, n): getattr(ARRAYS, n) for n in _SAME})
UFUNCS.update({f: getattr(ARRAYS, n) for f, n in (*_NAMED.items(), *_PAIRS.items())})
UFUNCS.update({
    np.maximum: ARRAYS.maximum, np.minimum: ARRAYS.minimum, np.fmax: ARRAYS.maximum, np.fmin: ARRAYS.minimum,
    np.fabs: ARRAYS.absolute, np.sign: ARRAYS.sign, np.copysign: ARRAYS.copysign, np.power: _power,
    np.positive: lambda x: x, np.clip: _clip,
    np.greater: Compared, np.less: lambda x, y: Compared(y, x),
    np.less_equal: Flipped, np.greater_equal: lambda x, y: Flipped(y, x),
})
FUNCTIONS.update({
    np.where: _where, np.mean: _mean, np.var: _var, np.clip: _clip, np.max: ARRAYS.max, np.min: ARRAYS.min,
    np.std: lambda *a, **k: ARRAYS.sqrt(_var(*a, **k)), np.dot: lambda x, y: np.matmul(x, y), np.linalg.norm: _norm,
    np.zeros_like: lambda x, *a, **k: np.zeros(x.shape), np.ones_like: lambda x, *a, **k: np.ones(x.shape),
})
# fmt: on
_METHODS = {n: getattr(np, n) for n in (
    "sum", "mean", "var", "std", "max", "min", "prod", "cumsum", "ravel", "squeeze", "swapaxes", "clip",
)}  # fmt: skip
_OPERATORS = {
    "gt": np.greater, "lt": np.less, "ge": np.greater_equal, "le": np.less_equal, "eq": np.equal, "ne": np.not_equal,
    "matmul": np.matmul, "pow": np.power,
}  # fmt: skip


def _method(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda self, *args, **params: function(self, *args, **params)


def _reflected(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda self, other: function(other, self)


for _name, _function in _METHODS.items():
    setattr(Tracked, _name, _method(_function))
for _name, _function in _OPERATORS.items():
    setattr(Tracked, f"__{_name}__", _method(_function))
    if _name in ("matmul", "pow"):
        setattr(Tracked, f"__r{_name}__", _reflected(_function))
setattr(Tracked, "T", property(np.transpose))  # noqa: B010 - beside the methods above


def linearised_formula(case: Case, formula: Callable[..., Any], lossy: bool = False) -> Linearised:
    """A case whose meaning is ``formula``, linearised: one array for each leaf in, a list of arrays out.

    Raises: NotLinearised if it uses what is not followed on whole arrays, or its outputs have other shapes than the case's.
    """
    flow = Pushforward(Rounding.of(case.graph.dtype), lossy=lossy, spelled=True)
    with np.errstate(all="ignore"):
        leaves = leaves_on(flow, case.graph)
        outputs = [lift(flow, y) for y in formula(*leaves)]
    shapes, expected = [y.shape for y in outputs], [c.shape for c in case.cotangents]
    if shapes != expected:
        raise NotLinearised(f"meaning gives outputs of shapes {shapes}, but f gives {expected}; expected the same.")
    return Linearised(case, flow, [*leaves, *outputs], lambda: linearised_formula(case, formula, lossy=True))


def large_formula(case: Case, formula: Callable[..., Any]) -> Linearised | None:
    """``linearised_formula`` where the tape of scalars would be too long; None where it would not, or is the only way."""
    if entries(case) <= SMALL:
        return None
    try:
        reference = linearised_formula(case, formula)
    except Exception:  # noqa: BLE001 - a formula may raise what it likes; the tape will say what it cannot follow
        return None
    return reference if reference.flow.work > LIMIT else None
