"""``gradproof bench`` on times that are made up: what it says, its exit code, its record and its page."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from gradproof.cli import app
from gradproof.specs.bench import rounds
from gradproof.specs.bench.rounds import Timed
from gradproof.specs.bench.ways import Sample
from gradproof.specs.bench.workloads import WORKLOADS

MLP = next(w for w in WORKLOADS if w.name == "mlp")
SWEEP = [w for w in WORKLOADS if w.sweep == "batch 8"][:3]


def timed(engine: str, workload: Any, ratio: float, noise: float = 0.0, count: int = 9) -> Timed:
    """Rounds with backward/forward near ``ratio``; the control is off by ``noise``."""
    samples = [Sample(1.0, 1.0 + noise, 1.2 + ratio, ratio * (1 + i / 1000)) for i in range(count)]
    return Timed(engine, workload, samples, memory={"traced": 10, "process": 2_000_000})


def run(monkeypatch: pytest.MonkeyPatch, found: list[list[Timed]], *options: str) -> Any:
    def measure(*args: Any, **rest: Any) -> Iterator[list[Timed]]:
        yield from found

    monkeypatch.setattr(rounds, "measure", measure)
    return CliRunner().invoke(app, ["bench", "native", *options], env={"COLUMNS": "200"})


@pytest.mark.parametrize(
    ("ratio", "noise", "code", "word"), [(2.0, 0.0, 0, "1 AGREE"), (5.0, 0.0, 1, "1 COST_OVER"), (5.0, 0.5, 0, "1 UNDECIDED")]
)
def test_the_exit_code_is_1_only_where_a_budget_is_exceeded_beyond_doubt(
    ratio: float, noise: float, code: int, word: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = run(monkeypatch, [[timed("native", MLP, ratio, noise)]])
    assert done.exit_code == code, done.output
    assert word in done.output
    assert ("COST_OVER  native, mlp: " in done.output) == (code == 1)


def test_an_engine_that_lacks_the_ops_is_named_and_exceeds_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    lacking = Timed("other", MLP, error="the engine's namespace has no 'matmul'", unsupported=True)
    wrong = Timed("third", MLP, error="its gradient is not native's: not timed")
    done = run(monkeypatch, [[timed("native", MLP, 2.0), lacking, wrong]])
    assert done.exit_code == 0
    assert "1 AGREE, 1 UNSUPPORTED, 1 NOT TIMED" in done.output


def test_a_bench_that_timed_nothing_is_no_success(monkeypatch: pytest.MonkeyPatch) -> None:
    assert run(monkeypatch, [[Timed("native", MLP, error="no answer in 60 s")]]).exit_code == 1


def test_record_and_page_hold_ratios_against_torch_and_the_sweep(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    record, page = tmp_path / "bench.json", tmp_path / "bench.html"
    found = [[timed("native", w, 1.0 + i), timed("torch", w, 3.8)] for i, w in enumerate(SWEEP)]
    done = run(monkeypatch, found, "--json", str(record), "--report", str(page))
    told = json.loads(record.read_text())
    assert told["rows"][0]["torch"][0] == pytest.approx(2.2 / 5.0)
    native = next(line for line in told["flatness"] if line["engine"] == "native")
    assert native["spread"] == pytest.approx(4.2 / 2.2)
    assert "beyond 1.6" in done.output
    text = page.read_text()
    assert "<polyline" in text
    assert text.count("<svg") == 4
    assert "http" not in text


def test_a_misspelt_workload_is_a_usage_error(monkeypatch: pytest.MonkeyPatch) -> None:
    done = run(monkeypatch, [], "--only", "nosuch")
    assert type(done.exception).__name__ == "UsageError"
    assert "there are: mlp; transformer" in str(done.exception)
