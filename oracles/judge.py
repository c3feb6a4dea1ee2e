"""The judge: an engine's answers against the certificate, and a verdict that says who is wrong and why.

``judge(case, engine)`` is the one call; ``Verdict.report()`` is its text. The tolerance is K times the derived bound of
this very graph and input; there is no atol and no rtol (docs/judge.md 2).
"""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import replace

from gradproof.oracles import contract, excuse
from gradproof.oracles.ball import arb
from gradproof.oracles.certificate import Certificate, certify
from gradproof.oracles.engine import Engine
from gradproof.oracles.entries import gradient
from gradproof.oracles.finding import Finding, Verdict, Worst
from gradproof.oracles.graph import Case
from gradproof.oracles.large.linearised import is_large
from gradproof.oracles.reach import overflown
from gradproof.oracles.trial import Trial, run
from gradproof.oracles.verdict import Kind

CONDUCT = {
    "repeatable": contract.repeatable,
    "preserved": contract.preserved,
    "untouched": contract.untouched,
    "unused_is_zero": contract.unused_is_zero,
}
KEPT = {name: Finding(name, Kind.AGREE) for name in ("shape_and_dtype", *CONDUCT)}  # what most cases have all of
K = 16.0  # native was seen at 3.1 at most; any value from 4 to 1000 kills the same planted faults


def judge(case: Case, engine: Engine, k: float = K) -> Verdict:
    """Judge one engine on one case.

    Returns a Verdict; never raises for what the engine does. Blame, witnesses and reduction are separate calls. A case too
    large for a tape of scalars is judged by blocked projections (``oracles/large/judge.py``).
    """
    return weighed(run(engine, case), k)[0]


def weighed(trial: Trial, k: float = K) -> tuple[Verdict, Certificate | None]:
    """The verdict on what an engine answered, and the certificate it rests on: none of a large case, or of no answer."""
    if not trial.unsupported and is_large(trial.case):
        from gradproof.oracles.large.judge import weigh_large

        return weigh_large(trial, k), None
    certificate = None if trial.unsupported else certify(trial.case)
    return weigh(trial, certificate, k), certificate


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
    value = _value(trial, certificate, k)
    findings = [value, KEPT["shape_and_dtype"]]
    if value.kind is not Kind.SPEC:  # of another function the gradient is another
        spoilt = excuse.troubled(certificate) if value.kind.skipped else ()
        findings.append(gradient("gradient", trial.first, 1.0, trial, certificate, k, spoilt))
        if findings[-1].kind.severity <= Kind.SUBGRADIENT.severity:
            findings.append(_linear(findings[-1], trial, certificate, k, spoilt))
        findings.append(excuse.zero(trial, certificate))
    for name, check in CONDUCT.items():
        broken = check(trial)
        findings.append(Finding(name, Kind.CONTRACT, broken) if broken else KEPT[name])
    return findings


def _linear(
    found: Finding, trial: Trial, certificate: Certificate, k: float, spoilt: Collection[int]
) -> Finding:
    """The gradient for -2 times the cotangent; one that is exactly -2 times the first is not weighed again."""
    if trial.doubled:
        return replace(found, property="linear")
    return gradient("linear", trial.scaled[:-1], -2.0, trial, certificate, k, spoilt)


def _value(trial: Trial, certificate: Certificate, k: float) -> Finding:
    """Forward values inside the forward bound: else the meanings differ, or the value is lossy. The worst entry speaks."""
    got = [y for output in trial.outputs for y in output.ravel().tolist()]
    found: list[Finding] = []
    undecided = 0
    for i, (y, v, error) in enumerate(zip(got, certificate.value, certificate.value_error, strict=True)):
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
    if certificate.forward.jumps and undecided == len(got):
        return Finding("value", Kind.ILL_CONDITIONED, "a jump (sign, copysign) is within rounding of its argument")
    if not found:
        return Finding("value", Kind.AGREE, entries=len(got), undecided=undecided)
    rank = max(found, key=lambda f: (f.kind.severity, f.units))
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
