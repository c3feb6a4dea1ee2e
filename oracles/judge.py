"""The judge: an engine's answers against the certificate, and a verdict that says who is wrong and why.

``judge(case, engine)`` is the one call; ``Verdict.report()`` is its text. The tolerance is K times the derived bound of
this very graph and input; there is no atol and no rtol (docs/judge.md 2).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from gradproof.oracles import contract, conventions, excuse, kinks
from gradproof.oracles.ball import arb
from gradproof.oracles.certificate import Certificate, certify
from gradproof.oracles.engine import Engine
from gradproof.oracles.finding import Finding, Verdict, Worst
from gradproof.oracles.graph import Array, Case
from gradproof.oracles.linearised import is_large
from gradproof.oracles.poles import infinities
from gradproof.oracles.reach import overflown
from gradproof.oracles.trial import Trial, capabilities, run
from gradproof.oracles.verdict import Kind

CONDUCT = {
    "repeatable": contract.repeatable,
    "preserved": contract.preserved,
    "untouched": contract.untouched,
    "unused_is_zero": contract.unused_is_zero,
}
K = 16.0  # native was seen at 3.1 at most; any value from 4 to 1000 kills the same planted faults


def judge(case: Case, engine: Engine, k: float = K) -> Verdict:
    """Judge one engine on one case.

    Returns a Verdict; never raises for what the engine does. Blame, witnesses and reduction are separate calls. A case too
    large for a tape of scalars is judged by blocked projections (``oracles/large.py``).
    """
    trial = run(engine, case)
    if not trial.unsupported and is_large(case):
        from gradproof.oracles.large import weigh_large

        return weigh_large(trial, k)
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
        return [excuse.crash(trial.crash, certificate, k)]
    broken = contract.output_shape_and_dtype(trial) or contract.shape_and_dtype(trial)
    if broken:
        return [Finding("shape_and_dtype", Kind.CONTRACT, broken)]
    findings = [_value(trial, certificate, k), Finding("shape_and_dtype", Kind.AGREE)]
    if findings[0].kind not in (Kind.AGREE, Kind.LOSSY):
        return findings
    findings.append(gradient("gradient", trial.first, 1.0, trial, certificate, k))
    if findings[-1].kind.severity <= Kind.SUBGRADIENT.severity:
        findings.append(_linear(findings[-1], trial, certificate, k))
    findings.append(excuse.zero(trial, certificate))
    for name, check in CONDUCT.items():
        broken = check(trial)
        findings.append(Finding(name, Kind.CONTRACT if broken else Kind.AGREE, broken))
    return findings


def _linear(found: Finding, trial: Trial, certificate: Certificate, k: float) -> Finding:
    """The gradient for -2 times the cotangent. At kinks, where the tests are costly, an answer that is exactly -2 times the
    first is not weighed again."""
    scaled = trial.scaled[:-1]
    if certificate.kinked:
        with np.errstate(all="ignore"):
            if all((b == -2 * a).all() for a, b in zip(trial.first, scaled, strict=True)):
                return replace(found, property="linear")
    return gradient("linear", scaled, -2.0, trial, certificate, k)


def _value(trial: Trial, certificate: Certificate, k: float) -> Finding:
    """Forward values inside the forward bound: else the meanings differ, or the value is lossy. The worst entry speaks."""
    if certificate.forward.jumps:
        return Finding("value", Kind.ILL_CONDITIONED, "a jump (sign, copysign) is within rounding of its argument")
    got = np.concatenate([np.ravel(y) for y in trial.outputs]) if trial.outputs else np.zeros(0)
    found: list[Finding] = []
    undecided = 0
    for i, (y, v, error) in enumerate(zip(got.tolist(), certificate.value, certificate.value_error, strict=True)):
        expected = float(v)
        if v.is_finite() and error < math.inf:
            if abs(y - expected) <= k * error or y == expected:
                continue
            if math.isfinite(y) and abs(arb(y) - v) <= arb(k * error) + arb(v.rad()):
                continue
            found.append(_value_outside(i, y, certificate, k))
        elif not v.is_finite():
            reason = f"output entry {i} has no finite value: a singular point, or outside the domain"
            found.append(Finding("value", Kind.ILL_CONDITIONED, reason))
        elif math.isfinite(y) or not _overflown(i, certificate):
            undecided += 1
        else:
            found.append(Finding("value", Kind.RANGE, f"output entry {i} is {y!r}: {excuse.OVER}"))
    rank = max(found, key=lambda f: (f.kind.severity, f.units), default=Finding("value", Kind.AGREE))
    return replace(rank, units=0.0, entries=len(got), undecided=undecided)


def _overflown(i: int, certificate: Certificate) -> bool:
    """Whether an output entry is computed from a value too large for the dtype."""
    return any(certificate.outputs[i] in rows for rows in overflown(certificate))


def _value_outside(i: int, y: float, certificate: Certificate, k: float) -> Finding:
    """What an output entry outside its forward bound is."""
    if _overflown(i, certificate):
        return Finding("value", Kind.RANGE, f"output entry {i} is {y!r}: {excuse.OVER}")
    v, error, case = certificate.value[i], certificate.value_error[i], certificate.case
    where, index = excuse.located(zip(case.graph.outputs, case.cotangents, strict=True), i)
    worst = Worst(where, index, y, float(v), float(v.rad()), error)
    said = f"output entry {i} is {y!r}, expected {float(v)!r} within {k * error:.3g}"
    lossy = certificate.lossy().dv[certificate.outputs[i]]
    if math.isfinite(y) and abs(arb(y) - v) <= arb(k) * arb(lossy):
        return Finding("value", Kind.LOSSY, f"{said}: digits are lost in a saturated tail", worst.units, worst)
    return Finding("value", Kind.SPEC, f"{said}: the engine computes another function here", worst.units, worst)


def gradient(
    name: str, gradients: Sequence[Array], scale: float, trial: Trial, certificate: Certificate, k: float
) -> Finding:
    """The gradient (of ``scale`` times the cotangent) against the accepted set, entry by entry."""
    certain = not certificate.kinked
    units_max = _plainly_inside(gradients, scale, certificate, k) if certain else None
    if units_max is not None:
        return Finding(name, Kind.AGREE, units=units_max, entries=len(certificate.slots))
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
    finite = np.array([a.is_finite() for a in accepted], dtype=bool)
    undecided = hopeless | ~np.isfinite(b) | ~finite
    if not finite.all():
        for i, limit in enumerate(infinities(certificate, capabilities(trial.engine).at_kinks)):
            if not finite[i] and (math.isinf(limit) or limit == 0):  # no number can be right here but this
                undecided[i], inside[i] = False, g[i] == limit
                units[i] = 0.0 if inside[i] else math.inf
    for i in np.flatnonzero(~inside & ~undecided & finite).tolist():
        inside[i] = math.isfinite(g[i]) and bool(
            abs(arb(float(g[i])) - accepted[i]).abs_lower() <= arb(k) * arb(bound[i])
        )
    with np.errstate(all="ignore"):  # no verdict on its digits, but garbage is garbage: past all that is summed
        radius = np.array([float(a.rad()) for a in accepted])
        far = hopeless & np.isfinite(b) & np.isfinite(centre) & ~(error <= k * (k * b + total) + radius)
    failing = np.flatnonzero((~inside & ~undecided) | far)
    if len(failing):
        answer = excuse.Answer(name, g, accepted, bound, units, trial, k)
        return replace(excuse.outside(answer, failing, certificate), entries=len(g), undecided=int(undecided.sum()))
    decided = ~undecided
    if len(g) and not (decided & (total != 0)).any() and (undecided.all() or (undecided & (total != 0)).any()):
        if certificate.largest() > certificate.unit.largest / 4:
            return Finding(name, Kind.RANGE, excuse.OVER)
        return Finding(name, Kind.ILL_CONDITIONED, "rounding alone may change every digit of the gradient")
    found = Finding(name, Kind.AGREE, entries=len(g), undecided=int(undecided.sum()))
    if certain:
        return replace(found, units=float(np.max(units[decided & np.isfinite(units)], initial=0.0)))
    reason = f"on a kink ({_kink_names(certificate)}), inside the accepted set"
    if certificate.higher:  # rules may choose slope and curvature apart, so of the tests only the enclosure holds
        return replace(found, kind=Kind.SUBGRADIENT, reason=reason)
    known = np.where(np.isfinite(g), g, centre)
    tolerance = np.where(undecided, np.inf, k * b)
    if certificate.ties:
        whole = decided.all() and not certificate.singular
        if whole and not kinks.in_hull(certificate, known, tolerance):
            return _kinked(name, g, centre, bound, certificate, "outside the convex hull of the slopes at the ties")
        if not kinks.keeps_mass(certificate, known, tolerance):
            return _kinked(name, g, centre, bound, certificate, "wrong along a direction that keeps the ties")
    shares = conventions.shares(certificate, capabilities(trial.engine).at_kinks)
    if shares is not None:
        balls, errors, _ = certificate.sweep(shares)
        exact = np.array([float(ball) for ball in balls])
        astray = np.abs(known - exact) > k * np.array(errors) + np.array([float(ball.rad()) for ball in balls])
        if (astray & decided & np.isfinite(exact)).any():
            known = np.where(astray & decided & np.isfinite(exact), g, exact)
            return _kinked(name, known, exact, errors, certificate, "not what the engine declares there")
    return replace(found, kind=Kind.SUBGRADIENT, reason=reason)


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
    i = int(np.nanargmax(np.abs(g - centre)))
    where, index = excuse.located(excuse.primals(certificate), i)
    worst = Worst(where, index, float(g[i]), float(centre[i]), 0.0, bound[i])
    return Finding(name, Kind.WRONG, f"at a kink ({_kink_names(certificate)}) the gradient is {why}", worst=worst)
