"""The page as text: self-contained, escaped, under 2 MB, and honest about what it leaves out."""

import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from gradproof.oracles.verdict import Kind
from gradproof.reports import render
from gradproof.reports.record import Entry, Failure, Record, RecordError, Worst
from gradproof.reports.svg import safe_svg

HOSTILE = "</script><b>\"'&amp;{{7*7}}<!--"


class Page(HTMLParser):
    """The elements of a page, its text outside scripts and styles, and the data in it."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words = ""
        self.scripts: list[str] = []
        self._in = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag in ("script", "style"):
            self._in = tag
        if tag == "script":
            self.scripts.append("")

    def handle_endtag(self, tag: str) -> None:
        if tag == self._in:
            self._in = ""

    def handle_data(self, data: str) -> None:
        if self._in == "script":
            self.scripts[-1] += data
        elif not self._in:
            self.words += data

    @property
    def data(self) -> dict[str, Any]:
        return dict(json.loads(self.scripts[0]))


@pytest.fixture
def page(record: Record) -> Page:
    return Page(render.render(record))


def failure(number: int, size: int = 0) -> Failure:
    svg = f'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><text>{"x" * size}</text></svg>'
    return Failure(
        id=f"f{number}",
        engine="torch",
        verdict=Kind.WRONG,
        property="vjp",
        op="sin",
        dtype="float64",
        blame="sin",
        svg=svg,
        message="m" * size,
        pretty="p" * size,
        case={"data": "d" * size},
        replay="gradproof replay f.json",
    )


def test_the_page_loads_nothing(record: Record, page: Page) -> None:
    loading = {"src", "srcset", "action", "formaction", "poster", "background", "xlink:href"}
    for tag, attributes in page.tags:
        assert not loading & set(attributes)
        assert tag not in ("iframe", "object", "embed", "base", "img")
        assert str(attributes.get("href", "#")).startswith(("#", "data:,"))
    text = render.render(record)
    assert not re.search(r"url\(|@import|fetch\(|XMLHttpRequest|WebSocket", text)
    assert "default-src 'none'" in text


def test_the_headline_counts_what_is_wrong_and_what_is_not_agree(page: Page) -> None:
    words = " ".join(page.words.split())
    assert "native: 0 wrong of" in words
    assert "torch: 37 wrong of" in words
    assert "39 cases fail the run." in words
    assert "UNSUPPORTED" in words


def test_each_verdict_that_occurred_has_its_meaning_and_what_to_do(record: Record, page: Page) -> None:
    for kind in {Kind(name) for entry in record.entries for name in entry.counts}:
        assert kind.meaning in page.words
        assert kind.what_to_do in page.words


def test_oracles_claims_and_worked_examples_are_shown(record: Record, page: Page) -> None:
    for oracle in record.oracles:
        assert oracle.lineage in page.words
    for claim in record.claims:
        assert claim.claim in page.words
    assert "15 NOT YET SHOWN" in page.words
    assert ("s", {}) in page.tags  # a printed number struck out beside its correction
    assert "truncated, not rounded" in page.words


def test_a_failure_shows_graph_worst_entry_votes_and_replay(record: Record, page: Page) -> None:
    wrong = record.failures[0]
    assert wrong.worst
    for text in (wrong.worst.got, wrong.worst.expected, wrong.replay, "not holomorphic", wrong.pretty, "BLAMED"):
        assert text in page.words
    assert "1.477e13" in page.words


def test_hostile_text_is_shown_and_never_becomes_markup(record: Record) -> None:
    bad = replace(
        failure(0),
        id=HOSTILE,
        op=HOSTILE,
        blame=HOSTILE,
        message=HOSTILE,
        pretty=HOSTILE,
        replay=HOSTILE,
        case={HOSTILE: HOSTILE},
        worst=Worst(input=HOSTILE, index=(), got=HOSTILE, expected="", radius="", bound="", units=2.0),
        svg=f"<svg><script>alert(1)</script><text>{HOSTILE.replace('<', '&lt;').replace('&amp;', '')}</text></svg>",
    )
    entry = replace(record.entries[0], engine=HOSTILE, op=HOSTILE, property=HOSTILE, failures=(HOSTILE,))
    hostile = replace(
        record,
        entries=(entry,),
        failures=(bad,),
        command=HOSTILE,
        created=HOSTILE,
        claims=tuple(replace(c, claim=HOSTILE) for c in record.claims),
    )
    text = render.render(hostile, record)
    page = Page(text)
    assert not [tag for tag, _ in page.tags if tag == "b"]
    assert len(page.scripts) == 2
    assert page.words.count(HOSTILE) > 8
    assert page.data["ops"] == [HOSTILE]
    assert "alert(1)" not in text


def test_a_drawing_from_a_record_cannot_load_or_run_anything() -> None:
    svg = (
        '<svg xmlns="http://www.w3.org/2000/svg" onload="x()"><script>x()</script><style>@import "a"</style>'
        '<foreignObject/><image href="http://a"/><a href="javascript:x()"><rect/></a>'
        '<rect fill="url(http://a)" style="background:URL(//a)" stroke="url(#g)" width="3"/></svg>'
    )
    assert safe_svg(svg) == '<svg><rect stroke="url(#g)" width="3"/></svg>'
    assert safe_svg("<svg") == safe_svg("<p/>") == safe_svg('<!DOCTYPE svg [<!ENTITY a "b">]><svg>&a;</svg>') == ""


def test_a_large_run_stays_under_the_limit_and_says_what_is_not_drawn(record: Record) -> None:
    many = replace(record, failures=tuple(failure(i, 19_000) for i in range(300)))
    text = render.render(many)
    words = " ".join(Page(text).words.split())
    assert len(text.encode()) < render.BYTES_MAX
    assert "not drawn, to keep this file under 2 MB" in words
    assert "Told in one line each" in words
    assert "more characters in the run record" in words


def test_even_the_largest_run_fits(record: Record) -> None:
    entries = tuple(replace(record.entries[0], op=f"op{i}" + "x" * 60) for i in range(30_000))
    many = replace(record, entries=entries, failures=tuple(failure(i, 3_000) for i in range(5_000)))
    text = render.render(many)
    assert len(text.encode()) < render.BYTES_MAX
    assert "left out of the matrix" in text


def test_a_page_that_cannot_fit_is_refused(record: Record) -> None:
    with pytest.raises(RecordError, match="over 2,000,000"):
        render.render(replace(record, profile="x" * 2_500_000))


def test_a_usual_page_is_a_tenth_of_the_limit(record: Record) -> None:
    assert len(render.render(record).encode()) < 0.15 * render.BYTES_MAX


def test_the_page_opens_on_what_changed(record: Record) -> None:
    old = replace(
        record,
        entries=tuple(
            replace(e, verdict=Kind.AGREE, counts={"AGREE": 1}) if e.verdict is Kind.WRONG else e
            for e in record.entries
        ),
    )
    words = " ".join(Page(render.render(record, old)).words.split()).partition("Skip to the results")[2]
    assert words.index("1 regression") < words.index("37 wrong of")
    assert "No regression" in Page(render.render(record, record)).words


def test_an_interrupted_run_and_an_empty_one_say_so(record: Record) -> None:
    empty = replace(record, interrupted=True, entries=(), failures=(), claims=(), engines=(), oracles=())
    words = Page(render.render(empty)).words
    assert "interrupted" in words
    assert "Nothing was judged" in words


def test_an_engine_without_a_judged_case_is_not_praised(record: Record) -> None:
    entry = Entry(
        engine="native",
        property="vjp",
        op="sin",
        dtype="float64",
        counts={"UNSUPPORTED": 5},
        verdict=Kind.UNSUPPORTED,
    )
    words = Page(render.render(replace(record, entries=(entry,), failures=()))).words
    assert "Nothing was judged." in words
    assert "Nothing fails the run" not in words


def test_the_page_is_written_and_an_unwritable_path_refused(record: Record, tmp_path: Path) -> None:
    render.write(record, tmp_path / "page.html")
    assert (tmp_path / "page.html").read_text(encoding="utf-8").startswith("<!doctype html>")
    with pytest.raises(RecordError, match="cannot write"):
        render.write(record, tmp_path / "no" / "page.html")
