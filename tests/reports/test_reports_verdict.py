"""Verdicts: every one has a meaning, a remedy and its own mark, and only the failing ones change the exit code."""

import pytest

from gradproof.oracles.verdict import Kind, worst


@pytest.mark.parametrize("kind", Kind)
def test_each_verdict_says_what_it_means_and_what_to_do(kind: Kind) -> None:
    assert kind.meaning.endswith(".")
    assert kind.what_to_do.endswith(".")
    assert "\n" not in kind.meaning + kind.what_to_do


def test_marks_and_severities_are_unique() -> None:
    assert len({kind.mark for kind in Kind}) == len({kind.severity for kind in Kind}) == len(Kind)
    assert all(len(kind.mark) == 1 for kind in Kind)


def test_exactly_eight_verdicts_fail_a_run_and_three_of_them_can_be_declared() -> None:
    failing = {"WRONG", "CONTRACT", "CRASHED", "ORACLE", "COST_OVER", "SPEC", "NAN_UNTAKEN", "LOSSY"}
    assert {kind.value for kind in Kind if kind.fails} == failing
    assert {kind.value for kind in Kind if kind.declarable} == {"SPEC", "NAN_UNTAKEN", "LOSSY"}


def test_the_worst_of_several_is_the_most_severe() -> None:
    assert worst(["AGREE", "RANGE", "WRONG", "LOSSY"]) is Kind.WRONG
    assert worst(["AGREE"]) is Kind.AGREE
