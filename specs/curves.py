"""Loss curves as one drawing: a panel a net, the native engine's as a band, PyTorch's as a line upon it; the loss on a log scale."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape
from xml.sax.saxutils import quoteattr

from gradproof.oracles.draw import STYLE

WIDE, HIGH, LEFT, TOP, BOTTOM, GAP = 250.0, 150.0, 46.0, 24.0, 40.0, 14.0
POINTS = 240  # of a curve: the least and the largest of each stretch of steps
LIMITS = (1e-9, 1e9)


def curves(panels: Sequence[tuple[str, Sequence[float], Sequence[float], str]]) -> str:
    """An SVG text; a panel has a title, two curves, and a line of text below."""
    width = len(panels) * (LEFT + WIDE + GAP)
    body = "".join(f'<g transform="translate({i * (LEFT + WIDE + GAP) + LEFT:.0f} {TOP:.0f})">{_panel(*p)}</g>' for i, p in enumerate(panels))
    height = TOP + HIGH + BOTTOM
    label = "loss curves: " + ", ".join(p[0] for p in panels) + "; the native engine's as a band, PyTorch's as a line"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="gp" role="img" aria-label={quoteattr(label)} '
        f'viewBox="0 0 {width:.0f} {height:.0f}" width="{width:.0f}" height="{height:.0f}"><style>{STYLE}</style>{body}</svg>'
    )


def _panel(title: str, native: Sequence[float], torch: Sequence[float], below: str) -> str:
    low, high = _decades([*native, *torch])
    marks = "".join(
        f'<line class="e" stroke-opacity="0.35" x1="0" x2="{WIDE:.0f}" y1="{y:.1f}" y2="{y:.1f}"/>'
        f'<text class="m" text-anchor="end" x="-6" y="{y + 4:.1f}"><tspan class="m">{10.0**d:g}</tspan></text>'
        for d in range(low, high + 1)
        for y in [HIGH * (high - d) / (high - low)]
    )
    return (
        f'<text x="0" y="-9"><tspan class="o">{escape(title)}</tspan></text>{marks}'
        f'<polyline class="e" stroke-opacity="0.45" style="stroke-width:5" points="{_points(native, low, high)}"/>'
        f'<polyline class="e" style="stroke:var(--graph-ct,#1f5fbf);stroke-width:1.2" points="{_points(torch, low, high)}"/>'
        f'<text x="0" y="{HIGH + 17:.0f}"><tspan class="m">{escape(below)}</tspan></text>'
        f'<text x="0" y="{HIGH + 33:.0f}"><tspan class="m">band native, </tspan><tspan class="c">line PyTorch</tspan></text>'
    )


def _decades(losses: Sequence[float]) -> tuple[int, int]:
    shown = [_held(v) for v in losses]
    low, high = math.floor(math.log10(min(shown))), math.ceil(math.log10(max(shown)))
    return low, max(high, low + 1)


def _held(value: float) -> float:
    """A loss that has a place on the scale."""
    return LIMITS[1] if math.isnan(value) else min(max(value, LIMITS[0]), LIMITS[1])


def _points(losses: Sequence[float], low: int, high: int) -> str:
    stretch = max(1, -(-len(losses) * 2 // POINTS))
    kept: list[int] = []
    for start in range(0, len(losses), stretch):
        steps = range(start, min(start + stretch, len(losses)))
        kept += sorted({min(steps, key=lambda s: _held(losses[s])), max(steps, key=lambda s: _held(losses[s]))})
    x, y = WIDE / max(1, len(losses) - 1), HIGH / (high - low)
    return " ".join(f"{s * x:.1f},{(high - math.log10(_held(losses[s]))) * y:.1f}" for s in kept)
