"""All the looks taken at a point, and what they come to for each entry: right, wrong, on a kink, a choice, or undecided."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from gradproof.oracles.callables.look import Look, look
from gradproof.oracles.callables.point import Point
from gradproof.oracles.callables.telling import at_rest, narrowed, negligible, rises_without_end, told, without_number
from gradproof.oracles.graph import Array

STEPS = 64  # roundings of an entry: so far aside a choice at a tie is taken, and a slope is still the same
SMALL = 1e-3  # an entry below this is looked at on its own scale too
NO_NUMBER = "no number, and the values of f do not show that f rises without end there (0 times an infinite slope?)"
SHARE = 1e-2  # of the sizes that add up along a direction: a sum known no better shows no derivative
NARROWED = 32  # entries that are looked at with cotangents of their own, at ten pullbacks each


@dataclass(frozen=True)
class Open:
    """An entry without a decision: why, and whether the verdict may pass it by because all it can be is far below the rest."""

    reason: str
    slight: bool


@dataclass
class Survey:
    """The looks taken at a point: coordinates by their number, and random directions."""

    point: Point
    k: float
    coordinates: dict[int, Look] = field(default_factory=dict)
    random: list[tuple[Array, Look]] = field(default_factory=list)
    undecided: dict[int, Open] = field(default_factory=dict)
    points: dict[int, Point] = field(default_factory=dict)  # of entries that were judged with cotangents of their own
    radius: float = 0.0
    relative: float = 0.0
    narrowed: int = 0

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
            if found.status in ("agrees", "open"):
                found = self._decided(i, direction, found)
            if found.status == "wrong" and self._right_beside(i, found):
                found = replace(found, status="choice")
            self.coordinates[i] = found
        return self.coordinates[i]

    def _decided(self, i: int, direction: Array, seen: Look) -> Look:
        """A look that told nothing, again: on the entry's own scale, and at those outputs alone that it moves."""
        point, size = self.point, abs(float(self.point.flat[i]))
        if seen.status == "agrees" and told(seen):
            return seen
        if without_number(seen.got):
            if rises_without_end(point, i, seen.got):
                return replace(seen, status="agrees", tolerance=np.zeros_like(seen.tolerance), expected=seen.got)
        else:
            if 0 < size < SMALL:
                close = look(point, direction, 0.5 * size, self.k)
                if close.status == "agrees" and told(close) and close.expected.any():  # 0 may be underflow
                    return close
            start = 0.5 * max(1.0, size)
            other = narrowed(point, i, start) if self.narrowed < NARROWED else None
            self.narrowed += 1
            if other is not None:
                again = look(other, direction, start, self.k)
                if again.status == "wrong" or (again.status == "agrees" and (told(again) or at_rest(other, i, again))):
                    self.points[i] = other
                    return again
        if seen.status != "agrees" or not at_rest(point, i, seen):
            self.undecided[i] = self._why(seen)
        return seen

    def _why(self, seen: Look) -> Open:
        if without_number(seen.got):
            return Open(NO_NUMBER, False)
        if seen.status == "open":
            return Open("f is singular, too noisy, or jumps there", False)
        reason = f"only to within {seen.tolerance.min():.1e}, so they could not tell this gradient from zero"
        return Open(reason, negligible(self.point, seen))

    def _right_beside(self, i: int, seen: Look) -> bool:
        """Whether a wrong entry, if it is a number, is right a few roundings to the left and to the right of the point."""
        if not np.isfinite(seen.got).all():
            return False
        point = self.points.get(i, self.point)
        step = STEPS * point.subject.unit * float(point.scale[i])
        for away, slope in ((-step, seen.left), (step, seen.right)):
            moved = point.flat.copy()
            moved[i] += away
            off = np.abs(point.gradient_at(moved)[:, i] - (seen.expected if slope is None else slope))
            if not (off <= seen.tolerance).all():
                return False
        return True

    @property
    def covered(self) -> bool:
        """Whether a random direction, which every entry turns, decided anything."""
        return any(seen.status == "kink" or (seen.status == "agrees" and told(seen)) for _, seen in self.random)

    def directions(self, count: int, rng: np.random.Generator, without: Sequence[int] = ()) -> None:
        """Look along random directions, scaled to the entries and of one size by turns."""
        point = self.point
        for n in range(count):
            relative = n % 2 == 0
            direction = rng.choice([-1.0, 1.0], point.flat.size) * rng.uniform(0.3, 1.0, point.flat.size)
            if relative:
                direction *= point.scale
            direction[list(without)] = 0.0
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
        still = self.beyond_directions
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
    def beyond_directions(self) -> list[int]:
        """Entries that would spoil a random direction: without a slope, or off at the very point only."""
        return [i for i, seen in self.coordinates.items() if seen.status in ("open", "choice") or without_number(seen.got)]

    def smooth(self) -> bool:
        """Whether f has a derivative at the point as far as lines show it: along each random direction what the entries give together.

        Every entry must have been looked at, and its slope be known from both sides at once.
        """
        looks = [self.coordinates.get(i) for i in range(self.point.flat.size)]
        if not self.random or any(seen is None or seen.status not in ("agrees", "choice") or seen.left is not None for seen in looks):
            return False
        for direction, seen in self.random:
            if seen.status not in ("agrees", "wrong") or seen.left is not None:
                return False
            parts = [(abs(d), d * c.expected, c.tolerance) for d, c in zip(direction.tolist(), looks, strict=True) if c is not None and d]
            together = sum((p for _, p, _ in parts), np.zeros_like(seen.expected))
            room = sum((d * e for d, _, e in parts), seen.tolerance)
            size = sum((np.abs(p) for _, p, _ in parts), np.zeros_like(room))
            if not (np.abs(together - seen.expected) <= room).all() or not (room <= SHARE * size).all():
                return False
        return True

    @property
    def choices(self) -> dict[int, Look]:
        """Entries off at the very point only."""
        return {i: seen for i, seen in self.coordinates.items() if seen.status == "choice"}

    @property
    def kinked(self) -> bool:
        return any(seen.status == "kink" for seen in self.looks)

    @property
    def looks(self) -> list[Look]:
        return [*self.coordinates.values(), *(seen for _, seen in self.random)]

    def least(self) -> float:
        """The smallest relative error that would have been seen, in the median of all looks; 0 where no slope is above 0."""
        size = np.max([np.nan_to_num(np.abs(s.got), posinf=0.0) for s in self.coordinates.values()], axis=0)
        seen = [
            float(t / abs(g))
            for s in self.looks
            if s.status in ("agrees", "wrong")
            for t, g, most in zip(s.tolerance, s.expected, size.tolist(), strict=True)
            if abs(g) > 1e-3 * most and np.isfinite(t)  # what is left of a zero slope has no relative error
        ]
        return float(np.median(seen)) if seen else 0.0

    def evidence(self) -> str:
        least = f"{found:.0e}" if (found := self.least()) else "unknown"
        n = self.point.flat.size
        text = (
            f"differences, {len(self.looks)} directions ({len(self.coordinates)} of {n} entries and {len(self.random)} "
            f"random), smallest relative error it would have seen about {least}"
        )
        still = len(self.undecided)
        return text + (f"; {still} {'entry' if still == 1 else 'entries'} undecided" if still else "")
