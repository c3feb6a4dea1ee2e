"""What an answer outside the bound is called: wrong, lossy, or one of the troubles that are no fault of a rule.

Each excuse holds for the entries that its trouble can reach (``reach``) and for no others.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from gradproof.oracles.ball import arb
from gradproof.oracles.certificate import Certificate
from gradproof.oracles.finding import Finding, Worst
from gradproof.oracles.graph import Array
from gradproof.oracles.reach import below, edges, elsewhere, mixed, out_of_range, steep, undefined, untaken
from gradproof.oracles.trial import Trial, capabilities
from gradproof.oracles.verdict import Kind

OVER = "a value or adjoint leaves the range of the dtype"
EDGE = "rounding may carry an argument to a singularity"
DECLARED = "NaN at a singular point, as the engine declares"


@dataclass(frozen=True, eq=False)
class Answer:
    """A flat gradient beside what is accepted: ``name`` of the property, values, bounds, and errors in bounds.

    ``expected`` is the middle of what is accepted, or the infinity that alone is.
    """

    name: str
    g: Array
    accepted: Sequence[arb]
    expected: Array
    bound: Sequence[float]
    units: Array
    trial: Trial
    k: float


def primals(certificate: Certificate) -> Iterable[tuple[int, Array]]:
    """Value id and data of each primal."""
    return zip(certificate.case.graph.primals, certificate.case.graph.primal_values, strict=True)


def located(arrays: Iterable[tuple[int, Array]], flat: int) -> tuple[int, tuple[int, ...]]:
    """The value id and the index in it, of a flat position in arrays that are laid end to end."""
    for value, data in arrays:
        if flat < data.size:
            return value, tuple(int(i) for i in np.unravel_index(flat, data.shape))
        flat -= data.size
    raise IndexError(flat)


def crash(error: BaseException, certificate: Certificate, k: float) -> Finding:
    """An engine may refuse numbers that left the range of the dtype, and a matrix that rounds to a singular one or holds what
    rounding carried out of a domain.

    That is an error of arithmetic or of linear algebra; any other is a crash.
    """
    what = f"{type(error).__name__}: {error}"
    singular = "LinAlg" in type(error).__name__
    refuses = isinstance(error, ArithmeticError) or singular
    refuses = refuses or bool(re.search(r"\b(infs?|nans?|infinit\w*|finite|overflow\w*)\b", str(error), re.IGNORECASE))
    if refuses and isinstance(error, Exception) and certificate.largest() > certificate.unit.largest:
        return Finding("gradient", Kind.RANGE, f"values leave the range of the dtype; the engine raised {what}")
    if singular and certificate.forward.edges:  # NumPy's SVD of NaN does not converge
        return Finding("gradient", Kind.ILL_CONDITIONED, f"{EDGE}; the engine raised {what}")
    digits = zip(certificate.bound, certificate.total, strict=True)
    if singular and all(not bound * k < total for bound, total in digits if total != 0):
        return Finding("gradient", Kind.ILL_CONDITIONED, f"rounding alone may change every digit; the engine raised {what}")
    return Finding("gradient", Kind.CRASHED, f"the engine raised {what}")


def outside(answer: Answer, failing: Array, certificate: Certificate) -> Finding:
    """Name what the ``failing`` entries are: range, untaken NaN, declared NaN, lossy, or wrong."""
    g, accepted, units, k = answer.g, answer.accepted, answer.units, answer.k
    rank = np.where(np.isnan(units[failing]), np.inf, units[failing])
    i = int(failing[int(np.argmax(rank))])
    where, index = located(primals(certificate), i)
    worst = Worst(where, index, float(g[i]), float(answer.expected[i]), float(accepted[i].rad()), answer.bound[i])
    excuse, excused = _excuse(answer, worst, failing, certificate)
    if excuse is not None:
        rest = np.array([j for j in failing.tolist() if j not in excused], dtype=int)
        if not len(rest):
            return excuse
        return max(outside(answer, rest, certificate), excuse, key=lambda f: f.kind.severity)
    _, lossy = certificate.enclosure(certificate.lossy())
    if all(
        math.isfinite(g[j]) and lossy[j] < math.inf and abs(arb(float(g[j])) - accepted[j]).abs_lower() <= arb(k) * arb(lossy[j])
        for j in failing.tolist()
    ):
        lost = math.log2(max(worst.units, 1.0))
        return Finding(answer.name, Kind.LOSSY, f"about {lost:.0f} bits are lost in a saturated tail", worst=worst)
    count = f"{len(failing)} of {len(g)} entries" if len(failing) > 1 else "one entry"
    prefix = "not linear in the cotangent: " if answer.name == "linear" else ""
    reason = f"{prefix}{count} outside {k:g} times the bound"
    return Finding(answer.name, Kind.WRONG, reason, float(units[i]), worst, len(g))


def _excuse(
    answer: Answer, worst: Worst, failing: Array, certificate: Certificate
) -> tuple[Finding | None, set[int]]:
    """A finding that is no fault of a rule, and the failing entries that it explains."""

    def passes(j: int) -> bool:
        """Whether anything is passed on to an entry: zero times what overflowed is NaN or zero, and no other number."""
        return not answer.accepted[j].is_zero() or answer.bound[j] > 0

    def nan(j: int) -> bool:
        return math.isnan(answer.g[j])

    excuses: tuple[tuple[Kind, Callable[[], set[int]], str, Callable[[int], bool]], ...] = (
        (Kind.RANGE, lambda: out_of_range(certificate), OVER, lambda j: passes(j) or not math.isfinite(answer.g[j])),
        (Kind.RANGE, lambda: elsewhere(certificate), OVER, lambda j: True),
        (Kind.RANGE, lambda: mixed(certificate), OVER, nan),
        (Kind.SUBGRADIENT, lambda: declared(certificate, answer.trial), DECLARED, nan),
        (Kind.ILL_CONDITIONED, lambda: edges(certificate), EDGE, nan),
        (
            Kind.NAN_UNTAKEN,
            lambda: untaken(certificate),
            "NaN comes from a branch whose cotangent is exactly zero (zero times infinity)",
            nan,
        ),
    )
    for kind, rows, reason, may in excuses:
        candidates = [j for j in failing.tolist() if may(j)]
        found = rows() if candidates else set()
        excused = {j for j in candidates if certificate.slots[j] in found}
        if excused:
            return Finding(answer.name, kind, reason, worst=worst), excused
    return None, set()


def declared(certificate: Certificate, trial: Trial) -> set[int]:
    """Rows below a singular point of an op that the engine declares NaN there."""
    allowed = capabilities(trial.engine).nan_at
    recording = certificate.recording
    points = [*certificate.forward.origins, *steep(certificate)] if allowed else []
    return below(certificate, {r for r in points if recording.owner(r)[1] in allowed})


def troubled(certificate: Certificate) -> set[int]:
    """Rows that the troubles of a value without a verdict reach: range, edges, singular points and jumps."""
    return out_of_range(certificate) | edges(certificate) | undefined(certificate)


def zero(trial: Trial, certificate: Certificate) -> Finding:
    """A zero cotangent pulls back to zeros, whatever the slopes; the slopes themselves are judged with the gradient."""
    g = [x for a in trial.zero[:-1] for x in a.ravel().tolist()]
    if not any(g):  # a NaN is none
        return Finding("zero", Kind.AGREE)
    bad = [i for i, x in enumerate(g) if x != 0]
    findings: list[Finding] = []
    explanations: tuple[tuple[Kind, Callable[[], set[int]], str], ...] = (
        (Kind.RANGE, lambda: out_of_range(certificate, adjoint=False), "a value leaves the range of the dtype"),
        (Kind.SUBGRADIENT, lambda: declared(certificate, trial), DECLARED),
        (Kind.ILL_CONDITIONED, lambda: edges(certificate) | undefined(certificate), EDGE),
        (Kind.NAN_UNTAKEN, lambda: untaken(certificate, zero=True), "a zero cotangent times an infinite slope gives NaN"),
        (Kind.NAN_UNTAKEN, lambda: set(certificate.slots), "a zero cotangent gives NaN where no slope is infinite"),
        (Kind.CONTRACT, lambda: set(certificate.slots), "a zero cotangent gives {}, expected 0"),
    )
    for kind, rows, reason in explanations:
        may = [i for i in bad if math.isnan(g[i]) or kind is Kind.CONTRACT]
        found = rows() if may else set()
        named = [i for i in may if certificate.slots[i] in found]
        if named:
            where, index = located(primals(certificate), named[0])
            worst = Worst(where, index, float(g[named[0]]), 0.0, 0.0, 0.0)
            findings.append(Finding("zero", kind, reason.format(repr(float(g[named[0]]))), worst=worst))
            bad = [i for i in bad if i not in set(named)]
    return max(reversed(findings), key=lambda f: f.kind.severity)  # of two alike, the one with the lesser excuse
