"""Tangents on the tape: second and third derivatives against closed forms, their bounds, and their behaviour at kinks."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from answering import case, with_ct

from gradproof.oracles import scalar
from gradproof.oracles.ball import CONSTANT, LEAF, PRECISION, Scalar, arb, precision
from gradproof.oracles.bound import Rounding
from gradproof.oracles.catalogue import CATALOGUE
from gradproof.oracles.certificate import Certificate, certify, record
from gradproof.oracles.directions import directions
from gradproof.oracles.graph import Array, Case, Graph, Leaf, Node
from gradproof.oracles.modes import certify_along
from gradproof.oracles.selfcheck import self_check
from gradproof.oracles.tangents import tangents
from gradproof.specs.tasks import Task, cases

FLOAT64 = Rounding.of(np.dtype(np.float64))
X, V, W = np.array([0.3, -1.2, 2.1]), np.array([0.7, -0.4, 1.9]), np.array([-1.1, 0.6, 0.25])


def array(certificate: Certificate) -> Array:
    return np.array([float(ball) for ball in certificate.gradient])



SECOND: dict[str, tuple[Callable[[Array], Array], Callable[[Array], Array]]] = {
    "exp": (np.exp, np.exp),
    "sin": (lambda x: -np.sin(x), lambda x: -np.cos(x)),
    "tanh": (lambda x: -2 * np.tanh(x) / np.cosh(x) ** 2, lambda x: (4 * np.tanh(x) ** 2 - 2 / np.cosh(x) ** 2) / np.cosh(x) ** 2),
    "expm1": (np.exp, np.exp),
    "square": (lambda x: 2 + 0 * x, lambda x: 0 * x),
    "atan": (lambda x: -2 * x / (1 + x * x) ** 2, lambda x: (6 * x * x - 2) / (1 + x * x) ** 3),
}


@pytest.mark.parametrize("op", SECOND)
def test_second_and_third_derivatives_of_elementwise_ops_are_the_closed_forms(op: str) -> None:
    second, third = SECOND[op]
    c = Case(Graph((Leaf(X),), (Node(op, (0,)),), (1,)), (W,))
    np.testing.assert_allclose(array(certify_along(c, [[V]])), second(X) * V * W, rtol=1e-14)
    np.testing.assert_allclose(array(certify_along(c, [[V], [W]])), third(X) * V * W * W, rtol=1e-13, atol=1e-16)


def test_values_along_a_direction_are_the_forward_derivative() -> None:
    c = Case(Graph((Leaf(X),), (Node("exp", (0,)),), (1,)), (W,))
    found = certify_along(c, [[V]])
    np.testing.assert_allclose([float(v) for v in found.value], np.exp(X) * V, rtol=1e-15)
    assert all(0 < b < 1e-13 for b in found.value_error)


def test_powers_have_their_second_derivatives_at_negative_bases_and_at_zero() -> None:
    x, n = np.array([-1.5, 0.0, 0.0, 0.0, 2.0]), np.array([3.0, 2.0, 1.0, 0.0, -2.0])
    graph = Graph((Leaf(x), Leaf(n, constant=True)), (Node("pow", (0, 1)),), (2,))
    found = certify_along(Case(graph, (np.ones(5),)), [[np.ones(5)]])
    np.testing.assert_allclose(array(found), [-9.0, 2.0, 0.0, 0.0, 6 / 16], rtol=1e-14)
    assert all(b < 1e-13 for b in found.bound)


def test_a_power_of_exponent_zero_has_a_second_derivative_by_base_and_exponent() -> None:
    graph = Graph((Leaf(np.array(2.0)), Leaf(np.array(0.0))), (Node("pow", (0, 1)),), (2,))
    by_x, by_y = array(certify_along(Case(graph, (np.array(1.0),)), [[np.array(1.0), np.array(0.0)]]))
    assert (by_x, by_y) == (0.0, 0.5)  # of x**y at y = 0: the mixed one is 1/x


def test_a_first_derivative_of_a_power_of_a_negative_base_has_a_bound() -> None:
    """It had none, because of the logarithm of the base: every gradient of it was passed over as undecided."""
    graph = Graph((Leaf(np.array([-1.5])), Leaf(np.array([3.0]), constant=True)), (Node("pow", (0, 1)),), (2,))
    assert certify(Case(graph, (np.ones(1),))).bound[0] < 1e-13


def test_the_hessian_of_a_bilinear_form_exchanges_its_arguments() -> None:
    a, b = np.arange(6.0).reshape(2, 3) - 2, np.arange(6.0).reshape(3, 2) / 3
    v, w, ct = np.cos(np.arange(6.0)).reshape(2, 3), np.sin(np.arange(6.0)).reshape(3, 2), np.array([[1.0, -2.0], [0.5, 3.0]])
    c = Case(Graph((Leaf(a), Leaf(b)), (Node("matmul", (0, 1)),), (2,)), (ct,))
    np.testing.assert_allclose(array(certify_along(c, [[v, w]])), np.concatenate([(ct @ w.T).ravel(), (v.T @ ct).ravel()]))


def test_the_hessian_of_softmax_is_its_closed_form() -> None:
    p = np.exp(X) / np.exp(X).sum()
    slope = np.diag(p) - np.outer(p, p)
    second = np.einsum("ik,ij->ijk", slope, np.eye(3)) - np.einsum("ik,j->ijk", slope, p) - np.einsum("i,jk->ijk", p, slope)
    c = Case(Graph((Leaf(X),), (Node("nn.softmax", (0,), {"axis": -1}),), (1,)), (W,))
    np.testing.assert_allclose(array(certify_along(c, [[V]])), np.einsum("i,ijk,j->k", W, second, V), rtol=1e-13)


def test_a_linear_op_has_no_tangents_of_tangents_on_its_tape() -> None:
    graph = Graph((Leaf(X),), (Node("sum", (0,), {"axis": None, "keepdims": False}),), (1,))
    with precision(PRECISION):
        recording = record(graph)
        primals, outputs = [recording.values[0]], [recording.values[1]]
        outputs = tangents(recording, primals, outputs, [V], FLOAT64)
        before = len(recording.tape.rows)
        (zero,) = tangents(recording, primals, outputs, [W], FLOAT64)
    assert recording.tape.rows[zero.item().index] is CONSTANT
    assert all(row in (CONSTANT, LEAF) for row in recording.tape.rows[before:])


def test_every_tangent_row_belongs_to_the_op_of_its_value() -> None:
    graph = Graph((Leaf(X),), (Node("exp", (0,)), Node("sin", (1,))), (2,))
    with precision(PRECISION):
        recording = record(graph)
        first = len(recording.tape.rows)
        tangents(recording, [recording.values[0]], [recording.values[2]], [V], FLOAT64)
    owners = {recording.owner(k) for k, row in enumerate(recording.tape.rows) if k >= first + 3 and row is not CONSTANT}
    assert owners == {(1, "exp"), (2, "sin")}


def test_at_a_tie_the_second_derivative_is_a_choice_of_values_too() -> None:
    """relu(x)**2 / 2 at 0: the second derivative of a branch is 1 or 0, and the tangent of either is accepted."""
    graph = Graph((Leaf(np.array(0.0)),), (Node("nn.relu", (0,)), Node("exp", (1,))), (2,))
    found = certify_along(Case(graph, (np.array(1.0),)), [[np.array(1.0)]])
    (ball,), _ = found.enclosure()
    assert found.ties
    assert ball.contains(arb(0))
    assert ball.contains(arb(1))
    assert not ball.overlaps(arb(2))


def test_a_length_at_the_origin_has_no_second_derivative() -> None:
    graph = Graph((Leaf(np.zeros(2)),), (Node("linalg.vector_norm", (0,), {"axis": None, "keepdims": False, "ord": 2}),), (1,))
    found = certify_along(Case(graph, (np.array(1.0),)), [[np.array([1.0, 2.0])]])
    assert not any(ball.is_finite() for ball in found.gradient)


def test_a_pool_has_tangents_of_all_its_entries_or_of_none() -> None:
    c = case("linalg.cholesky", [[4.0, 1.0], [1.0, 3.0]])
    found = certify_along(c, [[np.array([[0.0, 0.5], [0.5, 1.0]])]])
    assert found.value_error[0] > 0  # of an entry whose tangent is 0, beside others that are not


@pytest.mark.parametrize("name", [n for n, row in scalar.UNARY.items() if row.slope_row])
def test_a_slope_that_is_a_row_is_recorded_as_that_row(name: str) -> None:
    from gradproof.oracles.ball import Tape
    from gradproof.oracles.tangents import _along

    tape = Tape()
    x = tape.leaf(0.7)
    y = x.apply(name)
    t = _along(scalar.UNARY[name], 1, [x], [tape.leaf(1.0)], y, False)
    assert isinstance(t, Scalar)
    assert scalar.UNARY[scalar.UNARY[name].slope_row] in tape.rows


OPS = tuple(name for name in CATALOGUE if name != "getitem")


@pytest.mark.parametrize("op", OPS)
def test_tangent_recordings_pass_the_differences_of_their_own_tape(op: str) -> None:
    for _, c in cases(Task("native", op, "float64", 0, 3, 7)):
        along = directions(c, 1)
        found = certify_along(c, along)
        assert not self_check(found), op
        assert not _tangents_against_differences(c, along), op


def _tangents_against_differences(c: Case, along: list[list[Array]]) -> str:
    """The values along, against central differences of the plain tape at 512 bits."""
    plain, found = certify(c), certify_along(c, along)
    if plain.forward.ties or plain.forward.jumps or plain.forward.origins or plain.forward.edges:
        return ""
    tape = plain.recording.tape
    flat = [v for one in along[0] for v in one.ravel().tolist()]
    with precision(512):
        smallest = min((abs(float(tape.values[i])) for i in plain.slots if tape.values[i] != 0), default=1.0)
        step = arb(2) ** -150 * arb(smallest)
        up = tape.replay({i: tape.values[i] + step * arb(v) for i, v in zip(plain.slots, flat, strict=True)})
        down = tape.replay({i: tape.values[i] - step * arb(v) for i, v in zip(plain.slots, flat, strict=True)})
        for k, value in zip(plain.outputs, found.value, strict=True):
            difference = (up[k] - down[k]) / (2 * step)
            if not (difference.is_finite() and value.is_finite()):
                continue
            if not (abs(difference - value) <= abs(value) * arb(2) ** -60 + arb(2) ** -200 or difference.overlaps(value)):
                return f"{value.str(17)} against {difference.str(17)}"
    return ""


def test_a_wrong_slope_of_a_slope_fails_the_check(monkeypatch: pytest.MonkeyPatch) -> None:
    row = scalar.UNARY["sech2"]
    wrong = type(row)(row.name, row.value, lambda F, x, y: -2 * y * F.tanh(x) * (1 + 1e-9), row.second, saturating=True)
    monkeypatch.setitem(scalar.UNARY, "sech2", wrong)
    c = Case(Graph((Leaf(X),), (Node("tanh", (0,)),), (1,)), (W,))
    assert self_check(certify_along(c, [[V]]))


def test_more_bits_are_taken_where_tangents_cancel() -> None:
    graph = Graph((Leaf(np.array(3.1)),), (Node("exp", (0,)), Node("subtract", (1, 1))), (2,))
    found = certify_along(with_ct(graph), [[np.array(1.0)]])
    assert array(found) == 0
    assert math.isfinite(found.bound[0])
