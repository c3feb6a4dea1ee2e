"""A replay says all that fails on a case, first what it was saved for; and blames no engine for a script without a main guard."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gradproof.oracles import codec
from gradproof.oracles.adapters.native import NativeEngine
from gradproof.oracles.graph import Case, Graph, Leaf, Node
from gradproof.oracles.verdict import Kind
from gradproof.specs import again, run

MINE = (Path(__file__).parents[1] / "face" / "my_engine.py").read_text()
CASE = Case(Graph((Leaf(np.array([0.5, 2.0])),), (Node("square", (0,)), Node("exp", (1,))), (2,)), (np.ones(2),))
UNGUARDED = """
from gradproof.oracles.codec import load
from gradproof.specs.run import replayed
print([str(v.kind) for v in replayed(load("case.json"), "my_engine:Engine")[0]])
"""


class TwoFaults(NativeEngine):
    """Twice the gradient, and NaN where the cotangent is zero."""

    def vjp(self, fn: Any, primals: Any) -> Any:
        outputs, pullback = super().vjp(fn, primals)

        def pulled(cotangents: Any) -> Any:
            none = not any(np.any(c) for c in cotangents)
            return tuple(np.full_like(g, np.nan) if none else 2 * g for g in pullback(cotangents))

        return outputs, pulled


@pytest.mark.parametrize("saved", ["zero", "gradient"])
def test_a_replay_leads_with_the_property_that_the_case_was_saved_for_and_says_the_others(
    saved: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(again, "made", lambda name: TwoFaults())
    verdicts, _ = again.judged(replace(CASE, note={"property": saved}), "native")
    assert verdicts[0].decisive.property == saved
    assert {v.decisive.property for v in verdicts} >= {"zero", "gradient"}
    assert all(len(v.findings) == 1 and v.blame for v in verdicts)


def test_what_a_run_says_of_a_failure_is_what_its_replay_says_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(again, "made", lambda name: TwoFaults())
    result = run.execute_with(run.Task("native", run.GRAPH, "float64", 0, 4, 0, ("exp", "add")), TwoFaults())
    assert len(result.explained) > 2
    for sign, found in result.explained.items():
        for verdict in found:
            case = replace(verdict.case, note={"property": sign.property})
            first = again.judged(case, "native")[0][0]
            assert (first.kind, first.decisive.property, first.blame) == (verdict.kind, sign.property, verdict.blame)


def test_a_case_that_passes_is_one_verdict(monkeypatch: pytest.MonkeyPatch) -> None:
    (verdict,), trace = again.judged(CASE, "native")
    assert (verdict.kind, trace) == (Kind.AGREE, "")
    assert verdict.votes


def test_a_script_without_a_main_guard_is_told_so_and_no_engine_is_blamed(tmp_path: Path) -> None:
    (tmp_path / "my_engine.py").write_text(MINE)
    (tmp_path / "script.py").write_text(UNGUARDED)
    case = Case(Graph((Leaf(np.array([0.5])),), (Node("sin", (0,)),), (1,)), (np.ones(1),))
    codec.save(case, tmp_path / "case.json")
    done = subprocess.run([sys.executable, "script.py"], capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.returncode == 1
    assert "CRASHED" not in done.stdout
    last = done.stderr.strip().splitlines()[-1]
    assert "EngineError: the process died with exit code 1 before its first case" in last
    assert '`if __name__ == "__main__":`' in last
