"""Every saved graph of ``specs/corpus`` again: its engine still gives the verdict recorded, and the native engine is right.

Its condition is tested too: it accepts that graph, and it accepts no ordinary one.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from gradproof.oracles.blame import blame
from gradproof.oracles.catalogue import COMPLEX
from gradproof.oracles.engine import Engine
from gradproof.oracles.errors import EngineError
from gradproof.oracles.finding import Finding, Verdict, Worst
from gradproof.oracles.formats import dtype_named
from gradproof.oracles.graph import Array, Case, Graph, Leaf
from gradproof.oracles.judge import K
from gradproof.oracles.registry import engine as by_name
from gradproof.oracles.registry import version as release
from gradproof.oracles.trial import capabilities
from gradproof.oracles.verdict import Kind
from gradproof.specs.known import Known, corpus, reason
from gradproof.specs.limits import judging_of

FIELDS = {"engine", "version", "verdict", "property", "blame", "reason", "dtype", "condition"}
DRAWS = 5
LEAST_AXIS = 3
EXPECTED, BOUND = 0.5, 1e-16
FAR_OFF = (0.0, math.inf, math.nan, -EXPECTED, 3 * EXPECTED + 7.5)
INTO: dict[str, Callable[[Array], Array]] = {  # ordinary values inside the domain
    "acosh": lambda x: 1 + np.abs(x),
    "acos": np.tanh,
    "asin": np.tanh,
    "atanh": np.tanh,
    "log1p": np.abs,
    "pow": np.abs,
    "sqrt": np.abs,
}
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
    if not known.applies(release(engine)):
        pytest.skip(f"it is said of another release than {known.engine} {release(engine)}")
    verdict = judging_of(known.property)(known.case, engine, K)
    found = [(f.kind, f.property) for f in verdict.findings]
    assert (known.verdict, known.property) in found, (
        f"{known.name}: {known.engine} {engine.version} gives {verdict.kind} where {known.verdict} of {known.property} "  # type: ignore[attr-defined]
        f"was recorded with version {known.case.note['version']}; remove it or note the version.\n{verdict.report()}"
    )


@every
def test_its_condition_accepts_its_own_graph(known: Known) -> None:
    """The failure that was saved is explained by the reason saved with it."""
    engine = installed(known.engine)
    if engine is None:
        pytest.skip(f"{known.engine} is not installed, so its saved graph cannot be replayed")
    if not known.applies(release(engine)):
        pytest.skip(f"it is said of another release than {known.engine} {release(engine)}")
    judging = judging_of(known.property)
    verdict = judging(known.case, engine, K)
    for finding in verdict.findings:
        if (finding.kind, finding.property) == (known.verdict, known.property):
            one = blame(replace(verdict, kind=finding.kind, findings=(finding,)), engine, K, judging)
            assert reason(known.engine, one) == known.reason, one.report()


@every
@pytest.mark.parametrize("seed", range(DRAWS))
def test_its_condition_rejects_ordinary_values(known: Known, seed: int) -> None:
    """At standard normal operands of every dtype it names an answer that is far off is no known difference, and digits
    that are lost are one only where the condition says of how many bounds. A fault that is met everywhere is excepted:
    none that may be declared, so that it fails every run."""
    if known.everywhere:
        assert known.verdict.fails
        assert not known.verdict.declarable
        return
    limited = all("bounds_at_most" in region.get("answer", {}) for region in known.condition)
    for dtype in sorted({dtype for region in known.condition for dtype in region["dtypes"]}):
        for got in (*FAR_OFF, *(() if limited else (EXPECTED + 50 * BOUND,))):
            verdict = failing(known, ordinary(known.case, seed, dtype), got)
            assert not known.explains(known.engine, verdict, known.verdict, known.property), (dtype, got)


def ordinary(case: Case, seed: int, dtype: str) -> Case:
    """The one node of a saved graph at standard normal operands of a dtype, every axis at least three long."""
    rng = np.random.default_rng(seed)
    node = case.graph.nodes[0]
    leaves = []
    for leaf in case.graph.leaves:
        x = rng.standard_normal(tuple(max(n, LEAST_AXIS) for n in leaf.data.shape) or (LEAST_AXIS,))
        leaves.append(Leaf(INTO.get(node.op, np.array)(x).astype(dtype_named(dtype)), leaf.constant))
    cotangent = rng.standard_normal(leaves[0].data.shape).astype(dtype_named(dtype))
    return Case(Graph(tuple(leaves), (node,), case.graph.outputs), (cotangent,))


def failing(known: Known, case: Case, got: float) -> Verdict:
    """The failure of a saved graph, as if the engine had given ``got`` on another case."""
    worst = Worst(0, (0,) * case.graph.leaves[0].data.ndim, got, EXPECTED, 0.0, BOUND)
    finding = Finding(known.property, known.verdict, worst=worst)
    return Verdict(known.verdict, known.engine, case, (finding,), blame=known.blame)


@every
def test_the_native_engine_is_right(known: Known) -> None:
    """What other engines get wrong is judged right for the native one, so the fault is not the judge's alone; of a dtype
    that it does not have, on the same numbers in float64; of an op that it does not have, for another engine."""
    sound: Engine | None = by_name("native")
    if known.blame in COMPLEX:
        sound = installed("jax" if known.engine == "torch" else "torch")
    if sound is None:
        pytest.skip(f"no second engine with {known.blame} is installed")
    case = known.case if known.case.graph.dtype.name in capabilities(sound).dtypes else wide(known.case)
    verdict = judging_of(known.property)(case, sound, K)
    assert verdict.kind in (Kind.AGREE, Kind.SUBGRADIENT), verdict.report()


def wide(case: Case) -> Case:
    """The case with the same numbers in float64."""
    leaves = tuple(Leaf(leaf.data.astype(float), leaf.constant) for leaf in case.graph.leaves)
    return Case(Graph(leaves, case.graph.nodes, case.graph.outputs), tuple(ct.astype(float) for ct in case.cotangents))


@every
def test_the_note_says_what_and_why(known: Known) -> None:
    """A saved graph is small, and its note names engine, version, verdict, property, op, dtype and the cause."""
    note = known.case.note
    assert set(note) >= FIELDS
    assert str(note["reason"]).endswith(".")
    assert note["dtype"] == known.case.graph.dtype.name
    assert known.case.graph.ops == (known.blame,)
    assert len(known.case.graph.nodes) == 1
    assert all(note["dtype"] in region["dtypes"] for region in known.condition)
    assert known.verdict.fails


@every
def test_it_names_what_exists(known: Known) -> None:
    """A difference of an engine, op or mode that does not exist could explain nothing, and nobody would see that."""
    assert known.strays() == []


def test_no_difference_is_declared_twice() -> None:
    """One file for each engine, verdict, property, op and cause."""
    keys = Counter((k.engine, k.verdict, k.property, k.blame, k.reason) for k in corpus())
    assert not [key for key, count in keys.items() if count > 1]
