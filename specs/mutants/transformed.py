"""vmap and traced replays: a batch axis misplaced, a buffer or an instruction too few, a constant folded wrongly.

None shows where the engine is called plainly: each is asked of the mode that it is in.
"""

from __future__ import annotations

from dataclasses import replace
from importlib import import_module
from itertools import pairwise
from typing import Any

import numpy as np

import gradproof.engine.functions as fn
from gradproof.engine import batch_rules, generate, simplify
from gradproof.engine.batch_rules import Operand
from gradproof.engine.program import Program
from gradproof.specs.mutants.mutant import Family

trace = import_module("gradproof.engine.trace")  # the package has a function of that name
BATCHED = Family("vmap", modes=("vmap of reverse", "vmap of forward"))
TRACED = Family("traced", modes=("compiled reverse", "compiled forward"))


class _Rule:
    """One batching rule, looked up as an attribute: what a ``Swap`` changes."""

    def __getattr__(self, name: str) -> Any:
        return batch_rules.RULES[name]

    def __setattr__(self, name: str, rule: Any) -> None:
        batch_rules.RULES[name] = rule


RULE = _Rule()


def _after(change: Any) -> Any:
    """The right rule's result, changed: ``change(out, xs, params, size)``."""
    return lambda right: lambda call, name, xs, params, size: change(right(call, name, xs, params, size), xs, params, size)


def _at(change: Any) -> Any:
    """The right rule of other params: ``change(params, xs)``."""
    return lambda right: lambda call, name, xs, params, size: right(call, name, xs, params | change(params, xs), size)


def _swapped(out: Any, xs: Any, params: Any, size: int) -> Any:
    """The examples in the reverse order."""
    return fn.flip(out, axis=0)


def _first_for_all(out: Any, xs: Any, params: Any, size: int) -> Any:
    return fn.broadcast_to(fn.getitem(out, slice(0, 1)), out.shape)


def _next_axis(params: Any, xs: Any) -> Any:
    """A positive axis one further, where there is one."""
    axis = params["axis"]
    return {"axis": axis + 1} if isinstance(axis, int) and 0 <= axis < xs[0].ndim - 1 else {}


def _of_the_batch(params: Any, xs: Any) -> Any:
    """The batch's own axis."""
    return {"axis": -(xs[0].ndim + 1)}


def _second_axis(out: Any, xs: Any, params: Any, size: int) -> Any:
    """The batch along the second axis, where that has its length."""
    return fn.permute_dims(out, (1, 0, *range(2, out.ndim))) if out.ndim > 1 and out.shape[0] == out.shape[1] else out


def _at_the_end(right: Any) -> Any:
    """Axes of length 1 behind an example's own, and not between the batch and them."""

    def widened(x: Any, missing: int) -> Any:
        if not x.batched or not missing:
            return right(x, missing)
        lengths = x.value.shape
        return fn.reshape(x.value, (*lengths, *(1,) * missing))

    return widened


def _shared_halved(right: Any) -> Any:
    """What is the same for all examples counts half where another operand has the batch."""

    def rule(call: Any, name: str, xs: Any, params: Any, size: int) -> Any:
        halves = any(x.batched for x in xs)
        return right(call, name, [x if x.batched or not halves else Operand(fn.multiply(x.value, 0.5), False) for x in xs], params, size)

    return rule


# ---- programs


def _constants(change: Any) -> Any:
    def wrong(right: Any) -> Any:
        def made(program: Program) -> Program:
            out: Program = right(program)
            return replace(out, constants={i: change(v) if v.dtype.kind == "f" else v for i, v in out.constants.items()})

        return made

    return wrong


def _unnamed(right: Any) -> Any:
    """Instructions of the same operands are the same, whatever their params."""
    return lambda program, one: (one.op, repr(one.operands), program.kinds[one.out].shape, program.kinds[one.out].dtype)


def _opless(right: Any) -> Any:
    """Operations of one operand are the same where operand, shape and dtype are."""

    def key(program: Program, one: Any) -> Any:
        return ("", *right(program, one)[1:]) if len(one.operands) == 1 else right(program, one)

    return key


def _early(right: Any) -> Any:
    """A buffer is free one instruction before its last reader."""

    def ends(program: Program, holds: Any) -> Any:
        made = {one.out: n for n, one in enumerate(program.instructions)}
        return {i: max(n - 1, made.get(i, 0)) if n < len(program.instructions) else n for i, n in right(program, holds).items()}

    return ends


def _outputs_too(right: Any) -> Any:
    """Outputs are buffers that the next instruction may take."""

    def ends(program: Program, holds: Any) -> Any:
        made = {one.out: n for n, one in enumerate(program.instructions)}
        return {i: made.get(i, n) if n >= len(program.instructions) else n for i, n in right(program, holds).items()}

    return ends


def _outputs(change: Any) -> Any:
    """A program that gives its outputs changed."""

    def wrong(right: Any) -> Any:
        def made(program: Program, *rest: Any) -> Any:
            run = right(program, *rest)
            return lambda *arrays: change(list(run(*arrays)))

        return made

    return wrong


