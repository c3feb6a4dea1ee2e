"""The graph checker, pruning, evaluation and the rewriting of cases."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from gradproof.oracles.catalogue import op
from gradproof.oracles.certificate import certify
from gradproof.oracles.errors import GraphError, UnknownOp
from gradproof.oracles.graph import Case, Graph, Leaf, Node, evaluate
from gradproof.oracles.rewrite import adjoint, forward_values, isolated, opened, substituted, with_leaf

X, Y = Leaf(np.array([0.5, -1.0])), Leaf(np.array([2.0, 3.0]))
EXP, SIN, MUL = Node("exp", (0,)), Node("sin", (0,)), Node("multiply", (0, 1))


@pytest.mark.parametrize("dtype", [np.int64, np.bool_, np.complex128, np.longdouble])
def test_a_primal_has_a_format_that_is_judged(dtype: type) -> None:
    with pytest.raises(GraphError, match=r"cannot be differentiated.*constant=True"):
        Leaf(np.zeros(2, dtype))
    Leaf(np.zeros(2, dtype), constant=True)


@pytest.mark.parametrize("operand", [1, 2, 99, -1])
def test_a_node_reads_only_what_is_defined_before_it(operand: int) -> None:
    with pytest.raises(GraphError, match=rf"node 0 \(exp\) reads %{operand}, which is not defined before it"):
        Graph((X,), (Node("exp", (operand,)), SIN), (1,))


@pytest.mark.parametrize("output", [2, -1])
def test_an_output_is_a_value_of_the_graph(output: int) -> None:
    with pytest.raises(GraphError, match="has 2 values"):
        Graph((X,), (EXP,), (output,))


def test_an_unknown_op_is_named_with_the_nearest_ones() -> None:
    with pytest.raises(UnknownOp, match="sinn"):
        op("sinn")


def test_pruning_drops_what_no_output_needs_and_changes_no_gradient() -> None:
    whole = Graph((X, Y), (MUL, Node("exp", (1,)), Node("sin", (2,))), (4,))
    small = whole.pruned()
    assert [n.op for n in small.nodes] == ["multiply", "sin"]
    ct = np.array([1.0, -2.0])
    a, b = certify(Case(whole, (ct,))), certify(Case(small, (ct,)))
    assert [float(g) for g in a.gradient] == [float(g) for g in b.gradient]
    spare = Graph((Y, X), (Node("exp", (1,)),), (2,)).pruned()
    assert len(spare.leaves) == 1
    assert spare.outputs == (1,)


def test_other_inputs_leave_constants_alone() -> None:
    graph = Graph((X, Leaf(np.array([1.0]), constant=True)), (MUL,), (2,))
    moved = graph.with_primals([np.array([7.0, 8.0])])
    assert moved.leaves[0].data.tolist() == [7.0, 8.0]
    assert moved.leaves[1].constant


def test_evaluation_sees_nodes_in_order_and_operands_by_value() -> None:
    graph = Graph((X, Y), (MUL, Node("add", (2, 0))), (3,))
    values = evaluate(graph, lambda node, operands: (node.op, *operands), ["x", "y"])
    assert values == ["x", "y", ("multiply", "x", "y"), ("add", ("multiply", "x", "y"), "x")]


def test_the_ops_and_the_dtype_of_a_graph() -> None:
    graph = Graph((X, Y), (MUL, Node("exp", (2,)), Node("exp", (3,))), (4,))
    assert graph.ops == ("exp", "multiply")
    assert graph.dtype == np.float64
    assert [value for value, _ in graph.numbered()] == [2, 3, 4]


def test_a_graph_cut_open_at_a_value_gives_that_value_its_adjoint() -> None:
    case = Case(Graph((X, Y), (MUL, Node("exp", (2,))), (3,)), (np.array([1.0, 2.0]),))
    values = forward_values(certify(case))
    assert values[2].tolist() == [1.0, -3.0]
    assert adjoint(case, values, 2) == pytest.approx(np.array([np.e, 2 * np.exp(-3.0)]))
    cut = opened(case, values, 2)
    assert cut.graph.ops == ("exp",)


def test_one_node_alone_has_its_operands_and_its_exact_cotangent() -> None:
    graph = Graph((X, Y), (MUL, Node("exp", (2,)), Node("multiply", (3, 3))), (4,))
    case = Case(graph, (np.array([1.0, 2.0]),))
    alone = isolated(case, forward_values(certify(case)), 3, graph.nodes[1])
    assert alone is not None
    assert alone.graph.ops == ("exp",)
    assert alone.cotangents[0] == pytest.approx(2 * np.exp([1.0, -3.0]) * [1.0, 2.0])
    twice = isolated(case, forward_values(certify(case)), 4, graph.nodes[2])
    assert twice is not None
    assert len(twice.graph.leaves) == 1  # the same operand twice stays one value


def test_a_value_replaced_by_an_earlier_one_or_by_data() -> None:
    graph = Graph((X, Y), (MUL, Node("exp", (2,))), (3,))
    assert substituted(graph, 2, 0).nodes == (Node("exp", (0,)),)
    given = with_leaf(graph, 2, np.array([9.0, 9.0]))
    assert given.leaves[-1].data.tolist() == [9.0, 9.0]
    assert given.ops == ("exp",)


@pytest.mark.parametrize("number", [True, 0.0, "0", None])
def test_a_value_id_is_a_whole_number(number: Any) -> None:
    with pytest.raises(GraphError, match="which is not defined before it"):
        Graph((X,), (Node("exp", (number,)),), (1,))
    with pytest.raises(GraphError, match="is not a value of this graph"):
        Graph((X,), (EXP,), (number,))


@pytest.mark.parametrize("results", [0, -1, True, 1.0, None])
def test_a_node_has_a_whole_number_of_results(results: Any) -> None:
    with pytest.raises(GraphError, match=r"node 0 \(exp\) has .* results; expected a whole number from 1 on"):
        Graph((X,), (Node("exp", (0,), {}, results),), (0,))


def test_a_case_has_one_cotangent_for_each_output() -> None:
    graph = Graph((X,), (EXP, SIN), (1, 2))
    with pytest.raises(GraphError, match="1 cotangents for 2 outputs"):
        Case(graph, (np.ones(2),))


def test_a_leaf_holds_an_array() -> None:
    with pytest.raises(GraphError, match=r"a leaf holds list.*np\.asarray"):
        Leaf([1.0])  # type: ignore[arg-type]
