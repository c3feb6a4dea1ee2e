"""One look at a gradient: <g, d> along a direction d against the slope of the values along it.

Nothing is known of the function but its values, so the bound is the differences' own measured error, and beside it what
the engine's rounding may be: only as much of the noise seen in the gradient as the noise seen in the values explains.
Where left and right slopes differ along a coordinate, all between them is accepted. A random direction is no judge at a
kink: in relu(a) - relu(b) at 0 a sound gradient leaves its interval (SCIENCE 3.3).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

import numpy as np

from gradproof.oracles.engine import Engine
from gradproof.oracles.graph import Array, Case
from gradproof.oracles.slope import LEFT, RIGHT, Line, Slope, fit, ladder, rough

FINE = 1e-3  # below this part of the first radius a mismatch counts only if f is smooth around it
TELLING = 0.05  # a tolerance above this part of the slope tells too little: look from each side
CONDITION = 64.0  # how much more a gradient may suffer from a rounding than the value did


@dataclass(frozen=True)
class Opaque:
    """A function on trial. ``fn``: engine arrays to a tuple of them; ``values``: the same over NumPy arrays.

    ``case`` holds the inputs as leaves, one node in the function's name, and the first cotangents.
    """

    engine: Engine
    fn: Callable[..., tuple[Any, ...]]
    values: Callable[[Sequence[Array]], Sequence[Array]]
    case: Case

    @cached_property
    def unit(self) -> float:
        """Unit roundoff of the coarsest dtype among inputs and outputs."""
        dtypes = {a.dtype for a in (*self.case.graph.primal_values, *self.case.cotangents)}
        return max(float(np.finfo(d).epsneg) for d in dtypes)

    def split(self, flat: Array) -> list[Array]:
        """A flat point as arrays of the primals' shapes and dtypes."""
        out, start = [], 0
        for v in self.case.graph.primal_values:
            out.append(flat[start : start + v.size].reshape(v.shape).astype(v.dtype))
            start += v.size
        return out

    def gradient(self, flat: Array, cotangents: Sequence[Sequence[Array]]) -> Array:
        """The engine's gradients at a point, one row for each set of cotangents."""
        engine = self.engine
        _, pullback = engine.vjp(self.fn, [engine.from_numpy(v) for v in self.split(flat)])
        rows = []
        for ct in cotangents:
            found = pullback(tuple(engine.from_numpy(np.array(c, copy=True)) for c in ct))
            rows.append(np.concatenate([np.ravel(np.array(engine.to_numpy(g), float)) for g in found]))
        return np.array(rows)


