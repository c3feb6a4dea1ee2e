"""At a kink every sound choice of slopes is accepted, and nothing else."""

from __future__ import annotations

import numpy as np
import pytest
from answering import answering, case, chain, with_ct

from gradproof.oracles.graph import Case, Graph, Leaf, Node
from gradproof.oracles.judge import judge
from gradproof.oracles.verdict import Kind

ACCEPTED, REJECTED = Kind.SUBGRADIENT, Kind.WRONG


def kind(of: Case, *answers: object) -> Kind:
    return judge(of, answering(of, *answers)).kind


@pytest.mark.parametrize("slope", [-1.0, -0.5, 0.0, 0.3, 1.0])
def test_the_slope_of_abs_at_0_may_be_anything_in_minus_1_to_1(slope: float) -> None:
    assert kind(case("abs", [0.0], ct=[3.0]), [3.0 * slope]) is ACCEPTED


@pytest.mark.parametrize("slope", [2.0, -1.0001, 1 + 1e-8, np.nan, np.inf])
def test_the_slope_of_abs_at_0_is_nothing_else(slope: float) -> None:
    assert kind(case("abs", [0.0], ct=[3.0]), [3.0 * slope]) is not ACCEPTED


@pytest.mark.parametrize(
    ("slope", "expected"), [(0.0, ACCEPTED), (0.5, ACCEPTED), (1.0, ACCEPTED), (-1.0, REJECTED), (1.1, REJECTED)]
)
def test_the_slope_of_relu_at_0_lies_between_its_sides(slope: float, expected: Kind) -> None:
    assert kind(case("nn.relu", [0.0, 2.0, -1.0], ct=[1.0, 2.0, 3.0]), [slope, 2.0, 0.0]) is expected


@pytest.mark.parametrize(
    ("slope", "expected"), [(0.25, ACCEPTED), (1.0, ACCEPTED), (0.5, ACCEPTED), (0.0, REJECTED), (1.25, REJECTED)]
)
def test_the_slope_of_leaky_relu_at_0_lies_between_its_two_slopes(slope: float, expected: Kind) -> None:
    assert kind(case("nn.leaky_relu", [0.0], negative_slope=0.25), [slope]) is expected


@pytest.mark.parametrize("at", [-1.0, 0.5])
@pytest.mark.parametrize(
    ("slope", "expected"), [(0.0, ACCEPTED), (0.5, ACCEPTED), (1.0, ACCEPTED), (2.0, REJECTED), (-0.5, REJECTED)]
)
def test_the_slope_of_clip_at_a_bound_lies_between_0_and_1(at: float, slope: float, expected: Kind) -> None:
    assert kind(case("clip", [at], min=-1.0, max=0.5), [slope]) is expected


@pytest.mark.parametrize("n", range(2, 9))
@pytest.mark.parametrize("op", ["max", "min"])
def test_max_over_n_ties_takes_an_even_split_or_one_entry_and_never_another_mass(op: str, n: int) -> None:
    """Up to six ties by the convex hull, beyond by the directions that keep the tie."""
    tied = case(op, np.full(n, 1.5), ct=-2.0, axis=None, keepdims=False)
    one = np.zeros(n)
    one[0] = 1.0
    for share in (np.full(n, 1 / n), one, one[::-1], (one + one[::-1]) / 2):
        assert kind(tied, -2.0 * share) is ACCEPTED, share
    for share in (np.ones(n), np.zeros(n), 1.1 * one, 0.9 * one, np.full(n, 1.1 / n), one * (1 + 1e-9)):
        assert kind(tied, -2.0 * share) is REJECTED, share


@pytest.mark.parametrize("n", [3, 8])
def test_max_gives_nothing_to_an_entry_below_the_tie(n: int) -> None:
    x = np.full(n, 1.5)
    x[-1] = 1.0
    tied = case("max", x, axis=None, keepdims=False)
    share = np.zeros(n)
    share[0], share[-1] = 0.5, 0.5
    assert kind(tied, share) is REJECTED


def test_ties_of_different_rows_are_chosen_independently() -> None:
    tied = case("max", [[1.0, 1.0], [2.0, 2.0]], ct=[1.0, 10.0], axis=1, keepdims=False)
    assert kind(tied, [[1.0, 0.0], [5.0, 5.0]]) is ACCEPTED
    assert kind(tied, [[1.0, 0.0], [5.0, 6.0]]) is REJECTED
    assert kind(tied, [[1.0, 1.0], [5.0, 5.0]]) is REJECTED


