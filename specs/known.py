"""Known differences: saved graphs of engines that disagree with the judge, each with its reason and its condition.

A file of ``specs/corpus/`` is a graph file whose note says which engine gives which verdict on it, why, and where: the
condition (``specs/condition.py``) that a failure must meet to be the same difference. The note may say of which properties
it is true ``also`` (globs; mostly modes of differentiation where the same rule is at work), and of a fault that it is met
``everywhere``; and from which release on (``versions``: ``at_least``, ``below``) and where it was reported (``link``). Only verdicts that may be declared (LOSSY, NAN_UNTAKEN, SPEC) keep a run from failing; others always fail
(docs/judge.md 6).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import Any

from gradproof.oracles.catalogue import CATALOGUE, COMPLEX
from gradproof.oracles.codec import load
from gradproof.oracles.errors import EngineError, MissingPackage
from gradproof.oracles.finding import Verdict
from gradproof.oracles.graph import Case
from gradproof.oracles.modes import MODES
from gradproof.oracles.registry import engine as engine_named
from gradproof.oracles.registry import names, version
from gradproof.oracles.verdict import Kind
from gradproof.specs.condition import Site, check, holds
from gradproof.specs.properties import PROPERTIES

CORPUS = Path(__file__).parent / "corpus"


@dataclass(frozen=True, eq=False)
class Known:
    """A saved graph, the engine it concerns, the verdict expected there, why, and where else it is to be expected."""

    name: str
    case: Case
    engine: str
    verdict: Kind
    property: str
    blame: str
    reason: str
    condition: tuple[Mapping[str, Any], ...]
    also: tuple[str, ...] = ()
    everywhere: bool = False
    at_least: str = ""
    below: str = ""
    link: str = ""

    def applies(self, version: str) -> bool:
        """Whether it is said of this release: every one, where the note names none, and one whose version is not known."""
        if not re.search(r"\d", version):
            return True
        return (not self.at_least or numbers(self.at_least) <= numbers(version)) and (not self.below or numbers(version) < numbers(self.below))

    def strays(self) -> list[str]:
        """What it names that does not exist: an engine, an op, a property, or globs that match none. It could explain nothing."""
        properties = {*(p.name for p in PROPERTIES), *MODES}
        found = [] if self.engine in names() else [f"engine {self.engine!r}"]
        found += [] if self.blame in CATALOGUE or self.blame in COMPLEX else [f"op {self.blame!r}"]
        found += [] if self.property in properties else [f"property {self.property!r}"]
        return found + [f"property {glob!r}" for glob in self.also if not any(fnmatchcase(name, glob) for name in properties)]

    def covers(self, kind: Kind, of: str) -> bool:
        """Whether this is said of verdicts of a kind on a property: the one saved, or one that a glob of ``also`` names."""
        return kind is self.verdict and (of == self.property or any(fnmatchcase(of, mode) for mode in self.also))

    def explains(self, engine: str, verdict: Verdict, kind: Kind, of: str) -> bool:
        """Whether a failure of one op, judged alone, is this difference."""
        node = verdict.case.graph.nodes[0]
        if (self.engine, self.blame) != (engine, node.op) or not self.covers(kind, of):
            return False
        found = [f for f in verdict.findings if (f.kind, f.property) == (kind, of)]
        found = found or [f for f in verdict.findings if self.covers(f.kind, f.property)]  # whose first gradient fails, alone
        return bool(found) and holds(self.condition, site(verdict.case), found[0].worst, verdict.case.graph.dtype.name)


def numbers(version: str) -> tuple[int, ...]:
    """The numbers of a release, without what is behind a plus.

    >>> numbers("2.13.0+cpu") < numbers("2.13.1")
    True
    """
    return tuple(int(n) for n in re.findall(r"\d+", version.partition("+")[0]))


@cache
def corpus() -> tuple[Known, ...]:
    """Every saved graph, in the order of their names; without those of bfloat16 where ml_dtypes is not installed.

    Raises: GraphError if a file is damaged or its condition means nothing; KeyError if its note lacks a field.
    """
    found = []
    for path in sorted(CORPUS.glob("*.json")):
        try:
            case = load(path)
        except MissingPackage:  # then no engine here has the dtype either
            continue
        note = case.note
        check(note["condition"], path.name)
        found.append(
            Known(
                path.stem,
                case,
                str(note["engine"]),
                Kind(str(note["verdict"])),
                str(note["property"]),
                str(note["blame"]),
                str(note["reason"]),
                tuple(note["condition"]),
                tuple(note.get("also", ())),
                bool(note.get("everywhere", False)),
                str(note.get("versions", {}).get("at_least", "")),
                str(note.get("versions", {}).get("below", "")),
                str(note.get("link", "")),
            )
        )
    return tuple(found)


def site(case: Case) -> Site:
    """The one node of a graph, with its operands and its cotangent."""
    node = case.graph.nodes[0]
    return Site(tuple(case.graph.leaves[o].data for o in node.operands), node.params, case.cotangents[0], node.operands)


def reason(engine: str, verdict: Verdict) -> str:
    """Why a blamed failure is expected, or an empty string if it is not.

    The blamed node alone is looked at: a verdict on several nodes that blame has not judged apart is never expected.
    """
    one = verdict.alone or verdict
    if len(one.case.graph.nodes) != 1:
        return ""
    for known in corpus():
        if known.explains(engine, one, verdict.kind, verdict.decisive.property) and known.applies(_release(engine)):
            return known.reason
    return ""


@cache
def _release(name: str) -> str:
    """The version of an engine, or "" where it has none."""
    try:
        return version(engine_named(name))
    except EngineError:
        return ""
