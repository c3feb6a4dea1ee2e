"""The judge: an engine's answers against the certificate, and a verdict that says who is wrong and why.

``judge(case, engine)`` is the one call; ``Verdict.report()`` is its text. The tolerance is K times the derived bound of
this very graph and input; there is no atol and no rtol (docs/judge.md 2).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import numpy as np

from gradproof.oracles import contract, kinks
from gradproof.oracles.ball import arb
from gradproof.oracles.certificate import Certificate, certify
from gradproof.oracles.engine import Engine
from gradproof.oracles.finding import Finding, Verdict, Worst
from gradproof.oracles.graph import Array, Case
from gradproof.oracles.reach import edges, out_of_range, reached, untaken
from gradproof.oracles.trial import Trial, capabilities, run
from gradproof.oracles.verdict import Kind

K = 16.0  # native was seen at 3.1 at most; any value from 4 to 1000 kills the same planted faults


def judge(case: Case, engine: Engine, k: float = K) -> Verdict:
    """Judge one engine on one case.

    Returns a Verdict; never raises for what the engine does. Blame, witnesses and reduction are separate calls.
    """
    trial = run(engine, case)
    return weigh(trial, None if trial.unsupported else certify(case), k)


def weigh(trial: Trial, certificate: Certificate | None, k: float = K) -> Verdict:
    """The verdict on what an engine answered, by the certificate of the case."""
    engine, case = trial.engine, trial.case
    if certificate is None:
        return Verdict(
            Kind.UNSUPPORTED, engine.name, case, (Finding("gradient", Kind.UNSUPPORTED, trial.unsupported),)
        )
    findings = tuple(_findings(trial, certificate, k))
    kind = max((f.kind for f in findings), key=lambda kind: kind.severity)
    return Verdict(kind, engine.name, case, findings, bits=certificate.bits)


def _findings(trial: Trial, certificate: Certificate, k: float) -> list[Finding]:
    if trial.crash is not None:
        what = f"{type(trial.crash).__name__}: {trial.crash}"
        if certificate.largest() > certificate.unit.largest:
            return [Finding("gradient", Kind.RANGE, f"values leave the range of the dtype; the engine raised {what}")]
        return [Finding("gradient", Kind.CRASHED, f"the engine raised {what}")]
    broken = contract.output_shape_and_dtype(trial)
    if broken:
        return [Finding("shape_and_dtype", Kind.CONTRACT, broken)]
    findings = [_value(trial, certificate, k)]
    broken = contract.shape_and_dtype(trial)
    findings.append(_contract("shape_and_dtype", broken))
    if broken or findings[0].kind not in (Kind.AGREE, Kind.LOSSY):
        return findings
    findings.append(_gradient("gradient", trial.first, 1.0, trial, certificate, k))
    if findings[-1].kind.severity <= Kind.SUBGRADIENT.severity:
        findings.append(_gradient("linear", trial.scaled, -2.0, trial, certificate, k))
    findings.append(_zero(trial, certificate))
    findings.append(_contract("repeatable", contract.repeatable(trial)))
    findings.append(_contract("preserved", contract.preserved(trial)))
    findings.append(_contract("untouched", contract.untouched(trial)))
    findings.append(_contract("unused_is_zero", contract.unused_is_zero(trial)))
    return findings


def _contract(name: str, broken: str) -> Finding:
    return Finding(name, Kind.CONTRACT if broken else Kind.AGREE, broken)


def _value(trial: Trial, certificate: Certificate, k: float) -> Finding:
    """Forward values inside the forward bound: else the meanings differ, or the value is lossy."""
    if certificate.forward.jumps:
        return Finding("value", Kind.ILL_CONDITIONED, "a jump (sign, copysign) is within rounding of its argument")
    got = np.concatenate([np.ravel(y) for y in trial.outputs]) if trial.outputs else np.zeros(0)
    for i, (y, v, error) in enumerate(zip(got.tolist(), certificate.value, certificate.value_error, strict=True)):
        expected = float(v)
        if not v.is_finite():
            reason = f"output entry {i} has no finite value: a singular point, or outside the domain"
            return Finding("value", Kind.ILL_CONDITIONED, reason)
        if abs(y - expected) <= k * error or y == expected or math.isnan(error) or error == math.inf:
            continue
        if math.isfinite(y) and abs(arb(y) - v) <= arb(k * error) + arb(v.rad()):
            continue
        if not math.isfinite(y) and certificate.largest() > certificate.unit.largest / 4:
            return Finding("value", Kind.RANGE, f"output entry {i} is {y!r}: a value leaves the range of the dtype")
        said = f"output entry {i} is {y!r}, expected {expected!r} within {k * error:.3g}"
        lossy = certificate.lossy().dv[certificate.outputs[i]]
        where, index = _located(zip(certificate.case.graph.outputs, certificate.case.cotangents, strict=True), i)
        worst = Worst(where, index, y, expected, float(v.rad()), error)
        if math.isfinite(y) and abs(arb(y) - v) <= arb(k) * arb(lossy):
            return Finding("value", Kind.LOSSY, f"{said}: digits are lost in a saturated tail", worst=worst)
        return Finding("value", Kind.SPEC, f"{said}: the engine computes another function here", worst=worst)
    return Finding("value", Kind.AGREE)


def _primals(certificate: Certificate) -> Iterable[tuple[int, Array]]:
    """Value id and data of each primal."""
    return zip(certificate.case.graph.primals, certificate.case.graph.primal_values, strict=True)


def _located(arrays: Iterable[tuple[int, Array]], flat: int) -> tuple[int, tuple[int, ...]]:
    """The value id and the index in it, of a flat position in arrays that are laid end to end."""
    for value, data in arrays:
        if flat < data.size:
            return value, tuple(int(i) for i in np.unravel_index(flat, data.shape))
        flat -= data.size
    raise IndexError(flat)


def _gradient(
    name: str, gradients: Sequence[Array], scale: float, trial: Trial, certificate: Certificate, k: float
) -> Finding:
    """The gradient (of ``scale`` times the cotangent) against the accepted set, entry by entry."""
    certain = not certificate.kinked
    units_max = _plainly_inside(gradients, scale, certificate, k) if certain else None
    if units_max is not None:
        return Finding(name, Kind.AGREE, units=units_max)
    g = np.concatenate([np.ravel(a) for a in gradients]).astype(float) / scale if gradients else np.zeros(0)
    accepted, bound = (certificate.gradient, certificate.bound) if certain else certificate.enclosure()
    centre = np.array([float(a) for a in accepted])
    b = np.array(bound)
    with np.errstate(all="ignore"):
        error = np.abs(g - centre)
        inside = error <= k * b
        units = np.where(error == 0, 0.0, error / b)
    total = np.array(certificate.total)
    hopeless = (k * b > total) & (total > 0)  # the bound is of first order: past S it says nothing of this entry
    undecided = hopeless | ~np.isfinite(b) | ~np.array([a.is_finite() for a in accepted], dtype=bool)
    for i in np.flatnonzero(~inside & ~undecided).tolist():
        inside[i] = math.isfinite(g[i]) and bool(
            abs(arb(float(g[i])) - accepted[i]).abs_lower() <= arb(k) * arb(bound[i])
        )
    with np.errstate(all="ignore"):  # no verdict on its digits, but garbage is garbage: past all that is summed
        radius = np.array([float(a.rad()) for a in accepted])
        far = hopeless & np.isfinite(b) & np.isfinite(centre) & ~(error <= k * (k * b + total) + radius)
    failing = np.flatnonzero((~inside & ~undecided) | far)
    if len(failing):
        return _outside(name, g, failing, accepted, bound, units, certificate, trial, k)
    decided = ~undecided
    if len(g) and not (decided & (total > 0)).any() and (undecided.all() or (undecided & (total > 0)).any()):
        if certificate.largest() > certificate.unit.largest / 4:
            return Finding(name, Kind.RANGE, "a value or adjoint leaves the range of the dtype")
        return Finding(name, Kind.ILL_CONDITIONED, "rounding alone may change every digit of the gradient")
    largest = float(np.max(units[decided & np.isfinite(units)], initial=0.0)) if certain else 0.0
    if certain:
        return Finding(name, Kind.AGREE, units=largest)
    finite = np.where(np.isfinite(g), g, centre)
    tolerance = np.where(undecided, np.inf, k * b)
    if certificate.ties:
        whole = decided.all() and not certificate.singular
        if whole and not kinks.in_hull(certificate, finite, tolerance):
            return _kinked(name, g, centre, bound, certificate, "outside the convex hull of the slopes at the ties")
        if not kinks.keeps_mass(certificate, finite, tolerance):
            return _kinked(name, g, centre, bound, certificate, "wrong along a direction that keeps the ties")
    return Finding(name, Kind.SUBGRADIENT, f"on a kink ({_kink_names(certificate)}), inside the accepted set")


def _plainly_inside(
    gradients: Sequence[Array], scale: float, certificate: Certificate, k: float
) -> float | None:
    """The largest error in bounds if every entry is decided and inside; None where a closer look is needed.

    The common case, kept free of NumPy: on a handful of entries its calls cost more than the comparison.
    """
    largest = 0.0
    entries = (x for a in gradients for x in a.ravel().tolist())
    for x, ball, bound, total in zip(entries, certificate.gradient, certificate.bound, certificate.total, strict=True):
        error = abs(x / scale - float(ball))
        if not error <= k * bound < math.inf or 0 < total < k * bound:
            return None
        if error > largest * bound:
            largest = error / bound
    return largest


def _kink_names(certificate: Certificate) -> str:
    rows = [*certificate.ties, *certificate.singular]
    return ", ".join(sorted({certificate.recording.owner(r)[1] for r in rows}))


def _kinked(
    name: str, g: Array, centre: Array, bound: Sequence[float], certificate: Certificate, why: str
) -> Finding:
    i = int(np.argmax(np.abs(g - centre)))
    where, index = _located(_primals(certificate), i)
    worst = Worst(where, index, float(g[i]), float(centre[i]), 0.0, bound[i])
    return Finding(name, Kind.WRONG, f"at a kink ({_kink_names(certificate)}) the gradient is {why}", worst=worst)


def _outside(
    name: str,
    g: Array,
    failing: Array,
    accepted: Sequence[arb],
    bound: Sequence[float],
    units: Array,
    certificate: Certificate,
    trial: Trial,
    k: float,
) -> Finding:
    """Name what an entry outside the bound is: range, untaken NaN, declared NaN, lossy, or wrong."""
    rank = np.where(np.isnan(units[failing]), np.inf, units[failing])
    i = int(failing[int(np.argmax(rank))])
    where, index = _located(_primals(certificate), i)
    worst = Worst(where, index, float(g[i]), float(accepted[i]), float(accepted[i].rad()), bound[i])
    excuse, excused = _excuse(name, worst, g, failing, certificate, trial)
    if excuse is not None:
        rest = np.array([j for j in failing.tolist() if j not in excused], dtype=int)
        if not len(rest):
            return excuse
        other = _outside(name, g, rest, accepted, bound, units, certificate, trial, k)
        return max(other, excuse, key=lambda f: f.kind.severity)
    _, lossy = certificate.enclosure(certificate.lossy())
    if all(
        math.isfinite(g[j]) and abs(arb(float(g[j])) - accepted[j]).abs_lower() <= arb(k) * arb(lossy[j])
        for j in failing.tolist()
    ):
        lost = math.log2(max(worst.units, 1.0))
        return Finding(name, Kind.LOSSY, f"about {lost:.0f} bits are lost in a saturated tail", worst=worst)
    count = f"{len(failing)} of {len(g)} entries" if len(failing) > 1 else "one entry"
    prefix = "not linear in the cotangent: " if name == "linear" else ""
    return Finding(name, Kind.WRONG, f"{prefix}{count} outside {k:g} times the bound", float(units[i]), worst)


def _excuse(
    name: str, worst: Worst, g: Array, failing: Array, certificate: Certificate, trial: Trial
) -> tuple[Finding | None, set[int]]:
    """A finding that is no fault of a rule, and the failing entries that it explains."""
    slots = certificate.slots
    for kind, rows, reason, may in (
        (Kind.RANGE, out_of_range, "a value or adjoint leaves the range of the dtype", lambda x: True),
        (Kind.SUBGRADIENT, lambda c: _declared(c, trial), "NaN at a singular point, as the engine declares", math.isnan),
        (Kind.ILL_CONDITIONED, edges, "rounding may carry an argument to a singularity", math.isnan),
        (Kind.NAN_UNTAKEN, untaken, "NaN comes from a branch whose cotangent is exactly zero (zero times infinity)", math.isnan),
    ):
        candidates = [j for j in failing.tolist() if may(float(g[j]))]
        found = rows(certificate) if candidates else set()
        excused = {j for j in candidates if slots[j] in found}
        if excused:
            return Finding(name, kind, reason, worst=worst), excused
    return None, set()


def _declared(certificate: Certificate, trial: Trial) -> set[int]:
    """Rows below a singular point of an op that the engine declares NaN there."""
    allowed = capabilities(trial.engine).nan_at
    recording = certificate.recording
    return reached(recording.tape, [r for r in certificate.singular if recording.owner(r)[1] in allowed])


def _zero(trial: Trial, certificate: Certificate) -> Finding:
    """A zero cotangent pulls back to zeros, whatever the slopes; the slopes themselves are judged with the gradient."""
    g = np.concatenate([np.ravel(a) for a in trial.zero]) if trial.zero else np.zeros(0)
    bad = np.flatnonzero(~(g == 0))
    if not len(bad):
        return Finding("zero", Kind.AGREE)
    i = int(bad[0])
    where, index = _located(_primals(certificate), i)
    worst = Worst(where, index, float(g[i]), 0.0, 0.0, 0.0)
    if np.isnan(g[bad]).all():
        for kind, rows, reason in (
            (Kind.RANGE, out_of_range(certificate, adjoint=False), "a value leaves the range of the dtype"),
            (Kind.SUBGRADIENT, _declared(certificate, trial), "NaN at a singular point, as the engine declares"),
            (Kind.ILL_CONDITIONED, edges(certificate), "rounding may carry an argument to a singularity"),
        ):
            if all(certificate.slots[j] in rows for j in bad.tolist()):
                return Finding("zero", kind, reason, worst=worst)
        return Finding("zero", Kind.NAN_UNTAKEN, "a zero cotangent times an infinite slope gives NaN", worst=worst)
    return Finding("zero", Kind.CONTRACT, f"a zero cotangent gives {float(g[i])!r}, expected 0", worst=worst)
