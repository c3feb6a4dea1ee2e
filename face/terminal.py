"""What the commands print: a progress bar, the summary table, and lists. Colours only on a terminal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from gradproof.oracles.judge import K
from gradproof.oracles.modes import MODES
from gradproof.oracles.verdict import Kind
from gradproof.reports.record import CASE, Failure, Record
from gradproof.reports.view import headlines
from gradproof.specs.run import Result, Task

console = Console(highlight=False, soft_wrap=True)
FAILURES_SHOWN = 5


def style(kind: Kind) -> str:
    """The colour of a verdict."""
    if kind is Kind.AGREE or kind is Kind.SUBGRADIENT:
        return "green"
    if not kind.fails:
        return "yellow"
    return "magenta" if kind.declarable else "bold red"


@contextmanager
def progress(tasks: Sequence[Task]) -> Iterator[Callable[[Result], None]]:
    """A bar over the cases of the tasks; only on a terminal, and gone when it ends."""
    bar = Progress(
        TextColumn("{task.description}", justify="left"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("cases"),
        TimeElapsedColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )
    with bar:
        line = bar.add_task("verify", total=sum(t.count for t in tasks))

        def advance(result: Result) -> None:
            bar.update(line, advance=result.task.count, description=f"{result.task.engine} {result.task.op}")

        yield advance


def summary(record: Record, saved: Sequence[Path] = (), notes: Sequence[str] = ()) -> None:
    """The counts of each engine, its failures, the oracles, the claims, ``notes`` of what was left out, and the headline."""
    for failure in record.failures[:FAILURES_SHOWN]:
        _failure(failure)
    left = len(record.failures) - FAILURES_SHOWN
    if left > 0:
        console.print(f"… and {left} more; all are in the page and the record.\n")
    console.print(_counts(record))
    _witnesses(record)
    _modes(record)
    _entries(record)
    _dodged(record)
    for note in notes:
        console.print(note, markup=False)
    shown = sum(c.verdict == Kind.AGREE for c in record.claims)
    if record.claims:
        open_rows = sum(c.verdict == Kind.NOT_YET_SHOWN for c in record.claims)
        console.print(f"claims  {shown} of the document's claims shown, {open_rows} NOT YET SHOWN")
    if saved:
        console.print(f"graphs  {len(saved)} minimal graphs in {saved[0].parent} (gradproof replay FILE)")
    console.print(headline(record))


def _counts(record: Record) -> Table:
    """The verdicts counted: a line for each engine where the terminal is wide enough, else a line for each verdict."""
    kinds = [k for k in Kind if any(k.value in e.counts for e in record.entries if e.property == CASE)]
    heads = ["engine", "cases", *(kind.value for kind in kinds), "worst"]
    lines = []
    for info in record.engines:
        if info.role != "subject":
            continue
        mine = [e for e in record.entries if e.engine == info.name]
        whole = [e for e in mine if e.property == CASE]
        totals = [sum(e.counts.get(kind.value, 0) for e in whole) for kind in kinds]
        name = info.name if info.version == "unknown" else f"{info.name} {info.version}"
        largest = max((e.worst or 0.0 for e in mine), default=0.0)
        cases = sum(sum(e.counts.values()) for e in whole)
        lines.append([name, str(cases), *(str(n) if n else "·" for n in totals), f"{largest:.3g} of {K:g} bounds"])
    styles = [None, None, *(style(kind) for kind in kinds), None]
    widths = [max(map(len, column)) for column in zip(heads, *lines, strict=True)]
    counts = Table(box=None, pad_edge=False)
    if sum(widths) + 2 * (len(widths) - 1) <= console.width:
        for head, colour in zip(heads, styles, strict=True):
            counts.add_column(head, justify="left" if head == "engine" else "right", style=colour or "", no_wrap=True)
        for line in lines:
            counts.add_row(*map(escape, line))
        return counts
    counts.add_column(heads[0])
    for line in lines:
        counts.add_column(escape(line[0]), justify="right", overflow="fold")
    for head, colour, cells in zip(heads[1:], styles[1:], zip(*(line[1:] for line in lines), strict=True), strict=True):
        counts.add_row(head, *cells, style=colour or "")
    return counts


def _failure(failure: Failure) -> None:
    kind = failure.verdict
    head, _, body = failure.message.partition("\n")
    console.print(Text(head, style=style(kind)))
    console.print(body, markup=False)
    seen = f"seen {failure.count} times, {failure.id}"
    console.print(Text(f"  {seen}: known: {failure.known}" if failure.known else f"  {seen}", style="dim"))
    if failure.replay:
        console.print(Text(f"  {failure.replay}", style="dim"))
    console.print()


def _modes(record: Record) -> None:
    """A line for each mode beside the plain reverse one, of each engine."""
    for info in record.engines:
        for mode in MODES:
            counts = Counter[str]()
            for entry in record.entries:
                if entry.engine == info.name and entry.property == mode:
                    counts.update(entry.counts)
            if counts:
                told = ", ".join(f"{counts[kind]} {kind}" for kind in Kind if counts[kind])
                console.print(f"mode    {info.name} {mode}: {told}")


def _witnesses(record: Record) -> None:
    words = [
        f"{o.name} {o.agree}/{o.disagree}/{o.abstain}" for o in record.oracles if o.role == "witness"
    ]
    if words:
        disputes = record.totals.disputes
        disputed = f"; {disputes} passing case{'s' if disputes > 1 else ''} disputed" if disputes else ""
        console.print(f"witness {' · '.join(words)}  (with / against the judge / abstained{disputed})")


def _entries(record: Record) -> None:
    totals = record.totals
    if totals.entries:
        share = 100 * totals.entries_undecided / totals.entries
        console.print(f"entries {totals.entries} of gradients judged, {share:.2g} % without a decision")


def _dodged(record: Record) -> None:
    """The ops that an engine claims to have, and refuses more often than it answers."""
    for entry in record.entries:
        if entry.property == CASE and entry.dodged:
            said = f"refused {entry.engine} {entry.op} {entry.dtype}: {entry.refused} cases, though claimed; {entry.decided} decided"
            console.print(Text(said, style="bold red"))


def _refusing(record: Record) -> str:
    """The op refused most often, where refusals alone make the run fail; else an empty string."""
    dodged = [e for e in record.entries if e.property == CASE and e.dodged]
    if any(f.fails for f in record.failures) or any(c.verdict == Kind.WRONG for c in record.claims):
        return ""
    if not dodged or any(record.failing(e) for e in record.entries):
        return ""
    most = max(dodged, key=lambda e: e.refused)
    more = len({e.op for e in dodged}) - 1
    others = f", and {more} more op{'s' if more > 1 else ''} likewise" if more else ""
    return f"{most.op} refused {most.refused} of {sum(most.counts.values())} cases it claims{others}; "


def headline(record: Record) -> Text:
    """One line: what was judged, what failed, how long it took."""
    totals = record.totals
    failing = sum(engine.failing for engine in headlines(record))
    told = sum(n for k, n in totals.counts.items() if Kind(k).fails) - failing
    declared = f", {told} declared" if told > 0 else ""
    judged = totals.judged
    rate = judged / record.seconds if record.seconds else 0.0
    drawn, without = judged + totals.refused, totals.skipped + totals.refused
    skipped = f"{100 * without / drawn:.2f} %" if drawn else "0"
    sound = record.clean and record.decided
    word = "clean" if sound else "NOTHING JUDGED" if record.clean else "NOT CLEAN"
    if record.interrupted:
        word = f"INTERRUPTED, {word} so far"
    refused = f"refused case by case: {totals.refused}, " if totals.refused else ""
    left = f"{totals.unjudged} left out after the engine hung or died, " if totals.unjudged else ""
    line = (
        f"{word}: {'' if record.clean else _refusing(record)}{failing} failing of {judged} judged ({totals.graphs} graphs){declared}, {skipped} without verdict, {refused}{left}"
        f"in {record.seconds:.1f} s ({rate:.0f} a second)"
    )
    return Text(line, style="bold green" if sound and not record.interrupted else "bold red")


def table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """A plain table; cells are folded where the terminal is narrow, headings never."""
    made = Table(box=None, pad_edge=False)
    for column in columns:
        made.add_column(column, overflow="fold", min_width=len(column))
    for row in rows:
        made.add_row(*map(escape, row))
    console.print(made)


def engine_table(rows: Sequence[Sequence[str]]) -> None:
    """The registered engines."""
    table(("engine", "lineage", "version", "ops", "dtypes"), rows)
