"""The three worked examples of the source document as graphs, with every number that it prints."""

# ruff: noqa: RUF001 (Greek letters, primes and minus signs, as printed)

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cache
from typing import Any

import flint
import numpy as np

from gradproof.oracles.ball import precision
from gradproof.oracles.draw import draw
from gradproof.oracles.graph import Array, Graph, Leaf, Node
from gradproof.specs.exactly import DecimalBalls, Decimals, Number, differentiate, rational, rounded, text, truncated

BITS = 128
ON_THE_KINK = "z is exactly 0, where any slope in [0, 1] is accepted; 0 is one of them"


@dataclass(frozen=True)
class Digit:
    """A printed number beside the exact one; ``verdict`` is "ticked" (correctly rounded) or "corrected"."""

    name: str
    printed: str
    exact: str
    rounded: str
    verdict: str
    note: str = ""
    wrong: bool = False  # neither rounded nor truncated


@dataclass(frozen=True)
class Printed:
    """A number the document prints: entry ``index`` of the value ``by``, or of the slope of value ``of`` by it."""

    name: str
    printed: str
    by: str
    index: tuple[int, ...] = ()
    of: str = ""
    note: str = ""


@dataclass(frozen=True, eq=False)
class Example:
    """A worked example: its graph in float64, a name for each value, and what is printed of it.

    ``given`` holds leaves that no decimal names (read as exact numbers, where the graph has the nearest float).
    """

    graph: Graph
    names: tuple[str, ...]
    printed: tuple[Printed, ...]
    numbers: Any = Decimals
    given: Mapping[int, Number] = field(default_factory=dict)

    def exactly(self, of: str = "L") -> tuple[dict[str, Array], dict[str, Array]]:
        """Exact values, and exact slopes of ``of``, by name."""
        with precision(BITS):
            values, slopes = differentiate(self.graph, self.names.index(of), self.numbers, self.given)
        return dict(zip(self.names, values, strict=True)), dict(zip(self.names, slopes, strict=True))

    def digits(self) -> tuple[Digit, ...]:
        """Every printed number, ticked or corrected."""
        exact = {of: self.exactly(of) for of in {p.of or "L" for p in self.printed}}
        with precision(BITS):
            return tuple(digit(p, exact[p.of or "L"][bool(p.of)][p.by][p.index]) for p in self.printed)

    def svg(self) -> str:
        """The graph redrawn, with the exact values and the exact slopes of the loss in its boxes."""
        values, slopes = self.exactly()
        shown = {i: floats(values[name]) for i, name in enumerate(self.names)}
        constant = {i for i, leaf in enumerate(self.graph.leaves) if leaf.constant}
        cotangents = {i: floats(slopes[name]) for i, name in enumerate(self.names) if i not in constant}
        return draw(self.graph, values=shown, cotangents=cotangents)


def floats(exact: Array) -> Array:
    """The nearest floats of an array of exact numbers."""
    nearest = [float(v) if isinstance(v, flint.arb) else int(v.p) / int(v.q) for v in exact.flat]
    return np.array(nearest).reshape(exact.shape)


def digit(printed: Printed, exact: Number) -> Digit:
    """A printed number judged: correctly rounded, cut off, or wrong; no tolerance."""
    sign = "+" if printed.printed.startswith("+") else ""
    said = Decimal(printed.printed.replace("−", "-"))
    places = max(-int(said.as_tuple().exponent), 0)
    right = rounded(exact, places)
    ticked = said == right
    cut = not ticked and said == truncated(exact, places)
    note = printed.note if ticked else "cut off, not rounded" if cut else "neither rounded nor cut off"
    return Digit(
        printed.name,
        printed.printed,
        text(exact).replace("-", "−"),
        f"{right if right else abs(right):{sign}f}".replace("-", "−"),
        "ticked" if ticked else "corrected",
        note,
        wrong=not ticked and not cut,
    )


def _leaf(value: Any, constant: bool = False) -> Leaf:
    return Leaf(np.array(value, dtype=np.float64), constant)


def _given(names: Sequence[str], values: str) -> list[Printed]:
    return [Printed(name, value, name) for name, value in zip(names, values.split(), strict=True)]


@cache
def sigma_neuron() -> Example:
    """Claim 1: z = w x + b, a = sigmoid(z), L = (a - y)**2 / 2, with y such that a - y = 0.31."""
    with precision(BITS):
        z = flint.arb(rational(0.84))
        y = 1 / (1 + (-z).exp()) - flint.arb(rational(0.31))
    leaves = (_leaf(1.2), _leaf(0.7), _leaf(0.0), _leaf(float(y), True), _leaf(0.5, True))
    nodes = (
        Node("multiply", (1, 0)),
        Node("add", (5, 2)),
        Node("nn.sigmoid", (6,)),
        Node("subtract", (7, 3)),
        Node("square", (8,)),
        Node("multiply", (4, 9)),
    )
    names = ("x", "w", "b", "y", "1/2", "wx", "z", "a", "a−y", "(a−y)²", "L")
    printed = (
        *_given("xw", "1.20 0.70"),
        Printed("z", "0.84", "z"),
        Printed("a", "0.69", "a"),
        Printed("σ′(z)", "0.21", "z", of="a"),
        Printed("a−y", "0.31", "a−y"),
        Printed("L", "0.05", "L"),
        Printed("∂L/∂x", "0.045", "x", of="L"),
        Printed("∂L/∂z", "0.065", "z", of="L"),
        Printed("∂L/∂a", "0.310", "a", of="L"),
        Printed("∂L/∂L", "1.000", "L", of="L"),
    )
    return Example(Graph(leaves, nodes, (10,)), names, printed, DecimalBalls, {3: y})


