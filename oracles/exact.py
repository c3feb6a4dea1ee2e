"""Exact rational arithmetic: forward-mode duals over the rationals, where the graph stays rational."""

from __future__ import annotations

from typing import Any

import flint
import numpy as np

from gradproof.oracles.ball import arb
from gradproof.oracles.certificate import Certificate
from gradproof.oracles.dual import projected
from gradproof.oracles.finding import Vote
from gradproof.oracles.graph import Array, Case
from gradproof.oracles.scalar import Binary, Unary

LINEAGE = "exact rationals"
RATIONAL = ("divide", "reciprocal", "square")  # of the scalar table; a graph with another row is not worth a try


class RationalField:
    """Numbers as exact rationals; any function that leaves them is missing on purpose."""

    @staticmethod
    def number(x: Any) -> flint.fmpq:
        if isinstance(x, flint.fmpq):
            return x
        return flint.fmpq(*float(x).as_integer_ratio())

    @staticmethod
    def real(x: flint.fmpq) -> flint.fmpq:
        return x


def gradient(case: Case) -> list[flint.fmpq]:
    """The gradient of a rational graph, exactly, flat over the primal entries.

    Raises: AttributeError if the graph is not rational, ArithmeticError at a division by zero.
    """
    n = sum(v.size for v in case.graph.primal_values)
    tangents = np.array([[flint.fmpq(int(i == j)) for j in range(n)] for i in range(n)], dtype=object).reshape(n, n)
    return list(projected(case, RationalField, tangents, []).tangent)


def vote(case: Case, g: Array, certificate: Certificate) -> Vote:
    """Is the engine's gradient within 64 bounds of the exact rational one?"""
    name = "exact rationals"
    if certificate.kinked:
        return Vote(name, LINEAGE, "abstains", "on a kink a dual follows one branch only")
    if not certificate.slots:
        return Vote(name, LINEAGE, "abstains", "no entries")
    if any(isinstance(row, Unary | Binary) and row.name not in RATIONAL for row in set(certificate.recording.tape.rows)):
        return Vote(name, LINEAGE, "abstains", "the graph is not rational")
    try:
        mine = gradient(case)
    except (AttributeError, ArithmeticError, TypeError, ValueError):
        return Vote(name, LINEAGE, "abstains", "the graph is not rational")
    for i, (got, want, bound) in enumerate(zip(g.tolist(), mine, certificate.bound, strict=True)):
        if not np.isfinite(got) or abs(arb(got) - arb(want)) > arb(64 * bound):
            return Vote(name, LINEAGE, "disagrees", f"entry {i}: {got!r} against exactly {want}")
    return Vote(name, LINEAGE, "agrees", "exactly rational")
