"""``gradproof verify --order`` and ``--modes``: what is judged beside the plain reverse mode, found, blamed and replayed."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent


def gradproof(*words: str, cwd: Path = HERE) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "gradproof", *words],
        capture_output=True, text=True, cwd=cwd, env={**os.environ, "COLUMNS": "200"}, check=False,
    )  # fmt: skip


CUT = """
import gradproof.engine as ge
from gradproof.oracles.adapters.native import NativeEngine

class Namespace:
    multiply, sin = staticmethod(ge.multiply), staticmethod(ge.sin)

    @staticmethod
    def square(x):  # value and slope are right, the slope of the slope is not
        fixed = ge.stop_gradient(x)
        return 2.0 * fixed * x - fixed * fixed

class Engine(NativeEngine):
    name, namespace = "cut", Namespace
"""


def test_a_fault_of_second_order_is_found_blamed_and_replayed_with_order_2_only(tmp_path: Path) -> None:
    (tmp_path / "cut.py").write_text(CUT)
    common = ("verify", "cut:Engine", "--ops", "multiply,sin,square", "--cases", "8", "--graphs", "10", "--dtype", "float64")
    first = gradproof(*common, cwd=tmp_path)
    assert first.returncode == 0, first.stdout + first.stderr
    second = gradproof(*common, "--order", "2", cwd=tmp_path)
    assert second.returncode == 1, second.stdout + second.stderr
    assert "to blame: square" in second.stdout
    assert "to blame: sin" not in second.stdout
    assert re.search(r"property +reverse over reverse", second.stdout)
    assert re.search(r"mode +cut:Engine reverse over reverse: \d+ AGREE, .*\d+ WRONG", second.stdout)
    saved = sorted((tmp_path / "gradproof-failures").glob("*.json"))
    path = next(str(p) for p in saved if json.loads(p.read_text())["note"]["property"] == "reverse over reverse")
    again = gradproof("replay", path, "--engine", "cut:Engine", cwd=tmp_path)
    assert again.returncode == 1, again.stdout
    assert "to blame: square" in again.stdout
    assert gradproof("replay", path, "--engine", "native", cwd=tmp_path).returncode == 0


def test_modes_named_are_the_ones_judged_and_those_not_offered_are_counted(tmp_path: Path) -> None:
    record = tmp_path / "r.json"
    done = gradproof("verify", "my_engine:Engine", "native", "--ops", "sin", "--cases", "3", "--graphs", "0", "--dtype", "float64",
                     "--modes", "forward, forward over reverse", "--json", str(record))  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    counts = {(e["engine"], e["property"]): e["counts"] for e in json.loads(record.read_text())["entries"]}
    for mode in ("forward", "forward over reverse"):
        assert set(counts["native", mode]) <= {"AGREE", "SUBGRADIENT"}
        assert counts["my_engine:Engine", mode] == {"UNSUPPORTED": 3}
    assert ("native", "reverse over reverse") not in counts
