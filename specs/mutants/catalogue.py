"""The catalogue of planted faults, by family; the benign variants apart.

Faults of the second order only, and of the closure under higher orders, are no question to an oracle that looks at first
gradients alone: they count in the score of the judge, which looks at ``reverse over reverse`` for them.
"""

from __future__ import annotations

from collections import Counter

from gradproof.specs.mutants import (
    accuracy,
    axis,
    benign,
    broadcast,
    closure,
    complexes,
    composed,
    factor,
    flow,
    layout,
    matrices,
    narrow,
    networks,
    nonlinear,
    offered,
    ordered,
    placed,
    recomputed,
    region,
    saved,
    scale,
    second,
    shapes,
    singular,
    special,
    ties,
    transformed,
    variety,
)
from gradproof.specs.mutants.mutant import Mutant

MUTANTS: tuple[Mutant, ...] = tuple(
    mutant
    for family in (
        factor, saved, scale, broadcast, axis, layout, singular, ties, region, accuracy, flow, nonlinear, shapes,
        second, closure, variety, ordered, placed, networks, matrices, complexes, special, transformed,
        offered, recomputed, narrow, composed,
    )
    for mutant in family.MUTANTS
) + tuple(benign.UNDECLARED)  # fmt: skip
BENIGN: tuple[Mutant, ...] = tuple(benign.MUTANTS)
FAMILIES: tuple[str, ...] = tuple(Counter(m.family for m in MUTANTS))


def named(name: str) -> Mutant:
    """The mutant of a name."""
    return next(m for m in MUTANTS + BENIGN if m.name == name)
