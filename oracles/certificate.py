"""The judge's reference for one case: the exact gradient as balls, the bound beside it, and the accepted set at kinks.

``certify`` runs each op's NumPy meaning on recorded scalars, then sweeps; it never sees an engine.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from gradproof.oracles.ball import (
    PRECISION,
    PRECISION_MAX,
    Tape,
    arb,
    constants,
    indices,
    lifted,
    precision,
    scalars,
)
from gradproof.oracles.bound import Forward, Rounding, forward
from gradproof.oracles.catalogue import op
from gradproof.oracles.graph import Array, Case, Graph, Node, evaluate
from gradproof.oracles.meaning import SCALARS
from gradproof.oracles.sweep import Adjoints, reverse

INTERVAL = arb(0.5, 0.5)


@dataclass
class Recording:
    """A graph on a tape: the object array of each value, and which op recorded which rows."""

    tape: Tape
    values: list[Array]
    owners: list[tuple[int, int, str]] = field(default_factory=list)  # first row, value id, op
    spelled: bool = False  # from a formula, which may write a saturating function with exp and a quotient

    def owner(self, row: int) -> tuple[int, str]:
        """Value id and op that recorded a row of the tape."""
        found = (0, "leaf")
        for first, value, name in self.owners:
            if first > row:
                break
            found = (value, name)
        return found


def record(graph: Graph) -> Recording:
    """Run the graph's NumPy meaning on scalars of a fresh tape, at the current precision."""
    tape = Tape()
    leaves: list[Any] = []
    for leaf in graph.leaves:
        if leaf.constant:
            leaves.append(leaf.data if leaf.data.dtype.kind in "biu" else constants(tape, leaf.data))
        else:
            leaves.append(scalars(tape, leaf.data))
    recording = Recording(tape, [])
    value = len(graph.leaves)

    def call(node: Node, operands: list[Any]) -> Any:
        nonlocal value
        row = op(node.op)
        tape.start = len(tape.rows)
        recording.owners.append((tape.start, value, node.op))
        value += node.results
        result = row.meaning(SCALARS, *operands, **node.params)
        return lifted(tape, result) if node.results == 1 else [lifted(tape, r) for r in result]

    recording.values = evaluate(graph, call, leaves)
    return recording


@dataclass
class Certificate:
    """Exact values and gradients of a case as balls, with their bounds; flat, in the order of the primals.

    ``value`` and ``value_error``: outputs, concatenated, and the forward bound of each entry.
    ``gradient``, ``bound``, ``total``: for every primal entry, the ball, the bound B, and S = sum |contributions|.
    ``ties``: ambiguous selections that a nonzero adjoint met; ``singular``: lengths at the origin met likewise.
    """

    case: Case
    unit: Rounding
    recording: Recording
    forward: Forward
    bits: int
    value: list[arb]
    value_error: list[float]
    gradient: list[arb]
    bound: list[float]
    total: list[float]
    ties: list[int]
    singular: list[int]
    slots: list[int] = field(default_factory=list)
    seeds: list[tuple[int, arb]] = field(default_factory=list)
    played: list[arb] | None = None
    swept: dict[str, tuple[list[arb], list[float], Adjoints]] = field(default_factory=dict)  # sweeps that are asked for again
    higher: bool = False  # tangents are recorded too: then the choice at a tie is one of values, and not of slopes alone

    @property
    def outputs(self) -> list[int]:
        """Tape positions of the output entries."""
        return [k for k, _ in self.seeds]

    @property
    def kinked(self) -> bool:
        return bool(self.ties or self.singular)

    def sweep(
        self, weights: dict[int, arb] | None = None, wide: bool = False, errors: Forward | None = None
    ) -> tuple[list[arb], list[float], Adjoints]:
        """Gradient and bound at the primal entries, for a choice of weights at ties."""
        if not weights and not wide and errors is None and "plain" in self.swept:
            return self.swept["plain"]
        tape, values, errors = self.recording.tape, self.played, errors or self.forward
        with precision(self.bits):
            if self.higher and weights:
                values = tape.replay(weights=weights)
                if wide:
                    errors = forward(tape, self.unit, errors.lossy, errors.spelled, values)
            adjoints = reverse(tape, errors, self.unit, self.seeds, weights, values, wide)
        zero = arb(0)
        balls = [zero if (a := adjoints.value[i]) is None else a for i in self.slots]
        return balls, [adjoints.error[i] for i in self.slots], adjoints

    def enclosure(
        self, errors: Forward | None = None, weights: Mapping[int, arb] | None = None
    ) -> tuple[list[arb], list[float]]:
        """Every intensional derivative at the ties met: each tie's weight is the ball [0, 1].

        ``weights`` are slopes at singular points, where they are known.
        """
        if not self.kinked and errors is None and not weights:
            return self.gradient, self.bound
        if errors is None and not weights and "open" in self.swept:
            return self.swept["open"][:2]
        open_ = dict.fromkeys(self.forward.ties, INTERVAL) if self.kinked else {}
        balls, bounds, _ = self.sweep({**open_, **(weights or {})}, wide=self.kinked, errors=errors)
        return balls, bounds

    def spread(self) -> list[arb] | None:
        """The values of the tape for every choice at the ties, where that differs from those of a replay."""
        if not (self.higher and self.forward.ties):
            return self.played
        with precision(self.bits):
            return self.recording.tape.replay(weights=dict.fromkeys(self.forward.ties, INTERVAL))

    def lossy(self) -> Forward:
        """The forward errors with saturating functions widened (docs/judge.md 2); sweeps with them are widened too."""
        with precision(self.bits):
            return forward(self.recording.tape, self.unit, lossy=True, spelled=self.recording.spelled, played=self.played)

    def largest(self) -> float:
        """The largest magnitude any value or adjoint of the computation reaches."""
        _, _, adjoints = self.sweep()
        sizes = [abs(float(v)) for v in self.recording.tape.values]
        sizes += [t for t in adjoints.total if not math.isnan(t)]
        return max(sizes, default=0.0)


