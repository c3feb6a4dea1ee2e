"""Accumulation, aliasing and buffers, state between calls: faults of the sweep and of rules that remember or overwrite."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradproof.engine import tape, transforms
from gradproof.engine.backend import Patch as Scattered
from gradproof.engine.backend import raw
from gradproof.specs.mutants.mutant import Family, Patch, Rewrite, Swap, Together, Wrap

ACCUMULATION, ALIASING, STATE = Family("accumulation"), Family("aliasing and buffers"), Family("state between calls")


# ---- accumulation
def _collecting(lose: Any) -> Any:
    """``_collect`` with a step before it: ``lose(slots, target, c)`` is True where the contribution is dropped."""

    def change(right: Any) -> Any:
        def collect(slots: Any, heap: Any, target: Any, c: Any, xp: Any) -> None:
            if not lose(slots.get(target.id), target, c):
                right(slots, heap, target, c, xp)

        return collect

    return change


def _second(slot: Any, target: Any, c: Any) -> bool:
    if slot is None or type(c) is Scattered or slot.owned:
        return False
    slot.owned = True
    return True


def _third(slot: Any, target: Any, c: Any) -> bool:
    return slot is not None and slot.owned and type(c) is not Scattered


def _patch_replaces(slot: Any, target: Any, c: Any) -> bool:
    if slot is not None and type(c) is Scattered:
        slot.ct, slot.owned = np.zeros(target.shape, target.dtype), True
    return False


def _patch_lost(slot: Any, target: Any, c: Any) -> bool:
    return slot is not None and type(c) is Scattered


def _latest(slot: Any, target: Any, c: Any) -> bool:
    if slot is not None and type(c) is not Scattered and c.shape == target.shape:
        slot.ct, slot.owned = c, False
        return True
    return False


def _mean_of_two(slot: Any, target: Any, c: Any) -> bool:
    if slot is not None and type(c) is not Scattered and not slot.owned:
        slot.ct = slot.ct * 0.5
    return False


def _older(node: Any) -> set[int]:
    """Ids of the nodes that a node was made from."""
    found: set[int] = set()
    waiting = [n for n in node.inputs if n is not None]
    while waiting:
        n = waiting.pop()
        if n.id not in found:
            found.add(n.id)
            waiting.extend(m for m in n.inputs if m is not None)
    return found


def _inner_seeds_lost(right: Any) -> Any:
    def sweep(seeds: Any, xp: Any, **options: Any) -> Any:
        seeds = list(seeds)
        kept = [s for s in seeds if not any(s[0].id in _older(other) for other, _ in seeds)]
        return right(kept, xp, **options)

    return sweep


def _last_seed_only(right: Any) -> Any:
    def sweep(seeds: Any, xp: Any, **options: Any) -> Any:
        return right(list({id(node): (node, ct) for node, ct in seeds}.values()), xp, **options)

    return sweep


def _first_output_only(right: Any) -> Any:
    return lambda seeds, xp, **options: right(list(seeds)[:1], xp, **options)


ONCE = "multiply add subtract graph"
for wrong, lose in (
    ("a second contribution is lost", _second),
    ("a second contribution replaces the first", _latest),
    ("two contributions are averaged", _mean_of_two),
):
    ACCUMULATION.swap(ONCE, wrong, tape, "_collect", _collecting(lose))
ACCUMULATION.swap("graph", "a third contribution is lost", tape, "_collect", _collecting(_third))
ACCUMULATION.swap("graph", "a slice's contribution replaces what was there", tape, "_collect", _collecting(_patch_replaces))
ACCUMULATION.swap("graph", "a slice's contribution is lost beside another", tape, "_collect", _collecting(_patch_lost))
ACCUMULATION.swap("graph", "an output that is used further loses its cotangent", transforms, "sweep", _inner_seeds_lost)
ACCUMULATION.swap("graph", "an output given twice counts once", transforms, "sweep", _last_seed_only)
ACCUMULATION.swap("graph", "only the first output is seeded", transforms, "sweep", _first_output_only)
ACCUMULATION.wrap(
    "concat", "one array given twice counts once",
    lambda g, xp, ct, out, *arrays, argument, **p: 0 * g if any(a is arrays[argument] for a in arrays[:argument]) else g,
)  # fmt: skip


# ---- aliasing
def _owns_everything(right: Any) -> Any:
    def collect(slots: Any, heap: Any, target: Any, c: Any, xp: Any) -> None:
        slot = slots.get(target.id)
        if slot is not None and isinstance(slot.ct, np.ndarray) and slot.ct.flags.writeable:
            slot.owned = True
        right(slots, heap, target, c, xp)

    return collect


def _array(x: Any) -> bool:
    return isinstance(x, np.ndarray) and x.flags.writeable


def _into_ct(change: Any) -> Any:
    """Computes into the cotangent's own memory."""

    def fault(g: Any, xp: Any, ct: Any, out: Any, *rest: Any, **params: Any) -> Any:
        if _array(ct) and np.shape(g) == np.shape(ct):
            ct[...] = change(g)
            return ct
        return g

    return fault


