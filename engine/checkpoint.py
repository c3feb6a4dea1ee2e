"""Activation checkpointing: residuals dropped after the forward pass, and computed again when the sweep needs them.

A checkpointed part of the tape keeps its nodes but not their residuals. The first of them that a sweep meets runs the part
again, and every node then finds its residuals as they were. The sweep is the same sweep over the same nodes, so gradients are
those of the unchecked function bit for bit, in any order of differentiation.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial, wraps
from typing import Any

from gradproof.engine.array import Array, as_array
from gradproof.engine.backend import quiet
from gradproof.engine.errors import CheckpointError, a_function
from gradproof.engine.library import interpreted
from gradproof.engine.memory import arrays_of, buffer, nodes_behind, saved_bytes
from gradproof.engine.schedule import Plan, advances, planned, split
from gradproof.engine.tape import LEAF, Node, leaf, lifting, newest_id, recording, state

Step = Callable[[Any], Any]


class Segment:
    """What the nodes of a checkpointed part hold in place of residuals: how to run the part again, and from what."""

    __slots__ = ("again", "ids", "inputs", "lift", "restored")

    def __init__(self, again: Callable[[], Sequence[Array]], inputs: Sequence[Any]) -> None:
        self.again, self.inputs = again, inputs
        self.ids: list[int] = []
        self.lift = state.lift  # of the vmap that the part is in, which is over when the sweep around it comes
        self.restored: list[tuple[int, Node]] = []

    def take(self, nodes: Sequence[Node]) -> None:
        """Drop the residuals of nodes, oldest first, that this part made."""
        for node in nodes:
            self.ids.append(node.id)
            if node.op is not LEAF:
                node.primals, node.out = self, None

    def residuals(self, node: Node) -> tuple[tuple[Any, ...], Any]:
        """The primals and out of a node. A sweep goes from new to old, so whatever is newer is dropped on the way."""
        kept = self.restored
        while kept and kept[-1][0] > node.id:
            kept.pop()
        if not kept:
            self._restore()
            while kept[-1][0] > node.id:
                kept.pop()
        twin = kept.pop()[1]
        primals, out = twin.primals, twin.out
        return primals.residuals(twin) if isinstance(primals, Segment) else (primals, out)

    def kept_for(self, node: Node) -> list[Any]:
        """The arrays kept in place of residuals, named at the first node."""
        return [kept for x in self.inputs for kept in arrays_of(x.data)] if node.id == self.ids[0] else []

    def _restore(self) -> None:
        before = newest_id()
        with quiet(), recording(True), lifting(self.lift):
            outs = self.again()
        twins = nodes_behind(outs, above=before)
        if len(twins) != len(self.ids):
            raise CheckpointError(
                f"a checkpointed function recorded {len(self.ids)} nodes at first and {len(twins)} when run again. It must do "
                "the same each time: pass random numbers and counters in as arguments."
            )
        self.restored.extend(zip(self.ids, twins, strict=True))


def checkpoint(f: Callable[..., Any]) -> Callable[..., Any]:
    """f, keeping only its arguments for the backward pass; what lies between is computed again. May be nested.

    f must do the same when run again; that it recorded as many nodes is checked.

    >>> import gradproof.engine as ge
    >>> x = ge.variable([1.0, 2.0])
    >>> f = lambda x: ge.exp(ge.sin(ge.exp(x)))
    >>> ge.saved_bytes(f(x), but=[x]).total, ge.saved_bytes(ge.checkpoint(f)(x), but=[x]).total
    (32, 0)
    """
    a_function(f, "checkpoint")

    @wraps(f)
    def checkpointed(*args: Any, **kwargs: Any) -> Any:
        before = newest_id()
        out = f(*args, **kwargs)
        outs = _arrays(out)
        made = nodes_behind(outs, above=before)
        if made:
            inputs = [x for x in _arrays([args, kwargs]) if x.node is None or x.node.id <= before]
            Segment(lambda: _arrays(f(*args, **kwargs)), inputs).take(made)
        return out

    return checkpointed


def _arrays(value: Any) -> list[Array]:
    """The Arrays in nested tuples, lists and dicts, and those inside a batch, where the tapes around it are."""
    if isinstance(value, Array):
        return [value, *_arrays(value.data.inner)] if interpreted(value.data) and hasattr(value.data, "inner") else [value]
    if isinstance(value, dict):
        value = value.values()
    elif not isinstance(value, tuple | list):
        return []
    return [x for item in value for x in _arrays(item)]


# ---- chains


def checkpoint_chain(steps: Sequence[Step], x: Any, slots: int) -> Array:
    """steps[-1](... steps[0](x)), keeping the residuals of one step and ``slots`` states (x is one) at a time.

    Steps are run ``advances(len(steps), slots)`` times, which is the least there is, besides once to tape each.
    """
    advances(len(steps), slots)  # says what is wrong with them
    return _binomial(list(steps), as_array(x), slots)


def _binomial(steps: list[Step], x: Array, slots: int) -> Array:
    while len(steps) > 1:
        k = split(len(steps), slots)
        x = _advanced(steps[:k], x, partial(_binomial, slots=slots))
        steps, slots = steps[k:], max(slots - 1, 1)
    return as_array(steps[0](x))


def _advanced(steps: list[Step], x: Array, again: Callable[[list[Step], Array], Array]) -> Array:
    """The state after some steps, whose residuals are dropped step by step."""
    segment = Segment(lambda: [again(steps, x)], [x])
    state, start = x, newest_id()
    for step in steps:
        before = newest_id()
        state = as_array(step(state))
        segment.take(nodes_behind([state], above=before))
    reached = {node.id for node in nodes_behind([state], above=start)}
    segment.ids = [i for i in segment.ids if i in reached]
    return state


def checkpoint_within(steps: Sequence[Step], x: Any, budget: int) -> Array:
    """steps[-1](... steps[0](x)), with the schedule that runs fewest steps and keeps at most ``budget`` bytes.

    Raises: CheckpointError if no schedule fits.
    """
    x = as_array(x)
    return _planned(list(steps), x, plan_within(steps, x, budget).parts)


def plan_within(steps: Sequence[Step], x: Any, budget: int) -> Plan:
    """The plan that ``checkpoint_within`` follows. Each step is run once, to count its bytes."""
    states, kept = [], []
    state = Array(as_array(x).data)
    for step in steps:
        variable = leaf(state.data)
        out = as_array(step(variable))
        states.append(state.data.nbytes)
        own = 0 if buffer(out.data) is buffer(state.data) else out.data.nbytes
        kept.append(saved_bytes(out, but=(state, out, *captured(step))).total + own)
        state = Array(out.data)
    return planned(states, kept, budget)


def captured(step: Step) -> list[Array]:
    """The Arrays that a function closes over: its parameters, which live anyway."""
    cells = getattr(step, "__closure__", None) or ()
    return _arrays([*(c.cell_contents for c in cells), *(getattr(step, "__defaults__", None) or ())])


def _planned(steps: list[Step], x: Array, parts: Sequence[Any]) -> Array:
    ends = [p[1] for p in parts[1:]]
    for n, part in enumerate(parts):
        if part[0] == "tape":
            x = as_array(steps[part[1]](x))
        else:
            x = _advanced(steps[part[1] : ends[n]], x, _follow(steps, part[2]))
    return x


def _follow(steps: list[Step], parts: Sequence[Any]) -> Callable[[list[Step], Array], Array]:
    return lambda _, x: _planned(steps, x, parts)
