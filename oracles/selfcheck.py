"""The judge checks itself: its gradient against central differences of its own forward pass at 512 bits.

No engine and no slope of the scalar table takes part: the tape is replayed at x + h d and x - h d, twice, and the two
quotients bound the error of the difference (docs/judge.md 1).
"""

from __future__ import annotations

import random

from gradproof.oracles.ball import arb, precision
from gradproof.oracles.certificate import Certificate

BITS = 512
STEP = arb(2) ** -100


def self_check(certificate: Certificate, directions: int = 2) -> str:
    """What the certificate gets wrong, or an empty string; kinks and values that are not finite are passed over."""
    if certificate.kinked or certificate.forward.jumps or not certificate.slots:
        return ""
    tape = certificate.recording.tape
    rnd = random.Random(0)
    sizes = [abs(tape.values[i]) for i in certificate.slots]
    least = min((v for v in sizes if not v.is_zero()), key=float, default=arb(1))
    least = least if least < 1 else arb(1)  # a 0 moves as little as its neighbours, and no further than 1
    with precision(BITS):
        for _ in range(directions):
            moves = {
                i: arb(rnd.uniform(-1, 1)) * (least if v.is_zero() else v)
                for i, v in zip(certificate.slots, sizes, strict=True)
            }
            claimed = arb(0)
            for slot, ball in zip(certificate.slots, certificate.gradient, strict=True):
                claimed += ball * moves[slot]
            coarse, fine = _quotient(certificate, moves, STEP), _quotient(certificate, moves, STEP / 2)
            if not (claimed.is_finite() and coarse.is_finite() and fine.is_finite()):
                continue
            slack = 2 * (coarse - fine).abs_upper()  # as a ball: it may be far below the range of floats
            if not (fine + arb(0, slack)).overlaps(claimed):
                return f"<G, d> is {claimed.str(20)}, the judge's own differences say {fine.str(20)}"
    return ""


def _quotient(certificate: Certificate, moves: dict[int, arb], step: arb) -> arb:
    tape = certificate.recording.tape
    up = tape.replay({i: tape.values[i] + step * d for i, d in moves.items()})
    down = tape.replay({i: tape.values[i] - step * d for i, d in moves.items()})
    total = arb(0)
    for k, seed in certificate.seeds:
        total += seed * (up[k] - down[k])
    return total / (2 * step)
