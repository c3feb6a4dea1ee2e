"""Nets trained on real data by the native engine, and by PyTorch from the same weights on the same batches, step by step.

The data is scikit-learn's handwritten digits and the text of Python's ``this`` module. Two libraries round differently, so their
losses part slowly; how far rounding alone takes them apart is measured by a second native run in which every weight is moved by
one unit in its last place (or none, or minus one) after every step.
"""

from __future__ import annotations

import codecs
import importlib
import io
from collections.abc import Callable, Iterator, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass, field
from functools import cache
from importlib.util import find_spec
from typing import Any

import numpy as np

import gradproof.engine as ge
from gradproof.engine import pytree
from gradproof.oracles.registry import engine as by_name
from gradproof.specs import digits, nets
from gradproof.specs.curves import curves

Array = Any
Batch = tuple[Array, Array]  # inputs, labels
SEQ = 32
SEED = 0
ROUNDING_MAX = 16.0  # PyTorch's distance, in that of the run whose weights are moved by a unit in the last place


@dataclass(frozen=True)
class Net:
    """A net, its data and how it is trained; ``accuracy`` is the least that must come of it, on the data said."""

    name: str
    apply: Callable[[Any, Any, Any], Any]
    weights: Callable[[], Any]
    train: Callable[[], Batch]
    test: Callable[[], Batch]
    accuracy: float
    on: str
    steps: int
    batch: int
    optimiser: str
    settings: dict[str, Any] = field(default_factory=dict)

    def loss(self, xp: Any, p: Any, inputs: Any, labels: Any) -> Any:
        """The mean cross-entropy of a batch."""
        return nets.cross_entropy(xp, self.apply(xp, p, inputs), labels)

    def batches(self) -> Iterator[Batch]:
        """The same ones at every call."""
        rng, (inputs, labels) = np.random.default_rng(SEED), self.train()
        for _ in range(self.steps):
            chosen = rng.integers(0, len(inputs), self.batch)
            yield inputs[chosen], labels[chosen]


@dataclass(frozen=True)
class Run:
    """The loss before each step, and the share of ``test`` that the weights at the end get right."""

    losses: tuple[float, ...]
    accuracy: float


@dataclass(frozen=True)
class Pair:
    """One net trained by both; ``rounding`` is how far a unit in the last place takes the losses, as the largest relative difference."""

    net: Net
    native: Run
    torch: Run | None  # None where PyTorch is not installed
    rounding: float = 0.0

    @property
    def apart(self) -> float:
        """The largest relative difference of the losses, over all steps."""
        return apart(self.native.losses, self.torch.losses) if self.torch else 0.0

    @property
    def faults(self) -> list[str]:
        """What is not as it must be, in words."""
        name, least = self.net.name, self.net.accuracy
        runs = {"native": self.native, **({"torch": self.torch} if self.torch else {})}
        found = [f"{name}: accuracy {r.accuracy:.1%} by {who}, below {least:.0%}" for who, r in runs.items() if not r.accuracy >= least]
        if not self.apart <= ROUNDING_MAX * self.rounding:
            found.append(f"{name}: the losses part by {self.apart:.2g}, rounding alone by {self.rounding:.2g}")
        return found

    @property
    def figure(self) -> str:
        """What came of it, in words."""
        losses = self.native.losses
        told = f"{self.net.name} {self.native.accuracy:.1%} of {self.net.on} ({len(losses)} steps, loss {losses[0]:.3g} to {losses[-1]:.2g}"
        return f"{told}; PyTorch's losses at most {self.apart:.1e} off, rounding alone {self.rounding:.1e})" if self.torch else f"{told})"


def apart(a: Sequence[float], b: Sequence[float]) -> float:
    """The largest relative difference."""
    x, y = np.array(a), np.array(b)
    return float(np.max(np.abs(x - y) / np.abs(y)))


# ---- data


def zen() -> str:
    """The text that ``import this`` prints."""
    with redirect_stdout(io.StringIO()):
        this = importlib.import_module("this")
    return codecs.decode(this.s, "rot13")


def alphabet() -> str:
    """Its letters, in order."""
    return "".join(sorted(set(zen())))


