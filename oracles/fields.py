"""Fields of elementary and special functions that the scalar table is written over: Arb balls, and Python floats."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import flint
import scipy.special

from gradproof.oracles import special

Number = Any
Field = Any


class ArbField:
    """Elementary functions on Arb balls at the precision of the current flint context."""

    exp, log, sin, cos, tan = flint.arb.exp, flint.arb.log, flint.arb.sin, flint.arb.cos, flint.arb.tan
    sinh, cosh, tanh, sech = flint.arb.sinh, flint.arb.cosh, flint.arb.tanh, flint.arb.sech
    asin, acos, atan = flint.arb.asin, flint.arb.acos, flint.arb.atan
    asinh, acosh, atanh = flint.arb.asinh, flint.arb.acosh, flint.arb.atanh
    sqrt, rsqrt, expm1, log1p = flint.arb.sqrt, flint.arb.rsqrt, flint.arb.expm1, flint.arb.log1p
    erf, erfc, atan2 = flint.arb.erf, flint.arb.erfc, flint.arb.atan2
    erfinv, lgamma, cbrt, ndtri = flint.arb.erfinv, special.arb_lgamma, special.arb_cbrt, special.arb_ndtri
    erfcx, log_ndtr = special.arb_erfcx, special.arb_log_ndtr
    polygamma, besseli, sinc = special.arb_polygamma, special.arb_besseli, special.arb_sinc

    @staticmethod
    def number(x: float) -> flint.arb:
        return flint.arb(x)

    @staticmethod
    def real(x: flint.arb) -> flint.arb:
        return x

    @staticmethod
    def pi() -> flint.arb:
        return flint.arb.pi()

    @staticmethod
    def power(x: flint.arb, y: flint.arb) -> flint.arb:
        """x**y on the reals, with 0**y = 0 for y > 0 and 0**0 = 1, as the op means it."""
        if x.is_zero():
            if y.is_zero():
                return flint.arb(1)
            return flint.arb(0) if y > 0 else flint.arb(1) / flint.arb(0)
        return x**y

    @staticmethod
    def hypot(x: flint.arb, y: flint.arb) -> flint.arb:
        if x.is_zero():
            return abs(y)
        if y.is_zero():
            return abs(x)
        return abs(flint.acb(x, y))  # never the root of a ball that reaches below 0


def _quiet(function: Callable[..., float]) -> Any:
    """``function`` as a static method with IEEE answers (NaN, infinity) where ``math`` raises."""

    def answered(*args: float) -> float:
        try:
            return float(function(*args))
        except ValueError:
            return math.nan
        except (OverflowError, ZeroDivisionError):
            return math.inf

    return staticmethod(answered)


def _log(x: float) -> float:
    return math.log(x) if x > 0 else (-math.inf if x == 0 else math.nan)


def _sech(x: float) -> float:
    e = math.exp(-abs(x))
    return 2 * e / (1 + e * e)


class FloatField:
    """The same functions on Python floats, for the forward-mode duals."""

    exp, sinh, cosh = _quiet(math.exp), _quiet(math.sinh), _quiet(math.cosh)
    expm1, sqrt, tan = _quiet(math.expm1), _quiet(math.sqrt), _quiet(math.tan)
    sin, cos, tanh, atan, asinh = map(_quiet, (math.sin, math.cos, math.tanh, math.atan, math.asinh))
    asin, acos, acosh, atanh = map(_quiet, (math.asin, math.acos, math.acosh, math.atanh))
    log1p, power, rsqrt = _quiet(math.log1p), _quiet(math.pow), _quiet(lambda x: 1 / math.sqrt(x))
    log, sech, erfc = staticmethod(_log), staticmethod(_sech), _quiet(lambda x: float(scipy.special.erfc(x)))
    erf, hypot, atan2 = _quiet(math.erf), _quiet(math.hypot), _quiet(math.atan2)
    erfinv, lgamma, cbrt, ndtri, erfcx, log_ndtr, polygamma, besseli, sinc = map(_quiet, (
        scipy.special.erfinv, scipy.special.gammaln, math.cbrt, scipy.special.ndtri, scipy.special.erfcx,
        scipy.special.log_ndtr, special.polygamma, special.besseli, special.sinc,
    ))  # fmt: skip

    @staticmethod
    def number(x: float) -> float:
        return float(x)

    @staticmethod
    def real(x: float) -> float:
        return x

    @staticmethod
    def pi() -> float:
        return math.pi


ARB = ArbField  # the class itself: an instance would bind the methods of arb
FLOAT = FloatField