def _writes(which: str, by: float) -> Any:
    """The right gradient, and the primal, the result or the cotangent changed on the way."""

    def fault(g: Any, xp: Any, ct: Any, out: Any, x: Any, *rest: Any, **params: Any) -> Any:
        target = {"x": x, "out": out, "ct": ct}[which]
        if _array(target):
            g = np.array(g)
            np.multiply(target, by, out=target)
        return g

    return fault


ALIASING.swap("graph", "contributions are added into a buffer of somebody else", tape, "_collect", _owns_everything)
ALIASING.swap("add subtract reshape", "a gradient is the cotangent's own memory, and is then negated twice", transforms, "private",
              lambda right: lambda ct, taken: np.negative(np.negative(np.asarray(ct), out=np.asarray(ct))
                                                          if _array(ct) else ct) * 1.0)  # fmt: skip
for ops, which, wrong in (
    ("negative", "ct", "computes into its cotangent"), ("square", "x", "scales its input by 1 + 1e-15"),
    ("matmul", "x", "scales its input"), ("sum", "ct", "scales its cotangent"), ("multiply", "x", "writes into its operand"),
    ("nn.softmax", "out", "writes into its result"), ("tanh", "x", "writes into its input"), ("nn.relu", "ct", "masks in place"),
):  # fmt: skip
    by = 1 + 1e-15 if ops == "square" else 0.5
    ALIASING.wrap(ops, wrong, _into_ct(lambda g: g) if ops in ("negative", "nn.relu") else _writes(which, by))
ALIASING.wrap("exp", "computes into its own result", lambda g, xp, ct, out, x: np.multiply(out, ct, out=out) if _array(out) else g)
ALIASING.wrap("sqrt", "computes into its own result", lambda g, xp, ct, out, x:
              np.divide(0.5 * ct, np.where(out == 0, 1, out), out=out) if _array(out) and np.all(out > 0) else g)  # fmt: skip


def _shared_buffer(primitive: str) -> tuple[Patch, ...]:
    """A rule that returns the same memory at every call."""
    buffers: dict[Any, Any] = {}

    def fault(g: Any, xp: Any, ct: Any, *rest: Any, **params: Any) -> Any:
        key = (np.shape(g), ct.dtype)
        buffer = buffers.setdefault(key, np.empty(*key))
        buffer[...] = g
        return buffer

    return (Wrap(primitive, fault),)


ALIASING.add("cos", "gives the same buffer for every result of a shape", Together(lambda: _shared_buffer("cos")))


def _residual_buffer(primitive: str, pull: Any) -> tuple[Patch, ...]:
    """The forward pass keeps its input in one buffer a shape, which the next forward pass of that shape overwrites."""
    buffers: dict[Any, Any] = {}
    op = tape.OPS[primitive]

    def keeping(right: Any) -> Any:
        def kernel(x: Any) -> Any:
            x = np.asarray(x)
            buffers.setdefault((x.shape, x.dtype), np.empty(x.shape, x.dtype))[...] = x
            return right(x)

        return kernel

    def reading(xp: Any, ct: Any, out: Any, x: Any) -> Any:
        return pull(ct, buffers.get((np.shape(x), ct.dtype), x))

    return Swap(op, "kernel", keeping), Rewrite(primitive, reading)


