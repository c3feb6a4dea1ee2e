"""From results to a run record: what ``verify`` and the pytest plugin both write."""

from __future__ import annotations

import os
import platform
import sys
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from gradproof.evidence import disputes, failure
from gradproof.oracles.engine import Engine
from gradproof.oracles.finding import Verdict
from gradproof.oracles.registry import version as engine_version
from gradproof.oracles.verdict import Kind, worst
from gradproof.reports import record as r
from gradproof.specs.run import GRAPH, Result, Signature, Tally, Task

PACKAGES = ("numpy", "scipy", "python-flint", "hypothesis", "pytest", "torch", "jax", "jaxlib")
DISPUTED_MAX = 100  # kept in the record; all are counted
JUDGE = "ball judge"
JUDGE_LINEAGE = "gradproof.scalar (Arb balls)"


def package_versions() -> dict[str, str]:
    """Installed versions of the packages that can take part in a run."""
    found = {}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


@dataclass
class Row:
    """Counts of one cell of the matrix."""

    counts: Counter[Kind] = field(default_factory=Counter)
    worst: float = 0.0
    seconds: float = 0.0
    failures: list[str] = field(default_factory=list)


@dataclass
class Seen:
    """A failure of one signature: its simplest case so far, the op it was drawn as, and how often it was seen."""

    identity: str
    verdict: Verdict | None = None
    op: str = ""
    count: int = 0


