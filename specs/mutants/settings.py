"""The native engine used in a way that plain graphs do not: through hooks, custom pullbacks, checkpoints, rows, a budget of bytes.

Each setting computes what the engine computes plainly, by the part that it is named after; a fault of that part shows in it alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import copy
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np

import gradproof.engine as ge
from gradproof.engine import pytree, recompute, rows
from gradproof.engine.errors import CheckpointError
from gradproof.engine.trace import Traced, trace
from gradproof.oracles.engine import Engine

Change = Callable[[Callable[..., Any]], Callable[..., Any]]


class Around:
    """A namespace whose every function is changed."""

    def __init__(self, inner: Any, change: Change) -> None:
        self._inner, self._change = inner, change

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._inner, name)
        if isinstance(found, ModuleType | SimpleNamespace):
            return Around(found, self._change)
        return self._change(found) if callable(found) else found


def _differentiable(x: Any) -> bool:
    return isinstance(x, ge.Array | np.ndarray) and x.dtype.kind in "fc"


# ---- hooks


def _masked(ct: Any) -> Any:
    """Every other entry negated."""
    signs = np.where(np.arange(ct.size) % 2, -1.0, 1.0).reshape(ct.shape)
    return ct * signs.astype(ct.dtype)


def _flipped(ct: Any) -> Any:
    return ge.reshape(ge.flip(ge.reshape(ct, (-1,))), ct.shape)


def _hooked(f: Callable[..., Any]) -> Callable[..., Any]:
    """f with hooks on its result; all of them together, in their order, change nothing, and no part of them does so.

    One hook negates the value and another doubles it, and an op takes each back. A hook's replacement passes its cotangent straight
    on, so that it arrives negated and halved: four hooks of the op's own node negate it, one more doubles it. (Of the first order
    alone: what a rule reads of its own result comes to the node by another way in a second sweep.)
    """

    def watch(y: Any) -> Any:
        if not _differentiable(y):
            return y
        y = y if isinstance(y, ge.Array) else ge.as_array(y)
        if y.node is not None:
            for change in (_masked, lambda ct: None, _flipped, lambda ct: -_masked(_flipped(ct))):
                y.register_hook(change)
        y = -ge.hook(y, on_value=lambda v: -v)
        return 0.5 * ge.hook(y, on_value=lambda v: 2.0 * v, on_cotangent=lambda ct: 2.0 * ct)

    return lambda *xs, **params: pytree.map(watch, f(*xs, **params))


# ---- custom pullbacks


def _custom(f: Callable[..., Any]) -> Callable[..., Any]:
    """f as a function with a pullback of the user's own, which is its own one."""

    def called(*xs: Any, **params: Any) -> Any:
        places = [i for i, x in enumerate(xs) if _differentiable(x)]

        def of(*moving: Any) -> Any:
            given = list(xs)
            for i, x in zip(places, moving, strict=True):
                given[i] = x
            return f(*given, **params)

        if not places:
            return of()
        made = ge.custom_vjp(of)
        made.defvjp(lambda *moving: (of(*moving), moving), lambda moving, ct: ge.vjp(of, *moving)[1](ct))
        return made(*[xs[i] for i in places])

    return called


# ---- the engines


def _with_namespace(change: Change) -> Callable[[Any], Any]:
    def made(engine: Any) -> Any:
        engine.namespace = Around(engine.namespace, change)
        return engine

    return made


def _checkpointed(engine: Any) -> Any:
    """Every op checkpointed, and the whole as well."""
    plain = engine.vjp
    engine.namespace = Around(engine.namespace, ge.checkpoint)
    engine.vjp = lambda fn, primals: plain(ge.checkpoint(fn), primals)
    return engine


GATHERS = ("take", "embedding", "getitem")


def _twice(f: Callable[..., Any]) -> Callable[..., Any]:
    """A gather done twice, at half the weight."""
    if getattr(f, "__name__", "") not in GATHERS:
        return f
    return lambda *xs, **params: 0.5 * f(*xs, **params) + 0.5 * f(*xs, **params)


def _by_rows(engine: Any) -> Any:
    """Gradients of tables as rows, however small the table, and every table read twice."""
    plain = engine.vjp
    engine.namespace = Around(engine.namespace, _twice)

    def vjp(fn: Any, primals: Sequence[Any]) -> Any:
        outputs, pull = plain(fn, primals)

        def pullback(cotangents: Any) -> Any:
            least, rows.LEAST = rows.LEAST, 1
            try:
                return pull(cotangents)
            finally:
                rows.LEAST = least

        return outputs, pullback

    engine.vjp = vjp
    return engine


def _linearized(engine: Any) -> Any:
    """Derivatives along a direction by one linearization, asked before along another and afterwards again."""

    def jvp(fn: Any, primals: Sequence[Any], tangents: Sequence[Any]) -> Any:
        outputs, along = ge.linearize(lambda *xs: tuple(fn(*xs)), *primals)
        along(*(t * -2.0 for t in tangents))
        return outputs, along(*tangents)

    engine.jvp = jvp
    return engine


def _budgeted(engine: Any) -> Any:
    """Compiled programs in as few bytes as the heuristic gets to."""

    def compile_(fn: Callable[..., Any]) -> Callable[..., Any]:
        made: dict[Any, Traced] = {}

        def run(*xs: Any) -> Any:
            shapes = tuple((x.shape, str(x.dtype)) for x in xs)
            if shapes not in made:
                peak = recompute.alive(trace(fn).program(*xs)).peak
                made[shapes] = _within(fn, peak, xs)
            return made[shapes](*xs)

        return run

    engine.compile = compile_
    return engine


def _within(fn: Callable[..., Any], peak: int, xs: Sequence[Any]) -> Traced:
    for share in (0.5, 0.75, 0.9):
        traced = trace(fn, budget=int(share * peak))
        try:
            traced.program(*xs)
        except CheckpointError:
            continue
        return traced
    return trace(fn)


SETTINGS: dict[str, Callable[[Any], Any]] = {
    "hooks": _with_namespace(_hooked),
    "custom pullbacks": _with_namespace(_custom),
    "checkpoints": _checkpointed,
    "rows": _by_rows,
    "linearization": _linearized,
    "budget": _budgeted,
}


def used(engine: Engine, setting: str) -> Engine:
    """The native engine in a setting; as it is where none is named."""
    return SETTINGS[setting](copy(engine)) if setting else engine
