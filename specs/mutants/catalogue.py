"""The catalogue of planted faults, by family; the benign variants apart.

Every fault here shows in a first gradient. Faults of the second order only, and of the closure under higher orders, are
left out until the judge has an order 2: they count as NOT YET SHOWN, never as killed.
"""

from __future__ import annotations

from collections import Counter

from gradproof.specs.mutants import (
    accuracy,
    axis,
    benign,
    broadcast,
    factor,
    flow,
    layout,
    nonlinear,
    region,
    saved,
    scale,
    shapes,
    singular,
    ties,
)
from gradproof.specs.mutants.mutant import Mutant

MUTANTS: tuple[Mutant, ...] = tuple(
    mutant
    for family in (
        factor, saved, scale, broadcast, axis, layout, singular, ties, region, accuracy, flow, nonlinear, shapes,
    )
    for mutant in family.MUTANTS
)  # fmt: skip
BENIGN: tuple[Mutant, ...] = tuple(benign.MUTANTS)
FAMILIES: tuple[str, ...] = tuple(Counter(m.family for m in MUTANTS))
NOT_YET = ("second order only", "higher-order closure")


def named(name: str) -> Mutant:
    """The mutant of a name."""
    return next(m for m in MUTANTS + BENIGN if m.name == name)
