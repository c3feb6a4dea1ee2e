"""The tape: nodes that remember how a value was made, and the reverse sweep that pulls cotangents back through them.

A node's id grows with time, so whatever reads a value has a greater id than the value: taking the newest node that has
a cotangent is already an evaluation order, and no part of the graph needs sorting or recursion.

Read ``Node``, ``apply`` and ``sweep`` first: ``unary`` and ``binary`` are fast paths of ``apply``. docs/engine.md traces
an example.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from heapq import heappop, heappush
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy import ndarray

from gradproof.engine.array import Array
from gradproof.engine.backend import IGNORE, Patch, error_state, raw
from gradproof.engine.errors import TapeError, misfit, missing_rule
from gradproof.engine.library import COMPLEX, FOREIGN, accept, buffer, copied, interpreted, is_complex, wide
from gradproof.engine.ops import ALIAS, LEAF, OPS, Op, Spec, op_of
from gradproof.engine.rows import RowSparse, rows_of
from gradproof.engine.state import lifting, recording, state

if TYPE_CHECKING:
    from gradproof.engine.anomaly import Watch

__all__ = [  # with what ops.py and state.py have of it
    "ALIAS", "LEAF", "NEVER", "NOTHING", "NUMBERS", "OPS", "Held", "Leaf", "Node", "Op", "Slot", "Spec", "apply", "binary",
    "compute", "leaf", "lifting", "newest_id", "op_of", "recording", "stand_in", "state", "sweep", "unary", "unbroadcast",
]  # fmt: skip

NOTHING: Mapping[str, Any] = {}
NEVER = 1 << 62  # the age of a value that no variable reaches
_next_id = itertools.count(1).__next__
newest_id = _next_id  # an id above those of all nodes so far


class Node:
    """How a value was made: the op, the nodes it read, and what its rules need (its residuals).

    ``oldest`` is the id of the oldest variable it depends on: a transform's result depends on something outside the
    transform exactly if ``oldest`` is below the transform's own variables. A node stands in for its own unsaved value.
    """

    __slots__ = ("dtype", "id", "inputs", "oldest", "op", "out", "params", "primals", "shape")

    def __init__(
        self,
        op: Op,
        inputs: Sequence[Node | None],
        primals: Any,  # a tuple of arrays and stand-ins; None once used up; a checkpoint.Segment where dropped
        out: Any,
        params: Mapping[str, Any],
        oldest: int,
        shape: tuple[int, ...],
        dtype: np.dtype[Any],
    ) -> None:
        self.id = _next_id()
        self.op = op
        self.inputs = inputs
        self.primals = primals
        self.out = out
        self.params = params
        self.oldest = oldest
        self.shape = shape
        self.dtype = dtype


class Leaf(Node):
    """A variable: what a sweep ends at, and where ``backward`` adds up the gradient."""

    __slots__ = ("grad",)

    def __init__(self, data: Any) -> None:
        super().__init__(LEAF, (), (), None, NOTHING, 0, data.shape, data.dtype)
        self.oldest = self.id
        self.grad: Array | None = None


def leaf(data: Any, outer: Node | None = None) -> Array:
    """A fresh variable; if ``outer`` is given, one whose cotangent an outer sweep passes on to ``outer``."""
    if outer is None:
        return Array(data, Leaf(data))
    return Array(data, Node(ALIAS, (outer,), (outer,), None, NOTHING, outer.oldest, data.shape, data.dtype))


# ---- recording

NUMBERS = frozenset({float, int, bool, complex})  # a Python number stays weak: it never changes a dtype


def apply(name: str, operands: Sequence[Any], params: Mapping[str, Any] = NOTHING) -> Array:
    """The value of a primitive, on the tape if any operand is."""
    if state.cast is not None:
        operands = state.cast(name, operands)
    if len(operands) == 1 and name in OPS:
        return unary(name, operands[0], params)
    op = op_of(name, len(operands))
    data: list[Any] = []
    inputs: list[Node | None] = []
    oldest = NEVER
    tracked = 0
    for i, x in enumerate(operands):
        node = None
        if type(x) not in NUMBERS:
            if type(x) is Array:
                node, x = x.node, x.data
                if node is not None:
                    tracked |= 1 << i
                    oldest = min(oldest, node.oldest)
            else:
                x = accept(x)
            if type(x) is not ndarray:
                return _elsewhere(name, operands, params)
        data.append(x)
        inputs.append(node)
    out = compute(op, data, params)
    if not tracked or not state.recording:
        return Array(out)
    keep_out, keep = op.plans.get(tracked) or op.plan(tracked)
    primals = tuple([x if kept else stand_in(x, n) for x, kept, n in zip(data, keep, inputs, strict=True)])
    return Array(out, Node(op, inputs, primals, out if keep_out else None, params, oldest, out.shape, out.dtype))


def unary(name: str, x: Any, params: Mapping[str, Any] = NOTHING) -> Array:
    """What apply does, for one operand, at half the overhead: most nodes are made here or below."""
    if type(x) is Array:
        data, node = x.data, x.node
    else:
        data, node = accept(x), None
    if type(data) is not ndarray:
        return _elsewhere(name, (x,), params)
    op = OPS[name]
    out = compute(op, (data,), params)
    if node is None or not state.recording:
        return Array(out)
    keep_out, (keep,) = op.plans.get(1) or op.plan(1)
    shape, kept_out = out.shape, out if keep_out else None
    if not shape and not params:
        data, kept_out = _number(data), _number(kept_out)
    return Array(out, Node(op, (node,), (data if keep else node,), kept_out, params, node.oldest, shape, out.dtype))


def binary(name: str, x: Any, y: Any) -> Array:
    """What apply does, for two operands and no parameters."""
    if type(x) is Array:
        a, m = x.data, x.node
    else:
        a, m = x if type(x) in NUMBERS else accept(x), None
    if type(y) is Array:
        b, n = y.data, y.node
    else:
        b, n = y if type(y) in NUMBERS else accept(y), None
    if type(a) not in _HERE or type(b) not in _HERE:
        return _elsewhere(name, (x, y), NOTHING)
    op = OPS[name]
    out = compute(op, (a, b), NOTHING)
    if m is None:
        if n is None:
            return Array(out)
        tracked, oldest = 2, n.oldest
    elif n is None:
        tracked, oldest = 1, m.oldest
    else:
        tracked, oldest = 3, m.oldest if m.oldest < n.oldest else n.oldest  # noqa: FURB136 - min() is a call, here too slow
    if not state.recording:
        return Array(out)
    keep_out, (keep_x, keep_y) = op.plans.get(tracked) or op.plan(tracked)
    shape, kept_out = out.shape, out if keep_out else None
    if not shape:
        a, b, kept_out = _number(a), _number(b), _number(kept_out)
    kept = (a if keep_x else m or stand_in(a, m), b if keep_y else n or stand_in(b, n))
    return Array(out, Node(op, (m, n), kept, kept_out, NOTHING, oldest, shape, out.dtype))


_HERE = NUMBERS | {ndarray}


def _number(x: Any) -> Any:
    """What is kept of an array of no axes, as NumPy's number: rules are a tenth faster on it, and give the same bits."""
    return x[()] if type(x) is ndarray else x


