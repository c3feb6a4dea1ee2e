"""Kernels of special functions, and of the elementwise functions that are flat between jumps."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from scipy import special

from gradproof.engine.kernels.kernel import Bound, Raw, Table, standard

LN2 = math.log(2.0)
ROOT2, ROOT_2_OVER_PI = math.sqrt(2.0), math.sqrt(2.0 / math.pi)
FRACTION = 100  # levels of a continued fraction whose error at 2 is exp(-4 sqrt(levels)), below a rounding
SERIES = 16  # terms of a series that has its digits after 12


def exp2(xp: Any, x: Raw) -> Raw:
    return xp.pow(2.0, x)


def cbrt(xp: Any, x: Raw) -> Raw:
    """The cube root: a power, and one step of Newton for the digits that rounding 1/3 costs."""
    size = xp.abs(x)
    y = xp.pow(xp.where(size == 0, 1.0, size), 1.0 / 3.0)
    y = y - (y - size / y / y) / 3.0
    return xp.where(size == 0, x, xp.sign(x) * y)


def logit(xp: Any, x: Raw) -> Raw:
    return xp.log(x / (1.0 - x))


def logaddexp2(xp: Any, x: Raw, y: Raw) -> Raw:
    gap = xp.abs(x - y)
    return xp.maximum(x, y) + xp.log1p(xp.exp(-LN2 * gap)) / LN2


def xlog1py(xp: Any, x: Raw, y: Raw) -> Raw:
    zero = x == 0
    return xp.where(zero & ~xp.isnan(y), 0.0, x * xp.log1p(xp.where(zero & (y <= -1), 0.0, y)))


def sinc_term(xp: Any, x: Raw, *, k: int) -> Raw:
    """G_k, where G_0 = sinc and G_k' = x G_(k+1): (-pi)**k j_k(pi x) / x**k, with the spherical Bessel function j_k.

    By its series near 0, else by the recurrence of j_k. The angle is reduced before it is multiplied by pi, so that whole
    numbers are exact. Source: DLMF 10.49, 10.51, 10.53.
    """
    t = math.pi * x
    near = xp.abs(t) < 1.0 + k
    small = xp.where(near, t, 0.0)
    square = -0.5 * small * small
    term = xp.ones_like(small) * ((-(math.pi**2)) ** k / math.prod(range(1, 2 * k + 2, 2)))
    series = term
    for m in range(1, SERIES + 2 * k):
        term = term * (square / (m * (2 * k + 2 * m + 1)))
        series = series + term
    x = xp.where(near, 1.0, x)
    t, whole = math.pi * x, xp.round(x)
    sign, angle = 1.0 - 2.0 * (whole - 2.0 * xp.floor(0.5 * whole)), math.pi * (x - whole)
    before, now = sign * xp.cos(angle) / t, sign * xp.sin(angle) / t
    for i in range(k):
        before, now = now, (2 * i + 1) / t * now - before
    for _ in range(k):
        now = now / t * (-(math.pi**2))
    return xp.where(near, series, now)


def excess(xp: Any, x: Raw, hazard: Raw) -> Raw:
    """x + hazard(x), without cancellation on the left: 1 / (z + 2 / (z + 3 / (z + ...))) with z = -x. Source: DLMF 7.9."""
    z = xp.where(x < -2.0, -x, 2.0)
    below = 0.5 * (xp.sqrt(z * z + 4.0 * FRACTION) - z)  # what the rest amounts to, nearly
    for n in range(FRACTION, 1, -1):
        below = n / (z + below)
    return xp.where(x < -2.0, 1.0 / (z + below), x + hazard)


# ---- NumPy's and SciPy's own


def _typed(function: Any) -> Any:
    """A function of SciPy in the dtype of its operands: SciPy takes a Python number for a float64."""

    def kernel(*operands: Raw) -> Raw:
        dtype = np.result_type(*operands)
        return function(*[np.asarray(x, dtype) for x in operands])

    return kernel


def _polygamma(x: Raw, *, n: int) -> Raw:
    if n == 0:
        return special.digamma(x)
    return (-1.0) ** (n + 1) * math.factorial(n) * special.zeta(np.asarray(n + 1.0, x.dtype), x)


def _bessel_i(x: Raw, *, order: int) -> Raw:
    if order < 2:
        return special.i1(x) if order else special.i0(x)
    return special.iv(np.asarray(float(order), x.dtype), x)


def _bessel_ie(x: Raw, *, order: int) -> Raw:
    if order < 2:
        return special.i1e(x) if order else special.i0e(x)
    return special.ive(np.asarray(float(order), x.dtype), x)


def _hazard(x: Raw) -> Raw:
    return ROOT_2_OVER_PI / special.erfcx(x * -(1 / ROOT2))


def _excess(x: Raw) -> Raw:
    return excess(np, x, _hazard(x))


KERNELS: Table = standard("ceil floor floor_divide remainder round trunc") | {
    "cbrt": cbrt, "exp2": exp2, "logaddexp2": logaddexp2, "logit": logit, "sinc_term": sinc_term, "xlog1py": xlog1py,
}  # fmt: skip
NUMPY: Bound = {
    "bessel_i": _bessel_i, "bessel_ie": _bessel_ie, "cbrt": np.cbrt, "erfinv": special.erfinv, "excess": _excess, "exp2": np.exp2, "hazard": _hazard,
    "lgamma": special.gammaln, "log_ndtr": special.log_ndtr, "logaddexp2": np.logaddexp2, "logit": special.logit,
    "ndtri": special.ndtri, "polygamma": _polygamma, "xlog1py": _typed(special.xlog1py),
}  # fmt: skip
