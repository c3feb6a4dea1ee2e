"""The gradient-flow report: norms by layer, the rate fitted to them, and what it calls them."""

from __future__ import annotations

import math

import numpy as np
import pytest

import gradproof.engine as ge


def test_the_rate_of_a_geometric_fall_is_its_factor() -> None:
    found = ge.flow([{"w": np.array([3.0, 4.0]) * 0.5**k, "b": np.array(12.0) * 0.5**k} for k in range(8)])
    assert found.layers["[0]"] == 13.0
    assert found.arrays["[1]['w']"] == 2.5
    assert found.rate == pytest.approx(2.0, rel=1e-14)
    assert found.spread == pytest.approx(0.0, abs=1e-14)
    assert found.verdict == "exploding"
    assert found.total == pytest.approx(2.0**7)


def test_layers_may_be_named_and_be_trees() -> None:
    found = ge.flow({"first": [np.full(4, 1e-6)], "second": np.full(4, 1e-3), "third": {"w": np.full(4, 1.0)}})
    assert list(found.layers) == ["['first']", "['second']", "['third']"]
    assert (found.verdict, round(found.rate, 9)) == ("vanishing", 1e-3)
    assert str(found).splitlines()[0] == "vanishing: times 0.001 a layer on the way back"


@pytest.mark.parametrize(("scale", "verdict"), [(1.0, "steady"), (0.7, "vanishing"), (1.4, "exploding")])
def test_orthogonal_layers_change_the_norm_by_their_scale(scale: float, verdict: str) -> None:
    rng = np.random.default_rng(0)
    weights = [scale * np.linalg.qr(rng.normal(size=(8, 8)))[0] for _ in range(16)]

    def f(ws: list[ge.Array]) -> ge.Array:
        h = ge.as_array(np.ones(8))
        for w in ws:
            h = ge.matmul(w, h)
        return ge.sum(h * np.arange(8.0))

    # the gradient by a layer's bias is what passes through; that by w is its outer product with the layer's input
    biases = ge.grad(lambda bs: f_with_bias(weights, bs))([np.zeros(8) for _ in weights])
    found = ge.flow(biases)
    assert found.verdict == verdict
    assert found.rate == pytest.approx(scale, rel=1e-13)
    assert ge.flow(ge.grad(f)(weights)).rate == pytest.approx(1.0, rel=1e-13)  # fades one way as it grows the other


def f_with_bias(weights: list[np.ndarray], biases: list[ge.Array]) -> ge.Array:
    h = ge.as_array(np.ones(8))
    for w, b in zip(weights, biases, strict=True):
        h = ge.matmul(w, h) + b
    return ge.sum(h * np.arange(8.0))


def test_dead_and_broken_layers_are_counted_and_named() -> None:
    found = ge.flow([np.zeros(2), np.ones(2), np.full(2, 0.1)])
    assert found.dead == ("[0]",)
    assert found.rate == pytest.approx(10.0)
    assert "1 dead" in str(found)
    found = ge.flow([np.array([1.0, np.nan]), np.ones(2), np.array([np.inf])])
    assert (found.verdict, found.broken) == ("broken", ("[0]", "[2]"))
    assert math.isnan(found.rate)
    assert ge.flow([np.zeros(2), np.zeros(2)]).verdict == "vanishing"
    assert ge.flow(np.ones(3)).verdict == ge.flow([]).verdict == "unknown"


def test_norms_neither_overflow_nor_underflow() -> None:
    assert ge.flow([np.array([3.0, 4.0j]), np.float32(2.0)]).layers == {"[0]": 5.0, "[1]": 2.0}
    assert ge.flow([np.full(4, 1e300), np.full(4, 1e-300)]).layers == {"[0]": 2e300, "[1]": pytest.approx(2e-300)}
