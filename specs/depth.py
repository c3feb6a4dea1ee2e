"""Claims 11 and 12, measured: what becomes of a gradient on its way back through many layers.

Each net is a chain of layers from a state to a state. A hook on every state collects the cotangent that passes, ``ge.flow``
fits the factor a layer. What the factor should be, forward values alone predict: a layer h -> f(h W) multiplies the mean
square of a cotangent by n var(W) mean(f'(z)²). Source: Schoenholz, Gilmer, Ganguli and Sohl-Dickstein, Deep information
propagation, 2017.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

import gradproof.engine as ge
from gradproof.engine.flow import Flow

Array = Any
Layer = Callable[[ge.Array], ge.Array]

WIDTH, BATCH = 128, 16
DEPTHS = (8, 16, 32, 64)
STEPS = 50  # of a recurrent net
HIDDEN, HEADS, TOKENS = 32, 4, 8  # of a transformer
BLOCKS = (4, 8, 16)


@dataclass(frozen=True)
class Fall:
    """The flow through a chain of layers; ``predicted`` is the factor a layer that the forward values give, or nan."""

    flow: Flow
    predicted: float = math.nan


def back(layers: Sequence[Layer], start: Array, seed: int = 1) -> Flow:
    """The flow of a random linear loss's cotangent through the states of a chain."""
    norms: list[Array] = []
    weights = np.random.default_rng(seed).normal(size=start.shape)

    def loss(h: ge.Array) -> ge.Array:
        for layer in layers:
            h = ge.hook(layer(h), on_cotangent=lambda ct: norms.append(ct.numpy()))
        return ge.sum(h * weights)

    ge.grad(loss)(start)
    return ge.flow(norms[::-1])


# ---- claim 11: feed-forward nets

SLOPES: dict[str, Callable[[Array], Array]] = {
    "sigmoid": lambda z: 1 / (2 + 2 * np.cosh(z)),
    "tanh": lambda z: 1 / np.cosh(z) ** 2,
    "relu": lambda z: np.where(z > 0, 1.0, 0.0),
}
FUNCTIONS: dict[str, Layer] = {"sigmoid": ge.nn.sigmoid, "tanh": ge.tanh, "relu": ge.nn.relu}


def feed_forward(name: str, depth: int, gain: float = 1.0, residual: bool = False, seed: int = 0) -> Fall:
    """A net of ``depth`` layers of one activation; weights have variance gain² / n, as by Glorot (1) and He (root of 2)."""
    rng = np.random.default_rng(seed)
    weights = rng.normal(size=(depth, WIDTH, WIDTH)) * gain / math.sqrt(WIDTH)
    start = rng.normal(size=(BATCH, WIDTH))
    slopes: list[float] = []

    def layer(w: Array) -> Layer:
        def apply(h: ge.Array) -> ge.Array:
            z = ge.matmul(h, w)
            slopes.append(float(np.mean(SLOPES[name](z.numpy()) ** 2)))
            return h + FUNCTIONS[name](z) / math.sqrt(depth) if residual else FUNCTIONS[name](z)

        return apply

    flow = back([layer(w) for w in weights], start)
    # the first state's cotangent passes the second layer and all after it
    factor = math.exp(float(np.mean(np.log(slopes[1:]))) / 2) * gain
    return Fall(flow, math.nan if residual else factor)


# ---- claim 12: recurrent nets and transformers


def recurrent(kind: str, gain: float, steps: int = STEPS, seed: int = 0) -> Fall:
    """One matrix applied at every step: a multiple of an orthogonal one ("linear"), or a random one under tanh or ReLU."""
    rng = np.random.default_rng(seed)
    w = gain * np.linalg.qr(rng.normal(size=(WIDTH, WIDTH)))[0]
    inputs = 0.01 * rng.normal(size=(steps, BATCH, WIDTH))
    f: Layer = {"linear": lambda z: z, "tanh": ge.tanh, "relu": ge.nn.relu}[kind]

    def step(x: Array) -> Layer:
        return lambda h: f(ge.matmul(h, w) + x)

    return Fall(back([step(x) for x in inputs], 0.01 * rng.normal(size=(BATCH, WIDTH))), gain if kind == "linear" else math.nan)


