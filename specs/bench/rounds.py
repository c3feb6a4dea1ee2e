"""Rounds: every engine in a process of its own, all pinned to one core, asked in random order round by round."""

from __future__ import annotations

import json
import os
import random
import select
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from gradproof.specs.bench import ways
from gradproof.specs.bench.workloads import Workload, of_profile
from gradproof.specs.cost import Interval, Judged, judge_ratio, median_interval

ROUNDS = 7
SECONDS = {"quick": 0.002, "standard": 0.05}  # of a forward sample
PATIENCE = {"quick": 60.0, "standard": 600.0}  # for one answer: compilers are slow
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"), "1") | {"XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1", "JAX_PLATFORMS": "cpu", "TF_CPP_MIN_LOG_LEVEL": "3"}


KEPT_MEMORY = dict.fromkeys(("MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_THRESHOLD_"), str(1 << 30))
"""What is freed stays with the process, for every engine alike: what the system takes to hand out cleared pages is no engine's cost."""


@dataclass
class Timed:
    """One engine's rounds of one workload."""

    engine: str
    workload: Workload
    samples: list[ways.Sample] = field(default_factory=list)
    run: Any = None
    repeats: int = 1
    error: str = ""
    unsupported: bool = False
    gradients: list[Any] = field(default_factory=list)
    memory: dict[str, int] = field(default_factory=dict)


def judged(timed: Timed, workload: Workload) -> Judged:
    """The verdict on backward over plain forward."""
    s = timed.samples
    return judge_ratio([x.forward for x in s], [x.backward for x in s], [x.again for x in s], workload.budget)


def against(mine: Timed, other: Timed) -> Interval:
    """Full time of one engine over another's, formed round by round."""
    return median_interval([a.full / b.full for a, b in zip(mine.samples, other.samples, strict=True)])


def full_over_forward(timed: Timed) -> Interval:
    """Forward with recording and backward, over the plain forward pass: the document's other reading."""
    return median_interval([s.full / s.forward for s in timed.samples])


# ---- in this process: what pytest times


def here(engine: str, workload: Workload, profile: str = "quick") -> Timed:
    """A workload made ready in this process."""
    run = ways.way(engine, workload, workload.size(profile))
    return Timed(engine, workload, run=run, repeats=ways.repeats(run, SECONDS[profile]))


def one_round(timed: Timed) -> None:
    """One more sample."""
    timed.samples.append(ways.sample(timed.run, timed.repeats))


# ---- one process an engine


class Worker:
    """The process of an engine; one that does not answer in time is ended and stays so."""

    def __init__(self, engine: str, core: int) -> None:
        self.engine, self.lost, self.rest = engine, "", b""
        self.process = subprocess.Popen(
            [sys.executable, "-m", "gradproof.specs.bench.worker", engine, str(core)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=os.environ | ONE_THREAD | KEPT_MEMORY,
        )  # fmt: skip

    def ask(self, patience: float, **words: Any) -> dict[str, Any]:
        """The answer to one line, or what went wrong."""
        if self.lost:
            return {"error": self.lost}
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        try:
            self.process.stdin.write(json.dumps(words).encode() + b"\n")
            self.process.stdin.flush()
            while b"\n" not in self.rest:
                if not select.select([self.process.stdout], [], [], patience)[0]:
                    return self._end(f"no answer in {patience:.0f} s")
                part = os.read(self.process.stdout.fileno(), 1 << 16)
                if not part:
                    return self._end(f"its process ended (code {self.process.wait()})")
                self.rest += part
        except OSError as error:
            return self._end(f"its process is gone: {error}")
        line, _, self.rest = self.rest.partition(b"\n")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def _end(self, why: str) -> dict[str, Any]:
        self.lost = why
        self.close()
        return {"error": why}

    def close(self) -> None:
        """End the process."""
        self.process.kill()
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout):
            if stream is not None:
                stream.close()


def measure(
    engines: Sequence[str],
    profile: str,
    count: int = ROUNDS,
    seed: int = 0,
    chosen: Callable[[Workload], bool] = lambda w: True,
    memory: bool = True,
) -> Iterator[list[Timed]]:
    """Each workload's rounds in every engine; an engine whose gradients differ from the first one's is not timed."""
    rnd = random.Random(seed)
    core = min(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else -1
    workers = {name: Worker(name, core) for name in engines}
    try:
        for workload in of_profile(profile):
            if chosen(workload):
                yield _one(workload, workers, profile, count, rnd, memory)
    finally:
        for worker in workers.values():
            worker.close()


def _one(workload: Workload, workers: dict[str, Worker], profile: str, count: int, rnd: random.Random, memory: bool) -> list[Timed]:
    patience = PATIENCE[profile]
    found = {name: Timed(name, workload) for name in workers}
    for name, worker in workers.items():
        answer = worker.ask(patience, do="make", workload=workload.name, size=workload.size(profile), seconds=SECONDS[profile])
        found[name].error = answer.get("error", "")
        found[name].unsupported = answer.get("unsupported", False)
        found[name].gradients = answer.get("gradients", [])
    first = next((t for t in found.values() if not t.error), None)
    for t in found.values():
        if first is not None and not t.error and not ways.close(first.gradients, t.gradients):
            t.error = f"its gradient is not {first.engine}'s: not timed"
    for _ in range(count):
        order = [t for t in found.values() if not t.error]
        rnd.shuffle(order)
        for t in order:
            answer = workers[t.engine].ask(patience, do="time")
            if "error" in answer:
                t.error = answer["error"]
            else:
                t.samples.append(ways.Sample(**answer))
    for t in found.values():
        if memory and not t.error:
            t.memory = workers[t.engine].ask(patience, do="memory")
    return list(found.values())
