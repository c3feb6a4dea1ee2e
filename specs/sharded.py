"""A small model trained one step by PyTorch in two processes, sharded in several ways: the model as a graph, and what each process reports.

The processes are ``oracles.adapters.torch_sharded``, so that nothing here imports PyTorch. None outlives its call.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from gradproof.oracles.graph import Array, Case, Graph, Leaf, Node

WORKER = "gradproof.oracles.adapters.torch_sharded"
RANKS = 2
SECONDS = 180.0  # the processes are ended then, whatever they wait for
NO_GROUP = 3  # their exit status where they can form no process group, or PyTorch lacks a way
BLOCKS, BATCH, SEQ, HIDDEN, WIDE = 2, 4, 4, 8, 16
EPS = 1e-5
DTYPES = ("float64", "float32")
SHAPES = {"norm.weight": (HIDDEN,), "norm.bias": (HIDDEN,), "up.weight": (WIDE, HIDDEN), "up.bias": (WIDE,), "down.weight": (HIDDEN, WIDE), "down.bias": (HIDDEN,)}
KINDS = ("parameters", "parameters between", "gradients", "optimiser state", "activations")


class NoGroup(Exception):
    """Two processes cannot meet here, or this PyTorch cannot shard."""


@dataclass(frozen=True)
class Held:
    """What one rank reported of one way in one dtype: bytes, collectives, and its parts of the gradients, with where they belong."""

    bytes: dict[str, int]
    collectives: dict[str, int]
    parts: dict[str, Array]
    placed: dict[str, str]


Found = dict[tuple[str, str], list[Held]]  # by dtype and way, the ranks in order


# ---- the model


def arrays(dtype: str) -> dict[str, Array]:
    """Weights by the names PyTorch gives them, the inputs ``x`` and what they are to become, ``y``."""
    rng = np.random.default_rng(10)
    shapes = {f"{i}.{name}": shape for i in range(BLOCKS) for name, shape in SHAPES.items()}
    drawn = {name: rng.standard_normal(shape) / np.sqrt(shape[-1]) for name, shape in shapes.items()}
    drawn |= {name: rng.standard_normal((BATCH, SEQ, HIDDEN)) for name in "xy"}
    return {name: np.asarray(a).astype(dtype) for name, a in drawn.items()}


def case(dtype: str) -> Case:
    """The same model and its loss over the whole batch as a graph, the weights its primals in the order of ``arrays``."""
    given = arrays(dtype)
    at = {name: i for i, name in enumerate(given)}
    nodes: list[Node] = []

    def op(name: str, *operands: int, **params: Any) -> int:
        nodes.append(Node(name, operands, params))
        return len(given) + len(nodes) - 1

    def linear(x: int, name: str) -> int:
        turned = op("permute_dims", at[f"{name}.weight"], axes=(1, 0))
        return op("add", op("matmul", x, turned), at[f"{name}.bias"])

    x = at["x"]
    for i in range(BLOCKS):
        normed = op("nn.layer_norm", x, at[f"{i}.norm.weight"], at[f"{i}.norm.bias"], eps=EPS)
        x = op("add", x, linear(op("tanh", linear(normed, f"{i}.up")), f"{i}.down"))
    loss = op("mean", op("square", op("subtract", x, at["y"])), axis=None, keepdims=False)
    leaves = tuple(Leaf(a, constant=name in ("x", "y")) for name, a in given.items())
    return Case(Graph(leaves, tuple(nodes), (loss,)), (np.ones((), dtype),))


# ---- the processes


def found(program: Sequence[str] = (sys.executable, "-P", "-m", WORKER), seconds: float = SECONDS) -> Found:
    """What the ranks report.

    Raises: NoGroup where they cannot meet; RuntimeError if one fails; TimeoutError if they are not done in time.
    """
    with TemporaryDirectory(prefix="gradproof-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        given: dict[str, Any] = {f"{dtype}|{n}": a for dtype in DTYPES for n, a in arrays(dtype).items()}
        np.savez(folder / "given.npz", **given)
        ran(folder, program, seconds)
        return _read(folder)


def ran(folder: Path, program: Sequence[str], seconds: float) -> None:
    """Run every rank to its end; none outlives this call. Raises: as ``found``."""
    ranks: list[subprocess.Popen[bytes]] = []
    try:
        for rank in range(RANKS):
            with (folder / f"{rank}.log").open("wb") as log:
                command = [*program, str(rank), str(RANKS), str(folder), str(seconds)]
                environment = {**os.environ, "OMP_NUM_THREADS": "1"}
                ranks.append(subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment))
        _wait(ranks, folder, time.monotonic() + seconds)
    finally:
        for process in ranks:
            process.kill()
            process.wait()


def _wait(ranks: Sequence[subprocess.Popen[bytes]], folder: Path, end: float) -> None:
    while True:
        ended = [process.poll() for process in ranks]
        for rank, status in enumerate(ended):
            if status:
                last = (folder / f"{rank}.log").read_text(encoding="utf-8", errors="replace").strip().rpartition("\n")[2]
                if status == NO_GROUP:
                    raise NoGroup(last)
                raise RuntimeError(f"rank {rank} ended with status {status}: {last}")
        if all(status == 0 for status in ended):
            return
        if time.monotonic() > end:
            raise TimeoutError("two processes of PyTorch were not done in time; run it again where less else runs")
        time.sleep(0.05)


def _read(folder: Path) -> Found:
    held: Found = {}
    for rank in range(RANKS):
        report = json.loads((folder / f"{rank}.json").read_text(encoding="utf-8"))
        with np.load(folder / f"{rank}.npz") as stored:
            parts = dict(stored)
        for key, told in report.items():
            dtype, _, way = key.partition("|")
            mine = {n.rpartition("|")[2]: a for n, a in parts.items() if n.startswith(f"{key}|")}
            sizes = {kind: told[kind] for kind in KINDS}
            held.setdefault((dtype, way), []).append(Held(sizes, told["collectives"], mine, told["placed"]))
    return held
