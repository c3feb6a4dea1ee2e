"""How fast our own ops and checks are: figures to read, never asserted (run with ``--benchmark-only`` for a quiet table)."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest

import gradproof.engine as ge
from gradproof.oracles.batched import directional, jacobians
from gradproof.oracles.graph import Graph, Leaf, Node
from gradproof.oracles.registry import engine
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


@pytest.mark.parametrize("look", ["whole Jacobians", "directions"])
def test_batched_looks_at_a_small_graph(benchmark: Any, look: str) -> None:
    """A 3 x 4 input with as many outputs, at 500 points: pullbacks and differences of all directions, or of one."""
    x = np.random.default_rng(0).uniform(0.3, 0.8, (500, 3, 4))
    graph = Graph((Leaf(x[0]),), (Node("sin", (0,)), Node("exp", (0,)), Node("multiply", (1, 2))), (3,))
    native = engine("native")
    found = benchmark(lambda: jacobians(native, graph, [x]) if look == "whole Jacobians" else directional(native, graph, [x], [x], [x]))
    assert not found.outside.any()
    if benchmark.stats:  # none where benchmarks are off, as beside xdist
        benchmark.extra_info[f"{look} a second"] = round(len(x) / benchmark.stats.stats.median)
