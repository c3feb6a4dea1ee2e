"""The conformance matrix as a page of Markdown: engines, what they do at kinks, modes, and a letter for each op."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from gradproof.oracles.verdict import Kind
from gradproof.reports.record import CASE, EngineInfo, Entry, Record

GRAPH = "graph"
NOT_RUN = ""  # a cell that no run has looked at
ABSENT = "has none"  # as a record says it of a convention
MISSING = "·"  # the engine has no such op, or not in this dtype: nothing was judged
SHOWN = ("float64", "float32", "float16", "bfloat16", "complex128", "complex64")
ROW = "| {} |"


def letter(record: Record, entries: Iterable[Entry]) -> str:
    """The mark of the worst verdict among the entries; a small letter where every failure is declared with its reason.

    An op that the engine claims and declines more often than it answers is ``!``.
    """
    mine = list(entries)
    kinds = [Kind(name) for e in mine for name, count in e.counts.items() if count]
    if not kinds:
        return NOT_RUN
    if any(e.dodged for e in mine):
        return "!"
    failing = [k for k in kinds if k.fails]
    if failing:
        open_ = [k for e in mine for k in record.failing(e)]
        return max(open_, key=lambda k: k.severity).mark if open_ else max(failing, key=lambda k: k.severity).mark.lower()
    decided = [k for k in kinds if k.decided]
    if decided:
        return Kind.AGREE.mark if Kind.AGREE in decided else Kind.SUBGRADIENT.mark
    skipped = [k for k in kinds if k is not Kind.UNSUPPORTED]
    return max(skipped, key=lambda k: k.severity).mark if skipped else MISSING


@dataclass(frozen=True)
class Grid:
    """Entries by engine, property, op and dtype."""

    record: Record
    engines: tuple[EngineInfo, ...]
    cells: Mapping[tuple[str, str, str, str], Entry]

    @staticmethod
    def of(record: Record) -> Grid:
        have = {e.engine for e in record.entries} | {c.engine for c in record.conventions}
        engines = tuple(e for e in record.engines if e.name in have)
        return Grid(record, engines, {(e.engine, e.property, e.op, e.dtype): e for e in record.entries})

    def dtypes(self, engine: str) -> tuple[str, ...]:
        """Those judged of an engine."""
        found = {dtype for name, _, _, dtype in self.cells if name == engine}
        return tuple(d for d in SHOWN if d in found)

    def ops(self) -> tuple[str, ...]:
        """Those looked at anywhere, in the order of the records; random graphs last."""
        found = dict.fromkeys(op for _, _, op, _ in self.cells)
        return tuple(sorted(found, key=lambda op: op == GRAPH))

    def cell(self, engine: str, op: str) -> str:
        """A letter for each dtype that was judged of the engine; one where they are the same."""
        letters = [letter(self.record, [e]) for d in self.dtypes(engine) if (e := self.cells.get((engine, CASE, op, d)))]
        return letters[0] if len(set(letters)) == 1 else "".join(x or "-" for x in letters)

    def counts(self, engine: str) -> Counter[Kind]:
        """Whole cases of an engine, by verdict."""
        found: Counter[Kind] = Counter()
        for e in self.cells.values():
            if e.engine == engine and e.property == CASE:
                found.update({Kind(k): n for k, n in e.counts.items()})
        return found

    def mode(self, engine: str, name: str) -> str:
        """Of a property or mode: how many ops were judged and hold, how many fail; blank where it was not looked at."""
        by_op: dict[str, list[Entry]] = {}
        for (who, of, op, _), e in self.cells.items():
            if who == engine and of == name:
                by_op.setdefault(op, []).append(e)
        letters = Counter(letter(self.record, es) for es in by_op.values())
        judged = sum(n for mark, n in letters.items() if mark not in (NOT_RUN, MISSING, Kind.RANGE.mark, Kind.ILL_CONDITIONED.mark))
        failing = judged - letters[Kind.AGREE.mark] - letters[Kind.SUBGRADIENT.mark]
        return "" if not judged else f"{judged}" if not failing else f"{judged - failing} of {judged}"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Lines of a Markdown table."""
    lines = [ROW.format(" | ".join(head)), "|" + "---|" * len(head)]
    return lines + [ROW.format(" | ".join(x.replace("|", "\\|") for x in row)) for row in rows]


