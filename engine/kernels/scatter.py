"""Kernels of places that depend on values."""

from __future__ import annotations

from typing import Any

from gradproof.engine.kernels.kernel import Bound, Raw, Table, like


def bucket(xp: Any, x: Raw, *, edges: tuple[float, ...]) -> Raw:
    """How many of the ascending edges each entry is above."""
    return xp.searchsorted(xp.asarray(edges, **like(x)), x, side="left")


KERNELS: Table = {"bucket": bucket}
NUMPY: Bound = {}
