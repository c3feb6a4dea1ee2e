"""The certified gradient of a tape, and beside it the rounding error that any backward-stable engine may make.

One forward and one reverse sweep over scalars (docs/judge.md 2; Griewank, Kulshreshtha and Walther 2012; Higham, Accuracy
and Stability, 2.2 and 3.3). The gradient is a ball that contains the exact one; the bound is a float, to first order:

    forward   dv_leaf = u |x|                        (mixed stability: an input may move by one rounding)
              dv_k = sum_j |p_j| dv_j + c u |v_k| + eta
    slopes    dp_j = sum_l |q_jl| (dv_l + u |v_l|) + c' u |p_j| + eta
    reverse   dA_j += |p_j| dA_k + (|A_k| + dA_k) dp_j + u |A_k p_j| + eta
              finally dA_j += (n_j - 1) u sum |contributions|

In a pool (the matrix that a factorisation reads) every adjoint may be off by the rounding of the largest one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from math import isnan
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
from gradproof.oracles.scalar import ARB, BINARY, UNARY, Binary, Unary

INFINITY = float("inf")
UNKNOWN = arb("nan")
DISC = (arb(0, 1), arb(0, 1))  # the slopes of a length at the origin
HYPOT, SQUARE = BINARY["hypot"], UNARY["square"]
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
        """The format of float32 or float64 (float16 and bfloat16 arrive with their engines)."""
        info = np.finfo(dtype)
        return Rounding(float(info.epsneg), float(info.tiny), float(info.max))


@dataclass
class Forward:
    """Forward errors ``dv``, and the positions of ambiguous selections (``ties``), jumps and lengths at the origin.

    ``unknown`` are selections that compare something that is not finite, so that no branch is known to be taken;
    ``edges`` are functions that rounding may carry to a singularity, so that no first-order bound holds beyond them.
    """

    dv: list[float]
    exact: list[bool]
    ties: list[int]
    jumps: list[int]
    origins: set[int]  # lengths within rounding of 0, where every slope in the unit disc is possible
    unknown: set[int]
    edges: set[int]
    lossy: bool = False


def _finite(x: float) -> float:
    """NaN (infinity minus or times something) as infinity: no bound is known."""
    return INFINITY if isnan(x) else x


def forward(tape: Tape, unit: Rounding, lossy: bool = False) -> Forward:
    """Running error of every value of the tape, and the selections whose inputs compare within their errors.

    ``lossy`` adds 2u to the values of saturating functions, as to their slopes in ``reverse``.
    """
    u, eta = unit.u, unit.eta
    rows, args, values, starts, factors = tape.rows, tape.args, tape.values, tape.starts, tape.factors
    size = [abs(float(v)) for v in values]
    dv: list[float] = []
    terms = list(size)  # for sums: what the terms added so far within one op amount to, in any order
    exact: list[bool] = []
    ties: list[int] = []
    jumps: list[int] = []
    origins: set[int] = set()
    unknown: set[int] = set()
    edges: set[int] = set()
    for k, row in enumerate(rows):
        a = args[k]
        if row is MULTIPLY:
            i, j = a
            d = _finite(size[j] * dv[i] + size[i] * dv[j] + dv[i] * dv[j] + factors[k] * u * size[k] + eta)
            exact.append(False)
        elif row is ADD:
            i, j = a
            start = starts[k]
            left = terms[i] if i >= start and rows[i] is ADD else size[i]
            right = terms[j] if j >= start and rows[j] is ADD else size[j]
            terms[k] = left + right
            d = dv[i] + dv[j] + factors[k] * u * terms[k]
            exact.append(False)
        elif row is LEAF:
            d = u * size[k]
            exact.append(True)
        elif row is CONSTANT:
            d = 0.0
            exact.append(True)
        elif row is SUBTRACT:
            i, j = a
            d = dv[i] + dv[j] + factors[k] * u * size[k]
            exact.append(False)
        elif row is NEGATIVE or row is POOL:
            d = dv[a[0]]
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
                d = max(dv[i], dv[j])
            elif isnan(gap):
                unknown.add(k)
                d = INFINITY
            exact.append(exact[chosen] and exact[left] and exact[right])
        elif row is JUMP:
            d = 0.0
            if not exact[a[0]] and not size[a[0]] > TIE_FACTOR * dv[a[0]]:  # also where the value is not finite
                jumps.append(k)
            exact.append(True)
        else:
            d = factors[k] * row.c * u * size[k] + eta  # type: ignore[union-attr]
            if row is HYPOT and size[k] <= TIE_FACTOR * sum(0.0 if exact[i] else dv[i] for i in a):
                origins.add(k)
                d += dv[a[0]] + dv[a[1]]
            elif _crosses(row, a, values, dv, exact):  # type: ignore[arg-type]
                edges.add(k)
                d = INFINITY
            else:
                for i, p in zip(a, slopes(tape, values, k), strict=True):
                    if dv[i]:
                        d += abs(float(p)) * dv[i]
                if row is SQUARE:
                    d += dv[a[0]] * dv[a[0]]  # all there is where the argument is 0
                if lossy and isinstance(row, Unary) and row.saturating:
                    d += 2 * u
            d = _finite(d)
            exact.append(False)
        dv.append(d)
    return Forward(dv, exact, ties, jumps, origins, unknown, edges, lossy)


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
    if isinstance(row, Unary):
        return (row.slope(ARB, values[args[0]], values[k]),)
    return row.slopes(ARB, values[args[0]], values[args[1]], values[k])  # type: ignore[union-attr]


@dataclass
class Adjoints:
    """What a reverse sweep leaves at each position reached: adjoint, its error bound, and S = sum |contributions|.

    ``met`` are the ties that a nonzero adjoint passed through, ``singular`` the lengths at the origin.
    """

    value: list[arb | None]
    error: list[float]
    total: list[float]
    met: list[int] = field(default_factory=list)
    singular: list[int] = field(default_factory=list)


def reverse(
    tape: Tape,
    forward: Forward,
    unit: Rounding,
    seeds: Sequence[tuple[int, arb]],
    weights: Mapping[int, arb] | None = None,
    values: Sequence[arb] | None = None,
    wide: bool = False,
) -> Adjoints:
    """One reverse sweep from the seeds: pairs of a tape position and the cotangent of an output entry there.

    ``weights`` gives the share of the first branch at ties; a tie without one keeps the recorded choice. ``values`` are
    those of a replay at higher precision. A lossy ``forward`` widens the slopes of saturating functions by 2u (docs/judge.md 2).
    ``wide`` takes magnitudes from the far end of each ball, for sweeps whose weights are intervals.
    """
    u, eta = unit.u, unit.eta
    rows, args, factors, dv = tape.rows, tape.args, tape.factors, forward.dv
    values = tape.values if values is None else values
    weights = weights or {}
    n = len(rows)
    value: list[arb | None] = [None] * n
    error, total, count = [0.0] * n, [0.0] * n, [0] * n
    result = Adjoints(value, error, total)
    ties = set(forward.ties)

    def send(j: int, amount: arb, err: float) -> None:
        before = value[j]
        value[j] = amount if before is None else before + amount
        error[j] += err
        total[j] += abs(float(amount)) if not wide else float(amount.abs_upper())
        count[j] += 1

    pools: set[int] = set()
    for k, seed in seeds:
        send(k, seed, 0.0)
    for k in range(max((k for k, _ in seeds), default=-1), -1, -1):
        A = value[k]
        if A is None:
            continue
        if count[k] > 1:
            error[k] += (count[k] - 1) * u * total[k]
        row = rows[k]
        if row is LEAF or row is CONSTANT or row is JUMP:
            continue
        e = error[k]
        zero = A.is_zero()
        if zero and not e:
            continue
        a = args[k]
        if row is ADD:
            send(a[0], A, e)
            send(a[1], A, e)
        elif row is MULTIPLY:
            size = abs(float(A)) if not wide else float(A.abs_upper())
            for j, other in (a, a[::-1]):
                if rows[j] is CONSTANT:
                    continue
                p = values[other]
                m = abs(float(p))
                dp = dv[other] + u * m if rows[other] is not CONSTANT else 0.0
                send(j, A * p, _finite(m * e + (size + e) * dp + factors[k] * u * size * m + eta))
        elif row is SUBTRACT:
            send(a[0], A, e)
            send(a[1], -A, e)
        elif row is NEGATIVE:
            send(a[0], -A, e)
        elif row is POOL:
            if a[1] not in pools:  # the highest of the pool that was reached: every adjoint in it is complete
                pools.add(a[1])
                pool = _pool(tape, a[1])
                spread = factors[k] * u * max(total[s] for s in pool)
                for s in pool:
                    late = error[s] + max(count[s] - 1, 0) * u * total[s] if s < k else error[s]
                    send(args[s][0], value[s] or arb(0), late + spread)
        elif row is SELECT:
            if k in forward.unknown:
                for j in a[2:]:
                    send(j, A * UNKNOWN, INFINITY)
                continue
            split = e + 2 * u * (abs(float(A)) if not wide else float(A.abs_upper()))  # shares of a tie round
            if a[2] == a[3]:
                send(a[2], A, split)
                continue
            if k in ties:
                result.met.append(k)
                weight = weights.get(k)
                if weight is not None:
                    send(a[2], A * weight, split)
                    send(a[3], A * (1 - weight), split)
                    continue
            send(a[2] if tape.choice[k] else a[3], A, e)
        else:
            first = DISC if k in forward.origins else slopes(tape, values, k)
            seconds: tuple[tuple[arb, ...], ...] = ((), ())
            if k in forward.origins:
                result.singular.append(k)
            elif isinstance(row, Unary):
                seconds = ((row.second(ARB, values[a[0]], values[k], first[0]),),)
            else:
                qaa, qab, qbb = row.seconds(ARB, values[a[0]], values[a[1]], values[k])  # type: ignore[union-attr]
                seconds = ((qaa, qab), (qab, qbb))
            size = abs(float(A)) if not wide else float(A.abs_upper())
            scale = factors[k] * u
            for j, p, qs in zip(a, first, seconds, strict=True):
                if rows[j] is CONSTANT:
                    continue
                m = abs(float(p)) if qs else 1.0
                if zero and not m < INFINITY:
                    continue  # an adjoint that is exactly zero does not pass an infinite slope, nor does its error
                dp = INFINITY if k in forward.edges else row.c_slope * scale * m + eta  # type: ignore[union-attr]
                for i, q in zip(a, qs, strict=False):
                    move = dv[i] + u * abs(float(values[i]))  # a constant too: x - y rounds in logaddexp's slope
                    if move:
                        step = abs(float(q)) * move
                        if step == INFINITY and move < INFINITY:  # the slope alone leaves the range of Python's floats
                            step = float(abs(q) * arb(move))
                        dp += step
                if forward.lossy and isinstance(row, Unary) and row.saturating:
                    dp += 2 * u
                send(j, A * p, _finite(m * e + (size + e) * dp + scale * size * m + eta))
    for k in range(n):
        error[k] = _finite(error[k])
    return result


def _pool(tape: Tape, first: int) -> Sequence[int]:
    """The rows of the pool that starts at row ``first``."""
    last = first
    while last < len(tape.rows) and tape.rows[last] is POOL and tape.args[last][1] == first:
        last += 1
    return range(first, last)


def tangent(tape: Tape, forward: Forward, direction: Mapping[int, arb], values: Sequence[arb] | None = None) -> list[arb]:
    """Forward-mode balls along a direction of leaves, with every ambiguous selection as the hull of its branches.

    Where the direction keeps a tie (both branches move together) the hull is a point: docs/judge.md 3, test 3.
    """
    values = tape.values if values is None else values
    ties = set(forward.ties)
    zero = arb(0)
    out: list[arb] = []
    for k, row in enumerate(tape.rows):
        a = tape.args[k]
        if row is LEAF:
            t = direction.get(k, zero)
        elif row is CONSTANT or row is JUMP:
            t = zero
        elif row is ADD:
            t = out[a[0]] + out[a[1]]
        elif row is SUBTRACT:
            t = out[a[0]] - out[a[1]]
        elif row is NEGATIVE:
            t = -out[a[0]]
        elif row is POOL:
            t = out[a[0]]
        elif row is MULTIPLY:
            t = out[a[0]] * values[a[1]] + values[a[0]] * out[a[1]]
        elif row is SELECT and k in ties:
            t = out[a[2]].union(out[a[3]])
        elif row is SELECT:
            t = out[a[2] if tape.choice[k] else a[3]]
        else:
            t = zero
            for j, p in zip(a, DISC if k in forward.origins else slopes(tape, values, k), strict=True):
                if not out[j].is_zero():
                    t = t + p * out[j]
        out.append(t)
    return out


