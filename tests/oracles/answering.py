"""Small engines made for one purpose, and short ways to write cases."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

import gradproof.engine as ge
from gradproof.oracles.engine import Capabilities
from gradproof.oracles.graph import Array, Case, Graph, Leaf, Node

Arrays = list[Array]


def case(op: str, *operands: Any, ct: Any = None, dtype: Any = np.float64, **params: Any) -> Case:
    """One op on fresh leaves; integer arrays are constants. The cotangent is ones if none is given."""
    leaves = []
    for x in operands:
        x = np.asarray(x)
        leaves.append(Leaf(x.astype(dtype)) if x.dtype.kind == "f" else Leaf(x, constant=True))
    graph = Graph(tuple(leaves), (Node(op, tuple(range(len(leaves))), params),), (len(leaves),))
    return with_ct(graph, ct)


def chain(x: Any, *ops: Any, ct: Any = None, dtype: Any = np.float64) -> Case:
    """One-operand ops applied in turn to one leaf: names, or (name, params)."""
    nodes = []
    for i, step in enumerate(ops):
        name, params = step if isinstance(step, tuple) else (step, {})
        nodes.append(Node(name, (i,), params))
    return with_ct(Graph((Leaf(np.asarray(x, dtype=dtype)),), tuple(nodes), (len(ops),)), ct)


def with_ct(graph: Graph, ct: Any = None) -> Case:
    """The graph with a cotangent for its one output."""
    from gradproof.oracles.certificate import record

    shape = np.shape(record(graph).values[graph.outputs[0]])
    return Case(graph, (np.asarray(np.ones(shape) if ct is None else ct, dtype=graph.dtype).reshape(shape),))


@dataclass
class Bent:
    """The native engine with its answers changed: ``outputs``, ``gradients`` (given the number of the call), ``before``."""

    outputs: Callable[[Arrays], Any] = lambda outs: outs
    gradients: Callable[[Arrays, Arrays, int], Any] = lambda grads, cts, call: grads
    before: Callable[[Sequence[Any], Arrays], None] = lambda primals, cts: None
    name: str = "bent"
    lineage: str = "test"
    namespace: Any = ge
    capabilities: Capabilities = field(default_factory=lambda: Capabilities(("float64", "float32")))
    calls: int = 0

    def from_numpy(self, array: Array) -> Array:
        return array

    def to_numpy(self, array: Any) -> Array:
        return np.asarray(array)

    def vjp(self, fn: Any, primals: Any) -> Any:
        outs, pull = ge.vjp(lambda *xs: tuple(fn(*xs)), *primals)

        def pullback(cts: Any) -> Any:
            self.before(primals, cts)
            grads = [np.asarray(g) for g in pull(tuple(cts))]
            self.calls += 1
            return self.gradients(grads, [np.asarray(c) for c in cts], self.calls)

        return tuple(self.outputs([np.array(o) for o in outs])), pullback


def answering(of: Case, *answers: Any, **options: Any) -> Bent:
    """An engine that gives these gradients for the case's cotangent, linearly in the cotangent."""
    seed = np.concatenate([np.ravel(c) for c in of.cotangents]).astype(float)

    def gradients(grads: Arrays, cts: Arrays, call: int) -> Arrays:
        share = float(np.concatenate([np.ravel(c) for c in cts]).astype(float) @ seed / (seed @ seed))
        with np.errstate(all="ignore"):
            out = [
                np.asarray(np.asarray(a, float) * share, g.dtype).reshape(g.shape)
                for a, g in zip(answers, grads, strict=False)
            ]
        return out + [np.zeros_like(g) for g in grads[len(out) :]]

    return Bent(gradients=gradients, **options)