def compute(op: Op, data: Sequence[Any], params: Mapping[str, Any]) -> Any:
    """The kernel's result, as an array (NumPy makes a scalar of a 0-d one), with no warning for inf or nan.

    The one place where values are made: while a thread detects anomalies, anomaly.py stands in for it.
    """
    token = None if error_state.get() is IGNORE else error_state.set(IGNORE)
    try:
        out = op.kernel(*data, **params) if params else op.kernel(*data)
    except np.linalg.LinAlgError:
        raise
    except ValueError as error:
        raise misfit(op.name, data, params, error) from error
    finally:
        if token is not None:
            error_state.reset(token)
    if type(out) is ndarray:
        return out
    return out if type(out) in FOREIGN else np.asarray(out)


def _elsewhere(name: str, operands: Sequence[Any], params: Mapping[str, Any]) -> Array:
    """``apply``, where an operand is no NumPy array of float32, float64 or complex."""
    from gradproof.engine.foreign import apply as apply_elsewhere  # made of what stands here

    return apply_elsewhere(name, operands, params)


def stand_in(x: Any, node: Node | None) -> Any:
    """What is kept of an operand that no rule reads."""
    return node if node is not None else x if type(x) in NUMBERS else Spec(x.shape, x.dtype)


# ---- the reverse sweep


class Slot:
    """A node awaiting its turn, with the cotangent collected so far; ``owned`` if the sweep may add into it."""

    __slots__ = ("ct", "node", "owned")

    def __init__(self, node: Node, ct: Any) -> None:
        self.node, self.ct, self.owned = node, ct, False


def sweep(
    seeds: Iterable[tuple[Node, Any]], xp: Any, *, first: int = 0, stop: int = 0, release: bool = False
) -> dict[int, Slot]:
    """Pull cotangents back and return those that reach the variables, by node id.

    With ids in ``first .. stop - 1`` the variables are those of one transform and nothing older is visited; without,
    they are all the leaves. On ``xp = raw`` cotangents are plain arrays; on the engine's own functions they are
    Arrays and the sweep itself is recorded. ``release`` drops residuals behind the sweep.
    """
    watch = state.watch
    if watch is None:
        return _sweep(seeds, xp, first, stop, release, None)
    seeds = list(seeds)
    with watch.sweeping(seeds):
        return _sweep(seeds, xp, first, stop, release, watch)