def certify(case: Case) -> Certificate:
    """The exact gradient of a case, certified: precision doubles until the radius is below a sixteenth of the bound."""
    with precision(PRECISION):
        recording = record(case.graph)
    values, graph = recording.values, case.graph
    return certify_recording(case, recording, [values[p] for p in graph.primals], [values[o] for o in graph.outputs])


def certify_recording(
    case: Case, recording: Recording, primals: Sequence[Array], outputs: Sequence[Array], higher: bool = False
) -> Certificate:
    """``certify`` for a recording made in any way, given the scalars that are its primals and its outputs.

    ``higher``: the outputs are tangents of the recording's own (``oracles.tangents``).
    """
    unit = Rounding.of(case.graph.dtype)
    with precision(PRECISION):
        bounds = forward(recording.tape, unit)
    slots = [i for p in primals for i in indices(p)]
    ends = [scalar for output in outputs for scalar in output.flat]
    weights = [arb(ct) for cotangent in case.cotangents for ct in cotangent.ravel().tolist()]
    seeds = [(scalar.index, weight) for scalar, weight in zip(ends, weights, strict=True)]
    value = [scalar.value for scalar in ends]
    value_error = [bounds.dv[scalar.index] for scalar in ends]
    certificate = Certificate(
        case, unit, recording, bounds, PRECISION, value, value_error, [], [], [], [], [], slots, seeds, higher=higher
    )
    while True:
        balls, errors, adjoints = certificate.sweep()
        tight = _tight(balls, errors) and _tight(certificate.value, value_error)
        if tight or adjoints.singular or certificate.bits >= PRECISION_MAX:  # more bits do not narrow a disc
            break
        certificate.bits *= 2
        with precision(certificate.bits):
            played = certificate.played = recording.tape.replay()
            bounds = certificate.forward = forward(recording.tape, unit, played=played)
        certificate.value = [played[k] for k in certificate.outputs]
        value_error = certificate.value_error = [bounds.dv[k] for k in certificate.outputs]
    certificate.gradient, certificate.bound = balls, errors
    certificate.swept["plain"] = balls, errors, adjoints
    certificate.total = [adjoints.total[i] for i in slots]
    if adjoints.met or adjoints.singular:  # other choices may reach further ties
        certificate.swept["open"] = certificate.sweep(dict.fromkeys(bounds.ties, INTERVAL), wide=True)
        adjoints = certificate.swept["open"][2]
    certificate.ties, certificate.singular = adjoints.met, adjoints.singular
    return certificate


def _tight(balls: Sequence[arb], bounds: Sequence[float]) -> bool:
    """Whether every radius is below a sixteenth of its bound, where there is anything to know."""
    return all(
        float(ball.rad()) <= bound / 16 or not ball.is_finite() or bound == math.inf
        for ball, bound in zip(balls, bounds, strict=True)
    )
