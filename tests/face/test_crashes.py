"""Engines that raise, quit or kill their process, as a user meets them; and graphs replayed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from gradproof.specs.known import CORPUS, corpus

HERE = Path(__file__).parent
DEADLY = """
import os
from my_engine import Engine as Mine, Namespace as Ops

class Namespace(Ops):
    @staticmethod
    def sin(x):
        if x.data.size and abs(x.data).max() > 3:
            os._exit(3)
        return Ops.sin(x)

class Engine(Mine):
    namespace = Namespace
"""
QUITS = DEADLY.replace("os._exit(3)", "raise SystemExit(0)")
RAISES = DEADLY.replace("os._exit(3)", 'raise RuntimeError("no sine so far out")')


def gradproof(*words: str, cwd: Path = HERE) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "gradproof", *words],
        capture_output=True,
        text=True,
        cwd=cwd,
        env={**os.environ, "COLUMNS": "200"},
        check=False,
    )


@pytest.fixture
def deadly(tmp_path: Path) -> Path:
    (tmp_path / "deadly.py").write_text(DEADLY)
    (tmp_path / "my_engine.py").write_text((HERE / "my_engine.py").read_text())
    return tmp_path


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_an_engine_that_kills_its_process_is_crashed_at_the_case_that_did_and_the_rest_goes_on(
    deadly: Path, jobs: str
) -> None:
    done = gradproof("verify", "deadly:Engine", "--ops", "multiply,sin", "--graphs", "0", "--dtype", "float64",
                     "--cases", "24", "--jobs", jobs, "--json", "r.json", cwd=deadly)  # fmt: skip
    assert done.returncode == 1, done.stdout + done.stderr
    assert "the process died with exit code 3, in case" in done.stdout
    record = json.loads((deadly / "r.json").read_text())
    (failure,) = record["failures"]
    assert (failure["verdict"], failure["blame"]) == ("CRASHED", "sin")
    assert failure["count"] == record["totals"]["counts"]["CRASHED"] >= 2
    (leaf,) = failure["case"]["leaves"]
    assert max(abs(float.fromhex(x)) for x in leaf["data"]) > 3  # the case named does kill
    whole = {e["op"]: e["counts"] for e in record["entries"] if e["property"] == "verdict"}
    assert sum(whole["multiply"].values()) == 24
    assert set(whole["multiply"]) <= {"AGREE", "SUBGRADIENT"}
    assert sum(whole["sin"].values()) + record["totals"]["unjudged"] == 24
    (saved,) = (deadly / "gradproof-failures").glob("*.json")
    again = gradproof("replay", str(saved), cwd=deadly)
    assert again.returncode == 1
    assert "CRASHED: deadly:Engine" in again.stdout
    assert "the process died with exit code 3" in again.stdout


def test_an_engine_that_raises_system_exit_is_crashed_and_not_obeyed(deadly: Path) -> None:
    (deadly / "quits.py").write_text(QUITS)
    done = gradproof("verify", "quits:Engine", "--ops", "multiply,sin", "--graphs", "0", "--dtype", "float64", cwd=deadly)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "CRASHED" in done.stdout


def test_the_replay_of_a_crash_shows_where_the_engine_raised(deadly: Path) -> None:
    (deadly / "raises.py").write_text(RAISES)
    ran = gradproof(
        "verify", "raises:Engine", "--ops", "sin", "--graphs", "0", "--dtype", "float64", "--report", "p.html", cwd=deadly
    )
    assert "  evidence   the engine raised\n" in ran.stdout
    assert "certified balls" not in ran.stdout
    assert "</strong> the engine raised RuntimeError: no sine so far out</p>" in (deadly / "p.html").read_text()
    (saved,) = (deadly / "gradproof-failures").glob("*.json")
    done = gradproof("replay", str(saved), cwd=deadly)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "Traceback (most recent call last)" in done.stdout
    assert "raises.py" in done.stdout
    assert "RuntimeError: no sine so far out" in done.stdout


def test_the_replay_command_that_is_printed_works_and_no_run_overwrites_the_graphs_of_another(deadly: Path) -> None:
    (deadly / "other.py").write_text(RAISES.replace("> 3", "> 1"))
    (deadly / "raises.py").write_text(RAISES)
    common = ("--ops", "sin", "--graphs", "0", "--dtype", "float64", "--json", "r.json")
    files = set()
    for name in ("raises:Engine", "other:Engine"):
        done = gradproof("verify", name, *common, cwd=deadly)
        (failure,) = json.loads((deadly / "r.json").read_text())["failures"]
        assert failure["replay"] in done.stdout
        first, command, path, *rest = failure["replay"].split()
        assert (first, command, rest) == ("gradproof", "replay", ["--engine", name])
        again = gradproof(command, path, *rest, cwd=deadly)
        assert "no sine so far out" in again.stdout, again.stderr
        files.add(path)
    assert {str(p.relative_to(deadly)) for p in (deadly / "gradproof-failures").glob("*.json")} == files
    assert len(files) == 2


def test_the_replay_of_a_declared_difference_exits_0_and_says_so() -> None:
    pytest.importorskip("torch", reason="PyTorch is not installed")
    saved = next(known for known in corpus() if known.engine == "torch" and known.verdict.declarable)
    path = str(CORPUS / f"{saved.name}.json")
    done = gradproof("replay", path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"declared: {saved.reason}" in done.stdout


