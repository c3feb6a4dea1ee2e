"""Small nets as functions of a tree of parameters, over any engine's namespace: ``apply(xp, parameters, inputs) -> scores``.

``xp`` is ``gradproof.engine`` itself or an adapter's namespace (``by_name("torch").namespace``); every parameter of an op is
given, so that each means the same. Weights come from a seed, as NumPy arrays in float64.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

Array = Any
Tree = Any
Attend = Callable[[Any, Any, Any], Any]

EPS = 1e-5  # of layer_norm
SIDE = 8  # of an image
CLASSES = 10
HIDDEN = 32
CHANNELS = (8, 16)


def mlp_weights(seed: int = 0, hidden: int = HIDDEN) -> dict[str, Array]:
    """Weights drawn so that each layer keeps the size of its input."""
    rng, pixels = np.random.default_rng(seed), SIDE * SIDE
    w1 = rng.standard_normal((pixels, hidden)) * np.sqrt(2 / pixels)
    w2 = rng.standard_normal((hidden, CLASSES)) * np.sqrt(2 / hidden)
    return {"w1": w1, "b1": np.zeros(hidden), "w2": w2, "b2": np.zeros(CLASSES)}


def mlp(xp: Any, p: Tree, images: Any) -> Any:
    """Images as rows of pixels, through a layer of ReLU units, to a score for each class."""
    return xp.matmul(xp.nn.relu(xp.matmul(images, p["w1"]) + p["b1"]), p["w2"]) + p["b2"]


def convnet_weights(seed: int = 0) -> dict[str, Array]:
    """Two layers of 3 by 3 filters, and one from the 2 by 2 pixels that two poolings leave."""
    rng, (c1, c2) = np.random.default_rng(seed), CHANNELS
    k1 = rng.standard_normal((c1, 1, 3, 3)) * np.sqrt(2 / 9)
    k2 = rng.standard_normal((c2, c1, 3, 3)) * np.sqrt(2 / (9 * c1))
    w = rng.standard_normal((4 * c2, CLASSES)) * np.sqrt(1 / (4 * c2))
    return {"k1": k1, "c1": np.zeros(c1), "k2": k2, "c2": np.zeros(c2), "w": w, "b": np.zeros(CLASSES)}


def convnet(xp: Any, p: Tree, images: Any) -> Any:
    """Images of shape (batch, 1, 8, 8): convolution, ReLU and pooling, twice, then a linear layer."""
    for kernel, bias in (("k1", "c1"), ("k2", "c2")):
        out = xp.nn.conv2d(images, p[kernel], p[bias], stride=(1, 1), padding=(1, 1), dilation=(1, 1), groups=1)
        images = xp.nn.max_pool2d(xp.nn.relu(out), window=(2, 2), stride=(2, 2), padding=(0, 0), dilation=(1, 1))
    return xp.matmul(xp.reshape(images, (images.shape[0], -1)), p["w"]) + p["b"]


def block_weights(rng: np.random.Generator, hidden: int) -> dict[str, Array]:
    """The weights of one block of a transformer, which reads and gives (batch, seq, hidden)."""
    h = hidden
    wide = {"qkv": (h, 3 * h), "out": (h, h), "up": (h, 4 * h), "down": (4 * h, h)}
    p = {name: rng.standard_normal(shape) / np.sqrt(shape[0]) for name, shape in wide.items()}
    p |= {f"{name}_b": np.zeros(shape[1]) for name, shape in wide.items()}
    return p | {"scale1": np.ones(h), "shift1": np.zeros(h), "scale2": np.ones(h), "shift2": np.zeros(h)}


def transformer_weights(seed: int = 0, letters: int = 40, seq: int = 32, hidden: int = 32, layers: int = 2) -> dict[str, Any]:
    """A table of letters, one of positions, blocks, and the layer that scores the next letter."""
    rng = np.random.default_rng(seed)
    return {
        "letters": rng.standard_normal((letters, hidden)) * 0.1,
        "places": rng.standard_normal((seq, hidden)) * 0.1,
        "blocks": [block_weights(rng, hidden) for _ in range(layers)],
        "scale": np.ones(hidden),
        "shift": np.zeros(hidden),
        "next": rng.standard_normal((hidden, letters)) / np.sqrt(hidden),
    }


def causal(xp: Any) -> Attend:
    """Attention in which a place sees itself and what is before it."""
    return lambda q, k, v: xp.nn.scaled_dot_product_attention(q, k, v, causal=True, scale=None, grouped=False)


def block(xp: Any, p: Tree, x: Any, heads: int, attend: Attend) -> Any:
    """One pre-norm block: attention of several heads, then a layer four times as wide, each added to what it read."""
    b, s, h = x.shape
    normed = xp.nn.layer_norm(x, p["scale1"], p["shift1"], eps=EPS)
    parts = xp.reshape(xp.matmul(normed, p["qkv"]) + p["qkv_b"], (b, s, 3, heads, h // heads))
    q, k, v = (xp.permute_dims(parts[:, :, i], (0, 2, 1, 3)) for i in range(3))
    mixed = xp.reshape(xp.permute_dims(attend(q, k, v), (0, 2, 1, 3)), (b, s, h))
    x = x + xp.matmul(mixed, p["out"]) + p["out_b"]
    normed = xp.nn.layer_norm(x, p["scale2"], p["shift2"], eps=EPS)
    up = xp.nn.gelu(xp.matmul(normed, p["up"]) + p["up_b"], approximate="none")
    return x + xp.matmul(up, p["down"]) + p["down_b"]


def transformer(xp: Any, p: Tree, letters: Any, heads: int = 2) -> Any:
    """Letters as numbers (batch, seq), to scores (batch, seq, letters) of the letter that follows each."""
    x = xp.nn.embedding(p["letters"], letters) + p["places"][: letters.shape[1]]
    for weights in p["blocks"]:
        x = block(xp, weights, x, heads, causal(xp))
    return xp.matmul(xp.nn.layer_norm(x, p["scale"], p["shift"], eps=EPS), p["next"])


def cross_entropy(xp: Any, scores: Any, labels: Any) -> Any:
    """The mean over all labels, of whatever shape; ``scores`` has one more axis."""
    return xp.nn.cross_entropy(xp.reshape(scores, (-1, scores.shape[-1])), xp.reshape(labels, (-1,)), reduction="mean")
