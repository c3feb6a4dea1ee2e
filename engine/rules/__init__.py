"""The tables of pullbacks: one rule per (op, argument), and nothing else here knows a derivative.

The comments ``# C1``, ``# C2``, ... cite the conventions at kinks and poles in specs/conventions.md by number.
"""

from __future__ import annotations

from gradproof.engine.rules import (
    activations,
    complex,
    convolution,
    decompositions,
    elementwise,
    fft,
    indexing,
    linalg,
    missing,
    reduction,
    scans,
    shape,
    sorting,
    special,
)
from gradproof.engine.rules.rule import Pull, Rule, Table, rule

RULES: Table = (
    convolution.RULES | elementwise.RULES | reduction.RULES | shape.RULES | indexing.RULES | linalg.RULES |
    decompositions.RULES | sorting.RULES | scans.RULES | special.RULES | activations.RULES | missing.RULES |
    complex.RULES | fft.RULES
)
VARIADIC: Table = shape.VARIADIC | linalg.VARIADIC  # any number of operands, one rule that is told its argument

REAL_ONLY = (RULES.keys() | VARIADIC.keys()) - complex.HOLDS  # what would be wrong with a complex operand

__all__ = ["REAL_ONLY", "RULES", "VARIADIC", "Pull", "Rule", "Table", "rule"]
