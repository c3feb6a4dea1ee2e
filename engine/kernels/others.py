"""Kernels of other array libraries for what the array API cannot say, by library and by the module they come from.

As in a family's table, a string is a function of that module and ``def name(module, x)`` is bound to it. ``LACKING`` are the
kernels that array-api-strict, which has the standard and no more, goes without; a test holds it to exactly those.
"""

from __future__ import annotations

import math
from importlib import import_module
from typing import Any

from gradproof.engine.kernels import special
from gradproof.engine.kernels.kernel import Raw, Table, standard


def _einsum(library: Any, *operands: Raw, terms: tuple[str, ...], result: str) -> Raw:
    return library.einsum(",".join(terms) + "->" + result, *operands)


def _torch_add_flat(xp: Any, size: int, where: Raw, value: Raw) -> Raw:
    return xp.zeros(size, dtype=value.dtype, device=value.device).index_put_((where,), value, accumulate=True)


def _cupy_add_flat(xp: Any, size: int, where: Raw, value: Raw) -> Raw:
    out = xp.zeros(size, dtype=value.dtype)
    xp.add.at(out, where, value)
    return out


ADD_FLAT = {"torch": _torch_add_flat, "cupy": _cupy_add_flat}
def _polygamma(library: Any, x: Raw, *, n: int) -> Raw:
    if n == 0:
        return library.digamma(x)
    return (-1.0) ** (n + 1) * math.factorial(n) * library.zeta(0.0 * x + (n + 1.0), x)


def _bessel_i(library: Any, x: Raw, *, order: int) -> Raw:
    return _bessel(x, order, library.i0, library.i1, 1.0)


def _bessel_ie(xp: str) -> Any:
    def kernel(library: Any, x: Raw, *, order: int) -> Raw:
        return _bessel(x, order, library.i0e, library.i1e, import_module(xp).exp(-abs(x)))

    return kernel


def _bessel(x: Raw, order: int, i0: Any, i1: Any, factor: Raw) -> Raw:
    """By its series near 0; beyond, by the recurrence from orders 0 and 1, which loses no digits there. Source: DLMF 10.25, 10.29."""
    if order < 2:
        return i1(x) if order else i0(x)
    small = abs(x) < NEAR + order
    half = 0.5 * x * small
    term = half**order / math.factorial(order)
    series = term
    for m in range(1, TERMS):
        term = term * (half * half / (m * (m + order)))
        series = series + term
    x = x * ~small + (NEAR + order) * small
    before, now = i0(x), i1(x)
    for n in range(1, order):
        before, now = now, before - 2 * n / x * now
    return factor * series * small + now * ~small


def _hazard(library: Any, x: Raw) -> Raw:
    return special.ROOT_2_OVER_PI / library.erfcx(x * -(1 / special.ROOT2))


def _excess(xp: str) -> Any:
    def kernel(library: Any, x: Raw) -> Raw:
        return special.excess(import_module(xp), x, _hazard(library, x))

    return kernel


NEAR, TERMS = 12.0, 60
OTHERS: dict[str, dict[str, Table]] = {
    "torch": {
        "torch": {"contract": _einsum},
        "torch.special": standard("erf erfc erfinv log_ndtr ndtri")
        | {"bessel_i": _bessel_i, "bessel_ie": _bessel_ie("torch"), "excess": _excess("torch"), "hazard": _hazard, "lgamma": "gammaln", "polygamma": _polygamma},
    },
    "cupy": {
        "cupy": {"contract": _einsum},
        "cupyx.scipy.special": standard("erf erfc erfinv log_ndtr ndtri")
        | {"bessel_i": _bessel_i, "bessel_ie": _bessel_ie("cupy"), "excess": _excess("cupy"), "hazard": _hazard, "lgamma": "gammaln", "polygamma": _polygamma},
    },
}
LACKING = frozenset({"bessel_i", "bessel_ie", "erf", "erfc", "erfinv", "excess", "hazard", "lgamma", "log_ndtr", "ndtri", "polygamma"})
