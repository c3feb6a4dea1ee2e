"""JUnit XML: one failure tells of one kind and one blame, with the count it was given."""

from dataclasses import replace
from typing import Any
from xml.etree import ElementTree

import pytest

from gradproof.oracles.verdict import Kind, worst
from gradproof.reports.junit import to_junit
from gradproof.reports.record import Entry, Failure, Record


def failure(name: str, verdict: Kind, blame: str, **more: Any) -> Failure:
    return Failure(
        id=name, engine="torch", verdict=verdict, property="gradient", op="graph", dtype="float64", blame=blame, **more
    )


def entry(counts: dict[str, int], failures: tuple[Failure, ...]) -> Entry:
    names = tuple(f.id for f in failures)
    return Entry(
        engine="torch", property="verdict", op="graph", dtype="float64", counts=counts, verdict=worst(counts), failures=names
    )


def cases(record: Record) -> list[ElementTree.Element]:
    suite = ElementTree.fromstring(to_junit(record))
    found = list(suite)
    assert int(suite.attrib["tests"]) == len(found)
    assert int(suite.attrib["failures"]) == len(suite.findall(".//failure"))
    assert int(suite.attrib["skipped"]) == len(suite.findall(".//skipped"))
    return found


def test_each_kind_and_blame_has_a_failure_of_its_own(record: Record) -> None:
    failures = (
        failure("a", Kind.WRONG, "sin", message="WRONG: torch, sin", count=1200),
        failure("b", Kind.WRONG, "tanh", message="WRONG: torch, tanh"),
        failure("c", Kind.CRASHED, "det", message="CRASHED: torch, det"),
        failure("d", Kind.LOSSY, "exp", message="LOSSY: torch, exp", known="declared"),
    )
    counts = {"AGREE": 5, "WRONG": 1201, "CRASHED": 1, "CONTRACT": 2, "LOSSY": 3}
    found = cases(replace(record, entries=(entry(counts, failures),), failures=failures))
    told = {case.find("failure").attrib["message"]: case.find("failure").text for case in found}  # type: ignore[union-attr]
    assert told == {
        "WRONG, to blame: sin, gradient (seen 1,200 times in the run)": "WRONG: torch, sin",
        "WRONG, to blame: tanh, gradient": "WRONG: torch, tanh",
        "CRASHED, to blame: det, gradient": "CRASHED: torch, det",
        "CONTRACT: 2 of 1212 cases": Kind.CONTRACT.meaning,
    }
    assert all(len(case) == 1 for case in found)
    assert len({case.attrib["name"] for case in found}) == len(found)
    assert found[0].attrib["name"] == "verdict[float64]"


@pytest.mark.parametrize(
    ("counts", "child"), [({"AGREE": 3}, None), ({"RANGE": 3}, "skipped"), ({"UNSUPPORTED": 3}, "skipped")]
)
def test_what_was_not_decided_is_skipped_and_never_passes(record: Record, counts: dict[str, int], child: str | None) -> None:
    (case,) = cases(replace(record, entries=(entry(counts, ()),), failures=()))
    assert [element.tag for element in case] == ([child] if child else [])


def test_characters_that_xml_has_not_are_replaced(record: Record) -> None:
    odd = failure("a", Kind.WRONG, "sin\x00\ud800", message="got \x1b[31m0.5\ufffe <&>")
    (case,) = cases(replace(record, entries=(entry({"WRONG": 1}, (odd,)),), failures=(odd,)))
    assert case.find("failure").text == "got \ufffd[31m0.5\ufffd <&>"  # type: ignore[union-attr]


def test_the_sample_has_one_test_case_an_entry_where_each_fails_in_one_way(record: Record) -> None:
    assert len(cases(record)) == len(record.entries)
