"""A case linearised at its inputs, and one number out of it: <cotangent, Df(x) d> with a bound on every error in it."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from gradproof.oracles.bound import Rounding
from gradproof.oracles.catalogue import op
from gradproof.oracles.graph import Array, Case, Graph, Node, evaluate
from gradproof.oracles.large.arrays import ARRAYS
from gradproof.oracles.large.pushforward import Pushforward
from gradproof.oracles.large.steps import Pushed
from gradproof.oracles.large.tracked import NotLinearised, Tracked, lift

U64 = 2.0**-53
LIMIT = 20_000  # scalars that the judge's tape holds with ease: 0.2 s
SMALL = 1_000  # entries of inputs and outputs up to which nothing is counted: a tape past the limit is rare there

UNFOLLOWED = frozenset({"linalg.cross", "linalg.kron"})


@dataclass(frozen=True)
class Projection:
    """<ct, Df(x) d>: its value, the sum ``bound`` of the errors that the engine's entries may have times |d|, the
    reference's own error ``own``, what the terms amount to, and the half-width of the hull at kinks."""

    value: float
    bound: float
    own: float
    amount: float
    hull: float

    @property
    def finite(self) -> bool:
        return all(map(math.isfinite, (self.value, self.bound, self.hull)))


@dataclass
class Linearised:
    """A case on whole arrays. ``values`` are those of the graph, ``outputs`` the tracked outputs.

    Raises: NotLinearised where an op has no meaning on whole arrays (elimination: solve, inv, det, cholesky).
    """

    case: Case
    flow: Pushforward
    values: list[Any]
    widened: Callable[[], Linearised]  # the same with digits lost in saturated tails allowed for

    @staticmethod
    def of(case: Case, lossy: bool = False) -> Linearised:
        """Run the graph's meaning on tracked arrays, in float64 at the inputs as given."""
        flow = Pushforward(Rounding.of(case.graph.dtype), lossy=lossy)
        leaves = leaves_on(flow, case.graph)

        def call(node: Node, operands: list[Any]) -> Any:
            row = op(node.op)
            if row.factorises or node.op in UNFOLLOWED:
                raise NotLinearised(f"{node.op} is not judged on large arrays yet: its meaning is elimination, or products of entries one by one")
            if row.family == "complex":
                raise NotLinearised(f"{node.op} is not judged on large arrays yet: its meaning is on complex numbers")
            result = row.meaning(ARRAYS, *operands, **node.params)
            return lift(flow, result) if node.results == 1 else [lift(flow, r) for r in result]

        with np.errstate(all="ignore"):
            values = evaluate(case.graph, call, leaves)
        return Linearised(case, flow, values, lambda: Linearised.of(case, lossy=True))

    @property
    def outputs(self) -> list[Tracked]:
        return [self.values[o] for o in self.case.graph.outputs]

    @cached_property
    def cotangents(self) -> list[Array]:
        return [np.asarray(c, dtype=np.float64) for c in self.case.cotangents]

    @cached_property
    def starts(self) -> list[int]:
        """First flat position of each primal, and the number of entries in all."""
        return [0, *np.cumsum([v.size for v in self.case.graph.primal_values]).tolist()]

    @property
    def size(self) -> int:
        return int(self.starts[-1])

    @cached_property
    def buffers(self) -> list[tuple[Array, Array]]:
        """Room for a direction and its places at each primal: fresh pages would cost as much as the push."""
        return [(np.zeros(v.size), np.zeros(v.size)) for v in self.case.graph.primal_values]

    def fill(self, entries: Array, amounts: Any, ones: float) -> list[Pushed | None]:
        """One direction a primal, with ``amounts`` at flat positions ``entries``; None where all of it is zero."""
        out: list[Pushed | None] = []
        for k, v in enumerate(self.case.graph.primal_values):
            start, stop = self.starts[k : k + 2]
            here = (entries >= start) & (entries < stop)
            if not here.any():
                out.append(None)
                continue
            d, m = self.buffers[k]
            d[entries[here] - start], m[entries[here] - start] = amounts[here], ones
            out.append(Pushed(d.reshape(v.shape), m.reshape(v.shape), np.broadcast_to(0.0, v.shape)))
        return out

    def project(self, entries: Array, amounts: Array) -> Projection:
        """<ct, Df(x) d> for the direction d with ``amounts`` (at most 1 in size) at flat positions ``entries``."""
        pushed, underflow = self.flow.push(self.fill(entries, amounts, 1.0), [y.position for y in self.outputs])
        sums: list[float] = []
        bound = amount = hull = 0.0
        for ct, x in zip(self.cotangents, pushed, strict=True):
            if x is None:
                continue
            size = np.abs(ct)
            with np.errstate(all="ignore"):
                sums.append(exactly(_each(ct, x.t)))
                bound += float(np.sum(_each(size, x.e)))
                amount += float(np.sum(_each(size, x.m)))
                hull += 0.0 if x.h is None else float(np.sum(_each(size, x.h)))
        self.fill(entries, np.zeros(len(entries)), 0.0)
        value = sum(sums)
        own = bound * (U64 / self.flow.unit.u) + 4 * U64 * amount
        return Projection(value, bound + underflow, own + underflow, amount, hull)


def leaves_on(flow: Pushforward, graph: Graph) -> list[Any]:
    """The leaves as tracked arrays, the primals as inputs of the flow; integers and booleans as they are."""
    leaves: list[Any] = []
    for leaf in graph.leaves:
        if leaf.constant and leaf.data.dtype.kind in "biu":
            leaves.append(leaf.data)
            continue
        data = leaf.data.astype(np.float64)
        error = flow.unit.u * np.abs(data)
        leaves.append(lift(flow, data) if leaf.constant else Tracked(flow, data, error, exact=True, position=flow.entry()))
    return leaves


def exactly(terms: Array) -> float:
    """The sum, rounded once."""
    return math.fsum(terms.ravel().tolist()) if np.isfinite(terms).all() else math.nan


def _each(ct: Array, x: Array) -> Array:
    """ct * x, where a cotangent that is exactly zero asks for nothing."""
    return np.where(ct == 0, 0.0, ct * x)


def scalars(case: Case) -> float:
    """How many scalars the judge's tape would hold for a case, about; infinite where that is not known."""
    try:
        return float(sum(leaf.data.size for leaf in case.graph.leaves) + Linearised.of(case).flow.work)
    except NotLinearised:
        return math.inf


def is_large(case: Case) -> bool:
    """Whether a case is too large for the judge's tape of scalars."""
    return entries(case) > SMALL and LIMIT < scalars(case) < math.inf


def entries(case: Case) -> int:
    """Entries of all inputs and outputs."""
    return sum(leaf.data.size for leaf in case.graph.leaves) + sum(c.size for c in case.cotangents)


def located(case: Case, flat: int) -> tuple[int, tuple[int, ...]]:
    """Value id of the primal and the index in it, of a flat position."""
    values: Sequence[Array] = case.graph.primal_values
    for value, data in zip(case.graph.primals, values, strict=True):
        if flat < data.size:
            return value, tuple(int(i) for i in np.unravel_index(flat, data.shape))
        flat -= data.size
    raise IndexError(flat)
