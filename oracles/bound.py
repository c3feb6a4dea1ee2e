"""The rounding error that any backward-stable engine may make, and the first half of it: the errors of the values.

One forward and one reverse sweep (``oracles.sweep``) over the scalars of a tape (docs/judge.md 2; Griewank, Kulshreshtha
and Walther 2012; Higham, Accuracy and Stability, 2.2 and 3.3). The bound is a float, to first order:

    forward   dv_leaf = u |x|                        (mixed stability: an input may move by one rounding)
              dv_pool += u |backward error|          (a matrix that is factorised: oracles/catalogue/elimination.py)
              dv_k = sum_j |p_j| dv_j + c u |v_k| + eta
    slopes    dp_j = sum_l |q_jl| (dv_l + u |v_l|) + c' u |p_j| + eta
    reverse   dA_j += |p_j| dA_k + (|A_k| + dA_k) dp_j + u |A_k p_j| + eta
              finally dA_j += (n_j - 1) u sum |contributions|

In a pool (the matrix that a factorisation reads) every adjoint may be off by the rounding of the largest one; where tangents
are recorded, every adjoint and every tangent by the error of the worst one, because solves with the factor mix them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from math import frexp, isnan
from typing import Any

import numpy as np

from gradproof.oracles.ball import (
    ADD,
    CONSTANT,
    JUMP,
    LEAF,
    MULTIPLY,
    NEGATIVE,
    POOL,
    SELECT,
    SUBTRACT,
    Tape,
    arb,
)
from gradproof.oracles.formats import FORMATS
from gradproof.oracles.scalar import ARB, BINARY, UNARY, Binary, Unary

Slopes = tuple[arb, ...]
INFINITY = float("inf")
FAINT = 1e-280  # a slope below this, times what is large, is worth more digits than a float has
HYPOT, SQUARE = BINARY["hypot"], UNARY["square"]
TAILS = frozenset({"exp", "sinh", "cosh"})  # with a quotient these spell tanh, sigmoid and their kin
TIE_FACTOR = 8.0  # inputs closer than this many of their own errors count as a tie (docs/judge.md 3)
EDGE_FACTOR = 16.0  # an input closer than this many of its own errors to a singularity has no first-order bound


@dataclass(frozen=True)
class Rounding:
    """A floating-point format: unit roundoff, smallest and largest normal number."""

    u: float
    eta: float
    largest: float

    @staticmethod
    @cache
    def of(dtype: np.dtype[Any]) -> Rounding:
        """The format of a dtype that is judged."""
        found = FORMATS[dtype.name]
        return Rounding(found.u, found.eta, found.largest)


@dataclass
class Forward:
    """Forward errors ``dv``, and the positions of ambiguous selections (``ties``), jumps and lengths at the origin.

    ``unknown`` are selections that compare something that is not finite, so that no branch is known to be taken;
    ``edges`` are functions that rounding may carry to a singularity, so that no first-order bound holds beyond them, nor
    does it beyond jumps.
    """

    dv: list[float]
    exact: list[bool]
    ties: list[int]
    jumps: list[int]
    origins: set[int]  # lengths within rounding of 0, where every slope in the unit disc is possible
    unknown: set[int]
    edges: set[int]
    lossy: bool = False
    spelled: bool = False
    values: Sequence[arb] = ()
    slopes: dict[int, Slopes] = field(default_factory=dict)  # by row, at ``values``

    def known(self, values: Sequence[arb]) -> dict[int, Slopes]:
        """The slopes known at these values, by row, to look up and to add to."""
        return self.slopes if values is self.values else {}


def carried(slope: arb, error: float) -> float:
    """|slope| error, where the slope alone may leave the range of Python's floats."""
    size = abs(float(slope))
    if (size < FAINT and error > 1) or (size == INFINITY and error < INFINITY):
        return float(abs(slope) * arb(error))
    return size * error


def finite(x: float) -> float:
    """NaN (infinity minus or times something) as infinity: no bound is known."""
    return INFINITY if isnan(x) else x


