"""Claims 7, 8 and 14 turn WRONG when what they claim is not so."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import numpy as np
import pytest

import gradproof.engine as ge
from gradproof.engine import program, tape
from gradproof.specs import claims_memory, footprint

checkpoint = import_module("gradproof.engine.checkpoint")  # the package's attribute of that name is the function


def test_a_rule_that_keeps_more_than_it_says_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    real = footprint.attention
    kept = ge.variable(1.0)
    monkeypatch.setattr(footprint, "attention", lambda q, k, v: real(q, k, v) + kept * ge.max(ge.exp(q)) * 0.0)
    row = claims_memory.memory()
    assert row.verdict == "WRONG"
    assert "numbers off the formula" in row.figure


def test_an_evaluation_that_keeps_its_layers_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ge, "no_grad", lambda: tape.recording(True))
    real = footprint.parameters
    monkeypatch.setattr(footprint, "parameters", lambda size: [{k: ge.variable(w) for k, w in p.items()} for p in real(size)])
    monkeypatch.setattr(footprint, "variables", footprint.parameters)
    assert "grows with depth" in claims_memory.memory().figure


def test_a_checkpoint_that_computes_something_else_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    real = checkpoint.Segment._restore

    def off(self: Any) -> None:
        real(self)
        for _, node in self.restored:
            if node.op.name == "multiply" and type(node.primals) is tuple and type(node.primals[0]) is np.ndarray:
                node.primals = (node.primals[0] * (1 + 1e-15), node.primals[1])

    monkeypatch.setattr(checkpoint.Segment, "_restore", off)
    row = claims_memory.checkpointing()
    assert (row.verdict, row.figure.partition(" (")[0]) == ("WRONG", "4 blocks: gradients differ")


def test_a_schedule_that_runs_a_block_too_often_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ge, "checkpoint_chain", lambda blocks, x, slots: checkpoint.checkpoint_chain(blocks, x, slots - 1))
    row = claims_memory.checkpointing()
    assert row.verdict == "WRONG"
    assert row.figure.startswith("2 states kept: 136 runs, expected 61")


def test_a_program_that_is_off_by_a_bit_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    real = program.function

    def function(op: str) -> Any:
        return (lambda *xs: np.nextafter(np.multiply(*xs), np.inf)) if op == "multiply" else real(op)

    monkeypatch.setattr("gradproof.engine.generate.function", function)
    row = claims_memory.traced()
    assert row.verdict == "WRONG"
    assert "replayed values differ from eager ones" in row.figure
