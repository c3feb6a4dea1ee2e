"""Hooks: a function of the user's that sees a value as it is made, or its cotangent as it passes, and may replace it.

A hook on a cotangent sees the whole of it: after all that reads the value has added its part, before the op that made the
value passes it on. Hooks on one value run in the order they were registered, each given what the one before gave. Within a
recorded sweep (nested transforms) the cotangent is on the tape, and what a hook makes of it is differentiated too.

The sweep knows nothing of hooks: a hooked node has an op of its own, whose rules run the hooks first.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Self

import numpy as np

from gradproof.engine.array import Array, as_array
from gradproof.engine.errors import DtypeError, ShapeError, TapeError, a_function
from gradproof.engine.library import full, name_of
from gradproof.engine.rules import Rule
from gradproof.engine.tape import NOTHING, Node, Op, state

Hook = Callable[[Array], Any]
HOOK = Op("hook", lambda x: x, (Rule(frozenset(), lambda xp, ct, out, x: ct),))


class Handle:
    """A registered hook: ``remove()`` takes it off again, and so does the end of a ``with`` block."""

    __slots__ = ("_hook", "_hooks")

    def __init__(self, hooks: list[Hook], hook: Hook) -> None:
        a_function(hook, "register_hook")
        self._hooks, self._hook = hooks, hook
        hooks.append(hook)

    def remove(self) -> None:
        """Take the hook off; again does nothing."""
        if self._hook in self._hooks:
            self._hooks.remove(self._hook)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.remove()


def register(x: Array, hook: Hook) -> Handle:
    """What ``x.register_hook(hook)`` does."""
    node = x.node
    if node is None:
        raise TapeError("a hook on a value that is on no tape would never run. Put it on a value that depends on a variable.")
    if not node.op.hooks:
        node.op = _hooked(node)
    return Handle(node.op.hooks, hook)


def hook(x: Any, on_value: Hook | None = None, on_cotangent: Hook | None = None) -> Array:
    """x, watched: ``on_value`` is given the value now, ``on_cotangent`` its cotangent whenever one passes backwards.

    Each may return a replacement of the same shape and dtype, or None. A replaced value passes its cotangent straight on to x.
    Within vmap, where the tape is around it, both are given all examples at once, along a first axis.

    >>> import gradproof.engine as ge
    >>> ge.grad(lambda x: ge.hook(x, on_cotangent=lambda ct: 10.0 * ct) ** 2)(3.0)
    Array(60., dtype=float64)
    """
    for f in (on_value, on_cotangent):
        if f is not None:
            a_function(f, "hook")
    x = as_array(x)
    data = x.data
    if x.node is None and hasattr(data, "of_all"):
        return Array(data.of_all(lambda examples: hook(examples, on_value, on_cotangent)))
    if on_value is not None:
        data = _replaced(on_value(Array(data)), Array(data), "value").data
        if state.watch is not None:
            state.watch.computed(HOOK, (x.data,), data)
    if x.node is None or not state.recording:
        return Array(data)
    out = Array(data, Node(HOOK, (x.node,), (x.node,), None, NOTHING, x.node.oldest, x.shape, x.dtype))
    if on_cotangent is not None:
        register(out, on_cotangent)
    return out


def run(node: Node, ct: Any) -> Any:
    """The cotangent of a node after its hooks: an Array in a recorded sweep, else a plain array, as it came."""
    recorded = type(ct) is Array
    now = ct if recorded else Array(np.asarray(ct) if isinstance(ct, np.generic) else ct)
    for hook in tuple(node.op.hooks):
        now = _replaced(hook(now), now, f"cotangent of '{node.op.name}' (node {node.id})")
    return now if recorded else lent(now.data)


def lent(ct: Any) -> Any:
    """A cotangent that the user may hold too: a view, so that a gradient made of it is a copy (``tape.private``)."""
    return ct.view() if type(ct) is np.ndarray else ct


def _replaced(given: Any, before: Array, what: str) -> Array:
    if given is None:
        return before
    now = Array(full((), given, before.data)) if type(given) in (int, float) else as_array(given)
    if now.shape != before.shape or now.dtype != before.dtype:
        kind = ShapeError if now.shape != before.shape else DtypeError
        raise kind(
            f"a hook on the {what} returned {name_of(now.dtype)}{tuple(now.shape)}, "
            f"expected {name_of(before.dtype)}{tuple(before.shape)}. "
            "Return None to leave it as it is."
        )
    return now


def _hooked(node: Node) -> Op:
    """The node's op with rules that run the hooks first."""
    hooked = once(lambda ct: run(node, ct), node.inputs)

    def watched(argument: int, pull: Callable[..., Any]) -> Callable[..., Any]:
        return lambda xp, ct, *rest, **params: pull(xp, hooked(argument, ct), *rest, **params)

    op = node.op
    rules = tuple(r if r is None else r._replace(pull=watched(i, r.pull)) for i, r in enumerate(op.rules))
    return Op(op.name, op.kernel, rules)


def once(compute: Callable[..., Any], inputs: Sequence[Node | None]) -> Callable[..., Any]:
    """``compute(ct, ...)`` of a node, once for all its arguments: a sweep asks for one after the other, in order."""
    last = max((i for i, n in enumerate(inputs) if n is not None), default=0)
    held: tuple[int, Any, Any] = last, None, None

    def computed(argument: int, ct: Any, *rest: Any) -> Any:
        nonlocal held
        before, seen, found = held
        if seen is not ct or argument <= before:  # or another sweep, with the same cotangent
            found = compute(ct, *rest)
        held = (argument, ct, found) if argument < last else (last, None, None)
        return found

    return computed
