"""What a backward pass may cost, as data, and how a cost is judged: counted work exactly, measured ratios by an interval.

Counted (``counting.py``): array operations, flops and bytes of an op's pullback, each at most its budget times the forward
pass. Measured: rounds of paired timings, of which the median of the ratios is judged, with a 95 % interval from order
statistics (Source: Conover, Practical Nonparametric Statistics, section 3.2): it holds for any distribution of the noise.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from gradproof.specs.cost_excess import EXCESS
from gradproof.specs.counting import Work


@dataclass(frozen=True)
class Budget:
    """How many times the forward pass the backward pass may cost, and why that number."""

    factor: float
    reason: str


DOCUMENT = Budget(3.0, "the source document: a backward pass costs two to three forward passes")
COUNTED = DOCUMENT
MEASURED = {
    "matmul": Budget(2.6, "two products backward for one forward, and 30 % for the elementwise parts beside them"),
    "elementwise": Budget(2.5, "a slope and a product for each value: as many passes as the function, and one more"),
    "gather": Budget(3.0, "rows with duplicates are added, not copied; must not grow with the table"),
    "tiny": DOCUMENT,
}
"""Budgets of measured ratios, by what a workload is made of."""
FLAT = Budget(1.6, "full/forward from 10³ to 10⁸ parameters: the largest over the smallest; 1.5 was reached in a prototype")


def over(name: str, forward: Work, backward: Work) -> list[str]:
    """In what an op's counted pullback exceeds its budget, in words; nothing where it does not."""
    allowed = EXCESS.get(name, {})
    entries = max(forward.bytes // 8, 1)
    pairs = {
        "operations": (backward.operations, max(forward.operations, 1)),
        "flops": (backward.flops, forward.flops or entries),  # moving entries takes none: then one for each entry moved
        "bytes": (backward.bytes, max(forward.bytes, 1)),
    }
    found = []
    for what, (back, forth) in pairs.items():
        factor = allowed.get(what, COUNTED.factor)
        if back > factor * forth:
            found.append(f"{name}: {back} {what} backward for {forth} forward, {back / forth:.3g} times; the budget is {factor:g}")
    return found


# ---- measured


class Outcome(StrEnum):
    """What a measured cost shows."""

    AGREE = "AGREE"
    COST_OVER = "COST_OVER"
    UNDECIDED = "UNDECIDED"


@dataclass(frozen=True)
class Interval:
    """A median and the ends between which the true one lies with at least 95 % probability."""

    low: float
    median: float
    high: float

    def __str__(self) -> str:
        if not math.isfinite(self.low):
            return f"{self.median:.2f}"
        return f"{self.median:.2f} [{self.low:.2f}, {self.high:.2f}]"


def median_interval(values: Sequence[float], level: float = 0.95) -> Interval:
    """The median of a sample and the interval between its order statistics; without ends below 6 values.

    >>> print(median_interval([1.0, 2.0, 3.0, 4.0, 5.0, 6.0]))
    3.50 [1.00, 6.00]
    """
    xs = sorted(values)
    n = len(xs)
    if not n:
        return Interval(-math.inf, math.nan, math.inf)
    middle = xs[n // 2] if n % 2 else (xs[n // 2 - 1] + xs[n // 2]) / 2
    below, k = 0.0, 0
    for i in range(n):  # the largest k with P(fewer than k of n values lie below the median) <= (1 - level) / 2
        below += math.comb(n, i) / 2**n
        if below > (1 - level) / 2:
            break
        k = i + 1
    return Interval(xs[k - 1], middle, xs[n - k]) if k else Interval(-math.inf, middle, math.inf)


NOISE_MAX = 0.25
ROUNDS_MIN = 6


@dataclass(frozen=True)
class Judged:
    """A measured ratio before its budget, and the control: the same forward pass timed against itself."""

    outcome: Outcome
    ratio: Interval
    budget: Budget
    reason: str


def judge_ratio(forward: Sequence[float], backward: Sequence[float], again: Sequence[float], budget: Budget) -> Judged:
    """The verdict on backward/forward of paired seconds; ``again`` is a second timing of the same forward in each round.

    COST_OVER where the whole interval lies above the budget, AGREE where it lies at or below. UNDECIDED between, with fewer than 6 rounds, and
    where the machine cannot tell a computation from itself: the control's median is off 1 by more than 25 %, or half of its
    values are.
    """
    ratio = median_interval([b / f for f, b in zip(forward, backward, strict=True)])
    if len(forward) < ROUNDS_MIN:
        return Judged(Outcome.UNDECIDED, ratio, budget, f"{len(forward)} rounds, expected at least {ROUNDS_MIN}")
    off = [abs(a / f - 1) for f, a in zip(forward, again, strict=True)]
    if median_interval(off).median > NOISE_MAX:
        return Judged(
            Outcome.UNDECIDED, ratio, budget,
            f"noisy machine: the forward pass differs from itself by {median_interval(off).median:.0%}, in the median",
        )  # fmt: skip
    if ratio.median <= 0:
        return Judged(Outcome.UNDECIDED, ratio, budget, "the plain forward pass takes longer than forward and backward in one program: no measure of it")
    if ratio.low > budget.factor:
        return Judged(Outcome.COST_OVER, ratio, budget, f"{ratio} is above the budget of {budget.factor:g} ({budget.reason})")
    if ratio.high > budget.factor:
        return Judged(Outcome.UNDECIDED, ratio, budget, f"{ratio} has the budget of {budget.factor:g} inside")
    return Judged(Outcome.AGREE, ratio, budget, f"{ratio} is within {budget.factor:g}")


@dataclass(frozen=True)
class Line:
    """A straight line through counted costs: slope, offset, and the largest distance of a count from it."""

    slope: float
    offset: float
    off: float


def line(sizes: Sequence[float], costs: Sequence[float]) -> Line:
    """The line through the first and last point: counts are exact, so a linear cost lies on it."""
    slope = (costs[-1] - costs[0]) / (sizes[-1] - sizes[0])
    offset = costs[0] - slope * sizes[0]
    return Line(slope, offset, max(abs(c - offset - slope * s) for s, c in zip(sizes, costs, strict=True)))
