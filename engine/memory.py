"""What a tape keeps alive, counted: the residuals that rules declare, by op, each buffer once."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from gradproof.engine.array import Array
from gradproof.engine.library import FOREIGN, interpreted
from gradproof.engine.tape import Node


@dataclass(frozen=True)
class Saved:
    """Bytes that a backward pass needs kept. A buffer that several ops keep is counted at the first that saved it."""

    total: int
    by_op: dict[str, int] = field(hash=False)

    def __str__(self) -> str:
        lines = [f"{count:>14,}  {op}" for op, count in sorted(self.by_op.items(), key=lambda pair: -pair[1])]
        return "\n".join([*lines, f"{self.total:>14,}  in all"])


def saved_bytes(*values: Any, but: Iterable[Any] = ()) -> Saved:
    """The residuals on the tape behind some values, by op; the buffers of ``but`` (parameters, inputs) are not counted.

    A view counts as the whole buffer it keeps alive, and two views of one buffer once.

    >>> import gradproof.engine as ge
    >>> x = ge.variable([1.0, 2.0, 3.0])
    >>> ge.saved_bytes(ge.sin(ge.exp(x)) + 1.0).by_op  # exp saves its result, and sin the same array
    {'exp': 24}
    """
    seen = {id(buffer(_plain(x))) for x in but}
    by_op: dict[str, int] = {}
    for node in nodes_behind(values):
        for kept in residuals(node):
            base = buffer(kept)
            if id(base) not in seen:
                seen.add(id(base))
                by_op[node.op.name] = by_op.get(node.op.name, 0) + base.nbytes
    return Saved(sum(by_op.values()), by_op)


def residuals(node: Node) -> list[Any]:
    """The arrays that a node keeps for its rules; what a checkpoint keeps instead is counted at its first node."""
    if type(node.primals) is not tuple:
        return node.primals.kept_for(node) if node.primals is not None else []
    return [kept for x in (*node.primals, node.out) for kept in arrays_of(x)]


def arrays_of(x: Any) -> list[Any]:
    """The arrays that a residual is: one, of whatever library, or none; those inside a batch."""
    if isinstance(x, np.ndarray):
        return [x]
    if type(x) not in FOREIGN:
        return []
    if interpreted(x):
        return arrays_of(x.inner.data) if hasattr(x, "inner") else []
    return [x] if hasattr(x, "nbytes") else []


def nodes_behind(values: Iterable[Any], above: int = 0) -> list[Node]:
    """The nodes that values depend on, with ids above a number, oldest first."""
    todo = [x.node for x in values if isinstance(x, Array) and x.node is not None and x.node.id > above]
    found: dict[int, Node] = {}
    while todo:
        node = todo.pop()
        if node.id not in found:
            found[node.id] = node
            todo += [n for n in node.inputs if n is not None and n.id > above]
    return [found[i] for i in sorted(found)]


def buffer(x: Any) -> Any:
    """The array that owns the memory of x."""
    while isinstance(getattr(x, "base", None), np.ndarray):
        x = x.base
    above = getattr(x, "_base", None)  # of a torch tensor that is a view
    return x if above is None or isinstance(x, np.ndarray) else above


def _plain(x: Any) -> Any:
    return x.data if isinstance(x, Array) else np.asarray(x)
