"""What an engine does where a function has no slope, or a set of them: asked one point after another, never quoted.

The choices of the native engine, with their reasons, are in ``specs/conventions.md``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gradproof.oracles.engine import Engine
from gradproof.oracles.errors import Unsupported
from gradproof.oracles.graph import Array, Graph, Leaf, Node
from gradproof.oracles.trial import capabilities, function, supports
from gradproof.specs.limits import Hung, limited

SECONDS_MAX = 20.0
ABSENT = "has none"


@dataclass(frozen=True, eq=False)
class Point:
    """A question: the gradient of some nodes over some leaves, for a cotangent of ones (or ``cotangent``)."""

    name: str
    nodes: tuple[Node, ...]
    leaves: tuple[Array, ...]
    constant: int = 0  # so many leaves, the first ones, are held fixed
    cotangent: float = 1.0

    def graph(self, dtype: str) -> Graph:
        """Its graph, floats in a dtype."""
        arrays = [x if x.dtype.kind == "b" else x.astype(dtype) for x in self.leaves]
        leaves = tuple(Leaf(x, i < self.constant) for i, x in enumerate(arrays))
        return Graph(leaves, self.nodes, (len(leaves) + len(self.nodes) - 1,))


def _one(name: str, op: str, *leaves: Any, cotangent: float = 1.0, **params: Any) -> Point:
    node = Node(op, tuple(range(len(leaves))), params)
    return Point(name, (node,), tuple(np.array(x) for x in leaves), cotangent=cotangent)


WHOLE: Mapping[str, Any] = {"axis": None, "keepdims": False}
POINTS: Sequence[Point] = (
    _one("abs'(0)", "abs", 0.0),
    _one("relu'(0)", "nn.relu", 0.0),
    _one("leaky_relu'(0), slope 0.25 to the left", "nn.leaky_relu", 0.0, negative_slope=0.25),
    _one("elu'(0), alpha 2", "nn.elu", 0.0, alpha=2.0),
    _one("maximum(x, y) at x = y", "maximum", 1.0, 1.0),
    _one("minimum(x, y) at x = y", "minimum", 1.0, 1.0),
    _one("max of [1, 1, 0, 1]", "max", [1.0, 1.0, 0.0, 1.0], **WHOLE),
    _one("min of [1, 1, 2, 1]", "min", [1.0, 1.0, 2.0, 1.0], **WHOLE),
    _one("clip(x, 0, 1) at x = 0 and x = 1", "clip", [0.0, 1.0], min=0.0, max=1.0),
    _one("norm of [0, 0]", "linalg.vector_norm", [0.0, 0.0], ord=2, **WHOLE),
    _one("hypot(x, y) at the origin", "hypot", 0.0, 0.0),
    _one("std of [1, 1]", "std", [1.0, 1.0], correction=0.0, **WHOLE),
    _one("sqrt'(0)", "sqrt", 0.0),
    _one("sqrt'(0) for a cotangent of 0", "sqrt", 0.0, cotangent=0.0),
    _one("x ** y at x = y = 0", "pow", 0.0, 0.0),
    _one("atan2(y, x) at the origin", "atan2", 0.0, 0.0),
    Point(
        "where(False, sqrt(x), 1) at x = 0",
        (Node("sqrt", (1,), {}), Node("where", (0, 3, 2), {})), (np.array(False), np.array(0.0), np.array(1.0)), constant=1,
    ),
    Point(
        "where(False, log(x), 1) at x = -1",
        (Node("log", (1,), {}), Node("where", (0, 3, 2), {})), (np.array(False), np.array(-1.0), np.array(1.0)), constant=1,
    ),
    _one("prod of [0, 2, 3]", "prod", [0.0, 2.0, 3.0], **WHOLE),
)  # fmt: skip


@dataclass(frozen=True)
class Answer:
    """What an engine gave at a point: its gradients in words, or why there is none."""

    name: str
    found: str


def answers(engine: Engine) -> tuple[Answer, ...]:
    """What the engine gives at every point, in its first dtype; an exception is an answer too."""
    declared = capabilities(engine).dtypes
    dtype = "float64" if "float64" in declared or not declared else declared[0]
    with np.errstate(all="ignore"):
        return tuple(Answer(p.name, _asked(engine, p, dtype)) for p in POINTS)


def _asked(engine: Engine, point: Point, dtype: str) -> str:
    if not all(supports(engine, node.op, dtype) for node in point.nodes):
        return ABSENT
    graph = point.graph(dtype)
    try:
        with limited(SECONDS_MAX):
            outputs, pullback = engine.vjp(function(engine, graph), [engine.from_numpy(np.array(x)) for x in graph.primal_values])
            shape = engine.to_numpy(outputs[0]).shape
            found = pullback((engine.from_numpy(np.full(shape, point.cotangent, dtype)),))
            gradients = [np.asarray(engine.to_numpy(g), float) for g in found]
    except (Unsupported, NotImplementedError):
        return ABSENT
    except (Exception, Hung) as error:  # noqa: BLE001 - whatever it raises is its answer
        return f"raises {type(error).__name__}"
    untaken = 1 if point.constant else len(gradients)  # of where, the slope of the branch not taken
    return ", ".join(said(g) for g in gradients[:untaken])


def said(gradient: Array) -> str:
    """A gradient in few characters.

    >>> said(np.array([0.5, 0.0, -np.inf])), said(np.array(-0.0)), said(np.array([np.nan, 1 / 3]))
    ('[0.5 0 -inf]', '0', '[NaN 0.3333]')
    """
    words = ["NaN" if np.isnan(v) else f"{v + 0.0:.4g}" for v in np.ravel(gradient)]
    return words[0] if gradient.ndim == 0 else f"[{' '.join(words)}]"
