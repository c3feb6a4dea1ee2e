"""Holes of the judge that planted answers found: closed, but for the one that is marked with its reason."""

from __future__ import annotations

import numpy as np
import pytest
from answering import Arrays, Bent, answering, case, chain

from gradproof.oracles.engine import Capabilities, Engine
from gradproof.oracles.graph import Case, Graph, Leaf, Node
from gradproof.oracles.judge import judge
from gradproof.oracles.verdict import Kind


def hole(reason: str) -> pytest.MarkDecorator:
    return pytest.mark.xfail(reason=reason, strict=True)


@pytest.mark.parametrize("junk", [1e30, -1e300])
def test_an_entry_without_digits_is_still_no_garbage(junk: float) -> None:
    mixed = chain([1e12, 0.5], "square", "sin")
    assert judge(mixed, answering(mixed, [junk, np.cos(0.25)])).kind is Kind.WRONG


def test_an_untaken_overflow_excuses_no_wrong_entry() -> None:
    elu = case("nn.elu", [1000.0, -1.0], alpha=1.0)
    assert judge(elu, answering(elu, [1.0, 17.0])).kind is Kind.WRONG


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_a_tie_keeps_its_mass_beside_a_length_at_the_origin(share: float) -> None:
    everything = {"axis": None, "keepdims": False}
    leaves = (Leaf(np.zeros(2)), Leaf(np.ones(2)))
    nodes = (Node("linalg.vector_norm", (0,), {**everything, "ord": 2}), Node("max", (1,), everything))
    both = Case(Graph(leaves, nodes, (2, 3)), (np.ones(()), np.ones(())))
    assert judge(both, answering(both, [0.0, 0.0], [share, share])).kind is Kind.WRONG


def test_a_declared_nan_may_stand_under_a_zero_cotangent_too() -> None:
    norm = case("linalg.vector_norm", [0.0, 0.0], axis=None, keepdims=False, ord=2)

    def nan(grads: Arrays, cts: Arrays, call: int) -> Arrays:
        return [grads[0] * np.nan, *grads[1:]]

    declared = Capabilities(("float64",), at_kinks={"linalg.vector_norm": np.nan})
    assert judge(norm, Bent(gradients=nan, capabilities=declared)).kind is Kind.SUBGRADIENT


def test_nan_of_an_overflow_under_a_zero_cotangent_is_range(native: Engine) -> None:
    x, y = Leaf(np.array([[2.0], [2.0**-10], [0.5]])), Leaf(np.array([[0.95], [-2.67], [-0.24]]), constant=True)
    nodes = (
        Node("pow", (0, 1)), Node("exp", (3,)), Node("nn.softplus", (4,)), Node("pow", (5, 2)),
        Node("linalg.vector_norm", (6,), {"axis": (1,), "keepdims": False, "ord": 2}), Node("erfc", (7,)),
    )  # fmt: skip
    overflows = Case(Graph((x, y, Leaf(np.array(-0.99))), nodes, (8,)), (np.array([-8.8e-5, 120.6, -3.4e-5]),))
    assert judge(overflows, native).kind is Kind.RANGE


def test_xlogy_passes_no_nan_from_a_zero_cotangent(native: Engine) -> None:
    x = np.array([-132.0], np.float32)
    nodes = (Node("nn.softplus", (1,)), Node("xlogy", (0, 2)))
    underflows = Case(Graph((Leaf(x), Leaf(x)), nodes, (3,)), (np.zeros(1, np.float32),))
    assert not judge(underflows, native).kind.fails


@hole("an infinite adjoint meets weights that are structurally zero; every framework answers NaN there")
def test_infinity_times_a_masked_weight_is_a_nan_of_an_untaken_branch(native: Engine) -> None:
    q = Leaf(np.zeros((2, 1)))
    v = Leaf(np.array([[0.0], [1.0]]))
    attend = Node("nn.scaled_dot_product_attention", (0, 0, 1), {"causal": True, "scale": 1.0})
    masked = Case(Graph((q, v), (attend, Node("sqrt", (2,))), (3,)), (np.array([[1.0], [0.0]]),))
    assert judge(masked, native).kind in (Kind.NAN_UNTAKEN, Kind.ILL_CONDITIONED)
