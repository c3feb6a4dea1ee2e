"""A graph linearised on whole arrays: a list of linear steps, and pushes of directions along them.

The graph's NumPy meaning runs once over ``Tracked`` arrays (``oracles/large/arrays.py``), which leave their steps here. Summed
against |cotangent|, the error E of a push bounds the error of <ct, t>, and the sum over the direction's entries of the error
bounds of the engine's gradient: both are the same sum over paths, taken from either end (docs/judge.md 8).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import isfinite

import numpy as np

from gradproof.oracles.bound import Rounding
from gradproof.oracles.large.steps import Operands, Pushed, Slopes, Step


@dataclass
class Pushforward:
    """The linear steps of a graph at one point, in order; ``reads`` counts how often each value is read.

    ``ambiguous`` counts selections within rounding, ``jumps`` is true where a jump is; ``work`` is how many scalars
    the judge's tape would hold.
    """

    unit: Rounding
    steps: list[tuple[Step, tuple[int, ...]]] = field(default_factory=list)
    reads: list[int] = field(default_factory=list)
    inputs: int = 0
    factor: float = 1.0
    lossy: bool = False
    spelled: bool = False  # from a formula (oracles/bound.py loss)
    ambiguous: int = 0
    jumps: bool = False
    work: int = 0

    @property
    def steep(self) -> bool:
        """Whether a slope that is not finite lies anywhere on the way."""
        return any(isinstance(step, Slopes) and step.wild for step, _ in self.steps)

    def entry(self) -> int:
        """A fresh position for an input; inputs come before any step."""
        self.inputs += 1
        self.reads.append(0)
        return len(self.reads) - 1

    def record(self, step: Step, operands: tuple[int, ...]) -> int:
        """A step on the values at these positions (-1 for a constant), and the position of its result."""
        for i in operands:
            if i >= 0:
                self.reads[i] += 1
        self.steps.append((step, operands))
        self.reads.append(0)
        return len(self.reads) - 1

    def push(self, directions: Operands, outputs: Sequence[int]) -> tuple[list[Pushed | None], float]:
        """The directions, one an input (None where it is zero), at the output positions.

        Beside them, how much an engine's adjoints may lose to underflow on the way back: eta times all magnitudes.
        """
        values: list[Pushed | None] = []
        underflow = 0.0
        reads = list(self.reads)
        for i in outputs:
            if i >= 0:
                reads[i] += 1
        left = list(reads)

        def put(x: Pushed | None) -> None:
            """With what an engine loses in adding up the contributions of all that read this value."""
            nonlocal underflow
            if x is not None:
                extra = (reads[len(values)] - 1) * self.unit.u
                size = float(x.m.sum())  # not finite: in a branch that is not taken, or everything is lost anyway
                underflow += self.unit.eta * (size if isfinite(size) else float(x.m[np.isfinite(x.m)].sum()))
                x = Pushed(x.t, x.m, x.e + extra * x.m, x.h) if extra > 0 else x
            values.append(x)

        with np.errstate(all="ignore"):
            for d in directions:
                put(d)
            for step, operands in self.steps:
                put(step.push([values[i] if i >= 0 else None for i in operands]))
                for i in operands:
                    if i >= 0:
                        left[i] -= 1
                        if not left[i]:
                            values[i] = None  # nothing reads it any more
        return [values[i] if i >= 0 else None for i in outputs], underflow
