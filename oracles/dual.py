"""Forward-mode duals: the op's NumPy meaning on numbers that carry their tangents, in floats, rationals or complex.

They share the scalar table with the judge (same lineage) and nothing else with it: no tape, no reverse sweep, no balls.
With empty tangents the same class evaluates the meaning scalar by scalar and logs every comparison, which is the branch
signature that differences need.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from gradproof.oracles.catalogue import op
from gradproof.oracles.certificate import Certificate
from gradproof.oracles.finding import Vote
from gradproof.oracles.graph import Array, Case, Graph, Node, evaluate
from gradproof.oracles.meaning import SCALARS
from gradproof.oracles.meaning_special import STEPS
from gradproof.oracles.scalar import BINARY, FLOAT, UNARY, Field

LINEAGE = "gradproof.scalar (forward)"


class Dual:
    """A number with a vector of tangents, over a field; comparisons are appended to ``log``."""

    __slots__ = ("field", "log", "tangent", "value")

    def __init__(self, field: Field, value: Any, tangent: Any, log: list[int]) -> None:
        self.field, self.value, self.tangent, self.log = field, value, tangent, log

    def _new(self, value: Any, tangent: Any) -> Dual:
        return Dual(self.field, value, tangent, self.log)

    def lift(self, other: Any) -> Dual:
        """``other`` as a number without tangent."""
        return other if type(other) is Dual else self._new(self.field.number(other), self.tangent * 0)

    def __add__(self, other: Any) -> Dual:
        if isinstance(other, np.ndarray):
            return NotImplemented
        other = self.lift(other)
        return self._new(self.value + other.value, self.tangent + other.tangent)

    __radd__ = __add__

    def __sub__(self, other: Any) -> Dual:
        if isinstance(other, np.ndarray):
            return NotImplemented
        other = self.lift(other)
        return self._new(self.value - other.value, self.tangent - other.tangent)

    def __rsub__(self, other: Any) -> Dual:
        return self.lift(other) - self

    def __mul__(self, other: Any) -> Dual:
        if isinstance(other, np.ndarray):
            return NotImplemented
        other = self.lift(other)
        return self._new(self.value * other.value, self.tangent * other.value + other.tangent * self.value)

    __rmul__ = __mul__

    def __truediv__(self, other: Any) -> Dual:
        if isinstance(other, np.ndarray):
            return NotImplemented
        return self.apply("divide", other)

    def __rtruediv__(self, other: Any) -> Dual:
        return self.lift(other) / self

    def __neg__(self) -> Dual:
        return self._new(-self.value, -self.tangent)

    def __abs__(self) -> Dual:
        return self.select(0, self, -self)

    def __float__(self) -> float:
        return float(self.field.real(self.value))

    def apply(self, name: str, *others: Any) -> Dual:
        """The scalar function ``name`` of the table, with the chain rule."""
        F = self.field
        if not others:
            row = UNARY[name]
            y = row.value(F, self.value)
            tangent = self.tangent * row.slope(F, self.value, y) if self.tangent.size else self.tangent
            return self._new(y, tangent)
        other = self.lift(others[0])
        binary = BINARY[name]
        y = binary.value(F, self.value, other.value)
        if not self.tangent.size:
            return self._new(y, self.tangent)
        pa, pb = binary.slopes(F, self.value, other.value, y)
        return self._new(y, _scaled(self.tangent, pa) + _scaled(other.tangent, pb))

    def _compare(self, other: Dual) -> int:
        a, b = self.field.real(self.value), self.field.real(other.value)
        sign = int(a > b) - int(a < b)
        self.log.append(sign)
        return sign

    def select(self, right: Any, a: Any, b: Any) -> Dual:
        """``a`` where this number is greater than ``right``, else ``b``."""
        return self.lift(a) if self._compare(self.lift(right)) > 0 else self.lift(b)

    def larger(self, other: Any) -> Dual:
        other = self.lift(other)
        return self if self._compare(other) > 0 else other

    def smaller(self, other: Any) -> Dual:
        other = self.lift(other)
        return self if self._compare(other) < 0 else other

    def sign(self) -> Dual:
        return self.lift(self._compare(self.lift(0)))

    def step(self, kind: str) -> Dual:
        found = float(STEPS[kind](float(self)))
        self.log.append(int(found))
        return self.lift(found)

    def quotient(self, other: Any) -> Dual:
        found = math.floor(self.field.real(self.value) / self.field.real(self.lift(other).value))
        self.log.append(found)
        return self.lift(found)

    def pooled(self, entries: Array, factor: float = 1.0, backward: Any = None) -> Array:
        return entries

    def frozen(self) -> Any:
        return self.field.real(self.value)


def _scaled(tangent: Any, slope: Any) -> Any:
    """tangent * slope, where a zero tangent passes no infinite slope."""
    return np.where(tangent == 0, tangent, tangent * slope) if tangent.dtype != object else tangent * slope


def run(graph: Graph, leaves: Sequence[Any], blank: Dual) -> list[Array]:
    """Outputs of the graph's meaning on object arrays of duals; ``blank`` lifts plain numbers (a sum over size 0)."""

    def lifted(result: Any) -> Array:
        out = np.asarray(result, dtype=object)
        if all(type(v) is Dual for v in out.flat):
            return out
        fixed = np.empty(out.shape, dtype=object)
        fixed.reshape(-1)[:] = [blank.lift(v) for v in out.flat]
        return fixed

    def call(node: Node, operands: list[Any]) -> Any:
        result = op(node.op).meaning(SCALARS, *operands, **node.params)
        return lifted(result) if node.results == 1 else [lifted(r) for r in result]

    values = evaluate(graph, call, leaves)
    return [values[o] for o in graph.outputs]


