"""The run record: what a run found, as versioned JSON; the page, comparisons and the history read nothing else."""

from __future__ import annotations

import builtins
import json
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gradproof.oracles.errors import GradproofError
from gradproof.oracles.verdict import Kind
from gradproof.reports.plain import Damage, build, to_text

SCHEMA = 1
KIND = "gradproof-run"
CASE = "verdict"  # the property under which an entry counts whole cases; the others count single checks


class RecordError(GradproofError, ValueError):
    """A run record cannot be read or written."""


@dataclass(frozen=True, kw_only=True)
class Platform:
    """Where the run took place, with the versions of the packages that took part."""

    python: str
    system: str
    packages: Mapping[str, str] = field(default_factory=dict)
    cpu_count: int = 0


@dataclass(frozen=True, kw_only=True)
class EngineInfo:
    """An engine of the run; ``role`` is "subject" or "reference"."""

    name: str
    lineage: str
    version: str
    role: str = "subject"


@dataclass(frozen=True, kw_only=True)
class OracleInfo:
    """An oracle of the run: how many verdicts it decided, and how its votes fell; ``role`` is "judge" or "witness"."""

    name: str
    lineage: str
    role: str
    decided: int = 0
    agree: int = 0
    disagree: int = 0
    abstain: int = 0
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class Entry:
    """What was found for one (engine, property, op, dtype, order, mode); ``op`` is "graph" for random graphs.

    ``worst`` is the largest error in units of the bound; ``failures`` are ids in ``Record.failures``.
    """

    engine: str
    property: str
    op: str
    dtype: str
    order: int = 1
    mode: str = "reverse"
    counts: Mapping[str, int] = field(default_factory=dict)
    verdict: Kind
    worst: float | None = None
    seconds: float = 0.0
    failures: tuple[str, ...] = ()

    @builtins.property
    def key(self) -> tuple[str, str, str, str, int, str]:
        """What identifies the entry in every run."""
        return (self.engine, self.op, self.property, self.dtype, self.order, self.mode)

    @builtins.property
    def decided(self) -> int:
        """How many cases ended in a verdict about the engine."""
        return sum(count for name, count in self.counts.items() if Kind(name).decided)

    @builtins.property
    def failing(self) -> int:
        """How many cases ended in a failing verdict, declared or not."""
        return sum(count for name, count in self.counts.items() if Kind(name).fails)


@dataclass(frozen=True, kw_only=True)
class Worst:
    """The worst entry of a gradient: ``got`` against ``expected`` ± ``radius``, and the error in units of ``bound``."""

    input: str
    index: tuple[int, ...]
    got: str
    expected: str
    radius: str
    bound: str
    units: float


@dataclass(frozen=True, kw_only=True)
class Vote:
    """What one witness says about a failure; ``vote`` is "agree", "disagree" or "abstain" (with the judge)."""

    name: str
    lineage: str
    vote: str
    detail: str = ""


@dataclass(frozen=True, kw_only=True)
class Failure:
    """A minimal graph that does not end in AGREE, with all that is needed to reproduce it.

    ``count`` cases were merged into it; ``known`` is the reason of a declared divergence, or "".
    """

    id: str
    engine: str
    verdict: Kind
    property: str
    op: str
    dtype: str
    blame: str = ""
    message: str = ""
    worst: Worst | None = None
    case: Mapping[str, Any] = field(default_factory=dict)
    pretty: str = ""
    svg: str = ""
    nodes: int = 0
    seed: int = 0
    replay: str = ""
    witnesses: tuple[Vote, ...] = ()
    count: int = 1
    known: str = ""

    @builtins.property
    def signature(self) -> tuple[str, str, Kind, str]:
        """What makes two failures of different runs the same one."""
        return (self.engine, self.blame, self.verdict, self.property)

    @builtins.property
    def fails(self) -> bool:
        """Whether it makes the run exit 1: its verdict fails and is not declared."""
        return self.verdict.fails and not (self.known and self.verdict.declarable)


@dataclass(frozen=True, kw_only=True)
class Digit:
    """A number the source document prints, beside the exact one; ``verdict`` is "ticked" or "corrected"."""

    name: str
    printed: str
    exact: str
    rounded: str
    verdict: str
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class Claim:
    """A claim of the source document; ``verdict`` is AGREE, WRONG, NOT YET SHOWN or NOT TESTABLE."""

    number: int
    claim: str
    how: str = ""
    figure: str = ""
    verdict: str = Kind.NOT_YET_SHOWN.value
    digits: tuple[Digit, ...] = ()
    svg: str = ""


