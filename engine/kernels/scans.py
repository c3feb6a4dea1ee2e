"""Kernels that run along an axis."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradproof.engine.kernels.kernel import Bound, Raw, Table, like


def part(x: Raw, axis: int, start: int | None, stop: int | None) -> Raw:
    """The entries from ``start`` to ``stop`` along an axis that is counted from the front."""
    kept = slice(*slice(start, stop).indices(x.shape[axis]))  # within bounds, as the standard has it
    return x[(slice(None),) * axis + (kept, ...)]


def _entries(x: Raw, axis: int) -> list[Raw]:
    return [part(x, axis, i, i + 1) for i in range(x.shape[axis])]


def linear_recurrence(xp: Any, x: Raw, decay: Raw, *, axis: int, reverse: bool) -> Raw:
    """y[i] = x[i] + decay[i] y[i - 1] along an axis, from the first entry on; from the last on, y[i + 1], in reverse.

    A decay of 0 forgets what was before, also where that overflowed: a pullback of a running maximum has many.
    """
    axis %= len(x.shape)
    pairs = list(zip(_entries(x, axis), _entries(decay, axis), strict=True))
    out: list[Raw] = []
    for entry, share in reversed(pairs) if reverse else pairs:
        out.append(entry + share * xp.where(share == 0, 0.0, out[-1]) if out else entry)
    return xp.concat(out[::-1] if reverse else out, axis=axis) if out else x


def shifted(xp: Any, x: Raw, *, axis: int, by: int, fill: float) -> Raw:
    """Moved one place along an axis: what leaves at one end is gone, what enters at the other is ``fill``."""
    axis %= len(x.shape)
    edge = xp.full(tuple(min(n, 1) if i == axis else n for i, n in enumerate(x.shape)), fill, **like(x))
    rest = part(x, axis, None, -1) if by > 0 else part(x, axis, 1, None)
    return xp.concat([edge, rest] if by > 0 else [rest, edge], axis=axis)


def _running(name: str) -> Any:
    def kernel(xp: Any, x: Raw, *, axis: int) -> Raw:
        axis %= len(x.shape)
        out: list[Raw] = []
        for entry in _entries(x, axis):
            out.append(getattr(xp, name)(out[-1], entry) if out else entry)
        return xp.concat(out, axis=axis) if out else x

    return kernel


# ---- NumPy's own


def _linear_recurrence(x: Raw, decay: Raw, *, axis: int, reverse: bool) -> Raw:
    out = np.array(x, dtype=np.result_type(x, decay))
    rows, shares = np.moveaxis(out, axis, 0), np.moveaxis(decay, axis, 0)
    if reverse:
        rows, shares = rows[::-1], shares[::-1]
    for i in range(1, len(rows)):
        rows[i] += shares[i] * rows[i - 1]
    return out if np.isfinite(out).all() else linear_recurrence(np, x, decay, axis=axis, reverse=reverse)


def _cumulative_max(x: Raw, *, axis: int) -> Raw:
    return np.maximum.accumulate(x, axis=axis)


def _cumulative_min(x: Raw, *, axis: int) -> Raw:
    return np.minimum.accumulate(x, axis=axis)


def _logcumsumexp(x: Raw, *, axis: int) -> Raw:
    return np.logaddexp.accumulate(x, axis=axis)


KERNELS: Table = {
    "cumulative_max": _running("maximum"), "cumulative_min": _running("minimum"), "cumulative_prod": "cumulative_prod",
    "linear_recurrence": linear_recurrence, "logcumsumexp": _running("logaddexp"), "shifted": shifted,
}  # fmt: skip
NUMPY: Bound = {
    "cumulative_max": _cumulative_max, "cumulative_min": _cumulative_min, "linear_recurrence": _linear_recurrence,
    "logcumsumexp": _logcumsumexp,
}  # fmt: skip
