"""A declared difference never hides a new fault of the same kind: every failure is blamed before it is counted."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from gradproof.oracles.adapters.native import NativeEngine
from gradproof.oracles.finding import Verdict
from gradproof.oracles.graph import Case, Graph, Leaf, Node
from gradproof.oracles.verdict import Kind
from gradproof.specs import explain, run
from gradproof.specs.conformance import Conformance
from gradproof.specs.mutants.plant import planted

OPS = ("square", "add", "tanh", "erf")
TASK = run.Task("native", run.GRAPH, "float64", 0, 100, 1, OPS)
DECLARED = "tanh loses its tail."


def loses_the_tail(gradient: Any, xp: Any, ct: Any, out: Any, x: Any, **params: Any) -> Any:
    """An absolute error of a few roundings where the unit saturates: LOSSY."""
    return gradient + xp.where(abs(x) > 3.0, 1e-15, 0.0) * ct


def tail(*ops: str) -> Case:
    """Each op of 4, which is the square of the input."""
    nodes = (Node("square", (0,)), *(Node(op, (1,)) for op in ops))
    graph = Graph((Leaf(np.array([2.0])),), nodes, tuple(range(2, 2 + len(ops))))
    return Case(graph, (np.ones(1),) * len(ops))


@pytest.fixture
def two_faults(monkeypatch: pytest.MonkeyPatch) -> Iterator[NativeEngine]:
    """The native engine with the same fault in two ops, of which one is declared."""

    def reason(name: str, verdict: Verdict) -> str:
        return DECLARED if (verdict.kind, verdict.blame) == (Kind.LOSSY, "tanh") else ""

    monkeypatch.setattr(explain, "reason", reason)
    with planted("tanh", loses_the_tail), planted("erf", loses_the_tail):
        yield NativeEngine()


def test_a_new_fault_is_explained_though_many_declared_ones_of_its_kind_came_before(two_faults: NativeEngine) -> None:
    result = run.Result(TASK)
    for i, op in enumerate(["tanh"] * 5 + ["erf"]):
        run.take(result, i, tail(op), two_faults)
    seen = {(sign.blame, sign.known): count for sign, count in result.seen.items()}
    assert seen == {("tanh", DECLARED): 5, ("erf", ""): 1}
    assert [v.blame for v in result.failures if v.note["index"] == 5] == ["erf"]


def test_the_reduction_of_a_new_fault_stays_with_it(two_faults: NativeEngine) -> None:
    result = run.execute_with(TASK, two_faults)
    assert {sign.blame for sign in result.seen} == {"tanh", "erf"}
    for sign, found in result.explained.items():
        for verdict in found:
            assert verdict.blame == sign.blame
            assert verdict.case.graph.ops == (sign.blame,)
            assert explain.reason("native", verdict) == sign.known


def test_every_failing_check_is_counted_under_a_signature(two_faults: NativeEngine) -> None:
    result = run.execute_with(TASK, two_faults)
    failing = sum(n for kinds in result.counts.values() for kind, n in kinds.items() if kind.fails)
    assert failing == result.seen.total() > len(result.failures)
    assert set(result.explained) == set(result.seen)


def test_what_is_explained_later_is_counted_now_and_waits_as_it_was_drawn(two_faults: NativeEngine) -> None:
    now, later = (run.execute_with(TASK, two_faults, later=flag) for flag in (False, True))
    assert later.seen == now.seen
    assert not later.explained
    assert {sign: [v.note for v in found] for sign, found in later.pending.items()} == {
        sign: [v.note for v in found] for sign, found in now.explained.items()
    }
    assert any(len(v.case.graph.nodes) > 1 for found in later.pending.values() for v in found)


def test_the_conformance_run_fails_on_the_new_fault_alone(two_faults: NativeEngine) -> None:
    profile = run.Profile("short", cases=1, graphs=400)
    conformance = Conformance("native", two_faults, [], profile, 0, lambda result: None)
    result = conformance.graphs(0, "float64", OPS)
    assert any(sign.known for sign in result.seen)
    assert {v.blame for v in conformance.unexplained(result)} == {"erf"}
