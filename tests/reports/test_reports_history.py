"""The history: runs are stored once, listed in order, and an op can be followed through them."""

from dataclasses import replace
from pathlib import Path

import pytest

from gradproof.oracles.verdict import Kind
from gradproof.reports.history import History
from gradproof.reports.record import CASE, Record, RecordError


def test_a_run_added_twice_is_stored_once(record: Record, tmp_path: Path) -> None:
    history = History(tmp_path / "runs.db")
    assert history.add(record) == history.add(record) == 1
    assert len(history.runs()) == 1


def test_a_stored_run_loads_whole(record: Record, tmp_path: Path) -> None:
    history = History(tmp_path / "runs.db")
    assert history.load(history.add(record)) == record


def test_runs_are_listed_by_time_and_survive_reopening(record: Record, tmp_path: Path) -> None:
    history = History(tmp_path / "runs.db")
    history.add(record)
    history.add(replace(record, created="2025-12-01T00:00:00+00:00", seed=7))
    assert [run.seed for run in History(tmp_path / "runs.db").runs()] == [7, 0]


def test_the_trend_of_an_op_shows_its_failing_counts_and_worst_units(record: Record, tmp_path: Path) -> None:
    history = History(tmp_path / "runs.db")
    history.add(record)
    fixed = tuple(e for e in record.entries if not record.fails(e))
    history.add(replace(record, created="2026-02-01T00:00:00+00:00", entries=fixed, failures=()))
    points = history.trend("linalg.solve", "torch")
    assert [point.failing for point in points] == [1, 0]
    assert all(point.worst is not None for point in points)
    assert {point.engine for point in history.trend("linalg.solve")} == {"native", "torch"}


def test_a_declared_divergence_is_not_counted_as_failing(record: Record, tmp_path: Path) -> None:
    history = History(tmp_path / "runs.db")
    history.add(record)
    assert [point.failing for point in history.trend("tanh", "torch")] == [0]


def test_a_file_that_is_no_history_is_refused_and_left_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("dear diary, " * 200)
    with pytest.raises(RecordError, match="Name another file"):
        History(path)
    assert path.read_text().startswith("dear diary")


def test_an_unknown_run_and_an_unwritable_path_say_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(RecordError, match=r"no run 9.*runs\(\)"):
        History(tmp_path / "runs.db").load(9)
    with pytest.raises(RecordError, match="Name a file you can write to"):
        History(tmp_path / "no" / "runs.db")


def test_the_cells_that_fail_are_counted_for_each_engine_through_the_runs(record: Record, tmp_path: Path) -> None:
    history = History(tmp_path / "runs.db")
    history.add(record)
    fixed = tuple(e for e in record.entries if not record.fails(e))
    history.add(replace(record, created="2026-02-01T00:00:00+00:00", entries=fixed, seed=3))
    found = [(cell.engine, cell.seed, cell.failing) for cell in history.cells()]
    assert found == [("native", 0, 0), ("torch", 0, 3), ("native", 3, 0), ("torch", 3, 0)]
    assert all(cell.cells > 90 for cell in history.cells())


def test_a_case_is_counted_once_though_each_of_its_properties_has_an_entry(record: Record, tmp_path: Path) -> None:
    one = record.entries[0]
    counts = {"AGREE": 7, "WRONG": 3}
    both = tuple(
        replace(one, engine="native", op="sin", property=name, counts=counts, verdict=Kind.WRONG, failures=())
        for name in (CASE, "gradient")
    )
    history = History(tmp_path / "runs.db")
    history.add(replace(record, entries=both, failures=()))
    assert [(point.cases, point.failing) for point in history.trend("sin")] == [(10, 3)]


def test_a_seed_of_any_size_is_kept(record: Record, tmp_path: Path) -> None:
    history = History(tmp_path / "runs.db")
    large = replace(record, seed=10**30)
    assert history.load(history.add(large)).seed == history.runs()[0].seed == history.cells()[0].seed == 10**30
