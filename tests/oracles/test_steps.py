"""floor and its kin, and a quotient made whole: exact on inputs, no verdict where rounding may reach a jump."""

from __future__ import annotations

import math

import numpy as np
import pytest

from gradproof.oracles.ball import Tape, arb
from gradproof.oracles.certificate import certify
from gradproof.oracles.graph import Case, Graph, Leaf, Node
from gradproof.oracles.judge import judge
from gradproof.oracles.meaning_special import STEPS
from gradproof.oracles.registry import engine
from gradproof.oracles.special import whole
from gradproof.oracles.verdict import Kind

POINTS = (-2.5, -2.0, -1.5, -1e-160, -0.0, 0.0, 1e-160, 0.49999999999999994, 0.5, 1.0, 1.5, 2.5, 3.7, 1e12 + 0.5, 2.0**60)


@pytest.mark.parametrize("kind", STEPS)
@pytest.mark.parametrize("x", POINTS)
def test_a_step_of_a_ball_is_that_of_the_float(kind: str, x: float) -> None:
    assert float(whole(kind, arb(x))[0]) == STEPS[kind](x)


@pytest.mark.parametrize("kind", STEPS)
@pytest.mark.parametrize("x", [x for x in POINTS if 1e-100 < abs(x) < 1e6])
def test_the_distance_to_a_jump_is_how_far_the_step_stays_the_same(kind: str, x: float) -> None:
    gap = whole(kind, arb(x))[1]
    assert STEPS[kind](x + 0.999 * gap) == STEPS[kind](x) == STEPS[kind](x - 0.999 * gap) or gap == 0
    beside = {float(STEPS[kind](x + sign * (gap + 1e-9))) for sign in (1, -1)}
    assert beside != {float(STEPS[kind](x))}


def test_a_step_of_what_is_no_number_is_none() -> None:
    value, gap = whole("floor", arb("nan"))
    assert not value.is_finite()
    assert math.isnan(gap)


def _floor_of(*nodes: Node, x: float) -> Case:
    graph = Graph((Leaf(np.array(x)),), (*nodes, Node("floor", (len(nodes),))), (len(nodes) + 1,))
    return Case(graph, (np.array(1.0),))


def test_an_input_on_a_jump_is_judged_and_a_computed_value_there_is_not() -> None:
    native = engine("native")
    assert judge(_floor_of(x=2.0), native).kind is Kind.AGREE
    assert judge(_floor_of(Node("exp", (0,)), x=0.0), native).kind is Kind.ILL_CONDITIONED
    assert judge(_floor_of(Node("exp", (0,)), x=0.3), native).kind is Kind.AGREE


def test_a_remainder_of_inputs_knows_a_whole_quotient_from_one_beside_it() -> None:
    for x, y, slope in ((6.0, 2.0, -3.0), (np.nextafter(6.0, 0.0), 2.0, -2.0), (-1e-20, 1.0, 1.0), (0.3, 0.1, -2.0)):
        graph = Graph((Leaf(np.array(x)), Leaf(np.array(y))), (Node("remainder", (0, 1)),), (2,))
        certificate = certify(Case(graph, (np.array(1.0),)))
        assert float(certificate.gradient[1]) == slope
        assert judge(Case(graph, (np.array(1.0),)), engine("native")).kind is Kind.AGREE


def test_a_whole_number_too_large_for_its_format_may_round() -> None:
    tape = Tape()
    quotient = tape.leaf(1e12).quotient(tape.leaf(2.0**-10))
    assert float(quotient) == 1e12 * 2**10
    graph = Graph((Leaf(np.array(1e12 + 1.0)), Leaf(np.array(2.0**-20))), (Node("remainder", (0, 1)),), (2,))
    assert judge(Case(graph, (np.array(1.0),)), engine("native")).kind is Kind.AGREE
