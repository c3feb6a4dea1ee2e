"""What a page must withstand: text that would be markup, drawings that would run, and runs too large to hold."""

import random
from dataclasses import replace

import pytest
from pages import Page, failure

from gradproof.oracles.verdict import Kind
from gradproof.reports import render
from gradproof.reports.record import Failure, Record, RecordError, Vote, Worst
from gradproof.reports.svg import safe_svg

HOSTILE = "</script><b>\"'&amp;{{7*7}}<!--"


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


def test_a_run_with_four_hundred_large_failures_fits_whole_but_for_drawings(record: Record) -> None:
    """Four hundred failures as PyTorch's are: a graph of five nodes, its report, five votes; sizes measured from real runs."""
    rnd = random.Random(0)

    def one(i: int) -> Failure:
        hexes = [float(rnd.random()).hex() for _ in range(60)]
        pretty = "\n".join(f"%{k} = exp(%{k - 1}) {rnd.random()}" for k in range(1, 25))
        return replace(
            failure(i),
            op="graph",
            blame=f"op{i}",
            pretty=pretty,
            message="WRONG: torch\n" + pretty,
            svg=record.failures[0].svg,
            case={"version": 1, "leaves": [{"dtype": "float64", "shape": [60], "data": hexes}], "nodes": []},
            witnesses=tuple(Vote(name=f"w{k}", lineage="x", vote="agree", detail=f"entry {rnd.random()}") for k in range(5)),
            worst=Worst(input="%0", index=(1,), got=str(rnd.random()), expected="0.5", radius="1", bound="1", units=2.0),
        )

    failures = tuple(map(one, range(400)))
    found = replace(record.entries[0], op="graph", counts={"WRONG": 400}, verdict=Kind.WRONG)
    found = replace(found, failures=tuple(f.id for f in failures))
    text = render.render(replace(record, failures=failures, entries=(*record.entries, found)))
    assert len(text.encode()) < render.BYTES_MAX
    page = Page(text)
    told = [tag for tag, attributes in page.tags if tag == "article" and "data-failure" in attributes]
    assert len(told) == 200
    assert sum(f"torch WRONG in op{i} (" in page.words for i in range(400)) == 200  # the others in one line each
