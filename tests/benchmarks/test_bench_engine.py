"""How fast our own ops and checks are: figures to read, never asserted (run with ``--benchmark-only`` for a quiet table)."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest

import gradproof.engine as ge
from gradproof.specs.bench import ways
from gradproof.specs.bench.workloads import CONFORMANCE

pytestmark = pytest.mark.benchmark(timer=time.process_time)
ENTRIES = 100_000
OPS: dict[str, Any] = {
    "add": lambda x: x + x, "multiply": lambda x: x * x, "exp": ge.exp, "tanh": ge.tanh, "sum": ge.sum,
    "softmax": lambda x: ge.nn.softmax(ge.reshape(x, (-1, 100)), axis=-1), "matmul": lambda x: ge.matmul(ge.reshape(x, (1000, 100)), ge.reshape(x, (100, 1000))),
    "getitem": lambda x: x[100:50_000], "gelu": ge.nn.gelu,
}  # fmt: skip


@pytest.mark.parametrize("name", OPS)
def test_op_forward_and_backward(benchmark: Any, name: str) -> None:
    x = np.linspace(0.5, 1.5, ENTRIES)
    out, _ = ge.vjp(OPS[name], x)
    ct = np.ones(out.shape)
    (gradient,) = benchmark(lambda: ge.vjp(OPS[name], x)[1](ct))
    assert gradient.shape == x.shape


@pytest.mark.parametrize("engine", ["native", "native-traced"])
@pytest.mark.parametrize("workload", CONFORMANCE, ids=lambda w: w.name)
def test_workload(benchmark: Any, workload: Any, engine: str) -> None:
    run = ways.way(engine, workload, workload.quick)
    assert benchmark.pedantic(run.full, rounds=3, warmup_rounds=1) is not None


def test_whole_jacobians_of_a_small_graph_in_one_batch(benchmark: Any) -> None:
    """A 3 x 4 input with as many outputs: values and differences of all twelve directions as one leading axis each."""
    x, step = np.linspace(0.3, 0.8, 12).reshape(3, 4), 1e-6
    basis = np.eye(12).reshape(12, 3, 4)

    def f(x: Any) -> Any:
        return ge.sin(x) * ge.exp(x)

    def check() -> float:
        _, pull = ge.vjp(f, np.broadcast_to(x, (12, 3, 4)))
        exact = np.asarray(pull(basis)[0].data).reshape(12, 12)  # row i: the gradient of output i
        with ge.no_grad():
            beyond, before = (np.asarray(f(x + sign * step * basis).data) for sign in (1, -1))
        differences = ((beyond - before) / (2 * step)).reshape(12, 12).T
        return float(np.abs(exact - differences).max())

    assert benchmark(check) < 1e-8
    if benchmark.stats:  # none where benchmarks are off, as beside xdist
        benchmark.extra_info["whole Jacobians a second"] = round(1 / benchmark.stats.stats.median)
