"""A few real workloads on large arrays, as cases: what the judge of large arrays is run on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from gradproof.oracles.graph import Array, Case, Graph, Leaf, Node

Random = np.random.Generator


def _case(rng: Random, leaves: list[Leaf], nodes: list[Node], shape: tuple[int, ...], dtype: Any) -> Case:
    """The last node is the output, with a random cotangent."""
    graph = Graph(tuple(leaves), tuple(nodes), (len(leaves) + len(nodes) - 1,))
    return Case(graph, (np.asarray(rng.standard_normal(shape), dtype=dtype),))


def mlp_layer(n: int, rng: Random, dtype: Any = np.float64) -> Case:
    """gelu(x W + b) with n weights and a batch of 16."""
    width = max(1, round(n**0.5))

    def normal(*shape: int) -> Array:
        return np.asarray(rng.standard_normal(shape), dtype=dtype)

    leaves = [Leaf(normal(16, width)), Leaf(np.asarray(normal(width, width) / width**0.5, dtype)), Leaf(normal(width))]
    nodes = [Node("matmul", (0, 1)), Node("add", (3, 2)), Node("nn.gelu", (4,), {"approximate": "none"})]
    return _case(rng, leaves, nodes, (16, width), dtype)


def cross_entropy(n: int, rng: Random, dtype: Any = np.float64) -> Case:
    """Mean cross-entropy of n logits over 100 classes."""
    rows = max(1, n // 100)
    logits = Leaf(np.asarray(rng.standard_normal((rows, 100)) * 3, dtype=dtype))
    labels = Leaf(rng.integers(0, 100, rows), constant=True)
    return _case(rng, [logits, labels], [Node("nn.cross_entropy", (0, 1), {"reduction": "mean"})], (), dtype)


def convolution(n: int, rng: Random, dtype: Any = np.float64) -> Case:
    """relu of a 3 x 3 convolution of n pixels in all: 8 channels to 8, a batch of 2."""
    side = max(3, round((n / 16) ** 0.5))
    image = Leaf(np.asarray(rng.standard_normal((2, 8, side, side)), dtype=dtype))
    weight = Leaf(np.asarray(rng.standard_normal((8, 8, 3, 3)) / 8, dtype=dtype))
    nodes = [Node("nn.conv2d", (0, 1), {"stride": (1, 1), "padding": (1, 1)}), Node("nn.relu", (2,))]
    return _case(rng, [image, weight], nodes, (2, 8, side, side), dtype)


def layer_norm(n: int, rng: Random, dtype: Any = np.float64) -> Case:
    """layer_norm of n entries in rows of 250, with weight and bias."""
    rows = max(1, n // 250)
    leaves = [Leaf(np.asarray(rng.standard_normal(s), dtype=dtype)) for s in ((rows, 250), (250,), (250,))]
    return _case(rng, leaves, [Node("nn.layer_norm", (0, 1, 2), {"eps": 2.0**-17})], (rows, 250), dtype)


def embedding(n: int, rng: Random, dtype: Any = np.float64) -> Case:
    """tanh of rows gathered from a table of n entries (5 a row), repeated ones too; most rows are not read."""
    rows = max(1, n // 5)
    table = Leaf(np.asarray(rng.standard_normal((rows, 5)), dtype=dtype))
    ids = Leaf(rng.integers(0, rows, (max(1, rows // 10), 2)), constant=True)
    return _case(rng, [table, ids], [Node("nn.embedding", (0, 1)), Node("tanh", (2,))], (max(1, rows // 10), 2, 5), dtype)


def attention(n: int, rng: Random, dtype: Any = np.float64) -> Case:
    """Attention with n entries in queries, keys and values: 8 heads of width 16."""
    length = max(2, n // (3 * 8 * 16))
    leaves = [Leaf(np.asarray(rng.standard_normal((8, length, 16)), dtype=dtype)) for _ in range(3)]
    node = Node("nn.scaled_dot_product_attention", (0, 1, 2), {"causal": False, "scale": 0.25})
    return _case(rng, leaves, [node], (8, length, 16), dtype)


WORKLOADS: dict[str, Callable[..., Case]] = {
    "a layer of a perceptron": mlp_layer,
    "softmax cross-entropy": cross_entropy,
    "convolution and relu": convolution,
    "layer normalisation": layer_norm,
    "embedding": embedding,
    "attention": attention,
}
