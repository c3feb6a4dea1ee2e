"""Which op is to blame: each node's rule is judged alone, at its actual operands and its exact cotangent.

One rule is replaced at a time, so to speak: everything around the node comes from the judge. If every node passes
alone, the fault is in how the engine adds contributions up, and ``accumulation`` is blamed.
"""

from __future__ import annotations

from dataclasses import replace

from gradproof.oracles.certificate import certify
from gradproof.oracles.engine import Engine
from gradproof.oracles.finding import Verdict
from gradproof.oracles.judge import K, judge
from gradproof.oracles.rewrite import forward_values, isolated

ACCUMULATION = "accumulation"


def blame(verdict: Verdict, engine: Engine, k: float = K) -> Verdict:
    """The verdict with ``blame`` (an op, or ``accumulation``) and ``blamed_node`` (the value id) filled in."""
    case = verdict.case
    values = forward_values(certify(case))
    wanted = (verdict.kind, verdict.decisive.property)
    worst: tuple[bool, int, float] | None = None
    found = (ACCUMULATION, None)
    for first, node in case.graph.numbered():
        alone = isolated(case, values, first, node)
        if alone is None or not alone.graph.primals:
            continue
        answer = judge(alone, engine, k)
        if answer.kind.severity < verdict.kind.severity and not answer.kind.fails:
            continue
        same = wanted in {(f.kind, f.property) for f in answer.findings}  # before any other fault of another node
        rank = (same, answer.kind.severity, answer.units)
        if worst is None or rank > worst:
            worst, found = rank, (node.op, first)  # type: ignore[assignment]
    if len(case.graph.nodes) == 1:
        found = (case.graph.nodes[0].op, len(case.graph.leaves))  # type: ignore[assignment]
    return replace(verdict, blame=found[0], blamed_node=found[1])
