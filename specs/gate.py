"""No vacuous pass: what a whole run must have drawn and compared, or it has shown nothing.

A cell is an op, a property and a dtype. A run that never drew a case for a cell, or drew some and compared nothing, looks
green; these functions name such cells, so that a suite can fail on them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from gradproof.oracles.verdict import Kind
from gradproof.specs.properties import PROPERTIES
from gradproof.specs.run import GRAPH, Result


@dataclass(frozen=True, order=True)
class Cell:
    """An op (or ``graph``), a property and a dtype, of which a run says nothing; and why."""

    op: str
    property: str
    dtype: str
    why: str

    def __str__(self) -> str:
        return f"{self.op} x {self.property} x {self.dtype}: {self.why}"


def empty_cells(results: Iterable[Result], ops: Sequence[str], dtypes: Sequence[str]) -> list[Cell]:
    """The cells of these ops (and of random graphs) that no case was drawn for, or none of whose cases was compared.

    An op that the engine declares unsupported has no cells: it is counted and shown elsewhere. One that it claims to have,
    and refuses case by case, has them.
    """
    found: dict[tuple[str, str, str], Counter[Kind]] = {}
    unsupported: set[tuple[str, str]] = set()
    for result in results:
        op, dtype = result.task.op, result.task.dtype
        if not result.refused and result.overall.total() == result.overall[Kind.UNSUPPORTED] > 0:
            unsupported.add((op, dtype))
        for name, counts in result.counts.items():
            found.setdefault((op, name, dtype), Counter()).update(counts)
    cells = []
    for op in (*ops, GRAPH):
        for dtype in dtypes:
            if (op, dtype) in unsupported:
                continue
            for row in PROPERTIES:
                counts = found.get((op, row.name, dtype), Counter())
                if not counts.total():
                    cells.append(Cell(op, row.name, dtype, "never drawn"))
                elif not any(n and kind.decided for kind, n in counts.items()):
                    cells.append(Cell(op, row.name, dtype, f"nothing compared in {counts.total()} cases"))
    return cells


def idle_properties(results: Iterable[Result]) -> list[str]:
    """Properties that made no comparison at all."""
    counts: dict[str, Counter[Kind]] = {}
    for result in results:
        for name, kinds in result.counts.items():
            counts.setdefault(name, Counter()).update(kinds)
    return [
        row.name
        for row in PROPERTIES
        if not any(n and kind.decided for kind, n in counts.get(row.name, Counter()).items())
    ]
