"""A user's NumPy formula on the judge's scalars: what NumPy's functions mean there, and the certificate it gives.

Comparisons that leave no recorded selection are logged; one within rounding of equality makes the verdict doubtful.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import scipy.special

from gradproof.oracles.ball import PRECISION, Scalar, Tape, lifted, precision, scalars
from gradproof.oracles.bound import TIE_FACTOR, Rounding
from gradproof.oracles.callables.recorded import (
    FUNCTIONS,
    UFUNCS,
    FormulaError,
    Log,
    Mask,
    Pair,
    numbers,
    objects,
    plain,
)
from gradproof.oracles.catalogue import op
from gradproof.oracles.certificate import Certificate, Recording, certify_recording
from gradproof.oracles.graph import Array, Case
from gradproof.oracles.meaning import SCALARS
from gradproof.oracles.tangents import tangents

# ---- comparisons, selections


def _where(condition: Any, x: Any, y: Any) -> Any:
    if not isinstance(condition, Mask) or condition.sides is None or condition.sides[2] in ("equal", "not_equal"):
        return np.where(plain(condition), objects(x), objects(y))
    left, right, name = condition.sides
    a, b = objects(x), objects(y)
    # a selection takes its second branch at a tie
    if name == "greater":
        return SCALARS.select(left, right, a, b)
    if name == "less":
        return SCALARS.select(right, left, a, b)
    if name == "greater_equal":
        return SCALARS.select(right, left, b, a)
    return SCALARS.select(left, right, b, a)


# ---- reductions and sorting


def _mean(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    total = SCALARS.sum(objects(x), axis, keepdims)
    return total / (np.size(x) / max(np.size(total), 1))


def _var(x: Any, axis: Any = None, ddof: float = 0, keepdims: bool = False, correction: float | None = None) -> Any:
    data = objects(x)
    centred = data - _mean(data, axis, True)
    total = SCALARS.sum(SCALARS.square(centred), axis, keepdims)
    return total / (np.size(x) / max(np.size(total), 1) - (ddof if correction is None else correction))


def _norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Any:
    data: Any = objects(x)
    if ord is not None and axis is None and data.ndim != 1:
        raise FormulaError("np.linalg.norm of a matrix with ord= cannot be followed; give axis=, or write it out.")
    axis = tuple(range(data.ndim)) if axis is None else axis
    if ord in (None, 2):
        return SCALARS.fold_hypot(data, axis, keepdims)
    if ord == 1:
        return SCALARS.sum(SCALARS.absolute(data), axis, keepdims)
    if ord == np.inf:
        return SCALARS.max(SCALARS.absolute(data), axis, keepdims)
    raise FormulaError(f"np.linalg.norm with ord={ord} cannot be followed; write it out.")


def _order(x: Any, axis: int | None = -1, **_: Any) -> Any:
    """The order of a sort, by the values; neighbours are logged, for near ones could change places."""
    data = objects(x)
    if axis is None:
        data, axis = data.ravel(), -1
    order = np.argsort(data.astype(float), axis=axis, kind="stable")
    found = np.moveaxis(np.take_along_axis(data, order, axis), axis, -1)
    Log.pairs += [(a, b, "sort") for a, b in zip(found[..., 1:].flat, found[..., :-1].flat, strict=True)]
    return order


def _sort(x: Any, axis: int | None = -1, **_: Any) -> Any:
    data = objects(x).ravel() if axis is None else objects(x)
    return np.take_along_axis(data, _order(data, axis), -1 if axis is None else axis)


def _clip(x: Any, min: Any = None, max: Any = None, **named: Any) -> Any:
    low, high = named.get("a_min", min), named.get("a_max", max)
    out = objects(x)
    out = out if low is None else SCALARS.maximum(out, objects(low))
    return out if high is None else SCALARS.minimum(out, objects(high))


def _by_row(name: str) -> Callable[..., Any]:
    """A catalogue row's meaning."""

    def call(*operands: Any) -> Any:
        return op(name).meaning(SCALARS, *(objects(x) for x in operands))

    return call


def _solve(a: Any, b: Any) -> Any:
    return _by_row("linalg.solve")(a, b)