def transformer(norm: str, depth: int, seed: int = 0) -> Fall:
    """Blocks of attention and a feed-forward net, normalised after each sum ("post") or before each branch ("pre")."""
    rng = np.random.default_rng(seed)

    def matrix(rows: int, columns: int) -> Array:
        return rng.normal(size=(rows, columns)) / math.sqrt(rows)

    def normal(x: ge.Array) -> ge.Array:
        return ge.nn.layer_norm(x, np.ones(HIDDEN), np.zeros(HIDDEN))

    def branches() -> list[Layer]:
        q, k, v, o = (matrix(HIDDEN, HIDDEN) for _ in range(4))
        up, down = matrix(HIDDEN, 4 * HIDDEN), matrix(4 * HIDDEN, HIDDEN)

        def heads(x: ge.Array) -> ge.Array:
            return ge.permute_dims(ge.reshape(x, (*x.shape[:2], HEADS, HIDDEN // HEADS)), (0, 2, 1, 3))

        def attention(x: ge.Array) -> ge.Array:
            seen = ge.nn.scaled_dot_product_attention(heads(ge.matmul(x, q)), heads(ge.matmul(x, k)), heads(ge.matmul(x, v)))
            return ge.matmul(ge.reshape(ge.permute_dims(seen, (0, 2, 1, 3)), x.shape), o)

        return [attention, lambda x: ge.matmul(ge.nn.relu(ge.matmul(x, up)), down)]

    def block(parts: list[Layer]) -> Layer:
        def apply(x: ge.Array) -> ge.Array:
            for part in parts:
                x = normal(x + part(x)) if norm == "post" else x + part(normal(x))
            return x

        return apply

    start = rng.normal(size=(2, TOKENS, HIDDEN))
    return Fall(back([block(branches()) for _ in range(depth)], start))


# ---- claim 12: what clipping does


@dataclass(frozen=True)
class Run:
    """Losses of a training run, and the greatest norm that a gradient had."""

    losses: tuple[float, ...]
    norm_max: float

    @property
    def kept(self) -> float:
        """The last loss as a share of the first; infinite where it is no number."""
        share = self.losses[-1] / self.losses[0]
        return share if math.isfinite(share) else math.inf


CLIPS: dict[str, Callable[[Any], Any]] = {
    "none": lambda g: g,
    "value": lambda g: ge.clip_by_value(g, 0.05),
    "norm": lambda g: ge.clip_by_norm(g, 0.5),
    "global norm": lambda g: ge.clip_by_global_norm(g, 0.5)[0],
}
TRAINED: dict[str, tuple[Layer, float, int, float]] = {  # function, gain, steps back in time, learning rate
    "linear": (lambda z: z, 1.3, 20, 0.02),
    "tanh": (ge.tanh, 1.5, 40, 0.1),
}


def trained(kind: str, clip: str, updates: int = 60, seed: int = 0) -> Run:
    """A small recurrent net that explodes, trained by plain gradient descent to say 8 numbers after its last input."""
    f, gain, steps, rate = TRAINED[kind]
    rng = np.random.default_rng(seed)
    n = 16
    p: Any = {"w": gain * np.linalg.qr(rng.normal(size=(n, n)))[0], "v": rng.normal(size=(n, 1)) / math.sqrt(n)}
    inputs, wanted = 0.1 * rng.normal(size=(steps, 8, n)), rng.normal(size=(8, 1))

    def loss(p: Any) -> ge.Array:
        h: Any = np.zeros((8, n))
        for x in inputs:
            h = f(ge.matmul(h, p["w"]) + x)
        return ge.mean(ge.square(ge.matmul(h, p["v"]) - wanted))

    optimizer = ge.optim.sgd(lr=rate)
    state, losses, norms = optimizer.init(p), [], []
    for _ in range(updates):
        value, gradient = ge.value_and_grad(loss)(p)
        losses.append(value.item())
        norms.append(ge.global_norm(gradient).item())
        p, state = optimizer.update(p, CLIPS[clip](gradient), state)
    return Run(tuple(losses), max(n for n in norms if math.isfinite(n)))


def off_by(gradients: Any, norm_max: float) -> float:
    """How far the global norm's clipping is off PyTorch's formula in wider arithmetic, in units of the rounding of a sum."""
    leaves = ge.pytree.flatten(gradients)[0]
    exact = [np.asarray(x, np.longdouble) for x in leaves]
    norm = np.sqrt(sum((x * x).sum() for x in exact))
    factor = min(norm_max / (norm + 1e-6), np.longdouble(1))
    clipped = ge.pytree.flatten(ge.clip_by_global_norm(gradients, norm_max)[0])[0]
    unit = (sum(x.size for x in leaves) + 8) * np.finfo(np.float64).eps
    return max(float(np.max(np.abs(c.numpy() - factor * x) / (np.abs(factor * x) * unit))) for c, x in zip(clipped, exact, strict=True))
