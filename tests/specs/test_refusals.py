"""An engine that refuses, case by case, what it claims to have: counted, said, and no pass where it refuses more than it answers."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from gradproof.oracles.adapters.native import NativeEngine
from gradproof.oracles.engine import Capabilities
from gradproof.oracles.errors import Unsupported
from gradproof.reports.junit import to_junit
from gradproof.reports.render import render
from gradproof.session import Session
from gradproof.specs import run
from gradproof.specs.conformance import Conformance
from gradproof.specs.gate import empty_cells
from gradproof.terminal import console, summary

TASK = run.Task("dodger", "exp", "float64", 0, 12, 0)


class Dodger(NativeEngine):
    """Answers only where no input is larger than a limit."""

    name = "dodger"

    def __init__(self, limit: float) -> None:
        super().__init__()
        self.limit = limit

    def vjp(self, fn: Any, primals: Any) -> Any:
        if np.abs(primals[0]).max(initial=0.0) > self.limit:
            raise Unsupported("too hard")
        return super().vjp(fn, primals)


def told(engine: NativeEngine, *tasks: run.Task) -> tuple[Session, str]:
    session = Session("here", "quick", 0, [engine])
    for task in tasks:
        session.add(run.execute_with(task, engine))
    with console.capture() as captured:
        summary(session.record())
    return session, captured.get()


def test_refusals_of_a_claimed_op_are_in_the_record_the_last_line_and_its_percentage() -> None:
    session, said = told(Dodger(1.0), TASK)
    totals = session.record().totals
    assert 0 < totals.refused == totals.counts["UNSUPPORTED"] < TASK.count
    last = said.strip().splitlines()[-1]
    assert f"refused case by case: {totals.refused}" in last
    assert f"{100 * (totals.refused + totals.skipped) / TASK.count:.2f} % without verdict" in last


def test_a_run_fails_where_an_op_is_refused_more_often_than_decided() -> None:
    session, said = told(Dodger(0.1), TASK)
    record = session.record()
    whole = next(e for e in record.entries if e.property == "verdict")
    assert whole.refused > whole.decided > 0
    assert not record.clean
    assert record.fails(whole)
    assert said.strip().splitlines()[-1].startswith("NOT CLEAN")
    assert f"refused case by case: {whole.refused} of 12 cases, {whole.decided} decided" in to_junit(record)
    page = render(record)
    assert "refused more often than answered, which fails the run" in page
    assert "Nothing fails the run" not in page


def test_the_last_line_says_so_where_refusals_alone_fail_a_run() -> None:
    session, said = told(Dodger(0.1), TASK)
    last = said.strip().splitlines()[-1]
    assert last.startswith(f"NOT CLEAN: exp refused {session.refused} of 12 cases it claims; 0 failing of ")
    _, said = told(Dodger(0.1), TASK, replace(TASK, op="sin"))
    assert "cases it claims, and 1 more op likewise; " in said.strip().splitlines()[-1]


def test_the_last_line_does_not_blame_refusals_where_a_case_fails_too() -> None:
    class Wrong(Dodger):
        def vjp(self, fn: Any, primals: Any) -> Any:
            outputs, pullback = super().vjp(fn, primals)
            return outputs, lambda cts: [self.from_numpy(1.5 * self.to_numpy(g)) for g in pullback(cts)]

    _, said = told(Wrong(0.1), TASK)
    last = said.strip().splitlines()[-1]
    assert last.startswith("NOT CLEAN: ")
    assert "cases it claims" not in last


def test_a_few_refusals_are_said_and_fail_nothing() -> None:
    session, said = told(Dodger(50.0), replace(TASK, count=60))
    assert 0 < session.refused < 30
    assert session.record().clean
    assert f"clean: 0 failing of {60 - session.refused} judged" in said


@pytest.mark.parametrize("limit", [-1.0, 0.1])
def test_the_conformance_run_and_its_gate_see_a_dodged_op(limit: float) -> None:
    conformance = Conformance("dodger", Dodger(limit), [], run.Profile("short", 12, 0), 0, lambda result: None)
    result = conformance.op("exp", "float64")
    assert "dodger claims to have exp in float64, and refused" in conformance.dodged(result)
    dodged_whole = limit < 0
    cells = {cell.property for cell in empty_cells([result], ["exp"], ["float64"]) if cell.op == "exp"}
    assert ("gradient" in cells) is dodged_whole


def test_an_op_or_a_dtype_that_an_engine_declares_missing_is_not_refused() -> None:
    engine = NativeEngine()
    engine.capabilities = Capabilities(("float64",), unsupported=frozenset({"exp"}))  # type: ignore[misc]
    session, said = told(engine, TASK, replace(TASK, op="sin", dtype="float32"))
    assert session.record().totals.counts == {"UNSUPPORTED": 13}
    assert session.refused == 0
    assert session.record().clean
    assert said.strip().splitlines()[-1].startswith("NOTHING JUDGED: 0 failing of 0 judged")
