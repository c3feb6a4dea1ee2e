"""Kernels of elementwise functions."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import special

from gradproof.engine.kernels.kernel import Bound, Raw, Table, like, standard
from gradproof.engine.library import is_complex, narrow


def rsqrt(xp: Any, x: Raw) -> Raw:
    return 1.0 / xp.sqrt(x)


def sech2(xp: Any, x: Raw) -> Raw:
    """1 / cosh(x)**2 with full relative accuracy in the tails, where 1 - tanh(x)**2 has none."""
    e = xp.exp(-2.0 * (xp.where(xp.real(x) < 0, -x, x) if is_complex(x.dtype) else xp.abs(x)))
    return 4.0 * e / xp.square(1.0 + e)


def power_slope(xp: Any, x: Raw, y: Raw) -> Raw:
    """d pow(x, y) / dx = y x**(y - 1), without the rounding of y - 1 where x**y / x is in range."""
    x, y = xp.asarray(x), xp.asarray(y)
    value = xp.pow(x, y)
    info = xp.finfo(value.dtype)
    safe = (x != 0) & (xp.abs(value) > info.smallest_normal / info.eps) & (xp.abs(value) < info.max)
    direct = y * xp.pow(x, xp.where(y == 0, 0.0, y - 1.0))
    return xp.where(safe, y * (value / x), direct)


def xlogy(xp: Any, x: Raw, y: Raw) -> Raw:
    zero = x == 0
    return xp.where(zero & ~xp.isnan(y), 0.0, x * xp.log(xp.where(zero & (y <= 0), 1.0, y)))


def guard(xp: Any, ct: Raw, at: Raw, value: Raw) -> Raw:
    """``value``, but 1 where ``ct`` and ``at`` are both 0: there a slope is infinite, and nothing flows through it."""
    return xp.where((ct == 0) & ~xp.astype(at, xp.bool), 1.0, value)


def beside(xp: Any, x: Raw, *, values: Any) -> Raw:
    """NumPy's values as an array of the dtype and on the device of x."""
    return xp.asarray(values, **like(x))


# ---- NumPy's own


def _xlogy(x: Raw, y: Raw) -> Raw:
    dtype = np.result_type(x, y)  # scipy.special takes a Python number for a float64
    return special.xlogy(np.asarray(x, dtype), np.asarray(y, dtype))


def _astype(x: Raw, *, dtype: Any) -> Raw:
    return narrow(np.asarray(x).astype(dtype))


def _guard(ct: Raw, at: Raw, value: Raw) -> Raw:
    if np.count_nonzero(at) == np.size(at):  # most often, and cheaper than writing a copy
        return value
    return np.where((np.asarray(ct) == 0) & (np.asarray(at) == 0), np.ones((), ct.dtype), value)


KERNELS: Table = standard("""abs acos acosh add asin asinh astype atan atan2 atanh clip copysign cos cosh divide exp
    expm1 hypot isfinite log log10 log1p log2 logaddexp maximum minimum multiply negative pow reciprocal sign sin sinh
    sqrt square subtract tan tanh where zeros_like""") | {
    "beside": beside, "guard": guard, "power_slope": power_slope, "rsqrt": rsqrt, "sech2": sech2, "xlogy": xlogy,
}  # fmt: skip
NUMPY: Bound = {"astype": _astype, "erf": special.erf, "erfc": special.erfc, "guard": _guard, "xlogy": _xlogy}
