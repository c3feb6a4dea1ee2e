"""What users of the engine give it and get of it: hooks, custom pullbacks, and gradients of tables as rows.

A fault of these shows where they are used: in the setting of its name (``settings``).
"""

from __future__ import annotations

from typing import Any

import numpy as np

import gradproof.engine.functions as fn
from gradproof.engine import custom, hooks, rows, tape
from gradproof.engine.array import Array
from gradproof.engine.rows import RowSparse
from gradproof.specs.mutants.mutant import Family, Patch, Swap, Together

HOOKS = Family("hooks", setting="hooks")
CUSTOM = Family("custom pullbacks", setting="custom pullbacks")
CUSTOM_AGAIN = Family("custom pullbacks", order=2, setting="custom pullbacks")
ROWS = Family("rows", setting="rows")


def narrowed(x: Any) -> Any:
    """Through float32 and back: an Array, a NumPy array, or anything else as it is."""
    if isinstance(x, Array):
        return x if type(x.data) is not np.ndarray or x.node is not None else Array(narrowed(x.data))
    return x.astype(np.float32).astype(x.dtype) if isinstance(x, np.ndarray) and x.dtype == np.float64 else x


def exchanged(found: Any) -> Any:
    """The last two that are alike, exchanged."""
    found = list(found)
    for i in range(len(found) - 1, 0, -1):
        if found[i] is not None and found[i - 1] is not None and found[i].shape == found[i - 1].shape:
            found[i - 1], found[i] = found[i], found[i - 1]
            break
    return found


def result(change: Any) -> Any:
    """The right function's result, changed."""
    return lambda right: lambda *args, **params: change(right(*args, **params))


# ---- hooks


def _run(change: Any) -> Any:
    """``run(node, ct)`` with other hooks: ``change(hooks)``."""

    def wrong(right: Any) -> Any:
        def run(node: Any, ct: Any) -> Any:
            kept = list(node.op.hooks)
            node.op.hooks[:] = change(kept)
            try:
                return right(node, ct)
            finally:
                node.op.hooks[:] = kept

        return run

    return wrong


def _first_argument(right: Any) -> Any:
    """Hooks are run for the first argument only: the others get what came in."""

    def once(compute: Any, inputs: Any) -> Any:
        computed = right(compute, inputs)
        return lambda argument, ct, *rest: computed(argument, ct, *rest) if argument == 0 else ct

    return once


HOOKS.swap("sin matmul sum", "run from the last to the first", hooks, "run", _run(lambda found: found[::-1]))
HOOKS.swap("sin matmul sum", "the last alone is run", hooks, "run", _run(lambda found: found[-1:]))
HOOKS.swap("exp matmul sum", "the last is forgotten", hooks, "run", _run(lambda found: found[:-1]))
HOOKS.swap("exp add tanh", "a replacement is dropped", hooks, "_replaced", lambda right: lambda given, before, what: right(
    None if what.startswith("cotangent") else given, before, what))
HOOKS.swap("exp multiply", "what a hook gives goes through float32", hooks, "_replaced", result(narrowed))
HOOKS.swap("multiply matmul divide", "run for the first argument only", hooks, "once", _first_argument)
HOOKS.swap("negative exp multiply", "a hook that returns None gives zeros", hooks, "_replaced", lambda right: lambda given, before, what: right(
    given if given is not None or what == "value" else fn.zeros_like(before), before, what))
HOOKS.swap("exp sin", "a watched value passes its cotangent on halved", hooks.HOOK, "rules", lambda right: (
    right[0]._replace(pull=lambda xp, ct, out, x: 0.5 * ct),))


# ---- custom pullbacks


def _kept(change: Any) -> Any:
    """``gradients(self, ct, held)`` of other residuals: ``change(values, recorded)``."""

    def wrong(right: Any) -> Any:
        return lambda self, ct, held: right(self, ct, tape.Held(change(held.values, type(ct) is Array)))

    return wrong


def _latest() -> tuple[Patch, ...]:
    """The residuals of the last call of a name and kind."""
    last: dict[Any, Any] = {}

    def recording(right: Any) -> Any:
        def recorded(self: Any, outs: Any, nodes: Any, held: Any) -> Any:
            last[self.kinds] = held
            return right(self, outs, nodes, held)

        return recorded

    return (
        Swap(custom._Call, "recorded", recording),
        Swap(custom._Call, "gradients", lambda right: lambda self, ct, held: right(self, ct, last.get(self.kinds, held))),
    )


