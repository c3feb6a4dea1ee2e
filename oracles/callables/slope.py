"""The slope of a computed function along a line, from values alone, with an error that the values themselves show.

At a radius h the function is sampled at Chebyshev points of [-h, h]. The coefficients of a smooth function decay to a
plateau, and the plateau is what rounding and truncation leave: it is measured, not assumed (Trefethen, Approximation
Theory and Approximation Practice, 7 and 8). A kink at the middle leaves a plateau of h/64 times its jump, so the error
of a fit always covers it. Radii shrink until the fit is as good as the rounding of f allows.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from gradproof.oracles.graph import Array

NODES = 10
SHRINK = 6.0
RADII = 19  # from the first radius to 1e-14 of it
TAIL = 3  # coefficients that should have died out
FLAT = 1e-4  # a function flat over this part of the first radius is flat, not coarse
RISEN = 1e4  # a tail this much above that of a larger radius is noise
CLEAR = 0.1  # a plateau below this part of the largest coefficient: the function is resolved
APART = 1e3  # the middle is off the curve when it misses by this many tails
SHARP = 32.0  # a plateau within this many roundings of f is as low as it gets

_k = np.arange(NODES)
_theta = np.pi * (_k + 0.5) / NODES
_points = np.cos(_theta)
_transform = 2.0 / NODES * np.cos(np.outer(_k, _theta))
_transform[0] /= 2


@dataclass(frozen=True)
class Stencil:
    """Where a line is sampled (in units of the radius), and the slope and value that coefficients give at 0."""

    points: Array
    slope: Array
    value: Array

    @property
    def weight(self) -> float:
        """How much a plateau of one amounts to in the slope."""
        return float(np.abs(self.slope).sum())


BOTH = Stencil(_points, _k * np.sin(_k * np.pi / 2).round(), np.cos(_k * np.pi / 2).round())
RIGHT = Stencil((_points + 1) / 2, 2.0 * _k**2 * (-1.0) ** (_k + 1), (-1.0) ** _k)
LEFT = Stencil((_points - 1) / 2, 2.0 * _k**2, np.ones(NODES))

# t -> values (one for each projection), the rounding they cannot be free of, and what to take off them before a fit
Line = Callable[[float], tuple[Array, Array, Array]]


@dataclass(frozen=True)
class Slope:
    """Slopes (one for each projection), their estimated absolute errors, and the radius that gave them.

    ``sharp``: the fit went down to the rounding of f, so nothing but rounding is in the error.
    """

    value: Array
    error: Array
    radius: float
    sharp: bool
    steps: bool = False  # few distinct values: a flat piece, or rounding of a coarser format
    flat: bool = False  # one value only
    noisy: bool = False  # f is noisy around the middle, at some larger radius
    clear: Array | None = None  # where the coefficients die out, so that the fit may contradict a gradient
    plateau: Array | None = None
    tail: Array | None = None
    floor: Array | None = None

    @property
    def known(self) -> bool:
        return bool(np.isfinite(self.error).all())


@dataclass
class Fits:
    """What each radius tried says; ``best`` picks one for each projection."""

    tried: list[Slope]
    start: float

    def risen(self) -> bool:
        """Whether the tail rises as the radius shrinks: hardly a property of a function, so noise of f near the middle."""
        lowest: Any = np.inf
        for s in self.tried:
            assert s.tail is not None
            assert s.floor is not None
            if ((s.tail > RISEN * lowest) & (s.tail > SHARP * s.floor)).any():
                return True
            lowest = np.minimum(lowest, np.maximum(s.tail, s.floor))
        return False

    def best(self) -> Slope:
        if not self.tried:
            return Slope(np.array([np.nan]), np.array([np.inf]), 0.0, False, clear=np.array([False]))
        value = np.stack([s.value for s in self.tried])
        error = np.stack([s.error for s in self.tried])
        steps = np.array([s.steps for s in self.tried])[:, None]
        narrow = steps & (np.array([s.radius for s in self.tried])[:, None] < FLAT * self.start)
        clear = np.stack([np.ones(s.value.shape, bool) if s.clear is None else s.clear for s in self.tried])
        telling = ~steps & (error < 0.1 * np.abs(value))
        # a smooth fit at a larger radius beats a flat step, and a narrow one may be rounding of f: no evidence
        rank = np.where(narrow | (steps & telling.any(axis=0)), np.inf, error)
        # a fast oscillation sampled coarsely may look small: where any fit is clear, only those count
        usable = clear & np.isfinite(rank)
        rank = np.where(usable.any(axis=0) & ~usable, np.inf, rank)
        error = np.where(narrow, np.inf, error)
        pick = np.argmin(rank, axis=0)
        column = np.arange(value.shape[1])
        sharp = all(self.tried[i].sharp for i in pick.tolist())
        radius = min((self.tried[i].radius for i in pick.tolist()), default=0.0)
        return Slope(value[pick, column], error[pick, column], radius, sharp, noisy=self.risen(), clear=clear[pick, column])


def fit(line: Line, radius: float, middle: Array, floor: Array, stencil: Stencil = BOTH) -> Slope | None:
    """The slopes at 0 from one stencil, or None where f is not finite on it."""
    rows, shifts, floors = [], [], [floor]
    for t in stencil.points.tolist():
        values, least, shift = line(t * radius)
        if not np.isfinite(values).all():
            return None
        rows.append(values)
        shifts.append(shift)
        floors.append(least)
    sampled = np.array(rows)
    coefficients = _transform @ (sampled - np.array(shifts))
    least = np.max(floors, axis=0)
    tail = np.abs(coefficients[-TAIL:]).max(axis=0)
    miss = np.abs(stencil.value @ coefficients - middle)
    # where the value in the middle is not on the curve around it, no slope of the curve is its slope
    apart = np.where(miss > APART * np.maximum(tail, least), np.inf, 1.0)
    plateau = np.maximum(np.maximum(tail, miss), least)
    clear = (plateau <= CLEAR * np.abs(coefficients[1:]).max(axis=0)) | (plateau <= SHARP * least)
    distinct = [len(set(c)) for c in sampled.T.tolist()]
    steps, flat = min(distinct, default=1) <= NODES // 2, bool((sampled == middle).all())
    sharp = bool((np.isfinite(plateau) & (plateau <= SHARP * least)).all())
    return Slope(stencil.slope @ coefficients / radius, stencil.weight * plateau / radius * apart, radius, sharp, steps, flat, False, clear, plateau, tail, least)


def rough(line: Line, radius: float, slope: Array) -> bool:
    """Whether neighbouring values jump by more than slope times distance, so that no slope at 0 means anything.

    A kink in the neighbourhood is far below that; steps of rounding are above it.
    """
    jumps = 0
    for shift in (-40, -13, -5, -2, 2, 5, 13, 40):
        away = shift * radius
        middle, floor, _ = line(away)
        found = fit(lambda t, away=away: line(away + t), 2 * radius, middle, floor)  # type: ignore[misc]
        if found is not None and found.plateau is not None:
            jumps += bool((found.plateau > np.maximum(2 * radius * slope, SHARP * floor)).any())
    return jumps > 1


def ladder(
    line: Line, start: float, middle: Array, floor: Array, stencil: Stencil = BOTH, whole: bool = False
) -> Slope:
    """The best fit over shrinking radii, down to the first sharp one; ``whole`` looks at one more."""
    fits = Fits([], start)
    sharp = 0
    radius = start
    for _ in range(RADII):
        found = fit(line, radius, middle, floor, stencil)
        radius /= SHRINK
        if found is None:
            continue
        fits.tried.append(found)
        sharp += found.sharp and not found.steps
        if sharp > (1 if whole else 0) or (found.flat and radius > FLAT * start):
            break
    return fits.best()
