"""From bytes to cases, totally: every byte string is a valid single-op case or random graph.

The encoding is fixed slots with cut leaves (docs/judge.md 4): an operand is a distance back in slot time, and 0 cuts to a
fresh leaf, so that lowering one byte drops a whole upstream subgraph and clearing a slot moves nothing.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from gradproof.oracles.catalogue import Op, Sketch, Slot, Source, op
from gradproof.oracles.catalogue.shapes import size as size_of
from gradproof.oracles.domain import REAL
from gradproof.oracles.formats import PARTS, dtype_named, is_float
from gradproof.oracles.graph import Array, Case, Graph, Leaf, Node, Param
from gradproof.oracles.meaning import NUMPY
from gradproof.specs import values

SINGLE_BYTES = 48
SLOTS, SLOT_BYTES, HEADER_BYTES = 10, 11, 8
GRAPH_BYTES = HEADER_BYTES + SLOTS * SLOT_BYTES
SIZE_MAX = 18  # entries of a value in a random graph
DISTANCES = (0, 1, 1, 1, 2, 1, 2, 3, 1, 2, 4, 1, 0, 3, 5, 2)
NODES_MAX = 24
TURNED = 0.2  # the share of matrices that are transposed before they are used
INSIDE = 0.25  # the share of graphs with an output that is not an end


def _typed(array: Array, dtype: str) -> Array:
    """A constant operand: integers and booleans as they are, floats in the dtype of the case."""
    return array if array.dtype.kind in "biu" else array.astype(dtype_named(dtype))


class Builder:
    """A graph under construction, with the shape of every value."""

    def __init__(self, dtype: str, source: Source, mild: bool, ops: Sequence[str] = ()) -> None:
        self.dtype, self.mild, self.ops = PARTS.get(dtype, dtype), mild, frozenset(ops)
        self.rnd = random.Random(source.integer(4))
        self.leaves: list[tuple[int, Leaf]] = []
        self.constants: dict[int, Array] = {}
        self.nodes: list[tuple[int, str, tuple[int, ...], dict[str, Param]]] = []
        self.shapes: list[tuple[int, ...]] = []

    def add_leaf(self, data: Array, constant: bool = False) -> int:
        self.leaves.append((len(self.shapes), Leaf(data, constant)))
        if constant:
            self.constants[len(self.shapes)] = data
        self.shapes.append(data.shape)
        return len(self.shapes) - 1

    def data(self, leaf: int) -> Array:
        """A copy of a leaf's data."""
        return next(found.data.copy() for i, found in self.leaves if i == leaf)

    def fresh(self, source: Source, slot: Slot) -> int:
        data = values.leaf(source, self.rnd, slot, self.dtype, self.mild)
        return self.add_leaf(data, slot.constant)

    def add_node(self, name: str, operands: tuple[int, ...], params: dict[str, Param]) -> int:
        shape = self.result_shape(name, operands, params)
        self.nodes.append((len(self.shapes), name, operands, params))
        self.shapes.append(shape)
        return len(self.shapes) - 1

    def result_shape(self, name: str, operands: Sequence[int], params: dict[str, Param]) -> tuple[int, ...]:
        """Shape of an op's result on values made so far."""
        if op(name).family == "elementwise":
            first, *rest = [self.shapes[o] for o in operands]
            return first if all(shape == first for shape in rest) else np.broadcast_shapes(first, *rest)
        return result_shape(name, [self.constants.get(o, self.shapes[o]) for o in operands], params)

    def graph(self, outputs: Sequence[int]) -> Graph:
        """Renumbered: leaves first; what no output depends on is left out."""
        needed = set(outputs)
        nodes = []
        for entry in reversed(self.nodes):
            if entry[0] in needed:
                needed.update(entry[2])
                nodes.append(entry)
        nodes.reverse()
        leaves = [entry for entry in self.leaves if entry[0] in needed]
        renamed = {old: new for new, (old, *_) in enumerate((*leaves, *nodes))}
        return Graph(
            tuple(leaf for _, leaf in leaves),
            tuple(Node(name, tuple([renamed[o] for o in operands]), params) for _, name, operands, params in nodes),
            tuple(renamed[o] for o in outputs),
        )

    def case(self, source: Source, outputs: Sequence[int]) -> Case:
        shapes = [self.shapes[o] for o in outputs]
        cotangents = tuple(values.cotangent(source, self.rnd, shape, self.dtype) for shape in shapes)
        return Case(self.graph(outputs), cotangents)


