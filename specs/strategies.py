"""Hypothesis strategies: one fixed ``st.binary``, decoded totally, so that nothing is filtered and shrinking works."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import strategies as st

from gradproof.oracles.catalogue import CATALOGUE, op
from gradproof.oracles.graph import Case, Graph
from gradproof.specs import build


def cases(
    ops: Sequence[str] | None = None, max_nodes: int = build.NODES_MAX, dtype: str = "float64"
) -> st.SearchStrategy[Case]:
    """Random graphs with their cotangents, over the named ops (all by default).

    >>> from hypothesis import find
    >>> print(find(cases(ops=["add", "exp"]), lambda case: True).graph.ops)
    ('add',)

    Raises: UnknownOp if the catalogue holds no such op.
    """
    chosen = tuple(CATALOGUE) if ops is None else tuple(op(name).name for name in ops)
    data = st.binary(min_size=build.GRAPH_BYTES, max_size=build.GRAPH_BYTES)
    return data.map(lambda raw: build.graph(raw, chosen, dtype, max_nodes))


def graphs(
    ops: Sequence[str] | None = None, max_nodes: int = build.NODES_MAX, dtype: str = "float64"
) -> st.SearchStrategy[Graph]:
    """Random graphs with values in their leaves, over the named ops (all by default)."""
    return cases(ops, max_nodes, dtype).map(lambda case: case.graph)


def singles(name: str, dtype: str = "float64") -> st.SearchStrategy[Case]:
    """Single-op cases of one op."""
    data = st.binary(min_size=build.SINGLE_BYTES, max_size=build.SINGLE_BYTES)
    return data.map(lambda raw: build.single(op(name).name, raw, dtype))