@dataclass(frozen=True, kw_only=True)
class Totals:
    """Sums over the run."""

    cases: int = 0
    graphs: int = 0
    judged: int = 0
    skipped: int = 0
    counts: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Record:
    """One run. ``from_json(record.to_json()) == record``."""

    schema: int = SCHEMA
    kind: str = KIND
    created: str
    gradproof: str
    command: str = ""
    seed: int = 0
    profile: str = "quick"
    seconds: float = 0.0
    interrupted: bool = False
    platform: Platform
    engines: tuple[EngineInfo, ...] = ()
    oracles: tuple[OracleInfo, ...] = ()
    entries: tuple[Entry, ...] = ()
    failures: tuple[Failure, ...] = ()
    claims: tuple[Claim, ...] = ()
    totals: Totals = Totals()

    def to_json(self) -> str:
        """The record as JSON, ``schema`` first, one line an entry; a float that is not finite is written as a string."""
        return to_text(self)

    def fails(self, entry: Entry) -> bool:
        """Whether an entry makes the run exit 1: it holds a failing verdict that no declared divergence explains."""
        failing = [Kind(name) for name, count in entry.counts.items() if count and Kind(name).fails]
        if any(not kind.declarable for kind in failing) or not failing:
            return bool(failing) or (entry.verdict.fails and not entry.verdict.declarable)
        by_id = {failure.id: failure for failure in self.failures}
        mine = [by_id[name] for name in entry.failures if name in by_id]
        return not mine or any(failure.fails for failure in mine)

    def declared(self, entry: Entry) -> bool:
        """Whether an entry would fail the run, but for divergences declared with their reasons."""
        return entry.verdict.declarable and not self.fails(entry)

    @builtins.property
    def clean(self) -> bool:
        """Whether the run exits 0."""
        wrong_claims = any(claim.verdict == Kind.WRONG for claim in self.claims)
        return (
            not wrong_claims
            and not any(self.fails(e) for e in self.entries)
            and not any(failure.fails for failure in self.failures)
        )


def from_json(text: str, source: str = "the run record") -> Record:
    """The record a JSON text holds. Raises: RecordError if it is damaged or of a newer schema; ``source`` names it."""
    again = "Run `gradproof verify --json` again to write a whole one."
    try:
        data = json.loads(text)
    except ValueError as error:
        raise RecordError(f"{source} is damaged: not JSON ({error}). {again}") from None
    if not isinstance(data, dict) or data.get("kind") != KIND:
        raise RecordError(f'{source} is not a run record: its "kind" is not "{KIND}". Give the file --json wrote.')
    schema = data.get("schema")
    if not isinstance(schema, int) or schema < 1:
        raise RecordError(f"{source} is damaged: its schema is {schema!r}, expected {SCHEMA}. {again}")
    if schema > SCHEMA:
        raise RecordError(
            f"{source} has schema {schema}, and this gradproof reads up to {SCHEMA}. Upgrade: pip install -U gradproof."
        )
    try:
        return build(Record, data)
    except Damage as damage:
        raise RecordError(f"{source} is damaged at {damage}. {again}") from None


def read(path: str | Path) -> Record:
    """The record in a file. Raises: RecordError."""
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise RecordError(f"cannot read {path}: {_reason(error)}. Give the path of a file that --json wrote.") from None
    return from_json(text, str(path))


def save(path: str | Path, text: str) -> None:
    """Write a text file whole or not at all. Raises: RecordError if the path cannot be written."""
    target = Path(path)
    temporary = None
    try:
        handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            stream.write(text)
        os.chmod(temporary, 0o644)
        os.replace(temporary, target)
    except OSError as error:
        if temporary is not None:
            Path(temporary).unlink(missing_ok=True)
        raise RecordError(f"cannot write {path}: {_reason(error)}. Name a file in a folder you can write to.") from None


def write(record: Record, path: str | Path) -> None:
    """Save a record as JSON. Raises: RecordError."""
    save(path, record.to_json())


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or type(error).__name__
