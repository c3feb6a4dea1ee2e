"""Claims 11 to 13 turn WRONG when what they claim is not so."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from gradproof.engine import anomaly
from gradproof.specs import claims_health, depth, poison

RUNS = [run for net in poison.NETS for run in poison.spoiled_runs(net)]


def test_a_net_said_to_be_fixed_that_still_vanishes_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    real = depth.feed_forward
    monkeypatch.setattr(depth, "feed_forward", lambda *args, residual=False, **rest: real(*args, **rest))
    row = claims_health.vanishing()
    assert row.verdict == "WRONG"
    assert row.figure.startswith("residual, depth 8: vanishing")


def test_a_rate_that_the_forward_values_contradict_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(depth.SLOPES, "relu", lambda z: 0.0 * z + 1.0)
    assert "off the one the forward values predict" in claims_health.vanishing().figure


def test_a_rate_off_the_gain_of_a_linear_recurrence_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    real = depth.recurrent

    def slower(kind: str, gain: float) -> depth.Fall:
        fall = real(kind, gain)
        return replace(fall, flow=replace(fall.flow, rate=fall.flow.rate * (1 + 1e-6)))

    monkeypatch.setattr(depth, "recurrent", slower)
    row = claims_health.exploding()
    assert (row.verdict, row.figure.partition(":")[0]) == ("WRONG", "linear recurrence")


@pytest.mark.parametrize("clip", ["value", "norm", "global norm"])
def test_a_clipping_that_does_not_defend_is_seen(clip: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(depth.CLIPS, clip, lambda g: g)
    row = claims_health.exploding()
    assert row.verdict == "WRONG"
    assert f"clipped by {clip}" in row.figure


def test_a_gradient_spoiled_out_of_reach_or_a_place_not_named_is_seen() -> None:
    assert claims_health.nonfinite_claim(RUNS).verdict == "AGREE"
    part = next(r for r in RUNS if r.allowed == frozenset({"w1"}))
    wider = replace(part, found=frozenset({"w1", "b2"}))
    row = claims_health.nonfinite_claim([*RUNS, wider])
    assert row.figure.startswith(f"{part.label} spoils ['b2'], which it cannot reach")
    assert "not named" in claims_health.nonfinite_claim([*RUNS, replace(part, named=False)]).figure


def test_a_nan_that_gets_lost_in_the_dense_net_is_seen() -> None:
    lost = [replace(r, found=frozenset()) if r.net == "dense" and r.what == "nan" and r.op == "tanh" else r for r in RUNS]
    assert "spoils [], and reaches" in claims_health.nonfinite_claim(lost).figure


@pytest.mark.parametrize("wrong", ["phase", "op", "node", "argument", "line"])
def test_a_detector_that_names_another_place_is_seen(wrong: str, monkeypatch: pytest.MonkeyPatch) -> None:
    real = anomaly.Watch._error

    def error(self: Any, phase: str, said: str, op: str, node: int, argument: int | None, shape: Any, line: Any) -> Any:
        told = {"phase": phase, "op": op, "node": node, "argument": argument, "line": line}
        other = {"phase": "?", "op": "?", "node": node + 1, "argument": 7, "line": ("elsewhere.py", 1, "f")}
        told[wrong] = other[wrong]
        return real(self, told["phase"], said, told["op"], told["node"], told["argument"], shape, told["line"])

    monkeypatch.setattr(anomaly.Watch, "_error", error)
    assert not any(r.named for r in poison.spoiled_runs("apart"))
