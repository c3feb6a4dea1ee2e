"""Comparisons: a worse verdict is a regression; other counts are one only where both runs drew the same cases."""

from dataclasses import replace

import pytest

from gradproof.oracles.verdict import Kind, worst
from gradproof.reports.compare import Comparison, compare
from gradproof.reports.record import Claim, Entry, Failure, Record


def entry(counts: dict[str, int], op: str = "sin", failures: tuple[str, ...] = ()) -> Entry:
    return Entry(
        engine="native", property="vjp", op=op, dtype="float64", counts=counts, verdict=worst(counts), failures=failures
    )


def failure(verdict: Kind = Kind.WRONG, blame: str = "sin", known: str = "", name: str = "f") -> Failure:
    return Failure(
        id=name, engine="native", verdict=verdict, property="vjp", op="graph", dtype="float64", blame=blame, known=known
    )


@pytest.fixture
def base(record: Record) -> Record:
    return replace(record, entries=(), failures=(), claims=())


def between(base: Record, before: dict[str, int], after: dict[str, int]) -> Comparison:
    return compare(replace(base, entries=(entry(before),)), replace(base, entries=(entry(after),)))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"AGREE": 50}, {"AGREE": 49, "WRONG": 1}),
        ({"AGREE": 50}, {"LOSSY": 1}),
        ({"LOSSY": 50}, {"WRONG": 1}),
        ({"UNSUPPORTED": 50}, {"CRASHED": 1}),
        ({"AGREE": 50}, {"UNSUPPORTED": 50}),
        ({"SUBGRADIENT": 5}, {"ILL_CONDITIONED": 5}),
    ],
)
def test_a_worse_verdict_regresses(base: Record, before: dict[str, int], after: dict[str, int]) -> None:
    found = between(base, before, after)
    assert found.is_regression
    assert len(found.regressed) == 1
    assert not found.fixed


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"AGREE": 50}, {"AGREE": 5000}),
        ({"AGREE": 50}, {"AGREE": 49, "ILL_CONDITIONED": 1}),
        ({"AGREE": 50}, {"AGREE": 40, "SUBGRADIENT": 10}),
        ({"AGREE": 49, "WRONG": 1}, {"AGREE": 4000, "WRONG": 900}),  # of other cases: their number is another
        ({"UNSUPPORTED": 50}, {"UNSUPPORTED": 500}),
    ],
)
def test_other_counts_are_no_regression(base: Record, before: dict[str, int], after: dict[str, int]) -> None:
    found = between(base, before, after)
    assert not found.is_regression
    assert str(found) == "no difference"


def test_a_better_verdict_is_fixed(base: Record) -> None:
    assert len(between(base, {"WRONG": 1}, {"AGREE": 50}).fixed) == 1
    assert len(between(base, {"WRONG": 1}, {"LOSSY": 50}).fixed) == 1


def test_a_failure_that_can_no_longer_be_decided_is_neither_fixed_nor_regressed(base: Record) -> None:
    found = between(base, {"WRONG": 1}, {"UNSUPPORTED": 50})
    assert (len(found.regressed), len(found.fixed), len(found.undecided)) == (0, 0, 1)


def test_a_declared_divergence_is_no_regression(base: Record) -> None:
    old = replace(base, entries=(entry({"AGREE": 50}),))
    after = entry({"LOSSY": 1}, failures=("f",))
    declared = replace(base, entries=(after,), failures=(failure(Kind.LOSSY, known="as every framework"),))
    assert not compare(old, declared).is_regression
    assert compare(old, replace(declared, failures=(failure(Kind.LOSSY),))).is_regression


@pytest.mark.parametrize(("kind", "regresses"), [("AGREE", False), ("UNSUPPORTED", False), ("WRONG", True), ("CRASHED", True)])
def test_a_new_entry_that_fails_is_a_regression_and_another_is_only_listed(base: Record, kind: str, regresses: bool) -> None:
    new = replace(base, entries=(entry({kind: 1}, "cos"), entry({"AGREE": 1})))
    found = compare(replace(base, entries=(entry({"AGREE": 1}),)), new)
    assert [e.op for e in found.added] == ["cos"]
    assert found.is_regression is regresses
    assert ("new and failing (1)\n  native cos vjp float64: " in str(found)) is regresses


def test_a_new_entry_whose_divergence_is_declared_is_no_regression(base: Record) -> None:
    declared = failure(Kind.LOSSY, known="as every framework")
    new = replace(base, entries=(entry({"LOSSY": 1}, failures=("f",)),), failures=(declared,))
    assert not compare(base, new).is_regression
    assert "new (1)\n  1 LOSSY (declared)" in str(compare(base, new))
    assert compare(base, replace(new, failures=(failure(Kind.LOSSY),))).is_regression