def markdown(record: Record) -> str:
    """The page of a record, which may be of several runs."""
    grid = Grid.of(record)
    names = [e.name for e in grid.engines]
    lines = ["# Conformance matrix", "", *_opening(grid), "", "## Engines", "", *_engines(grid)]
    if record.conventions:
        lines += ["", "## At kinks", "", *_conventions(record)]
    lines += ["", "## Properties and modes", "", *_modes(grid, names), "", "## Ops", "", *_ops(grid, names)]
    return "\n".join(lines) + "\n"


def _opening(grid: Grid) -> list[str]:
    r = grid.record
    judged = sum(n for e in grid.engines for k, n in grid.counts(e.name).items() if k.decided)
    kept = (Kind.AGREE, Kind.SUBGRADIENT, Kind.LOSSY, Kind.NAN_UNTAKEN, Kind.SPEC, Kind.CONTRACT, Kind.CRASHED, Kind.WRONG, Kind.RANGE, Kind.ILL_CONDITIONED)
    marks = ", ".join(f"`{k.mark}` {k.value}" for k in kept)
    measured = (
        f"Measured on {r.created[:10]} by gradproof {r.gradproof}, on the CPU: {len(grid.engines)} engines, {len(grid.ops())} rows, {judged:,} verdicts. "
        "Generated by `gradproof matrix`; do not edit."
    )
    legend = (
        f"A cell is the worst verdict of its cases: {marks}, `{MISSING}` the engine has it not, so nothing was judged, `!` declined more often than "
        "answered, blank not run. A small letter: every failure is declared, with its reason ([CONTRIBUTING](../CONTRIBUTING.md)). Two letters are float64 "
        "and float32, where they differ (complex128 and complex64 on rows of complex numbers). A tick says that so few cases found nothing; what the letters "
        "stand for is told in [FINDINGS](../FINDINGS.md)."
    )
    return [measured, "", legend]


def _engines(grid: Grid) -> list[str]:
    rows = []
    for e in grid.engines:
        counts = grid.counts(e.name)
        mine = [c for (who, of, _, _), c in grid.cells.items() if who == e.name and of == CASE]
        failing = sum(sum(grid.record.failing(c).values()) for c in mine)
        declared = sum(n for k, n in counts.items() if k.fails) - failing
        ops = {c.op for c in mine if c.op != GRAPH and any(n and Kind(k) is not Kind.UNSUPPORTED for k, n in c.counts.items())}
        rows.append((
            e.name, e.version, e.lineage, ", ".join(grid.dtypes(e.name)), str(len(ops)), f"{sum(n for k, n in counts.items() if k.decided):,}",
            str(failing), str(declared), str(counts[Kind.RANGE] + counts[Kind.ILL_CONDITIONED]),
        ))  # fmt: skip
    return table(("engine", "version", "lineage", "dtypes", "ops", "judged", "failing", "declared", "no verdict"), rows)


@dataclass(frozen=True)
class Conventions:
    """What each engine gave at each point, in the order of ``engines``; ``·`` where it has no such op, blank where it was not asked."""

    engines: tuple[str, ...]
    points: tuple[tuple[str, tuple[str, ...]], ...]


def conventions(record: Record) -> Conventions:
    """The conventions at kinks of a record, a row a point."""
    found = {(c.engine, c.name): MISSING if c.found == ABSENT else c.found for c in record.conventions}
    asked = {c.engine for c in record.conventions}
    names = tuple(e.name for e in record.engines if e.name in asked)
    points = tuple(dict.fromkeys(c.name for c in record.conventions))
    return Conventions(names, tuple((p, tuple(found.get((name, p), "") for name in names)) for p in points))


def _conventions(record: Record) -> list[str]:
    told = conventions(record)
    lines = table(("", *told.engines), [(f"`{point}`", *found) for point, found in told.points])
    return ["The gradient that each engine gives for a cotangent of one, measured.", "", *lines]


def _modes(grid: Grid, names: Sequence[str]) -> list[str]:
    found = dict.fromkeys(of for _, of, _, _ in grid.cells if of != CASE)
    rows = [(name, *(grid.mode(engine, name) for engine in names)) for name in found]
    text = "In how many ops (random graphs count as one) each property was judged, and in how many of them it holds; blank where the engine does not offer it, or it was not asked."
    return [text, "", *table(("", *names), rows)]


def _ops(grid: Grid, names: Sequence[str]) -> list[str]:
    rows = [(f"`{op}`" if op != GRAPH else "random graphs", *(grid.cell(engine, op) for engine in names)) for op in grid.ops()]
    return table(("op", *names), rows)
