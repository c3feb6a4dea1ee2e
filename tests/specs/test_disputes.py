"""A witness that disputes a passing verdict decides nothing, and is not forgotten: the case is kept."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

from gradproof.oracles import finite
from gradproof.oracles.adapters.native import NativeEngine
from gradproof.oracles.certificate import Certificate, certify
from gradproof.oracles.errors import Unsupported
from gradproof.oracles.finding import Vote
from gradproof.oracles.graph import Array, Case, Graph, Leaf, Node
from gradproof.oracles.verdict import Kind
from gradproof.session import Session
from gradproof.specs import result as results
from gradproof.specs import run, witnesses
from gradproof.specs.tasks import case_at
from gradproof.terminal import console, summary

TASK = run.Task("native", "exp", "float64", 0, 81, 0)


def liar(case: Case, gradient: Array, certificate: Certificate) -> Vote:
    return Vote("liar", "its own", "disagrees", "for the sake of it")


@pytest.fixture
def lied_to(monkeypatch: pytest.MonkeyPatch) -> None:
    votes: Sequence[object] = (("liar", "its own", liar),)
    monkeypatch.setattr(witnesses, "WITNESSES", votes)


@pytest.mark.usefixtures("lied_to")
def test_disputed_verdicts_are_kept_with_their_votes_up_to_a_number_and_all_counted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(results, "DISPUTED_MAX", 2)
    found = run.execute_with(TASK, NativeEngine())
    shown = found.witnesses["liar"].disagree
    assert found.disputes == shown > 2
    assert [v.votes[0].name for v in found.disputed] == ["liar", "liar"]
    assert all(v.kind in (Kind.AGREE, Kind.SUBGRADIENT) for v in found.disputed)
    assert not found.failures


@pytest.mark.usefixtures("lied_to")
def test_they_are_in_the_record_and_in_the_summary() -> None:
    session = Session("here", "quick", 0, [NativeEngine()])
    session.add(run.execute_with(TASK, NativeEngine()))
    record = session.record()
    assert record.totals.disputes == len(record.disputed) > 0
    first = record.disputed[0]
    assert (first.engine, first.op, first.witness, first.detail) == ("native", "exp", "liar", "for the sake of it")
    assert run.verdict_of(case_at(TASK, first.index), NativeEngine()).kind is first.verdict
    with console.capture() as captured:
        summary(record)
    assert f"{record.totals.disputes} passing cases disputed" in captured.get()


def test_gradient_entries_are_counted_in_the_record_and_the_summary() -> None:
    session = Session("here", "quick", 0, [NativeEngine()])
    result = run.execute_with(TASK, NativeEngine())
    session.add(result)
    totals = session.record().totals
    assert totals.entries == result.entries > 81
    assert totals.entries_undecided == result.undecided
    with console.capture() as captured:
        summary(session.record())
    assert f"entries {totals.entries} of gradients judged" in captured.get()


def voting(answers: Callable[[Any], Any]) -> Any:
    """The native engine with what its pullback gives changed."""

    class Voted(NativeEngine):
        def vjp(self, fn: Any, primals: Any) -> Any:
            outputs, pullback = super().vjp(fn, primals)
            return outputs, lambda cotangents: answers((cotangents, pullback(cotangents)))

    return Voted()


def refused(both: Any) -> Any:
    """A gradient, and a refusal of a zero cotangent."""
    if not any(np.any(c) for c in both[0]):
        raise Unsupported("not today")
    return both[1]


def unlike_at_zero(both: Any) -> Any:
    """A gradient, but NaN for a zero cotangent."""
    cotangents, gradients = both
    none = not any(np.any(c) for c in cotangents)
    return tuple(np.full_like(g, np.nan) if none else g for g in gradients)


def of_another_dtype(both: Any) -> Any:
    return tuple(g.astype(np.float32) for g in both[1])


@pytest.mark.usefixtures("lied_to")
@pytest.mark.parametrize("answers", [refused, unlike_at_zero, of_another_dtype])
def test_where_the_judge_decides_nothing_of_a_gradient_or_another_property_fails_nobody_votes(
    answers: Callable[[Any], Any],
) -> None:
    result = run.execute_with(TASK, voting(answers))
    assert not result.overall[Kind.AGREE]
    voted = [v for sign, found in result.explained.items() for v in found if sign.property == "gradient"]
    assert len(voted) <= 1  # a cotangent of zeros was drawn, once
    assert sum(t.agree for t in result.witnesses.values()) == len(voted)
    assert not any(t.disagree or t.abstain for t in result.witnesses.values())


@pytest.mark.usefixtures("lied_to")
def test_votes_on_a_wrong_gradient_are_with_the_judge_though_another_property_fails_after_it() -> None:
    def doubled(both: Any) -> Any:
        return tuple(2 * g for g in unlike_at_zero(both))

    result = run.execute_with(TASK, voting(doubled))
    assert {sign.property for sign in result.explained} >= {"gradient", "zero"}
    explained = [v for sign, found in result.explained.items() for v in found if sign.property == "gradient"]
    tally = result.witnesses["liar"]
    assert (tally.agree, tally.disagree) == (len(explained), 0)
    assert all(v.votes for v in explained)
    assert not result.disputes


def test_differences_abstain_at_a_point_where_conventions_differ() -> None:
    graph = Graph((Leaf(np.zeros(1)), Leaf(np.zeros(1))), (Node("hypot", (0, 1)),), (2,))
    case = Case(graph, (np.ones(1),))
    certificate = certify(case)
    assert certificate.singular
    for said in (np.full(2, np.nan), np.zeros(2), np.full(2, 0.5)):
        assert finite.vote(case, said, certificate).vote == "abstains"
