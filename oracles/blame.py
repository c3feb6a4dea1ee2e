"""Which op is to blame: each node's rule is judged alone, at its actual operands and its exact cotangent.

One rule is replaced at a time, so to speak: everything around the node comes from the judge. If every node passes
alone, the fault is in how the engine adds contributions up, and ``accumulation`` is blamed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from gradproof.oracles.certificate import certify
from gradproof.oracles.engine import Engine
from gradproof.oracles.finding import Verdict
from gradproof.oracles.graph import Case
from gradproof.oracles.judge import K, judge
from gradproof.oracles.large.judge import parted
from gradproof.oracles.large.linearised import is_large
from gradproof.oracles.rewrite import forward_values, isolated

ACCUMULATION = "accumulation"
Judging = Callable[[Case, Engine, float], Verdict]


def alone(case: Case, engine: Engine, k: float = K, judging: Judging = judge) -> list[tuple[int, str, Verdict]]:
    """The verdict on each node alone, with its value id and op; nodes that no cotangent reaches are left out."""
    if is_large(case):
        return [(first, op, judging(one, engine, k)) for first, op, one in parted(case)]
    values = forward_values(certify(case))
    answers = []
    for first, node in case.graph.numbered():
        one = isolated(case, values, first, node)
        if one is not None and one.graph.primals:
            answers.append((first, node.op, judging(one, engine, k)))
    return answers


def blame(
    verdict: Verdict,
    engine: Engine,
    k: float = K,
    judging: Judging = judge,
    answers: Sequence[tuple[int, str, Verdict]] | None = None,
) -> Verdict:
    """The verdict with ``blame`` (an op, or ``accumulation``), ``blamed_node`` (the value id) and ``alone`` filled in.

    ``answers``, those of ``alone`` for the same case, serve several findings of it; without them the nodes are judged here.
    """
    graph = verdict.case.graph
    if len(graph.nodes) == 1:
        return replace(verdict, blame=graph.nodes[0].op, blamed_node=len(graph.leaves))
    wanted = (verdict.kind, verdict.decisive.property)
    worst: tuple[bool, int, float] | None = None
    found: tuple[str, int | None, Verdict | None] = (ACCUMULATION, None, None)
    for first, op, answer in alone(verdict.case, engine, k, judging) if answers is None else answers:
        if answer.kind.severity < verdict.kind.severity and not answer.kind.fails:
            continue
        same = wanted in {(f.kind, f.property) for f in answer.findings}  # before any other fault of another node
        rank = (same, answer.kind.severity, answer.units)
        if worst is None or rank > worst:
            worst, found = rank, (op, first, answer)
    return replace(verdict, blame=found[0], blamed_node=found[1], alone=found[2])
