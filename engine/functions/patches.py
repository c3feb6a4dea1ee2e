"""Windows of images as columns, columns back as images, and entries moved between channels and places. All composed."""

from __future__ import annotations

from typing import Any

from gradproof.engine.array import Array, as_array
from gradproof.engine.errors import ShapeError
from gradproof.engine.functions import convolution, shape
from gradproof.engine.functions.convolution import Steps, steps

__all__ = ["channel_shuffle", "fold", "pixel_shuffle", "pixel_unshuffle", "unfold"]


def unfold(x: Any, window: Steps, stride: Steps = 1, padding: Steps = 0, dilation: Steps = 1) -> Array:
    """Every window of an image as a column.

    Shapes: x (N, C, H, W), result (N, C * high * wide, rows * columns).
    """
    x = as_array(x)
    _images("unfold", x)
    wide, step, around, apart = (steps(s, 2, "unfold: the step") for s in (window, stride, padding, dilation))
    bordered = shape.pad(x, ((0, 0), (0, 0), *((p, p) for p in around)))
    view = shape.permute_dims(convolution.windows(bordered, wide, step, apart), (0, 1, 4, 5, 2, 3))
    n, c, *rest = view.shape
    return shape.reshape(view, (n, c * wide[0] * wide[1], rest[2] * rest[3]))


def fold(x: Any, size: Steps, window: Steps, stride: Steps = 1, padding: Steps = 0, dilation: Steps = 1) -> Array:
    """Columns added back where unfold took them from: its transpose, for images of ``size``.

    Shapes: x (N, C * high * wide, rows * columns), result (N, C, *size).
    """
    x = as_array(x)
    whole, wide, step, around, apart = (steps(s, 2, "fold: the step") for s in (size, window, stride, padding, dilation))
    lengths = tuple(n + 2 * p for n, p in zip(whole, around, strict=True))
    places = tuple(
        (n - d * (k - 1) - 1) // s + 1 for n, k, s, d in zip(lengths, wide, step, apart, strict=True)
    )
    taps = wide[0] * wide[1]
    if x.ndim != 3 or x.shape[1] % taps or x.shape[2] != places[0] * places[1]:
        raise ShapeError(
            f"fold: x of shape {x.shape}; expected (N, C * {taps}, {places[0] * places[1]}) for images of {whole} and these windows."
        )
    n, c = x.shape[0], x.shape[1] // taps
    view = shape.permute_dims(shape.reshape(x, (n, c, *wide, *places)), (0, 1, 4, 5, 2, 3))
    out = convolution.fold(view, step, apart, (n, c, *lengths))
    return out[(..., *(slice(p, p + m) for p, m in zip(around, whole, strict=True)))]


def pixel_shuffle(x: Any, factor: int) -> Array:
    """Groups of factor**2 channels laid out as squares of places. Shapes: (N, C * f * f, H, W) to (N, C, H * f, W * f)."""
    x = as_array(x)
    _images("pixel_shuffle", x)
    n, c, high, wide = x.shape
    if c % factor**2:
        raise ShapeError(f"pixel_shuffle: {c} channels; expected a multiple of factor**2 = {factor**2}.")
    apart = shape.reshape(x, (n, c // factor**2, factor, factor, high, wide))
    turned = shape.permute_dims(apart, (0, 1, 4, 2, 5, 3))
    return shape.reshape(turned, (n, c // factor**2, high * factor, wide * factor))


def pixel_unshuffle(x: Any, factor: int) -> Array:
    """Squares of places laid out as channels: undoes pixel_shuffle."""
    x = as_array(x)
    _images("pixel_unshuffle", x)
    n, c, high, wide = x.shape
    if high % factor or wide % factor:
        raise ShapeError(f"pixel_unshuffle: images of {high} x {wide}; expected multiples of the factor {factor}.")
    apart = shape.reshape(x, (n, c, high // factor, factor, wide // factor, factor))
    turned = shape.permute_dims(apart, (0, 1, 3, 5, 2, 4))
    return shape.reshape(turned, (n, c * factor**2, high // factor, wide // factor))


def channel_shuffle(x: Any, groups: int) -> Array:
    """Channels dealt out anew, one from each group in turn. Shapes: x (N, C, ...)."""
    x = as_array(x)
    if x.ndim < 2 or x.shape[1] % groups:
        raise ShapeError(f"channel_shuffle: x of shape {x.shape}; expected (N, C, ...) with C a multiple of {groups}.")
    n, c, *rest = x.shape
    apart = shape.reshape(x, (n, groups, c // groups, *rest))
    turned = shape.permute_dims(apart, (0, 2, 1, *range(3, 3 + len(rest))))
    return shape.reshape(turned, (n, c, *rest))


def _images(name: str, x: Array) -> None:
    if x.ndim != 4:
        raise ShapeError(f"{name}: x of shape {x.shape}; expected images, (N, C, H, W).")
