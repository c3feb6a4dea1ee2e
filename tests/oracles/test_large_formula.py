"""A NumPy formula on whole arrays means what it means on the judge's scalars, and judges large callables."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import special

import gradproof.engine as ge
from gradproof.oracles.callables.formula import certify_formula
from gradproof.oracles.engine import Engine
from gradproof.oracles.graph import Case, Graph, Leaf, Node
from gradproof.oracles.large.formula import large_formula, linearised_formula
from gradproof.oracles.large.judge import weigh_large
from gradproof.oracles.large.tracked import NotLinearised
from gradproof.oracles.trial import run
from gradproof.oracles.verdict import Kind

FORMULAS: dict[str, Callable[[Any], Any]] = {
    "methods": lambda x: (x * x).sum(axis=1) / x.mean() + x.max(axis=1) - x.min(axis=1),
    "a standardised row": lambda x: ((x - x.mean(axis=1, keepdims=True)) / (x.std(axis=1, keepdims=True) + 0.1)).sum(axis=1),
    "a swish": lambda x: (x * special.expit(x)).sum(axis=1),
    "selections": lambda x: np.where(x > 0.3, x, np.where(x <= -0.2, -x * x, 0.5 * x)).sum(axis=1),
    "opposite selections": lambda x: np.where(x >= 0.3, np.exp(x), 1.0).sum(axis=1) + np.where(~(x < 0), x, 0.0).sum(axis=1),
    "powers": lambda x: (x**2 + np.abs(x) ** 1.5 + 2.0 ** np.tanh(x)).sum(axis=1),
    "products": lambda x: (x @ x.T @ x).sum(axis=1) + np.dot(x, np.ones(x.shape[1])),
    "lengths": lambda x: np.linalg.norm(x, axis=1) + np.linalg.norm(x, 1, axis=1) + np.linalg.norm(x, np.inf, axis=1),
    "clipped": lambda x: np.clip(x, -0.5, 0.5).sum(axis=1) + np.maximum(x, 0.1).prod(axis=1),
    "structure": lambda x: np.concatenate([x, x[::-1]], axis=0)[: x.shape[0]].swapaxes(0, 1).T.ravel()[: x.shape[0]],
}


def case(rows: int, columns: int, seed: int = 0) -> Case:
    x = np.random.default_rng(seed).uniform(-1, 1, (rows, columns))
    return Case(Graph((Leaf(x),), (Node("formula", (0,)),), (1,)), (np.linspace(0.5, 1.5, rows),))


@pytest.mark.parametrize("name", FORMULAS)
def test_a_formula_has_the_derivative_that_it_has_on_scalars(name: str) -> None:
    of = case(4, 3)
    exact, doubtful = certify_formula(of, lambda x: [FORMULAS[name](x)])
    assert not doubtful
    gradient = np.array([float(g) for g in exact.gradient])
    reference = linearised_formula(of, lambda x: [FORMULAS[name](x)])
    d = np.random.default_rng(1).uniform(-1, 1, 12)
    found = reference.project(np.arange(12), d)
    assert abs(found.value - gradient @ d) <= 4 * found.own
    assert found.bound >= 0.3 * float(np.array(exact.bound) @ np.abs(d))
    assert found.hull == 0


@pytest.mark.parametrize(
    ("formula", "word"),
    [
        (lambda x: np.sort(x, axis=1).sum(axis=1), "sort"),
        (lambda x: np.where(x == 0, x, 1.0).sum(axis=1), "equal"),
        (lambda x: x.sum(axis=1) if x > 0 else x, "truth"),
        (lambda x: x.sum(axis=1) if x else x, "truth"),
        (lambda x: np.floor(x).sum(axis=1), "floor"),
        (lambda x: x.sum(), "shapes"),
    ],
)
def test_what_a_formula_cannot_use_is_refused_and_left_to_the_tape(formula: Callable[[Any], Any], word: str) -> None:
    with pytest.raises((NotLinearised, TypeError), match=word):
        linearised_formula(case(4, 3), lambda x: [formula(x)])
    assert large_formula(case(1000, 30), lambda x: [formula(x)]) is None


def test_a_large_callable_is_judged_by_its_formula(native: Engine) -> None:
    of = case(400, 100)
    reference = large_formula(of, lambda x: [(x * special.expit(x)).sum(axis=1)])
    assert reference is not None
    sound = run(native, of, lambda x: (ge.sum(ge.nn.silu(x), axis=1),))
    assert weigh_large(sound, budget_s=1, reference=reference).kind is Kind.AGREE
    other = run(native, of, lambda x: (ge.sum(ge.nn.silu(ge.stop_gradient(x) * 0 + x * 1.0) + 0 * x, axis=1),))
    assert weigh_large(other, budget_s=1, reference=reference).kind is Kind.AGREE
    held = run(native, of, lambda x: (ge.sum(ge.stop_gradient(x) * ge.nn.sigmoid(x), axis=1),))
    assert weigh_large(held, budget_s=1, reference=reference).kind is Kind.WRONG


def test_a_small_one_is_left_to_the_tape() -> None:
    assert large_formula(case(4, 3), lambda x: [x.sum(axis=1)]) is None
    assert large_formula(case(100, 20), lambda x: [x.sum(axis=1)]) is None
