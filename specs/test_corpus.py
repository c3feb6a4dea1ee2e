"""Every saved graph of ``specs/corpus`` again: its engine still gives the verdict recorded, and the native engine is right."""

from __future__ import annotations

from collections import Counter
from functools import cache

import pytest

from gradproof.oracles.engine import Engine
from gradproof.oracles.errors import EngineError
from gradproof.oracles.judge import judge
from gradproof.oracles.registry import engine as by_name
from gradproof.oracles.verdict import Kind
from gradproof.specs.known import Known, corpus

FIELDS = {"engine", "version", "verdict", "property", "blame", "reason", "dtype"}
NODES_MAX = 3
every = pytest.mark.parametrize("known", corpus(), ids=lambda known: known.name)


@cache
def installed(name: str) -> Engine | None:
    """The engine, or None where its framework is not installed."""
    try:
        return by_name(name)
    except EngineError:
        return None


@every
def test_the_verdict_is_still_the_recorded_one(known: Known) -> None:
    """On this graph the engine fails in the way that was recorded; if it is right now, the entry is out of date."""
    engine = installed(known.engine)
    if engine is None:
        pytest.skip(f"{known.engine} is not installed, so its saved graph cannot be replayed")
    verdict = judge(known.case, engine)
    found = [(f.kind, f.property) for f in verdict.findings]
    assert (known.verdict, known.property) in found, (
        f"{known.name}: {known.engine} {engine.version} gives {verdict.kind} where {known.verdict} of {known.property} "  # type: ignore[attr-defined]
        f"was recorded with version {known.case.note['version']}; remove it or note the version.\n{verdict.report()}"
    )


@every
def test_the_native_engine_is_right(known: Known) -> None:
    """What other engines get wrong is judged right for the native one, so the fault is not the judge's alone."""
    native = by_name("native")
    verdict = judge(known.case, native)
    assert verdict.kind in (Kind.AGREE, Kind.SUBGRADIENT), verdict.report()


@every
def test_the_note_says_what_and_why(known: Known) -> None:
    """A saved graph is small, and its note names engine, version, verdict, property, op, dtype and the cause."""
    note = known.case.note
    assert set(note) >= FIELDS
    assert str(note["reason"]).endswith(".")
    assert note["dtype"] == known.case.graph.dtype.name
    assert known.blame in known.case.graph.ops
    assert len(known.case.graph.nodes) <= NODES_MAX
    assert known.verdict is Kind.WRONG or known.verdict.declarable


def test_no_difference_is_declared_twice() -> None:
    """One file for each engine, verdict, property and op."""
    keys = Counter((k.engine, k.verdict, k.property, k.blame) for k in corpus())
    assert not [key for key, count in keys.items() if count > 1]
