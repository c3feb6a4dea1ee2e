"""Kernels of convolution in any number of spatial axes: columns (every window, copied), then one matrix product a group.

Three of them, ``conv``, ``conv_transpose`` and ``conv_filter``, are the derivatives of one trilinear form, <y, conv(x, w)>, by
y, x and w; so they are each other's rules, of every order. What they keep is x and w, never the columns.

Shapes: x (N, C, *lengths), weight (O, C / groups, *window), y (N, O, *positions).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import product
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from gradproof.engine.kernels.kernel import Bound, Raw, Table, like
from gradproof.engine.kernels.shape import inner

Steps = tuple[int, ...]


def fitting(lengths: Sequence[int], window: Steps, stride: Steps, dilation: Steps) -> Steps:
    """How many windows there are along each axis."""
    return tuple(
        (n - d * (k - 1) - 1) // s + 1 for n, k, s, d in zip(lengths, window, stride, dilation, strict=True)
    )


def taps(window: Steps, places: Steps, stride: Steps, dilation: Steps) -> Iterator[tuple[Steps, tuple[slice, ...]]]:
    """Each place in the window, with the key of all that it meets as the window moves."""
    for tap in product(*map(range, window)):
        starts = [i * d for i, d in zip(tap, dilation, strict=True)]
        yield tap, tuple(
            slice(i, i + s * (n - 1) + 1, s) for i, n, s in zip(starts, places, stride, strict=True)
        )


def windows(xp: Any, x: Raw, *, window: Steps, stride: Steps, dilation: Steps) -> Raw:
    """Every window over the last axes, of shape (..., *positions, *window)."""
    places = fitting(x.shape[len(x.shape) - len(window) :], window, stride, dilation)
    read = [x[(..., *key)] for _, key in taps(window, places, stride, dilation)]
    return xp.reshape(xp.stack(read, axis=-1), (*read[0].shape, *window))


def fold(xp: Any, x: Raw, *, stride: Steps, dilation: Steps, shape: tuple[int, ...]) -> Raw:
    """Windows added back where they came from: the transpose of ``windows``."""
    rank = len(stride)
    out = xp.zeros(shape, **like(x))
    for tap, key in taps(x.shape[-rank:], x.shape[-2 * rank : -rank], stride, dilation):
        out[(..., *key)] += x[(..., *tap)]
    return out


def columns(xp: Any, x: Raw, window: Steps, stride: Steps, padding: Steps, dilation: Steps, groups: int) -> Raw:
    """Every window as a column, of shape (N, groups, C / groups * taps, positions)."""
    images, channels, *lengths = x.shape
    if any(padding):
        width = ((0, 0), (0, 0), *((p, p) for p in padding))
        padded = xp.zeros(tuple(n + 2 * before for n, (before, _) in zip(x.shape, width, strict=True)), **like(x))
        padded[inner(x.shape, width)] = x
        x, lengths = padded, padded.shape[2:]
    places = fitting(lengths, window, stride, dilation)
    count = math.prod(window)
    out = xp.empty((images, channels, count, *places), **like(x))
    for i, (_, key) in enumerate(taps(window, places, stride, dilation)):
        out[:, :, i, ...] = x[(slice(None), slice(None), *key)]
    return xp.reshape(out, (images, groups, channels // groups * count, math.prod(places)))


def conv(xp: Any, x: Raw, weight: Raw, *, stride: Steps, padding: Steps, dilation: Steps, groups: int) -> Raw:
    window, filters = weight.shape[2:], weight.shape[0]
    places = fitting([n + 2 * p for n, p in zip(x.shape[2:], padding, strict=True)], window, stride, dilation)
    flat = xp.reshape(weight, (groups, filters // groups, math.prod(weight.shape[1:])))
    out = xp.matmul(flat, columns(xp, x, window, stride, padding, dilation, groups))
    return xp.reshape(out, (x.shape[0], filters, *places))


def conv_transpose(
    xp: Any, y: Raw, weight: Raw, *, shape: Steps, stride: Steps, padding: Steps, dilation: Steps, groups: int
) -> Raw:
    """The cotangent of x: columns by the transposed filters, added back; ``shape`` is x's along its spatial axes."""
    images, filters, *places = y.shape
    window, channels = weight.shape[2:], weight.shape[1] * groups
    flat = xp.reshape(weight, (groups, filters // groups, math.prod(weight.shape[1:])))
    columns = xp.matmul(
        xp.matrix_transpose(flat), xp.reshape(y, (images, groups, filters // groups, math.prod(places)))
    )
    columns = xp.reshape(columns, (images, channels, *window, *places))
    out = xp.zeros((images, channels, *(n + 2 * p for n, p in zip(shape, padding, strict=True))), **like(y))
    for tap, key in taps(window, tuple(places), stride, dilation):
        out[(slice(None), slice(None), *key)] += columns[(slice(None), slice(None), *tap, ...)]
    return out[(slice(None), slice(None), *(slice(p, p + n) for p, n in zip(padding, shape, strict=True)))]


def conv_filter(
    xp: Any, x: Raw, y: Raw, *, window: Steps, stride: Steps, padding: Steps, dilation: Steps, groups: int
) -> Raw:
    """The cotangent of the filters: what each met in x, by what came of it."""
    images, filters, *places = y.shape
    met = columns(xp, x, window, stride, padding, dilation, groups)
    came = xp.reshape(y, (images, groups, filters // groups, math.prod(places)))
    out = xp.sum(xp.matmul(met, xp.matrix_transpose(came)), axis=0)  # this way round BLAS takes 0.7 of the time
    return xp.reshape(xp.matrix_transpose(out), (filters, x.shape[1] // groups, *window))


def _windows(x: Raw, *, window: Steps, stride: Steps, dilation: Steps) -> Raw:
    rank = len(window)
    spans = tuple(d * (k - 1) + 1 for k, d in zip(window, dilation, strict=True))
    view: Any = sliding_window_view(x, spans, axis=tuple(range(-rank, 0)))  # a view, where the above copies
    return view[(..., *(slice(None, None, s) for s in (*stride, *dilation)))]


def _fold(x: Raw, *, stride: Steps, dilation: Steps, shape: tuple[int, ...]) -> Raw:
    return fold(np, np.asarray(x), stride=stride, dilation=dilation, shape=shape)


KERNELS: Table = {
    "conv": conv, "conv_filter": conv_filter, "conv_transpose": conv_transpose, "fold": fold, "windows": windows,
}  # fmt: skip
NUMPY: Bound = {"fold": _fold, "windows": _windows}
