"""Clipping of gradients, over trees: by value, each array by its norm, or all by the norm they have together.

The formulas are PyTorch's (``torch.nn.utils.clip_grad_value_`` and ``clip_grad_norm_``): the factor is norm_max / (norm + 1e-6),
and 1 at most. All are functions of the engine, so clipping inside a transform is differentiated like anything else.
"""

from __future__ import annotations

import math
from typing import Any

import gradproof.engine.functions as fn
from gradproof.engine import pytree
from gradproof.engine.array import Array, as_array
from gradproof.engine.functions import linalg

SMALL = 1e-6  # added to a norm before dividing by it, as PyTorch does


def clip_by_value(gradients: Any, limit: float) -> Any:
    """Every entry brought between -limit and limit.

    >>> import gradproof.engine as ge
    >>> ge.clip_by_value({"w": [3.0, -0.5]}, 1.0)
    {'w': Array([ 1. , -0.5], dtype=float64)}
    """
    return pytree.map(lambda g: fn.clip(as_array(g), -limit, limit), gradients)


def clip_by_norm(gradients: Any, norm_max: float, ord: float = 2.0) -> Any:
    """Every array on its own scaled down to a norm of ``norm_max`` at most."""
    return pytree.map(lambda g: clip_by_global_norm(g, norm_max, ord)[0], gradients)


def clip_by_global_norm(gradients: Any, norm_max: float, ord: float = 2.0) -> tuple[Any, Array]:
    """All arrays scaled by one factor, so that together they have a norm of ``norm_max`` at most; and the norm before.

    >>> import gradproof.engine as ge
    >>> ge.clip_by_global_norm({"w": [3.0, 0.0], "b": 4.0}, 1e9)
    ({'w': Array([3., 0.], dtype=float64), 'b': Array(4., dtype=float64)}, Array(5., dtype=float64))
    """
    norm = global_norm(gradients, ord)
    factor = fn.minimum(norm_max / (norm + SMALL), 1.0)

    def scaled(g: Any) -> Array:
        g = as_array(g)
        return fn.multiply(g, factor if factor.dtype == g.dtype else fn.astype(factor, g.dtype))

    return pytree.map(scaled, gradients), norm


def global_norm(tree: Any, ord: float = 2.0) -> Array:
    """The norm of all entries of a tree as one vector: the norm of the arrays' norms."""
    norms = [_norm(as_array(g), ord) for g in pytree.flatten(tree)[0]]
    return _norm(fn.stack(norms), ord) if norms else as_array(0.0)


def _norm(x: Array, ord: float) -> Array:
    if x.size == 0:
        return fn.sum(x)
    return fn.max(fn.abs(x)) if ord == math.inf else linalg.vector_norm(fn.reshape(x, (-1,)), ord=ord)
