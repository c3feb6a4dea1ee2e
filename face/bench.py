"""``gradproof bench``: what a gradient costs in each engine, timed in interleaved rounds; exit 1 on COST_OVER."""

from __future__ import annotations

import json
import math
import os
import platform
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from gradproof.commands import Outputs
from gradproof.oracles.registry import engine as by_name
from gradproof.oracles.registry import version
from gradproof.reports import bench as page
from gradproof.selection import UsageError
from gradproof.specs.bench import rounds
from gradproof.specs.bench.ways import WAYS
from gradproof.specs.bench.workloads import PROFILES, WORKLOADS
from gradproof.specs.cost import FLAT, Outcome
from gradproof.terminal import console, table

Row = dict[str, Any]


def bench(
    engines: Sequence[str], profile: str, only: str, count: int, seed: int, output: Path | None, report: Path | None
) -> int:
    """Time the workloads and print a table as they come; the record and the page where asked for."""
    if profile not in PROFILES:
        raise UsageError(f"no profile named {profile!r}; there are: {', '.join(PROFILES)}.")
    if not any(fnmatchcase(w.name, only) for w in WORKLOADS):
        raise UsageError(f"no workload matches {only!r}; there are: {'; '.join(w.name for w in WORKLOADS)}.")
    Outputs(json=output, report=report).check()
    names = list(dict.fromkeys(engines)) or default_engines()
    versions = {name: version(by_name(WAYS[name][0] if name in WAYS else name)) for name in names}
    rows: list[Row] = []
    for timed in rounds.measure(names, profile, count, seed, lambda w: fnmatchcase(w.name, only)):
        found = [row(t, timed) for t in timed]
        rows += found
        console.print(f"\n{timed[0].workload.name}", markup=False)
        table(("engine", "backward/forward", "", "full/forward", "full/torch", "ms", "peak MB"), [cells(r) for r in found])
    record: dict[str, Any] = {
        "made": datetime.now(UTC).isoformat(timespec="seconds"), "profile": profile, "rounds": count, "seed": seed, "engines": versions,
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}", "clock": "time of processor, one thread",
        "rows": rows, "flatness": flatness(rows),
    }  # fmt: skip
    for line in record["flatness"]:
        console.print(flat_words(line), markup=False)
    counts = Counter(r["outcome"] for r in rows)
    console.print(", ".join(f"{n} {outcome}" for outcome, n in counts.items()) or "nothing timed", markup=False)
    for r in rows:
        if r["outcome"] == Outcome.COST_OVER:
            console.print(f"COST_OVER  {r['engine']}, {r['workload']}: {r['reason']}", markup=False)
    if output is not None:
        output.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
        console.print(f"record  {output}")
    if report is not None:
        report.write_text(page.render(record), encoding="utf-8")
        console.print(f"page    {report}")
    return int(bool(counts[Outcome.COST_OVER.value]) or not any(r["rounds"] for r in rows))


def default_engines() -> list[str]:
    """The native engine, eager and traced, and PyTorch where it is installed."""
    return ["native", "native-traced", *(["torch"] if find_spec("torch") else [])]


def row(t: rounds.Timed, beside: Sequence[rounds.Timed]) -> Row:
    """One engine's figures on one workload, as the record has them."""
    made: Row = {"workload": t.workload.name, "sweep": t.workload.sweep, "engine": t.engine, "rounds": len(t.samples)}
    if t.error:
        return made | {"outcome": "UNSUPPORTED" if t.unsupported else "NOT TIMED", "reason": t.error}
    judged = rounds.judged(t, t.workload)
    torch = next((o for o in beside if o.engine == "torch" and not o.error and o is not t), None)
    made |= {"outcome": judged.outcome.value, "reason": judged.reason, "budget": judged.budget.factor, "why": judged.budget.reason}
    made |= {"backward": _ends(judged.ratio), "full": _ends(rounds.full_over_forward(t))}
    made["torch"] = _ends(rounds.against(t, torch)) if torch else None
    made["seconds"] = sorted(s.full for s in t.samples)[len(t.samples) // 2] if t.samples else None
    return made | {"memory": t.memory}


def _ends(interval: Any) -> list[float | None]:
    """Median, low, high; None for an end that a few values do not have."""
    return [x if math.isfinite(x) else None for x in (interval.median, interval.low, interval.high)]


def told(ends: Sequence[float | None] | None) -> str:
    """A median with its interval, in words."""
    if not ends or ends[0] is None:
        return "-"
    return f"{ends[0]:.2f}" if len(ends) < 3 or ends[1] is None else f"{ends[0]:.2f} [{ends[1]:.2f}, {ends[2]:.2f}]"


def cells(r: Row) -> tuple[str, ...]:
    """A row of the table in the terminal."""
    if "backward" not in r:
        return (r["engine"], r["outcome"], r["reason"][:60], "", "", "", "")
    seconds, memory = r["seconds"], r["memory"].get("process")
    return (
        r["engine"], told(r["backward"]), r["outcome"], told(r["full"][:1]), told(r["torch"]),
        f"{1000 * seconds:.3g}" if seconds else "-", f"{memory / 1e6:.0f}" if memory else "-",
    )  # fmt: skip


def flatness(rows: Sequence[Row]) -> list[Row]:
    """For each engine and batch of the sweep: the largest full/forward over the smallest, of the medians."""
    found = []
    for engine, sweep in dict.fromkeys((r["engine"], r["sweep"]) for r in rows if r["sweep"].startswith("batch")):
        medians = [r["full"][0] for r in rows if (r["engine"], r["sweep"]) == (engine, sweep) and r.get("full") and r["full"][0]]
        if len(medians) > 1:
            found.append({"engine": engine, "sweep": sweep, "spread": max(medians) / min(medians), "budget": FLAT.factor, "points": len(medians)})
    return found


def flat_words(line: Row) -> str:
    """A line of the terminal about a sweep."""
    return (
        f"sweep, {line['sweep']}, {line['engine']}: full/forward varies {line['spread']:.2f} times over {line['points']} sizes "
        f"({'within' if line['spread'] <= line['budget'] else 'beyond'} {line['budget']:g}; shown, not judged)"
    )
