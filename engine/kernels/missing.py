"""Kernels for missing entries, which are NaN."""

from __future__ import annotations

from typing import Any

from gradproof.engine.kernels.kernel import Bound, Raw, Table


def fill_missing(xp: Any, x: Raw, *, value: float) -> Raw:
    return xp.where(xp.isnan(x), value, x)


def present(xp: Any, x: Raw) -> Raw:
    """1 where there is a number, 0 where there is none."""
    return xp.astype(~xp.isnan(x), x.dtype)


KERNELS: Table = {"fill_missing": fill_missing, "isnan": "isnan", "present": present}
NUMPY: Bound = {}
