"""Functions of neural networks. ``gradproof.engine.nn`` is this module."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from gradproof.engine.array import Array, as_array
from gradproof.engine.backend import Axis
from gradproof.engine.errors import ShapeError
from gradproof.engine.functions import (
    activations,
    alignment,
    attention,
    convolution,
    indexing,
    losses,
    normalisation,
    patches,
    pooling,
    recurrent,
    reduction,
    sampling,
)
from gradproof.engine.functions import elementwise as el
from gradproof.engine.functions.activations import *
from gradproof.engine.functions.alignment import *
from gradproof.engine.functions.attention import *
from gradproof.engine.functions.convolution import *
from gradproof.engine.functions.losses import *
from gradproof.engine.functions.normalisation import *
from gradproof.engine.functions.patches import *
from gradproof.engine.functions.pooling import *
from gradproof.engine.functions.recurrent import *
from gradproof.engine.functions.sampling import *
from gradproof.engine.tape import apply, unary

__all__ = [
    "cross_entropy",
    "elu",
    "embedding",
    "gelu",
    "leaky_relu",
    "log_softmax",
    "mse",
    "relu",
    "sigmoid",
    "silu",
    "softmax",
    "softplus",
]
__all__ += activations.__all__ + losses.__all__ + convolution.__all__ + normalisation.__all__ + patches.__all__
__all__ += pooling.__all__ + recurrent.__all__ + alignment.__all__ + attention.__all__ + sampling.__all__


def relu(x: Any) -> Array:
    """max(x, 0)."""
    return unary("relu", x)


def sigmoid(x: Any) -> Array:
    """1 / (1 + exp(-x))."""
    return unary("sigmoid", x)


def silu(x: Any) -> Array:
    """x * sigmoid(x). Composed."""
    x = as_array(x)
    return el.multiply(x, sigmoid(x))


def gelu(x: Any, approximate: str = "none") -> Array:
    """x times the normal distribution function of x, or its tanh form. Composed of functions that keep the tails."""
    x = as_array(x)
    if approximate == "none":
        return el.multiply(x, 0.5 * el.erfc(x * -math.sqrt(0.5)))
    if approximate != "tanh":
        raise ValueError(f"gelu: approximate={approximate!r}, expected 'none' or 'tanh'.")
    near = el.clip(x, -100.0, 100.0)  # beyond, the sigmoid is 0 or 1 to the last digit, and the cube would overflow
    return el.multiply(x, sigmoid(near * (math.sqrt(8.0 / math.pi) * (1.0 + 0.044715 * el.square(near)))))


def softplus(x: Any) -> Array:
    """log(1 + exp(x)), without overflow."""
    return unary("softplus", x)


def leaky_relu(x: Any, negative_slope: float = 0.01) -> Array:
    """x where positive, else negative_slope * x."""
    return apply("leaky_relu", (x,), {"negative_slope": negative_slope})


def elu(x: Any, alpha: float = 1.0) -> Array:
    """x where positive, else alpha * (exp(x) - 1)."""
    return apply("elu", (x,), {"alpha": alpha})


def softmax(x: Any, axis: Axis = -1) -> Array:
    """exp(x) over its sum along an axis, without overflow."""
    return apply("softmax", (as_array(x),), {"axis": axis})


def log_softmax(x: Any, axis: Axis = -1) -> Array:
    """The logarithm of softmax, without overflow or underflow."""
    return apply("log_softmax", (as_array(x),), {"axis": axis})


def _reduce(x: Array, reduction_name: str) -> Array:
    if reduction_name == "none":
        return x
    if reduction_name not in ("mean", "sum"):
        raise ValueError(f"reduction={reduction_name!r}, expected 'mean', 'sum' or 'none'.")
    return reduction.mean(x) if reduction_name == "mean" else reduction.sum(x)


def cross_entropy(logits: Any, labels: Any, reduction: str = "mean") -> Array:
    """-log softmax(logits) at the labels. Composed.

    Shapes: logits (N, C), labels (N,) of integers.
    """
    logits, labels = as_array(logits), indexing.indices_of(labels)
    if logits.ndim != 2 or labels.shape != logits.shape[:1]:
        raise ShapeError(f"cross_entropy: logits {logits.shape}, labels {labels.shape}; expected (N, C) and (N,).")
    picked = log_softmax(logits, axis=-1)[np.arange(labels.shape[0]), labels]
    return _reduce(el.negative(picked), reduction)


def mse(x: Any, y: Any, reduction: str = "mean") -> Array:
    """The squared differences, averaged, summed or neither. Composed."""
    return _reduce(el.square(el.subtract(x, y)), reduction)


def embedding(table: Any, indices: Any) -> Array:
    """Rows of a table. Composed of getitem."""
    return indexing.take(table, indices, axis=0)
