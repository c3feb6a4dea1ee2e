"""One look at a gradient: <g, d> along a direction d against the slope of the values along it.

Nothing is known of the function but its values, so the bound is the differences' own measured error, and beside it what
the engine's rounding may be: only as much of the noise seen in the gradient as the noise seen in the values explains.
Where left and right slopes differ along a coordinate, all between them is accepted. A random direction is no judge at a
kink: in relu(a) - relu(b) at 0 a sound gradient leaves its interval (docs/judge.md 3). Nor is one coordinate where kinks
cancel in the values: relu(x) - relu(-x) is x, yet a program that takes 0 for both slopes at 0 gives 0 there. So an entry that
is off at the very point, and right just beside it on both sides, is a choice that values cannot judge.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from gradproof.oracles.callables.point import Point
from gradproof.oracles.callables.slope import LEFT, RIGHT, Slope, fit, ladder, rough
from gradproof.oracles.graph import Array

FINE = 1e-3  # below this part of the first radius a mismatch counts only if f is smooth around it
TELLING = 0.05  # a tolerance above this part of the slope tells too little: look from each side


Status = Literal["agrees", "wrong", "kink", "open", "choice"]


@dataclass(frozen=True)
class Look:
    """What one direction says: a status, and for each cotangent <g, d>, the differences' slope and the tolerance.

    ``left`` and ``right`` are the slopes of the two sides where they were told apart.
    """

    status: Status
    got: Array
    expected: Array
    tolerance: Array
    radius: float = 0.0
    left: Array | None = None
    right: Array | None = None

    @property
    def worst(self) -> int:
        """The cotangent to show: the first if it is off, else that which is furthest off."""
        if len(self.got) and not abs(self.got[0] - self.expected[0]) <= self.tolerance[0]:
            return 0
        with np.errstate(all="ignore"):
            ratio = np.abs(self.got - self.expected) / self.tolerance
        return int(np.argmax(np.nan_to_num(ratio, nan=np.inf, posinf=np.inf)))


def look(point: Point, direction: Array, start: float, k: float, hints: Sequence[float] = ()) -> Look:
    """Judge <g, d> along one direction. ``hints`` are radii to try before the whole ladder."""
    on = np.flatnonzero(direction)
    alone = len(on) == 1
    terms = point.gradients[:, on] * direction[on]
    got = terms.sum(axis=1)
    slack = point.allowance[:, on] @ np.abs(direction[on]) + 8 * point.subject.unit * np.abs(terms).sum(axis=1)
    line = point.line(direction)

    def says(s: Slope, status: Status) -> Look:
        return Look(status, got, s.value, k * s.error + slack, s.radius)

    def within(s: Slope) -> bool:
        return bool((np.abs(got - s.value) <= k * s.error + slack).all())

    def against(s: Slope) -> bool:
        return s.known and bool((~(np.abs(got - s.value) <= k * s.error + slack) & s.clear).any())

    def telling(s: Slope) -> bool:
        size = np.maximum(np.abs(got), np.abs(s.value))
        whole = s.sharp and s.radius >= FINE * start  # sharp at a radius of rounding only is what a kink looks like too
        return s.known and (whole or bool((k * s.error <= TELLING * size).all()))

    for hint in hints:
        quick = fit(line, hint, point.middle, point.floor)
        if quick is not None and quick.sharp and not quick.steps and within(quick):
            return says(quick, "agrees")
    found = ladder(line, start, point.middle, point.floor)
    if found.known and not within(found) and (telling(found) or np.isfinite(got).all()):
        again = ladder(line, 0.61 * start, point.middle, point.floor, whole=True)
        if against(again):
            steepest = np.maximum(np.abs(again.value), np.nan_to_num(np.abs(got), posinf=0.0))
            noisy = again.radius < FINE * start and (again.noisy or rough(line, again.radius, steepest))
            return says(again if again.error.max() < found.error.max() else found, "open" if noisy else "wrong")
        found = again if again.known else found
    if telling(found):
        return says(found, "agrees" if within(found) else "open")
    right = ladder(line, start, point.middle, point.floor, RIGHT)
    left = ladder(line, start, point.middle, point.floor, LEFT)
    if not (right.known and left.known):
        return says(found, "open")
    if any((side.noisy and side.radius < FINE * start) or not np.all(side.clear) for side in (right, left)):
        return says(found, "open")
    error = np.maximum(right.error, left.error)
    low, high = np.minimum(left.value, right.value), np.maximum(left.value, right.value)
    between = bool(((got >= low - k * error - slack) & (got <= high + k * error + slack)).all())
    sides = Slope(np.clip(np.nan_to_num(got), low, high), error, right.radius, sharp=False)
    if ((high - low) > 2 * k * error).any():
        told = says(sides, "kink" if between or not alone else "wrong")
        return replace(told, left=left.value, right=right.value)
    middle = Slope((low + high) / 2, np.maximum(error, (high - low) / 2), right.radius, right.sharp and left.sharp)
    if not telling(middle):
        return says(found, "agrees" if found.known and found.sharp and within(found) else "open")
    return says(middle, "agrees" if within(middle) else "wrong")