def test_coverage_that_shrank_is_said_with_what_was_asked_differently_and_is_no_regression(base: Record) -> None:
    old = replace(base, entries=tuple(entry({"AGREE": 1}, op) for op in ("sin", "cos", "tan")))
    found = compare(old, replace(base, seed=7, profile="deep", entries=(entry({"AGREE": 1}),)))
    assert [e.op for e in found.gone] == ["cos", "tan"]
    assert not found.is_regression
    assert str(found).splitlines() == [
        "the runs differ: seed 0 -> 7, profile quick -> deep, ops -2", "coverage shrank: 2 cells gone", "  2 AGREE",
    ]  # fmt: skip


def test_a_comparison_of_thousands_of_entries_is_told_in_forty_lines_the_failing_ones_first(base: Record) -> None:
    ops = [f"op{i:03d}" for i in range(300)]
    worse = tuple(replace(entry({"WRONG": 1}, op), dtype=dtype) for op in ops for dtype in ("float32", "float64"))
    better = tuple(replace(e, counts={"AGREE": 1}, verdict=Kind.AGREE) for e in worse)
    blames = tuple(failure(blame=op, name=op) for op in ops)
    fresh = replace(base, entries=(*worse, *(replace(e, engine="torch") for e in better)), failures=blames, seed=3)
    lines = str(compare(replace(base, entries=better), fresh)).splitlines()
    assert lines[:3] == [
        "the runs differ: seed 0 -> 3, engines +1", "regressed (600)", "  native op000 vjp float32: AGREE -> WRONG, and 1 more",
    ]  # fmt: skip
    assert lines[-2:] == ["new (600)", "  600 AGREE"]
    assert any(line.endswith(" more on the page") for line in lines)
    assert len(lines) <= 40
    everything = replace(base, entries=(*worse, *(replace(e, engine="torch") for e in worse)), failures=blames)
    for one, other in ((base, everything), (everything, base), (everything, replace(base, entries=better))):
        assert len(str(compare(one, other)).splitlines()) <= 40


def test_failures_are_told_apart_by_signature_not_by_id(base: Record) -> None:
    old = replace(base, failures=(failure(name="a"), failure(blame="cos", name="b")))
    new = replace(base, entries=(entry({"AGREE": 1}, "graph"),), failures=(failure(name="z"), failure(blame="tan", name="y"), failure(blame="tan", name="x")))
    found = compare(old, new)
    assert [f.blame for f in found.failures_added] == ["tan"]
    assert [f.blame for f in found.failures_gone] == ["cos"]


def test_the_most_severe_regression_comes_first(base: Record) -> None:
    names = ("a", "b", "c")
    old = replace(base, entries=tuple(entry({"AGREE": 1}, op) for op in names))
    after = [entry({kind: 1}, op) for op, kind in zip(names, ("LOSSY", "WRONG", "CONTRACT"), strict=True)]
    found = compare(old, replace(base, entries=tuple(after)))
    assert [change.new.verdict for change in found.regressed] == [Kind.WRONG, Kind.CONTRACT, Kind.LOSSY]
    assert "native b vjp float64: AGREE -> WRONG" in str(found)


def test_a_claim_that_becomes_wrong_regresses_and_one_that_was_not_run_does_not(base: Record) -> None:
    old = replace(base, claims=(Claim(number=3, claim="chain", verdict="AGREE"), Claim(number=4, claim="tape")))
    wrong = replace(base, claims=(Claim(number=3, claim="chain", verdict="WRONG"), Claim(number=4, claim="tape")))
    unrun = replace(base, claims=(Claim(number=3, claim="chain", verdict="NOT YET SHOWN"),))
    assert [claim.number for claim in compare(old, wrong).claims_regressed] == [3]
    assert compare(old, wrong).is_regression
    assert not compare(old, unrun).is_regression
    assert not compare(old, base).is_regression


def test_a_run_compared_with_itself_shows_no_difference(record: Record) -> None:
    assert str(compare(record, record)) == "no difference"


@pytest.mark.parametrize("kind", ["RANGE", "ILL_CONDITIONED"])
def test_support_that_is_lost_regresses_though_nothing_was_decided(base: Record, kind: str) -> None:
    found = between(base, {kind: 9}, {"UNSUPPORTED": 9})
    assert found.is_regression
    assert str(found).startswith(f"regressed (1)\n  native sin vjp float64: {kind} -> UNSUPPORTED")
    assert between(base, {kind: 9, "UNSUPPORTED": 1}, {"UNSUPPORTED": 9}).is_regression
    assert not between(base, {"UNSUPPORTED": 9}, {kind: 9}).is_regression


