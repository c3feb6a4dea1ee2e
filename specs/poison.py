"""Claim 13, watched: one NaN or Inf put into one entry of one value, or of one cotangent, and the gradients that it spoils.

A net is run once clean: its tape says which nodes read which, and what each keeps for its rules. From that follows where a
bad entry can get to. Then it is run once for every node and every pull of a rule, spoiled there, and what really came of it
is compared; and once more within ``detect_anomaly``, which has to name that very place.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

import gradproof.engine as ge
from gradproof.engine import anomaly, tape
from gradproof.engine.backend import Patch
from gradproof.engine.tape import Node, Op
from gradproof.specs.walk import tape_behind

Array = Any
Net = Callable[[dict[str, Any]], Any]
BAD = {"nan": math.nan, "inf": math.inf}


# ---- three nets

_rng = np.random.default_rng(0)
X, Y, LABELS = _rng.normal(size=(4, 3)), _rng.normal(size=(4, 2)), np.array([0, 1, 1, 0])
WEIGHTS = {
    "w1": _rng.normal(size=(3, 5)), "b1": _rng.normal(size=5), "w2": _rng.normal(size=(5, 2)), "b2": _rng.normal(size=2),
}  # fmt: skip


def dense(p: dict[str, Any]) -> Any:
    """Two layers and the cross entropy: every parameter reaches the loss through everything after it."""
    z = ge.matmul(X, p["w1"]) + p["b1"]
    h = ge.tanh(z)
    y = ge.matmul(h, p["w2"]) + p["b2"]
    scores = ge.nn.log_softmax(y)
    return ge.mean(scores[np.arange(4), LABELS]) * -1.0


def gated(p: dict[str, Any]) -> Any:
    """Layers whose rules read only which side of a threshold a value is on: ReLU, maximum, where."""
    z = ge.matmul(X, p["w1"]) + p["b1"]
    h = ge.nn.relu(z)
    y = ge.maximum(ge.matmul(h, p["w2"]), -1.0) + p["b2"]
    return ge.sum(ge.where(Y > 0, y, 0.5 * y))


def apart(p: dict[str, Any]) -> Any:
    """A sum of two losses that share nothing."""
    one = ge.sum(ge.square(ge.matmul(X, p["w1"]) + p["b1"]))
    two = ge.mean(ge.exp(p["w2"]) * p["b2"])
    return one + two


NETS: dict[str, Net] = {"dense": dense, "gated": gated, "apart": apart}


# ---- the clean run


@dataclass(frozen=True)
class Tape:
    """The nodes of a clean run in the order made, and where each parameter stands; ids count from the first parameter's."""

    nodes: tuple[Node, ...]
    parameters: dict[str, int]
    first: int

    def whole(self) -> frozenset[str]:
        """All parameters."""
        return frozenset(self.parameters)

    def forward_reach(self, spoiled: int) -> frozenset[str]:
        """Parameters whose gradient a bad entry in the value of a node can spoil."""
        bad = {spoiled}
        for node in self.nodes:  # in order of time: readers come later
            if any(n is not None and n.id in bad for n in node.inputs):
                bad.add(node.id)
        readers = [n for n in self.nodes if (n.out is not None and n.id in bad) or self._keeps(n, bad)]
        return self.behind({n.id for n in readers})

    def behind(self, nodes: set[int]) -> frozenset[str]:
        """Parameters that a cotangent leaving any of these nodes reaches."""
        reached = set(nodes)
        for node in reversed(self.nodes):
            if node.id in reached:
                reached |= {n.id for n in node.inputs if n is not None}
        return frozenset(name for name, i in self.parameters.items() if i in reached)

    @staticmethod
    def _keeps(node: Node, bad: set[int]) -> bool:
        kept = zip(node.primals, node.inputs, strict=True)
        return any(n is not None and n.id in bad and isinstance(x, np.ndarray) for x, n in kept)


def record(net: Net) -> Tape:
    """A clean run."""
    variables = {name: ge.variable(w) for name, w in WEIGHTS.items()}
    parameters = {name: v.node.id for name, v in variables.items() if v.node is not None}
    return Tape(tuple(tape_behind(net(variables).node)), parameters, min(parameters.values()))


# ---- the spoiled runs