@dataclass
class Session:
    """Gathers results of a run; ``record`` may be asked for at any time, so an interrupted run loses nothing."""

    command: str
    profile: str
    seed: int
    subjects: Sequence[Engine]
    references: Sequence[Engine] = ()
    folder: Path | None = None  # of the graph files of failures
    names: Sequence[str] = ()  # of the subjects, as they were asked for; an engine of one's own is module:Class
    started: float = field(default_factory=time.perf_counter)
    cells: dict[tuple[str, str, str, str], Row] = field(default_factory=dict)
    failures: dict[tuple[str, str, Signature], Seen] = field(default_factory=dict)
    disputed: list[r.Dispute] = field(default_factory=list)
    disputes: int = 0
    witnesses: dict[str, Tally] = field(default_factory=dict)
    overall: Counter[Kind] = field(default_factory=Counter)
    graphs: int = 0
    entries: int = 0
    undecided: int = 0
    unjudged: int = 0
    claims: Sequence[r.Claim] = ()

    def add(self, result: Result) -> None:
        """Take in what a task found."""
        task = result.task
        self.overall += result.overall
        if task.op == GRAPH:
            self.graphs += sum(result.overall.values())
        for name, counts in {r.CASE: result.overall, **result.counts}.items():
            row = self.cells.setdefault((task.engine, name, task.op, task.dtype), Row())
            row.counts += counts
            units = max(result.worst.values(), default=0.0) if name == r.CASE else result.worst.get(name, 0.0)
            row.worst = max(row.worst, units)
            row.seconds += result.seconds / max(len(result.counts), 1)
        for name, tally in result.witnesses.items():
            mine = self.witnesses.setdefault(name, Tally(tally.lineage))
            mine.agree += tally.agree
            mine.disagree += tally.disagree
            mine.abstain += tally.abstain
        self.entries += result.entries
        self.undecided += result.undecided
        self.unjudged += result.unjudged
        self.disputes += result.disputes
        for verdict in result.disputed:
            self.disputed.extend(disputes(verdict, task.engine, task.op, task.dtype))
        for signature, count in result.seen.items():
            self._fail(signature, result.explained.get(signature, ()), count, task)

    def _fail(self, signature: Signature, verdicts: Sequence[Verdict], count: int, task: Task) -> None:
        """Keep the simplest failure of each signature; all are counted."""
        key = (task.engine, task.dtype, signature)
        seen = self.failures.setdefault(key, Seen(f"f{len(self.failures) + 1:03d}"))
        seen.count += count
        for verdict in verdicts:
            if seen.verdict is None or len(verdict.case.graph.nodes) < len(seen.verdict.case.graph.nodes):
                seen.verdict, seen.op = verdict, task.op
        for prop in (r.CASE, signature.property):
            row = self.cells.setdefault((task.engine, prop, task.op, task.dtype), Row())
            if seen.identity not in row.failures:
                row.failures.append(seen.identity)

    def record(self, interrupted: bool = False) -> r.Record:
        """The run record so far."""
        entries = tuple(
            r.Entry(
                engine=engine,
                property=prop,
                op=op,
                dtype=dtype,
                counts={k.value: n for k, n in sorted(row.counts.items())},
                verdict=worst(k.value for k in row.counts) if row.counts else Kind.AGREE,
                worst=row.worst,
                seconds=round(row.seconds, 4),
                failures=tuple(row.failures),
            )
            for (engine, prop, op, dtype), row in self.cells.items()
        )
        skipped = self.overall[Kind.RANGE] + self.overall[Kind.ILL_CONDITIONED]
        unsupported = self.overall[Kind.UNSUPPORTED]
        cases = sum(self.overall.values())
        return r.Record(
            created=datetime.now(UTC).isoformat(timespec="seconds"),
            gradproof=version("gradproof"),
            command=self.command,
            seed=self.seed,
            profile=self.profile,
            seconds=round(time.perf_counter() - self.started, 2),
            interrupted=interrupted,
            platform=r.Platform(
                python=platform.python_version(),
                system=f"{platform.system()} {platform.machine()}",
                packages=package_versions(),
                cpu_count=os.cpu_count() or 0,
            ),
            engines=tuple(self._engines()),
            oracles=tuple(self._oracles()),
            entries=entries,
            failures=tuple(self._failures()),
            disputed=tuple(self.disputed[:DISPUTED_MAX]),
            claims=tuple(self.claims),
            totals=r.Totals(
                cases=cases,
                graphs=self.graphs,
                judged=cases - unsupported,
                skipped=skipped,
                unjudged=self.unjudged,
                entries=self.entries,
                entries_undecided=self.undecided,
                disputes=self.disputes,
                counts={k.value: n for k, n in sorted(self.overall.items())},
            ),
        )

    def _engines(self) -> Iterable[r.EngineInfo]:
        names = self.names or [e.name for e in self.subjects]
        for name, e in zip(names, self.subjects, strict=True):
            yield r.EngineInfo(name=name, lineage=e.lineage, version=engine_version(e), role="subject")
        for e in self.references:
            if e.name not in {s.name for s in self.subjects}:
                yield r.EngineInfo(name=e.name, lineage=e.lineage, version=engine_version(e), role="reference")

    def _oracles(self) -> Iterable[r.OracleInfo]:
        decided = sum(n for k, n in self.overall.items() if k.decided)
        yield r.OracleInfo(
            name=JUDGE,
            lineage=JUDGE_LINEAGE,
            role="judge",
            decided=decided,
            agree=decided,
            abstain=self.overall[Kind.RANGE] + self.overall[Kind.ILL_CONDITIONED],
            note="every verdict is its own; witnesses are listed and never decide",
        )
        for name, tally in self.witnesses.items():
            yield r.OracleInfo(
                name=name,
                lineage=tally.lineage,
                role="witness",
                agree=tally.agree,
                disagree=tally.disagree,
                abstain=tally.abstain,
                note="votes with or against the judge on the cases it was shown",
            )

    def _failures(self) -> Iterable[r.Failure]:
        for (engine, dtype, signature), seen in sorted(self.failures.items(), key=lambda item: -item[0][2].kind.severity):
            if seen.verdict is not None:
                yield failure(
                    seen.verdict, seen.identity, engine, seen.op, dtype, seen.count, signature.known, self.folder
                )


def command_line() -> str:
    """The command of this process, as a user would type it."""
    words = [os.path.basename(sys.argv[0]), *sys.argv[1:]]
    return " ".join("pytest" if w == "__main__.py" else w for w in words)
