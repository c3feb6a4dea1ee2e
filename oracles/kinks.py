"""Accepted sets at kinks: what any sound selection of slopes can give (docs/judge.md 3).

Test 1: the componentwise enclosure over all weights (``Certificate.enclosure``). Test 2, up to six ties: membership of
the convex hull of the 2^k vertex gradients, which contains the multi-affine image of the weights. Test 3, any number:
along directions that keep the ties, the derivative is two-sided and <g, d> must equal it. What one choice of the weights
gives (``is_choice``), lies in the hull and keeps the mass: then tests 2 and 3, which cost many sweeps, need not be asked.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import product

import numpy as np

from gradproof.oracles.ball import arb, precision
from gradproof.oracles.certificate import Certificate
from gradproof.oracles.graph import Array
from gradproof.oracles.sweep import tangent

TIES_MAX = 6
SLACK = 1e-9  # of the range of the vertices: what the least-squares solver itself may lose


def is_choice(certificate: Certificate, g: Array, tolerance: Array, declared: Sequence[arb] | None) -> bool:
    """Whether g is within the tolerance the gradient for one choice of weights: that declared (given here), or a usual one."""
    if _within(g, certificate.gradient, tolerance) or (declared is not None and _within(g, declared, tolerance)):
        return True  # the first is that of the branches that were recorded
    usual = () if certificate.singular else (arb(1), arb(0), arb(0.5))
    return any(_within(g, certificate.sweep(dict.fromkeys(certificate.ties, share))[0], tolerance) for share in usual)


def _within(g: Array, balls: Sequence[arb], tolerance: Array) -> bool:
    pairs = zip(g.tolist(), balls, tolerance.tolist(), strict=True)
    return all(float(abs(arb(x) - ball).abs_upper()) <= limit for x, ball, limit in pairs)


def in_hull(certificate: Certificate, g: Array, tolerance: Array) -> bool:
    """Test 2: whether g lies within the tolerance of the hull of the vertex gradients."""
    ties = certificate.ties
    if len(ties) > TIES_MAX:
        return True
    vertices = []
    for choice in product((arb(0), arb(1)), repeat=len(ties)):
        balls, _, _ = certificate.sweep(dict(zip(ties, choice, strict=True)))
        vertices.append([float(b) for b in balls])
    points = np.array(vertices).T
    low, high = points.min(axis=1), points.max(axis=1)
    spread = high - low
    if ((g < low - tolerance) | (g > high + tolerance)).any():
        return False
    varying = spread > tolerance
    if not varying.any():
        return True
    scale = spread[varying]
    matrix = (points[varying] - low[varying, None]) / scale[:, None]
    target = (g[varying] - low[varying]) / scale
    limit = np.append(tolerance[varying] / scale, 0.0) + SLACK
    from scipy.optimize import nnls  # here: importing it is a third of the start of a process

    matrix = np.vstack([matrix, np.ones(matrix.shape[1])]) / limit[:, None]
    _, distance = nnls(matrix, np.append(target, 1.0) / limit)
    # a point within every limit has a weighted distance of at most sqrt(rows); so this never alarms falsely
    return bool(distance <= np.sqrt(len(limit)))


def _directions(certificate: Certificate) -> Iterator[dict[int, arb]]:
    """Directions in input space that may keep ties: all entries together, each input, and each set of equal entries."""
    slots = certificate.slots
    values = certificate.recording.tape.values
    yield {i: values[i] for i in slots}
    together = {tuple(slots)}  # each set of entries once: a case often has one input, or one value throughout
    start = 0
    for data in certificate.case.graph.primal_values:
        together.add(tuple(slots[start : start + data.size]))
        start += data.size
    groups: dict[float, list[int]] = {}
    for i in slots:
        groups.setdefault(float(values[i]), []).append(i)
    together.update(tuple(group) for group in groups.values() if len(group) > 1)
    for entries in together:
        yield dict.fromkeys(entries, arb(1))


def keeps_mass(certificate: Certificate, g: Array, tolerance: Array) -> bool:
    """Test 3: whether <g, d> lies in the forward-mode enclosure along every direction tried."""
    position = {slot: i for i, slot in enumerate(certificate.slots)}
    tape = certificate.recording.tape
    with precision(certificate.bits):
        for direction in _directions(certificate):
            tangents = tangent(tape, certificate.forward, direction, certificate.played)
            expected = sum((seed * tangents[k] for k, seed in certificate.seeds), arb(0))
            if not expected.is_finite():
                continue
            got, slack = arb(0), 0.0
            for slot, t in direction.items():
                if t.is_zero():
                    continue
                i = position[slot]
                got += arb(float(g[i])) * t
                slack += abs(float(t)) * float(tolerance[i])
            if not math.isfinite(slack):
                continue
            if not (expected + arb(0, slack)).overlaps(got):
                return False
    return True