def _sweep(
    seeds: Iterable[tuple[Node, Any]], xp: Any, first: int, stop: int, release: bool, watch: Watch | None
) -> dict[int, Slot]:
    """The sweep itself.

    The heap holds negated ids: ``heapq`` gives the smallest entry first and the sweep needs the newest node, so this
    makes a max-heap of it.
    """
    recorded = xp is not raw
    slots: dict[int, Slot] = {}
    heap: list[int] = []
    leaves: dict[int, Slot] = {}
    for node, ct in seeds:
        if node.id >= first:
            _collect(slots, heap, node, ct, xp)
    end = -stop
    while heap:
        if heap[0] > end:
            return slots
        slot = slots.pop(-heappop(heap))
        node, ct = slot.node, slot.ct
        if watch is not None:
            watch.arrived(node, ct)
        op, params, inputs, primals, out = node.op, node.params, node.inputs, node.primals, node.out
        if type(primals) is not tuple:
            if primals is None:
                raise TapeError(
                    f"backward through a part of the tape that an earlier backward used up (op '{op.name}'). "
                    "Compute the value again, or call the first backward with retain=True."
                )
            primals, out = primals.residuals(node)  # of a checkpoint: it runs its part of the tape again
        if not inputs:
            leaves[node.id] = slot
            continue
        if recorded:
            primals = tuple([_relink(p, n, first) for p, n in zip(primals, inputs, strict=True)])
            out = _relink(out, node, first)
        if out is None:
            out = node
        i = -1
        for target, rule in zip(inputs, op.rules):  # noqa: B905 - there is a rule for each input
            i += 1
            if target is None or (place := target.id) < first:
                continue
            if rule is None or (op.real_only and target.dtype in COMPLEX):
                raise missing_rule(op.name, i, rule is None)
            c = rule.pull(xp, ct, out, *primals, **params) if params else rule.pull(xp, ct, out, *primals)
            if watch is not None:
                watch.pulled(node, i, c)
            if place not in slots and type(c) is not Patch and c.dtype is target.dtype and c.shape == target.shape:
                slots[place] = Slot(target, c)  # most contributions are the first and fit (NumPy has one object a dtype)
                heappush(heap, -place)
            else:
                _collect(slots, heap, target, c, xp)
        if release:
            node.primals = node.out = None
    return slots if stop else leaves


class Held:
    """What a pullback of the user's own keeps: values that may be on an outer tape."""

    __slots__ = ("values",)

    def __init__(self, values: Sequence[Any]) -> None:
        self.values = values


def _relink(value: Any, node: Node | None, first: int) -> Any:
    """A saved array back on the tape, if what it depends on is older than this sweep's own variables."""
    if type(value) is Held:
        return Held([_relink(x.data, x.node, first) if type(x) is Array else x for x in value.values])
    if isinstance(value, np.generic):
        value = np.asarray(value)
    elif type(value) is not ndarray and type(value) not in FOREIGN:
        return value
    return Array(value, node if node is not None and node.oldest < first else None)


def _collect(slots: dict[int, Slot], heap: list[int], target: Node, c: Any, xp: Any) -> None:
    """Add a contribution to a node's cotangent: in place only in a buffer that was made here."""
    slot = slots.get(target.id)
    if type(c) is Patch:
        if not target.inputs and (slot is None or type(slot.ct) is RowSparse):  # a variable, whose rows alone are touched
            rows = rows_of(c, target.shape, target.dtype)
            if rows is not None:
                if slot is not None:
                    slot.ct = slot.ct.plus(rows)
                    return
                slots[target.id] = Slot(target, rows)
                heappush(heap, -target.id)
                return
        if slot is None:
            slot = slots[target.id] = Slot(target, buffer(target.shape, target.dtype, c.value))
            heappush(heap, -target.id)
        elif not slot.owned:
            slot.ct = copied(slot.ct)
        if type(slot.ct) is ndarray and not c.straight:  # a constant to the trace or the vmap that the value or a part of the key is in
            like = next((x for x in (c.value, *c.key) if interpreted(x)), None)
            slot.ct = slot.ct if like is None else buffer(target.shape, target.dtype, like) + slot.ct
        slot.owned = True
        c.add_into(slot.ct)
        return
    if c.shape != target.shape or c.dtype != target.dtype:
        if type(c) in FOREIGN:
            xp = FOREIGN[type(c)].raw
        if c.shape != target.shape:
            c = unbroadcast(xp, c, target.shape)
        if c.dtype != target.dtype:
            if is_complex(c.dtype) and not is_complex(target.dtype):
                c = xp.real(c)  # a real operand can change in one direction only
            c = xp.astype(c, dtype=target.dtype)
    if slot is None:
        slots[target.id] = Slot(target, c)
        heappush(heap, -target.id)
    elif slot.owned and (type(c) is ndarray or not interpreted(c)):
        slot.ct += c
    else:
        slot.ct = (slot.ct if type(slot.ct) is ndarray else wide(slot.ct)) + c
        kind = type(slot.ct)  # neither a NumPy scalar nor a recorded Array can be added into
        slot.owned = kind is ndarray or kind in FOREIGN


def unbroadcast(xp: Any, ct: Any, shape: tuple[int, ...]) -> Any:
    """Sum a cotangent of a broadcast result over the axes that its operand was broadcast along."""
    extra = len(ct.shape) - len(shape)
    stretched = tuple(i + extra for i, n in enumerate(shape) if n == 1 and ct.shape[i + extra] != 1)
    axes = (*range(extra), *stretched)
    if axes:
        ct = xp.sum(ct, axis=axes, keepdims=True)
    return xp.reshape(ct, shape=shape)