def result_shape(name: str, operands: Sequence[tuple[int, ...] | Array], params: dict[str, Param]) -> tuple[int, ...]:
    """Shape of an op's result, from its NumPy meaning on ones (identity matrices where it factors one)."""
    key = name, repr(params), *(o if isinstance(o, tuple) else (o.shape, o.dtype.char, o.tobytes()) for o in operands)
    found = _SHAPES.get(key)
    if found is None:
        if len(_SHAPES) >= SHAPES_KEPT:
            _SHAPES.clear()
        found = _SHAPES[key] = _shape_of_meaning(name, operands, params)
    return found


_SHAPES: dict[tuple[object, ...], tuple[int, ...]] = {}  # the same few ops and shapes come up again and again
SHAPES_KEPT = 20_000


def _shape_of_meaning(
    name: str, operands: Sequence[tuple[int, ...] | Array], params: dict[str, Param]
) -> tuple[int, ...]:
    row = op(name)
    trial: list[Any] = []
    for operand in operands:
        if isinstance(operand, tuple):
            ones = np.ones(operand)
            pairs = row.family == "complex"
            if row.factorises and len(operand) >= 2 + pairs and not trial:
                rows, columns = operand[-3:-1] if pairs else operand[-2:]
                eye = np.eye(rows, columns)
                ones = np.broadcast_to(eye[..., None] if pairs else eye, operand)
            trial.append(ones)
        else:
            trial.append(operand.astype(np.float64) if is_float(operand.dtype) else operand)
    with np.errstate(all="ignore"):
        return np.shape(row.meaning(NUMPY, *trial, **params))


def _sketch(row: Op, source: Source) -> Sketch:
    """A first shape the op likes, and a sketch for it; shapes that do not fit are passed over."""
    for _ in range(8):
        sketch = row.sketch(source, row.shape(source))
        if sketch is not None:
            return sketch
    quiet = Source(b"")
    for guess in range(256):
        sketch = row.sketch(quiet, row.shape(Source(bytes([guess]))))
        if sketch is not None:
            return sketch
    raise AssertionError(f"the catalogue row of {row.name} has no shape that its own sketch accepts")


def single(name: str, data: bytes, dtype: str = "float64") -> Case:
    """One op on fresh leaves, sometimes the same leaf twice, or two of the same values."""
    source = Source(data)
    builder = Builder(dtype, source, mild=False)
    sketch = _sketch(op(name), source)
    operands: list[int] = []
    seen: dict[tuple[int, ...], int] = {}
    slots = [i for i, operand in enumerate(sketch.operands) if isinstance(operand, Slot)]
    held = source.pick(slots) if len(slots) > 1 and source.flag(6) else None  # engines save less beside a constant
    for position, operand in enumerate(sketch.operands):
        if not isinstance(operand, Slot):
            operands.append(builder.add_leaf(_typed(operand, builder.dtype), constant=True))
            continue
        if position == held:
            operand = replace(operand, constant=True)
        plain = operand.domain is REAL and not operand.matrix and not operand.constant
        again = source.below(6) if plain and operand.shape in seen else 0
        if again == 5:
            operands.append(seen[operand.shape])
            continue
        if again == 4:
            operands.append(builder.add_leaf(builder.data(seen[operand.shape])))
            continue
        operands.append(builder.fresh(source, operand))
        if plain:
            seen[operand.shape] = operands[-1]
    output = builder.add_node(name, tuple(operands), dict(sketch.params))
    return builder.case(source, [output])


def graph(data: bytes, ops: Sequence[str], dtype: str = "float64", max_nodes: int = NODES_MAX) -> Case:
    """A random graph over ``ops``; each graph favours a few of them (swarm testing)."""
    source = Source(data)
    builder = Builder(dtype, source, mild=True, ops=ops)
    favoured = builder.rnd.sample(list(ops), min(len(ops), 8)) if source.flag() else list(ops)
    source.position = HEADER_BYTES
    made: list[int | None] = []
    for index in range(SLOTS):
        slot = Source(data[HEADER_BYTES + index * SLOT_BYTES : HEADER_BYTES + (index + 1) * SLOT_BYTES])
        made.append(_slot(builder, slot, made, favoured) if len(builder.nodes) < max_nodes else None)
    outputs = [v for v in made if v is not None]
    if not builder.nodes:
        leaf = outputs[-1] if outputs else builder.fresh(source, Slot((2,)))
        outputs = [_simplest(builder, leaf, source, ops)]
    used = {o for _, _, operands, _ in builder.nodes for o in operands}
    leaf_ids = {i for i, _ in builder.leaves}
    chosen = [v for v in outputs if v not in used and v not in leaf_ids][-3:] or [builder.nodes[-1][0]]
    inside = [v for v in outputs if v in used and v not in leaf_ids]
    if inside and builder.rnd.random() < INSIDE:  # a value may be an output and be used further
        chosen.append(builder.rnd.choice(inside))
    if builder.rnd.random() < INSIDE / 2:  # an output twice, or an input as output
        read = [i for i, leaf in builder.leaves if not leaf.constant and i in used]
        chosen.append(builder.rnd.choice(read if read and builder.rnd.random() < 0.5 else chosen))
    return builder.case(Source(data[4:HEADER_BYTES]), chosen)


