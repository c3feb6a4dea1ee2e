"""The smallest case that still fails: structural moves on the graph, then simpler values.

Hypothesis' own shrinking leaves 20 nodes of an optimal 3 on graphs; moves on the graph itself reach 3 to 6 in a few
dozen calls (docs/judge.md 4).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from gradproof.oracles.certificate import certify
from gradproof.oracles.formats import is_float
from gradproof.oracles.graph import Array, Case, Graph, Leaf
from gradproof.oracles.rewrite import adjoint, forward_values, substituted, with_leaf
from gradproof.oracles.sound import check

CALLS_MAX = 400
NODES_ALONE = 1


def reduce(case: Case, fails: Callable[[Case], bool], calls_max: int = CALLS_MAX) -> Case:
    """The smallest case found for which ``fails`` still holds; ``case`` itself must fail.

    ``fails`` is called at most ``calls_max`` times.
    """
    calls = 0
    progress = True
    while progress and calls < calls_max:
        progress = False
        for candidate in _moves(case):
            calls += 1
            if calls > calls_max:
                break
            if _holds(fails, candidate):
                case, progress = candidate, True
                break
    return case


def _holds(fails: Callable[[Case], bool], candidate: Case) -> bool:
    try:
        whole = all(np.isfinite(leaf.data).all() for leaf in candidate.graph.leaves)
        if not whole or not candidate.graph.primals:
            return False
        check(candidate)  # an engine that crashes does so on unsound cases too
        return fails(candidate)
    except Exception:  # noqa: BLE001 - a meaning may raise anything on shapes it was never drawn for
        return False  # the move made a graph that means nothing


def _moves(case: Case) -> Iterator[Case]:
    """Smaller cases, the boldest first; every one is strictly simpler, so that reduction ends."""
    yield from _fewer_outputs(case)
    yield from _narrower(case)
    if len(case.graph.nodes) > NODES_ALONE:
        yield from _cuts(case)
    yield from _simpler_values(case)


def _fewer_outputs(case: Case) -> Iterator[Case]:
    if len(case.graph.outputs) > 1:
        for output, cotangent in zip(case.graph.outputs, case.cotangents, strict=True):
            yield Case(Graph(case.graph.leaves, case.graph.nodes, (output,)).pruned(), (cotangent,))


def _narrower(case: Case) -> Iterator[Case]:
    """One slice of every array that has the shape of the output (elementwise graphs lose an axis)."""
    shape = case.cotangents[0].shape
    if len(case.cotangents) > 1 or not shape:
        return
    for i in range(min(shape[0], 4)):
        leaves = tuple(
            Leaf(leaf.data[i], leaf.constant) if leaf.data.shape == shape else leaf for leaf in case.graph.leaves
        )
        yield Case(Graph(leaves, case.graph.nodes, case.graph.outputs), (np.asarray(case.cotangents[0][i]),))


def _cuts(case: Case) -> Iterator[Case]:
    """Node alone as output; node to leaf; node to an earlier value of the same shape."""
    graph = case.graph
    values = forward_values(certify(case))
    nodes = list(graph.numbered())
    for value, node in nodes:
        if node.results == 1 and value not in graph.outputs:
            cotangent = adjoint(case, values, value)
            if cotangent is not None:
                yield Case(Graph(graph.leaves, graph.nodes, (value,)).pruned(), (cotangent,))
    for value, node in reversed(nodes):
        if node.results == 1 and value not in graph.outputs:
            yield Case(with_leaf(graph, value, values[value]), case.cotangents)
    for value, node in reversed(nodes):
        if node.results == 1:
            for earlier in range(value):
                if values[earlier].shape == values[value].shape and values[earlier].dtype == graph.dtype:
                    smaller = substituted(graph, value, earlier)
                    if smaller.nodes and len(smaller.nodes) < len(graph.nodes):
                        yield Case(smaller, case.cotangents)


def _weight(data: Array) -> tuple[int, int]:
    """How complicated an array reads: digits written, nonzero entries."""
    return sum(len(repr(v)) for v in data.ravel().tolist()), int(np.count_nonzero(data))


def _simpler(data: Array) -> Iterator[Array]:
    """Arrays that read more simply: all ones, rounded, one entry simpler."""
    wide = data.astype(np.float64)  # in float16 a hundred times the value may be out of range
    rounded = [np.round(wide, digits).astype(data.dtype) for digits in (0, 1, 2)]
    candidates = [np.ones_like(data), *rounded]
    for i in range(min(data.size, 12)):
        for entry in (0.0, 1.0):
            one = data.copy()
            one.reshape(-1)[i] = entry
            candidates.append(one)
    for candidate in candidates:
        if _weight(candidate) < _weight(data):
            yield candidate


def _simpler_values(case: Case) -> Iterator[Case]:
    graph = case.graph
    for i, leaf in enumerate(graph.leaves):
        if is_float(leaf.data.dtype):
            for data in _simpler(leaf.data):
                leaves = (*graph.leaves[:i], Leaf(data, leaf.constant), *graph.leaves[i + 1 :])
                yield Case(Graph(leaves, graph.nodes, graph.outputs), case.cotangents)
    for i, cotangent in enumerate(case.cotangents):
        for data in _simpler(cotangent):
            yield Case(graph, (*case.cotangents[:i], data, *case.cotangents[i + 1 :]))
