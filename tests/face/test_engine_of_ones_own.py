"""An engine of one's own in a CI, as the README says."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import gradproof
from gradproof.oracles import errors
from gradproof.oracles.engine import Capabilities
from gradproof.oracles.registry import engine
from gradproof.specs.tasks import PROFILES, dtypes

HERE = Path(__file__).parent


def test_the_conformance_run_of_an_engine_of_float64_alone_passes_and_counts_what_it_has_not() -> None:
    command = [sys.executable, "-m", "pytest", "--pyargs", "gradproof.specs", "-q", "-rs", "-p", "no:cacheprovider",
               "--gradproof-engine", "my_engine:Engine", "--gradproof-references", "", "-k", "graphs and 0 or sin-"]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, cwd=HERE, check=False)
    assert done.returncode == 0, done.stdout
    lines = done.stdout.splitlines()
    assert "float32: not declared by my_engine:Engine, not drawn" in lines, done.stdout
    assert any(line.startswith("SKIPPED") and line.endswith("float32: not declared by my_engine:Engine, not drawn") for line in lines)


NOISY = """
import numpy as np
from my_engine import Engine as Quiet, Namespace as Plain, Value

class Namespace(Plain):
    @staticmethod
    def sin(x):
        np.exp(np.full(2, 1e4))  # overflows
        return Plain.sin(x)

class Engine(Quiet):
    namespace = Namespace
"""


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_warnings_of_numpy_in_an_engine_do_not_hide_the_verdicts(tmp_path: Path, jobs: str) -> None:
    (tmp_path / "noisy.py").write_text(NOISY)
    command = [sys.executable, "-m", "gradproof", "verify", "noisy:Engine", "--ops", "sin", "--cases", "4", "--graphs", "4", "--jobs", jobs]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(HERE)}, check=False)
    assert done.returncode == 0, done.stdout
    assert "RuntimeWarning" not in done.stderr


def verified(tmp_path: Path, *words: str) -> tuple[str, dict[str, Any]]:
    command = [sys.executable, "-m", "gradproof", "verify", *words, "--ops", "sin,multiply", "--cases", "10", "--graphs", "5",
               "--save", str(tmp_path / "saved"), "--json", str(tmp_path / "r.json")]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, cwd=HERE, check=False)
    return done.stdout, json.loads((tmp_path / "r.json").read_text())


def test_a_dtype_that_nobody_asked_for_and_the_engine_does_not_declare_is_not_drawn_and_said(tmp_path: Path) -> None:
    said, record = verified(tmp_path, "my_engine:Engine")
    assert {entry["dtype"] for entry in record["entries"]} == {"float64"}
    assert record["totals"]["graphs"] == 5
    assert "UNSUPPORTED" not in record["totals"]["counts"]
    assert "float32: not declared by my_engine:Engine, not drawn\n" in said


def test_a_dtype_that_is_asked_for_and_not_declared_is_counted_unsupported(tmp_path: Path) -> None:
    said, record = verified(tmp_path, "my_engine:Engine", "--dtype", "float64,float32")
    assert {entry["dtype"] for entry in record["entries"]} == {"float64", "float32"}
    assert record["totals"]["counts"]["UNSUPPORTED"] == 25
    assert "not drawn" not in said


@pytest.mark.parametrize("name", ["native", "torch", "jax"])
def test_engines_that_declare_both_dtypes_are_drawn_both(name: str) -> None:
    if name != "native":
        pytest.importorskip(name, reason=f"{name} is not installed")
    assert dtypes(engine(name), PROFILES["quick"]) == ("float64", "float32")


def test_the_claims_of_the_document_are_told_only_where_native_is_on_trial(tmp_path: Path) -> None:
    said, record = verified(tmp_path, "my_engine:Engine", "--references", "native")
    assert not record["claims"]
    assert "claims shown" not in said
    said, record = verified(tmp_path, "native", "my_engine:Engine")
    assert record["claims"]
    assert "of the document's claims shown" in said


def test_the_names_that_an_engine_declares_and_declines_with_are_in_the_top_package() -> None:
    assert gradproof.Unsupported is errors.Unsupported
    assert gradproof.Capabilities is Capabilities
    assert {"Unsupported", "Capabilities"} <= set(gradproof.__all__)