def _simplest(builder: Builder, leaf: int, source: Source, ops: Sequence[str]) -> int:
    """A graph of one node, for bytes that ask for none."""
    if "negative" in builder.ops:
        return builder.add_node("negative", (leaf,), {})
    row = op(ops[0])
    sketch = _sketch(row, source)
    operands = tuple(
        builder.fresh(source, o) if isinstance(o, Slot) else builder.add_leaf(_typed(o, builder.dtype), constant=True)
        for o in sketch.operands
    )
    return builder.add_node(row.name, operands, dict(sketch.params))


def _slot(builder: Builder, source: Source, made: Sequence[int | None], ops: Sequence[str]) -> int | None:
    """One slot: nothing, a leaf to be shared, or an op on earlier values and fresh leaves."""
    code = source.byte()
    if code < 16:
        return None
    if code < 32:
        return builder.fresh(source, Slot(source.pick(((2, 3), (3,), (), (2, 2), (3, 3), (2, 1)))))
    row = op(ops[((code - 32) << 8 | source.byte()) % len(ops)])  # one byte would name 224 ops and no more
    first = _back(source, made)
    second, third = _back(source, made), source.byte()
    sketch = row.sketch(source, builder.shapes[first]) if first is not None else None
    if sketch is None:
        first, sketch = None, _sketch(row, source)
    if sum(size_of(o.shape) for o in sketch.operands if isinstance(o, Slot)) > 3 * SIZE_MAX:
        return None
    operands: list[int] = []
    for position, operand in enumerate(sketch.operands):
        if not isinstance(operand, Slot):
            operands.append(builder.add_leaf(_typed(operand, builder.dtype), constant=True))
            continue
        value = first if position == 0 else second if position == 1 else None
        if position == 1 and third < 32:
            value = first
        if value is None or builder.shapes[value] != operand.shape or operand.constant:
            held = position > 0 and source.flag(8)
            operands.append(builder.fresh(source, replace(operand, constant=True) if held else operand))
        else:
            inside = _guarded(builder, source, value, operand)
            operands.append(builder.fresh(source, operand) if inside is None else inside)
    made_value = builder.add_node(row.name, tuple(operands), dict(sketch.params))
    if size_of(builder.shapes[made_value]) > SIZE_MAX:
        return None  # dead: whatever is not a sink of the graph is pruned
    if len(builder.shapes[made_value]) > 1 and "matrix_transpose" in builder.ops and builder.rnd.random() < TURNED:
        return builder.add_node("matrix_transpose", (made_value,), {})  # values and cotangents in another memory order
    return made_value


def _back(source: Source, made: Sequence[int | None]) -> int | None:
    """An earlier slot's value, or None for a fresh leaf."""
    distance = DISTANCES[source.byte() % len(DISTANCES)]
    return made[-distance] if 0 < distance <= len(made) else None


def _guarded(builder: Builder, source: Source, value: int, slot: Slot) -> int | None:
    """The value mapped into the operand's domain by ops; None if the subject lacks one of them."""
    if slot.matrix:
        turned = slot.matrix in ("spd", "symmetric")
        if not builder.ops.issuperset(("tanh", "add", *(("matrix_transpose", "matmul") if turned else ()))):
            return None
        n, m = slot.shape[-1], slot.shape[-2]
        small = builder.add_node("tanh", (value,), {})
        if turned:
            other = builder.add_node("matrix_transpose", (small,), {})
            small = builder.add_node("matmul" if slot.matrix == "spd" else "add", (small, other), {})
        apart = slot.matrix in ("symmetric", "full", "sound", "leading")  # then by more than twice what the rest can move a singular value
        weights = 4.0 * max(m, n) * np.arange(1, n + 1) if apart else 2.0 * n
        heavy = builder.add_leaf(np.asarray(np.eye(m, n) * weights, dtype=dtype_named(builder.dtype)))
        return builder.add_node("add", (small, heavy), {})
    if slot.domain is REAL:
        return value
    guards = [g for g in slot.domain.guards if builder.ops.issuperset(g)]
    if not guards:
        return None
    for name in source.pick(guards):
        value = builder.add_node(name, (value,), {})
    return value
