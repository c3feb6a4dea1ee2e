"""JUnit XML of a run, for a CI that shows test results: one test case an entry, one more for each further way it fails."""

from __future__ import annotations

from collections import Counter
from xml.etree import ElementTree as xml

from gradproof.oracles.verdict import Kind
from gradproof.reports.record import Entry, Failure, Record

# XML 1.0 has no way to write these, escaped or not
CONTROLS = {code: "\ufffd" for code in (*range(0x20), 0xFFFE, 0xFFFF, *range(0xD800, 0xE000)) if code not in (9, 10, 13)}


def to_junit(record: Record) -> str:
    """The record as JUnit XML. An entry that fails in several ways is several test cases: readers show one failure each."""
    suite = xml.Element("testsuite", name="gradproof", time=f"{record.seconds:.2f}")
    failed = skipped = 0
    for entry in record.entries:
        name = f"{entry.property}[{entry.dtype}]"
        told = _told(record, entry) if record.fails(entry) else []
        case = _case(suite, entry, name, entry.seconds)
        for i, (message, text) in enumerate(told):
            case = case if i == 0 else _case(suite, entry, f"{name} {message}", 0.0)
            xml.SubElement(case, "failure", message=_text(message)).text = _text(text)
        failed += len(told)
        if not told and not entry.decided:
            skipped += 1
            xml.SubElement(case, "skipped", message=entry.verdict.value)
    suite.set("tests", str(len(suite)))
    suite.set("failures", str(failed))
    suite.set("skipped", str(skipped))
    return xml.tostring(suite, encoding="unicode", xml_declaration=True) + "\n"


def _case(suite: xml.Element, entry: Entry, name: str, seconds: float) -> xml.Element:
    group = _text(f"gradproof.{entry.engine}.{entry.op}")
    return xml.SubElement(suite, "testcase", classname=group, name=_text(name), time=f"{seconds:.3f}")


def _told(record: Record, entry: Entry) -> list[tuple[str, str]]:
    """Message and text of each failure of an entry; a kind of which no graph was kept has a message alone."""
    counts: Counter[Kind] = record.failing(entry)
    mine = [failure for failure in record.failures_of(entry) if failure.fails]
    found = [(_message(failure), failure.message) for failure in mine]
    total = sum(entry.counts.values())
    if entry.dodged:
        refused = f"refused case by case: {entry.refused} of {total} cases, {entry.decided} decided"
        found.append((refused, "The engine claims to have this op, and refuses it more often than it answers."))
    for kind in sorted(set(counts) - {failure.verdict for failure in mine}, key=lambda kind: -kind.severity):
        found.append((f"{kind}: {counts[kind]} of {total} cases", kind.meaning))
    return found or [(entry.verdict.value, entry.verdict.meaning)]


def _message(failure: Failure) -> str:
    blamed = f", to blame: {failure.blame}" if failure.blame else ""
    seen = f" (seen {failure.count:,} times in the run)" if failure.count > 1 else ""
    return f"{failure.verdict}{blamed}, {failure.property}{seen}"


def _text(text: str) -> str:
    return text.translate(CONTROLS)
