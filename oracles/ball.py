"""The tape of recorded scalars: a graph's NumPy meaning, run on object arrays, leaves one here.

Every value on the tape is an Arb ball that contains the exact value at the given inputs. The tape knows scalars only:
broadcasting, axes, transposes and indices are NumPy's work on the object array, so they cannot be wrong twice.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import flint
import numpy as np

from gradproof.oracles.graph import Array
from gradproof.oracles.scalar import ARB, BINARY, UNARY, Binary, Unary
from gradproof.oracles.special import whole

arb = flint.arb
PRECISION = 128
PRECISION_MAX = 4096


class Basic:
    """A row of the tape with its own case in the sweeps: leaves, exact moves, + - *, selections and jumps."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return self.name


LEAF, CONSTANT, ADD, SUBTRACT, NEGATIVE, MULTIPLY = map(
    Basic, ("leaf", "constant", "add", "subtract", "negative", "multiply")
)
SELECT = Basic("select")  # operands (l, r, a, b): a where l > r, b where l < r; either at a tie
JUMP = Basic("jump")  # sign(x): slope 0, a jump at 0
POOL = Basic("pool")  # operands (x, first): a move, in the pool of entries that starts at row ``first``

Row = Basic | Unary | Binary
Backward = Callable[[Array], Array] | None
DIVIDE = BINARY["divide"]


class precision:
    """Work at ``bits`` bits inside the block; flint's context is restored after it."""

    def __init__(self, bits: int) -> None:
        self.bits = bits

    def __enter__(self) -> None:
        self.before = flint.ctx.prec
        flint.ctx.prec = self.bits

    def __exit__(self, *exc: object) -> None:
        flint.ctx.prec = self.before


class Frozen(float):
    """A number that drops out of its formula exactly, so that it does not matter how the dtype rounds it."""


