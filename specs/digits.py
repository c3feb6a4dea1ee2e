"""Claim 16: a two-layer net on scikit-learn's handwritten digits, trained by the native engine, its gradients judged.

The judge does not see a gradient recomputed elsewhere: the function that the update uses is put on trial itself.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

import numpy as np

import gradproof.engine as ge
from gradproof.oracles.finding import Verdict
from gradproof.oracles.graph import Array, Case, Graph, Leaf, Node
from gradproof.oracles.judge import judge
from gradproof.oracles.registry import engine as by_name
from gradproof.oracles.verdict import Kind
from gradproof.specs import nets

LAYERS = f"64-{nets.HIDDEN}-10 ReLU"
BATCH = 32
STEPS = 600
EVERY = 50
RATE, MOMENTUM = 0.1, 0.9
TEST_SHARE = 0.2
WEIGHTS = (0, 1, 2, 3)

Weights = list[Array]
Gradient = Callable[..., tuple[Any, Sequence[Any]]]  # (weights …, images, labels) -> loss, gradient by each weight


@dataclass(frozen=True)
class Data:
    """Images as rows of 64 numbers from 0 to 1, and the digit each shows."""

    train: Array
    train_labels: Array
    test: Array
    test_labels: Array


@dataclass(frozen=True)
class Judged:
    """One step's gradient, judged."""

    step: int
    loss: float
    verdict: Verdict
    seconds: float

    @property
    def accepted(self) -> bool:
        return self.verdict.kind in (Kind.AGREE, Kind.SUBGRADIENT)


@dataclass(frozen=True)
class Training:
    """What a training run came to."""

    images: int
    steps: int
    batch: int
    every: int
    accuracy: float
    losses: tuple[float, ...]
    judged: tuple[Judged, ...]
    seconds: float

    @property
    def units(self) -> float:
        """The worst error of a judged gradient, in units of its bound."""
        return max((j.verdict.units for j in self.judged), default=0.0)


def load(seed: int = 0) -> Data:
    """The bundled digits, shuffled and split.

    Raises: ImportError where scikit-learn is not installed.
    """
    from sklearn.datasets import load_digits

    images, labels = load_digits(return_X_y=True)
    order = np.random.default_rng(seed).permutation(len(images))
    images, labels = images[order] / 16, labels[order].astype(np.int64)
    cut = int(len(images) * TEST_SHARE)
    return Data(images[cut:], labels[cut:], images[:cut], labels[:cut])


def initial(seed: int = 0) -> Weights:
    """Weights drawn so that each layer keeps the size of its input."""
    return list(nets.mlp_weights(seed).values())


def scores(w1: Any, b1: Any, w2: Any, b2: Any, images: Any) -> Any:
    """The net: what each image scores for each digit."""
    return nets.mlp(ge, {"w1": w1, "b1": b1, "w2": w2, "b2": b2}, images)


def loss(w1: Any, b1: Any, w2: Any, b2: Any, images: Any, labels: Any) -> Any:
    """Cross-entropy of the net, averaged over the batch."""
    return ge.nn.cross_entropy(scores(w1, b1, w2, b2, images), labels, reduction="mean")


gradient: Gradient = ge.value_and_grad(loss, argnums=WEIGHTS)


def accuracy(weights: Weights, images: Array, labels: Array) -> float:
    """The share of images recognised."""
    w1, b1, w2, b2 = weights
    with ge.no_grad():
        guesses = np.argmax(np.asarray(scores(w1, b1, w2, b2, images)), axis=1)
    return float(np.mean(guesses == labels))


def case(weights: Weights, images: Array, labels: Array) -> Case:
    """The step's loss as a graph at the actual weights: what the judge differentiates on its own."""
    leaves = (*(Leaf(w.copy()) for w in weights), Leaf(images, constant=True), Leaf(labels, constant=True))
    nodes = (
        Node("matmul", (4, 0)),
        Node("add", (6, 1)),
        Node("nn.relu", (7,)),
        Node("matmul", (8, 2)),
        Node("add", (9, 3)),
        Node("nn.cross_entropy", (10, 5), {"reduction": "mean"}),
    )
    return Case(Graph(leaves, nodes, (11,)), (np.array(1.0),))


class Step:
    """A training step as the engine on trial: its first answer is the gradient the update uses, the next ones repeat it.

    So the judge judges that gradient, and holds the step to giving it again, bit for bit.
    """

    name = "native training step"
    namespace: Any = ge

    def __init__(self, gradient: Gradient, batch: tuple[Array, Array], used: tuple[Any, Sequence[Any]]) -> None:
        native: Any = by_name("native")
        self.lineage, self.capabilities = native.lineage, native.capabilities
        self.from_numpy, self.to_numpy = partial(np.array, order="C"), native.to_numpy  # laid out as the step's own
        self.gradient, self.batch = gradient, batch
        self.used: tuple[Any, Sequence[Any]] | None = used

    def vjp(
        self, fn: Callable[..., Any], primals: Sequence[Any]
    ) -> tuple[tuple[Any, ...], Callable[[tuple[Any, ...]], tuple[Any, ...]]]:
        """The step's loss and gradient at the weights; inputs beyond them (the judge adds one) are used by nothing."""
        value, gradients = self.used or self.gradient(*primals[: len(WEIGHTS)], *self.batch)
        self.used = None
        unused = [np.zeros_like(p) for p in primals[len(WEIGHTS) :]]

        def pullback(cotangents: tuple[Any, ...]) -> tuple[Any, ...]:
            return (*(np.asarray(g) * cotangents[0] for g in gradients), *unused)

        return (np.asarray(value),), pullback


def train(
    data: Data,
    steps: int = STEPS,
    every: int = EVERY,
    gradient: Gradient = gradient,
    seed: int = 0,
) -> Training:
    """Forward, backward, optimizer step, repeat; the gradient of every ``every``-th step is judged before it is used."""
    start = time.perf_counter()
    rng = np.random.default_rng(seed)
    weights = initial(seed)
    speed = [np.zeros_like(w) for w in weights]
    losses, judged = [], []
    for step in range(1, steps + 1):
        chosen = rng.integers(0, len(data.train), BATCH)
        batch = data.train[chosen], data.train_labels[chosen]
        value, gradients = gradient(*weights, *batch)
        losses.append(float(value))
        if step % every == 0:
            begun = time.perf_counter()
            verdict = judge(case(weights, *batch), Step(gradient, batch, (value, gradients)))
            judged.append(Judged(step, losses[-1], verdict, time.perf_counter() - begun))
        for w, v, g in zip(weights, speed, gradients, strict=True):
            v *= MOMENTUM
            v -= RATE * np.asarray(g)
            w += v
    return Training(
        len(data.train) + len(data.test),
        steps,
        BATCH,
        every,
        accuracy(weights, data.test, data.test_labels),
        tuple(losses),
        tuple(judged),
        time.perf_counter() - start,
    )


@cache
def training() -> Training:
    """The training run of this process, at its defaults; run once."""
    return train(load())


def finished() -> Training | None:
    """The training run of this process if there has been one. Starts nothing."""
    return training() if training.cache_info().currsize else None
