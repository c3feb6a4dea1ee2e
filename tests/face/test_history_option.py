"""``gradproof verify --history``: runs add up in one file, and the page shows their trend."""

from __future__ import annotations

from pathlib import Path

import pytest

from gradproof.cli import main
from gradproof.reports.history import History


def verify(monkeypatch: pytest.MonkeyPatch, folder: Path, *options: str) -> int:
    monkeypatch.chdir(folder)
    small = ("--ops", "sin", "--graphs", "0", "--cases", "2", "--dtype", "float64")
    monkeypatch.setattr("sys.argv", ["gradproof", "verify", "native", *small, *options])
    with pytest.raises(SystemExit) as ended:
        main()
    return int(ended.value.code or 0)


def test_two_runs_add_up_and_the_page_shows_their_trend(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for seed in ("0", "1"):
        assert verify(monkeypatch, tmp_path, "--seed", seed, "--history", "runs.sqlite", "--report", "page.html") == 0
    assert [run.seed for run in History(tmp_path / "runs.sqlite").runs()] == [0, 1]
    assert "0 of 1 ops failed in the last run, 0 of 1 in the one before." in (tmp_path / "page.html").read_text()


@pytest.mark.parametrize("name", ["notes.txt", "no/runs.sqlite", "."])
def test_a_file_that_cannot_be_a_history_is_refused_before_the_run(
    name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "notes.txt").write_text("dear diary, " * 200)
    assert verify(monkeypatch, tmp_path, "--history", name) == 2
    told = capsys.readouterr()
    assert told.err.count("\n") == 1
    assert "history" in told.err
    assert "judged" not in told.out
