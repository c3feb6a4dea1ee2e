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
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np

from gradproof.oracles.graph import Array
from gradproof.oracles.point import Point
from gradproof.oracles.slope import LEFT, RIGHT, Slope, fit, ladder, rough

FINE = 1e-3  # below this part of the first radius a mismatch counts only if f is smooth around it
STEPS = 64  # roundings of an entry: so far aside a choice at a tie is taken, and a slope is still the same
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
        return s.known and (s.sharp or bool((k * s.error <= TELLING * size).all()))

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
        return says(found, "open")
    return says(middle, "agrees" if within(middle) else "wrong")


@dataclass
class Survey:
    """The looks taken at a point: coordinates by their number, and random directions."""

    point: Point
    k: float
    coordinates: dict[int, Look] = field(default_factory=dict)
    random: list[tuple[Array, Look]] = field(default_factory=list)
    radius: float = 0.0
    relative: float = 0.0

    def coordinate(self, i: int) -> Look:
        if i not in self.coordinates:
            point = self.point
            direction = np.zeros(point.flat.size)
            direction[i] = 1.0
            size = abs(float(point.flat[i]))
            hints = [h for h in (self.radius, self.relative * size) if h > 0]
            found = look(point, direction, 0.5 * max(1.0, size), self.k, hints)
            if found.status == "agrees":
                self.radius = max(self.radius, found.radius)  # a small one from near a kink would blunt all others
                self.relative = max(self.relative, found.radius / size) if size else self.relative
            if found.status == "wrong" and self._right_beside(i, found):
                found = replace(found, status="choice")
            self.coordinates[i] = found
        return self.coordinates[i]

    def _right_beside(self, i: int, seen: Look) -> bool:
        """Whether a wrong entry, if it is a number, is right a few roundings to the left and to the right of the point."""
        if not np.isfinite(seen.got).all():
            return False
        point = self.point
        step = STEPS * point.subject.unit * float(point.scale[i])
        for away, slope in ((-step, seen.left), (step, seen.right)):
            moved = point.flat.copy()
            moved[i] += away
            off = np.abs(point.gradient_at(moved)[:, i] - (seen.expected if slope is None else slope))
            if not (off <= seen.tolerance).all():
                return False
        return True

    def directions(self, count: int, rng: np.random.Generator) -> None:
        """Look along random directions, scaled to the entries and of one size by turns."""
        point = self.point
        for n in range(count):
            relative = n % 2 == 0
            direction = rng.choice([-1.0, 1.0], point.flat.size) * rng.uniform(0.3, 1.0, point.flat.size)
            if relative:
                direction *= point.scale
            start = 0.5 if relative else 0.5 * max(1.0, float(np.abs(point.flat).max()))
            self.random.append((direction, look(point, direction, start, self.k)))

    def locate(self, direction: Array) -> int | None:
        """The entry to blame for a direction that is wrong, by halving; None if no single one can be told."""
        on = np.flatnonzero(direction)
        while len(on) > 1:
            for half in (on[: len(on) // 2], on[len(on) // 2 :]):
                part = np.zeros_like(direction)
                part[half] = direction[half]
                size = float(np.abs(part).max())
                if len(half) == 1 or look(self.point, part, 0.5 * max(1.0, 1.0 / size), self.k).status == "wrong":
                    on = half
                    break
            else:
                return None
            if len(on) == 1 and self.coordinate(int(on[0])).status != "wrong":
                rest = half if half is not on else np.setdiff1d(np.flatnonzero(direction), on)
                wrong = [i for i in rest[:2].tolist() if self.coordinate(i).status == "wrong"]
                return wrong[0] if wrong else None
        return int(on[0])

    def astray(self) -> list[tuple[Array, Look]]:
        """Random directions that are wrong where every entry looked at is right: errors too small to see in one entry.

        They count without the entries that nothing can be said of, and only as far as the tolerances of the entries can
        hide them: a direction that contradicts its own coordinates shows a function without a derivative. Of a large
        input only some coordinates are known, so two directions must agree that something is wrong.
        """
        still = [i for i, seen in self.coordinates.items() if seen.status in ("open", "choice")]
        found = []
        for direction, seen in self.random:
            if seen.status == "wrong" and still:
                direction = direction.copy()
                direction[still] = 0.0
                start = 0.5 * max(1.0, float(np.max(self.point.scale, initial=0.0, where=direction != 0)))
                seen = look(self.point, direction, start, self.k)
            if seen.status == "wrong" and self._hidden(direction, seen):
                found.append((direction, seen))
        return found if len(self.coordinates) == self.point.flat.size or len(found) > 1 else []

    def _hidden(self, direction: Array, seen: Look) -> bool:
        """Whether the coordinates' tolerances leave room for what the direction found."""
        on = np.flatnonzero(direction).tolist()
        if not all(i in self.coordinates for i in on):
            return True
        room = sum(abs(direction[i]) * self.coordinates[i].tolerance for i in on)
        return bool((np.abs(seen.got - seen.expected) <= room + seen.tolerance).all())

    @property
    def choices(self) -> dict[int, Look]:
        """Entries off at the very point only."""
        return {i: seen for i, seen in self.coordinates.items() if seen.status == "choice"}

    @property
    def kinked(self) -> bool:
        looks = [*self.coordinates.values(), *(seen for _, seen in self.random)]
        return any(seen.status == "kink" for seen in looks)
