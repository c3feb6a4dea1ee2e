"""JUnit XML of a run, for a CI that shows test results: one test case an entry."""

from __future__ import annotations

from xml.etree import ElementTree as xml

from gradproof.reports.record import Record


def to_junit(record: Record) -> str:
    """The record as JUnit XML: failing entries as failures with the reports of their graphs."""
    failures = {f.id: f for f in record.failures}
    suite = xml.Element("testsuite", name="gradproof", time=f"{record.seconds:.2f}")
    failed = skipped = 0
    for entry in record.entries:
        case = xml.SubElement(
            suite,
            "testcase",
            classname=f"gradproof.{entry.engine}.{entry.op}",
            name=f"{entry.property}[{entry.dtype}]",
            time=f"{entry.seconds:.3f}",
        )
        if record.fails(entry):
            failed += 1
            texts = [failures[i].message for i in entry.failures if i in failures]
            xml.SubElement(case, "failure", message=entry.verdict.value).text = "\n\n".join(texts)
        elif not entry.decided:
            skipped += 1
            xml.SubElement(case, "skipped", message=entry.verdict.value)
    suite.set("tests", str(len(record.entries)))
    suite.set("failures", str(failed))
    suite.set("skipped", str(skipped))
    return xml.tostring(suite, encoding="unicode", xml_declaration=True) + "\n"
