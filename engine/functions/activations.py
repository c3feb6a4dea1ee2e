"""Activations of networks beyond the first few. Composed, where nothing else is said."""

from __future__ import annotations

from typing import Any

from gradproof.engine.array import Array, as_array, raw_of
from gradproof.engine.backend import Axis
from gradproof.engine.errors import ShapeError
from gradproof.engine.functions import elementwise as el
from gradproof.engine.functions import shape as sh
from gradproof.engine.tape import apply, unary

__all__ = [
    "celu",
    "glu",
    "hard_sigmoid",
    "hardshrink",
    "hardswish",
    "hardtanh",
    "log_sigmoid",
    "mish",
    "prelu",
    "relu6",
    "selu",
    "softmin",
    "softshrink",
    "softsign",
    "tanhshrink",
    "threshold",
]

SELU_SCALE, SELU_ALPHA = 1.0507009873554804934193349852946, 1.6732632423543772848170429916717
# Source: Klambauer and others, Self-normalizing neural networks, 2017


def log_sigmoid(x: Any) -> Array:
    """log(sigmoid(x)), without underflow."""
    return el.negative(unary("softplus", el.negative(x)))


def softsign(x: Any) -> Array:
    """x / (1 + |x|). Its own rule: the two terms of the quotient's slope cancel in the tails."""
    return unary("softsign", x)


def tanhshrink(x: Any) -> Array:
    """x - tanh(x). Its own rule: 1 - sech(x)**2 cancels near 0."""
    return unary("tanhshrink", x)


def selu(x: Any) -> Array:
    """The scaled elu that keeps mean 0 and variance 1."""
    return el.multiply(apply("elu", (as_array(x),), {"alpha": SELU_ALPHA}), SELU_SCALE)


def celu(x: Any, alpha: float = 1.0) -> Array:
    """x where positive, else alpha (exp(x / alpha) - 1), which has the same slope at 0."""
    x = as_array(x)
    above = raw_of(x) > 0
    return el.where(above, x, alpha * el.expm1(el.where(above, 0.0, x) / alpha))


def mish(x: Any) -> Array:
    """x tanh(softplus(x))."""
    x = as_array(x)
    return el.multiply(x, el.tanh(unary("softplus", x)))


def hardtanh(x: Any) -> Array:
    """The entries kept between -1 and 1; the slope at a bound is 1."""
    return el.clip(x, -1.0, 1.0)


def relu6(x: Any) -> Array:
    """The entries kept between 0 and 6; the slope at a bound is 1."""
    return el.clip(x, 0.0, 6.0)


def hard_sigmoid(x: Any) -> Array:
    """A sigmoid of three straight lines: (clip(x, -3, 3) + 3) / 6."""
    return (el.clip(x, -3.0, 3.0) + 3.0) / 6.0


def hardswish(x: Any) -> Array:
    """x hard_sigmoid(x)."""
    x = as_array(x)
    return el.multiply(x, hard_sigmoid(x))


def softshrink(x: Any, lambd: float = 0.5) -> Array:
    """x moved towards 0 by lambd, and 0 where that reaches it."""
    x = as_array(x)
    moved = el.subtract(x, el.multiply(el.sign(Array(raw_of(x))), lambd))  # x - clip(x) would add a cotangent and take it away
    return el.where((raw_of(x) > lambd) | (raw_of(x) < -lambd), moved, 0.0)


def hardshrink(x: Any, lambd: float = 0.5) -> Array:
    """x, and 0 where it is at most lambd in magnitude."""
    x = as_array(x)
    return el.where((raw_of(x) > lambd) | (raw_of(x) < -lambd), x, 0.0)


def threshold(x: Any, threshold: float, value: float) -> Array:
    """x where it is above the threshold, else a fixed value."""
    x = as_array(x)
    return el.where(raw_of(x) > threshold, x, value)


def prelu(x: Any, weight: Any) -> Array:
    """x where positive, else x times a weight that is learned: one for all, or one a channel (the second axis).

    Shapes: x (N, C, ...) and weight (C,), or weight (1,) for any x.
    """
    x, weight = as_array(x), as_array(weight)
    if weight.shape != (1,):
        if x.ndim < 2 or weight.shape != (x.shape[1],):
            raise ShapeError(f"prelu: x {x.shape}, weight {weight.shape}; expected (N, C, ...) and (C,), or weight (1,).")
        weight = sh.reshape(weight, (x.shape[1], *(1,) * (x.ndim - 2)))
    return el.where(raw_of(x) > 0, x, el.multiply(x, weight))


def glu(x: Any, axis: int = -1) -> Array:
    """The first half along an axis times the sigmoid of the second."""
    x = as_array(x)
    at = axis % x.ndim
    half, odd = divmod(x.shape[at], 2)
    if odd:
        raise ShapeError(f"glu: axis {axis} of x {x.shape} has an odd length; expected an even one. Choose another axis.")
    front = (slice(None),) * at
    return el.multiply(x[(*front, slice(None, half))], unary("sigmoid", x[(*front, slice(half, None))]))


def softmin(x: Any, axis: Axis = -1) -> Array:
    """softmax(-x)."""
    return apply("softmax", (el.negative(as_array(x)),), {"axis": axis})
