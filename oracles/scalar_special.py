"""The rows of the scalar table for special functions; a family's slope is a row of the family (``slope_row``)."""

from __future__ import annotations

import math

from gradproof.oracles.fields import Field, Number
from gradproof.oracles.scalar_row import Binary, Unary

ORDERS = 6  # of a family: slopes of the slopes of its members that are ops


def _ln2(F: Field) -> Number:
    return F.log(F.number(2))


def _half(F: Field, a: Number, b: Number) -> Number:
    """1 / (1 + 2**(b - a)), without overflow."""
    if F.real(a - b) > 0:
        return 1 / (1 + F.exp((b - a) * _ln2(F)))
    e = F.exp((a - b) * _ln2(F))
    return e / (1 + e)


def _half_bell(F: Field, a: Number, b: Number) -> Number:
    e = F.exp(-abs((a - b) * _ln2(F)))
    return _ln2(F) * e / ((1 + e) * (1 + e))


def _logaddexp2(F: Field, a: Number, b: Number) -> Number:
    if F.real(a - b) > 0:
        return a + F.log1p(F.exp((b - a) * _ln2(F))) / _ln2(F)
    return b + F.log1p(F.exp((a - b) * _ln2(F))) / _ln2(F)


def _hazard(F: Field, x: Number) -> Number:
    """The density over the distribution function of the normal distribution, which is the slope of log_ndtr."""
    return F.sqrt(2 / F.pi()) / F.erfcx(-x / F.sqrt(F.number(2)))


def _off_gamma_pole(x: float) -> float:
    return x if not x <= 0 else abs(x - round(x)) if math.isfinite(x) else 0.0


def _polygamma(n: int) -> Unary:
    return Unary(
        f"polygamma{n}" if n else "digamma",
        lambda F, x: F.polygamma(n, x),
        lambda F, x, y: F.polygamma(n + 1, x),
        lambda F, x, y, p: F.polygamma(n + 2, x),
        edge=_off_gamma_pole,
        slope_row=f"polygamma{n + 1}" if n < ORDERS else "",
    )


def _besseli(n: int) -> Unary:
    """I_n, whose slope is the mean of its neighbours; they have one sign, so nothing cancels."""
    return Unary(
        f"i{n}",
        lambda F, x: F.besseli(n, x),
        lambda F, x, y: (F.besseli(abs(n - 1), x) + F.besseli(n + 1, x)) / 2,
        lambda F, x, y, p: (F.besseli(abs(n - 2), x) + 2 * y + F.besseli(n + 2, x)) / 4,
    )


def _sinc(k: int) -> Unary:
    """G_k of ``oracles/special.py``: G_0 is sinc and G_k' = x G_(k+1)."""
    return Unary(
        f"sinc{k}" if k else "sinc",
        lambda F, x: F.sinc(k, x),
        lambda F, x, y: x * F.sinc(k + 1, x),
        lambda F, x, y, p: F.sinc(k + 1, x) + x * x * F.sinc(k + 2, x),
    )


# fmt: off
UNARY = {
    row.name: row
    for row in (
        Unary("exp2", lambda F, x: F.exp(x * _ln2(F)), lambda F, x, y: y * _ln2(F), lambda F, x, y, p: p * _ln2(F)),
        Unary("cbrt", lambda F, x: F.cbrt(x), lambda F, x, y: 1 / (3 * y * y), lambda F, x, y, p: -2 * p / (3 * x), edge=abs),
        Unary("erfinv", lambda F, x: F.erfinv(x), lambda F, x, y: F.sqrt(F.pi()) / 2 * F.exp(y * y),
              lambda F, x, y, p: 2 * y * p * p, edge=lambda x: 1 - abs(x)),
        Unary("ndtri", lambda F, x: F.ndtri(x), lambda F, x, y: F.sqrt(2 * F.pi()) * F.exp(y * y / 2),
              lambda F, x, y, p: y * p * p, edge=lambda x: min(x, 1 - x)),
        Unary("logit", lambda F, x: F.log(x / (1 - x)), lambda F, x, y: 1 / (x * (1 - x)),
              lambda F, x, y, p: (2 * x - 1) * p * p, edge=lambda x: min(x, 1 - x)),
        Unary("log_ndtr", lambda F, x: F.log_ndtr(x), lambda F, x, y: _hazard(F, x), lambda F, x, y, p: -p * (x + p),
              saturating=True, slope_row="hazard"),
        Unary("hazard", _hazard, lambda F, x, y: -y * (x + y), lambda F, x, y, p: -p * (x + 2 * y) - y, saturating=True),
        Unary("lgamma", lambda F, x: F.lgamma(x), lambda F, x, y: F.polygamma(0, x),
              lambda F, x, y, p: F.polygamma(1, x), edge=_off_gamma_pole, slope_row="digamma"),
        *map(_polygamma, range(ORDERS + 1)),
        *map(_besseli, range(ORDERS + 1)),
        *map(_sinc, range(ORDERS + 1)),
    )
}

BINARY = {
    row.name: row
    for row in (
        Binary("logaddexp2", _logaddexp2, lambda F, a, b, z: (_half(F, a, b), _half(F, b, a)),
               lambda F, a, b, z: (_half_bell(F, a, b), -_half_bell(F, a, b), _half_bell(F, a, b))),
        Binary("xlog1py", lambda F, x, y: x * F.log1p(y) if x != 0 else F.number(0),
               lambda F, x, y, z: (F.log1p(y), x / (1 + y)),
               lambda F, x, y, z: (F.number(0), 1 / (1 + y), -x / (1 + y) / (1 + y)),
               edge=lambda x, y: (math.inf, abs(1 + y))),
    )
}
# fmt: on
