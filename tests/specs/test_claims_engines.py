"""Claim 15 can fail: an engine that is no reverse mode, a witness that sees nothing, a framework that is not there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

from gradproof.oracles.adapters.native import NativeEngine
from gradproof.oracles.engine import Engine
from gradproof.oracles.registry import engine as by_name
from gradproof.specs import claims_engines
from gradproof.specs.claims_engines import calls, heard, spoilt


class Differences(NativeEngine):
    """Its gradient by each input takes two evaluations of f more."""

    name = "torch"
    lineage = "differences"

    def vjp(self, fn: Callable[..., Any], primals: Sequence[Any]) -> Any:
        def pullback(cotangents: Any) -> list[Any]:
            found = []
            for i, x in enumerate(primals):
                ends = [fn(*(p + s if j == i else p for j, p in enumerate(primals)))[0] for s in (1.0, -1.0)]
                found.append((ends[0] - ends[1]) / 2.0 + 0.0 * x)
            return found

        return fn(*primals), pullback


class Echo(NativeEngine):
    """A witness of the same numbers, half as large again."""

    name = "torch"

    def vjp(self, fn: Callable[..., Any], primals: Sequence[Any]) -> Any:
        outputs, pullback = super().vjp(fn, primals)
        return outputs, lambda cotangents: [g * 1.5 for g in pullback(cotangents)]


def test_reverse_mode_evaluates_once_for_all_inputs() -> None:
    found = calls(by_name("native"), 64)
    assert (found.outputs, found.pullback, found.exact) == (1, 0, True)


def test_differences_are_counted_twice_an_input() -> None:
    engine: Engine = Differences()
    assert calls(engine, 8).pullback == 16


def test_a_sound_witness_confirms_all_and_disputes_all_that_is_spoilt() -> None:
    pytest.importorskip("torch", reason="a witness of another lineage is needed")
    cases = list(claims_engines.drawn())
    votes = heard(cases, [by_name("torch")])
    assert votes.asked > 5
    assert votes.for_it["torch"] == votes.caught["torch"] == votes.asked
    assert votes.for_it["jax"] == 0  # nobody asked it


def test_a_wrong_witness_does_not_pass_for_a_sound_one() -> None:
    engine: Engine = Echo()
    votes = heard(list(claims_engines.drawn()), [engine])
    assert votes.for_it["torch"] == 0


def test_spoiling_changes_the_largest_entry_alone() -> None:
    before = [np.array([1.0, -4.0]), np.array([[2.0]]), np.zeros((0,))]
    after = spoilt(before)
    assert after[0].tolist() == [1.0, -6.0]
    assert after[1] is before[1]


def test_a_framework_that_is_not_installed_leaves_the_claim_open(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(claims_engines, "missing", lambda: ["TensorFlow"])
    row = claims_engines.reverse_mode()
    assert row.verdict == "NOT YET SHOWN"
    assert row.how.startswith("needs ")
    assert row.how.endswith("not installed here: TensorFlow")
