"""Rewriting cases: cut a graph open at a value, isolate one node, replace a value. Used by blame and by reduction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from gradproof.oracles.certificate import Certificate, certify
from gradproof.oracles.graph import Array, Case, Graph, Leaf, Node


def forward_values(certificate: Certificate) -> list[Array]:
    """Every value of the graph as the nearest array of the case's dtype; constants as they are."""
    graph = certificate.case.graph
    out: list[Array] = []
    for i, value in enumerate(certificate.recording.values):
        if i < len(graph.leaves):
            out.append(graph.leaves[i].data)
        else:
            out.append(_rounded([float(v) for v in value.flat], np.shape(value), graph.dtype))
    return out


def _rounded(floats: Sequence[float], shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
    """The nearest array of a dtype; past its range that is infinity, without a warning."""
    with np.errstate(over="ignore"):
        return np.array(floats, dtype=dtype).reshape(shape)


def opened(case: Case, values: Sequence[Array], cut: int) -> Case:
    """The case with value ``cut`` as a leaf that holds its forward value: what depends on it stays, and nothing else."""
    return Case(with_leaf(case.graph, cut, values[cut]), case.cotangents, case.note)


def with_leaf(graph: Graph, value: int, data: Array) -> Graph:
    """The graph in which a value is no longer computed but given as a leaf; dead code is removed."""
    return substituted(graph, value, None, data)


def substituted(graph: Graph, value: int, by: int | None, data: Array | None = None) -> Graph:
    """The graph in which every use of ``value`` reads ``by`` (or a fresh leaf with ``data``) instead."""
    count = len(graph.leaves)
    fresh = (Leaf(data),) if data is not None else ()
    shift = len(fresh)

    def moved(o: int) -> int:
        if o == value:
            o_new = count if by is None else by
            return o_new if by is None or by < count else by + shift
        return o if o < count else o + shift

    nodes = tuple(replace(node, operands=tuple(map(moved, node.operands))) for node in graph.nodes)
    return Graph(graph.leaves + fresh, nodes, tuple(map(moved, graph.outputs))).pruned()


def adjoint(case: Case, values: Sequence[Array], value: int) -> Array | None:
    """The exact cotangent of a value, rounded to the case's dtype; None if no finite one is known."""
    graph = with_leaf(case.graph, value, values[value])
    data = values[value]
    position = next((i for i, leaf in enumerate(graph.leaves) if leaf.data is data), None)
    if position is None:
        return None
    certificate = certify(Case(graph, case.cotangents))
    start = sum(graph.leaves[p].data.size for p in graph.primals if p < position)
    balls = certificate.gradient[start : start + data.size]
    if not all(b.is_finite() for b in balls):
        return None
    return _rounded([float(b) for b in balls], data.shape, graph.dtype)


def isolated(case: Case, values: Sequence[Array], first: int, node: Node) -> Case | None:
    """One node alone, at its actual operands and exact cotangents; None where a cotangent is unknown."""
    graph = case.graph
    places: dict[int, int] = {}
    leaves: list[Leaf] = []
    for o in node.operands:
        if o not in places:
            places[o] = len(leaves)
            constant = o < len(graph.leaves) and graph.leaves[o].constant
            leaves.append(Leaf(values[o], constant))
    cotangents: list[Any] = []
    for k in range(node.results):
        ct = _direct(case, first + k) if first + k in graph.outputs else adjoint(case, values, first + k)
        if ct is None:
            return None
        cotangents.append(ct)
    alone = replace(node, operands=tuple(places[o] for o in node.operands))
    outputs = tuple(len(leaves) + k for k in range(node.results))
    return Case(Graph(tuple(leaves), (alone,), outputs), tuple(cotangents))


def _direct(case: Case, value: int) -> Array:
    """The cotangent given to an output (whose further uses are left out)."""
    return case.cotangents[case.graph.outputs.index(value)]


