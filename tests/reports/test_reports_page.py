"""The page as text: self-contained, and honest about what it says and leaves out."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
from pages import Page, failure

from gradproof.oracles.verdict import Kind
from gradproof.reports import render, view
from gradproof.reports.history import History
from gradproof.reports.record import Dispute, Entry, Record, RecordError


@pytest.fixture
def page(record: Record) -> Page:
    return Page(render.render(record))


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
    assert "native: 0 failing of" in words
    assert re.search(r"torch: 39 failing of [\d,]+ judged, 37 WRONG", words)
    assert "39 cases fail the run." in words
    assert "UNSUPPORTED" in words


@pytest.mark.parametrize(
    ("kind", "known", "headline"),
    [
        ("AGREE", "", "0 failing of 110 judged"),
        ("CRASHED", "", "33 failing of 110 judged"),
        ("CONTRACT", "", "33 failing of 110 judged"),
        ("WRONG", "", "33 failing of 110 judged, 33 WRONG"),
        ("LOSSY", "", "33 failing of 110 judged"),
        ("LOSSY", "as every framework", "0 failing of 110 judged"),
    ],
)
def test_the_headline_is_red_with_every_case_that_fails_the_run(
    record: Record, kind: str, known: str, headline: str
) -> None:
    told = replace(failure(0), engine="native", verdict=Kind(kind), known=known, count=33)
    entry = Entry(
        engine="native", property="verdict", op="sin", dtype="float64", verdict=Kind(kind), failures=(told.id,),
        counts={"AGREE": 77, kind: 33} if kind != "AGREE" else {"AGREE": 110},
    )  # fmt: skip
    failures = () if kind == "AGREE" else (told,)
    alone = replace(record, entries=(entry,), failures=failures, engines=record.engines[:1])
    text = render.render(alone)
    head = " ".join(Page(text.partition('<section class="head"')[2].partition("<p class=\"sub\"")[0]).words.split())
    assert head.endswith(f"native: {headline}")
    assert ('<span class="bad-text">33 failing</span>' in text) is headline.startswith("33")


def test_one_case_that_nothing_declares_is_one_failing_case_among_declared_ones(record: Record) -> None:
    known = replace(failure(0), engine="native", verdict=Kind.LOSSY, known="as every framework", count=32)
    new = replace(failure(1), engine="native", verdict=Kind.LOSSY, count=1)
    entry = Entry(
        engine="native", property="verdict", op="graph", dtype="float64", verdict=Kind.LOSSY, failures=(known.id, new.id),
        counts={"AGREE": 77, "LOSSY": 33},
    )  # fmt: skip
    alone = replace(record, entries=(entry,), failures=(known, new), engines=record.engines[:1])
    assert alone.failing(entry) == {Kind.LOSSY: 1}


def test_a_card_tells_the_reason_and_cuts_one_that_holds_a_whole_array(record: Record) -> None:
    crash = replace(failure(0), verdict=Kind.CRASHED, reason="the engine raised ValueError: <b>no</b>" + "9" * 5000)
    page = Page(render.render(replace(record, failures=(crash,))))
    assert "Reason: the engine raised ValueError: <b>no</b>999" in page.words
    assert "9" * 2001 not in page.words


def test_the_changes_open_on_new_entries_that_fail_and_on_coverage_that_shrank(record: Record) -> None:
    crashed = replace(record.entries[0], op="fresh", counts={"CRASHED": 1}, verdict=Kind.CRASHED)
    words = words_of(replace(record, entries=(*record.entries[3:], crashed)), record)
    assert "1 regression" in words
    assert "New and failing (1) native fresh" in words
    assert "They differ: ops +1. Coverage shrank: 3 cells are gone." in words


def test_how_many_graphs_an_op_is_blamed_in_is_told_only_where_no_single_op_shares_the_failure(record: Record) -> None:
    def blamed(*ops: str) -> list[list[int]]:
        crash = replace(failure(0), engine="native", op="sin", blame="sin", verdict=Kind.CRASHED, count=38)
        found = [replace(e, failures=(crash.id,) if e.op in ops else ()) for e in record.entries]
        data = Page(render.render(replace(record, entries=tuple(found), failures=(crash,)))).data
        kinds = [row[0] for row in data["kinds"]]
        return [[data["ops"][op], count, kinds[kind]] for _, op, count, kind in data["blamed"]]

    assert blamed("graph") == [["sin", 38, "CRASHED"]]
    assert blamed("graph", "sin") == [["sin", 0, "CRASHED"]]
    assert blamed("sin") == []


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
    assert "CUDA path: not yet run on a GPU" in page.words
    assert ("s", {}) in page.tags  # a printed number struck out beside its correction
    assert "truncated, not rounded" in page.words


def test_a_failure_shows_graph_worst_entry_votes_and_replay(record: Record, page: Page) -> None:
    wrong = record.failures[0]
    assert wrong.worst
    for text in (wrong.worst.got, wrong.worst.expected, wrong.replay, "not holomorphic", wrong.pretty, "BLAMED"):
        assert text in page.words
    assert "1.477e13" in page.words


def test_the_page_opens_on_what_changed(record: Record) -> None:
    old = replace(
        record,
        entries=tuple(
            replace(e, verdict=Kind.AGREE, counts={"AGREE": 1}) if e.verdict is Kind.WRONG else e
            for e in record.entries
        ),
    )
    words = " ".join(Page(render.render(record, old)).words.split()).partition("Skip to the results")[2]
    assert words.index("1 regression") < words.index("39 failing of")
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


def words_of(record: Record, against: Record | None = None) -> str:
    return " ".join(Page(render.render(record, against)).words.split())


def test_a_disputed_pass_is_told_with_its_graph_its_witness_and_a_replay_of_the_file_it_offers(record: Record) -> None:
    one = Dispute(
        engine="torch",
        verdict=Kind.AGREE,
        op="linalg.det",
        dtype="float32",
        witness="duals",
        detail="120.7 against 0.0",
        case={"version": 1},
        pretty="%1 = linalg.det(%0)",
        seed=4,
        index=17,
    )
    disputed = replace(record, disputed=(one,), totals=replace(record.totals, disputes=3))
    words = words_of(disputed)
    for text in ("duals ✗ against the judge: 120.7 against 0.0", one.pretty, "seed 4, case 17", "Of 3, 1 are told here"):
        assert text in words
    assert "gradproof replay disputed-1.json --engine torch" in words
    assert Page(render.render(disputed)).data["disputed"] == [['{\n "version": 1\n}', "disputed-1.json"]]
    by_engine = words_of(replace(disputed, disputed=(replace(one, witness="native"),)))
    assert "gradproof replay disputed-1.json --engine native" in by_engine  # what that witness answers
    assert "--engine native" not in words
    assert "Disputed" not in words_of(record)
    assert "None disputes a case that passed." in words_of(record)


def test_the_share_of_entries_without_a_decision_stands_beside_what_was_skipped(record: Record) -> None:
    totals = replace(record.totals, entries=20_000, entries_undecided=150, unjudged=7)
    words = words_of(replace(record, totals=totals))
    assert "Gradient entries20,000" in words
    assert "Entries without a decision150 (0.75 %)" in words
    assert "7 more cases were left out after an engine hung or died" in words
    assert "without a decision" not in words_of(record)
    one = replace(record, totals=totals, entries=tuple(e for e in record.entries if e.engine == "native"))
    one = replace(one, engines=record.engines[:1])
    assert re.search(r"Skipped \S+\s%\. 0\.75\s% of the gradient entries looked at have no decision\.", words_of(one))


def test_what_little_there_is_is_not_shown_as_nothing() -> None:
    found = [view.share(*counts) for counts in ((0, 9), (1, 10**6), (1, 3), (0, 0))]
    assert found == ["0\u00a0%", "under 0.01\u00a0%", "33\u00a0%", "0\u00a0%"]


def test_witnesses_vote_with_or_against_the_judge(record: Record) -> None:
    words = words_of(record)
    assert "With the judgeAgainst the judgeAbstained" in words
    assert "differences none: forward values only✓ with" in words
    assert "jax✗ againstgives 0.06513" in words
    assert "✓ agree" not in words


def test_the_page_says_which_document_the_claims_are_of_and_what_shows_them(record: Record) -> None:
    assert "The source document is “Backpropagation”" in words_of(record)
    assert "Whatever engine this run judged, the claims are shown with the native one." in words_of(record)


def test_a_known_wrong_is_not_called_declared(record: Record) -> None:
    known = replace(failure(0), known="the square overflows")
    words = words_of(replace(record, failures=(known,)))
    assert "WRONG, declared" not in words
    assert "Known difference, which fails the run all the same: the square overflows" in words


def test_a_failure_says_how_often_it_was_seen_by_the_count_it_was_given(record: Record) -> None:
    assert "Seen 1,234 times in this run" in words_of(replace(record, failures=(replace(failure(0), count=1234),)))


def test_the_page_says_whether_counts_were_compared_and_why_an_entry_is_worse(record: Record) -> None:
    def run(wrong: int, seed: int = 0) -> Record:
        found = replace(record.entries[0], counts={"AGREE": 50 - wrong, "WRONG": wrong}, verdict=Kind.WRONG)
        return replace(record, entries=(found,), failures=(), seed=seed)

    same = words_of(run(3), run(1))
    assert "they are the same cases" in same
    assert "WRONG 1 -> 3 of 50" in same
    other = words_of(run(3, seed=1), run(1))
    assert "The runs drew other cases" in other
    assert "No regression" in other


def test_the_trend_shows_each_engine_through_the_runs_of_a_history(record: Record, tmp_path: Path) -> None:
    history = History(tmp_path / "runs.db")
    for day in range(1, 46):
        history.add(replace(record, created=f"2026-03-{day % 28 + 1:02d}T{day // 28:02d}:00:00+00:00", seed=day))
    page = Page(render.render(record, None, history.cells()))
    words = " ".join(page.words.split())
    assert "torch 3 of 97 ops failed in the last run, 3 of 97 in the one before. 5 earlier runs are not shown." in words
    assert "native 0 of 97 ops failed in the last run" in words
    assert len([tag for tag, found in page.tags if tag == "g" and found.get("class") in ("well", "worse")]) == 2 * 40
    assert "Trend" not in words_of(record)
