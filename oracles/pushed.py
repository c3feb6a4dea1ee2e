"""Derivatives of the outputs along directions, as a forward mode gives them, against their certified values."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from gradproof.oracles import excuse
from gradproof.oracles.ball import SELECT, arb, precision
from gradproof.oracles.bound import forward, slopes
from gradproof.oracles.certificate import Certificate
from gradproof.oracles.finding import Finding, Worst
from gradproof.oracles.graph import Array
from gradproof.oracles.reach import overflown
from gradproof.oracles.verdict import Kind

UNTAKEN = "NaN comes from a term that is exactly zero (zero times infinity)"


def judged(name: str, outputs: Sequence[Array], certificate: Certificate, k: float) -> Finding:
    """Each output's tangent within k times its forward bound; at ties, of the hull of what the branches give."""
    got = np.concatenate([np.ravel(a) for a in outputs]).astype(float).tolist() if outputs else []
    accepted, bound = _accepted(certificate)
    undecided, kinked, units, failing = 0, False, 0.0, []
    for i, (y, ball, b) in enumerate(zip(got, accepted, bound, strict=True)):
        if not (ball.is_finite() and b < math.inf):
            undecided += 1
            continue
        wide = float(ball.rad()) > b
        kinked |= wide
        error = abs(arb(y) - ball).abs_lower() if math.isfinite(y) else arb("inf")
        if not error <= arb(k) * arb(b):
            failing.append((i, error))
        elif b and not wide:
            units = max(units, abs(y - float(ball)) / b)
    if failing:
        return _outside(name, got, [i for i, _ in failing], accepted, bound, certificate, k)
    if got and undecided == len(got):
        reason = "no derivative here has a value: a singular point, or rounding may carry an argument to one"
        return Finding(name, Kind.ILL_CONDITIONED, reason, entries=len(got), undecided=undecided)
    if kinked:
        reason = "on a kink, inside the accepted set"
        return Finding(name, Kind.SUBGRADIENT, reason, units, entries=len(got), undecided=undecided)
    return Finding(name, Kind.AGREE, "", units, entries=len(got), undecided=undecided)


def _accepted(certificate: Certificate) -> tuple[list[arb], list[float]]:
    """The tangents with their bounds; where a selection ties, those of every choice."""
    if not certificate.forward.ties:
        return certificate.value, certificate.value_error
    spread = certificate.spread()
    assert spread is not None
    with precision(certificate.bits):
        errors = forward(certificate.recording.tape, certificate.unit, spread=spread)
    return [spread[k] for k in certificate.outputs], [errors.dv[k] for k in certificate.outputs]


def _outside(
    name: str,
    got: Sequence[float],
    failing: Sequence[int],
    accepted: Sequence[arb],
    bound: Sequence[float],
    certificate: Certificate,
    k: float,
) -> Finding:
    """Name what the failing entries are: out of range, an untaken NaN, lossy, or wrong."""
    case, outputs = certificate.case, certificate.outputs

    def worst(entries: Sequence[int]) -> Worst:
        sizes = {i: abs(got[i] - float(accepted[i])) / bound[i] if bound[i] else math.inf for i in entries}
        i = max(entries, key=lambda i: math.inf if math.isnan(sizes[i]) else sizes[i])
        where, index = excuse.located(zip(case.graph.outputs, case.cotangents, strict=True), i)
        return Worst(where, index, got[i], float(accepted[i]), float(accepted[i].rad()), bound[i])

    large, below = overflown(certificate)
    rest = [i for i in failing if outputs[i] not in large | below]
    if not rest:
        return Finding(name, Kind.RANGE, excuse.OVER, worst=worst(failing))
    lossy = certificate.lossy().dv
    lost = [i for i in rest if math.isfinite(got[i]) and abs(arb(got[i]) - accepted[i]) <= arb(k) * arb(lossy[outputs[i]])]
    nan = [i for i in rest if math.isnan(got[i]) and _steep(certificate, outputs[i])]
    wrong = [i for i in rest if i not in lost and i not in nan]
    if wrong:
        found = worst(wrong)
        reason = f"{len(wrong)} of {len(got)} tangents outside {k:g} times the bound"
        return Finding(name, Kind.WRONG, reason, found.units, found, len(got))
    if nan and not all(ball.is_finite() for ball in accepted):
        return Finding(name, Kind.ILL_CONDITIONED, "an infinite derivative is near", worst=worst(nan))
    if nan:
        return Finding(name, Kind.NAN_UNTAKEN, UNTAKEN, worst=worst(nan))
    return Finding(name, Kind.LOSSY, "digits are lost in a saturated tail", worst=worst(lost))


def _steep(certificate: Certificate, output: int) -> bool:
    """Whether a slope on the way to an output is infinite in the dtype."""
    tape, limit = certificate.recording.tape, certificate.unit.largest
    values = certificate.played or tape.values
    value, op = certificate.recording.owner(output)
    needed = {output}
    with precision(certificate.bits):
        for k in range(len(tape.rows) - 1, -1, -1):
            if certificate.recording.owner(k) == (value, op):
                needed.add(k)  # all entries of that op: an engine's rule mixes them
            if k not in needed:
                continue
            row = tape.rows[k]
            needed.update(tape.args[k][2:] if row is SELECT else tape.args[k])
            if not hasattr(row, "c_slope"):
                continue
            if not values[k].is_finite() or any(not p.is_finite() or abs(float(p)) > limit for p in slopes(tape, values, k)):
                return True
    return False
