"""Optimisers as pure functions over trees: SGD with momentum, Adam, AdamW. ``gradproof.engine.optim`` is this module.

An optimiser is two functions: ``init(parameters) -> state`` and ``update(parameters, gradients, state) -> (parameters, state)``.
Nothing is changed in place, and a state is a tree like any other. The formulas are PyTorch's, operation by operation, with its
names and its defaults, so that a run there can be followed to the last bits here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

import gradproof.engine.functions as fn
from gradproof.engine import pytree
from gradproof.engine.array import Array, as_array
from gradproof.engine.errors import DtypeError, ShapeError
from gradproof.engine.library import name_of
from gradproof.engine.rows import RowSparse

State = dict[str, Any]
Slots = dict[str, Array]  # what an optimiser remembers of one array


@dataclass(frozen=True)
class Optimizer:
    """``init(parameters) -> state``; ``update(parameters, gradients, state, lr=None) -> (parameters, state)``.

    ``lr`` replaces the learning rate of the optimiser for this step. Raises: TreeError, ShapeError if the gradients do not fit.
    """

    init: Callable[[Any], State]
    update: Callable[..., tuple[Any, State]]


def _optimizer(lr: float, names: tuple[str, ...], step: Callable[[Array, Array, Slots, int, float], tuple[Array, Slots]]) -> Optimizer:
    """An optimiser that remembers the named arrays for each parameter; ``step`` is the formula for one parameter."""

    def init(parameters: Any) -> State:
        zeros = {name: pytree.map(lambda p: fn.zeros_like(as_array(p)), parameters) for name in names}
        return {"step": 0, **zeros}

    def update(parameters: Any, gradients: Any, state: State, lr: float = lr) -> tuple[Any, State]:
        leaves, structure = pytree.flatten(parameters)
        given = pytree.flatten_like(structure, gradients, "the gradient")
        kept = {name: pytree.flatten_like(structure, state[name], f"state {name!r}") for name in names}
        count = state["step"] + 1
        moved, slots = [], []
        for i, (p, g) in enumerate(zip(map(as_array, leaves), map(as_array, given), strict=True)):
            if p.shape != g.shape:
                path = pytree.paths(structure)[i]
                raise ShapeError(f"the gradient{path} has shape {g.shape}, expected {p.shape}, as its parameter.")
            after, slot = step(p, g, {name: kept[name][i] for name in names}, count, lr)
            moved.append(after)
            slots.append(slot)
        states = {name: pytree.unflatten(structure, [slot[name] for slot in slots]) for name in names}
        return pytree.unflatten(structure, moved), {"step": count, **states}

    return Optimizer(init, update)


def sgd(
    lr: float = 1e-3, momentum: float = 0.0, dampening: float = 0.0, weight_decay: float = 0.0, nesterov: bool = False
) -> Optimizer:
    """Gradient descent, with momentum: the buffer is momentum * buffer + (1 - dampening) * gradient, at first the gradient.

    >>> import gradproof.engine as ge
    >>> optimizer = ge.optim.sgd(lr=0.5, momentum=0.9)
    >>> optimizer.update({"w": 1.0}, {"w": 2.0}, optimizer.init({"w": 1.0}))
    ({'w': Array(0., dtype=float64)}, {'step': 1, 'momentum': {'w': Array(2., dtype=float64)}})
    """
    if nesterov and (momentum <= 0 or dampening != 0):
        raise ValueError("nesterov needs a momentum above 0 and no dampening.")

    def step(p: Array, g: Array, kept: Slots, count: int, lr: float) -> tuple[Array, Slots]:
        if weight_decay:
            g = g + weight_decay * p
        if not momentum:
            by_rows = type(g.data) is RowSparse and type(p.data) is np.ndarray and p.node is None
            return _without_rows(p, lr, g.data) if by_rows else p - lr * g, {}
        buffer = g if count == 1 else kept["momentum"] * momentum + (1 - dampening) * g
        return p - lr * (g + momentum * buffer if nesterov else buffer), {"momentum": buffer}

    return _optimizer(lr, ("momentum",) if momentum else (), step)


def _without_rows(p: Array, lr: float, g: RowSparse) -> Array:
    """p - lr * g, where most rows of g are zero: the others are moved."""
    moved = p.data.copy()
    moved[g.ids] -= lr * g.rows
    return Array(moved)


def adam(
    lr: float = 1e-3,
    betas: tuple[float, float] = (0.9, 0.999),
    eps: float = 1e-8,
    weight_decay: float = 0.0,
    amsgrad: bool = False,
) -> Optimizer:
    """Adam; weight decay is added to the gradient. Source: Kingma and Ba 2015; amsgrad: Reddi, Kale and Kumar 2018."""
    return _adam(lr, betas, eps, weight_decay, amsgrad, decoupled=False)


def adamw(
    lr: float = 1e-3,
    betas: tuple[float, float] = (0.9, 0.999),
    eps: float = 1e-8,
    weight_decay: float = 1e-2,
    amsgrad: bool = False,
) -> Optimizer:
    """Adam whose weight decay shrinks the parameter itself. Source: Loshchilov and Hutter 2019."""
    return _adam(lr, betas, eps, weight_decay, amsgrad, decoupled=True)


def _adam(
    lr: float, betas: tuple[float, float], eps: float, weight_decay: float, amsgrad: bool, decoupled: bool
) -> Optimizer:
    first, second = betas

    def step(p: Array, g: Array, kept: Slots, count: int, lr: float) -> tuple[Array, Slots]:
        if "complex" in name_of(p.dtype):
            raise DtypeError(f"adam of {name_of(p.dtype)}: it scales real numbers. Pass real and imaginary parts as two parameters.")
        if weight_decay and decoupled:
            p = p * (1 - lr * weight_decay)
        elif weight_decay:
            g = g + weight_decay * p
        mean = _between(kept["mean"], g, 1 - first)
        square = kept["square"] * second + ((1 - second) * g) * g
        largest = fn.maximum(kept["largest"], square) if amsgrad else square
        scale = fn.sqrt(largest) / (1 - second**count) ** 0.5 + eps
        p = p + (-(lr / (1 - first**count)) * mean) / scale
        return p, {"mean": mean, "square": square, "largest": largest} if amsgrad else {"mean": mean, "square": square}

    return _optimizer(lr, ("mean", "square", "largest") if amsgrad else ("mean", "square"), step)


def _between(start: Array, end: Array, weight: float) -> Array:
    """start + weight (end - start), from the nearer end."""
    return start + weight * (end - start) if weight < 0.5 else end - (end - start) * (1 - weight)
