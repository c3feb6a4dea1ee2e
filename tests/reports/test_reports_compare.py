"""Comparisons: a worse verdict is a regression, other counts are not."""

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
        ({"AGREE": 49, "WRONG": 1}, {"AGREE": 4000, "WRONG": 900}),
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


def test_new_and_gone_entries_are_listed_and_are_no_regression(base: Record) -> None:
    old = replace(base, entries=(entry({"AGREE": 1}, "sin"),))
    new = replace(base, entries=(entry({"WRONG": 1}, "cos"),))
    found = compare(old, new)
    assert [e.op for e in found.added] == ["cos"]
    assert [e.op for e in found.gone] == ["sin"]
    assert not found.is_regression


def test_failures_are_told_apart_by_signature_not_by_id(base: Record) -> None:
    old = replace(base, failures=(failure(name="a"), failure(blame="cos", name="b")))
    new = replace(base, failures=(failure(name="z"), failure(blame="tan", name="y"), failure(blame="tan", name="x")))
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
