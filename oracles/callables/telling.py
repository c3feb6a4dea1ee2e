"""Whether a look at one entry decided anything: could it have told the gradient from another, or only nothing from nothing?

A tolerance above the slope itself passes zero, and five times the slope, as well as the slope. Such an entry counts as undecided,
unless the slope is one of the plain cases: f does not move there, f is at rest at a point around which it moves, or f rises
without end, so that an infinity is right.
"""

from __future__ import annotations

import numpy as np

from gradproof.oracles.callables.look import Look
from gradproof.oracles.callables.point import Point
from gradproof.oracles.callables.slope import SHARP
from gradproof.oracles.graph import Array

TOLD = 0.5  # a tolerance above this part of the slope could not have told it from zero
AT_REST = 1e-6  # below this part of f's mean slope around the point, a slope is told to be zero
FLAT = 1e-3  # a function that does not move over this part of the first radius does not move
NEGLIGIBLE = 1e-6  # an entry known to be below this part of the largest one
REACH = (1.0, 0.5, 0.1)
RISES = 6  # radii, each a hundredth of the one before, at which a slope without end is looked for
GROWS = 1.1


def told(seen: Look) -> bool:
    """Whether one of the cotangents at least gives a tolerance that tells the slope from zero."""
    size = np.maximum(np.abs(seen.got), np.abs(seen.expected))
    return bool(((seen.tolerance <= TOLD * size) & np.isfinite(seen.tolerance)).any() or (seen.tolerance == 0).all())


def at_rest(point: Point, i: int, seen: Look) -> bool:
    """Whether a slope is zero as far as f moves around the point: a stationary point, or f does not move at all."""
    radius = 0.5 * float(point.scale[i])
    steepest = np.max([np.abs(m) for m in _moves(point, i, radius)] or [np.zeros(len(seen.got))], axis=0) / radius
    if (np.isfinite(seen.tolerance) & (seen.tolerance <= AT_REST * steepest)).any():
        return True
    start = 0.5 * max(1.0, abs(float(point.flat[i])))
    whole = _moves(point, i, start)
    if len(whole) == 2 * len(REACH) and not np.any(np.abs(whole) > SHARP * point.floor):
        return True  # no more than rounding, so the slope of a constant
    near = _moves(point, i, FLAT * start)
    return bool((seen.got == 0).all() and len(near) == 2 * len(REACH) and not np.any(near))


def _moves(point: Point, i: int, radius: float) -> list[Array]:
    """How far f is moved by moving entry i, where it is finite."""
    direction = np.zeros(point.flat.size)
    direction[i] = radius
    line = point.line(direction)
    found = [line(side * t)[0] - point.middle for t in REACH for side in (1.0, -1.0)]
    return [m for m in found if np.isfinite(m).all()]


def rises_without_end(point: Point, i: int, got: Array) -> bool:
    """Whether infinite entries are right: the nearer the point, the steeper f, on every side that it has, of that sign."""
    wanted = np.isinf(got)
    sides = 0
    for side in (1.0, -1.0):
        direction = np.zeros(point.flat.size)
        direction[i] = side * float(point.scale[i])
        line = point.line(direction)
        before: Array | None = None
        seen = 0
        for n in range(1, RISES + 1):
            h = 100.0**-n
            values, floor, _ = line(h)
            if not np.isfinite(values[wanted]).all() or (np.abs(values - point.middle) <= 1e3 * (floor + point.floor))[wanted].any():
                break
            slope = side * (values - point.middle)[wanted] / h
            if (np.sign(slope) != np.sign(got[wanted])).any():
                return False
            if before is not None and (np.abs(slope) < GROWS * np.abs(before)).any():
                return False
            before, seen = slope, n
        if seen == 0 and np.isfinite(line(100.0**-1)[0][wanted]).all():
            return False  # f is there, and does not rise
        sides += seen > 2
    return bool(wanted.any() and sides)


def without_number(got: Array) -> bool:
    return not bool(np.isfinite(got).all())


def negligible(point: Point, seen: Look) -> bool:
    """Whether all that the entry may be is far below the largest entry."""
    largest = np.max(np.nan_to_num(np.abs(point.gradients), posinf=0.0), axis=1)
    return bool((np.isfinite(seen.tolerance) & (seen.tolerance <= NEGLIGIBLE * largest)).any()) and bool((seen.got != 0).any())


def narrowed(point: Point, i: int, start: float) -> Point | None:
    """The point with cotangents on those outputs alone that entry i moves: the rounding of the others hides nothing.

    None where they are all of them.
    """
    subject = point.subject
    try:
        still = [np.asarray(y) for y in subject.values(subject.split(point.flat))]
        moves = [np.zeros(y.shape, bool) for y in still]
        for t in (1.0, -1.0, 0.37, -0.37, 0.01, -0.01):
            moved = point.flat.copy()
            moved[i] += t * start
            for m, y, before in zip(moves, subject.values(subject.split(moved)), still, strict=True):
                m |= np.asarray(y) != before
        if all(m.all() for m in moves) or not any(m.any() for m in moves):
            return None
        cotangents = [[np.where(m, c, 0).astype(c.dtype) for m, c in zip(moves, ct, strict=True)] for ct in point.cotangents]
        return Point(subject, point.flat, cotangents, subject.gradient(point.flat, cotangents), point.seed)
    except Exception:  # noqa: BLE001 - as in ``Point.projected``
        return None
