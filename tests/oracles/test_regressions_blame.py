"""Blame names the node that fails in the way the verdict says, even beside a node that fails worse in another way."""

from __future__ import annotations

import numpy as np
import pytest
from answering import Bent, chain

import gradproof.engine as ge
from gradproof.oracles.blame import blame
from gradproof.oracles.finding import Finding, Verdict
from gradproof.oracles.graph import Case, Graph, Leaf, Node
from gradproof.oracles.judge import judge
from gradproof.oracles.reduce import reduce
from gradproof.oracles.sound import check
from gradproof.oracles.verdict import Kind


@pytest.mark.parametrize(("kind", "op"), [(Kind.LOSSY, "tanh"), (Kind.NAN_UNTAKEN, "sqrt")])
def test_lost_digits_are_not_blamed_on_an_untaken_nan(kind: Kind, op: str) -> None:
    pytest.importorskip("torch", reason="the loss of digits is PyTorch's")
    from gradproof.oracles.registry import engine

    leaves = (Leaf(np.array([20.0, 2.0])), Leaf(np.array([0.0, 1.0])))
    graph = Graph(leaves, (Node("tanh", (0,)), Node("sqrt", (1,))), (2, 3))
    case = Case(graph, (np.ones(2), np.array([0.0, 1.0])))
    verdict = Verdict(kind, "torch", case, (Finding("gradient", kind),))
    assert blame(verdict, engine("torch")).blame == op


def test_digits_lost_only_at_the_operand_that_the_engine_computed_are_blamed_on_their_op() -> None:
    """An engine loses the digits of ``tanh`` at one number only, which it alone comes to: the judge's is a neighbour."""
    x = np.array([3.0000002384185791], dtype=np.float32)
    case = chain(x, "exp", "tanh", dtype=np.float32)
    ours = np.asarray(ge.exp(x))
    theirs = np.nextafter(ours, np.float32(np.inf))

    class Space:
        @staticmethod
        def exp(x):  # type: ignore[no-untyped-def]
            return ge.multiply(ge.exp(x), theirs / ours)

        @staticmethod
        def tanh(x):  # type: ignore[no-untyped-def]
            return ge.tanh(x) * (0.99 if float(np.asarray(x)[0]) == float(theirs[0]) else 1.0)

    engine = Bent(namespace=Space)
    verdict = judge(case, engine)
    assert verdict.kind.fails
    assert blame(verdict, engine).blame == "tanh"


def test_a_move_to_a_graph_that_means_nothing_ends_no_reduction() -> None:
    """NumPy on scalars raises what it likes on shapes that an op was never drawn for: AttributeError ended a run."""

    def fails(candidate: Case) -> bool:
        if candidate.graph.leaves[0].data.ndim == 0:
            raise AttributeError("a scalar has no size")
        return True

    assert reduce(chain(np.ones(3), "exp", "tanh"), fails).graph.leaves[0].data.ndim == 1


def test_reduction_asks_no_engine_about_a_cotangent_that_does_not_fit() -> None:
    """A subject that crashes crashes on unsound cases too, and one was saved that no replay accepts."""
    seen: list[tuple[int, ...]] = []

    def fails(candidate: Case) -> bool:
        seen.append(candidate.cotangents[0].shape)
        return True

    x, weight = np.ones((2, 1, 3)), np.ones((1, 1, 2))
    params = {"stride": (1,), "padding": (0,), "dilation": (1,), "groups": 1}
    graph = Graph((Leaf(x), Leaf(weight)), (Node("nn.conv1d", (0, 1), params),), (2,))
    found = reduce(Case(graph, (np.ones((2, 1, 2)),)), fails)
    check(found)
    assert seen
