"""Adaptive central differences with their own error estimate, and a branch signature for graphs.

Ridders' scheme (Numerical Recipes 5.7; C. J. F. Ridders 1982): a geometric sequence of steps, Richardson extrapolation
over it, and the difference of successive extrapolants as the error estimate, which rounding of f bounds from below.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gradproof.oracles.catalogue import op
from gradproof.oracles.certificate import Certificate
from gradproof.oracles.finding import Vote
from gradproof.oracles.graph import Array, Case, evaluate
from gradproof.oracles.meaning import BranchMeaning

LINEAGE = "differences"
SHRINK = 2.0
STEPS = 9
COARSE, FINE = 0.02, 1e-6  # first steps; a function that bends within 1e-4 is asked for again by narrow ones
EPS = float(np.finfo(np.float64).eps)


@dataclass(frozen=True)
class Estimate:
    """A derivative along a direction, its estimated absolute error, and whether f stayed on one branch."""

    value: float
    error: float
    one_branch: bool = True


def derivative(
    phi: Callable[[float], tuple[float, Any]], step: float = 0.1, noise: float = 0.0
) -> Estimate:
    """phi'(0) by Ridders' scheme.

    ``phi(t)`` returns a value and a signature; the estimate trusts only steps whose signatures equal that at 0.
    ``noise`` is the absolute rounding error of phi.
    """
    centre, signature = phi(0.0)
    rows: list[list[float]] = []
    best = Estimate(float("nan"), float("inf"), one_branch=False)
    noise = max(noise, EPS * abs(centre))
    h = step
    for _ in range(STEPS):
        (up, s_up), (down, s_down) = phi(h), phi(-h)
        if s_up != signature or s_down != signature or not np.isfinite(up - down):
            rows = []
            h /= SHRINK
            continue
        row = [(up - down) / (2 * h)]
        factor = SHRINK * SHRINK
        for previous in rows[-1] if rows else ():
            row.append((row[-1] * factor - previous) / (factor - 1))
            factor *= SHRINK * SHRINK
        if rows:
            floor = 4 * max(noise, EPS * max(abs(up), abs(down))) / h
            for j in range(1, len(row)):
                error = max(abs(row[j] - row[j - 1]), abs(row[j] - rows[-1][j - 1])) + floor
                if j >= 2:  # two estimates may meet by chance; their own predecessors must have come close too
                    error = max(error, abs(row[j - 1] - rows[-1][j - 2]) / 4)
                if error < best.error:
                    best = Estimate(row[j], error)
        rows.append(row)
        h /= SHRINK
        if 4 * noise / h >= best.error:  # every further error is at least that
            break
    return best


def along(case: Case, direction: Array) -> Callable[[float], tuple[float, Any]]:
    """t -> <cotangents, f(x + t d)> and the signs of every comparison on the way, by the ops' NumPy meaning."""
    graph, point = case.graph, [v.astype(np.float64) for v in case.graph.primal_values]
    sizes = np.cumsum([0, *(v.size for v in point)])
    moves = [direction[a:b].reshape(v.shape) for v, a, b in zip(point, sizes[:-1], sizes[1:], strict=True)]
    fixed = [leaf.data if leaf.data.dtype.kind in "biu" else leaf.data.astype(np.float64) for leaf in graph.leaves]

    def phi(t: float) -> tuple[float, Any]:
        xp = BranchMeaning()
        moved = iter([v + t * move for v, move in zip(point, moves, strict=True)])
        leaves = [fixed[i] if leaf.constant else next(moved) for i, leaf in enumerate(graph.leaves)]
        values = evaluate(graph, lambda node, operands: op(node.op).meaning(xp, *operands, **node.params), leaves)
        parts = [np.add.reduce(values[o] * ct, axis=None) for o, ct in zip(graph.outputs, case.cotangents, strict=True)]
        return float(sum(parts)), tuple(xp.branches)

    return phi


def directions(case: Case, count: int = 3) -> list[Array]:
    """Random directions scaled to each entry, so that a step is small beside every input and beside 1."""
    point = np.concatenate([np.ravel(v) for v in case.graph.primal_values]).astype(float)
    rng = np.random.default_rng(0)
    scale = np.where(point == 0, 1e-3, np.minimum(np.abs(point), 1.0))
    return [rng.standard_normal(point.size) * scale for _ in range(count)]


def vote(case: Case, g: Array, certificate: Certificate, tried: Sequence[Array] | None = None) -> Vote:
    """Do differences along a few directions agree with <g, d>, within ten of their own error estimates?"""
    name = "differences"
    if certificate.singular:
        return Vote(name, LINEAGE, "abstains", "at a singular point conventions differ")
    here = EPS / 2 / certificate.unit.u  # the meaning runs in float64, whatever the dtype that is judged
    noise = here * sum(
        abs(float(c)) * 4 * e
        for c, e in zip(np.concatenate([np.ravel(c) for c in case.cotangents]), certificate.value_error, strict=True)
    )
    exact = np.array([float(a) for a in certificate.gradient])
    checked = 0
    for direction in tried if tried is not None else directions(case):
        try:
            with np.errstate(all="ignore"):
                phi = along(case, direction)
                estimate = derivative(phi, COARSE, noise)
        except (ArithmeticError, ValueError, np.linalg.LinAlgError):
            continue
        with np.errstate(all="ignore"):
            got = float(g @ direction)
            allowed = 10 * estimate.error + float(np.abs(direction) @ (16 * np.array(certificate.bound)))
        if not estimate.one_branch or not np.isfinite(allowed):
            continue
        apart = abs(float((g - exact) @ direction))
        if apart > float(np.abs(direction) @ (16 * np.array(certificate.bound))) and allowed >= apart:
            return Vote(name, LINEAGE, "abstains", f"cannot tell the two apart within {allowed:.2g}")
        checked += 1
        if not abs(got - estimate.value) <= allowed:
            with np.errstate(all="ignore"):
                fine = derivative(phi, FINE, noise)
            if abs(fine.value - estimate.value) > 10 * (fine.error + estimate.error):
                return Vote(name, LINEAGE, "abstains", "it bends within the steps: wide and narrow ones tell different slopes")
            return Vote(name, LINEAGE, "disagrees", f"<g, d> is {got!r}, differences say {estimate.value!r} "
                        f"within {allowed:.2g}")  # fmt: skip
    if not checked:
        return Vote(name, LINEAGE, "abstains", "a kink or a non-finite value inside every stencil")
    return Vote(name, LINEAGE, "agrees", f"{checked} directions")
