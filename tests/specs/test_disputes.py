"""A witness that disputes a passing verdict decides nothing, and is not forgotten: the case is kept."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from gradproof.oracles.adapters.native import NativeEngine
from gradproof.oracles.certificate import Certificate
from gradproof.oracles.finding import Vote
from gradproof.oracles.graph import Array, Case
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
