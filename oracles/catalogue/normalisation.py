"""Normalisation: by the mean and variance of a batch, of groups of channels, of one sample; by lengths; and dropout."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from gradproof.oracles.catalogue.reduction import centred
from gradproof.oracles.catalogue.row import Op, Shape, Sketch, Slot
from gradproof.oracles.catalogue.shapes import any_shape, full_shape, one_axis, within
from gradproof.oracles.catalogue.source import Source
from gradproof.oracles.domain import NONNEGATIVE, NONZERO
from gradproof.oracles.graph import Array

EPSILONS = (2.0**-10, 2.0**-17, 0.5, 2.0**-40)


def standardized(xp: Any, x: Any, axes: tuple[int, ...], eps: float) -> Any:
    """x brought to mean 0 and, but for eps, variance 1 over the axes."""
    c = centred(xp, x, axes)
    merged = int(np.prod([np.shape(x)[a] for a in axes]))
    return c * xp.rsqrt(xp.sum(xp.square(c), axes, True) / merged + eps)


def by_channel(xp: Any, values: Any, ndim: int) -> Any:
    """One value a channel, where channels are the second axis."""
    return xp.reshape(values, (1, -1, *(1,) * (ndim - 2)))


def _affine(xp: Any, x: Any, weight: Any, bias: Any) -> Any:
    ndim = len(np.shape(x))
    return x * by_channel(xp, weight, ndim) + by_channel(xp, bias, ndim)


def _batch_norm(xp: Any, x: Any, weight: Any, bias: Any, eps: float) -> Any:
    axes = (0, *range(2, len(np.shape(x))))
    return _affine(xp, standardized(xp, x, axes, eps), weight, bias)


def _batch_norm_inference(xp: Any, x: Any, mean: Any, variance: Any, weight: Any, bias: Any, eps: float) -> Any:
    ndim = len(np.shape(x))
    scale = xp.rsqrt(by_channel(xp, variance, ndim) + eps)
    return _affine(xp, (x - by_channel(xp, mean, ndim)) * scale, weight, bias)


def _group_norm(xp: Any, x: Any, weight: Any, bias: Any, groups: int, eps: float) -> Any:
    n, c, *rest = np.shape(x)
    apart = xp.reshape(x, (n, groups, c // groups, *rest))
    made = standardized(xp, apart, tuple(range(2, len(rest) + 3)), eps)
    return _affine(xp, xp.reshape(made, (n, c, *rest)), weight, bias)


def _instance_norm(xp: Any, x: Any, weight: Any, bias: Any, eps: float) -> Any:
    return _affine(xp, standardized(xp, x, tuple(range(2, len(np.shape(x)))), eps), weight, bias)


def _rms_norm(xp: Any, x: Any, weight: Any, eps: float) -> Any:
    return x * xp.rsqrt(xp.sum(xp.square(x), -1, True) / np.shape(x)[-1] + eps) * weight


def _local_response_norm(xp: Any, x: Any, size: int, alpha: float, beta: float, k: float) -> Any:
    before, after = size // 2, (size - 1) // 2
    width = ((0, 0), (before, after), *((0, 0),) * (len(np.shape(x)) - 2))
    near = xp.sum(xp.windows(xp.pad(xp.square(x), width), (size,), axis=(1,)), -1)
    return x / xp.pow(near * (alpha / size) + k, beta)


def _normalize(xp: Any, x: Any, axis: int, eps: float) -> Any:
    length = xp.fold_hypot(x, axis, True)
    return x / xp.select(length, eps, length, eps)


def _weight_norm(xp: Any, v: Any, g: Any) -> Any:
    axes = tuple(range(1, len(np.shape(v))))
    return v * (g / xp.fold_hypot(v, axes, True))


def _dropout(xp: Any, x: Any, mask: Any, rate: float) -> Any:
    return xp.where(mask, x / (1.0 - rate), 0.0)


# ---- sketches


def batch_shape(source: Source) -> Shape:
    """(N, C, *lengths), with more than one entry a channel."""
    return source.pick(((2, 3), (3, 2), (2, 2, 2), (4, 1), (2, 1, 3), (1, 2, 3), (2, 2, 1, 2), (1, 4, 2), (5, 2), (1, 2, 2, 2)))


def _channels(count: int, least: Callable[[Shape], int]) -> Callable[[Source, Shape], Sketch | None]:
    """x and ``count`` arrays of one value a channel, where each mean is over more than one entry."""

    def sketch(source: Source, shape: Shape) -> Sketch | None:
        if len(shape) < 2 or 0 in shape or least(shape) < 2:
            return None
        return Sketch((Slot(shape), *(Slot(shape[1:2]),) * count), {"eps": source.pick(EPSILONS)})

    return sketch


def _over(*axes: int | slice) -> Callable[[Shape], int]:
    return lambda shape: int(np.prod([n for a in axes for n in (shape[a] if isinstance(a, slice) else (shape[a],))]))


def _inference_sketch(source: Source, shape: Shape) -> Sketch | None:
    if len(shape) < 2 or 0 in shape:
        return None
    n = shape[1:2]
    given = Slot(n, constant=True), Slot(n, NONNEGATIVE, constant=True)
    return Sketch((Slot(shape), *given, Slot(n), Slot(n)), {"eps": source.pick(EPSILONS[:3])})


def _group_sketch(source: Source, shape: Shape) -> Sketch | None:
    if len(shape) < 2 or 0 in shape:
        return None
    fitting = [g for g in (1, 2, 3, shape[1]) if shape[1] % g == 0 and int(np.prod(shape[1:])) // g > 1]
    if not fitting:
        return None
    params = {"groups": source.pick(fitting), "eps": source.pick(EPSILONS)}
    return Sketch((Slot(shape), Slot(shape[1:2]), Slot(shape[1:2])), params)


def _rms_sketch(source: Source, shape: Shape) -> Sketch | None:
    if not shape or 0 in shape:
        return None
    return Sketch((Slot(shape), Slot(shape[-1:])), {"eps": source.pick(EPSILONS)})


def _response_sketch(source: Source, shape: Shape) -> Sketch | None:
    if len(shape) < 3 or 0 in shape:
        return None
    params = {
        "size": source.pick((2, 3, 1)), "alpha": source.pick((0.5, 1.0, 2.0**-7)), "beta": source.pick((0.75, 0.5, 1.0)),
        "k": source.pick((1.0, 2.0)),
    }  # fmt: skip
    return Sketch((Slot(shape),), params)


def _normalize_sketch(source: Source, shape: Shape) -> Sketch | None:
    if not shape or 0 in shape:
        return None
    params = {"axis": one_axis(source, len(shape)), "eps": source.pick((2.0**-40, 2.0**-10, 1.0))}
    return Sketch((Slot(shape),), params)


def _weight_sketch(source: Source, shape: Shape) -> Sketch | None:
    if len(shape) < 2 or 0 in shape:
        return None
    return Sketch((Slot(shape, NONZERO), Slot((shape[0], *(1,) * (len(shape) - 1)))))


def mask(source: Source, shape: Shape) -> Array:
    """A boolean array; all of it True is simplest."""
    count = int(np.prod(shape))
    bits = [source.byte() for _ in range((count + 7) // 8)]
    return np.array([not bits[i // 8] >> i % 8 & 1 for i in range(count)], dtype=bool).reshape(shape)


def _dropout_sketch(source: Source, shape: Shape) -> Sketch:
    return Sketch((Slot(shape), mask(source, within(source, shape))), {"rate": source.pick((0.5, 0.25, 0.1, 0.0))})


def _row(name: str, meaning: Callable[..., Any], sketch: Any, shape: Callable[[Source], Shape], kinks: str = "") -> Op:
    return Op(f"nn.{name}", meaning, sketch, shape, kinks, family="normalisation")


def _response_shape(source: Source) -> Shape:
    return source.pick(((1, 3, 2), (2, 2, 2), (1, 4, 1), (1, 2, 2, 2), (2, 1, 2), (1, 5, 1)))


ROWS = (
    _row("batch_norm", _batch_norm, _channels(2, _over(0, slice(2, None))), batch_shape),
    _row("batch_norm_inference", _batch_norm_inference, _inference_sketch, batch_shape),
    _row("group_norm", _group_norm, _group_sketch, batch_shape),
    _row("instance_norm", _instance_norm, _channels(2, _over(slice(2, None))), batch_shape),
    _row("rms_norm", _rms_norm, _rms_sketch, full_shape),
    _row("local_response_norm", _local_response_norm, _response_sketch, _response_shape),
    _row("normalize", _normalize, _normalize_sketch, full_shape, "a length of eps"),
    _row("weight_norm", _weight_norm, _weight_sketch, lambda s: s.pick(((2, 3), (1, 2), (3, 2), (2, 2, 2), (2, 1)))),
    _row("dropout", _dropout, _dropout_sketch, any_shape),
)