class Tape:
    """Rows in evaluation order, with the operands and the ball of each."""

    __slots__ = (
        "_constants", "_factor", "_factors", "_start", "_starts", "args", "backward", "choice", "gaps", "mixed", "moduli", "origin", "rows", "tangents", "values"
    )  # fmt: skip

    def __init__(self) -> None:
        self.rows: list[Row] = []
        self.args: list[tuple[int, ...]] = []
        self.values: list[arb] = []
        self.choice: dict[int, bool] = {}
        self.gaps: dict[int, tuple[float, tuple[float, ...]]] = {}  # of a jump: how far off it is, and each argument's share in that
        self.moduli: set[int] = set()  # rows of pools whose values, too, are known to the rounding of the largest alone
        self.mixed: set[int] = set()  # first rows of pools in which every adjoint is known as well as the worst alone
        self.origin: dict[int, int] = {}  # of a selection between twice the same entry, the row of that entry
        self.backward: dict[int, float] = {}  # by row: how many roundings of 1 away an algorithm may have read the entry
        self.tangents = 1 << 62  # first row of those that record tangents
        self._start, self._factor = 0, 1.0
        self._starts: list[int] = []
        self._factors: list[float] = []
        self._constants: dict[float, int] = {}  # their rows: a Scalar here would make a cycle, and tapes are many

    @property
    def start(self) -> int:
        """First row of the op being recorded: sums may be reordered within an op, not across ops."""
        return self._start

    @start.setter
    def start(self, row: int) -> None:
        self._level()
        self._start = row

    @property
    def factor(self) -> float:
        """Multiple of the rounding constants that the op being recorded declares."""
        return self._factor

    @factor.setter
    def factor(self, multiple: float) -> None:
        self._level()
        self._factor = multiple

    @property
    def starts(self) -> list[int]:
        """By row, the ``start`` it was recorded under."""
        self._level()
        return self._starts

    @property
    def factors(self) -> list[float]:
        """By row, the ``factor`` it was recorded under."""
        self._level()
        return self._factors

    def _level(self) -> None:
        """Bring both lists up to the rows: they change so seldom that to keep them row by row would cost more than the rows."""
        behind = len(self.rows) - len(self._starts)
        if behind:
            self._starts += [self._start] * behind
            self._factors += [self._factor] * behind

    def record(self, row: Row, args: tuple[int, ...], value: arb) -> Scalar:
        rows = self.rows
        index = len(rows)
        rows.append(row)
        self.args.append(args)
        self.values.append(value)
        return Scalar(self, index, value)

    def leaf(self, value: float) -> Scalar:
        return self.record(LEAF, (), arb(value))

    def leaves(self, values: Sequence[float]) -> list[Scalar]:
        """What ``leaf`` records, for many at once."""
        count, first = len(values), len(self.rows)
        balls = list(map(arb, values))
        self.rows += [LEAF] * count
        self.args += [()] * count
        self.values += balls
        return [Scalar(self, first + i, ball) for i, ball in enumerate(balls)]

    def constant(self, value: Any) -> Scalar:
        """A number that is not differentiated: a static parameter, or an exact ball such as sqrt(2)."""
        if isinstance(value, arb):
            return self.record(CONSTANT, (), value)
        if type(value) is Frozen:
            found = self.record(CONSTANT, (), arb(value))
            self.factors[found.index] = 0.0
            return found
        value = float(value)
        index = self._constants.get(value)
        if index is not None:
            return Scalar(self, index, self.values[index])
        found = self.record(CONSTANT, (), arb(value))
        self._constants[value] = found.index
        return found

    def pool(self, first: int) -> range:
        """The rows of the pool that starts at row ``first``."""
        last = first
        while last < len(self.rows) and self.rows[last] is POOL and self.args[last][1] == first:
            last += 1
        return range(first, last)

    def binary(self, row: Binary, x: Scalar, y: Scalar) -> Scalar:
        return self.record(row, (x.index, y.index), row.value(ARB, x.value, y.value))

    def select(self, left: Scalar, right: Scalar, a: Scalar, b: Scalar) -> Scalar:
        """``a`` where left > right, ``b`` where left < right; where both are one entry, that entry whichever is larger."""
        origin = self.origin.get(a.index, a.index)
        if origin == self.origin.get(b.index, b.index):  # recorded all the same: its adjoint may come in rounded shares
            b = a
            self.origin[len(self.rows)] = origin
        first = bool(left.value > right.value)
        result = self.record(SELECT, (left.index, right.index, a.index, b.index), a.value if first else b.value)
        self.choice[result.index] = first
        return result

    def replay(self, leaves: dict[int, arb] | None = None, weights: Mapping[int, arb] | None = None) -> list[arb]:
        """Every value again at the current precision, with some leaves moved.

        Selections keep their choice, but for those with a weight: they are that share of the first branch.
        """
        values: list[arb] = []
        append = values.append
        moved = leaves or {}
        weights = weights or {}
        for k, row in enumerate(self.rows):
            args = self.args[k]
            if row is LEAF:
                append(moved.get(k, self.values[k]))
            elif row is ADD:
                append(values[args[0]] + values[args[1]])
            elif row is MULTIPLY:
                append(values[args[0]] * values[args[1]])
            elif row is SUBTRACT:
                append(values[args[0]] - values[args[1]])
            elif row is NEGATIVE:
                append(-values[args[0]])
            elif row is SELECT:
                if k in weights:
                    append(values[args[3]] + weights[k] * (values[args[2]] - values[args[3]]))
                else:
                    append(values[args[2] if self.choice[k] else args[3]])
            elif row is CONSTANT or row is JUMP:
                append(self.values[k])
            elif row is POOL:
                append(values[args[0]])
            else:
                append(row.value(ARB, *(values[i] for i in args)))  # type: ignore[union-attr]
        return values


