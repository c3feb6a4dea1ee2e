"""Shorter programs with the same values, bit for bit: what is constant computed once, what is equal once, what is unused never."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from gradproof.engine.backend import quiet
from gradproof.engine.program import CHECKS, Instruction, Kind, Program, Ref, computed, function, replaced

FOLD_MAX = 4096  # entries; a greater constant would cost more to keep than to make
VIEWS = frozenset({"reshape", "broadcast_to", "permute_dims", "matrix_transpose", "expand_dims", "squeeze", "getitem", "flip", "diagonal",
                   "windows", "np.reshape", "np.ravel", "np.broadcast_to", "np.transpose", "np.swapaxes", "np.squeeze", "np.expand_dims", "np.real",
                   "np.imag", "np.moveaxis"})  # fmt: skip
FRESH = frozenset({"sum", "mean", "max", "min", "var", "std", "logsumexp", "softmax", "log_softmax", "where", "np.where", "np.full", "np.copy",
                   "added", "put", "erfc", "matmul", "meet", "over", "scale", "sigmoid", "sigmoid_slope", "np.sum", "ties", "sech2", "rsqrt", "relu", "softplus", "np.any", "np.all"})  # never a view


def simplified(program: Program) -> Program:
    """Constants folded, equal instructions merged, operations that change nothing left out, and what is unused dropped."""
    return renumbered(without_copies(without_dead(merged(program))))


def merged(program: Program) -> Program:
    """Constant folding and common subexpressions, in one pass."""
    same: dict[int, int] = {}  # a variable -> the one that stands for it
    constants: dict[int, Any] = {}
    known: dict[Any, int] = {}
    for i, value in program.constants.items():
        same[i] = known.setdefault(("constant", *_content(value)), i)
        if same[i] == i:
            constants[i] = value
    splats = {i: value.flat[0] for i, value in constants.items() if _uniform(value)}  # arrays of one value
    kinds = list(program.kinds)
    instructions: list[Instruction] = []
    for one in program.instructions:
        now = one._replace(
            operands=replaced(one.operands, lambda r: Ref(same.get(r.id, r.id))),
            params=replaced(dict(one.params), lambda r: Ref(same.get(r.id, r.id))),
        )
        unchanged = _unchanged(program, now, splats)
        if unchanged is not None:
            same[one.out] = unchanged
            continue
        if now.op == "np.copy":  # which says that the result is an array of its own
            instructions.append(now)
            continue
        key = _key(program, now)
        if key in known:
            same[one.out] = same.get(known[key], known[key])
            continue
        known[key] = one.out
        reads = now.reads
        if now.op in ("broadcast_to", "reshape") and len(reads) == 1 and reads[0] in splats:
            splats[one.out] = splats[reads[0]]
        spread = _of_one_value(program, now, splats)
        if spread is not None:
            number = len(kinds)
            kinds.append(Kind((), spread.dtype))
            constants[number], splats[number], splats[one.out] = spread, spread[()], spread[()]
            instructions.append(Instruction("broadcast_to", (Ref(number),), {"shape": program.kinds[one.out].shape}, one.out))
            continue
        if all(i in constants for i in reads) and np.prod(program.kinds[one.out].shape, dtype=np.int64) <= FOLD_MAX:
            with quiet():
                value = computed(now, constants)
            content = ("constant", *_content(value))
            same[one.out] = known.setdefault(content, one.out)
            if same[one.out] == one.out:
                constants[one.out] = value
                if _uniform(value):
                    splats[one.out] = value.flat[0]
            continue
        instructions.append(now)
    outputs = tuple(same.get(i, i) for i in program.outputs)
    return replace(program, kinds=tuple(kinds), constants=constants, instructions=tuple(instructions), outputs=outputs)


def _of_one_value(program: Program, one: Instruction, splats: Mapping[int, Any]) -> Any:
    """The entry of a large elementwise result whose operands are each one value repeated; None for other instructions."""
    kind = program.kinds[one.out]
    if np.prod(kind.shape, dtype=np.int64) <= FOLD_MAX or kind.narrow or one.params or not one.reads:
        return None
    f = function(one.op)
    if not isinstance(f, np.ufunc) or f.signature is not None or not all(i in splats for i in one.reads):
        return None
    with quiet():
        value = np.asarray(f(*(np.asarray(splats[x.id]) if type(x) is Ref else x for x in one.operands)))
    return value if value.dtype == kind.dtype else None


def _unchanged(program: Program, one: Instruction, splats: Mapping[int, Any]) -> int | None:
    """The operand that an instruction gives back as it is, if it does: x * 1, x / 1, - - x, and moves to the same shape."""
    kinds, kind = program.kinds, program.kinds[one.out]

    def alike(x: Any) -> bool:
        return type(x) is Ref and kinds[x.id][:2] == kind[:2]

    if one.op in ("reshape", "broadcast_to", "expand_dims", "squeeze", "astype", "np.astype"):
        return one.operands[0].id if alike(one.operands[0]) else None
    if one.op in ("multiply", "divide", "scale", "over", "meet"):
        x, y = one.operands
        if alike(x) and _is_one(y, splats):
            return int(x.id)
        if one.op in ("multiply", "scale", "meet") and alike(y) and _is_one(x, splats):
            return int(y.id)
    return None


def _is_one(x: Any, splats: Mapping[int, Any]) -> bool:
    value = splats.get(x.id) if type(x) is Ref else x
    return isinstance(value, float | np.floating) and bool(value == 1.0)


def _uniform(value: Any) -> bool:
    return value.size > 0 and value.size <= FOLD_MAX and bool((value == value.flat[0]).all())


def without_dead(program: Program) -> Program:
    """Only what the outputs depend on."""
    used = set(program.outputs)
    kept = []
    for one in reversed(program.instructions):
        if one.out in used or one.op in CHECKS:
            used.update(one.reads)
            kept.append(one)
    constants = {i: value for i, value in program.constants.items() if i in used}
    return replace(program, constants=constants, instructions=tuple(reversed(kept)))


def without_copies(program: Program) -> Program:
    """No copy of an array that nothing else holds: what an operation just made, read by the copy alone."""
    made = {one.out: one for one in program.instructions}
    uses: dict[int, int] = {}
    for one in program.instructions:
        for i in one.reads:
            uses[i] = uses.get(i, 0) + 1
    same: dict[int, int] = {}
    for one in program.instructions:
        if one.op == "np.copy":
            x = one.operands[0].id
            maker = made.get(x)
            if maker and (maker.op in FRESH or isinstance(function(maker.op), np.ufunc)) and uses[x] == 1 and x not in program.outputs:
                same[one.out] = same.get(x, x)  # x may be a copy that was left out itself
    kept = tuple(one for one in program.instructions if one.out not in same)
    moved = tuple(one._replace(operands=replaced(one.operands, lambda r: Ref(same.get(r.id, r.id)))) for one in kept)
    return replace(program, instructions=moved, outputs=tuple(same.get(i, i) for i in program.outputs))


def renumbered(program: Program) -> Program:
    """The same program with its variables counted from 0: inputs, constants, then results in order."""
    made = (*program.inputs, *program.constants, *(one.out for one in program.instructions))
    number = {old: new for new, old in enumerate(made)}

    def now(ref: Ref) -> Ref:
        return Ref(number[ref.id])

    return Program(
        kinds=tuple(program.kinds[i] for i in made),
        inputs=tuple(number[i] for i in program.inputs),
        constants={number[i]: value for i, value in program.constants.items()},
        instructions=tuple(
            Instruction(one.op, replaced(one.operands, now), replaced(dict(one.params), now), number[one.out])
            for one in program.instructions
        ),
        outputs=tuple(number[i] for i in program.outputs),
    )


def _key(program: Program, one: Instruction) -> Any:
    kind = program.kinds[one.out]
    return one.op, _frozen(one.operands), _frozen(dict(one.params)), kind.shape, kind.dtype


def _frozen(value: Any) -> Any:
    """Operands and params as what a dict can look up: 1, 1.0 and True are different, and so are 0.0 and -0.0."""
    if type(value) is Ref:
        return value
    if isinstance(value, tuple | list):
        return type(value).__name__, tuple(_frozen(item) for item in value)
    if isinstance(value, dict):
        return tuple((key, _frozen(item)) for key, item in sorted(value.items()))
    if isinstance(value, slice):
        return "slice", _frozen((value.start, value.stop, value.step))
    return type(value), repr(value)


def _content(value: Any) -> tuple[Any, ...]:
    order = tuple(np.argsort([-abs(s) for s in value.strides])) if value.ndim > 1 else ()
    return value.shape, value.dtype.str, tuple(map(int, order)), value.tobytes()
