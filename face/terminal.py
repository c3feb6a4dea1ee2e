"""What the commands print: a progress bar, the summary table, and lists. Colours only on a terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from gradproof.oracles.verdict import Kind
from gradproof.reports.record import CASE, Failure, Record
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


def summary(record: Record, saved: Sequence[Path] = ()) -> None:
    """The counts of each engine, its failures, the oracles, the claims, and the headline."""
    kinds = [k for k in Kind if any(k.value in e.counts for e in record.entries if e.property == CASE)]
    counts = Table(title=None, box=None, pad_edge=False)
    counts.add_column("engine")
    counts.add_column("cases", justify="right")
    for kind in kinds:
        counts.add_column(kind.value, justify="right", style=style(kind))
    counts.add_column("worst", justify="right")
    for info in record.engines:
        if info.role != "subject":
            continue
        mine = [e for e in record.entries if e.engine == info.name]
        whole = [e for e in mine if e.property == CASE]
        row = [f"{info.name} {info.version}", str(sum(sum(e.counts.values()) for e in whole))]
        for kind in kinds:
            total = sum(e.counts.get(kind.value, 0) for e in whole)
            row.append(str(total) if total else "·")
        largest = max((e.worst or 0.0 for e in mine), default=0.0)
        row.append(f"{largest:.3g} B")
        counts.add_row(*row)
    for failure in record.failures[:FAILURES_SHOWN]:
        _failure(failure)
    left = len(record.failures) - FAILURES_SHOWN
    if left > 0:
        console.print(f"… and {left} more; all are in the page and the record.\n")
    console.print(counts)
    _witnesses(record)
    shown = sum(c.verdict == Kind.AGREE for c in record.claims)
    if record.claims:
        open_rows = sum(c.verdict == Kind.NOT_YET_SHOWN for c in record.claims)
        console.print(f"claims  {shown} of the document's claims shown, {open_rows} NOT YET SHOWN")
    if saved:
        console.print(f"graphs  {len(saved)} minimal graphs in {saved[0].parent} (gradproof replay FILE)")
    console.print(headline(record))


def _failure(failure: Failure) -> None:
    kind = failure.verdict
    head, _, body = failure.message.partition("\n")
    console.print(Text(head, style=style(kind)))
    console.print(body, markup=False)
    seen = f"seen {failure.count} times, {failure.id}"
    console.print(Text(f"  {seen}: known: {failure.known}" if failure.known else f"  {seen}", style="dim"))
    console.print()


def _witnesses(record: Record) -> None:
    words = [
        f"{o.name} {o.agree}/{o.disagree}/{o.abstain}" for o in record.oracles if o.role == "witness"
    ]
    if words:
        console.print(f"witness {' · '.join(words)}  (with / against the judge / abstained)")


def headline(record: Record) -> Text:
    """One line: what was judged, what failed, how long it took."""
    totals = record.totals
    failing = sum(n for k, n in totals.counts.items() if Kind(k).fails)
    judged = totals.judged
    rate = judged / record.seconds if record.seconds else 0.0
    skipped = f"{100 * totals.skipped / judged:.2f} %" if judged else "0"
    word = "clean" if record.clean else "NOT CLEAN"
    if record.interrupted:
        word = f"INTERRUPTED, {word} so far"
    line = (
        f"{word}: {failing} failing of {judged} judged ({totals.graphs} graphs), {skipped} without verdict, "
        f"in {record.seconds:.1f} s ({rate:.0f} a second)"
    )
    return Text(line, style="bold green" if record.clean and not record.interrupted else "bold red")


def table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """A plain table."""
    made = Table(box=None, pad_edge=False, title=None)
    for column in columns:
        made.add_column(column, overflow="fold")
    for row in rows:
        made.add_row(*map(escape, row))
    console.print(made)


def engine_table(rows: Sequence[Sequence[str]]) -> None:
    """The registered engines."""
    table("Engines", ("engine", "lineage", "version", "ops", "dtypes"), rows)


def op_table(rows: Sequence[tuple[str, str, str, str]], engine: str | None) -> None:
    """The catalogue."""
    columns = ("family", "op", "kinks") + ((engine,) if engine else ())
    table("Ops", columns, [row if engine else row[:3] for row in rows])


