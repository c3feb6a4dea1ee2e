"""The complex step: Im f(x + ih)/h with h = 1e-100, exact to rounding where f is holomorphic (Martins, Sturdza and
Alonso 2003). It abstains as soon as anything compares, since then f is not holomorphic."""

from __future__ import annotations

import cmath

import numpy as np
import scipy.special

from gradproof.oracles.certificate import Certificate
from gradproof.oracles.dual import Dual, compare, leaves, projected
from gradproof.oracles.finding import Vote
from gradproof.oracles.finite import directions
from gradproof.oracles.graph import Array, Case

LINEAGE = "complex step"
STEP = 1e-100
FLOOR = 1e-300 / STEP  # below this the step itself underflows


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


def derivative(case: Case, direction: Array) -> float:
    """The derivative of <cotangents, f> along a direction of the primal entries, by one complex evaluation.

    Raises: ArithmeticError, ValueError or AttributeError where a function has no holomorphic form.
    """
    graph = case.graph
    log: list[int] = []
    none = np.zeros((direction.size, 0))
    moved = leaves(graph, ComplexField, none, log)
    steps = iter(direction.tolist())
    for p in graph.primals:
        flat = moved[p].reshape(-1)
        for i, number in enumerate(flat):
            flat[i] = Dual(number.field, number.value + 1j * STEP * next(steps), number.tangent, log)
    total = projected(case, ComplexField, none, log, moved)
    if log:
        raise ValueError("a comparison: not holomorphic")
    return complex(total.value).imag / STEP


def vote(case: Case, g: Array, certificate: Certificate) -> Vote:
    """Does the complex step agree with the engine's gradient?"""
    name = "complex step"
    along = directions(case)
    try:
        with np.errstate(all="ignore"):
            mine = np.array([derivative(case, d) for d in along])
    except (ArithmeticError, ValueError, AttributeError, TypeError) as error:
        return Vote(name, LINEAGE, "abstains", f"not holomorphic here ({error})")
    entries = 64 * (np.array(certificate.bound) + certificate.unit.u * np.array(certificate.total)) + FLOOR
    allowed = np.array([float(np.abs(d) @ entries) for d in along])
    with np.errstate(all="ignore"):
        got = np.array([float(g @ d) for d in along])
    return compare(name, LINEAGE, got, mine, allowed)
