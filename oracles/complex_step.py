"""The complex step: Im f(x + ih)/h with h = 1e-100, exact to rounding where f is holomorphic (Martins, Sturdza and
Alonso 2003). It abstains as soon as anything compares, since then f is not holomorphic."""

from __future__ import annotations

import cmath

import numpy as np
import scipy.special

from gradproof.oracles.certificate import Certificate
from gradproof.oracles.dual import Dual, compare, leaves, projected
from gradproof.oracles.graph import Array, Case
from gradproof.oracles.judge import Vote

LINEAGE = "complex step"
STEP = 1e-100


class ComplexField:
    """Elementary functions on Python complex numbers; what has no complex form is missing on purpose."""

    exp, log, sqrt, sin, cos, tan = map(staticmethod, (cmath.exp, cmath.log, cmath.sqrt, cmath.sin, cmath.cos, cmath.tan))
    sinh, cosh, tanh = map(staticmethod, (cmath.sinh, cmath.cosh, cmath.tanh))
    asin, acos, atan = map(staticmethod, (cmath.asin, cmath.acos, cmath.atan))
    asinh, acosh, atanh = map(staticmethod, (cmath.asinh, cmath.acosh, cmath.atanh))
    expm1 = staticmethod(lambda z: complex(scipy.special.expm1(z)))
    log1p = staticmethod(lambda z: complex(scipy.special.log1p(z)))
    erf = staticmethod(lambda z: complex(scipy.special.erf(z)))
    erfc = staticmethod(lambda z: complex(scipy.special.erfc(z)))
    rsqrt = staticmethod(lambda z: 1 / cmath.sqrt(z))
    power = staticmethod(pow)

    @staticmethod
    def number(x: complex) -> complex:
        return complex(x)

    @staticmethod
    def real(z: complex) -> float:
        return z.real

    @staticmethod
    def pi() -> float:
        return cmath.pi


def gradient(case: Case) -> Array:
    """The gradient by one complex evaluation a primal entry, flat.

    Raises: ArithmeticError, ValueError or AttributeError where a function has no holomorphic form.
    """
    graph = case.graph
    n = sum(v.size for v in graph.primal_values)
    out = np.zeros(n)
    for i in range(n):
        log: list[int] = []
        moved = leaves(graph, ComplexField, np.zeros((n, 0)), log)
        _shift(graph.primals, moved, i)
        total = projected(case, ComplexField, np.zeros((n, 0)), log, moved)
        if log:
            raise ValueError("a comparison: not holomorphic")
        out[i] = complex(total.value).imag / STEP
    return out


def _shift(primals: tuple[int, ...], moved: list[Array], i: int) -> None:
    for p in primals:
        if i < moved[p].size:
            number = moved[p].reshape(-1)[i]
            moved[p].reshape(-1)[i] = Dual(number.field, number.value + 1j * STEP, number.tangent, number.log)
            return
        i -= moved[p].size


def vote(case: Case, g: Array, certificate: Certificate) -> Vote:
    """Does the complex step agree with the engine's gradient?"""
    name = "complex step"
    try:
        with np.errstate(all="ignore"):
            mine = gradient(case)
    except (ArithmeticError, ValueError, AttributeError, TypeError) as error:
        return Vote(name, LINEAGE, "abstains", f"not holomorphic here ({error})")
    allowed = 64 * (np.array(certificate.bound) + certificate.unit.u * np.array(certificate.total))
    allowed += 1e-300 / STEP  # below this the step itself underflows
    return compare(name, LINEAGE, g, mine, allowed)
