"""The loop's limits: an engine that gives no answer costs one case of an op, and nothing is tried again on it."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest

from gradproof.oracles import judge
from gradproof.oracles.adapters.native import NativeEngine
from gradproof.oracles.graph import Case, Graph, Leaf, Node
from gradproof.oracles.verdict import Kind
from gradproof.specs import limits, run


class Sleeper(NativeEngine):
    """Never answers."""

    name = "sleeper"

    def vjp(self, fn: Any, primals: Any) -> Any:
        time.sleep(30)


class Stubborn(NativeEngine):
    """Never answers, and takes every error for a reason to try again."""

    name = "stubborn"

    def vjp(self, fn: Any, primals: Any) -> Any:
        for _ in range(30):
            try:
                time.sleep(1)
            except Exception:  # noqa: BLE001, S112 - what it is for
                continue


def exp(*x: float) -> Case:
    return Case(Graph((Leaf(np.array(x)),), (Node("exp", (0,)),), (1,)), (np.ones(len(x)),))


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "CASE_SECONDS_MAX", 0.2)


@pytest.mark.usefixtures("short")
def test_an_engine_that_hangs_is_crashed_once_an_op_and_not_reduced_and_the_cases_left_out_are_counted() -> None:
    result = run.execute_with(run.Task("sleeper", "exp", "float64", 0, 5, 0), Sleeper())
    assert result.overall == {Kind.CRASHED: 1}
    assert [(v.kind, v.blame) for v in result.failures] == [(Kind.CRASHED, "exp")]
    assert result.unjudged == 4


@pytest.mark.usefixtures("short")
@pytest.mark.parametrize("x", [0.5, 1e4])
def test_a_hang_is_crashed_even_where_values_overflow(x: float) -> None:
    assert run.verdict_of(exp(x), Sleeper()).kind is Kind.CRASHED


@pytest.mark.usefixtures("short")
def test_an_engine_that_catches_every_exception_does_not_swallow_the_limit() -> None:
    assert limits.hung(run.verdict_of(exp(0.5), Stubborn()))


@pytest.mark.usefixtures("short")
def test_the_judges_own_time_is_not_the_engines(monkeypatch: pytest.MonkeyPatch) -> None:
    right = judge.certify

    def slow(case: Case) -> Any:
        time.sleep(0.5)
        return right(case)

    monkeypatch.setattr(judge, "certify", slow)
    assert run.verdict_of(exp(0.5), NativeEngine()).kind is Kind.AGREE