@dataclass(frozen=True)
class Spoiled:
    """A place, what was put there, which gradients were not finite, which could be, and what ``detect_anomaly`` said."""

    net: str
    phase: str  # "forward" or "backward"
    what: str
    op: str
    found: frozenset[str]
    allowed: frozenset[str]
    whole: bool
    named: bool  # op, node, argument and line, all right

    @property
    def label(self) -> str:
        """The place, in words."""
        return f"{self.what} {self.phase} at {self.op} of the {self.net} net"


def spoiled_runs(name: str) -> Iterator[Spoiled]:
    """The net spoiled at every node forward, and at every pull of a rule backward, by NaN and by Inf."""
    clean = record(NETS[name])
    for what, value in BAD.items():
        for place, node in enumerate(clean.nodes):
            spoil = partial(_with_entry, value=value)
            yield _spoiled(name, what, clean, place, None, clean.forward_reach(node.id), spoil)
            for argument, target in enumerate(node.inputs):
                if target is not None:
                    yield _spoiled(name, what, clean, place, argument, clean.behind({target.id}), spoil)


def _spoiled(
    name: str, what: str, clean: Tape, place: int, argument: int | None, allowed: frozenset[str], spoil: Callable[[Any], Any]
) -> Spoiled:
    found, none = _run(NETS[name], place, argument, spoil, watched=False)
    _, error = _run(NETS[name], place, argument, spoil, watched=True)
    assert none is None
    node = clean.nodes[place]
    phase = "forward" if argument is None else "backward"
    named = error == (phase, node.op.name, node.id - clean.first, argument, True)
    return Spoiled(name, phase, what, node.op.name, found, allowed, found == clean.whole(), named)


Named = tuple[str, str, int, int | None, bool]  # phase, op, node counted from the first parameter, argument, right line


def _run(
    net: Net, place: int, argument: int | None, spoil: Callable[[Any], Any], watched: bool
) -> tuple[frozenset[str], Named | None]:
    """Which gradients of a run spoiled at one place are not finite; and what an error named, if one was raised."""
    variables = {name: ge.variable(w) for name, w in WEIGHTS.items()}
    first = min(v.node.id for v in variables.values() if v.node is not None)
    try:
        with _spoiling(net, place if argument is None else -1, spoil) as lines, ge.detect_anomaly() if watched else nullcontext():
            loss = net(variables)
            if argument is not None:
                _spoil_rule(tape_behind(loss.node)[place], argument, spoil)
            loss.backward()
    except ge.NonFiniteError as error:
        return frozenset(), (error.phase, error.op, error.node - first, error.argument, error.source == lines[place])
    bad = {name for name, v in variables.items() if v.grad is not None and not np.all(np.isfinite(v.grad.numpy()))}
    return frozenset(bad), None


@contextmanager
def _spoiling(net: Any, place: int, spoil: Callable[[Any], Any]) -> Iterator[list[str]]:
    """Within, the value of node ``place`` is spoiled; gives the line of the net that made each value, in order."""
    right, lines = tape.compute, list[str]()

    def computed(op: Op, data: Sequence[Any], params: Mapping[str, Any]) -> Array:
        lines.append(_line_of(net))
        out = right(op, data, params)
        return spoil(out) if len(lines) == place + 1 else out

    tape.compute = anomaly._plain_compute = computed
    try:
        yield lines
    finally:
        tape.compute = anomaly._plain_compute = right


def _spoil_rule(node: Node, argument: int, spoil: Callable[[Any], Any]) -> None:
    """What one rule gives for one argument is spoiled."""
    rules = list(node.op.rules)
    rule = rules[argument]
    assert rule is not None
    pull = rule.pull
    rules[argument] = rule._replace(pull=lambda *args, **params: spoil(pull(*args, **params)))
    node.op = Op(node.op.name, node.op.kernel, tuple(rules))


def _with_entry(x: Any, value: float) -> Any:
    if isinstance(x, Patch):
        return Patch(x.key, _with_entry(x.value, value))
    x = np.array(x)
    x.flat[0] = value
    return x


def _line_of(net: Any) -> str:
    frame = sys._getframe(1)
    while frame.f_code is not net.__code__:
        assert frame.f_back is not None
        frame = frame.f_back
    return f"{frame.f_code.co_filename}:{frame.f_lineno}"
