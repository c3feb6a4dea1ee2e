"""What the native engine's speed is to be, beside what a bench run measured, and what bounds it: the tables of docs/performance.md.

Run ``gradproof bench --profile standard --json RUN.json`` (three times for three runs), then
``python -m gradproof.specs.bench.goals RUN.json ...`` on the same machine; it prints the tables in Markdown.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import gradproof.engine as ge
from gradproof.specs.bench.workloads import WORKLOADS
from gradproof.specs.counting import Event, counts


class Goal(NamedTuple):
    """The most that a ratio may be: backward over the own plain forward, full over PyTorch's, eager and traced."""

    backward: float
    eager: float
    traced: float


GOALS = {
    "mlp": Goal(1.6, 0.95, 0.95), "transformer": Goal(1.9, 1.0, 0.9), "conv net": Goal(1.5, 2.0, 1.5), "chain": Goal(1.1, 1.25, 1.0),
    "tiny, scalar": Goal(1.5, 0.35, 0.015), "tiny, size 8": Goal(2.5, 0.35, 0.15), "lstm": Goal(1.7, 0.65, 0.35),
    "fan-out x 16": Goal(1.25, 0.35, 0.07), "fan-out x 50,000": Goal(1.25, 0.55, 0.26),
    **{f"gather, {rows} rows": Goal(1.5, 0.8, 0.8) for rows in ("5,000", "50,000", "200,000")},
}  # fmt: skip


def spread(values: Iterable[float]) -> str:
    """The median of some runs, and the least and greatest where there are several."""
    found = sorted(values)
    middle = statistics.median(found)
    return f"{middle:.3g}" if len(found) == 1 else f"{middle:.3g} ({found[0]:.3g} to {found[-1]:.3g})"


def measured(records: Sequence[dict[str, Any]]) -> str:
    """Goals and measurements, a line a workload; what misses its goal is in bold."""
    lines = [
        "| workload | backward / own forward | goal | full / PyTorch, eager | goal | full / PyTorch, traced | goal | ms, eager |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name, goal in GOALS.items():
        cells = []
        for engine, key, limit in (("native", "backward", goal.backward), ("native", "torch", goal.eager), ("native-traced", "torch", goal.traced)):
            found = [row[key][0] for row in _rows(records, name, engine) if row.get(key)]
            text = spread(found) if found else "not measured"
            cells += [f"**{text}**" if found and statistics.median(found) > limit else text, f"{limit:g}"]
        seconds = [row["seconds"] for row in _rows(records, name, "native") if row.get("seconds")]
        lines.append(f"| {name} | {' | '.join(cells)} | {spread(1e3 * s for s in seconds) if seconds else ''} |")
    return "\n".join(lines)


def _rows(records: Sequence[dict[str, Any]], workload: str, engine: str) -> list[dict[str, Any]]:
    return [row for record in records for row in record["rows"] if row["workload"] == workload and row["engine"] == engine]


# ---- what bounds it


@dataclass(frozen=True)
class Machine:
    """What this machine does at best, by one thread: flops a second of products, bytes a second, seconds of a call that does nothing."""

    products: dict[str, float]
    cached: float
    memory: float
    call: float

    def least(self, events: Sequence[Event], dtype: str) -> tuple[float, float, float]:
        """Seconds that events take at least: products at the peak, bytes of the others, and their calls."""
        flops = sum(e.flops for e in events if e.name == "matmul")
        rest = [e for e in events if e.name != "matmul"]
        moved = sum((e.read + e.written) / (self.memory if e.written > CACHE else self.cached) for e in rest)
        return flops / self.products[dtype], moved, self.call * len(events)


CACHE = 1 << 20  # bytes of a result beyond which it goes to memory


def machine() -> Machine:
    """Measured now."""
    products = {}
    for dtype in ("float32", "float64"):
        x = np.ones((512, 512), dtype)
        products[dtype] = 2 * 512**3 / _best(partial(np.matmul, x, x))
    small, large = np.ones(1 << 14), np.ones(1 << 23)
    tiny, into = np.ones(8), np.empty(1 << 23)
    return Machine(
        products,
        cached=3 * small.nbytes / _best(lambda: small + small),
        memory=3 * large.nbytes / _best(lambda: np.add(large, large, out=into)),
        call=_best(lambda: np.add(tiny, tiny)),
    )


def _best(f: Callable[[], Any]) -> float:
    """The least of some timings, in seconds of the processor."""
    times: list[float] = []
    n = 1
    while len(times) < 15:
        start = time.process_time()
        for _ in range(n):
            f()
        spent = time.process_time() - start
        if spent < 0.005:
            n *= 2
        else:
            times.append(spent / n)
    return min(times)


def bounds(records: Sequence[dict[str, Any]], at: Machine) -> str:
    """What the array operations of each workload, forward and backward, take at least on this machine, and what they took."""
    lines = [
        "| workload | operations | Gflop of products | MB of the rest | products, ms | bytes, ms | calls, ms | together | measured, eager |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for workload in WORKLOADS:
        if workload.name not in GOALS:
            continue
        f, inputs = workload.make(ge, lambda x: x, workload.standard)
        dtype = inputs[0].dtype.name
        found = counts(f, *inputs)
        events = (*found.forward, *found.backward)
        parts = [1e3 * s for s in at.least(events, dtype)]
        flops = sum(e.flops for e in events if e.name == "matmul")
        moved = sum(e.read + e.written for e in events if e.name != "matmul")
        seconds = [row["seconds"] for row in _rows(records, workload.name, "native") if row.get("seconds")]
        numbers = [f"{len(events):,}", f"{flops / 1e9:.3g}", f"{moved / 1e6:.3g}", *(f"{p:.3g}" for p in (*parts, sum(parts)))]
        lines.append(f"| {workload.name} | {' | '.join(numbers)} | {spread(1e3 * s for s in seconds) if seconds else ''} |")
    return "\n".join(lines)


def main(paths: Sequence[str]) -> None:
    """Print the tables."""
    records = [json.loads(Path(path).read_text(encoding="utf-8")) for path in paths]
    at = machine()
    for record in records:
        versions = ", ".join(f"{name} {number}" for name, number in record["engines"].items())
        print(f"{record['made']}, {record['machine']}, {record['rounds']} rounds, {versions}")
    print(f"\n{measured(records)}\n")
    print(
        f"Products {at.products['float32'] / 1e9:.0f} Gflop/s (float32), {at.products['float64'] / 1e9:.0f} (float64); bytes {at.cached / 1e9:.0f} GB/s "
        f"in cache, {at.memory / 1e9:.0f} from memory; a call of NumPy {at.call * 1e6:.2f} us.\n"
    )
    print(bounds(records, at))


if __name__ == "__main__":
    main(sys.argv[1:])
