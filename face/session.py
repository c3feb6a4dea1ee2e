"""From results to a run record: what ``verify`` and the pytest plugin both write."""

from __future__ import annotations

import os
import platform
import sys
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from gradproof.evidence import disputes, failure
from gradproof.oracles.catalogue import CATALOGUE, COMPLEX
from gradproof.oracles.engine import Engine
from gradproof.oracles.finding import Verdict
from gradproof.oracles.formats import FORMATS, PARTS
from gradproof.oracles.modes import MODES
from gradproof.oracles.registry import version as engine_version
from gradproof.oracles.verdict import Kind, worst
from gradproof.reports import record as r
from gradproof.specs.properties import PROPERTIES
from gradproof.specs.run import GRAPH, WITNESSES, Result, Signature, Tally

PACKAGES = ("numpy", "scipy", "python-flint", "hypothesis", "pytest", "torch", "jax", "jaxlib")
OPS = (*CATALOGUE, *COMPLEX, GRAPH)
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


Failing = tuple[str, str, Signature]  # engine, dtype, and what makes failures of them one


@dataclass
class Row:
    """Counts of one cell of the matrix."""

    counts: Counter[Kind] = field(default_factory=Counter)
    worst: float = 0.0
    seconds: float = 0.0
    refused: int = 0
    failures: set[Failing] = field(default_factory=set)


@dataclass
class Seen:
    """A failure of one signature: its simplest case so far, the op it was drawn as, and how often it was seen.

    ``rank`` orders the cases: those explained, by size, then as they were drawn; not as their tasks ended.
    """

    verdict: Verdict | None = None
    op: str = ""
    rank: tuple[object, ...] = ()
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
    failures: dict[Failing, Seen] = field(default_factory=dict)
    disputed: list[r.Dispute] = field(default_factory=list)
    disputes: int = 0
    witnesses: dict[str, Tally] = field(default_factory=dict)
    overall: Counter[Kind] = field(default_factory=Counter)
    graphs: int = 0
    entries: int = 0
    undecided: int = 0
    refused: int = 0
    unjudged: int = 0
    claims: Sequence[r.Claim] = ()
    notes: Sequence[str] = ()  # what was left out, for the terminal

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
            row.refused += result.refused if name == r.CASE else 0
            row.seconds += result.seconds / max(len(result.counts), 1)
        for name, tally in result.witnesses.items():
            mine = self.witnesses.setdefault(name, Tally(tally.lineage))
            mine.agree += tally.agree
            mine.disagree += tally.disagree
            mine.abstain += tally.abstain
        self.entries += result.entries
        self.undecided += result.undecided
        self.refused += result.refused
        self.unjudged += result.unjudged
        self.disputes += result.disputes
        for verdict in result.disputed:
            self.disputed.extend(disputes(verdict, task.engine, task.op, task.dtype))
        for signature, count in result.seen.items():
            self._fail(signature, result, count)

    def _fail(self, signature: Signature, result: Result, count: int) -> None:
        """Keep the simplest failure of each signature; all are counted."""
        task = result.task
        key = (task.engine, task.dtype, signature)
        seen = self.failures.setdefault(key, Seen())
        seen.count += count
        for pending, found in enumerate((result.explained, result.pending)):
            for verdict in found.get(signature, ()):
                size = len(verdict.case.graph.nodes)
                rank = (pending, size, *self._order(task.engine, task.op), str(verdict.note.get("index", "")).zfill(9))
                if seen.verdict is None or rank < seen.rank:
                    seen.verdict, seen.op, seen.rank = verdict, task.op, rank
        for prop in (r.CASE, signature.property):
            self.cells.setdefault((task.engine, prop, task.op, task.dtype), Row()).failures.add(key)

    def _order(self, engine: str, op: str = "", dtype: str = "", prop: str = "") -> tuple[object, ...]:
        """Where a cell comes in the record, whichever task ended first."""
        names = [*self.names, *(e.name for e in self.subjects)]
        return (
            _place(engine, names), _place(dtype, (*FORMATS, *PARTS)),
            _place(op, OPS), _place(prop, (r.CASE, *(p.name for p in PROPERTIES), *MODES)),
        )  # fmt: skip

    def record(self, interrupted: bool = False) -> r.Record:
        """The run record so far: apart from times the same for the same results, in whatever order they came."""
        failures = sorted(self.failures.items(), key=self._severity)
        identities = {key: f"f{i:03d}" for i, (key, _) in enumerate(failures, 1)}
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
                failures=tuple(sorted(identities[key] for key in row.failures)),
                refused=row.refused,
            )
            for (engine, prop, op, dtype), row in sorted(self.cells.items(), key=self._cell)
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
            failures=tuple(self._told(failures, identities)),
            disputed=tuple(sorted(self.disputed, key=self._dispute)[:DISPUTED_MAX]),
            claims=tuple(self.claims),
            totals=r.Totals(
                cases=cases,
                graphs=self.graphs,
                judged=cases - unsupported,
                skipped=skipped,
                refused=self.refused,
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
        witnesses = [name for name, _, _ in WITNESSES] + [e.name for e in self.references]
        for name, tally in sorted(self.witnesses.items(), key=lambda item: _place(item[0], witnesses)):
            yield r.OracleInfo(
                name=name,
                lineage=tally.lineage,
                role="witness",
                agree=tally.agree,
                disagree=tally.disagree,
                abstain=tally.abstain,
                note="votes with or against the judge on the cases it was shown",
            )

    def _cell(self, item: tuple[tuple[str, str, str, str], Row]) -> tuple[object, ...]:
        engine, prop, op, dtype = item[0]
        return self._order(engine, op, dtype, prop)

    def _dispute(self, dispute: r.Dispute) -> tuple[object, ...]:
        return (*self._order(dispute.engine, dispute.op, dispute.dtype), dispute.index, dispute.witness)

    def _severity(self, item: tuple[Failing, Seen]) -> tuple[object, ...]:
        (engine, dtype, sign), _ = item
        return (-sign.kind.severity, *self._order(engine, sign.blame, dtype, sign.property), sign.known)

    def _told(self, failures: Iterable[tuple[Failing, Seen]], identities: Mapping[Failing, str]) -> Iterable[r.Failure]:
        for key, seen in failures:
            engine, dtype, signature = key
            if seen.verdict is not None:
                yield failure(
                    seen.verdict, identities[key], engine, seen.op, dtype, seen.count, signature.known, self.folder
                )


def _place(name: str, names: Sequence[str]) -> tuple[int, str]:
    """Its place among the names, those that are not there last, by their own."""
    return (names.index(name), "") if name in names else (len(names), name)


def command_line() -> str:
    """The command of this process, as a user would type it."""
    words = [os.path.basename(sys.argv[0]), *sys.argv[1:]]
    return " ".join("pytest" if w == "__main__.py" else w for w in words)
