"""Which rows of the tape, and so which primal entries, a trouble can reach: it excuses those and no others.

Four troubles are no fault of a rule: a number that leaves the range of the dtype; a slope that is infinite in the dtype
where exactly nothing is to pass it; an argument that rounding may carry to a singularity; a length at the origin. Each
starts at a row; a pullback carries it to what that row was computed from, and through a pool to all of the pool.
"""

from __future__ import annotations

from collections.abc import Iterable

from gradproof.oracles.ball import (
    ADD,
    CONSTANT,
    LEAF,
    NEGATIVE,
    POOL,
    SELECT,
    SUBTRACT,
    Tape,
    indices,
    precision,
)
from gradproof.oracles.bound import slopes
from gradproof.oracles.certificate import Certificate

RANGE_SHARE = 0.25  # of the largest number: an engine's own intermediates may be a few times larger than ours
PLAIN = frozenset({ADD, SUBTRACT, NEGATIVE, POOL})  # slopes 1 and -1, whatever the operands


def reached(tape: Tape, rows: Iterable[int], both: Iterable[int] = ()) -> set[int]:
    """The rows that these were computed from, themselves included.

    A selection leads on to the branch it took, or to ``both`` where either may be taken.
    """
    found, open_ = set(rows), set(both)
    for k in range(max(found, default=-1), -1, -1):
        if k not in found:
            continue
        args = tape.args[k]
        if tape.rows[k] is POOL:
            found.update(range(args[1], k))
            found.add(args[0])
            found.update(_siblings(tape, args[1]))
        elif tape.rows[k] is SELECT:
            found.update(args[2:] if k in open_ else (_taken(tape, k),))
        else:
            found.update(args)
    return found


def _taken(tape: Tape, k: int) -> int:
    """The operand that a selection gives on."""
    return tape.args[k][2 if tape.choice[k] else 3]


def _siblings(tape: Tape, first: int) -> Iterable[int]:
    """What every row of a pool was moved from."""
    k = first
    while k < len(tape.rows) and tape.rows[k] is POOL and tape.args[k][1] == first:
        yield tape.args[k][0]
        k += 1


def overflown(certificate: Certificate) -> tuple[set[int], set[int]]:
    """Rows whose own value is too large for the dtype, and rows that an engine computes from such a value."""
    tape, limit = certificate.recording.tape, certificate.unit.largest * RANGE_SHARE
    large = {k for k, v in enumerate(tape.values) if not abs(float(v)) <= limit}
    below: set[int] = set()
    if large:
        for k, args in enumerate(tape.args):
            row = tape.rows[k]
            read = args[:1] if row is POOL else (*args[:2], _taken(tape, k)) if row is SELECT else args
            if any(i in large or i in below for i in read):
                below.add(k)
    return large, below


def out_of_range(certificate: Certificate, adjoint: bool = True) -> set[int]:
    """Rows whose adjoint a value (or an adjoint, for the cotangent given) too large for the dtype may spoil.

    A sum passes its adjoint on whatever its operands are; a selection may take the other branch only where what it
    compares is itself computed from a value too large, or where both are too large. What an op computes inside and
    then discards (the exponential of elu at 1000) is its own business: no NaN of it is excused.
    """
    tape, limit = certificate.recording.tape, certificate.unit.largest * RANGE_SHARE
    adjoints = certificate.sweep()[2]
    large, below = overflown(certificate)
    astray = set()
    for k in (large | below) if large else ():
        if tape.rows[k] is SELECT:
            left, right = tape.args[k][:2]
            if {left, right} & (below - large) or {left, right} <= large:
                astray.add(k)
    starts = {k for k in large | below if tape.rows[k] not in PLAIN and tape.rows[k] is not SELECT}
    if starts:
        results = {i for value in certificate.recording.values if value.dtype == object for i in indices(value)}
        starts = {k for k in starts if k in results or adjoints.value[k] is not None}
    if adjoint:  # an adjoint that is infinite exactly is a pole, not an overflow
        starts |= {
            k
            for k, (ct, size) in enumerate(zip(adjoints.value, adjoints.total, strict=True))
            if not size <= limit and ct is not None and ct.is_finite()
        }
    return reached(tape, starts | astray, both=astray)


def edges(certificate: Certificate) -> set[int]:
    """Rows below an argument that rounding may carry to a singularity or out of the domain."""
    return reached(certificate.recording.tape, certificate.forward.edges)


def untaken(certificate: Certificate) -> set[int]:
    """Rows below a slope that is infinite where exactly nothing passes it: NaN there is zero times infinity."""
    tape, limit = certificate.recording.tape, certificate.unit.largest
    values = certificate.played or tape.values
    _, _, adjoints = certificate.sweep()
    fixed, found = _fixed(tape), set()
    with precision(certificate.bits):
        for k, row in enumerate(tape.rows):
            if not hasattr(row, "c_slope"):
                continue
            ct = adjoints.value[k]
            nothing = ct is None or ct.is_zero()
            if not nothing and not any(fixed[i] for i in tape.args[k]):
                continue
            steep = [not p.is_finite() or abs(float(p)) > limit for p in slopes(tape, values, k)]
            if not values[k].is_finite():
                steep = [True] * len(steep)
            if nothing and any(steep):
                found.add(k)
            ends = {i for s, i in zip(steep, tape.args[k], strict=True) if s and fixed[i]}
            if ends:
                found.update(_beside(certificate, k, ends))
    if certificate.higher:
        found |= _steeply(certificate)
    return reached(tape, found, both=range(len(tape.rows)))


def _steeply(certificate: Certificate) -> set[int]:
    """Rows computed from a row of infinite slope: the tangents of an engine are infinite in them, and meet nothing's zeros."""
    tape, limit = certificate.recording.tape, certificate.unit.largest
    values = certificate.played or tape.values
    found: set[int] = set()
    with precision(certificate.bits):
        for k, row in enumerate(tape.rows):
            if any(i in found for i in tape.args[k]) or (
                hasattr(row, "c_slope") and any(not p.is_finite() or abs(float(p)) > limit for p in slopes(tape, values, k))
            ):
                found.add(k)
    return found


def _beside(certificate: Certificate, row: int, ends: set[int]) -> set[int]:
    """All entries of the operands that hold these fixed ones: an engine's pullback mixes the entries of an array."""
    graph, values = certificate.case.graph, certificate.recording.values
    first = certificate.recording.owner(row)[0]
    found: set[int] = set()
    for value, node in graph.numbered():
        for o in node.operands if value == first else ():
            if o < len(graph.leaves) and graph.leaves[o].constant:
                continue
            entries = set(indices(values[o]))
            if entries & ends:
                found |= entries
    return found


def _fixed(tape: Tape) -> list[bool]:
    """Of each row, whether it depends on no primal (the zeros of a triangular factor, say)."""
    fixed: list[bool] = []
    for row, args in zip(tape.rows, tape.args, strict=True):
        fixed.append(row is CONSTANT or (row is not LEAF and all(fixed[i] for i in (args[:1] if row is POOL else args))))
    return fixed
