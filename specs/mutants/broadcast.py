"""Un-broadcast: the cotangent of a broadcast operand summed over the wrong axes, or not summed."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradproof.engine import tape
from gradproof.specs.mutants.mutant import Family, count, swap_last

BROADCAST = Family("un-broadcast")
BINARIES = "add multiply maximum nn.layer_norm"


def _stretched(ct: Any, shape: tuple[int, ...]) -> tuple[int, list[int]]:
    """How many axes are in front, and which others were stretched from length 1."""
    extra = len(ct.shape) - len(shape)
    return extra, [i + extra for i, n in enumerate(shape) if n == 1 and ct.shape[i + extra] > 1]


def _first_entry(ct: Any, shape: tuple[int, ...]) -> Any:
    if 0 in ct.shape:
        return np.zeros(shape, ct.dtype)
    ct = ct[(0,) * (ct.ndim - len(shape))]
    return ct[tuple(slice(0, 1) if n == 1 else slice(None) for n in shape)] if shape else ct


def _last_axes(right: Any, xp: Any, ct: Any, shape: tuple[int, ...]) -> Any:
    extra = ct.ndim - len(shape)
    summed = ct.sum(axis=tuple(range(len(shape), ct.ndim))) if extra else ct
    return summed if summed.shape == shape else right(xp, ct, shape)


def _only(right: Any, xp: Any, ct: Any, shape: tuple[int, ...], which: str) -> Any:
    """Right, but of the axes to sum the named ones give their first slice alone."""
    extra, stretched = _stretched(ct, shape)
    lost = {
        "one inner": stretched[:1] if len(stretched) > 1 else [],
        "inner": stretched,
        "leading": list(range(extra)),
        "one leading": [0] if extra > 1 else [],
        "inner if leading": stretched if extra else [],
        "last": [ct.ndim - 1] if ct.ndim - 1 in stretched else [],
        "middle": [i for i in stretched if 0 < i < ct.ndim - 1],
    }[which]
    if 0 in ct.shape:
        lost = []
    for axis in lost:
        kept = np.take(ct, [0], axis=axis)
        ct = kept if axis >= extra else np.concatenate([kept, np.zeros_like(np.delete(ct, 0, axis))], axis=axis)
    return right(xp, ct, shape)


# fmt: off
for name, wrong in (
    ("one inner", "of two inner axes only one is summed"), ("inner", "inner axes of length 1 are not summed"),
    ("leading", "leading axes are not summed"), ("one leading", "of two leading axes only one is summed"),
    ("inner if leading", "inner axes are not summed where there are leading ones"),
    ("last", "the last axis is not summed"), ("middle", "a middle axis is not summed"),
):
    BROADCAST.swap(BINARIES, wrong, tape, "unbroadcast",
                   lambda right, name=name: lambda xp, ct, shape: _only(right, xp, ct, shape, name))
BROADCAST.swap(BINARIES, "the first entry instead of the sum", tape, "unbroadcast",
               lambda right: lambda xp, ct, shape: _first_entry(ct, shape))
BROADCAST.swap(BINARIES, "the mean instead of the sum", tape, "unbroadcast",
               lambda right: lambda xp, ct, shape: right(xp, ct, shape) * (count(shape) / max(1, np.size(ct))))
BROADCAST.swap(BINARIES, "the last axes summed instead of leading ones", tape, "unbroadcast",
               lambda right: lambda xp, ct, shape: _last_axes(right, xp, ct, shape))
BROADCAST.swap("add subtract minimum", "a 0-d operand takes the last entry", tape, "unbroadcast", lambda right: lambda xp, ct, shape:
               np.asarray(ct)[(-1,) * np.ndim(ct)] if shape == () and np.size(ct) else right(xp, ct, shape))
BROADCAST.swap("hypot logaddexp multiply", "size-0 results give ones", tape, "unbroadcast", lambda right: lambda xp, ct, shape:
               np.ones(shape, ct.dtype) if np.size(ct) == 0 else right(xp, ct, shape))
BROADCAST.swap("copysign divide atan2", "the reduced cotangent is reversed", tape, "unbroadcast",
               lambda right: lambda xp, ct, shape: np.flip(right(xp, ct, shape)))
BROADCAST.wrap("multiply", "transposed where shapes are square", lambda g, *rest: swap_last(g))
BROADCAST.wrap("subtract", "the second of fewer axes than the first is not negated",
               lambda g, xp, ct, out, x, y: -g if 0 < np.ndim(y) < np.ndim(x) else g, argument=1)
BROADCAST.wrap("where", "a scalar branch gets the mean", lambda g, xp, ct, out, c, x, y:
               g / max(np.size(ct), 1) if np.ndim(x) == 0 else g, argument=1)
BROADCAST.wrap("xlogy pow", "a broadcast first argument is divided by the stretch", lambda g, xp, ct, out, x, y:
               g * (max(np.size(x), 1) / max(np.size(ct), 1)))
BROADCAST.wrap("matmul", "a batch of the second matrix gives the first matrix its last part", lambda g, xp, ct, out, x, y:
               np.concatenate([np.zeros_like(g[:-1]), g[-1:]]) if np.ndim(g) > np.ndim(x) else g)
BROADCAST.wrap("linalg.solve", "a batch of matrices gives one right side the mean", lambda g, xp, ct, out, x, y:
               g / max(np.shape(x)[0], 1) if np.ndim(g) > np.ndim(y) else g, argument=1)
BROADCAST.wrap("broadcast_to", "new leading axes are not summed", lambda g, xp, ct, out, x, shape:
               np.concatenate([g[:1], np.zeros_like(g[1:])]) if len(shape) > np.ndim(x) else g)
# fmt: on
MUTANTS = BROADCAST.mutants
