"""How fast cases are made and judged: figures to read, never asserted (run with ``--benchmark-only`` for a quiet table)."""

from __future__ import annotations

import random
import time
from typing import Any

import pytest

from gradproof.oracles.catalogue import CATALOGUE
from gradproof.oracles.certificate import certify
from gradproof.oracles.judge import judge
from gradproof.oracles.registry import engine
from gradproof.specs import build
from gradproof.specs.loop import execute_with
from gradproof.specs.tasks import GRAPH, Task

OPS = tuple(CATALOGUE)


def graphs(count: int) -> list[Any]:
    rnd = random.Random(0)
    return [build.graph(rnd.randbytes(build.GRAPH_BYTES), OPS) for _ in range(count)]


def test_draw_100_graphs(benchmark: Any) -> None:
    assert len(benchmark(graphs, 100)) == 100


def test_certify_50_graphs(benchmark: Any) -> None:
    cases = graphs(50)
    certificates = benchmark(lambda: [certify(case) for case in cases])
    assert all(len(c.gradient) == len(c.bound) for c in certificates)


@pytest.mark.parametrize("kind", ["graphs", "single ops"])
def test_judge_native(benchmark: Any, kind: str) -> None:
    native = engine("native")
    rnd = random.Random(0)
    singles = [build.single(name, rnd.randbytes(build.SINGLE_BYTES)) for name in OPS]
    cases = graphs(50) if kind == "graphs" else singles
    verdicts = benchmark(lambda: [judge(case, native) for case in cases])
    assert not any(v.kind.fails for v in verdicts)


@pytest.mark.benchmark(timer=time.process_time)
@pytest.mark.parametrize("ops", [(GRAPH,), OPS[::10]], ids=["graphs", "single ops"])
def test_whole_loop_native(benchmark: Any, ops: tuple[str, ...]) -> None:
    """A run without its report, in seconds of processor: cases drawn, tried, judged, every twentieth shown to the witnesses."""
    native = engine("native")
    count = 100 if ops == (GRAPH,) else 20
    starts = iter(range(0, 10_000_000, count))  # other cases each round, as in a run

    def loop() -> int:
        start = next(starts)
        done = [execute_with(Task("native", op, "float64", start, count, 0, OPS if op == GRAPH else ()), native, later=True) for op in ops]
        return sum(result.overall.total() for result in done)

    judged = benchmark.pedantic(loop, rounds=3, warmup_rounds=1)
    if benchmark.stats:  # none where benchmarks are off, as beside xdist
        benchmark.extra_info["cases a second"] = round(judged / benchmark.stats.stats.min)
    assert judged == count * len(ops)
