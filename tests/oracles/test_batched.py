"""Whole Jacobians and directions of many points at once: right rules pass, a wrong entry or direction shows at its point."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from answering import Bent

from gradproof.oracles.batched import CHUNK_ENTRIES, directional, jacobians
from gradproof.oracles.engine import Engine
from gradproof.oracles.errors import Unsupported
from gradproof.oracles.graph import Graph, Leaf, Node

POINTS = np.random.default_rng(0).uniform(0.3, 0.8, (70, 3, 4))
GRAPH = Graph((Leaf(POINTS[0]),), (Node("sin", (0,)), Node("exp", (0,)), Node("multiply", (1, 2))), (3,))
TWO = Graph(
    (Leaf(POINTS[0]), Leaf(POINTS[0, 0])), (Node("multiply", (0, 1)), Node("sum", (2,), {"axis": 0, "keepdims": False}), Node("tanh", (1,))), (3, 4)
)


def test_the_jacobians_of_native_lie_within_the_error_of_differences(native: Engine) -> None:
    found = jacobians(native, GRAPH, [POINTS])
    assert found.got.shape == (70, 12, 12)
    assert not found.outside.any()
    assert found.error.max() < 1e-5
    right = np.sin(POINTS[5]) * np.exp(POINTS[5]) + np.cos(POINTS[5]) * np.exp(POINTS[5])
    np.testing.assert_allclose(found.got[5], np.diag(right.ravel()), rtol=1e-14)


def test_several_inputs_and_outputs_are_laid_end_to_end(native: Engine) -> None:
    found = jacobians(native, TWO, [POINTS, POINTS[:, 0]])
    assert found.got.shape == (70, 8, 16)
    assert not found.outside.any()
    v = [np.ones((70, 3, 4)), np.zeros((70, 4))]
    ct = [np.ones((70, 4)), np.zeros((70, 4))]
    along = directional(native, TWO, [POINTS, POINTS[:, 0]], ct, v)
    np.testing.assert_allclose(along.got, found.got[:, :4, :12].sum(axis=(1, 2)), rtol=1e-12)
    assert not along.outside.any()


class Wrong:
    """The native engine, whose gradient is off at one entry of each batch."""

    def __init__(self, native: Any, place: tuple[int, ...]) -> None:
        self.native, self.place = native, place

    def __getattr__(self, name: str) -> Any:
        return getattr(self.native, name)

    def vjp(self, fn: Any, primals: Sequence[Any]) -> Any:
        outputs, pull = self.native.vjp(fn, primals)

        def bent(cts: Any) -> Any:
            gradients = [np.array(self.native.to_numpy(g)) for g in pull(cts)]
            gradients[0][self.place] += 1e-4
            return tuple(gradients)

        return outputs, bent


def test_an_entry_that_is_off_shows_at_its_point_alone(native: Engine) -> None:
    found = jacobians(Wrong(native, (30, 1, 2)), GRAPH, [POINTS[:5]])
    assert np.argwhere(found.outside).tolist() == [[2, 6, 6]]  # the 31st of 12 cotangents a point
    v = np.ones((5, 3, 4))
    along = directional(Wrong(native, (3, 1, 2)), GRAPH, [POINTS[:5]], [v], [v])
    assert along.outside.tolist() == [False, False, False, True, False]


def test_chunks_make_no_difference(native: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = jacobians(native, GRAPH, [POINTS[:7]])
    monkeypatch.setattr("gradproof.oracles.batched.CHUNK_ENTRIES", 2 * 12 * 48)
    parts = jacobians(native, GRAPH, [POINTS[:7]])
    assert CHUNK_ENTRIES > 7 * 12 * 48
    for name in ("got", "differences", "error"):
        np.testing.assert_array_equal(getattr(whole, name), getattr(parts, name))


def test_an_engine_without_vmap_is_refused() -> None:
    with pytest.raises(Unsupported, match="no vmap"):
        jacobians(Bent(), GRAPH, [POINTS])
