"""Domains of operands, and how to get there: values are built inside the domain, never filtered afterwards."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from gradproof.oracles.graph import Array

Guard = tuple[str, ...]


@dataclass(frozen=True)
class Room:
    """What a format leaves of the real line for operands.

    ``gap`` is how close to 1 they may come (rounding must not carry them there), ``growth`` the largest argument of
    functions that grow like exp (``far``: now and then), ``base`` the bits of a base in ``pow``, and ``tiny`` the least
    operand of a function that is singular at 0, where the square of its inverse still has to be in range.
    """

    gap: float
    growth: float
    far: float
    base: int
    tiny: float


ROOMS = {
    "float64": Room(2.0**-20, 40.0, 300.0, 10, 0.0),
    "float32": Room(2.0**-20, 40.0, 70.0, 10, 1e-18),
    "float16": Room(2.0**-9, 8.0, 9.0, 2, 2.0**-7),
    "bfloat16": Room(2.0**-6, 40.0, 70.0, 10, 1e-18),
}


@dataclass(frozen=True)
class Domain:
    """Where an operand may lie.

    ``into`` maps any finite float64 array inside, with the room that a format has. ``guards`` are chains of ops, any of
    which maps a computed value of a random graph inside (applied innermost first).
    """

    name: str
    into: Callable[[Array, Room], Array]
    guards: tuple[Guard, ...] = ()


def _unit(x: Array, room: Room) -> Array:
    """Into (-1, 1): values inside stay, larger ones are turned over, and 1 itself moves below."""
    y = np.where(np.abs(x) > 1, 1 / np.where(x == 0, 1.0, x), x)
    return np.clip(y, -1 + room.gap, 1 - room.gap)


def _closed_unit(x: Array, room: Room) -> Array:
    """Into [-1, 1]: as ``_unit``, but the ends themselves stay, where the slope of asin is infinite."""
    return np.where(np.abs(x) == 1, x, _unit(x, room))


def _off_gamma_pole(x: Array, room: Room) -> Array:
    """Positive values stay above 1e-8, negative ones come to between -5 and 0, a quarter off the whole numbers."""
    whole, part = np.floor(np.abs(x)), np.abs(x) % 1.0
    positive = np.where(x == 0, 1.0, np.maximum(x, max(1e-8, room.tiny)))
    return np.where(x < 0, -(np.minimum(whole, 4.0) + 0.25 + 0.5 * part), positive)


TINY = 1e-30
MASKED = Domain(
    "real, some minus infinity but none beside another",
    lambda x, room: np.where((np.indices(x.shape).sum(axis=0) % 2 == 1) & (np.floor(np.abs(x) * 1000) % 3 != 1), -np.inf, x) if x.ndim else x,
)
ORIGIN = Domain("real, mostly 0", lambda x, room: np.where(np.abs(x) < 2.5, 0.0, x))
ZEROS = Domain("real, many zeros", lambda x, room: np.where(np.abs(x) < 1, 0.0, x))
REAL = Domain("real", lambda x, room: x)
OFF_JUMP = Domain("real, computed values away from 0", lambda x, room: x, (("nn.softplus",), ("nn.softplus", "negative")))
MODERATE = Domain(
    "moderate", lambda x, room: np.clip(x, -room.growth, room.growth), (("tanh",), ("nn.sigmoid",), ("sin",))
)
FAR = Domain("up to the ends of the range", lambda x, room: np.clip(32.0 * x, -room.far, room.far), MODERATE.guards)
POLE = Domain(
    "beside a pole of tan", lambda x, room: math.pi / 2 + np.copysign(np.clip(np.abs(x) * 2.0**-8, 16 * room.gap, 0.5), x)
)
POSITIVE = Domain(
    "positive",
    lambda x, room: np.where(x == 0, 1.0, np.maximum(np.abs(x), TINY)),
    (("nn.softplus",), ("exp", "nn.softplus"), ("nn.sigmoid",)),
)
NONNEGATIVE = Domain(
    "nonnegative", lambda x, room: np.abs(x), (("nn.softplus",), ("nn.sigmoid",), ("sin", "square", "exp"))
)
NONZERO = Domain(
    "nonzero", lambda x, room: np.where(np.abs(x) < TINY, 1.0, x), (("nn.softplus",), ("nn.sigmoid",), ("cosh", "tanh"))
)
UNIT = Domain("open unit interval", _unit, (("tanh", "sin"), ("sin", "tanh"), ("nn.sigmoid",)))
CLOSED_UNIT = Domain("closed unit interval", _closed_unit, UNIT.guards)
ABOVE_ONE = Domain(
    "one and above",
    lambda x, room: np.where(x == 0, 1.0, 1 + np.maximum(np.abs(x), 4 * room.gap)),
    (("nn.softplus", "exp"),),
)
ABOVE_MINUS_ONE = Domain(
    "above minus one",
    lambda x, room: np.where(x > -1 + room.gap, x, np.abs(x)),
    (("tanh", "sin"), ("nn.softplus",)),
)
PROBABILITY = Domain(
    "open interval from 0 to 1",
    lambda x, room: np.where(x == 0, 0.5, np.maximum(np.abs(_unit(x, room)), max(TINY, room.tiny))),
    (("nn.sigmoid",), ("sin", "nn.sigmoid")),
)
CLOSED_PROBABILITY = Domain(  # from 1 on a label that is certain, as most are
    "from 0 to 1", lambda x, room: np.where(np.abs(x) >= 1, 1.0, np.abs(_unit(x, room))), PROBABILITY.guards
)
OFF_INTEGER = Domain("real, computed values off whole numbers", lambda x, room: x, (("nn.softplus",), ("nn.softplus", "negative")))
OFF_GAMMA_POLE = Domain("positive, or negative off the whole numbers", _off_gamma_pole, POSITIVE.guards)
BASE = Domain(
    "positive, far from 0", lambda x, room: np.clip(np.abs(x), 2.0**-room.base, 2.0**room.base), POSITIVE.guards
)
WIDE_BASE = Domain(
    "positive, over 80 powers of 2",
    lambda x, room: np.clip(np.abs(x), *((2.0**-room.base, 2.0**room.base) if room.tiny else (2.0**-40, 2.0**40))),
    POSITIVE.guards,
)
SIGNED_BASE = Domain(
    "of either sign, far from 0",
    lambda x, room: np.copysign(np.clip(np.abs(x), 2.0**-room.base, 2.0**room.base), x),
    NONZERO.guards,
)
BASE_OR_ZERO = Domain("positive, far from 0, or 0", lambda x, room: np.where(np.abs(x) < 1, 0.0, BASE.into(x, room)), POSITIVE.guards)
UPWARD = Domain("from 2 to 4", lambda x, room: np.clip(np.abs(x) + 2.0, 2.0, 4.0), (("nn.sigmoid", "exp2", "square"),))
EXPONENT = Domain("small", lambda x, room: np.clip(x, -4.0, 4.0), MODERATE.guards)
