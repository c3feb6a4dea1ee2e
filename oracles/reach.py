"""Which primal entries a trouble on the tape can reach, so that it excuses those and no others.

Four troubles are no fault of a rule: a number that leaves the range of the dtype; a slope that is infinite in the dtype
where exactly nothing is to pass it; an argument that rounding may carry to a singularity; a length at the origin. Each
starts at a row; a pullback carries it to what that row was computed from, and through a pool to all of the pool.
"""

from __future__ import annotations

from collections.abc import Iterable

from gradproof.oracles.ball import CONSTANT, LEAF, POOL, Tape, indices, precision
from gradproof.oracles.bound import slopes
from gradproof.oracles.certificate import Certificate

RANGE_SHARE = 0.25  # of the largest number: an engine's own intermediates may be a few times larger than ours


def reached(tape: Tape, rows: Iterable[int]) -> set[int]:
    """The rows that these were computed from, themselves included."""
    found = set(rows)
    for k in range(max(found, default=-1), -1, -1):
        if k not in found:
            continue
        args = tape.args[k]
        if tape.rows[k] is POOL:
            found.update(range(args[1], k))
            found.add(args[0])
            found.update(_siblings(tape, args[1]))
        else:
            found.update(args)
    return found


def _siblings(tape: Tape, first: int) -> Iterable[int]:
    """What every row of a pool was moved from."""
    k = first
    while k < len(tape.rows) and tape.rows[k] is POOL and tape.args[k][1] == first:
        yield tape.args[k][0]
        k += 1


def out_of_range(certificate: Certificate, adjoint: bool = True) -> set[int]:
    """Rows whose adjoint a value (or an adjoint, for the cotangent given) too large for the dtype may spoil."""
    tape, limit = certificate.recording.tape, certificate.unit.largest * RANGE_SHARE
    totals = certificate.sweep()[2].total if adjoint else []
    spoilt: set[int] = set()
    for k, args in enumerate(tape.args):
        if not abs(float(tape.values[k])) <= limit or any(i in spoilt for i in args if tape.rows[k] is not POOL):
            spoilt.add(k)
    return reached(tape, spoilt | {k for k, size in enumerate(totals) if not size <= limit})


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
    return reached(tape, found)


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
