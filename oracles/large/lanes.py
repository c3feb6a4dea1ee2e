"""The scalar table on whole arrays: a field of NumPy functions, and branches followed part by part.

A row of ``oracles/scalar.py`` may branch on its argument (``if x > 0``). On an array whose entries disagree the branch is
not known; the array is then split by the condition, each part goes its own way, and the results are put together. So one
table serves balls, floats and arrays, and no second one exists.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

import numpy as np
from scipy import special

from gradproof.oracles import special as families
from gradproof.oracles.graph import Array

SLOW = 256  # entries up to which a Python call each costs nothing


class Split(Exception):
    """The truth of a condition whose entries disagree."""

    def __init__(self, mask: Array) -> None:
        self.mask = mask


class Lanes(np.ndarray):
    """A flat float64 array whose truth value, if it has none, raises ``Split``."""

    def __bool__(self) -> bool:
        mask = np.array(self, dtype=bool)
        if not mask.any():
            return False
        if mask.all():
            return True
        raise Split(mask)


class ArrayField:
    """The elementary functions of the table, on arrays."""

    exp, log, sin, cos, tan = map(staticmethod, (np.exp, np.log, np.sin, np.cos, np.tan))
    sinh, cosh, tanh, asin, acos = map(staticmethod, (np.sinh, np.cosh, np.tanh, np.arcsin, np.arccos))
    atan, asinh, acosh, atanh = map(staticmethod, (np.arctan, np.arcsinh, np.arccosh, np.arctanh))
    sqrt, expm1, log1p, erf, erfc = map(staticmethod, (np.sqrt, np.expm1, np.log1p, special.erf, special.erfc))
    power, hypot, atan2 = map(staticmethod, (np.power, np.hypot, np.arctan2))
    erfinv, lgamma, cbrt, ndtri = map(staticmethod, (special.erfinv, special.gammaln, np.cbrt, special.ndtri))
    erfcx, log_ndtr = staticmethod(special.erfcx), staticmethod(special.log_ndtr)
    polygamma, besseli, sinc = map(staticmethod, (families.polygamma, families.besseli, families.sinc))

    @staticmethod
    def rsqrt(x: Any) -> Any:
        return 1 / np.sqrt(x)

    @staticmethod
    def sech(x: Any) -> Any:
        e = np.exp(-abs(x))
        return 2 * e / (1 + e * e)

    @staticmethod
    def number(x: float) -> float:
        return float(x)

    @staticmethod
    def real(x: Any) -> Any:
        return x

    @staticmethod
    def pi() -> float:
        return math.pi


ARRAY = ArrayField


def on_arrays(function: Callable[..., Any], *arrays: Any) -> tuple[Array, ...]:
    """``function(ARRAY, *arrays)`` entry by entry, as a tuple of float64 arrays of the common shape.

    Shapes: the arrays broadcast; each result has the shape they broadcast to.
    """
    given = np.broadcast_arrays(*(np.asarray(a, dtype=np.float64) for a in arrays))
    shape = given[0].shape
    with np.errstate(all="ignore"):
        return tuple(y.reshape(shape) for y in _parts(function, [np.ravel(a) for a in given]))


def _parts(function: Callable[..., Any], flat: Sequence[Array]) -> tuple[Array, ...]:
    size = flat[0].size
    try:
        found = function(ARRAY, *(a.view(Lanes) for a in flat))
    except Split as split:
        mask = split.mask
        yes, no = (_parts(function, [a[m] for a in flat]) for m in (mask, ~mask))
        out = []
        for y, n in zip(yes, no, strict=True):
            whole = np.empty(size)
            whole[mask], whole[~mask] = y, n
            out.append(whole)
        return tuple(out)
    results = found if isinstance(found, tuple) else (found,)
    return tuple(np.array(np.broadcast_to(np.asarray(r, dtype=np.float64), (size,))) for r in results)


def edges(function: Callable[..., Any], *arrays: Any) -> tuple[Array, ...]:
    """How far each argument is from where a row of the table is singular or ends: ``Unary.edge`` and ``Binary.edge``."""
    given = np.broadcast_arrays(*(np.asarray(a, dtype=np.float64) for a in arrays))
    found: Any = None
    if given[0].size > SLOW:
        with suppress(TypeError, ValueError), np.errstate(all="ignore"):  # not written for arrays: math.cos, int(y)
            found = function(*given)
    if found is None:
        points = zip(*(g.ravel().tolist() for g in given), strict=True)
        rows = np.array([function(*point) for point in points], dtype=np.float64).reshape(given[0].size, len(given))
        found = tuple(column.reshape(given[0].shape) for column in rows.T)
    parts = found if isinstance(found, tuple) else (found,)
    return tuple(np.broadcast_to(np.asarray(p, dtype=np.float64), given[0].shape) for p in parts)
