"""Whether a case from outside means something: its nodes fit the catalogue, its shapes and dtypes fit each other.

The graph is evaluated once in floats and, where it is small, once more on recorded scalars as the judge will do.
"""

from __future__ import annotations

import inspect
import math
import random
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from gradproof.oracles.ball import PRECISION, precision
from gradproof.oracles.catalogue import Slot, Source, op
from gradproof.oracles.certificate import record
from gradproof.oracles.errors import GraphError, UnknownOp
from gradproof.oracles.formats import is_float
from gradproof.oracles.graph import Array, Case, Graph, Node, Param
from gradproof.oracles.meaning import NUMPY

ENTRIES_MAX = 1 << 24  # of one value; a larger one would fill the memory before anything could be said of it
ENTRIES_MAX_RECORDED = 50_000
DRAWS, DRAW_BYTES = 400, 200


def check(case: Case) -> None:
    """Refuse a case that no engine could be asked.

    Raises: GraphError, saying which node, output or cotangent does not fit, and how.
    """
    graph = case.graph
    dtypes = {leaf.data.dtype.name for leaf in graph.leaves if not leaf.constant}
    if len(dtypes) > 1:
        raise GraphError(f"its primals have the dtypes {', '.join(sorted(dtypes))}; expected one for all.")
    values = _values(graph)
    for position, (output, cotangent) in enumerate(zip(graph.outputs, case.cotangents, strict=True)):
        value = values[output]
        if value.dtype.kind in "biu":
            raise GraphError(f"output %{output} is of dtype {value.dtype.name}; expected floats, which have gradients.")
        if cotangent.shape != value.shape:
            raise GraphError(
                f"cotangent {position} has shape {cotangent.shape}, expected {value.shape} as output %{output} has."
            )
        if cotangent.dtype != graph.dtype:
            raise GraphError(
                f"cotangent {position} is of dtype {cotangent.dtype.name}, expected {graph.dtype.name} as the primals are."
            )
    if sum(value.size for value in values) <= ENTRIES_MAX_RECORDED:
        _recorded(graph, values)


def _values(graph: Graph) -> list[Array]:
    """Every value in float64: only shapes matter here, and NumPy has not every function in every format."""
    values = [leaf.data.astype(float) if is_float(leaf.data.dtype) else leaf.data for leaf in graph.leaves]
    for first, node in graph.numbered():
        where = f"node {first - len(graph.leaves)} ({node.op})"
        _fits(node, where)
        operands = [values[o] for o in node.operands]
        _kinds(node, operands, where)
        try:
            with np.errstate(all="ignore"), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                found = op(node.op).meaning(NUMPY, *operands, **node.params)
            results = [np.asarray(r) for r in found] if isinstance(found, tuple | list) else [np.asarray(found)]
        except Exception as error:  # whatever a meaning raises, it is that these operands do not fit
            raise GraphError(f"{where} cannot be evaluated at {_shown(operands, node)}: {_line(error)}.") from error
        if len(results) != node.results:
            raise GraphError(f"{where} says it has {node.results} results; the op has {len(results)}.")
        if any(r.size > ENTRIES_MAX for r in results):
            raise GraphError(f"{where} has more than {ENTRIES_MAX:,} entries; such a graph is not judged.")
        values.extend(results)
    return values


def _fits(node: Node, where: str) -> None:
    """The node's op is in the catalogue, and takes so many operands and these parameters."""
    try:
        row = op(node.op)
    except UnknownOp as error:
        raise UnknownOp(f"{where}: {error}") from None
    try:
        inspect.signature(row.meaning).bind(NUMPY, *node.operands, **node.params)
    except TypeError as error:
        raise GraphError(
            f"{where} has {len(node.operands)} operands and the parameters {sorted(node.params)}, "
            f"which is not how the op is called: {error}."
        ) from None
    known = _drawn(node.op).params
    for name, value in node.params.items():
        if math.prod(_sizes(value)) > ENTRIES_MAX:
            raise GraphError(f"{where} has a parameter {name} = {value!r}, whose numbers are too large.")
        strange = _forms(value) - known[name] - {(depth, "NoneType") for depth in range(3)}
        if strange and not (row.call == "subscripts" and isinstance(value, str)):
            told = ", ".join(sorted({f"{form} ({depth} deep)" if depth else form for depth, form in known[name]}))
            raise GraphError(f"{where} has a parameter {name} = {value!r}, expected as in the catalogue: {told}.")


def _kinds(node: Node, operands: list[Array], where: str) -> None:
    """Whole numbers stand where the op takes indices or choices, and floats everywhere else."""
    drawn = _drawn(node.op).whole
    for i, operand in enumerate(operands):
        allowed = drawn[min(i, len(drawn) - 1)]  # an op of any number of operands takes all alike
        if (operand.dtype.kind in "biu") not in allowed:
            expected = "integers or booleans" if True in allowed else "floats"
            raise GraphError(f"{where} takes {expected} as operand {i}, and %{node.operands[i]} is {operand.dtype.name}.")


def _sizes(value: Param) -> list[int]:
    """The sizes of a parameter's integers, none of them 0."""
    if isinstance(value, tuple):
        return [size for part in value for size in _sizes(part)]
    return [abs(value)] if isinstance(value, int) and value else []


def _forms(value: Param, depth: int = 0) -> frozenset[tuple[int, str]]:
    """What a parameter is made of, each with how deep it is nested; a word counts as itself."""
    if isinstance(value, tuple):
        return frozenset({(depth, "tuple")}).union(*(_forms(part, depth + 1) for part in value))
    if isinstance(value, str):
        return frozenset({(depth, repr(value))})
    return frozenset({(depth, "number" if type(value) in (int, float) else type(value).__name__)})


@dataclass(frozen=True)
class Drawn:
    """What an op's row of the catalogue draws: the forms of each parameter, and which operands are whole numbers."""

    params: Mapping[str, frozenset[tuple[int, str]]]
    whole: tuple[frozenset[bool], ...]


@cache
def _drawn(name: str) -> Drawn:
    """From many draws of the op."""
    row, rnd = op(name), random.Random(0)
    params: dict[str, frozenset[tuple[int, str]]] = {}
    whole: list[frozenset[bool]] = []
    for _ in range(DRAWS):
        source = Source(rnd.randbytes(DRAW_BYTES))
        sketch = row.sketch(source, row.shape(source))
        if sketch is None:
            continue
        for key, value in sketch.params.items():
            params[key] = params.get(key, frozenset()) | _forms(value)
        whole += [frozenset()] * (len(sketch.operands) - len(whole))
        for i, operand in enumerate(sketch.operands):
            whole[i] |= {not isinstance(operand, Slot) and operand.dtype.kind in "biu"}
    return Drawn(params, tuple(whole))


def _recorded(graph: Graph, values: list[Array]) -> None:
    """The judge can record it, with the same shapes."""
    try:
        with precision(PRECISION):
            shapes = [np.shape(value) for value in record(graph).values]
    except Exception as error:  # as above
        raise GraphError(f"its nodes do not take these operands: {_line(error)}.") from error
    expected = [value.shape for value in values]
    if shapes != expected:
        raise GraphError(f"its values have the shapes {expected} in floats and {shapes} on the judge's scalars.")


def _shown(operands: list[Array], node: Node) -> str:
    arrays = ", ".join(f"{a.dtype.name}{list(a.shape)}" for a in operands)
    return f"({arrays}), {dict(node.params)}" if node.params else f"({arrays})"


def _line(error: BaseException) -> str:
    text: Any = " ".join(str(error).split()).rstrip(".")
    return f"{type(error).__name__}: {text[:200]}"