@dataclass
class Point:
    """A point, the engine's gradients there, and everything needed to judge them along a line."""

    subject: Opaque
    flat: Array
    cotangents: Sequence[Sequence[Array]]
    gradients: Array
    seed: int = 0

    def __post_init__(self) -> None:
        self.weights = np.stack([np.concatenate([np.ravel(c) for c in ct]).astype(float) for ct in self.cotangents])
        self.slopes = np.where(np.isfinite(self.gradients), self.gradients, 0.0)
        self.middle, self.floor = self.projected(self.flat)

    def projected(self, flat: Array) -> tuple[Array, Array]:
        """<cotangent, f> for each cotangent, and the rounding it cannot be free of."""
        try:
            values = self.subject.values(self.subject.split(flat))
        except Exception:  # noqa: BLE001 - outside its domain a function may raise what it likes
            return np.full(len(self.weights), np.nan), np.zeros(len(self.weights))
        y = np.concatenate([np.ravel(v) for v in values]).astype(float)
        terms = self.weights * y
        most = np.max(np.abs(terms), axis=1, initial=np.finfo(float).tiny)
        size = most * np.sqrt(np.square(terms / most[:, None]).sum(axis=1))  # without overflow
        return terms.sum(axis=1), 2 * self.subject.unit * size

    def line(self, direction: Array) -> Line:
        """t -> <cotangent, f(x + t d)>, and what rounding of x + t d has added, to first order."""

        def at(t: float) -> tuple[Array, Array, Array]:
            moved = np.concatenate([np.ravel(v) for v in self.subject.split(self.flat + t * direction)]).astype(float)
            values, floor = self.projected(moved)
            return values, floor, self.slopes @ ((moved - self.flat) - t * direction)

        return at

    @cached_property
    def scale(self) -> Array:
        """A natural size for each entry: its own, and for zeros that of the others."""
        size = np.abs(self.flat)
        some = size[size > 0]
        return np.where(size > 0, size, np.median(some) if len(some) else 1.0)

    @cached_property
    def allowance(self) -> Array:
        """What rounding may do to each entry of each gradient, from values and gradients at near points.

        Third differences show noise (Moré and Wild, Estimating Computational Noise, 2011). Noise of the gradient counts
        only as far as noise of the values explains it: a backward pass in a coarser format is no excuse.
        """
        u = self.subject.unit
        rng = np.random.default_rng([self.seed, 7])
        direction = rng.uniform(0.5, 1, self.flat.size) * rng.choice([-1.0, 1.0], self.flat.size) * self.scale
        noise, shake, bend = self.floor, np.zeros_like(self.gradients), np.zeros_like(self.gradients)
        with np.errstate(all="ignore"):
            for step in (u**0.45, u**0.38):  # two, because steps of rounding may keep time with one
                points = [self.flat + j * step * direction for j in range(-3, 4)]
                values = np.array([self.projected(p)[0] for p in points])
                gradients = np.array([self._gradient(p) for p in points])
                noise = np.fmax(noise, np.abs(np.diff(values, 3, axis=0)).max(axis=0) / np.sqrt(20))
                shake = np.fmax(shake, np.abs(np.diff(gradients, 3, axis=0)).max(axis=0) / np.sqrt(20))
                bend = np.fmax(bend, np.abs(gradients[-1] - gradients[0]) / (6 * step))
            explained = CONDITION * noise[:, None] / self.scale
            allowed = np.fmin(16 * shake, explained) + CONDITION * u * bend + 16 * u * np.abs(self.gradients)
        return np.asarray(np.nan_to_num(allowed, nan=0.0, posinf=0.0))

    def _gradient(self, flat: Array) -> Array:
        try:
            return self.subject.gradient(flat, self.cotangents)
        except Exception:  # noqa: BLE001 - as in ``projected``
            return np.full(self.gradients.shape, np.nan)


Status = Literal["agrees", "wrong", "kink", "open"]


@dataclass(frozen=True)
class Look:
    """What one direction says: a status, and for each cotangent <g, d>, the differences' slope and the tolerance."""

    status: Status
    got: Array
    expected: Array
    tolerance: Array
    radius: float = 0.0

    @property
    def worst(self) -> int:
        """The cotangent that is furthest off."""
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
        if again.known and not within(again):
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
    if any(side.noisy and side.radius < FINE * start for side in (right, left)):
        return says(found, "open")
    error = np.maximum(right.error, left.error)
    low, high = np.minimum(left.value, right.value), np.maximum(left.value, right.value)
    between = bool(((got >= low - k * error - slack) & (got <= high + k * error + slack)).all())
    sides = Slope(np.clip(np.nan_to_num(got), low, high), error, right.radius, sharp=False)
    if ((high - low) > 2 * k * error).any():
        return says(sides, "kink" if between or not alone else "wrong")
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
            self.coordinates[i] = found
        return self.coordinates[i]

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
        """Random directions that are wrong, also without the entries that nothing can be said of."""
        still = [i for i, seen in self.coordinates.items() if seen.status == "open"]
        found = []
        for direction, seen in self.random:
            if seen.status == "wrong" and still:
                direction = direction.copy()
                direction[still] = 0.0
                start = 0.5 * max(1.0, float(np.max(self.point.scale, initial=0.0, where=direction != 0)))
                seen = look(self.point, direction, start, self.k)
            if seen.status == "wrong":
                found.append((direction, seen))
        return found

    @property
    def kinked(self) -> bool:
        looks = [*self.coordinates.values(), *(seen for _, seen in self.random)]
        return any(seen.status == "kink" for seen in looks)