@pytest.mark.parametrize(("g", "expected"), [(0.0, ACCEPTED), (1.0, ACCEPTED), (0.5, ACCEPTED), (2.5, REJECTED)])
def test_relu_x_minus_relu_minus_x_at_0_accepts_0_and_1(g: float, expected: Kind) -> None:
    """The function is x, but every framework answers 0; Clarke's subdifferential would reject that."""
    nodes = (Node("nn.relu", (0,)), Node("negative", (0,)), Node("nn.relu", (2,)), Node("subtract", (1, 3)))
    assert kind(with_ct(Graph((Leaf(np.array([0.0])),), nodes, (4,))), [g]) is expected


@pytest.mark.parametrize(("g", "expected"), [(1.0, Kind.AGREE), (2.0, REJECTED), (0.0, REJECTED), (0.5, REJECTED)])
@pytest.mark.parametrize("op", ["maximum", "minimum"])
def test_maximum_of_a_value_with_itself_is_that_value(op: str, g: float, expected: Kind) -> None:
    graph = Graph((Leaf(np.array([3.0])),), (Node(op, (0, 0)),), (1,))
    assert kind(with_ct(graph), [g]) is expected


@pytest.mark.parametrize(("pair", "expected"), [
    ((1.0, 0.0), ACCEPTED), ((0.0, 1.0), ACCEPTED), ((0.5, 0.5), ACCEPTED), ((0.3, 0.7), ACCEPTED),
    ((1.0, 1.0), REJECTED), ((0.0, 0.0), REJECTED), ((0.5, 0.4), REJECTED), ((1.5, -0.5), REJECTED),
])  # fmt: skip
def test_maximum_shares_a_tie_in_full(pair: tuple[float, float], expected: Kind) -> None:
    assert kind(case("maximum", [2.0], [2.0]), [pair[0]], [pair[1]]) is expected


@pytest.mark.parametrize(("g", "expected"), [
    ([0.0, 0.0], ACCEPTED), ([0.6, 0.8], ACCEPTED), ([-0.5, 0.2], ACCEPTED), ([1.5, 0.0], REJECTED), ([np.nan, 0.0], None),
])  # fmt: skip
def test_the_gradient_of_a_length_at_the_origin_is_at_most_1(g: list[float], expected: Kind | None) -> None:
    found = kind(case("linalg.vector_norm", [0.0, 0.0], axis=None, keepdims=False, ord=2), g)
    assert found is expected if expected else found.fails


def test_the_near_side_of_a_kink_is_smooth() -> None:
    assert kind(case("nn.relu", [1e-300]), [1.0]) is Kind.AGREE
    assert kind(case("nn.relu", [1e-300]), [0.5]) is REJECTED
    assert kind(case("abs", [-1e-300]), [-1.0]) is Kind.AGREE


def test_a_tie_within_rounding_is_a_tie() -> None:
    """exp(log(2)) is 2 but for rounding: an engine may see either side of it."""
    graph = Graph((Leaf(np.array([2.0])), Leaf(np.array([2.0]))), (
        Node("log", (0,)), Node("exp", (2,)), Node("maximum", (3, 1)),
    ), (4,))  # fmt: skip
    for pair in ((1.0, 0.0), (0.0, 1.0)):
        assert kind(with_ct(graph), [pair[0]], [pair[1]]) is ACCEPTED


def test_a_slope_behind_a_tie_still_counts() -> None:
    tied = chain([[1.0, 1.0]], ("max", {"axis": None, "keepdims": False}), "square")
    assert kind(tied, [[2.0, 0.0]]) is ACCEPTED
    assert kind(tied, [[1.0, 0.0]]) is REJECTED


def test_an_entry_that_is_no_part_of_a_kink_is_held_to_its_bound() -> None:
    mixed = case("abs", [0.0, 3.0], ct=[1.0, 1.0])
    assert kind(mixed, [0.5, 1.0]) is ACCEPTED
    assert kind(mixed, [0.5, 1.0 + 1e-12]) is REJECTED


def test_an_entry_that_no_choice_changes_has_one_value_though_its_enclosure_is_wide() -> None:
    """Twice exp(x0) and twice exp(x1) under max: with weights as intervals each slope seems to be anything in [0, 2e].

    What one entry has too much and the other too little no direction shows, for both have the same value.
    """
    x, index = Leaf(np.array([1.0, 1.0])), Leaf(np.array([[0, 0], [1, 1]]), constant=True)
    nodes = (Node("exp", (0,)), Node("take", (2, 1), {"axis": 0}), Node("exp", (0,)), Node("take", (4, 1), {"axis": 0}),
             Node("maximum", (3, 5)), Node("sum", (6,), {"axis": 1, "keepdims": False}))  # fmt: skip
    of = with_ct(Graph((x, index), nodes, (7,)))
    assert kind(of, 2 * np.exp([1.0, 1.0])) is ACCEPTED
    assert kind(of, 2 * np.exp([1.0, 1.0]) * np.array([1.3, 0.7])) is REJECTED
