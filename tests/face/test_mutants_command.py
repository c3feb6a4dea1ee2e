"""``gradproof mutants``: exit codes, what it prints and the file it writes."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from gradproof.mutants import mutants
from gradproof.oracles.formats import dtype_named
from gradproof.selection import UsageError
from gradproof.specs.mutants.catalogue import MUTANTS


def test_a_family_is_scored_printed_and_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "score.json"
    planted = sum(m.family == "epsilon" for m in MUTANTS)
    assert planted >= 15
    assert mutants("epsilon", "judge", 0, 60, path) == 0
    said = capsys.readouterr().out
    assert f"{planted} of {planted} killed (100.0 %)" in said
    assert "false alarms in" in said
    typical, written = json.loads(path.read_text())["scores"]
    assert written["families"] == {"epsilon": [planted, planted]}
    assert not written["survivors"]
    assert typical["budget"]["inputs"] == "typical"
    assert len(written["results"]) == planted


def test_a_survivor_makes_the_exit_code_1_and_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert mutants("epsilon", "exact rationals", 0, 2, None) == 1
    said = capsys.readouterr().out
    assert "survives  epsilon: log: 1e-12 in the denominator" in said
    assert "on typical inputs" in said


def test_faults_of_bfloat16_are_drawn_or_left_out_in_so_many_words(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert mutants("half precision", "judge", 0, 2, None) in (0, 1)  # typical inputs of bfloat16 raised a TypeError
    assert "left out" not in capsys.readouterr().out
    monkeypatch.setitem(sys.modules, "ml_dtypes", None)
    dtype_named.cache_clear()
    assert mutants("half precision", "judge", 0, 2, None) in (0, 1)
    assert "left out  7 planted faults: bfloat16 needs the package ml_dtypes" in capsys.readouterr().out


def test_benign_variants_alone_are_not_flagged() -> None:
    assert mutants("benign", "judge", 0, 4, None) == 0


@pytest.mark.parametrize("wrong", [("epsilon", "tea leaves"), ("no such family", "judge")])
def test_what_does_not_exist_is_a_usage_error(wrong: tuple[str, str]) -> None:
    family, oracle = wrong
    with pytest.raises(UsageError, match="there are"):
        mutants(family, oracle, 0, 1, None)


def test_faults_of_the_second_order_are_asked_of_the_judge_and_of_no_oracle_of_first_gradients(
    capsys: pytest.CaptureFixture[str],
) -> None:
    planted = sum(m.family == "higher-order closure" for m in MUTANTS)
    assert planted >= 24
    assert mutants("higher-order closure", "judge", 0, 60, None) == 0
    said = capsys.readouterr().out
    assert f"{planted} of {planted} killed (100.0 %)" in said
    assert "reverse over reverse WRONG" in said
    mutants("higher-order closure", "duals", 0, 2, None)
    assert "0 of 0 killed" in capsys.readouterr().out
