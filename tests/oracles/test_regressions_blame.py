"""Blame names the node that fails in the way the verdict says, even beside a node that fails worse in another way."""

from __future__ import annotations

import numpy as np
import pytest

from gradproof.oracles.blame import blame
from gradproof.oracles.finding import Finding, Verdict
from gradproof.oracles.graph import Case, Graph, Leaf, Node
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
