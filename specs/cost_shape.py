"""Graphs whose counted cost must grow as their size does and no faster: depth, width, fan-out, inputs, outputs, table rows.

All in float64 on the native engine. A count is exact, so a cost that must be linear has to lie on a line with nothing over.
"""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

import gradproof.engine as ge
from gradproof.specs.cost import Line, line
from gradproof.specs.counting import Counted, Counts, Work, counts, noted, total

SIZES = (4, 8, 16, 32)
WIDTH = 24


def _numbers(*shape: int, seed: int = 0) -> Any:
    return np.random.default_rng(seed).uniform(0.5, 1.5, shape)


def deep(n: int) -> Counts:
    """A chain of n sines."""

    def f(x: Any) -> Any:
        for _ in range(n):
            x = ge.sin(x)
        return x

    return counts(f, _numbers(WIDTH))


def wide(n: int) -> Counts:
    """One layer, tanh(x W), of n neurons."""
    return counts(lambda x, w: ge.tanh(ge.matmul(x, w)), _numbers(4, WIDTH), _numbers(WIDTH, n, seed=1))


def fanned(n: int) -> Counts:
    """One value read n times."""

    def f(x: Any) -> Any:
        parts = [x * float(i + 1) for i in range(n)]
        while len(parts) > 1:
            parts = [a + b for a, b in zip(parts[::2], parts[1::2], strict=True)] if len(parts) % 2 == 0 else [parts[0] + parts[1], *parts[2:]]
        return parts[0]

    return counts(f, _numbers(WIDTH))


GRAPHS: dict[str, Callable[[int], Counts]] = {"depth": deep, "width": wide, "fan-out": fanned}
"""What grows, and the graph that grows so."""


def growth(graph: Callable[[int], Counts], what: str) -> tuple[Line, Line]:
    """Lines of forward and backward cost (a field of ``Work``) against the size."""
    pairs = [graph(n).work for n in SIZES]
    forward, backward = ([getattr(pair[i], what) for pair in pairs] for i in range(2))
    return line(SIZES, forward), line(SIZES, backward)


def gathered(rows: int, ids: int = 64) -> Counts:
    """Rows of a table picked by ids with repeats."""
    rng = np.random.default_rng(0)
    picked = rng.integers(0, rows // 2, ids)
    return counts(lambda table: ge.nn.embedding(table, picked), _numbers(rows, 8))


def touched(found: Counts) -> Work:
    """Backward work without the zeros that the sweep makes its gradient buffer of."""
    return total([e for e in found.backward if e.name != "zeros"])


# ---- both modes on the same graphs: claim 6


@dataclass(frozen=True)
class Modes:
    """Array operations and flops to get a whole Jacobian: by one direction an input, and by one sweep an output."""

    inputs: int
    outputs: int
    forward: Work
    reverse: Work
    evaluation: Work


def jacobians(inputs: int, outputs: int) -> Modes:
    """The work of both modes on tanh(x A) B, with so many inputs and outputs: A and B are constants."""
    a, b = _numbers(inputs, WIDTH, seed=1) / inputs, _numbers(WIDTH, outputs, seed=2)

    def f(x: Any) -> Any:
        return ge.matmul(ge.tanh(ge.matmul(x, a)), b)

    x = _numbers(inputs).view(Counted)
    with noted() as plain, ge.no_grad():
        f(x)
    with noted() as forward:
        _, push = ge.linearize(f, x)
        columns = [push(np.eye(inputs)[i].view(Counted)) for i in range(inputs)]
    with noted() as reverse:
        _, pull = ge.vjp(f, x)
        rows = [pull(np.eye(outputs)[i].view(Counted))[0] for i in range(outputs)]
    by_columns = np.stack([np.asarray(c.data) for c in columns], axis=-1)
    by_rows = np.stack([np.asarray(r.data) for r in rows])
    if not np.allclose(by_columns, by_rows, rtol=1e-12, atol=0):
        raise AssertionError(f"the two modes give different Jacobians of {inputs} inputs and {outputs} outputs")
    return Modes(inputs, outputs, total(forward), total(reverse), total(plain))


# ---- memory of the sweep


def sweep_peak(depth: int, entries: int = 100_000) -> int:
    """The most bytes that a backward pass through a chain of sines has at once beyond what the tape holds, in arrays of the chain."""
    x = ge.variable(_numbers(entries))
    y: Any = x
    for _ in range(depth):
        y = ge.sin(y)
    y = ge.sum(y)
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        y.backward(retain=True)
        return (tracemalloc.get_traced_memory()[1] - before) // (8 * entries)
    finally:
        tracemalloc.stop()


def held(make: Callable[[], Any]) -> tuple[int, int]:
    """Bytes that really stay allocated behind a value, its own included, and what ``saved_bytes`` declares of it."""
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        value = make()
        return tracemalloc.get_traced_memory()[0] - before, ge.saved_bytes(value).total
    finally:
        tracemalloc.stop()
