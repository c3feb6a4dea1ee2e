"""What a run record is made of: platform, engines, oracles, entries, failures, disputes, claims and totals."""

from __future__ import annotations

import builtins
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from gradproof.oracles.verdict import Kind

CASE = "verdict"  # the property under which an entry counts whole cases; the others count single checks


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

    ``worst`` is the largest error in units of the bound; ``failures`` are ids in ``Record.failures``. ``refused`` of the
    UNSUPPORTED cases need nothing that the engine does not claim to have.
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
    refused: int = 0

    @builtins.property
    def key(self) -> tuple[str, str, str, str, int, str]:
        """What identifies the entry in every run."""
        return (self.engine, self.op, self.property, self.dtype, self.order, self.mode)

    @builtins.property
    def decided(self) -> int:
        """How many cases ended in a verdict about the engine."""
        return sum(count for name, count in self.counts.items() if Kind(name).decided)

    @builtins.property
    def dodged(self) -> bool:
        """Whether more cases of what the engine claims to have were refused than decided."""
        return self.refused > self.decided

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
    reason: str = ""
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
class Dispute:
    """A passing verdict that a witness disputes: the judge stands by it, and the case is kept to be looked at."""

    engine: str
    verdict: Kind
    op: str
    dtype: str
    witness: str
    detail: str = ""
    case: Mapping[str, Any] = field(default_factory=dict)
    pretty: str = ""
    seed: int = 0
    index: int = 0


@dataclass(frozen=True, kw_only=True)
class Convention:
    """What an engine gave where a function has no slope or a set of them: the question, and the gradients in words."""

    engine: str
    name: str
    found: str


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
    """Sums over the run.

    ``entries`` of gradients were looked at, ``entries_undecided`` of them had no decision; ``unjudged`` cases were left out
    after an engine hung or died; ``refused`` were declared unsupported one by one, of what the engine claims to have;
    ``disputes`` passing cases were disputed by a witness.
    """

    cases: int = 0
    graphs: int = 0
    judged: int = 0
    skipped: int = 0
    refused: int = 0
    unjudged: int = 0
    entries: int = 0
    entries_undecided: int = 0
    disputes: int = 0
    counts: Mapping[str, int] = field(default_factory=dict)
