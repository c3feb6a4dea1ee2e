"""Images of another size. Composed: entries read, and two neighbours weighed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from gradproof.engine.array import Array, as_array
from gradproof.engine.errors import ShapeError
from gradproof.engine.functions import elementwise as el
from gradproof.engine.functions.convolution import Steps, steps
from gradproof.engine.functions.indexing import take

__all__ = ["interpolate"]
MODES = ("nearest", "nearest-exact", "linear")


def interpolate(x: Any, size: Steps, mode: str = "nearest", align_corners: bool = False) -> Array:
    """The spatial axes in another length, by the nearest entry or by two neighbours along each axis.

    "nearest" takes the entry that the start of a place falls into, "nearest-exact" that of its middle; "linear" is linear in
    each axis (bilinear in images), with the middles of places or, with ``align_corners``, the outermost entries in line.

    Shapes: x (N, C, *lengths), result (N, C, *size).
    """
    x = as_array(x)
    rank = x.ndim - 2
    lengths = steps(size, rank, "interpolate: size") if rank > 0 else ()
    if rank < 1 or 0 in x.shape[2:] or min(lengths) < 1:
        raise ShapeError(f"interpolate: x of shape {x.shape} to size {size}; expected (N, C, ...) with one entry or more an axis.")
    if mode not in MODES:
        raise ValueError(f"interpolate: mode={mode!r}, expected one of {', '.join(MODES)}.")
    out: Array = x
    for axis, m in enumerate(lengths, 2):
        n = out.shape[axis]
        places = np.arange(m)
        if mode == "nearest":
            out = take(out, places * n // m, axis)
        elif mode == "nearest-exact":
            out = take(out, (2 * places + 1) * n // (2 * m), axis)
        else:
            out = _lerp(out, axis, *_parts(n, m, align_corners))
    return out


def _parts(n: int, m: int, align_corners: bool) -> tuple[Any, Any, int]:
    """The entry before each place, and how many parts of so many it lies beyond: whole numbers, so that none is rounded."""
    places = np.arange(m)
    if align_corners:
        over, whole = places * (n - 1), max(m - 1, 1)
    else:
        over, whole = np.maximum((2 * places + 1) * n - m, 0), 2 * m
    return over // whole, over % whole, whole


def _lerp(x: Array, axis: int, low: Any, over: Any, whole: int) -> Array:
    spread: Sequence[int] = (-1, *(1,) * (x.ndim - 1 - axis))
    right, left = (el.beside(x, (part / whole).reshape(spread)) for part in (over, whole - over))
    after = np.minimum(low + 1, x.shape[axis] - 1)
    return el.add(el.multiply(take(x, low, axis), left), el.multiply(take(x, after, axis), right))