def projected(case: Case, field: Field, tangents: Array, log: list[int], moved: Sequence[Any] | None = None) -> Dual:
    """<cotangents, outputs> as one dual; row i of ``tangents`` belongs to the i-th primal entry."""
    blank = Dual(field, field.number(0), _none(tangents), log)
    numbers = leaves(case.graph, field, tangents, log) if moved is None else moved
    total = blank
    for output, cotangent in zip(run(case.graph, numbers, blank), case.cotangents, strict=True):
        for y, ct in zip(output.flat, np.ravel(cotangent).tolist(), strict=True):
            if ct != 0:
                total = total + y * ct
    return total


def _none(tangents: Array) -> Array:
    """No tangent, of the right width."""
    width = tangents.shape[1]
    return np.zeros(width) if tangents.dtype != object else np.array([tangents.flat[0] * 0] * width, dtype=object)


def leaves(graph: Graph, field: Field, tangents: Array, log: list[int]) -> list[Any]:
    """Leaves as duals; row i of ``tangents`` belongs to the i-th primal entry."""
    none = _none(tangents)
    out: list[Any] = []
    position = 0
    for leaf in graph.leaves:
        if leaf.constant and leaf.data.dtype.kind in "biu":
            out.append(leaf.data)
            continue
        numbers = np.empty(leaf.data.shape, dtype=object)
        flat = numbers.reshape(-1)
        for i, v in enumerate(leaf.data.ravel().tolist()):
            tangent = none
            if not leaf.constant:
                tangent = tangents[position]
                position += 1
            flat[i] = Dual(field, field.number(v), tangent, log)
        out.append(numbers)
    return out


def gradient(case: Case, field: Field = FLOAT) -> Array:
    """The gradient by forward mode, flat over the primal entries: one tangent a primal entry.

    Raises: ArithmeticError where a slope is not finite in the field.
    """
    n = sum(v.size for v in case.graph.primal_values)
    total = projected(case, field, np.eye(n), [])
    return np.asarray(total.tangent, dtype=float)


def vote(case: Case, g: Array, certificate: Certificate) -> Vote:
    """Does forward mode in float64 agree with the engine's gradient, to 64 roundings of what was summed?"""
    name = "duals"
    if certificate.kinked:
        return Vote(name, LINEAGE, "abstains", "on a kink a dual follows one branch only")
    try:
        with np.errstate(all="ignore"):
            mine = gradient(case)
    except (ArithmeticError, ValueError) as error:
        return Vote(name, LINEAGE, "abstains", f"{type(error).__name__} on the way")
    allowed = 64 * (np.array(certificate.bound) + certificate.unit.u * np.array(certificate.total))
    return compare(name, LINEAGE, g, mine, allowed)


def compare(name: str, lineage: str, g: Array, mine: Array, allowed: Array) -> Vote:
    """A vote by distance: agrees if every entry is within what is allowed, abstains where it cannot tell."""
    usable = np.isfinite(mine) & np.isfinite(allowed)
    if not usable.any() and len(g):
        return Vote(name, lineage, "abstains", "no finite entry to compare")
    with np.errstate(all="ignore"):
        off = usable & ~(np.abs(g - mine) <= allowed)
    if not off.any():
        return Vote(name, lineage, "agrees")
    i = int(np.flatnonzero(off)[0])
    return Vote(name, lineage, "disagrees", f"entry {i}: {float(g[i])!r} against {float(mine[i])!r} within {allowed[i]:.2g}")