@cache
def letters() -> Batch:
    """Every stretch of the text, as numbers, and the letters that follow each of its letters."""
    text = np.array([alphabet().index(c) for c in zen()])
    windows = np.lib.stride_tricks.sliding_window_view(text, SEQ + 1)
    return np.ascontiguousarray(windows[:, :-1]), np.ascontiguousarray(windows[:, 1:])


def _images(test: bool, *shape: int) -> Batch:
    data = digits.load()
    images, labels = (data.test, data.test_labels) if test else (data.train, data.train_labels)
    return images.reshape(-1, *shape), labels


SIDE = nets.SIDE
NETS = (
    Net(
        "MLP", nets.mlp, nets.mlp_weights, lambda: _images(False, SIDE**2), lambda: _images(True, SIDE**2),
        0.96, "359 images not trained on", 600, 32, "sgd", {"lr": 0.1, "momentum": 0.9},
    ),
    Net(
        "conv net", nets.convnet, nets.convnet_weights, lambda: _images(False, 1, SIDE, SIDE), lambda: _images(True, 1, SIDE, SIDE),
        0.97, "359 images not trained on", 600, 32, "adam", {"lr": 0.01},
    ),
    Net(
        "character transformer", nets.transformer, lambda: nets.transformer_weights(letters=len(alphabet()), seq=SEQ), letters, letters,
        0.88, "the next letters of the text it learned", 400, 12, "adamw", {"lr": 0.006},
    ),
)  # fmt: skip


# ---- the runs


def native(net: Net, nudged: bool = False) -> Run:
    """Trained by the native engine: trees of parameters, ``value_and_grad``, ``ge.optim``."""
    p = net.weights()
    optimiser = getattr(ge.optim, net.optimiser)(**net.settings)
    state, losses, rng = optimiser.init(p), [], np.random.default_rng(SEED)
    gradient = ge.value_and_grad(lambda p, inputs, labels: net.loss(ge, p, inputs, labels))
    for inputs, labels in net.batches():
        value, gradients = gradient(p, inputs, labels)
        p, state = optimiser.update(p, gradients, state)
        if nudged:
            p = pytree.map(lambda w: _nudged(np.asarray(w), rng), p)
        losses.append(float(value))
    return Run(tuple(losses), accuracy(net, p))


def _nudged(w: Array, rng: np.random.Generator) -> Array:
    return w + rng.integers(-1, 2, w.shape) * np.spacing(np.abs(w))


def by_torch(net: Net) -> Run:
    """Trained by PyTorch: its tensors, its ``backward``, its optimiser.

    Raises: ImportError where PyTorch is not installed.
    """
    training = importlib.import_module("gradproof.oracles.adapters.torch_training")
    leaves, structure = pytree.flatten(net.weights())
    namespace: Any = by_name("torch").namespace

    def loss(weights: Sequence[Any], inputs: Any, labels: Any) -> Any:
        return net.loss(namespace, pytree.unflatten(structure, weights), inputs, labels)

    losses, weights = training.train(loss, leaves, net.batches(), net.optimiser, **net.settings)
    return Run(tuple(losses), accuracy(net, pytree.unflatten(structure, weights)))


def accuracy(net: Net, p: Any) -> float:
    """The share of labels that get the highest score."""
    inputs, labels = net.test()
    with ge.no_grad():
        guesses = np.argmax(np.asarray(net.apply(ge, p, inputs)), axis=-1)
    return float(np.mean(guesses == labels))


def pair(net: Net) -> Pair:
    """One net trained by both engines, or by the native one alone where PyTorch is not installed."""
    one = native(net)
    if find_spec("torch") is None:
        return Pair(net, one, None)
    return Pair(net, one, by_torch(net), apart(native(net, nudged=True).losses, one.losses))


@cache
def pairs() -> tuple[Pair, ...]:
    """Every net trained in this process, once."""
    return tuple(map(pair, NETS))


def finished() -> tuple[Pair, ...]:
    """The pairs if they have been trained in this process. Starts nothing."""
    return pairs() if pairs.cache_info().currsize else ()


def drawing(done: Sequence[Pair]) -> str:
    """The loss curves that there are two of, as an SVG text; "" if none."""
    panels = [
        (p.net.name, p.native.losses, p.torch.losses, f"{len(p.native.losses)} steps, accuracy {p.native.accuracy:.1%}")
        for p in done
        if p.torch
    ]
    return curves(panels) if panels else ""
