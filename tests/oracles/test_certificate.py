"""The certificate: exact gradients, precision that doubles where it must, and accepted sets at kinks."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from answering import case, chain, with_ct

from gradproof.oracles import certificate
from gradproof.oracles.certificate import certify
from gradproof.oracles.graph import Case, Graph, Leaf, Node


def test_the_gradient_is_exact_to_far_more_digits_than_a_float() -> None:
    x, y = certify(case("divide", [1.0], [3.0])).gradient
    assert abs(float(x) - Fraction(1, 3)) < Fraction(1, 10**16)
    assert float(y) == -1 / 9
    assert float(x.rad()) < 1e-35


def test_an_ordinary_case_needs_no_more_than_the_first_precision() -> None:
    assert certify(case("exp", [0.5, -3.0])).bits == 128


def test_precision_doubles_where_cancellation_eats_the_bits_and_the_gradient_is_then_right(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """sin(exp x) - sin(exp y) of nearly equal x and y; from 128 bits on this happens at no point of a float's range."""
    x, y = Leaf(np.array(3.1)), Leaf(np.array(3.1 + 2.0**-40))
    graph = Graph((x, y), (
        Node("exp", (0,)), Node("exp", (1,)), Node("sin", (2,)), Node("sin", (3,)), Node("subtract", (4, 5)),
        Node("log", (2,)), Node("multiply", (6, 7)),
    ), (8,))  # fmt: skip
    cancels = with_ct(graph)
    exact = certify(cancels)
    assert exact.bits == 128
    monkeypatch.setattr(certificate, "PRECISION", 40)
    doubled = certify(cancels)
    assert doubled.bits in (80, 160)
    for ball, other, bound in zip(doubled.gradient, exact.gradient, doubled.bound, strict=True):
        assert ball.overlaps(other)
        assert float(ball.rad()) <= bound / 16
    monkeypatch.setattr(certificate, "PRECISION_MAX", 40)
    assert any(float(g.rad()) > b / 16 for g, b in zip(certify(cancels).gradient, exact.bound, strict=True))


def test_the_gradient_is_that_of_the_given_floats_and_not_of_their_decimals() -> None:
    (g,) = certify(case("square", [0.1])).gradient
    assert Fraction(*float(g).as_integer_ratio()) == 2 * Fraction(*(0.1).as_integer_ratio())


def test_values_are_flat_over_all_outputs_and_gradients_over_all_primals() -> None:
    x, y = Leaf(np.ones((2, 2))), Leaf(np.ones(3))
    c = Leaf(np.array([1, 0]), constant=True)
    graph = Graph((x, c, y), (Node("exp", (0,)), Node("sin", (2,))), (3, 4))
    found = certify(Case(graph, (np.ones((2, 2)), np.zeros(3))))
    assert len(found.value) == 7
    assert len(found.gradient) == 7
    assert [float(g) for g in found.gradient[4:]] == [0.0] * 3


def test_an_output_that_is_used_further_gets_both_cotangents() -> None:
    x = Leaf(np.array([0.5]))
    graph = Graph((x,), (Node("square", (0,)), Node("square", (1,))), (1, 2))
    found = certify(Case(graph, (np.array([10.0]), np.array([1.0]))))
    assert float(found.gradient[0]) == 10 * 2 * 0.5 + 4 * 0.5**3


def test_an_output_given_twice_and_an_input_as_output_count_each() -> None:
    graph = Graph((Leaf(np.array([0.5])),), (Node("square", (0,)),), (1, 1, 0))
    found = certify(Case(graph, (np.array([10.0]), np.array([1.0]), np.array([7.0]))))
    assert float(found.gradient[0]) == 11 * 1.0 + 7


def test_a_tie_that_no_adjoint_meets_is_no_kink() -> None:
    assert certify(case("nn.relu", [0.0, 1.0], ct=[1.0, 1.0])).kinked
    assert not certify(case("nn.relu", [0.0, 1.0], ct=[0.0, 1.0])).kinked


def test_ties_behind_an_untaken_branch_of_another_tie_are_met_too() -> None:
    """relu(relu(x)) at 0: whichever weight the outer takes, the inner one is a choice as well."""
    assert len(certify(chain([0.0], "nn.relu", "nn.relu")).ties) == 2


def test_a_zero_cotangent_does_not_pass_an_infinite_slope() -> None:
    found = certify(case("sqrt", [0.0, 4.0], ct=[0.0, 1.0]))
    assert [float(g) for g in found.gradient] == [0.0, 0.25]
    assert found.bound[0] == 0.0


def test_size_0_and_0d_have_certificates() -> None:
    assert certify(case("exp", np.zeros((0, 3)))).gradient == []
    assert len(certify(case("exp", np.array(0.5))).gradient) == 1


def test_precision_doubles_for_values_too_and_not_for_gradients_only() -> None:
    x, y = Leaf(np.array(-3e156)), Leaf(np.array(2e156))
    graph = Graph((x, y), (Node("hypot", (0, 1)), Node("cos", (2,))), (3,))
    certificate = certify(Case(graph, (np.array(0.0),)))
    assert certificate.bits > 128
    assert float(certificate.value[0].rad()) < 1e-9
