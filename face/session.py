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

from gradproof.oracles import codec
from gradproof.oracles.certificate import certify
from gradproof.oracles.draw import draw
from gradproof.oracles.engine import Engine
from gradproof.oracles.errors import GradproofError
from gradproof.oracles.finding import Verdict
from gradproof.oracles.registry import version as engine_version
from gradproof.oracles.rewrite import forward_values
from gradproof.oracles.verdict import Kind, worst
from gradproof.reports import record as r
from gradproof.specs import known
from gradproof.specs.run import GRAPH, Result, Tally

PACKAGES = ("numpy", "scipy", "python-flint", "hypothesis", "pytest", "torch", "jax", "jaxlib")
SIZE_MAX_DRAWN = 400
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
class Session:
    """Gathers results of a run; ``record`` may be asked for at any time, so an interrupted run loses nothing."""

    command: str
    profile: str
    seed: int
    subjects: Sequence[Engine]
    references: Sequence[Engine] = ()
    names: Sequence[str] = ()  # of the subjects, as they were asked for; an engine of one's own is module:Class
    started: float = field(default_factory=time.perf_counter)
    cells: dict[tuple[str, str, str, str], Row] = field(default_factory=dict)
    failures: dict[tuple[str, str, Kind, str, str], tuple[Verdict, str, int]] = field(default_factory=dict)
    witnesses: dict[str, Tally] = field(default_factory=dict)
    overall: Counter[Kind] = field(default_factory=Counter)
    graphs: int = 0
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
            row.worst = max(row.worst, result.worst.get(name, 0.0))
            row.seconds += result.seconds / max(len(result.counts), 1)
        for name, tally in result.witnesses.items():
            mine = self.witnesses.setdefault(name, Tally(tally.lineage))
            mine.agree += tally.agree
            mine.disagree += tally.disagree
            mine.abstain += tally.abstain
        for verdict in result.failures:
            self.fail(verdict, task.op, task.dtype, task.engine)

    def fail(self, verdict: Verdict, op: str, dtype: str, engine: str) -> str:
        """Keep a failure once for each signature; more of the same are counted. Returns its id."""
        key = (engine, verdict.blame or op, verdict.kind, verdict.decisive.property, dtype)
        found = self.failures.get(key)
        identity = found[1] if found else f"f{len(self.failures) + 1:03d}"
        count = found[2] + 1 if found else 1
        simplest = found[0] if found and len(found[0].case.graph.nodes) <= len(verdict.case.graph.nodes) else verdict
        self.failures[key] = (simplest, identity, count)
        for prop in (r.CASE, verdict.decisive.property):
            row = self.cells.setdefault((engine, prop, op, dtype), Row())
            if identity not in row.failures:
                row.failures.append(identity)
        return identity

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
            claims=tuple(self.claims),
            totals=r.Totals(
                cases=cases,
                graphs=self.graphs,
                judged=cases - unsupported,
                skipped=skipped,
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
        order = sorted(self.failures.items(), key=lambda item: -item[0][2].severity)
        for (engine, blamed, kind, prop, dtype), (verdict, identity, count) in order:
            yield failure(verdict, identity, engine, blamed, kind, prop, dtype, count, self.seed)


def failure(
    verdict: Verdict, identity: str, engine: str, blamed: str, kind: Kind, prop: str, dtype: str, count: int, seed: int
) -> r.Failure:
    """One failure as the record keeps it: minimal graph, drawing, provenance and a command to see it again."""
    case = verdict.case
    worst_entry = verdict.worst
    return r.Failure(
        id=identity,
        engine=engine,
        verdict=kind,
        property=prop,
        op=str(verdict.note.get("drawn as", blamed)),
        dtype=dtype,
        blame=blamed,
        message=verdict.report(),
        worst=None
        if worst_entry is None
        else r.Worst(
            input=f"%{worst_entry.input}",
            index=worst_entry.index,
            got=repr(worst_entry.got),
            expected=repr(worst_entry.expected),
            radius=f"{worst_entry.radius:.1e}",
            bound=f"{worst_entry.bound:.3e}",
            units=worst_entry.units,
        ),
        case=codec.to_json(case),
        pretty=codec.pretty(case),
        svg=drawing(verdict),
        nodes=len(case.graph.nodes),
        seed=seed,
        replay=f"gradproof replay {identity}.json --engine {engine}",
        witnesses=tuple(
            r.Vote(name=v.name, lineage=v.lineage, vote=_with_judge(v.vote, kind), detail=v.detail)
            for v in verdict.votes
        ),
        count=count,
        known=known.reason(engine, kind, prop, blamed),
    )


def _with_judge(vote: str, kind: Kind) -> str:
    """A witness votes on the engine; the page says whether that is with the judge or against it."""
    if vote == "abstains":
        return "abstain"
    return "agree" if (vote == "agrees") != kind.fails else "disagree"


def drawing(verdict: Verdict) -> str:
    """The case drawn with its forward values, if it is small."""
    case = verdict.case
    if sum(leaf.data.size for leaf in case.graph.leaves) > SIZE_MAX_DRAWN:
        return ""
    try:
        values = forward_values(certify(case))
    except (ArithmeticError, ValueError, GradproofError):
        values = None
    cotangents = dict(zip(case.graph.outputs, case.cotangents, strict=True))
    return draw(case.graph, values=values, cotangents=cotangents, highlight=verdict.blamed_node)


def command_line() -> str:
    """The command of this process, as a user would type it."""
    words = [os.path.basename(sys.argv[0]), *sys.argv[1:]]
    return " ".join("pytest" if w == "__main__.py" else w for w in words)
