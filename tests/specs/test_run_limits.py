"""The loop's limits: an engine that gives no answer costs one case of an op, and nothing is tried again on it."""

from __future__ import annotations

import time
from typing import Any

import pytest

from gradproof.oracles.adapters.native import NativeEngine
from gradproof.oracles.verdict import Kind
from gradproof.specs import limits, run


class Sleeper(NativeEngine):
    """Never answers."""

    name = "sleeper"

    def vjp(self, fn: Any, primals: Any) -> Any:
        time.sleep(30)


def test_an_engine_that_hangs_is_crashed_once_an_op_and_not_reduced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "CASE_SECONDS_MAX", 0.2)
    start = time.perf_counter()
    result = run.execute_with(run.Task("sleeper", "exp", "float64", 0, 5, 0), Sleeper())
    assert result.overall == {Kind.CRASHED: 1}
    assert [(v.kind, v.blame) for v in result.failures] == [(Kind.CRASHED, "exp")]
    assert time.perf_counter() - start < 10
