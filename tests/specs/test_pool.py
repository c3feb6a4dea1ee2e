"""Worker processes: an engine that dies or hangs costs the case at which it did; nobody else is blamed, nothing is lost."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from gradproof.oracles.errors import EngineError
from gradproof.oracles.verdict import Kind
from gradproof.specs import limits, pool, run, worker

MINE = (Path(__file__).parents[1] / "face" / "my_engine.py").read_text()
DEADLY = """
import os, signal, time
from my_engine import Engine as Mine, Namespace as Ops

def far(x):
    return x.data.size > 0 and abs(x.data).max() > 3

class Dies(Mine):
    class namespace(Ops):
        @staticmethod
        def sin(x):
            if far(x):
                os.kill(os.getpid(), signal.SIGKILL)
            return Ops.sin(x)

class Always(Mine):
    class namespace(Ops):
        @staticmethod
        def sin(x):
            os._exit(3)

class Hangs(Mine):
    class namespace(Ops):
        @staticmethod
        def sin(x):
            if far(x):
                signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGALRM})  # as compiled code does
                time.sleep(600)
            return Ops.sin(x)

class Signs(Mine):
    def vjp(self, fn, primals):
        open(f"worker-{os.getpid()}", "w").close()
        return super().vjp(fn, primals)

class Sleeps(Mine):
    def vjp(self, fn, primals):
        open(f"asleep-{os.getpid()}", "w").close()
        time.sleep(300)

class Stillborn(Mine):
    def __init__(self):
        os._exit(4)

class Broken(Mine):
    def __init__(self):
        raise RuntimeError("not here")
"""
COUNT = 24


@pytest.fixture(autouse=True)
def engines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "my_engine.py").write_text(MINE)
    (tmp_path / "deadly.py").write_text(DEADLY)
    monkeypatch.chdir(tmp_path)


def tasks(engine: str, *ops: str, count: int = COUNT) -> list[run.Task]:
    return [run.Task(f"deadly:{engine}", op, "float64", 0, count, 0, ("multiply", "sin")) for op in ops]


def overall(results: Sequence[run.Result], op: str) -> Counter[Kind]:
    return sum((r.overall for r in results if r.task.op == op), Counter())


def far(op: str = "sin") -> list[int]:
    """Indices of the cases in which the engine dies."""
    (task,) = tasks("Dies", op)
    inputs = {i: [v for v in case.graph.primal_values if v.size] for i, case in run.cases(task)}
    return [i for i, values in inputs.items() if any(np.abs(v).max() > 3 for v in values)]


@pytest.mark.parametrize("jobs", [1, 2])
def test_the_case_that_killed_is_the_one_named_and_every_other_is_judged(
    jobs: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "DEATHS_MAX", {True: COUNT, False: COUNT})
    results = list(run.results(tasks("Dies", "multiply", "sin"), jobs))
    dead = [v for r in results for v in r.failures]
    assert {v.note["index"] for v in dead} == set(far())
    for verdict in dead:
        assert verdict.kind is Kind.CRASHED
        assert verdict.blame == "sin"
        assert verdict.reason == f"the process died of SIGKILL, in case {verdict.note['index']}"
        assert np.abs(verdict.case.graph.primal_values[0]).max() > 3
    assert set(overall(results, "multiply")) <= {Kind.AGREE, Kind.SUBGRADIENT}
    assert overall(results, "multiply").total() == overall(results, "sin").total() == COUNT
    assert overall(results, "sin")[Kind.CRASHED] == len(far()) < COUNT
    assert not sum(r.unjudged for r in results)


def test_after_some_deaths_the_rest_of_an_op_is_left_out_and_counted() -> None:
    results = list(run.results(tasks("Always", "sin", "multiply"), 1))
    deaths = pool.DEATHS_MAX[False]
    assert overall(results, "sin") == {Kind.CRASHED: deaths}
    assert sum(r.unjudged for r in results) == COUNT - deaths
    assert overall(results, "multiply").total() == COUNT


def test_the_graphs_left_out_are_counted_over_all_tasks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "DEATHS_MAX", {True: 2, False: 2})
    (task,) = tasks("Always", run.GRAPH, count=6)
    todo = [replace(task, start=start, ops=("sin",)) for start in (0, 6, 12)]
    results = list(run.results(todo, 1))
    assert overall(results, run.GRAPH).total() + sum(r.unjudged for r in results) == 18
    assert overall(results, run.GRAPH)[Kind.CRASHED] == 2


def test_a_hang_that_no_signal_ends_is_ended_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "CASE_SECONDS_MAX", 0.5)  # here; the worker itself waits for the signal it blocks
    monkeypatch.setattr(worker, "LATE_SECONDS", 0.5)
    monkeypatch.setattr(pool, "DEATHS_MAX", {True: 1, False: 1})
    results = list(run.results(tasks("Hangs", "sin", "multiply"), 1))
    (dead,) = [v for r in results for v in r.failures]
    assert dead.reason.startswith(limits.NO_ANSWER)
    assert dead.note["index"] == far()[0]
    assert overall(results, "multiply").total() == COUNT
    assert overall(results, "sin").total() + sum(r.unjudged for r in results) == COUNT


PARENT = """
import sys
from gradproof.specs import run