def forward(
    tape: Tape,
    unit: Rounding,
    lossy: bool = False,
    spelled: bool = False,
    spread: Sequence[arb] | None = None,
    played: Sequence[arb] | None = None,
) -> Forward:
    """Running error of every value of the tape, and the selections whose inputs compare within their errors.

    ``lossy`` adds 2u to the values of saturating functions, as to their slopes in ``reverse``; ``spelled`` takes for such
    every function that a saturating one can be written with (``loss``). ``spread`` are values
    widened to what any choice at the ties gives; magnitudes are then taken from the far end of each, and ties round.
    ``played`` are those of a replay at more bits: of a wide ball (cos of 1e56 at 128 bits) the middle says nothing.
    """
    u, eta = unit.u, unit.eta
    rows, args, starts, factors = tape.rows, tape.args, tape.starts, tape.factors
    values = spread or played or tape.values
    size = [abs(float(v)) for v in values] if spread is None else [float(v.abs_upper()) for v in values]
    dv: list[float] = []
    terms = list(size)  # for sums: what the terms added so far within one op amount to, in any order
    exact: list[bool] = []
    ties: list[int] = []
    jumps: list[int] = []
    origins: set[int] = set()
    unknown: set[int] = set()
    edges: set[int] = set()
    pools: dict[int, float] = {}
    known: dict[int, Slopes] = {}
    for k, (row, a) in enumerate(zip(rows, args, strict=True)):
        if row is LEAF:
            d = u * size[k]
            exact.append(True)
        elif row is MULTIPLY:
            i, j = a
            d = finite(size[j] * dv[i] + size[i] * dv[j] + dv[i] * dv[j] + factors[k] * u * size[k])
            d += eta if d or not values[k].is_zero() else 0.0  # what is exactly 0 and made of no errors is computed so
            exact.append(False)
        elif row is ADD:
            i, j = a
            start = starts[k]
            left = terms[i] if i >= start and rows[i] is ADD else size[i]
            right = terms[j] if j >= start and rows[j] is ADD else size[j]
            terms[k] = left + right
            d = dv[i] + dv[j] + factors[k] * u * terms[k]
            exact.append(False)
        elif row is CONSTANT:  # a static parameter such as 0.1 is rounded too, unless the format holds it
            held = not factors[k] or frexp(size[k])[0] / u % 1 == 0
            d = 0.0 if held else finite(u * size[k])
            exact.append(held)
        elif row is SUBTRACT:
            i, j = a
            d = dv[i] + dv[j] + factors[k] * u * size[k]
            exact.append(False)
        elif row is NEGATIVE or row is POOL:
            d = dv[a[0]]
            if row is POOL and (k >= tape.tangents or k in tape.moduli):  # known as well as the worst of them
                if a[1] not in pools:
                    rows_of = tape.pool(a[1])
                    pools[a[1]] = max(dv[args[i][0]] for i in rows_of) + factors[k] * u * max(size[i] for i in rows_of)
                d = pools[a[1]]
            if k in tape.backward:
                d += u * tape.backward[k]
            exact.append(exact[a[0]])
        elif row is SELECT:
            left, right, i, j = a
            gap = abs(float(values[left] - values[right]))
            reach = TIE_FACTOR * ((0.0 if exact[left] else dv[left]) + (0.0 if exact[right] else dv[right]))
            chosen = i if tape.choice[k] else j
            d = dv[chosen]
            if i == j:
                pass  # one entry met twice, as in take(x, [1, 1]): there is nothing to choose
            elif gap <= reach:
                ties.append(k)
                d = max(dv[i], dv[j]) if spread is None else max(dv[i], dv[j]) + 2 * u * size[k]
                computed = k < tape.tangents and not (exact[left] and exact[right])
                if computed and abs(float(values[i] - values[j])) > EDGE_FACTOR * (reach + dv[i] + dv[j]):
                    jumps.append(k)  # of nn.threshold, say: at a kink the branches would meet
                    d = INFINITY
            elif isnan(gap):
                unknown.add(k)
                d = INFINITY
            exact.append(exact[chosen] and exact[left] and exact[right])
        elif row is JUMP:
            d = u * size[k] if size[k] * u > 1 else 0.0  # whole numbers are exact up to 1 / u
            gap, shares = tape.gaps.get(k) or (size[a[0]], (1.0,))
            reach = sum([0.0 if exact[i] else s * dv[i] for i, s in zip(a, shares, strict=True)])
            settled = all(exact[i] for i in a) or gap > TIE_FACTOR * reach or (gap == reach == 0.0)
            if len(a) > 1 and not exact[a[1]] and size[a[1]] <= TIE_FACTOR * dv[a[1]]:
                settled = False  # a divisor that may be 0
            if not settled:  # also where the value is not finite
                jumps.append(k)
                d = INFINITY
            exact.append(settled)
        else:
            d = factors[k] * row.c * u * size[k]  # type: ignore[union-attr]
            if row is HYPOT and size[k] <= TIE_FACTOR * sum(0.0 if exact[i] else dv[i] for i in a):
                origins.add(k)
                d += dv[a[0]] + dv[a[1]]
            elif _crosses(row, a, values, dv, exact):  # type: ignore[arg-type]
                edges.add(k)
                d = INFINITY
            else:
                found = known[k] = slopes(tape, values, k)
                for i, p in zip(a, found, strict=True):  # a whole number (of floor) may move by one rounding here, as an input may
                    move = dv[i] or (0.0 if rows[i] is CONSTANT else u * size[i])
                    if move:
                        d += carried(p, move)
                if row is SQUARE:
                    d += dv[a[0]] * dv[a[0]]  # all there is where the argument is 0
                elif size[k] <= d < INFINITY and any(dv[i] for i in a):  # so too of xlogy at (0, 1)
                    for i, qs in zip(a, curvatures(row, a, values, k, found), strict=True):  # type: ignore[arg-type]
                        for j, q in zip(a, qs, strict=True):
                            d += carried(q, dv[i] * dv[j]) / 2
                if lossy and saturates(row, spelled):
                    d += 2 * u
            d = finite(d + eta if d or not values[k].is_zero() else d)
            exact.append(False)
        dv.append(d)
    return Forward(dv, exact, ties, jumps, origins, unknown, edges, lossy, spelled, values, known)


