"""Special functions for the fields of the scalar table: on Arb balls, and on floats or arrays of floats with SciPy's own.

Families are closed under differentiation, so that a slope of any order is a value of the family and nothing cancels.
"""

from __future__ import annotations

import math
from typing import Any

import flint
import numpy as np
import scipy.special

arb = flint.arb
STEPS_MAX = 1000.0  # of the recurrence of polygamma left of 0
LARGE = 30.0  # beyond, erfc is written without its exponential
FAR = 4.0  # beyond, the hypergeometric series of sinc loses more bits than there are
TERMS = 40  # of the series of sinc


# ---- on balls


def arb_lgamma(x: arb) -> arb:
    """log |Gamma(x)|."""
    return x.lgamma() if x > 0 else (arb.pi() / abs(x.sin_pi())).log() - (1 - x).lgamma()


def arb_polygamma(n: int, x: arb) -> arb:
    """The n-th derivative of digamma; left of 0 by the recurrence psi_n(x) = psi_n(x + 1) - (-1)^n n! x^(-n-1)."""
    if n == 0:
        return x.digamma()
    sign = (-1) ** n * math.factorial(n)
    total = arb(0)
    if x <= 0:
        if not x > -STEPS_MAX:
            return arb("nan")
        for _ in range(math.ceil(-float(x)) + 1):
            total += x ** (-n - 1)
            x += 1
    found: arb = -sign * (arb(n + 1).zeta(x) + total)
    return found


def arb_besseli(n: int, x: arb) -> arb:
    return x.bessel_i(n)


def arb_erfcx(x: arb) -> arb:
    """exp(x**2) erfc(x); of a large x as U(1/2, 1/2, x**2) / sqrt(pi), whose factors neither vanish nor overflow."""
    if x > LARGE:
        return (x * x).hypgeom_u(arb(0.5), arb(0.5)) / arb.pi().sqrt()
    return (x * x).exp() * x.erfc()


def arb_log_ndtr(x: arb) -> arb:
    root = arb(2).sqrt()
    if x > 0:
        return (-((x / root).erfc() / 2)).log1p()
    return (arb_erfcx(-x / root) / 2).log() - x * x / 2 if x < -LARGE else ((-x / root).erfc() / 2).log()


def arb_ndtri(x: arb) -> arb:
    return -arb(2).sqrt() * (2 * x).erfcinv()


def arb_cbrt(x: arb) -> arb:
    return arb(0) if x.is_zero() else x.root(3) if x > 0 else -(-x).root(3)


def arb_sinc(k: int, x: arb) -> arb:
    """G_k, where G_0 = sinc and G_k' = x G_(k+1): (-pi**2 / 2)**k 0F1(k + 3/2; -(pi x)**2 / 4) / (3/2)_k."""
    if abs(x) > FAR:  # (-pi)**k j_k(pi x) / x**k, by the recurrence of j_k
        t = arb.pi() * x
        before, now = x.cos_pi() / t, x.sin_pi() / t
        for i in range(k):
            before, now = now, (2 * i + 1) / t * now - before
        return (-arb.pi() / x) ** k * now
    square = arb.pi() ** 2
    rising = math.prod([1.5 + i for i in range(k)])
    return (-square / 2) ** k * (-square * x * x / 4).hypgeom_0f1(arb(k + 1.5)) / rising


def whole(kind: str, x: arb) -> tuple[arb, float]:
    """floor, ceil, trunc or round (to even) of the middle of a ball, and how far that is from the nearest jump."""
    x = x.mid()
    below = x.floor()
    if not below.is_finite():
        return arb("nan"), math.nan
    part = x - below
    if kind == "round":
        even = (below / 2).floor() * 2 == below
        up = part > 0.5 or (part == 0.5 and not even)
        return below + 1 if up else below, abs(float(part - 0.5))
    gap = min(float(part), float(below + 1 - x))  # 1 - part would keep no more than the digits of 1
    if kind == "trunc" and abs(x) < 1:
        return arb(0), float(1 - abs(x))  # 0 is no jump
    up = (kind == "ceil" or (kind == "trunc" and x < 0)) and not part.is_zero()
    return below + 1 if up else below, gap


# ---- on floats and arrays of them


def polygamma(n: int, x: Any) -> Any:
    if n == 0:
        return scipy.special.digamma(x)
    return (-1.0) ** (n + 1) * math.factorial(n) * scipy.special.zeta(n + 1.0, x)


def besseli(n: int, x: Any) -> Any:
    if n < 2:  # iv(1, x) is 0 below 1e-154 or so
        return scipy.special.i1(x) if n else scipy.special.i0(x)
    return scipy.special.iv(n, x)


def sinc(k: int, x: Any) -> Any:
    """As ``arb_sinc``: by its series near 0, else (-pi)**k j_k(pi x) / x**k by the recurrence of the spherical Bessel functions."""
    t = np.pi * np.asarray(x, dtype=np.float64)
    square = -t * t / 2
    term = (-(np.pi**2)) ** k / math.prod(range(1, 2 * k + 2, 2)) * np.ones_like(t)
    series = term
    for m in range(1, TERMS):
        term = term * (square / (m * (2 * k + 2 * m + 1)))
        series = series + term
    near = np.abs(t) < 1 + 1.5 * k  # beyond, the recurrence is stable
    far = np.where(near, 10.0, x)
    t, whole = np.pi * far, np.rint(far)
    sign, angle = 1.0 - 2.0 * (whole % 2.0), np.pi * (far - whole)
    before, now = sign * np.cos(angle) / t, sign * np.sin(angle) / t
    for i in range(k):
        before, now = now, (2 * i + 1) / t * now - before
    out = np.where(near, series, (-(np.pi**2)) ** k * now / t**k)
    return out
