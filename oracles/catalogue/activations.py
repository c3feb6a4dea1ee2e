"""Activations of networks beyond the first few."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradproof.oracles import domain as d
from gradproof.oracles.catalogue.elementwise import AT_ZERO, _clip, unary
from gradproof.oracles.catalogue.nn import softmax
from gradproof.oracles.catalogue.row import Op, Shape, Sketch, Slot
from gradproof.oracles.catalogue.shapes import array_shape, full_shape, one_axis
from gradproof.oracles.catalogue.source import Source

SELU_SCALE, SELU_ALPHA = 1.0507009873554804934193349852946, 1.6732632423543772848170429916717


def _celu(xp: Any, x: Any, alpha: float) -> Any:
    return xp.select(x, 0.0, x, xp.expm1(x / alpha) * alpha)


def _hard_sigmoid(xp: Any, x: Any) -> Any:
    return xp.select(x, -3.0, xp.select(x, 3.0, 1.0, x / 6.0 + 0.5), 0.0)


def _soft_shrink(xp: Any, x: Any, lambd: float) -> Any:
    return xp.select(x, lambd, x - lambd, xp.select(x, -lambd, 0.0, x + lambd))


def _hard_shrink(xp: Any, x: Any, lambd: float) -> Any:
    return xp.select(xp.absolute(x), lambd, x, 0.0)


def _prelu(xp: Any, x: Any, weight: Any) -> Any:
    slope = weight if np.shape(weight) == (1,) else np.reshape(weight, (-1, *(1,) * (np.ndim(x) - 2)))
    return xp.select(x, 0.0, x, x * slope)


def _prelu_sketch(source: Source, shape: Shape) -> Sketch:
    per_channel = len(shape) >= 2 and source.flag()
    return Sketch((Slot(shape), Slot((shape[1],) if per_channel else (1,))))


def _glu(xp: Any, x: Any, axis: int) -> Any:
    half = np.shape(x)[axis] // 2
    key = [slice(None)] * np.ndim(x)
    key[axis] = slice(None, half)
    first = x[tuple(key)]
    key[axis] = slice(half, None)
    return first * xp.sigmoid(x[tuple(key)])


def _glu_sketch(source: Source, shape: Shape) -> Sketch | None:
    even = [axis for axis, n in enumerate(shape) if n and n % 2 == 0]
    if not even:
        return None
    axis = source.pick(even)
    return Sketch((Slot(shape),), {"axis": axis - len(shape) if source.flag() else axis})


def _softmin_sketch(source: Source, shape: Shape) -> Sketch | None:
    return Sketch((Slot(shape),), {"axis": one_axis(source, len(shape))}) if shape and 0 not in shape else None


ROWS = (
    unary("nn.log_sigmoid", lambda xp, x: -xp.softplus(-x)),
    unary("nn.softsign", lambda xp, x: x / (1.0 + xp.absolute(x))),
    unary("nn.selu", lambda xp, x: xp.select(x, 0.0, x * SELU_SCALE, xp.expm1(x) * SELU_ALPHA * SELU_SCALE), kinks=AT_ZERO),
    unary("nn.celu", _celu, params=lambda s: {"alpha": s.pick((1.0, 0.5, 2.0))}),
    unary("nn.mish", lambda xp, x: x * xp.tanh(xp.softplus(x))),
    unary("nn.hardtanh", lambda xp, x: _clip(xp, x, -1.0, 1.0), kinks="-1, 1"),
    unary("nn.relu6", lambda xp, x: _clip(xp, x, 0.0, 6.0), kinks="0, 6"),
    unary("nn.hard_sigmoid", _hard_sigmoid, kinks="-3, 3"),
    unary("nn.hardswish", lambda xp, x: x * _hard_sigmoid(xp, x), kinks="-3, 3"),
    unary("nn.tanhshrink", lambda xp, x: x - xp.tanh(x)),
    unary("nn.softshrink", _soft_shrink, kinks="-lambd, lambd", params=lambda s: {"lambd": s.pick((0.5, 1.0, 2.0))}),
    unary(
        "nn.hardshrink",
        _hard_shrink,
        domain=d.OFF_INTEGER,
        kinks="-lambd, lambd (jumps)",
        params=lambda s: {"lambd": s.pick((0.5, 1.0, 2.0))},
    ),
    unary(
        "nn.threshold",
        lambda xp, x, threshold, value: xp.select(x, threshold, x, value),
        domain=d.OFF_INTEGER,
        kinks="threshold (a jump)",
        params=lambda s: {"threshold": s.pick((0.0, 0.5, -1.0)), "value": s.pick((0.0, 0.5, 20.0))},
    ),
    Op("nn.prelu", _prelu, _prelu_sketch, array_shape, AT_ZERO, family="nn"),
    Op("nn.glu", _glu, _glu_sketch, full_shape, family="nn"),
    Op("nn.softmin", lambda xp, x, axis: softmax(xp, -x, axis), _softmin_sketch, full_shape, family="nn"),
)
