"""The page of a run: one HTML file that holds everything, opens from disk and loads nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from functools import cache
from importlib.resources import files
from pathlib import Path

from jinja2 import Environment, StrictUndefined, Template
from markupsafe import Markup

from gradproof.oracles import draw
from gradproof.oracles.verdict import Kind
from gradproof.reports import compare, matrix, view
from gradproof.reports.history import Cells
from gradproof.reports.record import Record, RecordError, save
from gradproof.reports.trend import trends

BYTES_MAX = 2_000_000
BUDGETS = (
    view.Budget(),
    view.Budget(shown=100, drawn=20, text=6_000),
    view.Budget(shown=40, drawn=8, text=3_000, listed=200, entries=12_000),
    view.Budget(shown=20, drawn=0, text=1_000, listed=50, claims_drawn=False, entries=4_000),
    view.Budget(shown=5, drawn=0, text=400, listed=10, claims_drawn=False, entries=1_000),
)


def render(record: Record, against: Record | None = None, trend: Sequence[Cells] = ()) -> str:
    """The page of a record, under 2 MB; with ``against``, an older record, it opens on what changed since.

    ``trend``: what a history holds of the runs before it and of this one.

    What does not fit is named on the page, never left out in silence. Raises: RecordError if not even the smallest
    page fits.
    """
    for budget in BUDGETS:
        page = _page(record, against, trend, budget)
        if len(page.encode()) < BYTES_MAX:
            return page
    raise RecordError(f"the page would be {len(page.encode()):,} bytes, over {BYTES_MAX:,}: its texts are too long.")


def write(record: Record, path: str | Path, against: Record | None = None, trend: Sequence[Cells] = ()) -> None:
    """Write the page of a record to a file. Raises: RecordError if the path cannot be written."""
    save(path, render(record, against, trend))


def _page(record: Record, against: Record | None, trend: Sequence[Cells], budget: view.Budget) -> str:
    brief = _brief(record, budget)
    shown, listed, unlisted = view.shown_failures(brief, budget)
    disputed = view.shown_disputes(brief, budget)
    data, entries_left_out = view.packed(brief, shown, disputed, budget)
    rows, absent = view.verdict_rows(brief)
    return _template().render(
        record=brief,
        headlines=view.headlines(brief),
        rows=rows,
        absent=absent,
        shown=shown,
        listed=listed,
        unlisted=unlisted,
        undrawn=sum(not item.drawn for item in shown),
        entries_left_out=entries_left_out,
        claim_drawings=view.claim_drawings(brief, budget),
        claim_counts=view.claim_counts(brief.claims),
        comparison=compare.compare(against, record) if against else None,
        changes_max=budget.listed,
        trends=trends(trend),
        disputed=disputed,
        conventions=matrix.conventions(brief),
        share=view.share,
        data=Markup(view.embed(data)),
        style=Markup(_asset("style.css") + draw.STYLE.replace("svg.gp:root", "svg.gp-alone")),
        script=Markup(_asset("script.js")),
    )


def _brief(record: Record, budget: view.Budget) -> Record:
    """The record with the texts of its claims and command cut to the budget; failures are cut one by one."""
    claims = tuple(
        replace(
            claim,
            claim=view.clip(claim.claim, budget.text),
            how=view.clip(claim.how, budget.text),
            figure=view.clip(claim.figure, budget.text),
        )
        for claim in record.claims
    )
    return replace(record, claims=claims, command=view.clip(record.command, budget.text))


@cache
def _template() -> Template:
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters.update(
        svg=Markup,
        number=_number,
        moment=_moment,
        tone=view.tone,
        entry_name=compare.name,
        failure_name=compare.describe,
    )
    environment.globals["Kind"] = Kind
    return environment.from_string(_asset("page.html.j2"))


def _asset(name: str) -> str:
    return (files("gradproof.reports.page") / name).read_text(encoding="utf-8")


def _number(value: float) -> str:
    """A count with its thousands apart, any other number to four digits."""
    return f"{value:,}" if isinstance(value, int) else f"{value:.4g}".replace("e+", "e")


def _moment(created: str) -> str:
    """An ISO time to the minute, in its own zone; any other text as it is."""
    try:
        return datetime.fromisoformat(created).strftime("%Y-%m-%d %H:%M %Z").strip()
    except ValueError:
        return created
