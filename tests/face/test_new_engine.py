"""The scaffold works as it stands, and overwrites nothing."""

import subprocess
import sys

import pytest

from gradproof import new_engine
from gradproof.oracles.errors import GradproofError


def test_what_is_written_is_clean_before_the_judge_as_it_stands(tmp_path):
    said = new_engine.write("mine", tmp_path)
    assert "gradproof verify mine_engine:Engine --ops add" in said
    command = [sys.executable, "-m", "gradproof", "verify", "mine_engine:Engine", "--cases", "10", "--graphs", "50"]
    run = subprocess.run(command, check=False, capture_output=True, text=True, cwd=tmp_path)
    assert run.returncode == 0, run.stdout + run.stderr
    assert "clean: 0 failing" in run.stdout


def test_a_planted_fault_in_what_is_written_is_found(tmp_path):
    new_engine.write("mine", tmp_path)
    file = tmp_path / "mine_engine.py"
    file.write_text(file.read_text().replace("lambda ct: (ct * y.data, ct * x.data)", "lambda ct: (ct * y.data, ct * y.data)"))
    command = [sys.executable, "-m", "gradproof", "verify", "mine_engine:Engine", "--cases", "10", "--graphs", "0"]
    run = subprocess.run(command, check=False, capture_output=True, text=True, cwd=tmp_path)
    assert run.returncode == 1
    assert "to blame: multiply" in run.stdout


def test_no_file_is_overwritten(tmp_path):
    new_engine.write("mine", tmp_path)
    with pytest.raises(GradproofError, match="is there already"):
        new_engine.write("mine", tmp_path)


def test_a_name_that_is_no_module_is_refused(tmp_path):
    with pytest.raises(GradproofError, match="no name for a module"):
        new_engine.write("my-engine", tmp_path)
    assert not list(tmp_path.iterdir())
