"""The trend of a history, for the page: for each engine, how many ops failed in each of its last runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gradproof.reports.history import Cells

RUNS_MAX = 40
WIDTH, HEIGHT = 16, 48  # of a bar's slot and of the chart
TICK = 2  # the height of a run in which nothing failed: there, and not missing


@dataclass(frozen=True)
class Bar:
    """One run as a bar, with its place in the chart."""

    run: Cells
    x: int
    y: float
    height: float


@dataclass(frozen=True)
class Trend:
    """The last runs of an engine, the oldest first; ``earlier`` more are in the history."""

    engine: str
    bars: tuple[Bar, ...]
    earlier: int

    @property
    def width(self) -> int:
        return WIDTH * len(self.bars)

    @property
    def words(self) -> str:
        """What became of the last run, against the one before it."""
        last = self.bars[-1].run
        now = f"{last.failing} of {last.cells} ops failed in the last run"
        if len(self.bars) == 1:
            return f"{now}, the first in this history."
        before = self.bars[-2].run
        return f"{now}, {before.failing} of {before.cells} in the one before."


def trends(cells: Sequence[Cells]) -> list[Trend]:
    """One trend an engine, in the order in which they first ran."""
    found = []
    for engine in dict.fromkeys(cell.engine for cell in cells):
        mine = [cell for cell in cells if cell.engine == engine]
        shown = mine[-RUNS_MAX:]
        most = max(cell.failing for cell in shown)
        heights = [max(TICK, HEIGHT * cell.failing / most) if most else TICK for cell in shown]
        bars = [Bar(cell, WIDTH * i, HEIGHT - high, high) for i, (cell, high) in enumerate(zip(shown, heights, strict=True))]
        found.append(Trend(engine, tuple(bars), len(mine) - len(shown)))
    return found
