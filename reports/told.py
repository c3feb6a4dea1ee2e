"""A comparison told in a terminal: one line an op, what fails first, what passes as a count, at most forty lines."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from gradproof.reports.compare import Comparison, describe, name
from gradproof.reports.record import Entry, Record

LINES_MAX = 40
SHARE = 4  # the lines that every list has at least: its title, two of it, and how many are left out


def told(found: Comparison) -> str:
    """What changed; a list too long for the terminal says how much of it is only on the page."""
    gone, added = len(found.gone), len(found.added) - len(found.added_failing)
    passing = [entry for entry in found.added if not found.new.fails(entry)]
    lists = [
        (f"regressed ({len(found.regressed)})", _grouped((_op(c.new), str(c)) for c in found.regressed)),
        (
            f"claims regressed ({len(found.claims_regressed)})",
            [f"claim {claim.number}: AGREE -> {claim.verdict}" for claim in found.claims_regressed],
        ),
        (f"new and failing ({len(found.added_failing)})", _failing(found.added, found.new)),
        (
            f"failures new ({len(found.failures_added)})",
            _grouped(((f.engine, f.blame or f.op), describe(f)) for f in found.failures_added),
        ),
        (f"no longer decided ({len(found.undecided)})", _grouped((_op(c.new), str(c)) for c in found.undecided)),
        (f"fixed ({len(found.fixed)})", _grouped((_op(c.new), str(c)) for c in found.fixed)),
        (
            f"failures not seen again ({len(found.failures_gone)})",
            _grouped(((f.engine, f.blame or f.op), describe(f)) for f in found.failures_gone),
        ),
        (
            f"coverage shrank: {gone} cell{'s' if gone != 1 else ''} gone",
            [*_failing(found.gone, found.old), *_counted(found.gone, found.old)],
        ),
        (f"new ({added})", _counted(passing, found.new)),
    ]
    left = [(title, lines) for title, lines in lists if lines]
    note = [f"the runs differ: {', '.join(found.differ)}"] if found.differ else []
    room = LINES_MAX - len(note)
    out: list[str] = []
    while left:
        title, lines = left.pop(0)
        out += [title, *(f"  {line}" for line in _cut(lines, room - len(out) - SHARE * len(left) - 1))]
    return "\n".join([*note, *(out or ["no difference"])])


def _cut(lines: Sequence[str], room: int) -> list[str]:
    """The first lines, as many as there is room for, the last of them saying how many are missing."""
    if len(lines) <= room:
        return list(lines)
    return [*lines[: room - 1], f"… {len(lines) - room + 1} more on the page"]


def _grouped(items: Iterable[tuple[tuple[str, str], str]]) -> list[str]:
    """One line for each engine and op: its first item, and how many more there are."""
    groups: dict[tuple[str, str], list[str]] = {}
    for key, line in items:
        groups.setdefault(key, []).append(line)
    return [first + (f", and {len(more)} more" if more else "") for first, *more in groups.values()]


def _failing(entries: Sequence[Entry], run: Record) -> list[str]:
    failing = [entry for entry in entries if run.fails(entry)]
    return _grouped((_op(entry), f"{name(entry)}: {entry.verdict}") for entry in failing)


def _counted(entries: Sequence[Entry], run: Record) -> list[str]:
    """The entries that do not fail, counted in one line."""
    counts = Counter(
        entry.verdict + (" (declared)" if run.declared(entry) else "") for entry in entries if not run.fails(entry)
    )
    return [", ".join(f"{n} {kind}" for kind, n in counts.items())] if counts else []


def _op(entry: Entry) -> tuple[str, str]:
    return (entry.engine, entry.op)
