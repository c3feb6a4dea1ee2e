"""Losses: one number an entry (or a row), averaged, summed or neither. All composed, of formulas that keep the tails."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradproof.engine.array import Array, as_array, raw_of
from gradproof.engine.errors import ShapeError
from gradproof.engine.functions import elementwise as el
from gradproof.engine.functions import indexing, linalg
from gradproof.engine.functions import reduction as red
from gradproof.engine.tape import unary

__all__ = [
    "bce",
    "bce_with_logits",
    "cosine_embedding",
    "cosine_similarity",
    "gaussian_nll",
    "hinge_embedding",
    "huber",
    "kl_div",
    "l1",
    "margin_ranking",
    "nll",
    "poisson_nll",
    "smooth_l1",
    "soft_margin",
]

EPS = 1e-12


def _reduced(losses: Array, reduction: str) -> Array:
    if reduction == "none":
        return losses
    if reduction == "mean":
        return red.mean(losses)
    if reduction == "sum":
        return red.sum(losses)
    if reduction == "batchmean":
        return red.sum(losses) / losses.shape[0]
    raise ValueError(f"reduction={reduction!r}, expected 'mean', 'sum', 'batchmean' or 'none'.")


def _turned(x: Any, labels: Any) -> Array:
    """-x where the label is 1, x where it is -1."""
    return el.where(raw_of(labels) == 1, el.negative(x), x)


def l1(x: Any, y: Any, reduction: str = "mean") -> Array:
    """|x - y|."""
    return _reduced(el.abs(el.subtract(x, y)), reduction)


def huber(x: Any, y: Any, delta: float = 1.0, reduction: str = "mean") -> Array:
    """Half the square of x - y up to delta, beyond in a straight line: c (d - c / 2), where c is d clipped at delta."""
    apart = el.subtract(x, y)
    near = el.clip(apart, -delta, delta)
    return _reduced(near * (apart - 0.5 * near), reduction)


def smooth_l1(x: Any, y: Any, beta: float = 1.0, reduction: str = "mean") -> Array:
    """|x - y| less half of beta, and below beta the parabola that meets it: huber over beta."""
    if beta == 0:
        return l1(x, y, reduction)
    apart = el.subtract(x, y)
    near = el.clip(apart, -beta, beta)
    return _reduced(near * (apart - 0.5 * near) / beta, reduction)


def bce(x: Any, y: Any, reduction: str = "mean") -> Array:
    """-(y log(x) + (1 - y) log(1 - x)): the binary cross entropy of probabilities."""
    x, y = as_array(x), as_array(y)
    return _reduced(el.negative(y * el.log(x) + (1.0 - y) * el.log1p(el.negative(x))), reduction)


def bce_with_logits(x: Any, y: Any, reduction: str = "mean") -> Array:
    """bce of sigmoid(x): y softplus(-x) + (1 - y) softplus(x), where for y from 0 to 1 nothing cancels."""
    x, y = as_array(x), as_array(y)
    return _reduced(y * unary("softplus", el.negative(x)) + (1.0 - y) * unary("softplus", x), reduction)


def kl_div(x: Any, y: Any, log_target: bool = False, reduction: str = "mean") -> Array:
    """y (log(y) - x), the divergence of a log-probability x from y; ``log_target`` says that y is a logarithm too."""
    x, y = as_array(x), as_array(y)
    return _reduced(el.exp(y) * (y - x) if log_target else el.xlogy(y, y) - y * x, reduction)


def nll(log_p: Any, labels: Any, reduction: str = "mean") -> Array:
    """-log_p at the labels.

    Shapes: log_p (N, C), labels (N,) of integers.
    """
    log_p, labels = as_array(log_p), indexing.indices_of(labels)
    if log_p.ndim != 2 or labels.shape != log_p.shape[:1]:
        raise ShapeError(f"nll: log_p {log_p.shape}, labels {labels.shape}; expected (N, C) and (N,).")
    return _reduced(el.negative(log_p[np.arange(labels.shape[0]), labels]), reduction)


def hinge_embedding(x: Any, labels: Any, margin: float = 1.0, reduction: str = "mean") -> Array:
    """x where the label is 1, and where it is -1 what x is short of a margin."""
    x = as_array(x)
    return _reduced(el.where(raw_of(labels) == 1, x, unary("relu", margin - x)), reduction)


def soft_margin(x: Any, labels: Any, reduction: str = "mean") -> Array:
    """log(1 + exp(-x label)), without overflow."""
    return _reduced(unary("softplus", _turned(x, labels)), reduction)


def margin_ranking(x: Any, y: Any, labels: Any, margin: float = 0.0, reduction: str = "mean") -> Array:
    """What x (for label 1) is short of y and a margin, or y of x (for label -1)."""
    return _reduced(unary("relu", _turned(el.subtract(x, y), labels) + margin), reduction)


def cosine_similarity(x: Any, y: Any, axis: int = -1, eps: float = 1e-8) -> Array:
    """The cosine of the angle between x and y along an axis; lengths count as eps at least."""
    lengths = [el.maximum(linalg.vector_norm(v, axis=axis, keepdims=False, ord=2), eps) for v in (x, y)]
    return red.sum(el.multiply(x, y), axis=axis) / (lengths[0] * lengths[1])


def cosine_embedding(x: Any, y: Any, labels: Any, margin: float = 0.0, reduction: str = "mean") -> Array:
    """1 less the cosine of two rows where the label is 1, and where it is -1 what the cosine exceeds a margin by.

    1e-12 is added to each squared length. Shapes: x and y (N, D), labels (N,).
    """
    squares = [red.sum(el.square(v), axis=-1) + EPS for v in (x, y)]
    cosine = red.sum(el.multiply(x, y), axis=-1) / el.sqrt(squares[0] * squares[1])
    return _reduced(el.where(raw_of(labels) == 1, 1.0 - cosine, unary("relu", cosine - margin)), reduction)


def poisson_nll(x: Any, y: Any, log_input: bool = True, eps: float = 1e-8, reduction: str = "mean") -> Array:
    """exp(x) - y x, or x - y log(x + eps) where x is the rate itself, without the term that depends on y alone."""
    x, y = as_array(x), as_array(y)
    return _reduced(el.exp(x) - y * x if log_input else x - y * el.log(x + eps), reduction)


def gaussian_nll(x: Any, y: Any, var: Any, eps: float = 1e-6, reduction: str = "mean") -> Array:
    """(log(var) + (x - y)**2 / var) / 2, where the variance counts as eps at least."""
    var = el.maximum(var, eps)
    return _reduced(0.5 * (el.log(var) + el.square(el.subtract(x, y)) / var), reduction)
