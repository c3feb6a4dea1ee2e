"""What a gradient is where it is infinite: +inf, -inf, or no number at all.

At a singular point (sqrt at 0, asin at 1) the ball of the gradient is not finite, so there is no bound to judge by, but
its class is known: an infinity of one sign, found by going up the tape with the one-sided limit of each infinite slope.
"""

from __future__ import annotations

import math

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
    Row,
    arb,
    precision,
)
from gradproof.oracles.bound import slopes
from gradproof.oracles.certificate import Certificate
from gradproof.oracles.scalar import ARB, Unary

NUDGE = arb(2) ** -100
GROWTH = 1.5  # from one nudge to its square: a logarithm doubles, powers grow by far more, a finite limit stays
BITS = 512
SURE = 16.0  # times its bound: an adjoint as large as that has the sign of the exact one


def infinities(certificate: Certificate) -> list[float]:
    """Of each primal entry: ``inf`` or ``-inf`` where the gradient is that, else NaN (unknown) or a finite number."""
    tape = certificate.recording.tape
    values = certificate.played or tape.values
    ties = set(certificate.forward.ties) | certificate.forward.unknown
    adjoint = [0.0] * len(tape.rows)
    reached = [False] * len(tape.rows)
    sent = certificate.sweep()[2]
    known = [  # an adjoint that rounding may turn round sends an infinity of either sign
        a is not None and a.is_finite() and abs(float(a)) > SURE * error
        for a, error in zip(sent.value, sent.error, strict=True)
    ]
    with precision(BITS):
        for k, seed in certificate.seeds:
            adjoint[k] += float(seed)
            reached[k] = True
        for k in range(len(tape.rows) - 1, -1, -1):
            row, args, ct = tape.rows[k], tape.args[k], adjoint[k]
            exact = sent.value[k]
            nothing = exact is not None and exact.is_zero() and not math.isnan(ct)  # of any choice at a tie above
            if not reached[k] or nothing or row in (LEAF, CONSTANT, JUMP):
                continue
            parts: tuple[tuple[int, float], ...]
            if row is ADD:
                parts = ((args[0], ct), (args[1], ct))
            elif row is SUBTRACT:
                parts = ((args[0], ct), (args[1], -ct))
            elif row is NEGATIVE:
                parts = ((args[0], -ct),)
            elif row is POOL:
                parts = ((args[0], ct),)
            elif row is MULTIPLY:
                parts = ((args[0], ct * float(values[args[1]])), (args[1], ct * float(values[args[0]])))
            elif row is SELECT and k in ties:
                parts = ((args[2], ct * math.nan), (args[3], ct * math.nan))
            elif row is SELECT:
                parts = ((args[2 if tape.choice[k] else 3], ct),)
            elif k in certificate.forward.origins or k in certificate.forward.edges:
                parts = tuple((i, math.nan) for i in args)
            else:
                parts = tuple(
                    (i, ct * p if known[k] or math.isfinite(p) else math.nan)
                    for i, p in zip(args, _limits(certificate, k), strict=True)
                )
            for i, amount in parts:
                adjoint[i] += amount
                reached[i] = True
    return [adjoint[i] for i in certificate.slots]


def _limits(certificate: Certificate, k: int) -> list[float]:
    """Slopes of a table row; an infinite one as the infinity that it tends to inside the domain, NaN if two differ."""
    tape = certificate.recording.tape
    values = certificate.played or tape.values
    row, args = tape.rows[k], tape.args[k]
    first = [float(p) if p.is_finite() else math.nan for p in slopes(tape, values, k)]
    if not any(map(math.isnan, first)):
        return first
    signs: list[set[float]] = [set() for _ in args]
    for j, found in enumerate(signs):  # along its own argument, so that a jump (0**y at 0) has no class
        for turn in (1, -1):
            moves = [[d * turn if i == j else arb(0) for i in range(len(args))] for d in (NUDGE, NUDGE * NUDGE)]
            p, q = (_beside(row, [values[i] for i in args], move)[j] for move in moves)
            if p.is_finite() and q.is_finite():
                found.add(math.copysign(math.inf, float(q)) if abs(q) > GROWTH * abs(p) else math.nan)
    return [
        p if not math.isnan(p) else found.pop() if len(found) == 1 else math.nan
        for p, found in zip(first, signs, strict=True)
    ]


def _beside(row: Row, point: list[arb], moves: list[arb]) -> tuple[arb, ...]:
    """The slopes of a table row a little beside a point."""
    x = [v + d * (arb(1) if v.is_zero() else abs(v)) for v, d in zip(point, moves, strict=True)]
    y = row.value(ARB, *x)  # type: ignore[union-attr]
    if isinstance(row, Unary):
        return (row.slope(ARB, x[0], y),)
    return row.slopes(ARB, x[0], x[1], y)  # type: ignore[union-attr]