def _constants(values: Any, recorded: bool) -> Any:
    return [Array(x.data) if type(x) is Array and recorded else x for x in values]


CUSTOM.swap("divide matmul subtract", "the gradients of two arguments exchanged", custom._Call, "gradients", result(exchanged))
CUSTOM.swap("multiply matmul divide", "only the first argument's gradient", custom._Call, "gradients", result(
    lambda found: [found[0], *(g if g is None else np.zeros_like(g) if isinstance(g, np.ndarray) else g * 0.0 for g in found[1:])]))
CUSTOM.swap("exp multiply", "gradients through float32", custom._Call, "gradients", result(lambda found: [narrowed(g) for g in found]))
CUSTOM.swap("exp multiply", "residuals through float32", custom._Call, "gradients", _kept(lambda values, recorded: [narrowed(x) for x in values]))
CUSTOM.swap("divide matmul pow", "residuals of one shape exchanged", custom._Call, "gradients", _kept(lambda values, recorded: exchanged(values)))
CUSTOM.swap("add multiply", "a broadcast argument's gradient is of its first row", custom._Call, "_fitting", lambda right:
            lambda self, given, kind, path, whole: right(self, given, kind, path, whole) if given is None or given.ndim < 1 or given.shape[0] < 2
            else fn.broadcast_to(right(self, given, kind, path, whole)[:1], given.shape))
CUSTOM.add("sin tanh square", "residuals are those of the last call of its kind", Together(_latest))
CUSTOM_AGAIN.swap("sin exp multiply", "residuals are constants to the outer sweep", custom._Call, "gradients", _kept(_constants))
CUSTOM_AGAIN.swap("square multiply", "gradients come off the tape", custom._Call, "gradients", result(
    lambda found: [Array(g.data) if type(g) is Array else g for g in found]))


# ---- rows


def _of(change: Any) -> Any:
    """``rows_of`` giving other rows: ``change(sparse)``."""
    return result(lambda found: found if found is None else change(found))


def _once_each(ids: Any, values: Any) -> Any:
    kept, first = np.unique(ids, return_index=True)
    return kept, values[first]


def _last_of_each(ids: Any, values: Any) -> Any:
    kept, first = np.unique(ids[::-1], return_index=True)
    return kept, values[::-1][first]


def _dense_shifted(right: Any) -> Any:
    def dense(self: Any) -> Any:
        out = right(self)
        return np.roll(out, 1, axis=0) if len(self.ids) == 1 else out

    return dense


def _own_parts(change: Any) -> Any:
    return lambda found: RowSparse(tuple(change(ids, values) for ids, values in found._parts), found.shape)


TABLES = "nn.embedding take getitem"
ROWS.swap(TABLES, "of an id that is repeated the first row alone", rows, "merged", lambda right: _once_each)
ROWS.swap(TABLES, "of an id that is repeated the last row alone", rows, "merged", lambda right: _last_of_each)
ROWS.swap(TABLES, "through float32", tape, "rows_of", _of(_own_parts(lambda ids, values: (ids, narrowed(values)))))
ROWS.swap(TABLES, "rows in the reverse order", tape, "rows_of", _of(_own_parts(lambda ids, values: (ids, values[::-1]))))
ROWS.swap(TABLES, "the last row is forgotten", tape, "rows_of", _of(_own_parts(
    lambda ids, values: (ids[:-1], values[:-1]) if len(ids) > 1 else (ids, values))))
ROWS.swap(TABLES, "one row alone is written one further", RowSparse, "dense", _dense_shifted)
ROWS.swap(TABLES, "of two gathers the second alone", RowSparse, "plus", lambda right: lambda self, other: other)
ROWS.swap(TABLES, "of two gathers the second twice", RowSparse, "plus", lambda right: lambda self, other: right(right(self, other), other))


MUTANTS = HOOKS.mutants + CUSTOM.mutants + CUSTOM_AGAIN.mutants + ROWS.mutants
