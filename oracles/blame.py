"""Which op is to blame: each node's rule is judged alone, at its actual operands and its exact cotangent.

One rule is replaced at a time, so to speak: everything around the node comes from the judge. If every node passes
alone, each is asked again at the operands that the engine itself computed, for digits can be lost at one number and not at
its neighbour. If it still passes, the fault is in how the engine adds contributions up, and ``accumulation`` is blamed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from gradproof.oracles.certificate import certify
from gradproof.oracles.engine import Engine
from gradproof.oracles.finding import Verdict
from gradproof.oracles.graph import Array, Case
from gradproof.oracles.judge import K, judge
from gradproof.oracles.large.judge import parted
from gradproof.oracles.large.linearised import is_large
from gradproof.oracles.rewrite import forward_values, isolated
from gradproof.oracles.trial import function

ACCUMULATION = "accumulation"
Judging = Callable[[Case, Engine, float], Verdict]


Answers = Sequence[tuple[int, str, Verdict]]


def alone(
    case: Case, engine: Engine, k: float = K, judging: Judging = judge, values: Sequence[Array] | None = None
) -> Answers:
    """The verdict on each node alone, with its value id and op; nodes that no cotangent reaches are left out.

    ``values`` are the operands they are judged at: those of the certificate if none are given.
    """
    if is_large(case):
        return [(first, op, judging(one, engine, k)) for first, op, one in parted(case)]
    values = forward_values(certify(case)) if values is None else values
    answers = []
    for first, node in case.graph.numbered():
        one = isolated(case, values, first, node)
        if one is not None and one.graph.primals:
            answers.append((first, node.op, judging(one, engine, k)))
    return answers


def computed(case: Case, engine: Engine) -> list[Array] | None:
    """Every value of the graph as the engine computes it; None if it cannot."""
    graph = case.graph
    whole = replace(graph, outputs=tuple(first + i for first, node in graph.numbered() for i in range(node.results)))
    try:
        found = function(engine, whole)(*(engine.from_numpy(np.array(x)) for x in graph.primal_values))
        return [leaf.data for leaf in graph.leaves] + [engine.to_numpy(y) for y in found]
    except Exception:  # noqa: BLE001 - an engine that raises here raised in the trial too, and that is what it is judged by
        return None


def blame(
    verdict: Verdict,
    engine: Engine,
    k: float = K,
    judging: Judging = judge,
    answers: Answers | None = None,
) -> Verdict:
    """The verdict with ``blame`` (an op, or ``accumulation``), ``blamed_node`` (the value id) and ``alone`` filled in.

    ``answers``, those of ``alone`` for the same case, serve several findings of it; without them the nodes are judged here.
    """
    graph = verdict.case.graph
    if len(graph.nodes) == 1:
        return replace(verdict, blame=graph.nodes[0].op, blamed_node=len(graph.leaves))
    answers = alone(verdict.case, engine, k, judging) if answers is None else answers
    found = _worst(verdict, answers)
    if found is None and not is_large(verdict.case):
        own = computed(verdict.case, engine)
        found = None if own is None else _worst(verdict, alone(verdict.case, engine, k, judging, own))
    op, first, answer = found or (ACCUMULATION, None, None)
    return replace(verdict, blame=op, blamed_node=first, alone=answer)


def _worst(verdict: Verdict, answers: Answers) -> tuple[str, int | None, Verdict | None] | None:
    """The node that fails as the verdict says, and of those the one that fails worst; None if none fails so badly."""
    wanted = (verdict.kind, verdict.decisive.property)
    worst: tuple[bool, int, float] | None = None
    found: tuple[str, int | None, Verdict | None] | None = None
    for first, op, answer in answers:
        if answer.kind.severity < verdict.kind.severity and not answer.kind.fails:
            continue
        same = wanted in {(f.kind, f.property) for f in answer.findings}  # before any other fault of another node
        rank = (same, answer.kind.severity, answer.units)
        if worst is None or rank > worst:
            worst, found = rank, (op, first, answer)
    return found
