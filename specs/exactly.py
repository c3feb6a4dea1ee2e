"""Numbers as they are printed: a graph evaluated and differentiated with every decimal taken at its word.

A float leaf is read as the shortest decimal that names it (0.3 is 3/10), so nothing here is rounded; where a function
leaves the rationals, numbers are balls. Every value gets a tangent of its own, so one forward pass over duals gives the
slope of a result by every value on the way, with no reverse sweep to trust.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Context, Decimal, localcontext
from fractions import Fraction
from typing import Any

import flint
import numpy as np

from gradproof.oracles.catalogue import op
from gradproof.oracles.dual import Dual
from gradproof.oracles.graph import Array, Graph, Node, evaluate
from gradproof.oracles.meaning import NUMPY, SCALARS
from gradproof.oracles.scalar import ArbField

Number = Any  # flint.fmpq, or flint.arb where no rational will do
SIGNIFICANT = 10  # digits shown of a number that has no short decimal


def rational(x: Any) -> flint.fmpq:
    """A number as the decimal that names it.

    >>> rational(0.3)
    3/10
    """
    if isinstance(x, flint.fmpq):
        return x
    decimal = Fraction(repr(x))
    return flint.fmpq(decimal.numerator, decimal.denominator)


class Decimals:
    """The field of rationals, entered by decimals; functions that leave it are missing on purpose."""

    number = staticmethod(rational)

    @staticmethod
    def real(x: flint.fmpq) -> flint.fmpq:
        return x


class DecimalBalls(ArbField):
    """Balls, entered by decimals."""

    @staticmethod
    def number(x: Any) -> flint.arb:
        return x if isinstance(x, flint.arb) else flint.arb(rational(x))


def differentiate(
    graph: Graph, of: int, field: Any = Decimals, given: Mapping[int, Number] | None = None
) -> tuple[list[Array], list[Array]]:
    """Every value of the graph, and the slope of the sum of value ``of`` by each of their entries, exactly.

    ``given`` replaces scalar leaves by numbers that no decimal names. At a tie the second operand of ``maximum`` is taken,
    so a relu at 0 has slope 0 (convention C4).

    >>> from gradproof.oracles.graph import Graph, Leaf, Node
    >>> cube = Graph((Leaf(np.array(0.1)),), (Node("square", (0,)), Node("multiply", (0, 1))), (2,))
    >>> [slope.item() for slope in differentiate(cube, 2)[1]]
    [3/100, 1/10, 1]
    """
    given = given or {}
    shapes = [
        np.shape(v)
        for v in evaluate(graph, lambda n, xs: op(n.op).meaning(NUMPY, *xs, **n.params), [x.data for x in graph.leaves])
    ]
    starts = np.cumsum([0, *(int(np.prod(s, dtype=int)) for s in shapes)]).tolist()
    none = np.array([field.number(0)] * starts[-1], dtype=object)
    done: list[Array] = []

    def dual(x: Any) -> Dual:
        return x if type(x) is Dual else Dual(field, field.number(x), none, [])

    def marked(result: Any) -> Array:
        """A copy of a value in which each entry moves with a tangent of its own."""
        out = np.empty(np.shape(result), dtype=object)
        start = starts[len(done)]
        for i, x in enumerate(map(dual, np.asarray(result, dtype=object).ravel())):
            tangent = x.tangent.copy()
            tangent[start + i] += 1
            out.reshape(-1)[i] = Dual(field, x.value, tangent, x.log)
        done.append(out)
        return out

    def call(node: Node, operands: list[Any]) -> Array:
        return marked(op(node.op).meaning(SCALARS, *operands, **node.params))

    leaves = []
    for i, leaf in enumerate(graph.leaves):
        numbers = [given[i]] if i in given else leaf.data.ravel().tolist()
        leaves.append(marked(np.array([field.number(v) for v in numbers], dtype=object).reshape(leaf.data.shape)))
    evaluate(graph, call, leaves)
    total = sum((x.tangent for x in done[of].flat), none)
    values = [_filled([x.value for x in v.flat], v.shape) for v in done]
    slopes = [_filled(list(total[a:b]), s) for a, b, s in zip(starts, starts[1:], shapes, strict=False)]
    return values, slopes


def _filled(items: list[Number], shape: tuple[int, ...]) -> Array:
    out = np.empty(shape, dtype=object)
    out.reshape(-1)[:] = items
    return out


def ends(x: Number) -> tuple[Fraction, Fraction]:
    """The least and the greatest number that ``x`` can be: equal for a rational, the ends of a ball."""
    if isinstance(x, flint.arb):
        middle, radius = (Fraction(int(m)) * Fraction(2) ** int(e) for m, e in (x.mid().man_exp(), x.rad().man_exp()))
        return middle - radius, middle + radius
    exact = Fraction(int(x.p), int(x.q))
    return exact, exact


def rounded(x: Number, places: int) -> Decimal:
    """``x`` correctly rounded to ``places`` digits after the point.

    Raises: ArithmeticError if a ball is too wide to tell.
    """
    low, high = (round(end, places) for end in ends(x))
    if low != high:
        raise ArithmeticError(f"{x} does not settle {places} digits after the point; use more bits.")
    return _decimal(low, places)


def truncated(x: Number, places: int) -> Decimal:
    """``x`` with the digits beyond ``places`` cut off."""
    scale = 10**places
    low, high = (int(end * scale) for end in ends(x))  # int() goes towards 0
    if low != high:
        raise ArithmeticError(f"{x} does not settle {places} digits after the point; use more bits.")
    return _decimal(Fraction(low, scale), places)


def _decimal(x: Fraction, places: int) -> Decimal:
    scaled = x * 10**places
    assert scaled.denominator == 1
    return Decimal(scaled.numerator).scaleb(-places)


def text(x: Number) -> str:
    """``x`` in full where it has a short decimal (or, for a ball, contains one), else its first digits and "…".

    >>> text(flint.fmpq(-57, 50)), text(flint.fmpq(2, 3))
    ('-1.14', '0.6666666666…')
    """
    low, high = ends(x)
    if low == 0 == high:
        return "0"
    with localcontext(Context(prec=2 * SIGNIFICANT + 40)):
        middle = (low + high) / 2
        lead = (Decimal(middle.numerator) / Decimal(middle.denominator)).adjusted()
    places = SIGNIFICANT - 1 - lead
    short = round(middle, places)
    if low <= short <= high:
        return format(_decimal(short, max(places, 0)).normalize(), "f")
    return format(truncated(x, places), "f") + "…"
