"""What an engine declares at kinks is tested exactly; what it does not declare is any choice of the accepted set."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from answering import Bent, answering, case, chain

from gradproof.oracles.certificate import certify
from gradproof.oracles.conventions import shares
from gradproof.oracles.engine import Capabilities, Engine
from gradproof.oracles.graph import Case, Graph, Leaf, Node
from gradproof.oracles.judge import judge
from gradproof.oracles.registry import engine
from gradproof.oracles.verdict import Kind
from gradproof.specs.tasks import Task, cases

ALL = {"axis": None, "keepdims": False}
LENGTH = {**ALL, "ord": 2}


def kind(of: Any, answer: Any, **declared: Any) -> Kind:
    at_kinks = {name.replace("_in_", "."): value for name, value in declared.items()}
    return judge(of, answering(of, answer, capabilities=Capabilities(at_kinks=at_kinks))).kind


@pytest.mark.parametrize("slope", [-1.0, -0.25, 0.0, 1.0])
def test_a_declared_slope_is_the_only_one_accepted(slope: float) -> None:
    at_zero = case("abs", [0.0, 2.0])
    assert kind(at_zero, [slope, 1.0]) is Kind.SUBGRADIENT
    assert kind(at_zero, [slope, 1.0], abs=slope) is Kind.SUBGRADIENT
    assert kind(at_zero, [slope, 1.0], abs=0.5) is Kind.WRONG


@pytest.mark.parametrize(
    ("word", "answer"), [("first", [0, 1, 0, 0, 0]), ("last", [0, 0, 0, 1, 0]), ("even", [0, 1 / 3, 1 / 3, 1 / 3, 0])]
)
def test_a_tie_of_three_goes_where_the_engine_declares(word: str, answer: list[float]) -> None:
    tied = case("max", [1.0, 2.0, 2.0, 2.0, 0.0], **ALL)
    assert kind(tied, answer, max=word) is Kind.SUBGRADIENT
    for other in {"first", "last", "even"} - {word}:
        assert kind(tied, answer, max=other) is Kind.WRONG


def test_a_length_at_the_origin_has_the_slope_declared() -> None:
    origin = case("linalg.vector_norm", [0.0, 0.0], **LENGTH)
    assert kind(origin, [0.6, 0.8], linalg_in_vector_norm=0.0) is Kind.WRONG
    assert kind(origin, [0.0, 0.0], linalg_in_vector_norm=0.0) is Kind.SUBGRADIENT


def test_deviations_from_a_mean_are_only_near_the_origin() -> None:
    constant = case("std", [0.1, 0.1, 0.1], axis=None, keepdims=False, correction=0)
    assert shares(certify(constant), {"std": 0.0}) is None


def test_a_slope_of_zero_at_an_infinite_one_is_right_only_where_declared() -> None:
    root = case("sqrt", [0.0, 4.0])
    assert kind(root, [0.0, 0.25], sqrt=0.0) is Kind.AGREE
    assert kind(root, [0.0, 0.25]) is Kind.WRONG


def test_a_tie_of_computed_numbers_may_round_to_either_branch() -> None:
    near = chain([0.0], "sin", "abs")
    assert shares(certify(near), {"abs": 0.0}) is None


def test_one_undeclared_kink_leaves_all_open() -> None:
    two = chain([0.0, 1.0], "abs", ("max", ALL))
    assert shares(certify(two), {"max": "even"}) is not None
    both = chain([0.0, 0.0], "abs", ("max", ALL))
    assert shares(certify(both), {"max": "even"}) is None


@pytest.mark.parametrize("name", ["native", "torch", "jax"])
def test_every_convention_that_an_engine_declares_decides_cases(name: str) -> None:
    pytest.importorskip(name if name != "native" else "numpy", reason=f"{name} is not installed")
    declared = engine(name).capabilities.at_kinks
    for op, convention in declared.items():
        if not (isinstance(convention, float) and np.isnan(convention)):  # NaN is accepted, not tested
            met = (shares(certify(c), declared) for _, c in cases(Task(name, op, "float64", 0, 200, 0)))
            assert any(met), op


def test_an_engine_that_keeps_another_convention_than_it_declares_is_wrong() -> None:
    other = Bent(capabilities=Capabilities(at_kinks={"nn.relu": 1.0}))
    assert judge(case("nn.relu", np.array([0.0, 1.0])), other).kind is Kind.WRONG


def test_a_tie_of_ties_in_two_ops_is_shared_in_each(native: Engine) -> None:
    pool = ("nn.max_pool2d", {"window": (1, 2), "stride": (1, 1)})
    twice = chain(np.array([[[[0.0, 1.0, 1.0, 1.0]]]]), pool, pool)
    assert shares(certify(twice), {"nn.max_pool2d": "even"}) is not None
    assert judge(twice, native).kind is Kind.SUBGRADIENT


def test_an_entry_that_is_tied_with_itself_counts_as_often_as_it_stands(native: Engine) -> None:
    x = Leaf(np.array([3.0, 1.0, 1.0]))
    taken = Node("take", (0, 1), {"axis": 0})
    again = Case(
        Graph((x, Leaf(np.array([1, 1, 2, 0, 1]), constant=True)), (taken, Node("min", (2,), ALL)), (3,)), (np.ones(()),)
    )
    assert judge(again, native).kind is Kind.SUBGRADIENT
    padded = chain([0.0, 1.0], ("pad", {"pad_width": ((3, 2),), "value": 0.0}), ("min", ALL))
    assert judge(padded, native).kind is Kind.SUBGRADIENT
    assert shares(certify(padded), {"min": "even"}) is not None