NET: dict[str, Any] = {  # the leaves of claim 2
    "x": [1.0, 2.0],
    "W₁": [[0.5, -0.3], [0.2, 0.8], [-0.4, 0.6]],
    "b₁": [0.1, -0.2, 0.0],
    "W₂": [0.3, -0.5, 0.7],
    "b₂": 0.1,
}


def net_graph(dtype: str = "float64", bias_first: bool = False) -> Graph:
    """The 2-3-1 net of claim 2: z = W₁ x + b₁ summed product first or bias first, L = (ŷ - t)**2 / 2."""
    leaves = [Leaf(np.array(value, dtype=dtype)) for value in NET.values()]
    leaves += [Leaf(np.array(1.0, dtype=dtype), True), Leaf(np.array(0.5, dtype=dtype), True)]
    column = [{"key": (slice(None), i)} for i in (0, 1)]
    if bias_first:
        nodes = [
            Node("multiply", (1, 0)),
            Node("getitem", (7,), column[0]),
            Node("add", (2, 8)),
            Node("getitem", (7,), column[1]),
            Node("add", (9, 10)),
        ]
    else:
        nodes = [Node("matmul", (1, 0)), Node("add", (7, 2))]
    z = 6 + len(nodes)
    nodes += [
        Node("nn.relu", (z,)),
        Node("matmul", (3, z + 1)),
        Node("add", (z + 2, 4)),
        Node("subtract", (z + 3, 5)),
        Node("square", (z + 4,)),
        Node("multiply", (6, z + 5)),
    ]
    return Graph(tuple(leaves), tuple(nodes), (z + 6,))


@cache
def net() -> Example:
    """Claim 2: the 2-3-1 net; its first hidden unit sits exactly on the kink of ReLU."""
    names = ("x", "W₁", "b₁", "W₂", "b₂", "t", "1/2", "W₁x", "z", "h", "W₂h", "ŷ", "ŷ−t", "(ŷ−t)²", "L")
    indices: dict[str, list[tuple[int, ...]]] = {
        "x": [(0,), (1,)],
        "W₁": [(i, j) for i in range(3) for j in range(2)],
        "b₁": [(0,), (1,), (2,)],
        "z": [(0,), (1,), (2,)],
        "h": [(0,), (1,), (2,)],
        "W₂": [(0,), (1,), (2,)],
    }
    forward = {
        "x": "1.0 2.0",
        "W₁": "0.50 -0.30 0.20 0.80 -0.40 0.60",
        "W₂": "0.30 -0.50 0.70",
        "b₁": "0.1 -0.2 0.0",
        "z": "0.0 1.6 0.8",
        "h": "0.0 1.6 0.8",
        "b₂": "0.1",
        "ŷ": "-0.14",
        "t": "1.0",
        "L": "0.65",
    }
    backward = {
        "W₂": "0.00 -1.824 -0.912",
        "W₁": "0.000 0.000 +0.570 +1.140 −0.798 −1.596",
        "ŷ": "-1.14",
        "b₂": "-1.14",
        "h": "-0.342 0.570 -0.798",
        "z": "0.000 0.570 −0.798",
        "b₁": "0.000 0.570 -0.798",
    }
    printed = []
    for table, of in ((forward, ""), (backward, "L")):
        for by, row in table.items():
            for index, said in zip(indices.get(by, [()]), row.split(), strict=True):
                entry = by + (f"[{','.join(map(str, index))}]" if index else "")
                kinked = of and by in ("W₁", "z", "b₁") and index[0] == 0
                printed.append(
                    Printed(f"∂L/∂{entry}" if of else entry, said, by, index, of, ON_THE_KINK if kinked else "")
                )
    printed.append(Printed("ReLU′(z[0])", "0", "z", (0,), "h", ON_THE_KINK))
    return Example(net_graph(), names, tuple(printed))


@cache
def chain() -> Example:
    """Claim 3: Lin, ReLU, Lin, and L = (y - t)**2."""
    leaves = (_leaf(2.0), _leaf(0.5), _leaf(0.0), _leaf(2.0), _leaf(-0.5), _leaf(2.0, True))
    nodes = (
        Node("multiply", (1, 0)),
        Node("add", (6, 2)),
        Node("nn.relu", (7,)),
        Node("multiply", (3, 8)),
        Node("add", (9, 4)),
        Node("subtract", (10, 5)),
        Node("square", (11,)),
    )
    names = ("x", "w₁", "b₁", "w₂", "b₂", "t", "w₁x", "z₁", "a", "w₂a", "y", "y−t", "L")
    printed = (
        *_given(["x", "w₁", "b₁", "z₁", "a", "w₂", "b₂", "y", "t", "L"], "2.0 0.5 0.0 1.0 1.0 2.0 −0.5 1.5 2 0.25"),
        Printed("∂L/∂w₁", "−4.0", "w₁", of="L"),
        Printed("∂L/∂z₁", "−2.0", "z₁", of="L"),
        Printed("ReLU′(z₁)", "1", "z₁", of="a"),
        Printed("∂L/∂a", "−2.0", "a", of="L"),
        Printed("∂L/∂w₂", "−1.0", "w₂", of="L"),
        Printed("∂L/∂y", "−1.0", "y", of="L"),
    )
    return Example(Graph(leaves, nodes, (12,)), names, printed)