def saturates(row: object, spelled: bool) -> bool:
    """Whether engines lose digits in the tail of what this row computes, or, in a formula, is a part of."""
    return isinstance(row, Unary) and (row.saturating or (spelled and row.name in TAILS))


def loss(row: object, size: Any, spelled: bool, u: float) -> Any:
    """What a lossy bound adds to the slope of a row at an argument of this size.

    A formula may spell a saturating function with exp and a quotient: 2u is added to exp's slope, and to the slope of any
    other function by the relative change of its argument, so that what is computed from a large one stays sharp.
    """
    if saturates(row, spelled):
        return 2 * u
    return 2 * u / (1.0 + size) if spelled else 0.0


def _crosses(
    row: Unary | Binary, args: Sequence[int], values: Sequence[arb], dv: Sequence[float], exact: Sequence[bool]
) -> bool:
    """Whether rounding may carry a computed argument to a singularity or over the edge of the domain."""
    if row.edge is None or all(exact[i] for i in args):
        return False
    point = [float(values[i]) for i in args]
    edges = (row.edge(*point),) if isinstance(row, Unary) else row.edge(*point)
    return any(not exact[i] and edge <= EDGE_FACTOR * dv[i] for i, edge in zip(args, edges, strict=True))


def slopes(tape: Tape, values: Sequence[arb], k: int) -> tuple[arb, ...]:
    """First slopes of a table row at ``values``."""
    row, args = tape.rows[k], tape.args[k]
    if type(row) is Unary:
        return (row.slope(ARB, values[args[0]], values[k]),)
    return row.slopes(ARB, values[args[0]], values[args[1]], values[k])  # type: ignore[union-attr]


def curvatures(row: Unary | Binary, args: tuple[int, ...], values: Sequence[arb], k: int, first: Slopes) -> tuple[Slopes, ...]:
    """Second slopes of a table row at ``values``, for each operand by each operand."""
    if type(row) is Unary:
        return ((row.second(ARB, values[args[0]], values[k], first[0]),),)
    qaa, qab, qbb = row.seconds(ARB, values[args[0]], values[args[1]], values[k])  # type: ignore[union-attr]
    return (qaa, qab), (qab, qbb)
