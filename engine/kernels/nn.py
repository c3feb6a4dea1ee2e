"""Kernels of networks: activations, and windows over images."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from scipy import special

from gradproof.engine.kernels.kernel import Bound, Raw, Table, like


def relu(xp: Any, x: Raw) -> Raw:
    return xp.maximum(x, 0.0)


def sigmoid(xp: Any, x: Raw) -> Raw:
    e = xp.exp(-xp.abs(x))
    return xp.where(x >= 0, 1.0, e) / (1.0 + e)


def softplus(xp: Any, x: Raw) -> Raw:
    return xp.logaddexp(x, 0.0)


def leaky_relu(xp: Any, x: Raw, *, negative_slope: float) -> Raw:
    return xp.where(x > 0, x, negative_slope * x)


def elu(xp: Any, x: Raw, *, alpha: float) -> Raw:
    return xp.where(x > 0, x, alpha * xp.expm1(xp.minimum(x, 0.0)))


def windows(xp: Any, x: Raw, *, window: tuple[int, int], stride: tuple[int, int]) -> Raw:
    """Every window over the last two axes, of shape (..., rows, columns, *window)."""
    (high, wide), (down, right) = window, stride
    rows, columns = (x.shape[-2] - high) // down + 1, (x.shape[-1] - wide) // right + 1
    tall = [
        xp.stack([x[..., places(i, down, rows), places(j, right, columns)] for j in range(wide)], axis=-1)
        for i in range(high)
    ]
    return xp.stack(tall, axis=-2)


def fold(xp: Any, x: Raw, *, stride: tuple[int, int], shape: tuple[int, ...]) -> Raw:
    """Windows added back where they came from: the transpose of ``windows``."""
    out = xp.zeros(shape, **like(x))
    rows, columns, high, wide = x.shape[-4:]
    for i in range(high):
        for j in range(wide):
            out[..., places(i, stride[0], rows), places(j, stride[1], columns)] += x[..., i, j]
    return out


def places(start: int, step: int, count: int) -> slice:
    """``count`` places from ``start`` on, a step apart."""
    return slice(start, start + step * (count - 1) + 1, step)


def _windows(x: Raw, *, window: tuple[int, int], stride: tuple[int, int]) -> Raw:
    view = sliding_window_view(x, window, axis=(-2, -1))  # a view, where the above copies
    return view[..., :: stride[0], :: stride[1], :, :]


def _fold(x: Raw, *, stride: tuple[int, int], shape: tuple[int, ...]) -> Raw:
    return fold(np, np.asarray(x), stride=stride, shape=shape)


KERNELS: Table = {
    "elu": elu, "fold": fold, "leaky_relu": leaky_relu, "relu": relu, "sigmoid": sigmoid, "softplus": softplus,
    "windows": windows,
}  # fmt: skip
NUMPY: Bound = {"fold": _fold, "sigmoid": special.expit, "windows": _windows}
