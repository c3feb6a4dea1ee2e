"""A sample record, as large as a real run: 100 ops, 8 properties, two engines, 4 failures, 17 claims.

Makes ``pages.py`` importable under importlib mode.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gradproof.oracles.draw import draw
from gradproof.oracles.graph import Graph, Leaf, Node
from gradproof.oracles.verdict import Kind, worst
from gradproof.reports.record import (
    Claim,
    Digit,
    EngineInfo,
    Entry,
    Failure,
    OracleInfo,
    Platform,
    Record,
    Totals,
    Vote,
    Worst,
)

HERE = str(Path(__file__).parent)
sys.path.extend(folder for folder in (HERE,) if folder not in sys.path)

OPS = (
    "graph abs acos acosh asin asinh atan atanh cos cosh erf erfc exp expm1 log log1p log2 log10 negative reciprocal "
    "rsqrt sign sin sinh sqrt square tan tanh nn.relu nn.sigmoid nn.silu nn.gelu nn.softplus nn.leaky_relu nn.elu add "
    "subtract multiply divide pow maximum minimum hypot atan2 copysign logaddexp xlogy clip where sum prod max min mean "
    "var std logsumexp linalg.vector_norm cumulative_sum reshape permute_dims matrix_transpose expand_dims squeeze "
    "broadcast_to concat stack flip roll tile repeat pad tril triu linalg.diagonal getitem take take_along_axis "
    "linalg.matmul linalg.tensordot linalg.vecdot linalg.outer linalg.einsum linalg.trace linalg.solve linalg.inv "
    "linalg.det linalg.cholesky nn.softmax nn.log_softmax nn.layer_norm nn.cross_entropy nn.mse nn.conv2d "
    "nn.max_pool2d nn.embedding nn.scaled_dot_product_attention"
)
PROPERTIES = "vjp contract repeatable linear_in_cotangent zero_cotangent unused_input second_order forward_over_reverse"
CLAIMS = (
    "Sigma neuron: every number of the four-node graph",
    "A 2-3-1 ReLU network: every number, with a unit exactly on its kink",
    "Lin-ReLU-Lin chain: every number",
    "The forward pass records each operation; the backward pass walks the tape once in reverse",
    "One reverse pass gives every parameter's gradient, at 2 to 3 times the cost of the forward pass",
    "Forward mode scales with the number of inputs, reverse mode with the number of outputs",
    "The backward pass needs the cached activations",
    "Activation checkpointing trades compute for memory",
    "Mixed precision: activations in float16 or bfloat16",
    "ZeRO and FSDP shard activations and gradients across devices",
    "Vanishing gradients, and what fixes them",
    "Exploding gradients, and what defends against them",
    "One inf or nan anywhere corrupts the whole gradient",
    "Frameworks differ in when the graph is built: eager or traced",
    "PyTorch, JAX and TensorFlow all implement reverse mode",
    "A training step is forward, backward, optimizer step, repeat",
    "That is why training a 70B model is feasible at all",
)


def _failures() -> tuple[Failure, ...]:
    x = np.array([[0.5, -0.25, 2.0], [1.0, 0.0, -3.0]])
    softmax = Graph((Leaf(x),), (Node("nn.softmax", (0,), {"axis": -1}), Node("exp", (1,))), (2,))
    value = np.exp(x) / np.exp(x).sum(-1, keepdims=True)
    ct = np.array([[0.75, -1.5, 0.5], [0.25, 1.0, -2.0]])
    tanh = Graph((Leaf(np.array(19.25, dtype="float32")),), (Node("tanh", (0,)),), (1,))
    clip = Graph((Leaf(np.array([1.0, 2.0])),), (Node("clip", (0,), {"min": 0.0, "max": 1.0}),), (1,))
    solve = Graph(
        (Leaf(np.eye(2) * 3), Leaf(np.array([1.0, 2.0]))),
        (Node("linalg.solve", (0, 1)), Node("multiply", (2, 2)), Node("sum", (3,), {"axis": None, "keepdims": False})),
        (4,),
    )

    def failure(number: int, graph: Graph, blame: str, verdict: Kind, **more: Any) -> Failure:
        dtype = more.pop("dtype", "float64")
        return Failure(
            id=f"torch-{verdict}-{blame}-{number}",
            engine="torch",
            verdict=verdict,
            dtype=dtype,
            blame=blame,
            seed=0,
            nodes=len(graph.nodes),
            case={"version": 1, "leaves": [{"dtype": dtype, "data": ["0x1.0p-1"]}], "nodes": [[blame, [0]]]},
            replay=f"gradproof replay failures/torch-{blame}-{number}.json --engine torch",
            **more,
        )

    votes = (
        Vote(name="differences", lineage="none: forward values only", vote="agree", detail="0.0651 ± 3e-11"),
        Vote(name="duals", lineage="slopes of scalar.py, forward mode", vote="agree", detail="to 2 ulp"),
        Vote(name="complex step", lineage="none", vote="abstain", detail="not holomorphic"),
        Vote(name="jax", lineage="jax", vote="disagree", detail="gives 0.06513…"),
    )
    pretty = "%0 = leaf() : f64[2, 3]\n%1 = nn.softmax(%0, axis=-1) : f64[2, 3]\n%2 = exp(%1) : f64[2, 3]"
    return (
        failure(
            1,
            softmax,
            "nn.softmax",
            Kind.WRONG,
            property="vjp",
            op="graph",
            pretty=pretty,
            svg=draw(softmax, {1: value, 2: np.exp(value)}, {2: ct, 1: ct * np.exp(value)}, highlight=1),
            witnesses=votes,
            count=37,
            worst=Worst(
                input="%0",
                index=(1, 2),
                got="0.06513215599",
                expected="0.06488107233",
                radius="2e-31",
                bound="1.7e-17",
                units=1.477e13,
            ),
            message="WRONG: torch, vjp of nn.softmax\n" + pretty + "\nworst entry %0[1, 2]: got 0.06513215599",
        ),
        failure(
            2,
            tanh,
            "tanh",
            Kind.LOSSY,
            property="vjp",
            op="tanh",
            dtype="float32",
            known="tanh saturates: 1 - tanh(x)^2 in the dtype, as every framework does",
            pretty="%0 = leaf() : f64[]\n%1 = tanh(%0) : f64[]",
            svg=draw(tanh, {1: np.tanh(19.25)}, {1: np.array(1.0)}, highlight=1),
            witnesses=votes[:2],
            worst=Worst(
                input="%0",
                index=(),
                got="0",
                expected="7.6258e-17",
                radius="1e-48",
                bound="4.4e-31",
                units=1.733e14,
            ),
        ),
        failure(3, clip, "clip", Kind.CONTRACT, property="contract", op="clip", svg=draw(clip, highlight=1)),
        failure(
            4, solve, "linalg.solve", Kind.CRASHED, property="vjp", op="linalg.solve", svg=draw(solve, highlight=2)
        ),
    )


def _entries(failures: tuple[Failure, ...], engines: tuple[str, ...]) -> tuple[Entry, ...]:
    rng = random.Random(0)
    found = []
    for engine in engines:
        for op in OPS.split():
            for name in PROPERTIES.split():
                if name.startswith("forward") and rng.random() < 0.4:
                    continue
                for dtype in ("float64", "float32"):
                    counts = {"AGREE": 50}
                    if rng.random() < 0.06:
                        counts["SUBGRADIENT"] = rng.randint(1, 6)
                    if rng.random() < 0.03:
                        counts["ILL_CONDITIONED"] = 1
                    if engine != "native" and name == "second_order" and rng.random() < 0.1:
                        counts = {"UNSUPPORTED": 50}
                    mine = [f for f in failures if (f.engine, f.op, f.property, f.dtype) == (engine, op, name, dtype)]
                    for failure in mine:
                        counts[failure.verdict.value] = failure.count
                    found.append(
                        Entry(
                            engine=engine,
                            property=name,
                            op=op,
                            dtype=dtype,
                            order=2 if name == "second_order" else 1,
                            counts=counts,
                            verdict=worst(counts),
                            worst=max([round(rng.random() * 4, 3), *(f.worst.units for f in mine if f.worst)]),
                            seconds=round(rng.random(), 3),
                            failures=tuple(f.id for f in mine),
                        )
                    )
    return tuple(found)


def _claims() -> tuple[Claim, ...]:
    neuron = Graph(
        (Leaf(np.array(1.2)), Leaf(np.array(0.7)), Leaf(np.array(0.0))),
        (Node("multiply", (1, 0)), Node("add", (3, 2)), Node("nn.sigmoid", (4,))),
        (5,),
    )
    svg = draw(neuron, {3: np.array(0.84), 4: np.array(0.84), 5: np.array(0.698465216)}, {5: np.array(0.31)})
    digits = (
        Digit(name="z", printed="0.84", exact="0.84", rounded="0.84", verdict="ticked"),
        Digit(
            name="a",
            printed="0.69",
            exact="0.698465216…",
            rounded="0.70",
            verdict="corrected",
            note="truncated, not rounded",
        ),
        Digit(name="∂L/∂z", printed="0.065", exact="0.0652895…", rounded="0.065", verdict="ticked"),
        Digit(
            name="∂L/∂x",
            printed="0.045",
            exact="0.0457027…",
            rounded="0.046",
            verdict="corrected",
            note="truncated, not rounded",
        ),
    )
    shown = {
        1: Claim(
            number=1,
            claim=CLAIMS[0],
            how="exact rational arithmetic and balls",
            figure="10 of 12 printed digits right",
            verdict="AGREE",
            digits=digits,
            svg=svg,
        ),
        16: Claim(
            number=16,
            claim=CLAIMS[15],
            how="a network trained on 1,797 digits, judged every 50th step",
            figure="97.2 % test accuracy",
            verdict="AGREE",
        ),
    }
    return tuple(shown.get(i, Claim(number=i, claim=text)) for i, text in enumerate(CLAIMS, start=1))


def make_record(engines: tuple[str, ...] = ("native", "torch")) -> Record:
    failures = _failures()
    entries = _entries(failures, engines)
    totals: dict[str, int] = {}
    for entry in entries:
        for kind, count in entry.counts.items():
            totals[kind] = totals.get(kind, 0) + count
    return Record(
        created="2026-01-15T10:30:00+00:00",
        gradproof="0.1.0",
        command="gradproof verify native torch --graphs 1000 --cases 50 --report page.html",
        seconds=41.25,
        platform=Platform(
            python="3.11.7",
            system="Linux x86-64",
            packages={"numpy": "2.4.6", "python-flint": "0.9.0", "torch": "2.13.0"},
            cpu_count=2,
        ),
        engines=tuple(
            EngineInfo(name=name, lineage=name, version={"native": "0.1.0"}.get(name, "2.13.0")) for name in engines
        ),
        oracles=(
            OracleInfo(name="ball", lineage="scalar slopes in Arb balls", role="judge", decided=81000, agree=80800),
            OracleInfo(
                name="differences",
                lineage="forward values only",
                role="witness",
                agree=5100,
                disagree=2,
                abstain=310,
                note="both at kinks",
            ),
            OracleInfo(name="duals", lineage="scalar slopes, forward mode", role="witness", agree=5400),
            OracleInfo(name="jax", lineage="jax", role="witness", agree=4100, abstain=12),
        ),
        entries=entries,
        failures=tuple(f for f in failures if f.engine in engines),
        claims=_claims(),
        totals=Totals(cases=sum(totals.values()), graphs=1000, judged=sum(totals.values()), skipped=12, counts=totals),
    )


@pytest.fixture
def record() -> Record:
    """A fresh sample record."""
    return make_record()


@pytest.fixture
def record_of() -> Callable[[tuple[str, ...]], Record]:
    """A sample record of the engines named."""
    return make_record
