"""What the commands print on terminals of several widths."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from gradproof.oracles.verdict import Kind
from gradproof.reports.record import CASE, EngineInfo, Entry, Failure, Platform, Record, Totals
from gradproof.terminal import headline

HERE = Path(__file__).parent
HEADS = {
    ("engines",): ("engine", "lineage", "version", "ops", "dtypes"),
    ("ops", "--engine", "native"): ("family", "op", "kinks", "native"),
    ("properties",): ("property", "what is claimed"),
}


def printed(*words: str, columns: int) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "gradproof", *words],
        capture_output=True, text=True, cwd=HERE, env={**os.environ, "COLUMNS": str(columns)}, check=False,
    )  # fmt: skip
    assert "Traceback" not in done.stderr
    return done.stdout


@pytest.mark.parametrize("columns", [60, 80, 120])
@pytest.mark.parametrize("words", HEADS)
def test_headings_of_tables_are_whole_at_any_width(words: tuple[str, ...], columns: int) -> None:
    lines = printed(*words, columns=columns).splitlines()
    assert all(head in lines[0] for head in HEADS[words]), lines[0]
    tables = lines if words[0] == "engines" else lines[:-1]  # the last one is a sentence
    assert max(map(len, tables)) <= columns or words[0] == "ops"  # a line is an op there, whatever the width


@pytest.mark.parametrize("columns", [60, 80, 120])
def test_every_verdict_of_a_run_is_named_in_full_at_any_width(columns: int, tmp_path: Path) -> None:
    out = printed("verify", "native", "my_engine:Wrong", "--ops", "sin,tan,nn.relu", "--cases", "20", "--graphs", "0",
                  "--dtype", "float64", "--save", str(tmp_path / "saved"), columns=columns)  # fmt: skip
    table = out.rpartition("\n\n")[2].partition("\nwitness")[0]
    for word in ("engine", "cases", "AGREE", "SUBGRADIENT", "UNSUPPORTED", "WRONG", "worst", "native", "my_engine:Wrong"):
        assert word in table, table
    assert " of 16 bounds" in table
    assert "…" not in table
    assert max(map(len, table.splitlines())) <= columns


@pytest.mark.parametrize(
    ("kind", "known", "said"),
    [
        ("AGREE", "", "clean: 0 failing of 110 judged (0 graphs), "),
        ("CRASHED", "", "NOT CLEAN: 33 failing of 110 judged (0 graphs), "),
        ("CONTRACT", "", "NOT CLEAN: 33 failing of 110 judged (0 graphs), "),
        ("WRONG", "", "NOT CLEAN: 33 failing of 110 judged (0 graphs), "),
        ("LOSSY", "as every framework", "clean: 0 failing of 110 judged (0 graphs), 33 declared, "),
    ],
)
def test_the_last_line_counts_what_fails_the_run_and_what_is_declared_apart(kind: str, known: str, said: str) -> None:
    counts = {"AGREE": 77, kind: 33} if kind != "AGREE" else {"AGREE": 110}
    told = Failure(id="f", engine="e", verdict=Kind(kind), property="gradient", op="sin", dtype="float64", known=known)
    record = Record(
        created="", gradproof="", platform=Platform(python="", system=""), totals=Totals(judged=110, counts=counts),
        engines=(EngineInfo(name="e", lineage="e", version="1"),), failures=() if kind == "AGREE" else (told,),
        entries=(Entry(engine="e", property=CASE, op="sin", dtype="float64", counts=counts, verdict=Kind(kind), failures=("f",)),),
    )  # fmt: skip
    assert str(headline(record)).startswith(said)
