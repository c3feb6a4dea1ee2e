"""The run record: round trip, stable order, refusal of what is damaged or newer, writing whole or not at all."""

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gradproof.oracles.errors import GradproofError
from gradproof.oracles.verdict import Kind
from gradproof.reports.record import Dispute, Entry, Record, RecordError, from_json, read, save, write


def changed(record: Record, **fields: Any) -> str:
    return json.dumps({**json.loads(record.to_json()), **fields})


def test_a_record_survives_the_round_trip(record: Record) -> None:
    assert from_json(record.to_json()) == record


def test_schema_is_the_first_key_and_the_order_is_stable(record: Record) -> None:
    assert next(iter(json.loads(record.to_json()))) == "schema"
    assert from_json(record.to_json()).to_json() == record.to_json()


def test_floats_that_are_not_finite_survive_in_valid_json(record: Record) -> None:
    entry = replace(record.entries[0], worst=math.inf)
    text = replace(record, entries=(entry,)).to_json()
    json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))
    assert from_json(text).entries[0].worst == math.inf


def test_a_newer_schema_is_refused_with_what_to_do(record: Record) -> None:
    with pytest.raises(RecordError, match=r"schema 4.*reads up to 3.*Upgrade"):
        from_json(changed(record, schema=4))


def test_an_error_of_a_record_is_a_gradproof_error() -> None:
    assert issubclass(RecordError, GradproofError)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "not JSON"),
        ("{", "not JSON"),
        ("[]", "not a run record"),
        ('{"schema": 1}', "not a run record"),
        ('{"kind": "gradproof-run"}', "schema is None"),
        ('{"kind": "gradproof-run", "schema": true}', "schema: expected int, found bool"),
        ('{"kind": "gradproof-run", "schema": 1}', "missing"),
    ],
)
def test_damage_is_named(text: str, says: str) -> None:
    with pytest.raises(RecordError, match=says):
        from_json(text, "run.json")


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"seed": "0"}, "seed: expected int, found str"),
        ({"seed": True}, "seed: expected int, found bool"),
        ({"surprise": 1}, "surprise: no such field"),
        ({"entries": [{"engine": "x"}]}, r"entries\[0\]: missing"),
        ({"totals": {"counts": {"SPLENDID": 1}}}, "totals.counts: no verdict is named 'SPLENDID'"),
        ({"platform": {"python": 3, "system": ""}}, "platform.python: expected str, found int"),
        ({"failures": [None]}, r"failures\[0\]: expected an object"),
    ],
)
def test_damage_is_located(record: Record, fields: dict[str, Any], says: str) -> None:
    with pytest.raises(RecordError, match=says):
        from_json(changed(record, **fields))


def test_a_missing_file_is_one_line_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(RecordError, match=r"cannot read .*No such file.*--json"):
        read(tmp_path / "none.json")


def test_an_unwritable_path_is_one_line_and_leaves_nothing(record: Record, tmp_path: Path) -> None:
    with pytest.raises(RecordError, match=r"cannot write .*Name a file"):
        write(record, tmp_path / "no" / "run.json")
    with pytest.raises(RecordError, match="cannot write"):
        save(tmp_path, "text")
    assert list(tmp_path.iterdir()) == []


def test_a_written_record_is_read_back(record: Record, tmp_path: Path) -> None:
    write(record, tmp_path / "run.json")
    assert read(tmp_path / "run.json") == record
    assert [path.name for path in tmp_path.iterdir()] == ["run.json"]


def test_a_declared_divergence_does_not_fail_the_run_and_an_undeclared_one_does(record: Record) -> None:
    lossy = next(e for e in record.entries if e.verdict is Kind.LOSSY)
    assert not record.fails(lossy)
    assert record.declared(lossy)
    bare = replace(record, failures=tuple(replace(f, known="") for f in record.failures))
    assert bare.fails(lossy)


def test_a_wrong_gradient_cannot_be_declared_away(record: Record) -> None:
    excused = replace(record, failures=tuple(replace(f, known="we like it") for f in record.failures))
    wrong = next(e for e in record.entries if e.verdict is Kind.WRONG)
    assert excused.fails(wrong)
    assert not excused.clean


def test_a_record_of_agreement_is_clean(record: Record) -> None:
    entry = Entry(engine="native", property="vjp", op="sin", dtype="float64", counts={"AGREE": 9}, verdict=Kind.AGREE)
    assert replace(record, entries=(entry,), failures=()).clean


def test_a_record_of_schema_1_is_read_and_written_as_schema_3(record: Record) -> None:
    old = json.loads(record.to_json())
    old["schema"] = 1
    del old["disputed"]
    old["totals"] = {name: old["totals"][name] for name in ("cases", "graphs", "judged", "skipped", "counts")}
    found = from_json(json.dumps(old))
    assert found.schema == 3
    assert (found.disputed, found.totals.entries, found.totals.entries_undecided) == ((), 0, 0)
    assert found.entries == record.entries


def test_disputes_and_entries_survive_the_round_trip(record: Record) -> None:
    one = Dispute(engine="native", verdict=Kind.AGREE, op="sin", dtype="float64", witness="duals", case={"version": 1})
    full = replace(record, disputed=(one,), totals=replace(record.totals, entries=100, entries_undecided=3))
    assert from_json(full.to_json()) == full


@pytest.mark.parametrize("text", ["[" * 100_000, '{"kind": "gradproof-run", "schema": ' + "9" * 5000 + "}"])
def test_what_python_cannot_read_is_damage_too(text: str) -> None:
    with pytest.raises(RecordError, match=r"run\.json is damaged"):
        from_json(text, "run.json")


def test_a_number_beyond_all_floats_is_damage(record: Record) -> None:
    with pytest.raises(RecordError, match="seconds: a whole number of 1329 bits"):
        from_json(changed(record, seconds=10**400))
