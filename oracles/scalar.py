"""The scalar table: real functions with their first and second slopes (the special ones in ``oracles/scalar_special.py``).

The two tables are the only place in the oracles where a derivative is written down, and share nothing with ``engine/rules``.
Each function is written over a ``field`` ``F`` of elementary functions, so that one table serves balls (``ARB``), floats
(``FLOAT``, for the forward-mode duals) and complex numbers. ``c`` and ``c_slope`` are the rounding constants of the
standard model, in units of the unit roundoff (docs/judge.md 2; Higham, Accuracy and Stability, 2.2): 1 for + - * / sqrt,
3 for elementary functions, 0 for exact moves. ``saturating`` marks functions whose slope frameworks lose digits of.
"""

from __future__ import annotations

import math

from gradproof.oracles.fields import ARB, FLOAT, ArbField, Field, FloatField, Number
from gradproof.oracles.scalar_row import Binary, Unary
from gradproof.oracles.scalar_special import BINARY as SPECIAL_BINARY
from gradproof.oracles.scalar_special import UNARY as SPECIAL_UNARY

__all__ = ["ARB", "BINARY", "FLOAT", "UNARY", "ArbField", "Binary", "Field", "FloatField", "Number", "Unary"]


def _off_pole(x: float) -> float:
    """How far x is from a pole of tan; beyond the range of floats nothing is known of it."""
    return abs(math.cos(x)) if math.isfinite(x) else 0.0


def _sigmoid(F: Field, x: Number) -> Number:
    if F.real(x) > 0:
        return 1 / (1 + F.exp(-x))
    e = F.exp(x)
    return e / (1 + e)


def _softplus(F: Field, x: Number) -> Number:
    return x + F.log1p(F.exp(-x)) if F.real(x) > 0 else F.log1p(F.exp(x))


def _bell(F: Field, x: Number) -> Number:
    """sigmoid(x) sigmoid(-x), without cancellation."""
    e = F.exp(-abs(x))
    return e / ((1 + e) * (1 + e))


def _gauss(F: Field, x: Number, sign: int) -> Number:
    return sign * 2 * F.exp(-x * x) / F.sqrt(F.pi())


def _logaddexp(F: Field, a: Number, b: Number) -> Number:
    return a + F.log1p(F.exp(b - a)) if F.real(a - b) > 0 else b + F.log1p(F.exp(a - b))


def _xlogy(F: Field, x: Number, y: Number) -> Number:
    return x * F.log(y) if x != 0 else F.number(0)


def _pow_slopes(F: Field, x: Number, y: Number, z: Number) -> tuple[Number, Number]:
    by_x = y * F.power(x, y - 1) if F.real(y) != 0 else F.number(0)
    if F.real(x) == 0:
        return by_x, F.number(0) if F.real(y) > 0 else F.log(x)
    return by_x, z * F.log(x)


def _pow_seconds(F: Field, x: Number, y: Number, z: Number) -> tuple[Number, Number, Number]:
    if x == 0:
        zero = F.number(0)
        if y == 0 or y == 1:
            return zero, zero, zero
        return y * (y - 1) * F.power(x, y - 2), zero, zero
    log = F.log(abs(x))  # of a negative base the exponent is a fixed integer, which may round as a number
    return y * (y - 1) * z / (x * x), z / x * (1 + y * log), z * log * log


def _hypot_slopes(F: Field, a: Number, b: Number, h: Number) -> tuple[Number, Number]:
    return a / h, b / h


def _hypot_seconds(F: Field, a: Number, b: Number, h: Number) -> tuple[Number, Number, Number]:
    s, t = a / h, b / h
    return t * t / h, -s * t / h, s * s / h


def _atan2_slopes(F: Field, y: Number, x: Number, z: Number) -> tuple[Number, Number]:
    h = F.hypot(y, x)
    return x / h / h, -(y / h / h)


def _atan2_seconds(F: Field, y: Number, x: Number, z: Number) -> tuple[Number, Number, Number]:
    h = F.hypot(y, x)
    s, t = y / h, x / h
    twice = 2 * s * t / h / h
    return -twice, (s * s - t * t) / h / h, twice


