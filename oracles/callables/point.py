"""A callable on trial, and a point to look at it from: values, gradients, and how noisy both are there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from gradproof.oracles.callables.slope import Line
from gradproof.oracles.engine import Engine
from gradproof.oracles.formats import FORMATS
from gradproof.oracles.graph import Array, Case

NEAR = 9  # points at which noise is measured
CONDITION = 64.0  # how much more a gradient may suffer from a rounding than the value did


@dataclass(frozen=True)
class Opaque:
    """A function on trial. ``fn``: engine arrays to a tuple of them; ``values``: the same over NumPy arrays.

    ``case`` holds the inputs as leaves, one node in the function's name, and the first cotangents. ``by_hand``: its gradient is one
    rule, so that no slopes chosen at kinks of a program's parts can have cancelled in it.
    """

    engine: Engine
    fn: Callable[..., tuple[Any, ...]]
    values: Callable[[Sequence[Array]], Sequence[Array]]
    case: Case
    by_hand: bool = False

    @cached_property
    def unit(self) -> float:
        """Unit roundoff of the coarsest dtype among inputs and outputs."""
        names = {a.dtype.name for a in (*self.case.graph.primal_values, *self.case.cotangents)}
        return max(FORMATS[name].u for name in names)

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

        What a parabola through them leaves is noise (compare Moré and Wild, Estimating Computational Noise, 2011). Noise of
        the gradient counts only as far as noise of the values explains it: a coarser backward pass is no excuse.
        """
        u = self.subject.unit
        rng = np.random.default_rng([self.seed, 7])
        direction = rng.uniform(0.5, 1, self.flat.size) * rng.choice([-1.0, 1.0], self.flat.size) * self.scale
        step = 3 * u**0.45
        times = rng.uniform(-1, 1, NEAR)  # at random, because steps of rounding may keep time with even spacing
        points = [self.flat + t * step * direction for t in times.tolist()]
        values = np.array([self.projected(p)[0] for p in points])
        gradients = np.array([self.gradient_at(p) for p in points])
        basis = np.vander(times, 3, increasing=True)
        inverse = np.linalg.pinv(basis)
        rest = (np.eye(NEAR) - basis @ inverse) / np.sqrt(NEAR - 3)
        with np.errstate(all="ignore"):
            noise = np.fmax(np.linalg.norm(rest @ values, axis=0), self.floor)
            flat = gradients.reshape(NEAR, -1)
            shake = np.linalg.norm(rest @ flat, axis=0).reshape(self.gradients.shape)
            bend = np.abs((inverse @ flat)[1]).reshape(self.gradients.shape) / step
            explained = CONDITION * noise[:, None] / self.scale
            allowed = np.fmin(16 * shake, explained) + CONDITION * u * bend + 16 * u * np.abs(self.gradients)
        return np.asarray(np.nan_to_num(allowed, nan=0.0, posinf=0.0))

    def gradient_at(self, flat: Array) -> Array:
        """The engine's gradients at another point; NaN where it raises."""
        try:
            return self.subject.gradient(flat, self.cotangents)
        except Exception:  # noqa: BLE001 - as in ``projected``
            return np.full(self.gradients.shape, np.nan)
