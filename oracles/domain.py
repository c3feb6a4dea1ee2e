"""Domains of operands, and how to get there: values are built inside the domain, never filtered afterwards."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from gradproof.oracles.graph import Array

Guard = tuple[str, ...]


@dataclass(frozen=True)
class Domain:
    """Where an operand may lie.

    ``into`` maps any finite float64 array inside. ``guards`` are chains of ops, any of which maps a computed value of
    a random graph inside (applied innermost first).
    """

    name: str
    into: Callable[[Array], Array]
    guards: tuple[Guard, ...] = ()


def _unit(x: Array) -> Array:
    """Into (-1, 1): values inside stay, larger ones are turned over, and 1 itself moves to the last float below."""
    y = np.where(np.abs(x) > 1, 1 / np.where(x == 0, 1.0, x), x)
    return np.clip(y, -1 + 2.0**-20, 1 - 2.0**-20)


TINY = 1e-30
ORIGIN = Domain("real, mostly 0", lambda x: np.where(np.abs(x) < 2.5, 0.0, x))
ZEROS = Domain("real, many zeros", lambda x: np.where(np.abs(x) < 1, 0.0, x))
REAL = Domain("real", lambda x: x)
OFF_JUMP = Domain("real, computed values away from 0", lambda x: x, (("nn.softplus",), ("nn.softplus", "negative")))
MODERATE = Domain("moderate", lambda x: np.clip(x, -40.0, 40.0), (("tanh",), ("nn.sigmoid",), ("sin",)))
POSITIVE = Domain(
    "positive", lambda x: np.where(x == 0, 1.0, np.maximum(np.abs(x), TINY)), (("nn.softplus",), ("exp", "nn.softplus"), ("nn.sigmoid",))
)
NONNEGATIVE = Domain("nonnegative", np.abs, (("nn.softplus",), ("nn.sigmoid",), ("sin", "square", "exp")))
NONZERO = Domain(
    "nonzero", lambda x: np.where(np.abs(x) < TINY, 1.0, x), (("nn.softplus",), ("nn.sigmoid",), ("cosh", "tanh"))
)
UNIT = Domain("open unit interval", _unit, (("tanh", "sin"), ("sin", "tanh"), ("nn.sigmoid",)))
ABOVE_ONE = Domain("above one", lambda x: 1 + np.maximum(np.abs(x), 2.0**-18), (("nn.softplus", "exp"),))
ABOVE_MINUS_ONE = Domain(
    "above minus one", lambda x: np.where(x > -1 + 2.0**-20, x, np.abs(x)), (("tanh", "sin"), ("nn.softplus",))
)
BASE = Domain("positive, far from 0", lambda x: np.clip(np.abs(x), 2.0**-10, 2.0**10), POSITIVE.guards)
EXPONENT = Domain("small", lambda x: np.clip(x, -4.0, 4.0), MODERATE.guards)
