"""The run record: what a run found, as versioned JSON; the page, comparisons and the history read nothing else."""

from __future__ import annotations

import builtins
import json
import os
import tempfile
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from gradproof.oracles.errors import GradproofError
from gradproof.oracles.verdict import Kind
from gradproof.reports.parts import (
    CASE,
    Claim,
    Convention,
    Digit,
    Dispute,
    EngineInfo,
    Entry,
    Failure,
    OracleInfo,
    Platform,
    Totals,
    Vote,
    Worst,
)
from gradproof.reports.plain import Damage, build, to_text

__all__ = [
    "CASE",
    "KIND",
    "SCHEMA",
    "Claim",
    "Convention",
    "Digit",
    "Dispute",
    "EngineInfo",
    "Entry",
    "Failure",
    "OracleInfo",
    "Platform",
    "Record",
    "RecordError",
    "Totals",
    "Vote",
    "Worst",
    "from_json",
    "read",
    "save",
    "write",
]
SCHEMA = 3  # 1 was without what was disputed, and counted no gradient entries; 2 without conventions at kinks
KIND = "gradproof-run"


class RecordError(GradproofError, ValueError):
    """A run record cannot be read or written."""


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
    disputed: tuple[Dispute, ...] = ()
    claims: tuple[Claim, ...] = ()
    conventions: tuple[Convention, ...] = ()  # measured by ``gradproof matrix``
    totals: Totals = field(default_factory=Totals)

    def to_json(self) -> str:
        """The record as JSON, ``schema`` first, one line an entry; a float that is not finite is written as a string."""
        return to_text(self)

    def failures_of(self, entry: Entry) -> tuple[Failure, ...]:
        """The failures an entry names, in its order."""
        return tuple(self._by_id[name] for name in entry.failures if name in self._by_id)

    @cached_property
    def _by_id(self) -> Mapping[str, Failure]:
        return {failure.id: failure for failure in self.failures}

    def failing(self, entry: Entry) -> Counter[Kind]:
        """How many cases of an entry fail in each way that no declared divergence explains."""
        counts = Counter({Kind(name): count for name, count in entry.counts.items() if count and Kind(name).fails})
        mine = self.failures_of(entry)
        for kind in [kind for kind in counts if kind.declarable]:
            told = [failure for failure in mine if failure.verdict is kind]
            if told:  # a case may be among several failures, so these are at most so many
                counts[kind] = min(counts[kind], sum(failure.count for failure in told if failure.fails))
        return +counts

    def fails(self, entry: Entry) -> bool:
        """Whether an entry makes the run exit 1: a failing verdict that no declared divergence explains, or it was dodged."""
        if entry.dodged:
            return True
        if any(count and Kind(name).fails for name, count in entry.counts.items()):
            return bool(self.failing(entry))
        return entry.verdict.fails and not entry.verdict.declarable

    def declared(self, entry: Entry) -> bool:
        """Whether an entry would fail the run, but for divergences declared with their reasons."""
        return entry.verdict.declarable and not self.fails(entry)

    @builtins.property
    def decided(self) -> bool:
        """Whether any case ended in a verdict about an engine; else the run shows nothing."""
        return any(count and Kind(name).decided for name, count in self.totals.counts.items())

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
    except (ValueError, RecursionError) as error:
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
        return replace(build(Record, data), schema=SCHEMA)
    except Damage as damage:
        raise RecordError(f"{source} is damaged at {damage}. {again}") from None
    except RecursionError:
        raise RecordError(f"{source} is damaged: it is nested too deeply. {again}") from None


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
