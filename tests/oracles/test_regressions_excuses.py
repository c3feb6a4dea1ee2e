"""What excuses an entry, and what does not: each case was called by a wrong name in a run over PyTorch or JAX."""

from __future__ import annotations

import numpy as np
import pytest

from gradproof.oracles.graph import Case, Graph, Leaf, Node
from gradproof.oracles.judge import judge
from gradproof.oracles.registry import engine
from gradproof.oracles.verdict import Kind

pytest.importorskip("torch", reason="the cases are PyTorch's")


def _kind(case: Case) -> Kind:
    return judge(case, engine("torch")).kind


def test_lost_digits_beside_an_untaken_nan_are_not_wrong() -> None:
    leaves = (Leaf(np.array([20.0, 2.0])), Leaf(np.array([0.0, 1.0])))
    graph = Graph(leaves, (Node("tanh", (0,)), Node("sqrt", (1,))), (2, 3))
    assert _kind(Case(graph, (np.ones(2), np.array([0.0, 1.0])))) is Kind.NAN_UNTAKEN


def test_an_infinite_slope_into_the_zeros_of_a_factor_is_untaken() -> None:
    graph = Graph((Leaf(np.array([[5.0, 1.0], [1.0, 5.0]])),), (Node("linalg.cholesky", (0,)), Node("sqrt", (1,))), (2,))
    assert _kind(Case(graph, (np.array([[0.0, 1.0], [0.0, 0.0]]),))) is Kind.NAN_UNTAKEN


def test_an_argument_that_rounds_to_a_singularity_gives_no_verdict() -> None:
    graph = Graph((Leaf(np.array(27.0, np.float32)),), (Node("nn.sigmoid", (0,)), Node("asin", (1,))), (2,))
    assert _kind(Case(graph, (np.array(0.0, np.float32),))).skipped


def test_a_slope_beyond_the_dtype_under_a_zero_cotangent_is_untaken() -> None:
    leaves = (Leaf(np.array(-844.5, np.float32)), Leaf(np.array(1e-18, np.float32)))
    assert _kind(Case(Graph(leaves, (Node("divide", (0, 1)),), (2,)), (np.array(0.0, np.float32),))) is Kind.NAN_UNTAKEN