# fmt: off
UFUNCS.update({
    **{getattr(np, n): getattr(SCALARS, n) for n in (
        "exp", "expm1", "log", "log1p", "log2", "log10", "sqrt", "square", "reciprocal", "sin", "cos", "tan", "sinh",
        "cosh", "tanh", "hypot", "logaddexp", "maximum", "minimum", "negative", "sign", "copysign", "absolute")},
    np.arcsin: SCALARS.asin, np.arccos: SCALARS.acos, np.arctan: SCALARS.atan, np.arctan2: SCALARS.atan2,
    np.arcsinh: SCALARS.asinh, np.arccosh: SCALARS.acosh, np.arctanh: SCALARS.atanh, np.fabs: SCALARS.absolute,
    np.fmax: SCALARS.maximum, np.fmin: SCALARS.minimum,
    np.power: lambda x, y: _power(x, y), np.float_power: lambda x, y: _power(x, y),
    np.exp2: lambda x: SCALARS.exp(x * SCALARS.log(objects(2.0))),
    np.conjugate: lambda x: x, np.positive: lambda x: x, np.clip: _clip,
    np.deg2rad: lambda x: x * objects(np.pi / 180), np.rad2deg: lambda x: x * objects(180 / np.pi),
    scipy.special.expit: SCALARS.sigmoid, scipy.special.erf: SCALARS.erf, scipy.special.erfc: SCALARS.erfc,
    scipy.special.ndtr: SCALARS.ndtr, scipy.special.xlogy: SCALARS.xlogy,
})
FUNCTIONS.update({
    np.where: _where, np.mean: _mean, np.var: _var, np.clip: _clip, np.sort: _sort, np.argsort: _order,
    np.std: lambda *a, **k: SCALARS.sqrt(np.asarray(objects(_var(*a, **k)))),
    np.max: lambda x, axis=None, keepdims=False: SCALARS.max(objects(x), axis, keepdims),
    np.min: lambda x, axis=None, keepdims=False: SCALARS.min(objects(x), axis, keepdims),
    np.linalg.norm: _norm, np.linalg.solve: _solve, np.linalg.inv: _by_row("linalg.inv"),
    np.linalg.det: _by_row("linalg.det"), np.linalg.cholesky: _by_row("linalg.cholesky"),
    np.zeros_like: lambda x, *a, **k: np.zeros(np.shape(x)), np.ones_like: lambda x, *a, **k: np.ones(np.shape(x)),
})
# fmt: on


def _power(x: Array, y: Array) -> Any:
    """x ** y; a fixed small whole power is a product, whose sign and slope at 0 are plain."""

    def one(a: Scalar, b: Scalar) -> Scalar:
        fixed = Log.recording.tape.rows[b.index].__class__.__name__ == "Basic" and float(b.value) in (1.0, 2.0, 0.5)
        if not fixed:
            return a.apply("pow", b)
        return {1.0: lambda: a, 2.0: lambda: a.apply("square"), 0.5: lambda: a.apply("sqrt")}[float(b.value)]()

    return np.frompyfunc(one, 2, 1)(x, y)


# ---- the certificate


def certify_formula(
    case: Case, formula: Callable[..., Any], along: Sequence[Sequence[Array]] = ()
) -> tuple[Certificate, list[str]]:
    """The certificate of a case whose meaning is ``formula``, and the comparisons that rounding could turn over.

    ``formula`` takes one array for each leaf of the case and returns a list of arrays, one for each output. With directions
    ``along`` (each one array a primal) the certificate is that of <ct, D^n formula(x)[v, w, …]>, so of order n + 1.

    Raises: FormulaError if it uses what cannot be followed, or its outputs have other shapes than the case's.
    """
    with precision(PRECISION):
        tape = Tape()
        Log.recording, Log.pairs = Recording(tape, [], spelled=True), []
        leaves = [x.data if x.constant else scalars(tape, x.data) for x in case.graph.leaves]
        primals = [x for x, leaf in zip(leaves, case.graph.leaves, strict=True) if not leaf.constant]
        outputs = [lifted(tape, plain(objects(y))) for y in formula(*map(numbers, leaves))]
    shapes, expected = [y.shape for y in outputs], [c.shape for c in case.cotangents]
    if shapes != expected:
        raise FormulaError(f"meaning gives outputs of shapes {shapes}, but f gives {expected}; expected the same.")
    recording = Log.recording
    with precision(PRECISION):
        for one in along:
            outputs = tangents(recording, primals, outputs, one, Rounding.of(case.graph.dtype))
    certificate = certify_recording(case, recording, primals, outputs, higher=bool(along))
    return certificate, _doubtful(certificate, Log.pairs)


def _doubtful(certificate: Certificate, pairs: Sequence[Pair]) -> list[str]:
    found = []
    dv, exact = certificate.forward.dv, certificate.forward.exact
    for a, b, name in pairs:
        if a.tape is not certificate.recording.tape or a.index >= len(dv) or b.index >= len(dv):
            continue
        reach = TIE_FACTOR * sum(0.0 if exact[s.index] else dv[s.index] for s in (a, b))
        if abs(float(a.value - b.value)) <= reach:
            found.append(name)
    return found
