"""Elementwise functions. Binary ones broadcast their operands."""

from __future__ import annotations

from typing import Any

from gradproof.engine import library
from gradproof.engine.array import Array, as_array, raw_of
from gradproof.engine.backend import constant
from gradproof.engine.library import full, is_complex
from gradproof.engine.tape import apply, binary, unary


def abs(x: Any) -> Array:
    """The magnitude of each entry.

    >>> import gradproof.engine as ge
    >>> ge.grad(lambda x: ge.sum(ge.abs(x)))([-2.0, 0.0, 3.0])
    Array([-1.,  0.,  1.], dtype=float64)
    """
    return unary("modulus" if is_complex(raw_of(as_array(x)).dtype) else "abs", x)


def acos(x: Any) -> Array:
    """The inverse cosine of each entry."""
    return unary("acos", x)


def acosh(x: Any) -> Array:
    """The inverse hyperbolic cosine of each entry."""
    return unary("acosh", x)


def asin(x: Any) -> Array:
    """The inverse sine of each entry."""
    return unary("asin", x)


def asinh(x: Any) -> Array:
    """The inverse hyperbolic sine of each entry."""
    return unary("asinh", x)


def atan(x: Any) -> Array:
    """The inverse tangent of each entry."""
    return unary("atan", x)


def atanh(x: Any) -> Array:
    """The inverse hyperbolic tangent of each entry."""
    return unary("atanh", x)


def cos(x: Any) -> Array:
    """The cosine of each entry."""
    return unary("cos", x)


def cosh(x: Any) -> Array:
    """The hyperbolic cosine of each entry."""
    return unary("cosh", x)


def erf(x: Any) -> Array:
    """The error function of each entry."""
    return unary("erf", x)


def erfc(x: Any) -> Array:
    """1 - erf(x), with full accuracy where that is small."""
    return unary("erfc", x)


def exp(x: Any) -> Array:
    """The exponential of each entry."""
    return unary("exp", x)


def expm1(x: Any) -> Array:
    """exp(x) - 1, with full accuracy near 0."""
    return unary("expm1", x)


def log(x: Any) -> Array:
    """The natural logarithm of each entry."""
    return unary("log", x)


def log1p(x: Any) -> Array:
    """log(1 + x), with full accuracy near 0."""
    return unary("log1p", x)


def log2(x: Any) -> Array:
    """The logarithm to base 2 of each entry."""
    return unary("log2", x)


def log10(x: Any) -> Array:
    """The logarithm to base 10 of each entry."""
    return unary("log10", x)


def negative(x: Any) -> Array:
    """The negated entries."""
    return unary("negative", x)


def reciprocal(x: Any) -> Array:
    """1 / x."""
    return unary("reciprocal", x)


def rsqrt(x: Any) -> Array:
    """1 / sqrt(x)."""
    return unary("rsqrt", x)


def sech2(x: Any) -> Array:
    """1 / cosh(x)**2, the slope of tanh, accurate in the tails."""
    return unary("sech2", x)


def sigmoid_slope(x: Any) -> Array:
    """sigmoid(x) sigmoid(-x), the slope of sigmoid, accurate in the tails. Composed."""
    return multiply(0.25, sech2(multiply(0.5, x)))


def sign(x: Any) -> Array:
    """-1, 0 or 1 by the sign of each entry; its gradient is 0."""
    return unary("sign", x)


def sin(x: Any) -> Array:
    """The sine of each entry."""
    return unary("sin", x)


def sinh(x: Any) -> Array:
    """The hyperbolic sine of each entry."""
    return unary("sinh", x)


def sqrt(x: Any) -> Array:
    """The square root of each entry."""
    return unary("sqrt", x)


def square(x: Any) -> Array:
    """The square of each entry."""
    return unary("square", x)


def tan(x: Any) -> Array:
    """The tangent of each entry."""
    return unary("tan", x)


def tanh(x: Any) -> Array:
    """The hyperbolic tangent of each entry."""
    return unary("tanh", x)


def add(x: Any, y: Any) -> Array:
    """x + y."""
    return binary("add", x, y)


def subtract(x: Any, y: Any) -> Array:
    """x - y."""
    return binary("subtract", x, y)


def multiply(x: Any, y: Any) -> Array:
    """x * y."""
    return binary("multiply", x, y)


def divide(x: Any, y: Any) -> Array:
    """x / y."""
    return binary("divide", x, y)


def maximum(x: Any, y: Any) -> Array:
    """The greater of x and y."""
    return binary("maximum", x, y)


def minimum(x: Any, y: Any) -> Array:
    """The lesser of x and y."""
    return binary("minimum", x, y)


def hypot(x: Any, y: Any) -> Array:
    """sqrt(x**2 + y**2), without overflow."""
    return binary("hypot", x, y)


def atan2(x: Any, y: Any) -> Array:
    """The angle of the point (y, x) from the positive axis of y."""
    return binary("atan2", x, y)


def copysign(x: Any, y: Any) -> Array:
    """The magnitude of x with the sign of y."""
    return binary("copysign", x, y)


def logaddexp(x: Any, y: Any) -> Array:
    """log(exp(x) + exp(y)), without overflow."""
    return binary("logaddexp", x, y)


def xlogy(x: Any, y: Any) -> Array:
    """x * log(y), and 0 where x is 0."""
    return binary("xlogy", x, y)


def power_slope(x: Any, y: Any) -> Array:
    """y * x**(y - 1), the slope of pow in x."""
    return binary("power_slope", x, y)


def pow(x: Any, y: Any) -> Array:
    """x to the power y; the gradient in y is defined for x >= 0."""
    if type(y) is int and y == 2:
        return square(x)
    return binary("pow", x, y)


def clip(x: Any, min: float | None = None, max: float | None = None) -> Array:
    """The entries kept between two fixed bounds; the gradient at a bound is 1."""
    return apply("clip", (x,), {"min": min, "max": max})


def where(condition: Any, x: Any, y: Any) -> Array:
    """x where the condition holds, else y. An infinite slope in the branch not taken still gives nan: guard its input."""
    return apply("where", (condition, x, y))


def astype(x: Any, dtype: Any) -> Array:
    """The entries in another floating dtype; the cotangent is cast back."""
    return apply("astype", (x,), {"dtype": dtype})


def zeros_like(x: Any) -> Array:
    """Zeros in the shape and dtype of x; a constant."""
    x = raw_of(x)
    return Array(full(x.shape, 0.0, x))


def beside(x: Any, values: Any) -> Array:
    """NumPy's values in the dtype and library of x; a constant."""
    return Array(library.beside(values, raw_of(x)))


def over(ct: Any, y: Any) -> Array:
    """ct / y within a pullback: 0 where both are 0."""
    return binary("over", ct, y)


def scale(ct: Any, slope: Any) -> Array:
    """ct times a slope within a pullback: 0 where ct is 0, whatever the slope."""
    return binary("scale", ct, slope)


def meet(x: Any, y: Any) -> Array:
    """x y within the pullback of a pullback: 0 where one is 0, whatever the other."""
    return binary("meet", x, y)


def isfinite(x: Any) -> Any:
    """Where the entries are finite, as a plain boolean array."""
    return constant("isfinite", raw_of(x))
