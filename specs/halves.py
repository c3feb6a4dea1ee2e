"""A net in float16 and bfloat16, for claim 9: judged against the bound its dtype implies, with autocast, with loss scaling."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import pairwise
from typing import Any

import numpy as np

import gradproof.engine as ge
from gradproof.engine.precision import LossScale, autocast
from gradproof.oracles.certificate import certify
from gradproof.oracles.finding import Verdict
from gradproof.oracles.formats import dtype_named
from gradproof.oracles.graph import Case, Graph, Leaf, Node
from gradproof.oracles.judge import judge
from gradproof.oracles.registry import engine as by_name

DTYPES = ("float16", "bfloat16")
BATCH, WIDTHS = 4, (5, 8, 2)
K = 1.0  # 16 bounds, as engines are granted, are more than the gradient itself in a net of bfloat16
WEIGHT = 2.0**-26  # of the loss: its gradients are then numbers, and their cotangents nothing to float16
START = 2.0**48  # a loss scale that overflows float16 at first
LARGEST = 65504.0  # of float16
STEPS, EVERY = 60, 8


def leaves(dtype: str) -> list[Any]:
    """x, t, then a matrix and a bias for each layer: numbers of the narrow dtype."""
    draw = np.random.default_rng(9)
    shapes: list[tuple[int, ...]] = [(BATCH, WIDTHS[0]), (BATCH, WIDTHS[-1])]
    for n, m in pairwise(WIDTHS):
        shapes += [(n, m), (m,)]
    scale = [1.0 if len(s) == 1 or s[0] == BATCH else s[0] ** -0.5 for s in shapes]
    return [(draw.normal(size=s) * c).astype(dtype_named(dtype)) for s, c in zip(shapes, scale, strict=True)]


def graph(dtype: str) -> Graph:
    """The net and its mean squared error as the judge reads it; x and t are constants."""
    values = leaves(dtype)
    nodes: list[Node] = []
    first, last, layers = len(values), 0, (len(values) - 2) // 2
    for i in range(layers):
        nodes.append(Node("matmul", (last, 2 + 2 * i)))
        nodes.append(Node("add", (first + len(nodes) - 1, 3 + 2 * i)))
        if i + 1 < layers:
            nodes.append(Node("tanh", (first + len(nodes) - 1,)))
        last = first + len(nodes) - 1
    nodes += [Node("subtract", (last, 1)), Node("square", (last + 1,))]
    nodes.append(Node("mean", (last + 2,), {"axis": None, "keepdims": False}))
    return Graph(tuple(Leaf(x, i < 2) for i, x in enumerate(values)), tuple(nodes), (last + 3,))


def loss(params: Sequence[Any], x: Any, t: Any) -> Any:
    """The same net as a function of its parameters."""
    for i in range(0, len(params), 2):
        x = ge.add(ge.matmul(x, params[i]), params[i + 1])
        x = ge.tanh(x) if i + 2 < len(params) else x
    return ge.mean(ge.square(ge.subtract(x, t)))


@cache
def judged(dtype: str) -> Verdict:
    """The net with everything in the narrow dtype, judged."""
    narrow = graph(dtype)
    return judge(Case(narrow, (np.ones((), narrow.dtype),)), by_name("native"), k=K)


@cache
def certified(dtype: str) -> tuple[Any, Any]:
    """The exact gradient of the net, flat, and the bound on each entry that the narrow dtype implies."""
    narrow = graph(dtype)
    accepted, bound = certify(Case(narrow, (np.ones((), narrow.dtype),))).enclosure()
    return np.array([float(a) for a in accepted]), np.array([float(b) for b in bound])


def too_large() -> LossScale:
    """A loss scale that has yet to find its size."""
    return LossScale(START)


@dataclass(frozen=True)
class Mixed:
    """Gradients of float32 parameters under autocast: the worst error in bounds, entries lost to zero, and dtypes seen."""

    units: float
    lost: int
    entries: int
    dtypes: tuple[str, ...]
    scale: LossScale


def masters(dtype: str) -> tuple[list[Any], Any, Any]:
    """The parameters in float32, x and t."""
    x, t, *params = [v.astype(np.float32) for v in leaves(dtype)]
    return params, x, t


def mixed(dtype: str, weight: float = 1.0, scale: LossScale | None = None) -> Mixed:
    """One gradient under autocast; with a loss scale, as many attempts as it takes to find one that does not overflow."""
    params, x, t = masters(dtype)
    scale = scale or LossScale(1.0)
    while True:
        with autocast(dtype):
            _, found, finite = scale.value_and_grad(lambda p: loss(p, x, t) * weight)(params)
        if finite:
            break
        scale = scale.after(finite=False)
    g = np.concatenate([np.ravel(part.numpy()) for part in found]).astype(float)
    expected, bound = certified(dtype)
    error = np.abs(g / weight - expected)
    lost = int(((g == 0) & (expected != 0)).sum())
    return Mixed(float(np.max(error / bound)), lost, len(g), tuple(sorted({p.dtype.name for p in found})), scale)


@dataclass(frozen=True)
class Training:
    """A training run: its losses, and the loss scale at its end."""

    losses: tuple[float, ...]
    scale: LossScale


@cache
def trained(dtype: str, scaled: bool = True) -> Training:
    """Gradient descent on the weighted loss: in float32, or under autocast with a loss scale that starts far too large."""
    params, x, t = masters("float16")
    scale = replace(LossScale(START if scaled else 1.0), every=EVERY)
    losses = []
    for _ in range(STEPS):
        step = scale.value_and_grad(lambda p: loss(p, x, t) * WEIGHT)
        if dtype == "float32":
            value, found, finite = step(params)
        else:
            with autocast(dtype):
                value, found, finite = step(params)
        losses.append(float(value) / WEIGHT)
        if finite:
            params = [p - 0.1 / WEIGHT * g.numpy() for p, g in zip(params, found, strict=True)]
        scale = scale.after(finite) if scaled else scale
    return Training(tuple(losses), scale)
