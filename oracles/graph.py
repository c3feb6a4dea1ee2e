"""A graph is data: a list of leaves and a list of nodes in evaluation order.

Values are numbered: first the leaves, then each node's results in order; ``%4`` is value 4. Every interpreter (our
engine, JAX, PyTorch, the ball judge, differences, duals) evaluates the same graph through ``evaluate``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from types import EllipsisType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gradproof.oracles.errors import GradproofError, GraphError
from gradproof.oracles.formats import FORMATS, is_float

Param = None | bool | int | float | str | slice | EllipsisType | tuple["Param", ...]
Array = NDArray[Any]

FLOAT_NAMES = {name: f.short for name, f in FORMATS.items()}


@dataclass(frozen=True, eq=False)
class Leaf:
    """An input of a graph: a primal that is differentiated, or a constant (integer, bool, or held fixed)."""

    data: Array
    constant: bool = False

    def __post_init__(self) -> None:
        if not isinstance(self.data, np.ndarray | np.generic):
            raise GraphError(f"a leaf holds {type(self.data).__name__}, expected a NumPy array. Use np.asarray.")
        if not self.constant and not is_float(self.data.dtype):
            raise GraphError(
                f"a primal of dtype {self.data.dtype.name} cannot be differentiated; expected {', '.join(FORMATS)}. "
                "Mark the leaf constant=True."
            )


@dataclass(frozen=True)
class Node:
    """One op applied to earlier values, with static parameters; ``results`` is how many values it yields."""

    op: str
    operands: tuple[int, ...]
    params: Mapping[str, Param] = field(default_factory=dict)
    results: int = 1


@dataclass(frozen=True, eq=False)
class Graph:
    """Leaves, nodes in evaluation order, and the value ids that are the outputs.

    Raises: GraphError if an operand or output refers to a value that is not defined before it, or is no number of one.
    """

    leaves: tuple[Leaf, ...]
    nodes: tuple[Node, ...]
    outputs: tuple[int, ...]

    def __post_init__(self) -> None:
        defined = len(self.leaves)
        for position, node in enumerate(self.nodes):
            if type(node.results) is not int or node.results < 1:
                raise GraphError(
                    f"node {position} ({node.op}) has {node.results!r} results; expected a whole number from 1 on."
                )
            for operand in node.operands:
                if not _is_value(operand, defined):
                    raise GraphError(
                        f"node {position} ({node.op}) reads %{operand}, which is not defined before it; "
                        f"expected a value in %0 .. %{defined - 1}. List nodes in evaluation order."
                    )
            defined += node.results
        for output in self.outputs:
            if not _is_value(output, defined):
                raise GraphError(
                    f"output %{output} is not a value of this graph, which has {defined} values; "
                    f"expected one in %0 .. %{defined - 1}."
                )

    @cached_property
    def primals(self) -> tuple[int, ...]:
        """Value ids of the leaves that are differentiated, in order."""
        return tuple(i for i, leaf in enumerate(self.leaves) if not leaf.constant)

    @cached_property
    def primal_values(self) -> tuple[Array, ...]:
        """The data of the differentiated leaves, in order."""
        return tuple(leaf.data for leaf in self.leaves if not leaf.constant)

    @property
    def dtype(self) -> np.dtype[Any]:
        """The dtype of the primals; a graph has one."""
        return self.leaves[self.primals[0]].data.dtype if self.primals else np.dtype(np.float64)

    @property
    def ops(self) -> tuple[str, ...]:
        """Names of the ops used, once each, sorted."""
        return tuple(sorted({node.op for node in self.nodes}))

    def numbered(self) -> Iterator[tuple[int, Node]]:
        """Each node with the value id of its first result."""
        value = len(self.leaves)
        for node in self.nodes:
            yield value, node
            value += node.results

    def with_primals(self, values: Sequence[Array]) -> Graph:
        """The same graph at other inputs (one array a primal, in order)."""
        fresh = iter(values)
        leaves = tuple(leaf if leaf.constant else Leaf(np.asarray(next(fresh))) for leaf in self.leaves)
        return replace(self, leaves=leaves)

    def pruned(self) -> Graph:
        """The graph without the leaves and nodes that no output depends on."""
        needed = set(self.outputs)
        numbered = list(self.numbered())
        for value, node in reversed(numbered):
            if needed & set(range(value, value + node.results)):
                needed.update(node.operands)
        renamed: dict[int, int] = {}
        leaves: list[Leaf] = []
        for i, leaf in enumerate(self.leaves):
            if i in needed:
                renamed[i] = len(leaves)
                leaves.append(leaf)
        nodes = []
        count = len(leaves)
        for value, node in numbered:
            if any(value + k in needed for k in range(node.results)):
                for k in range(node.results):
                    renamed[value + k] = count + k
                nodes.append(replace(node, operands=tuple(renamed[o] for o in node.operands)))
                count += node.results
        return Graph(tuple(leaves), tuple(nodes), tuple(renamed[o] for o in self.outputs))

    def _repr_html_(self) -> str:
        """The drawing that a notebook shows, without values, which need cotangents to go with them: see ``Case``."""
        from gradproof.oracles.draw import draw

        return draw(self)


@dataclass(frozen=True, eq=False)
class Case:
    """A graph with one cotangent for each output: what is judged, saved and replayed.

    ``note`` carries provenance (engine, verdict, seed); it never changes what is computed.

    Raises: GraphError if there is not one cotangent for each output.
    """

    graph: Graph
    cotangents: tuple[Array, ...]
    note: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if len(self.cotangents) != len(self.graph.outputs):
            raise GraphError(
                f"there are {len(self.cotangents)} cotangents for {len(self.graph.outputs)} outputs. "
                "Give one for each output, zeros where nothing is asked."
            )

    def _repr_html_(self) -> str:
        """The drawing that a notebook shows: with the exact values and the cotangents that come back, where they are known."""
        from gradproof.oracles.picture import picture

        try:
            return picture(self)
        except GradproofError:  # an op that is not in the catalogue, or no value in its domain
            return self.graph._repr_html_()


def _is_value(number: object, defined: int) -> bool:
    """Whether it is a value id below ``defined``; True and 1.0 are none, though they compare like one."""
    if type(number) is int:
        return 0 <= number < defined
    return isinstance(number, int | np.integer) and not isinstance(number, bool) and 0 <= int(number) < defined


def evaluate(graph: Graph, call: Callable[[Node, list[Any]], Any], leaves: Sequence[Any]) -> list[Any]:
    """Every value of the graph, in order, where ``call(node, operands)`` evaluates one node.

    The one interpreter loop that engines, oracles and reports share. A node with several results yields a sequence.
    """
    values = list(leaves)
    for node in graph.nodes:
        result = call(node, [values[o] for o in node.operands])
        if node.results == 1:
            values.append(result)
        else:
            values.extend(result)
    return values
