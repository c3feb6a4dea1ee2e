"""Known differences: saved graphs of engines that disagree with the judge, each with its reason.

A file of ``specs/corpus/`` is a graph file whose note says which engine gives which verdict on it and why. Only verdicts
that may be declared (LOSSY, NAN_UNTAKEN, SPEC) keep a run from failing; a WRONG always fails (docs/judge.md 6).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from gradproof.oracles.codec import load
from gradproof.oracles.graph import Case
from gradproof.oracles.verdict import Kind

CORPUS = Path(__file__).parent / "corpus"


@dataclass(frozen=True, eq=False)
class Known:
    """A saved graph, the engine it concerns, the verdict expected there, and why."""

    name: str
    case: Case
    engine: str
    verdict: Kind
    property: str
    blame: str
    reason: str


@cache
def corpus() -> tuple[Known, ...]:
    """Every saved graph, in the order of their names.

    Raises: GraphError if a file is damaged; KeyError if its note lacks a field.
    """
    found = []
    for path in sorted(CORPUS.glob("*.json")):
        case = load(path)
        note = case.note
        found.append(
            Known(
                path.stem,
                case,
                str(note["engine"]),
                Kind(str(note["verdict"])),
                str(note["property"]),
                str(note["blame"]),
                str(note["reason"]),
            )
        )
    return tuple(found)


def reason(engine: str, kind: Kind, prop: str, blame: str) -> str:
    """Why a failure is expected, or an empty string if it is not."""
    for known in corpus():
        if (known.engine, known.verdict, known.property, known.blame) == (engine, kind, prop, blame):
            return known.reason
    return ""