class Scalar:
    """A number on a tape. NumPy object arrays of these record every scalar operation of an op's meaning."""

    __slots__ = ("index", "tape", "value")

    def __init__(self, tape: Tape, index: int, value: arb) -> None:
        self.tape, self.index, self.value = tape, index, value

    def lift(self, other: Any) -> Scalar:
        """``other`` as a scalar of this tape."""
        return other if type(other) is Scalar else self.tape.constant(other)

    def __add__(self, other: Any) -> Scalar:
        if type(other) is not Scalar:
            if isinstance(other, np.ndarray):
                return NotImplemented  # NumPy then works elementwise
            if other == 0:
                return self
            other = self.tape.constant(other)
        return self.tape.record(ADD, (self.index, other.index), self.value + other.value)

    __radd__ = __add__

    def __sub__(self, other: Any) -> Scalar:
        if isinstance(other, np.ndarray):
            return NotImplemented
        other = self.lift(other)
        return self.tape.record(SUBTRACT, (self.index, other.index), self.value - other.value)

    def __rsub__(self, other: Any) -> Scalar:
        return self.lift(other) - self

    def __mul__(self, other: Any) -> Scalar:
        if type(other) is not Scalar:
            if isinstance(other, np.ndarray):
                return NotImplemented
            if other == 1:
                return self
            other = self.tape.constant(other)
        return self.tape.record(MULTIPLY, (self.index, other.index), self.value * other.value)

    __rmul__ = __mul__

    def __truediv__(self, other: Any) -> Scalar:
        if isinstance(other, np.ndarray):
            return NotImplemented
        return self.tape.binary(DIVIDE, self, self.lift(other))

    def __rtruediv__(self, other: Any) -> Scalar:
        return self.lift(other) / self

    def __neg__(self) -> Scalar:
        return self.tape.record(NEGATIVE, (self.index,), -self.value)

    def __float__(self) -> float:
        return float(self.value)

    def __abs__(self) -> Scalar:
        zero = self.tape.constant(0.0)
        return self.tape.select(self, zero, self, -self)

    def __repr__(self) -> str:
        return f"Scalar(#{self.index}, {float(self.value)!r})"

    def sign(self) -> Scalar:
        value = arb(1) if self.value > 0 else arb(-1) if self.value < 0 else arb(0)
        return self.tape.record(JUMP, (self.index,), value)

    def step(self, kind: str) -> Scalar:
        """This number made whole: floor, ceil, trunc or round (to even)."""
        value, gap = whole(kind, self.value)
        result = self.tape.record(JUMP, (self.index,), value)
        self.tape.gaps[result.index] = gap, (1.0,)
        return result

    def quotient(self, other: Any) -> Scalar:
        """The greatest whole number that is not above this number over the other."""
        y = self.lift(other)
        ratio = self.value / y.value
        result = self.tape.record(JUMP, (self.index, y.index), whole("floor", ratio)[0])
        near = whole("round", ratio)[0]
        self.tape.gaps[result.index] = abs(float(self.value - near * y.value)), (1.0, abs(float(near)))
        return result

    def apply(self, name: str, *others: Any) -> Scalar:
        """The scalar function ``name`` of the table at this number (and the others)."""
        if not others:
            row = UNARY[name]
            return self.tape.record(row, (self.index,), row.value(ARB, self.value))
        return self.tape.binary(BINARY[name], self, self.lift(others[0]))

    def select(self, right: Any, a: Any, b: Any) -> Scalar:
        """``a`` where this number is greater than ``right``, else ``b``."""
        return self.tape.select(self, self.lift(right), self.lift(a), self.lift(b))

    def larger(self, other: Any) -> Scalar:
        other = self.lift(other)
        return self.tape.select(self, other, self, other)

    def smaller(self, other: Any) -> Scalar:
        other = self.lift(other)
        return self.tape.select(other, self, self, other)

    def pooled(self, entries: Array, factor: float = 1.0, backward: Backward = None) -> Array:
        """``entries`` moved as one pool: an algorithm may know their adjoints to ``factor`` roundings of the largest.

        ``backward`` gives, of the floats, how many unit roundoffs away the algorithm may in effect have read each entry.
        """
        tape = self.tape
        first, before = len(tape.rows), tape.factor
        tape.factor = factor
        out = np.empty(entries.shape, dtype=object)
        out.reshape(-1)[:] = [tape.record(POOL, (x.index, first), x.value) for x in entries.flat]
        tape.factor = before
        if backward is not None:
            tape.backward.update(zip(range(first, len(tape.rows)), backward(entries.astype(float)).ravel().tolist(), strict=True))
        return out

    def frozen(self) -> float:
        """The nearest float, as a constant: a shift that cancels exactly, such as the max in logsumexp."""
        return Frozen(self.value)


def scalars(tape: Tape, data: Array) -> Array:
    """An object array of fresh leaves with the values of ``data``."""
    out = np.empty(data.shape, dtype=object)
    out.reshape(-1)[:] = tape.leaves(data.ravel().tolist())
    return out


def constants(tape: Tape, data: Array) -> Array:
    """An object array of constants with the values of ``data``."""
    out = np.empty(data.shape, dtype=object)
    out.reshape(-1)[:] = [tape.constant(v) for v in data.ravel().tolist()]
    return out


def lifted(tape: Tape, result: Any) -> Array:
    """The result of a meaning as an object array of scalars (a sum over size 0 is a plain 0)."""
    out = np.asarray(result, dtype=object)
    if {*map(type, out.ravel().tolist())} <= {Scalar}:
        return out
    fixed = np.empty(out.shape, dtype=object)
    fixed.reshape(-1)[:] = [v if type(v) is Scalar else tape.constant(v) for v in out.flat]
    return fixed


def indices(values: Array) -> Sequence[int]:
    """Tape positions of an object array of scalars, flattened."""
    return [v.index for v in values.flat]