# fmt: off
UNARY = {
    row.name: row
    for row in (
        Unary("exp", lambda F, x: F.exp(x), lambda F, x, y: y, lambda F, x, y, p: y),
        Unary("expm1", lambda F, x: F.expm1(x), lambda F, x, y: F.exp(x), lambda F, x, y, p: p, saturating=True,
              slope_row="exp_tail"),
        Unary("log", lambda F, x: F.log(x), lambda F, x, y: 1 / x, lambda F, x, y, p: -p * p, edge=abs),
        Unary("log1p", lambda F, x: F.log1p(x), lambda F, x, y: 1 / (1 + x), lambda F, x, y, p: -p * p,
              edge=lambda x: 1 + x),
        Unary("log2", lambda F, x: F.log(x) / F.log(F.number(2)), lambda F, x, y: 1 / (x * F.log(F.number(2))),
              lambda F, x, y, p: -p / x, edge=abs),
        Unary("log10", lambda F, x: F.log(x) / F.log(F.number(10)), lambda F, x, y: 1 / (x * F.log(F.number(10))),
              lambda F, x, y, p: -p / x, edge=abs),
        Unary("sqrt", lambda F, x: F.sqrt(x), lambda F, x, y: 0.5 / y, lambda F, x, y, p: -p / (2 * x), c=1, edge=abs),
        Unary("rsqrt", lambda F, x: F.rsqrt(x), lambda F, x, y: -y / (2 * x), lambda F, x, y, p: -1.5 * p / x,
              edge=abs),
        Unary("reciprocal", lambda F, x: 1 / x, lambda F, x, y: -y * y, lambda F, x, y, p: -2 * y * p, c=1, edge=abs),
        Unary("square", lambda F, x: x * x, lambda F, x, y: 2 * x, lambda F, x, y, p: F.number(2), c=1, c_slope=1),
        Unary("sin", lambda F, x: F.sin(x), lambda F, x, y: F.cos(x), lambda F, x, y, p: -y),
        Unary("cos", lambda F, x: F.cos(x), lambda F, x, y: -F.sin(x), lambda F, x, y, p: -y),
        Unary("tan", lambda F, x: F.tan(x), lambda F, x, y: 1 + y * y, lambda F, x, y, p: 2 * y * p,
              edge=_off_pole),
        Unary("asin", lambda F, x: F.asin(x), lambda F, x, y: 1 / F.sqrt((1 - x) * (1 + x)),
              lambda F, x, y, p: x * p * p * p, edge=lambda x: 1 - abs(x)),
        Unary("acos", lambda F, x: F.acos(x), lambda F, x, y: -1 / F.sqrt((1 - x) * (1 + x)),
              lambda F, x, y, p: x * p * p * p, edge=lambda x: 1 - abs(x)),
        Unary("atan", lambda F, x: F.atan(x), lambda F, x, y: 1 / (1 + x * x), lambda F, x, y, p: -2 * x * p * p),
        Unary("sinh", lambda F, x: F.sinh(x), lambda F, x, y: F.cosh(x), lambda F, x, y, p: y),
        Unary("cosh", lambda F, x: F.cosh(x), lambda F, x, y: F.sinh(x), lambda F, x, y, p: y),
        Unary("tanh", lambda F, x: F.tanh(x), lambda F, x, y: F.sech(x) * F.sech(x),
              lambda F, x, y, p: -2 * y * p, saturating=True, slope_row="sech2"),
        Unary("asinh", lambda F, x: F.asinh(x), lambda F, x, y: 1 / F.hypot(x, F.number(1)),
              lambda F, x, y, p: -x * p * p * p),
        Unary("acosh", lambda F, x: F.acosh(x), lambda F, x, y: 1 / (F.sqrt(x - 1) * F.sqrt(x + 1)),
              lambda F, x, y, p: -x * p * p * p, edge=lambda x: x - 1),
        Unary("atanh", lambda F, x: F.atanh(x), lambda F, x, y: 1 / ((1 - x) * (1 + x)),
              lambda F, x, y, p: 2 * x * p * p, edge=lambda x: 1 - abs(x)),
        Unary("erf", lambda F, x: F.erf(x), lambda F, x, y: _gauss(F, x, 1), lambda F, x, y, p: -2 * x * p,
              saturating=True),
        Unary("erfc", lambda F, x: F.erfc(x), lambda F, x, y: _gauss(F, x, -1), lambda F, x, y, p: -2 * x * p,
              saturating=True),
        Unary("ndtr", lambda F, x: F.erfc(-x / F.sqrt(F.number(2))) / 2,
              lambda F, x, y: F.exp(-x * x / 2) / F.sqrt(2 * F.pi()), lambda F, x, y, p: -x * p, saturating=True),
        Unary("sigmoid", _sigmoid, lambda F, x, y: _bell(F, x), lambda F, x, y, p: p * (1 - 2 * y), saturating=True,
              slope_row="bell"),
        Unary("softplus", _softplus, lambda F, x, y: _sigmoid(F, x), lambda F, x, y, p: _bell(F, x), saturating=True,
              slope_row="sigmoid"),
        # slopes of the rows above, for the tapes on which a slope is itself recorded (oracles/tangents.py)
        Unary("exp_tail", lambda F, x: F.exp(x), lambda F, x, y: y, lambda F, x, y, p: p, saturating=True,
              slope_row="exp_tail"),
        Unary("sech2", lambda F, x: F.sech(x) * F.sech(x), lambda F, x, y: -2 * y * F.tanh(x),
              lambda F, x, y, p: y * (4 - 6 * y), saturating=True),
        Unary("bell", _bell, lambda F, x, y: -y * F.tanh(x / 2), lambda F, x, y, p: y * (1 - 6 * y), saturating=True),
    )
} | SPECIAL_UNARY

BINARY = {
    row.name: row
    for row in (
        Binary("divide", lambda F, a, b: a / b, lambda F, a, b, z: (1 / b, -z / b),
               lambda F, a, b, z: (F.number(0), -1 / (b * b), 2 * z / (b * b)), c=1, c_slope=2,
              edge=lambda a, b: (math.inf, abs(b))),
        Binary("pow", lambda F, x, y: F.power(x, y), _pow_slopes, _pow_seconds,
              edge=lambda x, y: (math.inf if y >= 0 and y == int(y) else abs(x), math.inf)),
        Binary("hypot", lambda F, a, b: F.hypot(a, b), _hypot_slopes, _hypot_seconds),
        Binary("atan2", lambda F, y, x: F.atan2(y, x), _atan2_slopes, _atan2_seconds,
              edge=lambda y, x: (math.hypot(y, x),) * 2),
        Binary("logaddexp", _logaddexp, lambda F, a, b, z: (_sigmoid(F, a - b), _sigmoid(F, b - a)),
               lambda F, a, b, z: (_bell(F, a - b), -_bell(F, a - b), _bell(F, a - b))),
        Binary("xlogy", _xlogy, lambda F, x, y, z: (F.log(y), x / y),
               lambda F, x, y, z: (F.number(0), 1 / y, -x / y / y), edge=lambda x, y: (math.inf, abs(y))),
    )
} | SPECIAL_BINARY
# fmt: on