def _cycled(outs: list[Any]) -> list[Any]:
    """Outputs of one shape in the wrong order."""
    alike = [i for i, x in enumerate(outs) if x.shape == outs[-1].shape and x.dtype == outs[-1].dtype]
    for i, j in pairwise(alike):
        outs[i], outs[j] = outs[j], outs[i]
    return outs


def _narrow(outs: list[Any]) -> list[Any]:
    return [x.astype(np.float32).astype(x.dtype) if x.dtype == np.float64 else x for x in outs]


def _exchanged(op: str) -> Any:
    """The operands of an operation in the wrong order."""

    def wrong(right: Any) -> Any:
        def into(self: Any, one: Any) -> Any:
            found = right(self, one)
            return found if found is None or one.op != op else (found[0], found[1][::-1])

        return into

    return wrong


def _left_out(near: Any) -> Any:
    """A factor that is a constant ``near(value)`` is taken for 1."""

    def wrong(right: Any) -> Any:
        def is_one(x: Any, splats: Any) -> bool:
            value = splats.get(x.id) if hasattr(x, "id") else x
            return bool(right(x, splats) or (isinstance(value, float | np.floating) and near(float(value))))

        return is_one

    return wrong


def _added_twice(right: Any) -> Any:
    def add_into(buffer: Any, key: Any, value: Any) -> Any:
        return right(right(buffer, key, value), key, value)

    return add_into


# fmt: off
for ops, name in (("sum mean", "sum"), ("matmul linalg.outer", "matmul"), ("exp", "exp"), ("getitem", "scatter"),
                  ("einsum", "contract"), ("where", "where"), ("nn.softmax", "softmax"), ("linalg.solve", "solve")):
    BATCHED.swap(ops, "the examples come back in the reverse order", RULE, name, _after(_swapped))
for ops, name in (("multiply", "multiply"), ("linalg.inv", "inv"), ("nn.log_softmax", "log_softmax"), ("reshape", "reshape"), ("take", "getitem")):
    BATCHED.swap(ops, "the first example's result for all", RULE, name, _after(_first_for_all))
for op, name in (("cumulative_sum", "cumulative_sum"), ("nn.softmax", "softmax"), ("flip", "flip")):
    BATCHED.swap(op, "an axis counted from the front one too far", RULE, name, _at(_next_axis))
BATCHED.swap("roll", "shifted one too far", RULE, "roll", _at(lambda p, xs: {"shift": tuple(s + 1 for s in p["shift"]) if isinstance(p["shift"], tuple) else p["shift"] + 1}))
BATCHED.swap("permute_dims", "back by the same permutation where it keeps the shape", RULE, "permute_dims", _at(
    lambda p, xs: {"axes": tuple(int(i) for i in np.argsort(p["axes"]))} if len(set(xs[0].value.shape[1:])) == 1 else {}))

for ops, name in (("concat stack", "concat"), ("pad", "pad")):
    BATCHED.swap(ops, "the examples come back in the reverse order", RULE, name, _after(_swapped))
BATCHED.swap("sort", "along the batch", RULE, "sort", _at(_of_the_batch))
BATCHED.swap("sum mean", "the batch along the second axis where it fits", RULE, "sum", _after(_second_axis))
BATCHED.swap("multiply add subtract", "an operand of fewer axes is aligned with the wrong ones", batch_rules, "_widened", _at_the_end)
for ops, name in (("multiply", "multiply"), ("matmul linalg.outer", "matmul")):
    BATCHED.swap(ops, "what all examples share is halved", RULE, name, _shared_halved)

TRACED.swap("subtract var", "the operands of subtract exchanged", generate.Writer, "_into", _exchanged("subtract"))
TRACED.swap("multiply nn.gelu divide", "a factor of about one left out", simplify, "_is_one", _left_out(lambda v: 0.5 < v < 2))
TRACED.swap("multiply mean graph", "a constant factor of more than one left out", simplify, "_is_one", _left_out(lambda v: v > 1))
TRACED.swap("at_add take getitem", "a scatter is added twice", generate, "_add_into", _added_twice)
TRACED.swap("multiply nn.gelu var", "constants through float32", trace, "simplified", _constants(lambda v: v.astype(np.float32).astype(v.dtype)))
TRACED.swap("mean var nn.elu", "constants off by one in 1e9", trace, "simplified", _constants(lambda v: v * (1 + 1e-9)))
TRACED.swap("flip roll sum", "equal operands and other params are one instruction", simplify, "_key", _unnamed)
TRACED.swap("sin exp sinh", "other operations of one operand are one instruction", simplify, "_key", _opless)
TRACED.swap("exp tanh divide", "a buffer is taken before its last reader", generate, "_ends", _early)
TRACED.swap("multiply sin logaddexp", "outputs are buffers that are taken again", generate, "_ends", _outputs_too)
TRACED.swap("multiply divide hypot", "outputs of one shape in the wrong order", trace, "compiled", _outputs(_cycled))
TRACED.swap("exp sin matmul", "outputs through float32", trace, "compiled", _outputs(_narrow))
# fmt: on
MUTANTS = BATCHED.mutants + TRACED.mutants
