"""Alarms of the judge, and one fault of the native engine, found on the way to orders 2 and 3."""

from __future__ import annotations

import numpy as np
import pytest

from gradproof.oracles.directions import TANGENTS, saved
from gradproof.oracles.engine import Engine
from gradproof.oracles.graph import Case, Graph, Leaf, Node
from gradproof.oracles.judge import judge
from gradproof.oracles.modes import judge_mode
from gradproof.oracles.registry import engine
from gradproof.oracles.verdict import Kind


@pytest.fixture(scope="module")
def native() -> Engine:
    return engine("native")


def test_an_infinite_first_derivative_beside_a_tie_is_left_undecided_at_order_two(native: Engine) -> None:
    """Found in graph 2749 of seed 3: 0 times the infinite tangent of sqrt reached an exponent that min does not take."""
    x, y = Leaf(np.array([0.0, 1.0])), Leaf(np.array([3.0, 0.5]))
    graph = Graph((x, y), (
        Node("sqrt", (0,)), Node("exp", (2,)), Node("add", (3, 3)), Node("pow", (4, 1)),
        Node("min", (5,), {"axis": None, "keepdims": False}),
    ), (6, 2))  # fmt: skip
    along = saved([[np.array([-0.65, 0.75]), np.array([1.08, 0.27])]])
    c = Case(graph, (np.array(1.5), np.array([-1.0, 0.5])), {TANGENTS: along})
    assert judge(c, native).kind is Kind.AGREE
    found = judge_mode(c, native, "reverse over reverse")
    assert not found.kind.fails
    assert found.kind.skipped or found.undecided == 1  # the entry at 0, and no other


def test_an_infinite_tangent_times_a_weight_of_nothing_gives_no_verdict_in_forward_mode(native: Engine) -> None:
    """Found in graph 1438 of seed 11: sqrt at 0 beside entries whose weight is a constant 0."""
    x = Leaf(np.array([0.0, 1.0]))
    graph = Graph(
        (x, Leaf(np.array([0.0, 2.0]), constant=True), Leaf(np.array([0.5, -1.0]))),
        (Node("sqrt", (0,)), Node("nn.layer_norm", (3, 1, 2), {"eps": 0.5})), (4,),
    )  # fmt: skip
    found = judge_mode(Case(graph, (np.array([1.0, -1.0]),)), native, "forward")
    assert found.kind is Kind.ILL_CONDITIONED


def test_a_constant_power_of_zero_has_a_second_derivative_in_the_native_engine(native: Engine) -> None:
    """It was NaN at x**0: 0 times the infinity of 0**-1."""
    graph = Graph((Leaf(np.zeros(4)), Leaf(np.array([2.0, 1.0, 0.0, 3.0]), constant=True)), (Node("pow", (0, 1)),), (2,))
    for name in ("reverse over reverse", "reverse over forward", "forward over reverse"):
        assert judge_mode(Case(graph, (np.array([0.0, -1.5, 0.0, 2.0]),)), native, name).kind is Kind.AGREE, name


def test_directions_may_round_as_inputs_do(native: Engine) -> None:
    """v_j less the mean of v over the probabilities rounds where v_j - v_j does not: it was called WRONG by 1e12 bounds."""
    for logits in ([-12.0, -12.0, -2.0], [-30.0, -30.0, 5.0]):
        graph = Graph(
            (Leaf(np.array([logits])), Leaf(np.array([2]), constant=True)),
            (Node("nn.cross_entropy", (0, 1), {"reduction": "none"}),), (2,),
        )  # fmt: skip
        found = judge_mode(Case(graph, (np.array([1.25]),)), native, "reverse over reverse")
        assert found.kind is Kind.AGREE
        assert found.units < 4


def test_a_loss_along_two_directions_may_round_as_the_directions_do(native: Engine) -> None:
    """The errors of v_y - v_y and w_y - w_y met in a product, of which a bound of first order knows nothing: native was WRONG by 218 bounds."""
    graph = Graph(
        (Leaf(np.array([[0.0, -12.0]])), Leaf(np.array([0]), constant=True)),
        (Node("nn.cross_entropy", (0, 1), {"reduction": "none"}),), (2,),
    )  # fmt: skip
    directions = [[[v.hex() for v in one]] for one in ((-471.9164580502603, -0.00015245077113878796), (-1.2846164044427575, 2.530910572760885))]
    found = judge_mode(Case(graph, (np.array([1.0]),), {"tangents": directions}), native, "forward over forward")
    assert found.kind is Kind.AGREE
    assert found.units < 4


def test_a_deviation_of_one_entry_may_cancel_large_numbers_at_order_two(native: Engine) -> None:
    """Found in graph 470 of seed 0: (c + b) - b rounds to the size of b, though the deviation of one entry is 0."""
    x, y = Leaf(np.array([[-2.206754067351632]])), Leaf(np.array([[-2.1610707378510745]]))
    graph = Graph((x, y), (
        Node("divide", (0, 1)), Node("negative", (2,)),
        Node("std", (2,), {"axis": -1, "keepdims": True, "correction": 0}), Node("erfc", (4,)),
    ), (3, 5))  # fmt: skip
    c = Case(graph, (np.array([[-0.27]]), np.array([[26645898.183197577]])))
    for name in ("reverse over reverse", "forward over reverse", "reverse over forward"):
        assert judge_mode(c, native, name).kind is Kind.AGREE, name
