"""A graph as a self-contained SVG: leaves at the top, outputs at the bottom, values and cotangents in the boxes.

Colours are CSS custom properties (``--graph-ink``, …) with fallbacks: a page may set them; alone, the drawing follows
the reader's light or dark scheme.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Any

import numpy as np

from gradproof.oracles.graph import FLOAT_NAMES, Graph, Leaf, Node
from gradproof.oracles.layout import Place, arrange

Values = Mapping[int, Any] | Sequence[Any] | None
Span = tuple[str, str]  # class, text
Line = tuple[Span, ...]

NODES_MAX = 300
WIDTH_CHARS_MAX = 46
CHAR, LINE, PAD = 7.4, 16.0, 9.0
GAP_X, GAP_Y, MARGIN = 22.0, 34.0, 6.0

STYLE = """
svg.gp{font:12px ui-monospace,"SF Mono",Menlo,Consolas,"DejaVu Sans Mono",monospace}
svg.gp text{fill:var(--graph-ink,#1d2127);white-space:pre}
.gp .b{fill:var(--graph-box,#fff);stroke:var(--graph-line,#aab1bb)}
.gp .leaf{fill:var(--graph-leaf,#eef2f7)}
.gp .const{stroke-dasharray:4 3}
.gp .out{stroke:var(--graph-ink,#1d2127);stroke-width:1.5}
.gp .bad{fill:var(--graph-bad-box,#fdecea);stroke:var(--graph-bad,#b3261e);stroke-width:2}
.gp .e{fill:none;stroke:var(--graph-edge,#7b8490);stroke-width:1.2}
.gp .h{fill:var(--graph-edge,#7b8490)}
svg.gp .m{fill:var(--graph-muted,#626b77)}
svg.gp .o{font-weight:700}
svg.gp .c{fill:var(--graph-ct,#1f5fbf)}
svg.gp .r{fill:var(--graph-bad,#b3261e);font-weight:700}
@media (prefers-color-scheme:dark){svg.gp:root{color-scheme:dark;background:#15181d;--graph-ink:#e6e9ee;--graph-box:#1d2128;
--graph-line:#4a525e;--graph-leaf:#232a34;--graph-edge:#8a93a0;--graph-muted:#9aa3b0;--graph-ct:#8ab4f8;
--graph-bad:#ff8a80;--graph-bad-box:#3a1f1f}}
""".replace("\n", "")


@dataclass
class Box:
    """What is drawn for a leaf or a node: its lines of text and its class."""

    style: str
    lines: list[Line]
    parents: tuple[int, ...] = ()
    full: str = ""
    place: Place = field(default_factory=Place)

    @property
    def width(self) -> float:
        """Wide enough for its longest line."""
        return max(_length(line) for line in self.lines) * CHAR + 2 * PAD

    @property
    def height(self) -> float:
        """High enough for all its lines."""
        return len(self.lines) * LINE + 2 * PAD - 4


def draw(graph: Graph, values: Values = None, cotangents: Values = None, highlight: int | None = None) -> str:
    """The graph as an SVG text, in boxes whose text never leaves them.

    ``values`` and ``cotangents`` give arrays by value id (a mapping, or a sequence of all values in order, None where
    unknown); leaves show their own data. ``highlight`` is the value id of the node to blame.

    >>> from gradproof.oracles.graph import Graph, Leaf, Node
    >>> draw(Graph((Leaf(np.array(2.0)),), (Node("exp", (0,)),), (1,))).startswith("<svg")
    True
    """
    if len(graph.nodes) > NODES_MAX:
        return _notice(f"{len(graph.nodes)} nodes: too many to draw (at most {NODES_MAX}). Reduce the graph first.")
    boxes = _boxes(graph, _lookup(values), _lookup(cotangents), highlight)
    if not boxes:
        return _notice("an empty graph")
    sizes = [(box.width, box.height) for box in boxes]
    places, edges, width, height = arrange(sizes, [box.parents for box in boxes], GAP_X, GAP_Y)
    for box, place in zip(boxes, places, strict=True):
        box.place = place
    body = [_edge(points) for points in edges] + [_box(box) for box in boxes]
    ops = ", ".join(node.op for node in graph.nodes[:12])
    return _svg(width + 2 * MARGIN, height + 2 * MARGIN, f"graph of {len(graph.nodes)} nodes: {ops}", body)


def _boxes(graph: Graph, values: Mapping[int, Any], cotangents: Mapping[int, Any], highlight: int | None) -> list[Box]:
    """A box for each leaf and node, in order, with its parents as box numbers."""
    outputs = {value: i for i, value in reversed(list(enumerate(graph.outputs)))}
    boxes = [
        _leaf_box(i, leaf, _tags([i], outputs, highlight), cotangents.get(i)) for i, leaf in enumerate(graph.leaves)
    ]
    owner = list(range(len(graph.leaves)))
    for value, node in graph.numbered():
        owner += [len(boxes)] * node.results
        ids = list(range(value, value + node.results))
        lines = [*_tags(ids, outputs, highlight), _title(ids, node), *_params(node)]
        for i in ids:
            lines += _data(values.get(i), "") + _data(cotangents.get(i), "ct")
        style = "b bad" if highlight in ids else "b out" if set(ids) & set(outputs) else "b"
        params = ", ".join(f"{name}={item!r}" for name, item in node.params.items())
        parents = tuple(owner[operand] for operand in node.operands)
        boxes.append(Box(style, lines, parents, f"{node.op}({params})"))
    return boxes


def _leaf_box(value: int, leaf: Leaf, tags: list[Line], cotangent: Any) -> Box:
    word = "constant" if leaf.constant else "input"
    title: Line = (("m", f"%{value} "), ("o", word))
    style = "b leaf" + " const" * leaf.constant
    style += " bad" * any(span == ("r", "BLAMED") for line in tags for span in line)
    return Box(style, [*tags, title, *_data(leaf.data, ""), *_data(cotangent, "ct")])


def _tags(ids: Sequence[int], outputs: Mapping[int, int], highlight: int | None) -> list[Line]:
    """Small headings above the title: blamed, and which outputs."""
    spans: list[Span] = [("r", "BLAMED")] if highlight in ids else []
    spans += [("m", f"OUTPUT {outputs[i]}") for i in ids if i in outputs]
    return [tuple((style, f" {text}" if i else text) for i, (style, text) in enumerate(spans))] if spans else []


def _title(ids: Sequence[int], node: Node) -> Line:
    shown = ", ".join(f"%{operand}" for operand in node.operands[:6]) + ", …" * (len(node.operands) > 6)
    names = ", ".join(f"%{i}" for i in ids[:3]) + ", …" * (len(ids) > 3)
    return ("m", f"{names} "), ("o", _clip(node.op, 28)), ("m", f"({shown})")


def _params(node: Node) -> list[Line]:
    text = ", ".join(f"{name}={_param(item)}" for name, item in node.params.items())
    return [(("m", _clip(text, WIDTH_CHARS_MAX)),)] if text else []


def _param(item: Any) -> str:
    if isinstance(item, slice):
        parts = ["" if part is None else str(part) for part in (item.start, item.stop, item.step)]
        return ":".join(parts if item.step is not None else parts[:2])
    if isinstance(item, tuple):
        return "(" + ", ".join(map(_param, item)) + ("," if len(item) == 1 else "") + ")"
    return "..." if item is Ellipsis else repr(item)


def _data(value: Any, label: str) -> list[Line]:
    """The lines of one array: its type, then the numbers if they are few, else their range."""
    if value is None:
        return []
    array = np.asarray(value)
    style = "c" if label else ""
    rows = _rows(array)
    if label:
        indent = " " * (len(label) + 1)
        return [((style, (f"{label} " if i == 0 else indent) + row),) for i, row in enumerate(rows)]
    return [(("m", _type(array)),), *(((style, row),) for row in rows)]


def _rows(array: Any) -> list[str]:
    """Compact numbers: a scalar, a short row, a small matrix row by row; else the least and the greatest."""
    if array.ndim <= 1 and array.size <= 5 and array.size:
        return [_clip(_row(array), WIDTH_CHARS_MAX)]
    if array.ndim == 2 and 0 < array.shape[0] <= 4 and 0 < array.shape[1] <= 4:
        cells = [[_number(item) for item in row] for row in array]
        width = max(len(cell) for row in cells for cell in row)
        return [_clip("  ".join(cell.rjust(width) for cell in row), WIDTH_CHARS_MAX) for row in cells]
    if not array.size:
        return ["empty"]
    flat = array.ravel()
    finite = flat[np.isfinite(flat)] if array.dtype.kind in "fiub" or array.dtype.name == "bfloat16" else flat[:0]
    text = f"{_number(finite.min())} … {_number(finite.max())}" if finite.size else f"{array.size} entries"
    odd = flat.size - finite.size
    return [_clip(text + (f", {odd} not finite" if odd and finite.size else ""), WIDTH_CHARS_MAX)]


def _row(array: Any) -> str:
    return _number(array[()]) if array.ndim == 0 else "[" + ", ".join(_number(item) for item in array) + "]"


def _number(item: Any) -> str:
    if isinstance(item, float | np.floating):
        return f"{float(item):.5g}"
    return str(item)


def _type(array: Any) -> str:
    short = {**FLOAT_NAMES, "int64": "i64", "int32": "i32", "bool": "bool"}
    return f"{short.get(array.dtype.name, array.dtype.name)}[{', '.join(map(str, array.shape))}]"


def _lookup(values: Values) -> Mapping[int, Any]:
    if values is None:
        return {}
    return values if isinstance(values, Mapping) else dict(enumerate(values))


def _clip(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: limit - 1] + "…"


def _length(line: Line) -> int:
    return sum(len(text) for _, text in line)


def _box(box: Box) -> str:
    x, y = box.place.x - box.width / 2 + MARGIN, box.place.y + MARGIN
    radius = 12 if "leaf" in box.style else 5
    rect = (
        f'<rect class="{box.style}" x="{x:.1f}" y="{y:.1f}" width="{box.width:.1f}" height="{box.height:.1f}" '
        f'rx="{radius}"/>'
    )
    lines = [_text(line, x + PAD, y + PAD + 8 + i * LINE) for i, line in enumerate(box.lines)]
    title = f"<title>{_xml(box.full)}</title>" if box.full else ""
    return f"<g>{title}{rect}{''.join(lines)}</g>"


def _text(line: Line, x: float, y: float) -> str:
    """One line; where its characters may be wider than the font's own, it is set to the length it was given."""
    plain = all(text.isascii() or set(text) <= _SAFE for _, text in line)
    fit = "" if plain else f' textLength="{_length(line) * CHAR:.1f}" lengthAdjust="spacingAndGlyphs"'
    spans = "".join(
        f'<tspan class="{style}">{_xml(text)}</tspan>' if style else f"<tspan>{_xml(text)}</tspan>"
        for style, text in line
    )
    return f'<text x="{x:.1f}" y="{y:.1f}"{fit} xml:space="preserve">{spans}</text>'


_SAFE = {chr(code) for code in range(32, 127)} | {"…"}


def _edge(points: Sequence[tuple[float, float]]) -> str:
    """A smooth line through the points, all downwards, with an arrow head at its end."""
    moved = [(x + MARGIN, y + MARGIN) for x, y in points]
    (x, y), last = moved[0], moved[-1]
    path = [f"M{x:.1f} {y:.1f}"]
    for i, (to_x, to_y) in enumerate(moved[1:], start=1):
        end_y = to_y - 5 if i == len(moved) - 1 else to_y
        middle = (y + end_y) / 2
        path.append(f"C{x:.1f} {middle:.1f} {to_x:.1f} {middle:.1f} {to_x:.1f} {end_y:.1f}")
        x, y = to_x, to_y
    head = f"M{last[0] - 3.5:.1f} {last[1] - 7:.1f}h7l-3.5 7z"
    return f'<path class="e" d="{"".join(path)}"/><path class="h" d="{head}"/>'


def _notice(text: str) -> str:
    return _svg(_length((("", text),)) * CHAR + 2 * PAD, LINE + 2 * PAD, text, [_text((("m", text),), PAD, PAD + 12)])


def _svg(width: float, height: float, label: str, body: Iterable[str]) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="gp" role="img" aria-label="{_xml(label)}" '
        f'viewBox="0 0 {width:.0f} {height:.0f}" width="{width:.0f}" height="{height:.0f}">'
        f"<style>{STYLE}</style>{''.join(body)}</svg>"
    )


def _xml(text: str) -> str:
    """Escaped, and without the control characters and surrogates that XML cannot hold."""
    kept = "".join(
        c if c >= " " and not 0xD800 <= ord(c) <= 0xDFFF and c not in "\ufffe\uffff" else "\ufffd" for c in text
    )
    return escape(kept, quote=True)