if __name__ == "__main__":
    list(run.results([run.Task("deadly:Sleeps", "sin", "float64", 0, 2, 0)], 1))
"""


def alive(pid: int) -> bool:
    """Whether a process is there and is more than what its parent has yet to collect."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    stat = Path(f"/proc/{pid}/stat")
    return not (stat.exists() and stat.read_text().rpartition(")")[2].split()[0] == "Z")


@pytest.mark.skipif(os.name == "nt", reason="its ends of processes are others")
def test_a_worker_ends_with_its_parent_however_that_ends(tmp_path: Path) -> None:
    (tmp_path / "parent.py").write_text(PARENT)
    parent = subprocess.Popen([sys.executable, "parent.py"], cwd=tmp_path)
    until(lambda: bool(list(tmp_path.glob("asleep-*"))))
    (mark,) = tmp_path.glob("asleep-*")
    pid = int(mark.name.removeprefix("asleep-"))
    assert alive(pid)
    parent.kill()
    parent.wait()
    try:
        until(lambda: not alive(pid), 20.0)  # long before the limit of a case ends it
    finally:
        if alive(pid):
            os.kill(pid, signal.SIGKILL)


def until(true: Callable[[], bool], seconds: float = 60.0) -> None:
    """Wait for something that comes in a moment; an AssertionError if it never does."""
    for _ in range(int(seconds / 0.05)):
        if true():
            return
        time.sleep(0.05)
    assert true()


@pytest.mark.parametrize("jobs", [1, 2])
def test_workers_are_reused(jobs: int, tmp_path: Path) -> None:
    results = list(run.results(tasks("Signs", *["multiply", "sin"] * 4, count=2), jobs))
    assert len(results) == 8
    assert len(list(tmp_path.glob("worker-*"))) <= jobs


def test_an_engine_that_cannot_be_made_in_the_worker_ends_the_run_with_its_error() -> None:
    with pytest.raises(EngineError, match="not here"):
        list(run.results(tasks("Broken", "sin"), 1))


def test_a_worker_that_dies_before_its_first_case_is_an_error_and_no_verdict() -> None:
    with pytest.raises(EngineError, match="exit code 4 before its first case, as it imported or made 'deadly:Stillborn'"):
        list(run.results(tasks("Stillborn", "sin"), 1))


def test_the_native_engine_runs_in_this_process_at_jobs_1(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "spread", None)
    (result,) = run.results([run.Task("native", "sin", "float64", 0, 3, 0)], 1)
    assert result.overall.total() == 3


def test_two_processes_count_what_one_does() -> None:
    todo = [run.Task("native", op, "float64", 0, 8, 0) for op in ("sin", "add", "nn.relu")]
    one, two = ([(r.task.op, r.overall, r.counts) for r in run.results(todo, jobs)] for jobs in (1, 2))
    assert sorted(one, key=lambda item: item[0]) == sorted(two, key=lambda item: item[0])


def test_a_worker_starts_without_the_optimizers_that_few_kinks_need() -> None:
    said = "import sys, gradproof.specs.pool; print('scipy.optimize' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", said], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
