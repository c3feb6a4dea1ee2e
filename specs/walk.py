"""Claim 4, watched: which nodes a backward pass of the native tape visits, how often and in what order.

Before ``backward`` every node on the tape gets its own copy of its op, whose rules note the node before they pull. What
should be visited comes from following the inputs of each node, not from the sweep.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

import gradproof.engine as ge
from gradproof.engine.tape import Node, Op
from gradproof.oracles.catalogue import CATALOGUE
from gradproof.oracles.graph import Array, Graph
from gradproof.oracles.registry import engine as by_name
from gradproof.oracles.trial import function
from gradproof.specs import build

DOUBLINGS = 40


@dataclass(frozen=True)
class Walk:
    """A tape and one walk over it: the op of each recorded node in the order made, who reads whom, and each pull.

    ``reads`` has the nodes each node read (variables are not nodes here); ``pulls`` are (node, argument) in order.
    """

    ops: dict[int, str]
    reads: dict[int, tuple[int, ...]]
    arguments: dict[int, tuple[int, ...]]
    pulls: tuple[tuple[int, int], ...]

    @property
    def visits(self) -> list[int]:
        """Nodes in the order visited; pulls of one node in a row are one visit."""
        return [node for i, (node, _) in enumerate(self.pulls) if i == 0 or self.pulls[i - 1][0] != node]

    @property
    def paths(self) -> int:
        """How many ways lead from the output to variables: what a walk by paths would cost."""
        count: dict[int, int] = {}
        for node, read in self.reads.items():  # inputs come first
            count[node] = sum(count[r] for r in read) + len(self.arguments[node]) - len(read)
        return count[next(reversed(self.ops))]

    @property
    def fault(self) -> str:
        """What contradicts the claim; empty if nothing does."""
        visits = self.visits
        wanted = [(node, argument) for node in self.ops for argument in self.arguments[node]]
        if sorted(self.pulls) != sorted(wanted):
            return f"{len(self.pulls)} pulls, expected each of {len(wanted)} edges once"
        if len(visits) != len(set(visits)):
            return "a node is visited twice"
        turn = {node: i for i, node in enumerate(visits)}
        for node in visits:
            for read in self.reads[node]:
                if read >= node:
                    return f"node {node} ({self.ops[node]}) reads node {read}, which is made no earlier: not a DAG"
                if turn[read] < turn[node]:
                    return f"node {read} ({self.ops[read]}) is visited before node {node} ({self.ops[node]}), which reads it"
        return ""


def walk(f: Callable[..., ge.Array], inputs: list[Array], cotangent: Array | None = None) -> Walk:
    """Record ``f`` at fresh variables, run ``backward`` once, and say what it did."""
    out = f(*map(ge.variable, inputs))
    nodes = tape_behind(out.node)
    pulls: list[tuple[int, int]] = []
    for node in nodes:
        node.op = _noting(node, pulls)
    if nodes:
        out.backward(cotangent)
    return Walk(
        {node.id: node.op.name for node in nodes},
        {node.id: tuple(n.id for n in node.inputs if n is not None and n.inputs) for node in nodes},
        {node.id: tuple(i for i, n in enumerate(node.inputs) if n is not None) for node in nodes},
        tuple(pulls),
    )


def tape_behind(end: Node | None) -> list[Node]:
    """Every node an output depends on, except variables, in the order they were made."""
    found: dict[int, Node] = {}
    waiting = [end]
    while waiting:
        node = waiting.pop()
        if node is not None and node.inputs and node.id not in found:
            found[node.id] = node
            waiting.extend(node.inputs)
    return [found[i] for i in sorted(found)]


def _noting(node: Node, pulls: list[tuple[int, int]]) -> Op:
    """The node's op, with rules that note each pull."""

    def noting(argument: int, pull: Callable[..., Any]) -> Callable[..., Any]:
        def noted(*args: Any, **params: Any) -> Any:
            pulls.append((node.id, argument))
            return pull(*args, **params)

        return noted

    rules = tuple(
        rule if rule is None else rule._replace(pull=noting(i, rule.pull)) for i, rule in enumerate(node.op.rules)
    )
    return Op(node.op.name, node.op.kernel, rules)


def doubling(x: Any) -> ge.Array:
    """x added to itself, and so on: few nodes, 2**DOUBLINGS paths."""
    for _ in range(DOUBLINGS):
        x = ge.add(x, x)
    return ge.as_array(x)


def graph_walk(graph: Graph, cotangent: Array | None = None) -> Walk:
    """The walk over the first output of a graph."""
    f = function(by_name("native"), graph)
    return walk(lambda *xs: ge.as_array(f(*xs)[0]), list(graph.primal_values), cotangent)


def random_walks(count: int, seed: int = 0) -> list[Walk]:
    """Walks over random graphs."""
    walks = []
    for i in range(count):
        case = build.graph(random.Random(f"{seed}/walk/{i}").randbytes(build.GRAPH_BYTES), tuple(CATALOGUE), "float64")
        if case.graph.primals:
            walks.append(graph_walk(case.graph, case.cotangents[0]))
    return walks


def double_walk() -> Walk:
    """The walk over ``doubling``."""
    return walk(doubling, [np.array(1.0)])
