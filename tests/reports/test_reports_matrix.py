"""The matrix: letters, what is missing, and the records of several environments as one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from gradproof.oracles.verdict import Kind
from gradproof.reports.matrix import conventions, markdown
from gradproof.reports.merge import merged
from gradproof.reports.record import CASE, Convention, EngineInfo, Entry, Failure, Platform, Record, RecordError
from gradproof.reports.render import render


def entry(op: str, counts: dict[str, int], dtype: str = "float64", engine: str = "one", prop: str = CASE, **more: Any) -> Entry:
    kinds = [Kind(k) for k in counts]
    return Entry(engine=engine, property=prop, op=op, dtype=dtype, counts=counts, verdict=max(kinds, key=lambda k: k.severity), **more)


def failure(identity: str, kind: Kind, known: str = "", engine: str = "one") -> Failure:
    return Failure(id=identity, engine=engine, verdict=kind, property="gradient", op="sin", dtype="float64", known=known)


def made(*entries: Entry, engine: str = "one", version: str = "1.0", seed: int = 0, **more: Any) -> Record:
    info = EngineInfo(name=engine, lineage=engine, version=version)
    return Record(
        created="2026-11-24T12:00:00+00:00", gradproof="0.1.0", seed=seed, platform=Platform(python="3.12", system="Linux", packages={"numpy": "2"}),
        engines=(info,), entries=entries, **more,
    )  # fmt: skip


def cell(record: Record, op: str, column: int = 1) -> str:
    """The text of a cell of the table of ops."""
    line = next(x for x in reversed(markdown(record).splitlines()) if x.startswith(f"| `{op}` |"))
    return line.strip("| ").split("|")[column].strip() if column < len(line.split("|")) - 1 else ""


@pytest.mark.parametrize(
    ("counts", "letter"),
    [
        ({"AGREE": 3}, "✓"),
        ({"AGREE": 3, "SUBGRADIENT": 1}, "✓"),
        ({"SUBGRADIENT": 1}, "S"),
        ({"AGREE": 9, "WRONG": 1}, "W"),
        ({"RANGE": 2}, "R"),
        ({"UNSUPPORTED": 4}, "·"),
        ({"AGREE": 2, "UNSUPPORTED": 1}, "✓"),
    ],
)
def test_a_cell_is_its_worst_verdict(counts: dict[str, int], letter: str) -> None:
    assert cell(made(entry("sin", counts)), "sin") == letter


def test_what_is_not_there_is_never_a_tick() -> None:
    record = made(entry("sin", {"UNSUPPORTED": 4}), entry("cos", {"UNSUPPORTED": 4}, refused=4), entry("tan", {"AGREE": 1}))
    assert [cell(record, op) for op in ("sin", "cos", "tan")] == ["·", "!", "✓"]


def test_two_dtypes_are_two_letters_where_they_differ() -> None:
    record = made(entry("sin", {"AGREE": 1}), entry("sin", {"WRONG": 1}, "float32"), entry("cos", {"AGREE": 1}), entry("cos", {"AGREE": 1}, "float32"))
    assert (cell(record, "sin"), cell(record, "cos")) == ("✓W", "✓")


def test_a_declared_failure_is_a_small_letter_until_one_is_not() -> None:
    told = failure("f001", Kind.LOSSY, "The rule is 1 - tanh².")
    declared = made(entry("sin", {"LOSSY": 1}, failures=("f001",)), failures=(told,))
    assert cell(declared, "sin") == "l"
    both = made(entry("sin", {"LOSSY": 2}, failures=("f001", "f002")), failures=(told, failure("f002", Kind.LOSSY)))
    assert cell(both, "sin") == "L"


def test_the_number_of_failing_cases_is_told_apart_from_declared_ones() -> None:
    told = failure("f001", Kind.LOSSY, "The rule is 1 - tanh².")
    text = markdown(made(entry("sin", {"LOSSY": 1, "AGREE": 4}, failures=("f001",)), failures=(told,)))
    assert "| one | 1.0 | one | float64 | 1 | 5 | 0 | 1 | 0 |" in text


def test_records_of_two_environments_are_columns_side_by_side() -> None:
    two = made(entry("sin", {"WRONG": 1}, engine="two", failures=("f001",)), engine="two", failures=(failure("f001", Kind.WRONG, engine="two"),))
    both = merged([made(entry("sin", {"AGREE": 3})), two])
    assert [e.name for e in both.engines] == ["one", "two"]
    assert (cell(both, "sin", 1), cell(both, "sin", 2)) == ("✓", "W")
    assert (both.totals.cases, both.totals.counts) == (4, {"AGREE": 3, "WRONG": 1})
    assert both.failures_of(both.entries[1])[0].engine == "two"
    assert render(both)


def test_an_engine_of_two_versions_is_two_engines() -> None:
    both = merged([made(entry("sin", {"WRONG": 1}), version="1.0"), made(entry("sin", {"AGREE": 1}), version="2.0")])
    assert [e.name for e in both.engines] == ["one 1.0", "one 2.0"]
    assert (cell(both, "sin", 1), cell(both, "sin", 2)) == ("W", "✓")


def test_other_seeds_are_added_and_the_same_seed_is_replaced() -> None:
    first, again, other = (made(entry("sin", {"WRONG": 1, "AGREE": 1}, failures=("f001",)), failures=(failure("f001", Kind.WRONG),)),
                           made(entry("sin", {"AGREE": 2})), made(entry("sin", {"AGREE": 5}), seed=1))  # fmt: skip
    assert merged([first, other]).entries[0].counts == {"AGREE": 6, "WRONG": 1}
    whole = merged([first, again, other])
    assert whole.entries[0].counts == {"AGREE": 7}
    assert (whole.failures, whole.entries[0].failures) == ((), ())  # repaired: the failure of the first run is no longer one


def test_ids_of_failures_stay_apart() -> None:
    one = made(entry("sin", {"WRONG": 1}, failures=("f001",)), failures=(failure("f001", Kind.WRONG),))
    two = made(entry("cos", {"CRASHED": 1}, failures=("f001",)), seed=1, failures=(failure("f001", Kind.CRASHED),))
    whole = merged([one, two])
    assert [f.id for f in whole.failures] == ["f001", "f002"]
    assert {e.op: [f.verdict for f in whole.failures_of(e)] for e in whole.entries} == {"sin": [Kind.WRONG], "cos": [Kind.CRASHED]}


def test_conventions_are_shown_and_blank_where_nobody_asked() -> None:
    asked = made(entry("abs", {"AGREE": 1}), conventions=(Convention(engine="one", name="abs'(0)", found="0"), Convention(engine="one", name="std", found="has none")))
    both = merged([asked, made(entry("abs", {"AGREE": 1}, engine="two"), engine="two", conventions=(Convention(engine="two", name="abs'(0)", found="1"),))])
    told = conventions(both)
    assert told.engines == ("one", "two")
    assert told.points == (("abs'(0)", ("0", "1")), ("std", ("·", "")))
    assert "At kinks" in render(both)


def test_modes_are_counted_by_op() -> None:
    name = "reverse over reverse"
    entries = [entry("sin", {"AGREE": 1}, prop=name), entry("cos", {"WRONG": 1}, prop=name), entry("tan", {"UNSUPPORTED": 1}, prop=name)]
    assert f"| {name} | 1 of 2 |" in markdown(made(*entries))


def test_nothing_to_merge_is_refused() -> None:
    with pytest.raises(RecordError, match="Give the files"):
        merged([])


def test_one_record_merged_keeps_its_verdicts(record: Record) -> None:
    whole = merged([record])
    assert {e.key: e.counts for e in whole.entries} == {e.key: dict(sorted(e.counts.items())) for e in record.entries}
    assert replace(whole, entries=(), failures=(), totals=record.totals, oracles=record.oracles).engines == record.engines
