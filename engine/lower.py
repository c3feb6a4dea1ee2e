"""Kernels that are formulas, opened up: a program in ufuncs, which can write into buffers, where it named a composed kernel."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from gradproof.engine.backend import kernels, quiet
from gradproof.engine.errors import TraceError
from gradproof.engine.program import Instruction, Kind, Program, Ref, replaced
from gradproof.engine.tracer import Builder, Tracer

FORMULAS = frozenset({"sech2", "rsqrt", "relu", "leaky_relu", "softsign", "sigmoid_slope"})
"""Kernels without branches on values: what they do to one array they do to every other of its kind."""


def empty(kind: Kind) -> Any:
    """An array with its axes in memory as the kind says."""
    order = kind.order or tuple(range(len(kind.shape)))
    return np.empty([kind.shape[a] for a in order], kind.dtype).transpose(np.argsort(order))


def lowered(program: Program) -> Program:
    """The program with every kernel of ``FORMULAS`` replaced by the operations it is made of."""
    kinds, instructions = list(program.kinds), list[Instruction]()
    known: dict[Any, Program | None] = {}
    for one in program.instructions:
        if one.op not in FORMULAS or program.kinds[one.out].shape == () or any(type(x) is not Ref for x in one.operands):
            instructions.append(one)
            continue
        given = tuple(program.kinds[x.id] for x in one.operands)
        key = one.op, given, repr(dict(one.params))
        if key not in known:
            known[key] = _opened(one.op, given, one.params, program.kinds[one.out])
        inside = known[key]
        if inside is None:
            instructions.append(one)
            continue
        names = dict(zip(inside.inputs, (x.id for x in one.operands), strict=True))
        for part in inside.instructions:
            if part.out == inside.outputs[0]:
                names[part.out] = one.out
            else:
                names[part.out] = len(kinds)
                kinds.append(inside.kinds[part.out])
            instructions.append(part._replace(operands=_named(part.operands, names), out=names[part.out]))
    return replace(program, kinds=tuple(kinds), instructions=tuple(instructions))


def _named(operands: tuple[Any, ...], names: Mapping[int, int]) -> Any:
    return replaced(operands, lambda ref: Ref(names[ref.id]))


def _opened(op: str, given: tuple[Kind, ...], params: Mapping[str, Any], result: Kind) -> Program | None:
    """What a kernel does to arrays of some kinds; None if it cannot be written down, or makes constants on the way."""
    builder = Builder()
    examples = [empty(kind) for kind in given]
    for x in examples:
        x.fill(1)
    try:
        with quiet():
            out = kernels[op](*(builder.input(x) for x in examples), **params)
    except TraceError:
        return None
    if type(out) is not Tracer or out.dtype != result.dtype or out.shape != result.shape or builder.constants or not builder.instructions:
        return None
    inside = builder.finished([out])
    return inside if inside.outputs[0] not in inside.inputs and not any(one.params for one in inside.instructions) else None
