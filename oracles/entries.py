"""The gradient against what is accepted, entry by entry: inside the bound, outside it, or without a decision."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import replace

import numpy as np

from gradproof.oracles import conventions, excuse, kinks
from gradproof.oracles.ball import arb
from gradproof.oracles.certificate import Certificate
from gradproof.oracles.finding import Finding, Worst
from gradproof.oracles.graph import Array
from gradproof.oracles.poles import infinities
from gradproof.oracles.trial import Trial, capabilities
from gradproof.oracles.verdict import Kind


def gradient(
    name: str,
    gradients: Sequence[Array],
    scale: float,
    trial: Trial,
    certificate: Certificate,
    k: float,
    spoilt: Collection[int] = (),
) -> Finding:
    """The gradient (of ``scale`` times the cotangent) against the accepted set.

    ``spoilt`` are rows of the tape that a value without a verdict reaches: entries there are not decided.
    """
    certain = not certificate.kinked
    units_max = _plainly_inside(gradients, scale, certificate, k) if certain and not spoilt else None
    if units_max is not None:
        return Finding(name, Kind.AGREE, units=units_max, entries=len(certificate.slots))
    g = np.concatenate([np.ravel(a) for a in gradients]).astype(float) / scale if gradients else np.zeros(0)
    at_kinks = capabilities(trial.engine).at_kinks
    accepted, bound = certificate.enclosure(weights=conventions.at_poles(certificate, at_kinks))
    expected = np.array([float(a) for a in accepted])
    b = np.array(bound)
    with np.errstate(all="ignore"):
        error = np.abs(g - expected)
        inside = error <= k * b
        units = np.where(error == 0, 0.0, error / b)
    total = np.array(certificate.total)
    hopeless = (k * b > total) & (total > 0)  # the bound is of first order: past S it says nothing of this entry
    finite = np.array([a.is_finite() for a in accepted], dtype=bool)
    undecided = hopeless | ~np.isfinite(b) | ~finite
    if not finite.all():
        for i, limit in enumerate(infinities(certificate)):
            if not finite[i] and math.isinf(limit):  # no number can be right here but this
                undecided[i], inside[i], expected[i] = False, g[i] == limit, limit
                units[i] = 0.0 if inside[i] else math.inf
    out_of_reach = np.array([slot in spoilt for slot in certificate.slots], dtype=bool)
    undecided |= out_of_reach
    for i in np.flatnonzero(~inside & ~undecided & finite).tolist():
        inside[i] = math.isfinite(g[i]) and bool(
            abs(arb(float(g[i])) - accepted[i]).abs_lower() <= arb(k) * arb(bound[i])
        )
    with np.errstate(all="ignore"):  # no verdict on its digits, but garbage is garbage: past all that is summed
        radius = np.array([float(a.rad()) for a in accepted])
        far = hopeless & ~out_of_reach & np.isfinite(b) & finite & ~(error <= k * (k * b + total) + radius)
    failing = np.flatnonzero((~inside & ~undecided) | far)
    counted = Finding(name, Kind.AGREE, entries=len(g), undecided=int(undecided.sum()))
    if len(failing):
        answer = excuse.Answer(name, g, accepted, expected, bound, units, trial, k)
        outside = excuse.outside(answer, failing, certificate)
        return replace(outside, entries=counted.entries, undecided=counted.undecided)
    decided = ~undecided
    if len(g) and not (decided & (total != 0)).any() and (undecided.all() or (undecided & (total != 0)).any()):
        if certificate.largest() > certificate.unit.largest / 4:
            return Finding(name, Kind.RANGE, excuse.OVER)
        return Finding(name, Kind.ILL_CONDITIONED, "rounding alone may change every digit of the gradient")
    if certain:
        return replace(counted, units=float(np.max(units[decided & np.isfinite(units)], initial=0.0)))
    return _at_kinks(counted, g, expected, bound, undecided, trial, certificate, k)


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


def _at_kinks(
    found: Finding,
    g: Array,
    centre: Array,
    bound: Sequence[float],
    undecided: Array,
    trial: Trial,
    certificate: Certificate,
    k: float,
) -> Finding:
    """What is asked of entries that all lie in the enclosure: the hull, the mass of ties, and what the engine declares."""
    names = ", ".join(sorted({certificate.recording.owner(r)[1] for r in (*certificate.ties, *certificate.singular)}))
    right = replace(found, kind=Kind.SUBGRADIENT, reason=f"on a kink ({names}), inside the accepted set")
    if certificate.higher:  # rules may choose slope and curvature apart, so of the tests only the enclosure holds
        return right
    decided = ~undecided
    known = np.where(np.isfinite(g), g, centre)
    tolerance = np.where(undecided, np.inf, k * np.array(bound))
    whole = decided.all() and not certificate.singular
    shares = conventions.shares(certificate, capabilities(trial.engine).at_kinks)
    balls, errors = (None, None) if shares is None else certificate.sweep(shares)[:2]
    if not kinks.is_choice(certificate, known, tolerance, balls):
        if certificate.ties and whole and not kinks.in_hull(certificate, known, tolerance):
            return _wrong(right, names, g, centre, decided, bound, certificate, "outside the convex hull of the slopes at the ties")
        if not kinks.keeps_mass(certificate, known, tolerance):
            return _wrong(right, names, g, centre, decided, bound, certificate, "wrong along a direction in which it is smooth")
    if balls is not None and errors is not None:
        exact = np.array([float(ball) for ball in balls])
        with np.errstate(invalid="ignore"):
            astray = np.abs(known - exact) > k * np.array(errors) + np.array([float(ball.rad()) for ball in balls])
        astray &= decided & np.isfinite(exact)
        if astray.any():
            return _wrong(right, names, g, exact, astray, errors, certificate, "not what the engine declares there")
    return right


def _wrong(
    found: Finding,
    names: str,
    g: Array,
    centre: Array,
    among: Array,
    bound: Sequence[float],
    certificate: Certificate,
    why: str,
) -> Finding:
    """A finding of WRONG at kinks; the entry named is the one farthest from the centre ``among`` these."""
    with np.errstate(invalid="ignore"):
        distance = np.where(among & np.isfinite(centre), np.abs(g - centre), -1.0)
    i = int(np.argmax(np.where(np.isnan(distance), np.inf, distance)))
    where, index = excuse.located(excuse.primals(certificate), i)
    worst = Worst(where, index, float(g[i]), float(centre[i]), 0.0, bound[i])
    return replace(found, kind=Kind.WRONG, reason=f"at a kink ({names}) the gradient is {why}", worst=worst)
