"""The page of a bench: each workload's ratios with their intervals as bars, and the sweep over parameters as lines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from importlib.resources import files
from typing import Any

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from gradproof.reports.svg import safe_svg

WIDTH, LEFT, LINE = 640, 130, 20
SHOWN_MAX = 10.0  # a ratio beyond is cut off at the edge, its number beside it


def bars(rows: Sequence[Mapping[str, Any]]) -> str:
    """An SVG of backward/forward, an engine a line: the median as a bar, the interval as a whisker, the budget as a rule."""
    timed = [r for r in rows if r.get("backward") and r["backward"][0] is not None]
    if not timed:
        return ""
    budget = float(timed[0]["budget"])
    most = min(SHOWN_MAX, max(budget * 1.2, *(r["backward"][2] or r["backward"][0] for r in timed)))

    def at(x: float) -> float:
        return float(LEFT + (WIDTH - LEFT - 70) * max(0.0, min(x, most)) / most)

    parts = []
    for i, r in enumerate(timed):
        middle, low, high = r["backward"]
        y = LINE * i + LINE / 2
        parts.append(f'<text x="{LEFT - 8}" y="{y + 4}" text-anchor="end" font-size="12" fill="currentColor">{escape(r["engine"])}</text>')
        parts.append(f'<rect x="{LEFT}" y="{y - 5}" width="{at(middle) - LEFT:.1f}" height="10" fill="currentColor" fill-opacity="0.35"/>')
        if low is not None:
            parts.append(f'<path d="M{at(low):.1f} {y}H{at(high):.1f}" stroke="currentColor" stroke-width="2"/>')
        parts.append(f'<text x="{at(high or middle) + 6:.1f}" y="{y + 4}" font-size="12" fill="currentColor">{middle:.2f}</text>')
    height = LINE * len(timed)
    parts.append(f'<path d="M{at(budget):.1f} 0V{height}" stroke="currentColor" stroke-dasharray="3 3"/>')
    return safe_svg(f'<svg viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" role="img">{"".join(parts)}</svg>')


def sweep_lines(rows: Sequence[Mapping[str, Any]], sweep: str) -> str:
    """An SVG of full/forward against the number of parameters, a line an engine."""
    points: dict[str, list[tuple[str, float]]] = {}
    for r in rows:
        if r["sweep"] == sweep and r.get("full") and r["full"][0] is not None:
            points.setdefault(r["engine"], []).append((r["workload"].split()[1].rstrip(","), r["full"][0]))
    sizes = list(dict.fromkeys(size for line in points.values() for size, _ in line))
    if len(sizes) < 2:
        return ""
    high, most = 160, max(v for line in points.values() for _, v in line) * 1.1
    step = (WIDTH - LEFT - 110) / (len(sizes) - 1)

    def place(size: str, value: float) -> tuple[float, float]:
        return LEFT + step * sizes.index(size), high - high * value / most

    parts = [f'<text x="{LEFT + step * i:.0f}" y="{high + 16}" text-anchor="middle" font-size="12" fill="currentColor">{escape(s)}</text>' for i, s in enumerate(sizes)]
    for engine, line in points.items():
        along = " ".join("{:.1f},{:.1f}".format(*place(*p)) for p in line)
        x, y = place(*line[-1])
        parts.append(f'<polyline points="{along}" fill="none" stroke="currentColor" stroke-width="1.5"/>')
        parts.append(f'<text x="{x + 6:.1f}" y="{y + 4:.1f}" font-size="12" fill="currentColor">{escape(engine)} {line[-1][1]:.1f}</text>')
    return safe_svg(f'<svg viewBox="0 0 {WIDTH} {high + 22}" width="{WIDTH}" height="{high + 22}" role="img">{"".join(parts)}</svg>')


def render(record: Mapping[str, Any]) -> str:
    """The page of a bench's record: one file that loads nothing."""
    folder = files("gradproof.reports.page")
    rows = record["rows"]
    drawn = [(name, Markup(bars([r for r in rows if r["workload"] == name])), [r for r in rows if r["workload"] == name])
             for name in dict.fromkeys(r["workload"] for r in rows)]  # fmt: skip
    sweeps = [(name, Markup(sweep_lines(rows, name))) for name in dict.fromkeys(r["sweep"] for r in rows if r["sweep"].startswith("batch"))]
    template = Environment(autoescape=True, undefined=StrictUndefined).from_string(folder.joinpath("bench.html.j2").read_text("utf-8"))
    style = Markup(folder.joinpath("style.css").read_text("utf-8"))
    return template.render(record=record, drawn=drawn, sweeps=sweeps, style=style)
