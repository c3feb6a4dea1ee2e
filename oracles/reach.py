"""Which rows of the tape, and so which primal entries, a trouble can reach: it excuses those and no others.

Four troubles are no fault of a rule: a number that leaves the range of the dtype; a slope that is infinite in the dtype
where exactly nothing is to pass it; an argument that rounding may carry to a singularity; a length at the origin. Each
starts at a row; a pullback carries it to what that row was computed from, and through a pool to all of the pool.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

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


def computed_from(tape: Tape, rows: Collection[int]) -> set[int]:
    """The rows that an engine computes from these; of a selection, from what it compares and the branch it takes."""
    found: set[int] = set()
    for k, args in enumerate(tape.args) if rows else ():
        row = tape.rows[k]
        read = args[:1] if row is POOL else (*args[:2], _taken(tape, k)) if row is SELECT else args
        if any(i in rows or i in found for i in read):
            found.add(k)
    return found


def overflown(certificate: Certificate) -> tuple[set[int], set[int]]:
    """Rows whose own value is too large for the dtype, and rows that an engine computes from such a value."""
    tape, limit = certificate.recording.tape, certificate.unit.largest * RANGE_SHARE
    large = {k for k, v in enumerate(tape.values) if not abs(float(v)) <= limit}
    large -= {k for k in large if tape.rows[k] is LEAF and not tape.values[k].is_finite()}  # a missing or a masked input is no overflow
    return large, computed_from(tape, large)


def out_of_range(certificate: Certificate, adjoint: bool = True) -> set[int]:
    """Rows whose adjoint a value (or an adjoint, for the cotangent given) too large for the dtype may spoil."""
    return _spoilt(certificate, *overflown(certificate), _large_adjoints(certificate) if adjoint else ())


def _large_adjoints(certificate: Certificate) -> set[int]:
    """Rows whose adjoint is too large for the dtype; one that is infinite exactly is a pole, not an overflow."""
    limit = certificate.unit.largest * RANGE_SHARE
    adjoints = certificate.sweep()[2]
    pairs = enumerate(zip(adjoints.value, adjoints.total, strict=True))
    return {k for k, (ct, size) in pairs if not size <= limit and ct is not None and ct.is_finite()}


def mixed(certificate: Certificate) -> set[int]:
    """Rows beside an adjoint too large for the dtype: a product with a matrix multiplies it by zeros, of a mask or a factor.

    Only a NaN can come of that. The entries are those of the operands of the node that has this adjoint, and no others.
    """
    over, graph, values = _large_adjoints(certificate), certificate.case.graph, certificate.recording.values
    found: set[int] = set()
    for value, node in graph.numbered() if over else ():
        if any(values[value + i].dtype == object and over.intersection(indices(values[value + i])) for i in range(node.results)):
            found.update(i for o in node.operands if values[o].dtype == object for i in indices(values[o]))
    return reached(certificate.recording.tape, found, both=certificate.forward.ties)


def _spoilt(certificate: Certificate, astray: set[int], below: set[int], more: Iterable[int] = ()) -> set[int]:
    """Rows whose adjoint is spoilt by values that go ``astray``, and by those computed from them (``below``).

    A sum passes its adjoint on whatever its operands are; a selection may take the other branch only where what it
    compares is itself computed from such a value, or where both are such. What an op computes inside and then discards
    (the exponential of elu at 1000) is its own business: no NaN of it is excused. What it does not discard counts where
    this cotangent is zero too: zero times the infinity is no number.
    """
    tape = certificate.recording.tape
    touched, turned = astray | below, _turned(tape, astray, below)
    starts = {k for k in touched if tape.rows[k] not in PLAIN and tape.rows[k] is not SELECT}
    if starts:
        used = reached(tape, certificate.outputs, both=certificate.forward.ties)
        results = {i for value in certificate.recording.values if value.dtype == object for i in indices(value)}
        starts &= used | results
    return reached(tape, starts | turned | set(more), both=turned | set(certificate.forward.ties))


def _turned(tape: Tape, astray: set[int], below: set[int]) -> set[int]:
    """Selections that may take the other branch."""
    pairs = {k: set(tape.args[k][:2]) for k in astray | below if tape.rows[k] is SELECT}
    return {k for k, pair in pairs.items() if pair & (below - astray) or pair <= astray}


def elsewhere(certificate: Certificate) -> set[int]:
    """Rows that have an adjoint where a selection, for a value too large for the dtype, takes the other branch."""
    tape = certificate.recording.tape
    turned = _turned(tape, *overflown(certificate))
    return reached(tape, turned, both=turned | set(certificate.forward.ties))


def edges(certificate: Certificate) -> set[int]:
    """Rows that an argument spoils which rounding may carry to a singularity or out of the domain."""
    return _around(certificate, set(certificate.forward.edges))


def undefined(certificate: Certificate) -> set[int]:
    """Rows that a value which is not finite, or a jump within rounding of its argument, spoils."""
    tape = certificate.recording.tape
    values = certificate.played or tape.values
    astray = {k for k, v in enumerate(values) if not v.is_finite()} | set(certificate.forward.jumps)
    return _around(certificate, astray)


def _around(certificate: Certificate, astray: set[int]) -> set[int]:
    """Rows that these spoil, by their own slopes and through what is computed from them."""
    if not astray:
        return astray
    tape = certificate.recording.tape
    through = _spoilt(certificate, astray, computed_from(tape, astray))
    return reached(tape, astray, both=certificate.forward.ties) | through


def untaken(certificate: Certificate, zero: bool = False) -> set[int]:
    """Rows below a slope that is infinite where exactly nothing passes it: NaN there is zero times infinity.

    ``zero`` asks it for cotangents that are all zero, where nothing passes anywhere.
    """
    tape = certificate.recording.tape
    adjoints = certificate.sweep()[2]
    fixed, rows = _fixed(tape), steep(certificate)
    found: set[int] = set()
    if certificate.higher:  # the tangents of an engine are infinite in all that these reach, and meet its zeros
        found.update(rows)
        for k, args in enumerate(tape.args):
            if any(i in found for i in args):
                found.add(k)
    for k, ends in rows.items():
        ct = adjoints.value[k]
        if zero or ct is None or ct.is_zero():
            found.add(k)
        held = {i for i in ends if fixed[i]}
        if held:
            found.update(_beside(certificate, k, held))
    return reached(tape, found, both=range(len(tape.rows)))


def steep(certificate: Certificate) -> dict[int, set[int]]:
    """Rows with a slope that is infinite in the dtype, and the operands it belongs to."""
    tape, limit = certificate.recording.tape, certificate.unit.largest
    values = certificate.played or tape.values
    found: dict[int, set[int]] = {}
    with precision(certificate.bits):
        for k, row in enumerate(tape.rows):
            if not hasattr(row, "c_slope"):
                continue
            ends = {
                i
                for i, p in zip(tape.args[k], slopes(tape, values, k), strict=True)
                if not p.is_finite() or abs(float(p)) > limit or not values[k].is_finite()
            }
            if ends:
                found[k] = ends
    return found


def below(certificate: Certificate, rows: Collection[int]) -> set[int]:
    """Rows that these were computed from, and where an operand is fixed (a factor's zeros) all entries beside it."""
    tape = certificate.recording.tape
    fixed, starts = _fixed(tape), set(rows)
    for k in rows:
        held = {i for i in tape.args[k] if fixed[i]}
        if held:
            starts |= _beside(certificate, k, held)
    return reached(tape, starts, both=certificate.forward.ties)


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