ALIASING.add("sinh", "residuals of one shape share a buffer", Together(lambda: _residual_buffer("sinh", lambda ct, x: ct * np.cosh(x))))
ALIASING.add("sin", "residuals of one shape share a buffer", Together(lambda: _residual_buffer("sin", lambda ct, x: ct * np.cos(x))))


# ---- state between calls
def _cached(primitive: str, key: Any) -> tuple[Patch, ...]:
    seen: dict[Any, Any] = {}

    def fault(g: Any, xp: Any, ct: Any, out: Any, *primals: Any, **params: Any) -> Any:
        return seen.setdefault(key(ct, out, *primals), np.array(g))

    return (Wrap(primitive, fault),)


def _counting(primitive: str, change: Any, argument: int = 0) -> tuple[Patch, ...]:
    calls = [0]

    def fault(g: Any, *rest: Any, **params: Any) -> Any:
        calls[0] += 1
        return change(g, calls[0])

    return (Wrap(primitive, fault, argument),)


def _accumulating(primitive: str) -> tuple[Patch, ...]:
    """A gradient that is added to what the last call of its shape gave."""
    total: dict[Any, Any] = {}

    def fault(g: Any, xp: Any, ct: Any, *rest: Any, **params: Any) -> Any:
        key = (np.shape(g), ct.dtype)
        total[key] = total.get(key, 0) + np.asarray(g)
        return np.asarray(total[key], ct.dtype)

    return (Wrap(primitive, fault),)


def _last_of(primitive: str, pull: Any) -> tuple[Patch, ...]:
    """The rule reads the input of the last forward pass of all, whatever its shape, where it fits."""
    last: list[Any] = [None]

    def keeping(right: Any) -> Any:
        def kernel(x: Any) -> Any:
            last[0] = np.asarray(x)
            return right(x)

        return kernel

    def reading(xp: Any, ct: Any, out: Any, x: Any) -> Any:
        return pull(ct, last[0] if np.shape(last[0]) == np.shape(x) and last[0].dtype == ct.dtype else x)

    return Swap(tape.OPS[primitive], "kernel", keeping), Rewrite(primitive, reading)


# fmt: off
STATE.add("cosh", "cached by shape", Together(lambda: _cached("cosh", lambda ct, out, x: (np.shape(x), str(ct.dtype)))))
STATE.add("tan", "cached by the sum of the input", Together(lambda: _cached("tan", lambda ct, out, x: (np.shape(x), str(ct.dtype), float(np.sum(x))))))
STATE.add("erf", "the first gradient of a shape is given again with every input of the same first entry", Together(
    lambda: _cached("erf", lambda ct, out, x: (np.shape(x), str(ct.dtype), float(np.ravel(x)[0]) if np.size(x) else 0))))
STATE.add("sinh", "doubled every third call", Together(lambda: _counting("sinh", lambda g, n: 2 * g if n % 3 == 0 else g)))
STATE.add("atan", "right at the first call only", Together(lambda: _counting("atan", lambda g, n: g if n == 1 else 2 * g)))
STATE.add("log", "drifts by 1e-13 a call", Together(lambda: _counting("log", lambda g, n: g * (1 + 1e-13 * n))))
STATE.add("matmul", "every seventh call gives zeros", Together(lambda: _counting("matmul", lambda g, n: 0 * g if n % 7 == 0 else g, 1)))
STATE.add("log1p", "adds up over calls", Together(lambda: _accumulating("log1p")))
STATE.add("expm1", "reads the last forward pass of all", Together(lambda: _last_of("expm1", lambda ct, x: ct * np.exp(x))))
STATE.add("graph", "reads the last forward pass of all in sin", Together(lambda: _last_of("sin", lambda ct, x: ct * np.cos(x))))
STATE.swap("nn.unfold", "folds into what the last call left", raw, "fold", lambda right: _leftover(right))
# fmt: on


def _leftover(right: Any) -> Any:
    left: dict[Any, Any] = {}

    def fold(x: Any, **params: Any) -> Any:
        key = (params["shape"], x.dtype)
        left[key] = left.get(key, 0) * 1e-3 + right(x, **params)
        return np.array(left[key])

    return fold


MUTANTS = ACCUMULATION.mutants + ALIASING.mutants + STATE.mutants
