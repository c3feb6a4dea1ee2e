"""What an engine declares at kinks, as shares of the branches that meet there, so that its gradient is exact again.

``Capabilities.at_kinks`` gives a slope (``abs``: 0.0), or who gets the cotangent of a tie (``maximum``: "even", "first",
"last"), or NaN (``hypot`` at the origin). Only exact ties are decided by it: where operands are computed, rounding
may take either branch.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from gradproof.oracles.ball import CONSTANT, SELECT, arb, precision
from gradproof.oracles.bound import slopes
from gradproof.oracles.certificate import Certificate
from gradproof.oracles.engine import EVEN, FIRST
from gradproof.oracles.scalar import Binary, Unary
from gradproof.oracles.sweep import reverse

Convention = float | str
TIES = ("max", "maximum", "min", "minimum")
POOLS = tuple(f"nn.{kind}max_pool{rank}d" for kind in ("", "adaptive_") for rank in (1, 2, 3))


def shares(certificate: Certificate, declared: Mapping[str, Convention]) -> dict[int, arb] | None:
    """The share of the first branch at every tie met, and the slope at every length at the origin; None if any is open."""
    forward, tape = certificate.forward, certificate.recording.tape
    found: dict[int, arb] = {}
    counts: dict[int, int] = {}
    with precision(certificate.bits):
        for k in sorted({*certificate.ties, *certificate.singular}):
            convention = declared.get(certificate.recording.owner(k)[1])
            if convention is None or (isinstance(convention, float) and not math.isfinite(convention)):
                return None
            if k in forward.origins:  # a deviation from a mean is only near 0: then any direction may come out
                here = all(i in found or (forward.exact[i] and tape.values[i].is_zero()) for i in tape.args[k])
                if convention != 0.0 or not here:
                    return None
                found[k] = arb(0)
                continue
            left, right, a, b = tape.args[k]
            apart = tape.values[left] - tape.values[right]
            if not (forward.exact[left] and forward.exact[right] and apart.is_zero()):
                return None
            if isinstance(convention, str):
                of_a, of_b = (_count(certificate, branch, tape.starts[k], counts) for branch in (a, b))
                counts[k] = of_a + of_b
                even = arb(of_a) / counts[k]
                found[k] = even if convention == EVEN else arb(1 if convention == FIRST else 0)
            else:
                share = _share(certificate, k, convention)
                if share is None:
                    return None
                found[k] = share
    return found


def at_poles(certificate: Certificate, declared: Mapping[str, Convention]) -> dict[int, arb]:
    """The slopes that an engine declares where the exact one is infinite (``sqrt`` at 0: 0.0), by row of the tape."""
    found: dict[int, arb] = {}
    if not declared or all(ball.is_finite() for ball in certificate.gradient):
        return found
    tape = certificate.recording.tape
    values = certificate.played or tape.values
    with precision(certificate.bits):
        for k, row in enumerate(tape.rows):
            convention = declared.get(certificate.recording.owner(k)[1]) if isinstance(row, Unary | Binary) else None
            number = isinstance(convention, float) and math.isfinite(convention)
            if number and k not in certificate.forward.origins and not all(p.is_finite() for p in slopes(tape, values, k)):
                found[k] = arb(convention)
    return found


def _count(certificate: Certificate, row: int, start: int, counts: Mapping[int, int]) -> int:
    """How many tied entries a row stands for, within the op that records from row ``start`` on.

    Selections that are decided pass it on; one between twice the same entry counts both.
    """
    tape = certificate.recording.tape
    while row >= start and tape.rows[row] is SELECT and row not in counts:
        left, right, a, b = tape.args[row]
        if row in tape.origin:
            return sum(_count(certificate, i, start, counts) for i in (left, right))
        row = a if tape.choice[row] else b
    return counts.get(row, 1) if row >= start else 1


def _share(certificate: Certificate, k: int, slope: float) -> arb | None:
    """The share of the first branch that gives the slope, where both branches depend on one number at most."""
    tape = certificate.recording.tape
    _, _, a, b = tape.args[k]
    first, second = (_slopes(certificate, branch, tape.starts[k]) for branch in (a, b))
    rows = {*first, *second}
    if len(rows) != 1:
        return None
    (row,) = rows
    one, other = first.get(row, arb(0)), second.get(row, arb(0))
    share = (arb(slope) - other) / (one - other)
    return share if share.is_finite() else None


def _slopes(certificate: Certificate, row: int, start: int) -> dict[int, arb]:
    """Slopes of a row by the numbers that the op which recorded it was given (rows before ``start``)."""
    tape = certificate.recording.tape
    if row < start:
        return {} if tape.rows[row] is CONSTANT else {row: arb(1)}
    adjoints = reverse(tape, certificate.forward, certificate.unit, [(row, arb(1))])
    inner = {i for k in range(start, row + 1) if adjoints.value[k] is not None for i in tape.args[k] if i < start}
    found = {i: v for i in inner if (v := adjoints.value[i]) is not None}
    return {i: v for i, v in found.items() if tape.rows[i] is not CONSTANT and not v.is_zero()}
