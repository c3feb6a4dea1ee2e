"""Kernels of activations."""

from __future__ import annotations

from typing import Any

from scipy import special

from gradproof.engine.kernels.kernel import Bound, Raw, Table


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


KERNELS: Table = {
    "elu": elu, "leaky_relu": leaky_relu, "relu": relu, "sigmoid": sigmoid, "softplus": softplus,
}  # fmt: skip
NUMPY: Bound = {"sigmoid": special.expit}
