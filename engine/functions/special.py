"""Special functions, and the elementwise functions that are flat between jumps."""

from __future__ import annotations

import math
from typing import Any

from gradproof.engine.array import Array, as_array
from gradproof.engine.functions import elementwise as el
from gradproof.engine.tape import apply, binary, unary

__all__ = [
    "cbrt",
    "ceil",
    "digamma",
    "entr",
    "erfinv",
    "exp2",
    "floor",
    "floor_divide",
    "i0",
    "i0e",
    "i1",
    "i1e",
    "lgamma",
    "log_ndtr",
    "logaddexp2",
    "logit",
    "ndtr",
    "ndtri",
    "polygamma",
    "positive",
    "rel_entr",
    "remainder",
    "round",
    "sinc",
    "trunc",
    "xlog1py",
]


def ceil(x: Any) -> Array:
    """The least whole number that is not below each entry; its gradient is 0."""
    return unary("ceil", x)


def floor(x: Any) -> Array:
    """The greatest whole number that is not above each entry; its gradient is 0."""
    return unary("floor", x)


def round(x: Any) -> Array:
    """The nearest whole number, the even one of two; its gradient is 0."""
    return unary("round", x)


def trunc(x: Any) -> Array:
    """The whole number next to each entry on the side of 0; its gradient is 0."""
    return unary("trunc", x)


def floor_divide(x: Any, y: Any) -> Array:
    """The greatest whole number that is not above x / y; its gradients are 0."""
    return binary("floor_divide", x, y)


def remainder(x: Any, y: Any) -> Array:
    """x - y floor(x / y), which has the sign of y; the slopes are 1 and -floor(x / y)."""
    return binary("remainder", x, y)


def positive(x: Any) -> Array:
    """The entries. Composed."""
    return el.multiply(x, 1.0)


def exp2(x: Any) -> Array:
    """2 to the power of each entry."""
    return unary("exp2", x)


def cbrt(x: Any) -> Array:
    """The real cube root of each entry."""
    return unary("cbrt", x)


def erfinv(x: Any) -> Array:
    """The inverse of the error function."""
    return unary("erfinv", x)


def lgamma(x: Any) -> Array:
    """The logarithm of the magnitude of the gamma function."""
    return unary("lgamma", x)


def digamma(x: Any) -> Array:
    """The slope of lgamma."""
    return polygamma(x, n=0)


def polygamma(x: Any, n: int = 1) -> Array:
    """The n-th derivative of digamma."""
    return apply("polygamma", (as_array(x),), {"n": n})


def bessel_i(x: Any, order: int) -> Array:
    """The modified Bessel function of the first kind, of a whole order."""
    return apply("bessel_i", (as_array(x),), {"order": order})


def i0(x: Any) -> Array:
    """The modified Bessel function of the first kind, of order 0."""
    return bessel_i(x, 0)


def i1(x: Any) -> Array:
    """The modified Bessel function of the first kind, of order 1."""
    return bessel_i(x, 1)


def bessel_ie(x: Any, order: int) -> Array:
    """exp(-|x|) times bessel_i: in range wherever x is."""
    return apply("bessel_ie", (as_array(x),), {"order": order})


def i0e(x: Any) -> Array:
    """exp(-|x|) i0(x)."""
    return bessel_ie(x, 0)


def i1e(x: Any) -> Array:
    """exp(-|x|) i1(x)."""
    return bessel_ie(x, 1)


def ndtr(x: Any) -> Array:
    """The distribution function of the normal distribution, with full accuracy in its left tail. Composed."""
    return 0.5 * el.erfc(el.multiply(x, -math.sqrt(0.5)))


def log_ndtr(x: Any) -> Array:
    """The logarithm of ndtr, with full accuracy in both tails."""
    return unary("log_ndtr", x)


def hazard(x: Any) -> Array:
    """The slope of log_ndtr: the normal density over ndtr."""
    return unary("hazard", x)


def excess(x: Any) -> Array:
    """x + hazard(x), which is small on the left."""
    return unary("excess", x)


def ndtri(x: Any) -> Array:
    """The inverse of ndtr."""
    return unary("ndtri", x)


def logit(x: Any) -> Array:
    """log(x / (1 - x))."""
    return unary("logit", x)


def sinc_term(x: Any, k: int) -> Array:
    """sinc for k = 0; the slope of each is x times the next."""
    return apply("sinc_term", (as_array(x),), {"k": k})


def sinc(x: Any) -> Array:
    """sin(pi x) / (pi x), and 1 at 0."""
    return sinc_term(x, 0)


def entr(x: Any) -> Array:
    """-x log(x). Composed."""
    x = as_array(x)
    return el.negative(el.xlogy(x, x))


def rel_entr(x: Any, y: Any) -> Array:
    """x log(x / y). Composed."""
    x = as_array(x)
    return el.multiply(x, el.log(el.divide(x, y)))


def logaddexp2(x: Any, y: Any) -> Array:
    """log2(2**x + 2**y), without overflow."""
    return binary("logaddexp2", x, y)


def xlog1py(x: Any, y: Any) -> Array:
    """x log(1 + y), and 0 where x is 0."""
    return binary("xlog1py", x, y)
