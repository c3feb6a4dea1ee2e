"""Images of another size: interpolated, or with entries moved between channels and places."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np

from gradproof.oracles.catalogue.convolution import image_shape
from gradproof.oracles.catalogue.row import Op, Shape, Sketch, Slot
from gradproof.oracles.catalogue.source import Source


def source_of(i: int, n: int, m: int, align_corners: bool) -> Fraction:
    """Where the i-th of m entries lies among n."""
    if align_corners:
        return Fraction(i * (n - 1), m - 1) if m > 1 else Fraction(0)
    return max((i + Fraction(1, 2)) * Fraction(n, m) - Fraction(1, 2), Fraction(0))


def _interpolate(xp: Any, x: Any, size: tuple[int, ...], mode: str, align_corners: bool) -> Any:
    for axis, m in enumerate(size, 2):
        n = np.shape(x)[axis]
        if mode != "linear":
            shift = Fraction(0) if mode == "nearest" else Fraction(1, 2)
            x = xp.take(x, np.array([int((i + shift) * Fraction(n, m)) for i in range(m)]), axis=axis)
            continue
        at = [source_of(i, n, m, align_corners) for i in range(m)]
        low = np.array([int(a) for a in at])
        share = [a - int(a) for a in at]
        shape = (-1, *(1,) * (len(np.shape(x)) - 1 - axis))
        right, left = (np.array([float(w) for w in ws]).reshape(shape) for ws in (share, [1 - w for w in share]))
        x = xp.take(x, low, axis=axis) * left + xp.take(x, np.minimum(low + 1, n - 1), axis=axis) * right
    return x


def _pixel_shuffle(xp: Any, x: Any, factor: int) -> Any:
    high, wide = np.shape(x)[2:]
    rows = []
    for i in range(high * factor):
        line = [x[:, (i % factor) * factor + j % factor :: factor**2, i // factor, j // factor] for j in range(wide * factor)]
        rows.append(xp.stack(line, axis=-1))
    return xp.stack(rows, axis=-2)


def _pixel_unshuffle(xp: Any, x: Any, factor: int) -> Any:
    channels = np.shape(x)[1]
    parts = [x[:, c, i::factor, j::factor] for c in range(channels) for i in range(factor) for j in range(factor)]
    return xp.stack(parts, axis=1)


def _channel_shuffle(xp: Any, x: Any, groups: int) -> Any:
    each = np.shape(x)[1] // groups
    return xp.take(x, np.array([g * each + i for i in range(each) for g in range(groups)]), axis=1)


# ---- sketches


def _interpolate_sketch(source: Source, shape: Shape) -> Sketch | None:
    if len(shape) not in (3, 4) or 0 in shape:
        return None
    size = tuple(source.pick((2, 1, 3, 4, 5, 2 * n)) for n in shape[2:])
    mode = source.pick(("nearest", "linear", "linear", "nearest-exact"))
    return Sketch((Slot(shape),), {"size": size, "mode": mode, "align_corners": mode == "linear" and source.flag()})


def _by_factor(fits: Callable[[Shape, int], bool], factors: tuple[int, ...], name: str) -> Callable[[Source, Shape], Sketch | None]:
    def sketch(source: Source, shape: Shape) -> Sketch | None:
        fitting = [f for f in factors if len(shape) == 4 and 0 not in shape and fits(shape, f)]
        return Sketch((Slot(shape),), {name: source.pick(fitting)}) if fitting else None

    return sketch


def _shape(*shapes: Shape) -> Callable[[Source], Shape]:
    return lambda source: source.pick(shapes)


def _small_image(source: Source) -> Shape:
    return image_shape(source, source.pick((2, 1)))


ROWS = tuple(
    Op(f"nn.{name}", meaning, sketch, shape, family="sampling")
    for name, meaning, sketch, shape in (
        ("interpolate", _interpolate, _interpolate_sketch, _small_image),
        (
            "pixel_shuffle", _pixel_shuffle, _by_factor(lambda s, f: s[1] % f**2 == 0, (2, 1, 3), "factor"),
            _shape((1, 4, 1, 2), (1, 4, 2, 1), (2, 4, 1, 1), (1, 8, 1, 2), (1, 9, 1, 1), (1, 2, 2, 2)),
        ),
        (
            "pixel_unshuffle", _pixel_unshuffle, _by_factor(lambda s, f: s[2] % f == 0 == s[3] % f, (2, 1, 3), "factor"),
            _shape((1, 1, 2, 4), (1, 2, 2, 2), (2, 1, 4, 2), (1, 1, 3, 3), (1, 2, 1, 2)),
        ),
        (
            "channel_shuffle", _channel_shuffle, _by_factor(lambda s, f: s[1] % f == 0, (2, 3, 1), "groups"),
            _shape((1, 4, 1, 2), (1, 6, 1, 1), (2, 4, 1, 1), (1, 2, 2, 2), (1, 6, 2, 1), (1, 3, 1, 2)),
        ),
    )
)  # fmt: skip
