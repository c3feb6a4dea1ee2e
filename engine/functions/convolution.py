"""Convolutions in one to three spatial axes, their transposes, and the windows they read.

Shapes: x (N, C, *lengths); weight (O, C / groups, *window), of a transpose (C, O / groups, *window); bias (O,).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gradproof.engine.array import Array, as_array
from gradproof.engine.errors import ShapeError
from gradproof.engine.functions import elementwise as el
from gradproof.engine.functions import shape as sh
from gradproof.engine.tape import apply

__all__ = [
    "conv1d",
    "conv2d",
    "conv3d",
    "conv_transpose1d",
    "conv_transpose2d",
    "conv_transpose3d",
]

Steps = int | Sequence[int]


def steps(value: Steps, rank: int, name: str = "a parameter") -> tuple[int, ...]:
    """One number an axis; a single number is that of every axis."""
    made = (value,) * rank if isinstance(value, int) else tuple(value)
    if len(made) != rank:
        raise ShapeError(f"{name} {value!r} has {len(made)} numbers, expected {rank}: one for each spatial axis.")
    return made


# ---- primitives


def windows(x: Any, window: tuple[int, ...], stride: tuple[int, ...], dilation: tuple[int, ...]) -> Array:
    """Every window over the last axes, of shape (..., *positions, *window)."""
    return apply("windows", (as_array(x),), {"window": window, "stride": stride, "dilation": dilation})


def fold(x: Any, stride: tuple[int, ...], dilation: tuple[int, ...], shape: tuple[int, ...]) -> Array:
    """Windows added back where they came from: the transpose of windows."""
    return apply("fold", (x,), {"stride": stride, "dilation": dilation, "shape": shape})


def conv(x: Any, weight: Any, **at: Any) -> Array:
    """The cross-correlation, with its stride, padding, dilation and groups."""
    return apply("conv", (x, weight), at)


def conv_transpose(y: Any, weight: Any, **at: Any) -> Array:
    """The transpose of conv in x; ``shape`` is that of x along its spatial axes."""
    return apply("conv_transpose", (y, weight), at)


def conv_filter(x: Any, y: Any, **at: Any) -> Array:
    """The transpose of conv in its weight."""
    return apply("conv_filter", (x, y), at)


# ---- what users call


def conv1d(x: Any, weight: Any, bias: Any = None, stride: Steps = 1, padding: Steps = 0, dilation: Steps = 1, groups: int = 1) -> Array:
    """The cross-correlation of sequences with filters."""
    return _conv("conv1d", 1, x, weight, bias, stride, padding, dilation, groups)


def conv2d(x: Any, weight: Any, bias: Any = None, stride: Steps = 1, padding: Steps = 0, dilation: Steps = 1, groups: int = 1) -> Array:
    """The cross-correlation of images with filters."""
    return _conv("conv2d", 2, x, weight, bias, stride, padding, dilation, groups)


def conv3d(x: Any, weight: Any, bias: Any = None, stride: Steps = 1, padding: Steps = 0, dilation: Steps = 1, groups: int = 1) -> Array:
    """The cross-correlation of volumes with filters."""
    return _conv("conv3d", 3, x, weight, bias, stride, padding, dilation, groups)


def _conv(
    name: str, rank: int, x: Any, weight: Any, bias: Any, stride: Steps, padding: Steps, dilation: Steps, groups: int
) -> Array:
    x, weight = as_array(x), as_array(weight)
    stride, padding, dilation = (steps(s, rank, f"{name}: the step") for s in (stride, padding, dilation))
    fits = x.ndim == weight.ndim == rank + 2 and x.shape[1] == weight.shape[1] * groups and weight.shape[0] % groups == 0
    if not fits:
        raise ShapeError(
            f"{name}: x {x.shape}, weight {weight.shape}, groups={groups}; expected (N, C, ...) and (O, C / groups, ...) "
            f"of {rank + 2} axes, with O a multiple of groups."
        )
    for n, k, p, d in zip(x.shape[2:], weight.shape[2:], padding, dilation, strict=True):
        if n + 2 * p < d * (k - 1) + 1:
            raise ShapeError(
                f"{name}: a window of {k} entries, {d} apart, does not fit {n} entries padded by {p}. Pad more, or take a smaller one."
            )
    at = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    return _biased(apply("conv", (x, weight), at), bias)


def _biased(out: Array, bias: Any) -> Array:
    return out if bias is None else el.add(out, sh.reshape(bias, (1, -1, *(1,) * (out.ndim - 2))))


def conv_transpose1d(
    x: Any, weight: Any, bias: Any = None, stride: Steps = 1, padding: Steps = 0, output_padding: Steps = 0, dilation: Steps = 1,
    groups: int = 1,
) -> Array:  # fmt: skip
    """The transpose of conv1d in x: sequences made longer by a stride."""
    return _conv_transpose("conv_transpose1d", 1, x, weight, bias, stride, padding, output_padding, dilation, groups)


def conv_transpose2d(
    x: Any, weight: Any, bias: Any = None, stride: Steps = 1, padding: Steps = 0, output_padding: Steps = 0, dilation: Steps = 1,
    groups: int = 1,
) -> Array:  # fmt: skip
    """The transpose of conv2d in x: images made larger by a stride."""
    return _conv_transpose("conv_transpose2d", 2, x, weight, bias, stride, padding, output_padding, dilation, groups)


def conv_transpose3d(
    x: Any, weight: Any, bias: Any = None, stride: Steps = 1, padding: Steps = 0, output_padding: Steps = 0, dilation: Steps = 1,
    groups: int = 1,
) -> Array:  # fmt: skip
    """The transpose of conv3d in x: volumes made larger by a stride."""
    return _conv_transpose("conv_transpose3d", 3, x, weight, bias, stride, padding, output_padding, dilation, groups)


def _conv_transpose(
    name: str, rank: int, x: Any, weight: Any, bias: Any, stride: Steps, padding: Steps, after: Steps, dilation: Steps, groups: int
) -> Array:
    x, weight = as_array(x), as_array(weight)
    stride, padding, after, dilation = (steps(s, rank, f"{name}: the step") for s in (stride, padding, after, dilation))
    if not (x.ndim == weight.ndim == rank + 2 and x.shape[1] == weight.shape[0] and weight.shape[0] % groups == 0):
        raise ShapeError(
            f"{name}: x {x.shape}, weight {weight.shape}, groups={groups}; expected (N, C, ...) and (C, O / groups, ...) "
            f"of {rank + 2} axes, with C a multiple of groups."
        )
    spatial = zip(x.shape[2:], weight.shape[2:], stride, padding, after, dilation, strict=True)
    lengths = tuple((n - 1) * s - 2 * p + d * (k - 1) + 1 + a for n, k, s, p, a, d in spatial)
    if min(lengths) < 1 or any(a >= s for a, s in zip(after, stride, strict=True)):
        raise ShapeError(
            f"{name}: a result of lengths {lengths} with output_padding={after}; expected lengths from 1 on, and an output "
            f"padding below the stride {stride}."
        )
    at = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    return _biased(apply("conv_transpose", (x, weight), {"shape": lengths, **at}), bias)