@pytest.mark.parametrize(
    ("before", "after", "why"),
    [
        ({"AGREE": 49, "WRONG": 1}, {"AGREE": 47, "WRONG": 3}, "WRONG 1 -> 3 of 50"),
        ({"AGREE": 49, "LOSSY": 1}, {"AGREE": 40, "LOSSY": 10}, "LOSSY 1 -> 10 of 50"),
        ({"WRONG": 5, "AGREE": 45}, {"WRONG": 5, "CONTRACT": 1, "AGREE": 44}, "CONTRACT 0 -> 1 of 50"),
        ({"LOSSY": 5, "AGREE": 45}, {"CONTRACT": 6, "AGREE": 44}, "CONTRACT 0 -> 6 of 50"),
        ({"AGREE": 50}, {"AGREE": 30, "UNSUPPORTED": 20}, "UNSUPPORTED 0 -> 20 of 50"),
    ],
)
def test_of_the_same_cases_more_failures_regress(
    base: Record, before: dict[str, int], after: dict[str, int], why: str
) -> None:
    found = between(base, before, after)
    assert found.exact
    assert [change.why for change in found.regressed] == [why]
    assert not found.fixed
    assert not between(base, after, before).is_regression


@pytest.mark.parametrize(
    ("before", "after"),
    [({"AGREE": 49, "WRONG": 1}, {"AGREE": 47, "WRONG": 3}), ({"AGREE": 50}, {"AGREE": 30, "UNSUPPORTED": 20})],
)
def test_of_other_cases_counts_are_not_compared(base: Record, before: dict[str, int], after: dict[str, int]) -> None:
    old = replace(base, entries=(entry(before),))
    for other in (replace(base, seed=7), replace(base, profile="deep"), replace(base, gradproof="9.9")):
        found = compare(old, replace(other, entries=(entry(after),)))
        assert not found.exact
        assert not found.is_regression


def test_of_other_cases_a_kind_of_failure_that_is_new_regresses(base: Record) -> None:
    old = replace(base, entries=(entry({"AGREE": 40, "WRONG": 10}),))
    found = compare(old, replace(base, seed=7, entries=(entry({"AGREE": 80, "WRONG": 1, "CONTRACT": 1}),)))
    assert [change.why for change in found.regressed] == ["now also CONTRACT"]
    milder = compare(old, replace(base, seed=7, entries=(entry({"AGREE": 80, "LOSSY": 1}),)))
    assert (len(milder.regressed), len(milder.fixed)) == (0, 1)


def test_as_many_failures_with_another_blame_regress_and_fewer_do_not(base: Record) -> None:
    def run(count: int, *failures: Failure) -> Record:
        found = entry({"AGREE": 50 - count, "WRONG": count}, "graph", tuple(f.id for f in failures))
        return replace(base, entries=(found,), failures=failures)

    sine, tanh = failure(name="a"), failure(blame="tanh", name="b")
    assert [change.why for change in compare(run(2, sine), run(2, tanh)).regressed] == ["now blamed: tanh"]
    assert not compare(run(2, sine), run(1, tanh)).is_regression  # it may have been there, unseen behind the other
    assert not compare(run(2, sine, tanh), run(2, tanh)).is_regression
    other = replace(run(2, tanh), seed=1)
    assert not compare(run(2, sine), other).is_regression


def test_more_of_a_declared_divergence_is_no_regression(base: Record) -> None:
    def run(counts: dict[str, int]) -> Record:
        declared = failure(Kind.LOSSY, known="as every framework")
        return replace(base, entries=(entry(counts, failures=("f",)),), failures=(declared,))

    assert not compare(run({"AGREE": 49, "LOSSY": 1}), run({"AGREE": 40, "LOSSY": 10})).is_regression


def test_graphs_drawn_from_other_ops_are_other_graphs(base: Record) -> None:
    def run(wrong: int, **ops: int) -> Record:
        singles = tuple(entry({"AGREE" if asked else "UNSUPPORTED": 5}, op) for op, asked in ops.items())
        return replace(base, entries=(*singles, entry({"AGREE": 50 - wrong, "WRONG": wrong}, "graph")))

    assert compare(run(1, sin=1, cos=1), run(2, sin=1, cos=1)).is_regression
    assert not compare(run(1, sin=1, cos=0), run(2, sin=1, cos=1)).is_regression


def test_a_declared_kind_does_not_cover_another_in_the_same_entry(base: Record) -> None:
    mixed = entry({"AGREE": 40, "LOSSY": 5, "SPEC": 5}, failures=("f",))
    record = replace(base, entries=(mixed,), failures=(failure(Kind.LOSSY, known="as every framework"),))
    assert record.fails(mixed)
    assert record.failing(mixed) == {Kind.SPEC: 5}


def test_a_failure_of_an_op_that_was_not_asked_again_is_not_called_gone(base: Record) -> None:
    old = replace(base, entries=(entry({"WRONG": 1}), entry({"WRONG": 1}, "graph")), failures=(failure(),))
    seen = replace(base, entries=(entry({"AGREE": 1}, "graph"),))
    unasked = replace(base, entries=(entry({"AGREE": 1}),))
    assert len(compare(old, seen).failures_gone) == 1
    assert not compare(old, unasked).failures_gone
