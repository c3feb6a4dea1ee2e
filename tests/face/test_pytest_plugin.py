"""The conformance run as a user meets it: a real pytest process, interrupted or failing, loses nothing."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

MINE = (Path(__file__).parent / "my_engine.py").read_text()
COMMAND = (
    sys.executable, "-m", "pytest", "--pyargs", "gradproof.specs", "-v", "-p", "no:cacheprovider",
    "--gradproof-references", "", "--gradproof-json", "r.json",
)  # fmt: skip
ENVIRONMENT = {**os.environ, "PYTHONUNBUFFERED": "1", "COLUMNS": "200"}


def conformance(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    (folder / "my_engine.py").write_text(MINE)
    return subprocess.run(
        [*COMMAND, *words], capture_output=True, text=True, cwd=folder, env=ENVIRONMENT, check=False
    )


def record(folder: Path) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = json.loads((folder / "r.json").read_text())
    return found


def test_ctrl_c_in_a_conformance_run_still_writes_the_record_and_says_that_it_was_interrupted(tmp_path: Path) -> None:
    words = ("-k", "test_every_property_holds_for", "--gradproof-profile", "standard")
    started = subprocess.Popen(
        [*COMMAND, *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=tmp_path, env=ENVIRONMENT
    )
    assert started.stdout is not None
    while "PASSED" not in (line := started.stdout.readline()):
        assert line, "no test of the conformance run passed"
    started.send_signal(signal.SIGINT)
    out, _ = started.communicate(timeout=120)
    assert started.returncode == pytest.ExitCode.INTERRUPTED, out
    assert record(tmp_path)["interrupted"] is True
    assert record(tmp_path)["totals"]["cases"] > 0
    assert "INTERRUPTED, clean so far" in out


def test_a_run_that_stops_at_its_first_failure_says_so_in_the_record(tmp_path: Path) -> None:
    words = ("--gradproof-engine", "my_engine:Wrong", "-k", "for[sin-float64] or for[multiply-float64]", "-x")
    done = conformance(tmp_path, *words)
    assert done.returncode == pytest.ExitCode.TESTS_FAILED, done.stdout
    assert record(tmp_path)["interrupted"] is True


def test_a_run_to_the_end_is_not_called_interrupted(tmp_path: Path) -> None:
    done = conformance(tmp_path, "--gradproof-engine", "my_engine:Engine", "-k", "for[sin-float64]")
    assert done.returncode == pytest.ExitCode.OK, done.stdout
    assert record(tmp_path)["interrupted"] is False


def test_a_failing_conformance_run_saves_its_graphs_and_prints_how_to_replay_them(tmp_path: Path) -> None:
    done = conformance(tmp_path, "--gradproof-engine", "my_engine:Wrong", "-k", "for[sin-float64]")
    assert done.returncode == pytest.ExitCode.TESTS_FAILED, done.stdout
    saved = sorted((tmp_path / "gradproof-failures").glob("*.json"))
    assert saved
    for path in saved:
        assert f"gradproof replay {path.relative_to(tmp_path)} --engine my_engine:Wrong" in done.stdout
