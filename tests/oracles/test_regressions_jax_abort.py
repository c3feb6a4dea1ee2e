"""Convolutions of the generator's shapes on whose gradient JAX 0.10.2 ends the process are declined, not run."""

from __future__ import annotations

import numpy as np
import pytest

from gradproof.oracles.graph import Case, Graph, Leaf, Node
from gradproof.oracles.trial import run

ABORTING = (  # image, kernel, stride, padding, output: found by running 556 of them, one process after another
    ((1, 4), (2, 2), (2, 2), (1, 1), (1, 3)),
    ((1, 4), (3, 2), (2, 2), (1, 1), (1, 3)),
    ((4, 4), (2, 3), (2, 1), (1, 0), (3, 2)),
    ((4, 4), (2, 3), (2, 2), (1, 0), (3, 1)),
    ((4, 4), (2, 3), (2, 2), (1, 1), (3, 2)),
    ((4, 4), (3, 2), (2, 2), (1, 1), (2, 3)),
)


@pytest.mark.parametrize(("image", "kernel", "stride", "padding", "output"), ABORTING)
def test_jax_declines(image: tuple[int, int], kernel: tuple[int, int], stride: tuple[int, int], padding: tuple[int, int],
                      output: tuple[int, int]) -> None:  # fmt: skip
    adapter = pytest.importorskip("gradproof.oracles.adapters.jax", reason="jax is not installed")
    node = Node("nn.conv2d", (0, 1), {"stride": stride, "padding": padding})
    leaves = (Leaf(np.ones((1, 1, *image))), Leaf(np.ones((1, 1, *kernel))))
    case = Case(Graph(leaves, (node,), (2,)), (np.ones((1, 1, *output)),))
    assert "aborts" in run(adapter.JaxEngine(), case).unsupported
