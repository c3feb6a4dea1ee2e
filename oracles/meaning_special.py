"""The special functions and the whole-number steps of the namespaces that meanings are written over (``oracles.meaning``)."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from scipy import special

from gradproof.oracles.special import polygamma, sinc

STEPS: dict[str, Any] = {"floor": np.floor, "ceil": np.ceil, "trunc": np.trunc, "round": np.rint}
NAMES = """exp2 cbrt erfinv ndtri logit log_ndtr lgamma digamma polygamma1 polygamma2 polygamma3 i0 i1 sinc"""


def each(name: str, arity: int = 1) -> Any:
    """The scalar function ``name`` applied to every element, broadcasting."""
    function = np.frompyfunc(lambda x, *others: x.apply(name, *others), arity, 1)
    return staticmethod(function)


class NumpySpecial:
    """On floating-point arrays, with NumPy's and SciPy's functions."""

    exp2, cbrt, logaddexp2 = map(staticmethod, (np.exp2, np.cbrt, np.logaddexp2))
    erfinv, ndtri, logit, log_ndtr = map(staticmethod, (special.erfinv, special.ndtri, special.logit, special.log_ndtr))
    lgamma, digamma, i0, i1 = map(staticmethod, (special.gammaln, special.digamma, special.i0, special.i1))
    polygamma1, polygamma2, polygamma3 = (staticmethod(partial(polygamma, n)) for n in (1, 2, 3))
    xlog1py, sinc = staticmethod(special.xlog1py), staticmethod(partial(sinc, 0))

    @staticmethod
    def step(kind: str, x: Any) -> Any:
        """floor, ceil, trunc or round (to even)."""
        return STEPS[kind](x)

    @staticmethod
    def quotient(x: Any, y: Any) -> Any:
        """The greatest whole number that is not above x / y."""
        return np.floor_divide(x, y)


class BranchSpecial:
    """The same, with the outcome of every step logged."""

    _note: Any

    def step(self, kind: str, x: Any) -> Any:
        found = NumpySpecial.step(kind, x)
        self._note(found)
        return found

    def quotient(self, x: Any, y: Any) -> Any:
        found = NumpySpecial.quotient(x, y)
        self._note(found)
        return found


class ScalarSpecial:
    """On object arrays of scalars: every function leaves its trace."""

    exp2, cbrt, erfinv, ndtri, logit, log_ndtr, lgamma, digamma, polygamma1, polygamma2, polygamma3, i0, i1, sinc = map(
        each, NAMES.split()
    )
    logaddexp2, xlog1py = each("logaddexp2", 2), each("xlog1py", 2)
    step: Any = staticmethod(np.frompyfunc(lambda kind, x: x.step(kind), 2, 1))
    quotient = staticmethod(np.frompyfunc(lambda x, y: x.quotient(y), 2, 1))
