"""``gradproof matrix``: one command from engines and records to the page."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from gradproof.cli import app
from gradproof.reports.record import read


def test_engines_run_and_records_merge_into_one_page(tmp_path: Path) -> None:
    few = ["--ops", "sin,abs", "--cases", "2", "--graphs", "2"]
    first = CliRunner().invoke(app, ["matrix", "native", *few, "--json", str(tmp_path / "a.json")], catch_exceptions=False)
    assert first.exit_code == 0, first.output
    record = read(tmp_path / "a.json")
    assert {c.engine for c in record.conventions} == {"native"}
    out, page = tmp_path / "m.md", tmp_path / "m.html"
    second = CliRunner().invoke(
        app, ["matrix", "native-strict", *few, "--record", str(tmp_path / "a.json"), "-o", str(out), "--report", str(page)], catch_exceptions=False
    )
    assert second.exit_code == 0, second.output
    text = out.read_text(encoding="utf-8")
    assert "| `sin` | ✓ | ✓ |" in text
    assert "| random graphs |" in text
    assert "| `abs'(0)` | 0 | 0 |" in text
    assert "At kinks" in page.read_text(encoding="utf-8")


def test_records_alone_run_nothing(tmp_path: Path) -> None:
    made = CliRunner().invoke(app, ["matrix", "native", "--cases", "0", "--graphs", "0", "--json", str(tmp_path / "k.json")], catch_exceptions=False)
    assert made.exit_code == 0
    assert read(tmp_path / "k.json").entries == ()
    shown = CliRunner().invoke(app, ["matrix", "--record", str(tmp_path / "k.json")], catch_exceptions=False)
    assert "relu'(0)" in shown.output


def test_a_path_that_cannot_be_written_is_refused_before_the_run(tmp_path: Path) -> None:
    with pytest.raises(Exception, match="name a file in a folder that exists"):
        CliRunner().invoke(app, ["matrix", "native", "-o", str(tmp_path / "no" / "m.md")], catch_exceptions=False)
