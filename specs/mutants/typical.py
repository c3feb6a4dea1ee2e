"""Typical inputs, as in hand-written suites: plain shapes, normal values, every operand differentiated.

Parameters (axes, shifts, keys) are drawn as ours are, which flatters these inputs: few hand-written tests use tuples of
mixed signs. Graphs are chains of everyday ops on the same plain values.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from gradproof.oracles.catalogue import CATALOGUE, COMPLEX, Sketch, Slot, Source
from gradproof.oracles.catalogue import op as row_of
from gradproof.oracles.domain import ROOMS
from gradproof.oracles.formats import dtype_named
from gradproof.oracles.graph import Case, Param
from gradproof.specs import build

PLAIN = ((3,), (2, 3), (3, 3), (2, 3, 2), (4,), (3, 2), (1, 2, 4, 4), (2, 2))
EVERYDAY = ("add", "multiply", "exp", "tanh", "matmul", "sum", "reshape", "sin", "nn.relu", "subtract")

PARAMS: dict[str, dict[str, Param]] = {"sum": {"axis": None, "keepdims": False}, "reshape": {"shape": (9,)}}


class Plain(build.Builder):
    """A builder whose leaves are normal values in their domain."""

    def fresh(self, source: Source, slot: Slot) -> int:
        if slot.matrix:
            return super().fresh(source, replace(slot, matrix=slot.matrix.replace("singular", "general")))
        values = np.array([self.rnd.gauss(0.0, 1.0) for _ in range(int(np.prod(slot.shape)))]).reshape(slot.shape)
        return self.add_leaf(np.asarray(slot.domain.into(values, ROOMS[self.dtype]), dtype=dtype_named(self.dtype)))


def _sketch(op: str, rnd: random.Random) -> Sketch:
    """A sketch without empty operands, on a plain shape where the op takes one."""
    row = row_of(op)
    for _ in range(200):
        source = Source(rnd.randbytes(build.SINGLE_BYTES))
        shape = rnd.choice(PLAIN) if rnd.random() < 0.9 else row.shape(source)
        sketch = row.sketch(source, shape)
        shapes = [o.shape for o in sketch.operands] if sketch else [(0,)]
        if sketch and all(0 not in s and s != () and s != (1,) for s in shapes):
            return sketch
    return build._sketch(row, Source(b""))


def cases(op: str, dtype: str, seed: int) -> Iterator[Case]:
    """Typical cases of an op, or of chains of everyday ops, without end."""
    i = 0
    while True:
        rnd = random.Random(f"typical/{seed}/{op}/{i}")
        i += 1
        builder = Plain(dtype, Source(rnd.randbytes(4)), mild=True)
        if op in CATALOGUE or op in COMPLEX:
            output = _add(builder, op, rnd)
        else:
            first = builder.fresh(Source(b""), Slot((3, 3)))
            output = first
            for name in rnd.choices(EVERYDAY, k=4):
                if builder.shapes[output] != (3, 3):
                    break
                params = PARAMS.get(name, {})
                binary = name in ("add", "multiply", "matmul", "subtract")
                output = builder.add_node(name, (output, first) if binary else (output,), dict(params))
        shape = builder.shapes[output]
        cotangent = np.array([rnd.gauss(0.0, 1.0) for _ in range(int(np.prod(shape)))], dtype=dtype_named(dtype)).reshape(shape)
        yield Case(builder.graph([output]), (cotangent,))


def _add(builder: Plain, op: str, rnd: random.Random) -> int:
    sketch = _sketch(op, rnd)
    operands = [
        builder.fresh(Source(rnd.randbytes(4)), replace(o, constant=False, scale=0))
        if isinstance(o, Slot)
        else builder.add_leaf(build._typed(o, builder.dtype), constant=True)
        for o in sketch.operands
    ]
    return builder.add_node(op, tuple(operands), dict(sketch.params))
