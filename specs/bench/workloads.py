"""What is timed: workloads over the array-API names that every adapter has, each with a scalar result.

``make(ns, array, size)`` gives the function and its inputs; ``array`` makes an engine's own array of a NumPy one (for ids and
the like). Where a namespace lacks a function of ``nn``, it is composed of those it has: relu, gelu, softmax, layer_norm.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from gradproof.oracles.errors import Unsupported
from gradproof.specs.cost import DOCUMENT, MEASURED, Budget

Make = Callable[[Any, Callable[[Any], Any], int], tuple[Callable[..., Any], list[Any]]]
PROFILES = ("quick", "standard")


@dataclass(frozen=True)
class Workload:
    """A named workload: its sizes by profile, what its ratio may be, and the sweep it is a point of, if of any."""

    name: str
    make: Make
    quick: int
    standard: int
    budget: Budget = DOCUMENT
    sweep: str = ""

    def size(self, profile: str) -> int:
        """How large it is in a profile."""
        return self.quick if profile == "quick" else self.standard


def _normal(*shape: int, seed: int, dtype: str = "float32") -> Any:
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def _of(ns: Any, name: str) -> Any:
    """A function of ``nn``, or None."""
    return getattr(getattr(ns, "nn", None), name, None)


def _need(ns: Any, *names: str) -> None:
    for name in names:
        found = ns
        for part in name.split("."):
            found = getattr(found, part, None)
        if found is None:
            raise Unsupported(f"the engine's namespace has no {name!r}")


def _relu(ns: Any, x: Any) -> Any:
    own = _of(ns, "relu")
    return own(x) if own else ns.maximum(x, ns.multiply(x, 0.0))


def _gelu(ns: Any, x: Any) -> Any:
    own = _of(ns, "gelu")
    return own(x, approximate="none") if own else ns.multiply(ns.multiply(x, 0.5), ns.add(ns.erf(ns.multiply(x, 0.5**0.5)), 1.0))


def _softmax(ns: Any, x: Any) -> Any:
    own = _of(ns, "softmax")
    if own:
        return own(x, axis=-1)
    powers = ns.exp(ns.subtract(x, ns.max(x, axis=-1, keepdims=True)))
    return ns.divide(powers, ns.sum(powers, axis=-1, keepdims=True))


def _layer_norm(ns: Any, x: Any, scale: Any, shift: Any) -> Any:
    own = _of(ns, "layer_norm")
    if own:
        return own(x, scale, shift, eps=1e-5)
    off = ns.subtract(x, ns.mean(x, axis=-1, keepdims=True))
    spread = ns.sqrt(ns.add(ns.mean(ns.multiply(off, off), axis=-1, keepdims=True), 1e-5))
    return ns.add(ns.multiply(ns.divide(off, spread), scale), shift)


def _total(ns: Any, x: Any) -> Any:
    return ns.sum(x, axis=None, keepdims=False)


def mlp(ns: Any, array: Callable[[Any], Any], size: int, batch: int = 128) -> tuple[Callable[..., Any], list[Any]]:
    """Three layers with relu and about ``size`` parameters, the mean of squares of what comes out."""
    _need(ns, "matmul", "add", "multiply", "sum")
    width = max(2, round((size / 3) ** 0.5))
    x = array(_normal(batch, width, seed=0))

    def f(*ws: Any) -> Any:
        h = x
        for i in range(0, 6, 2):
            h = ns.add(ns.matmul(h, ws[i]), ws[i + 1])
            h = _relu(ns, h) if i < 4 else h
        return _total(ns, ns.multiply(h, h))

    weights = [v for i in range(3) for v in (_normal(width, width, seed=i + 1) / np.float32(width**0.5), _normal(width, seed=i + 9))]
    return f, weights


def transformer(ns: Any, array: Callable[[Any], Any], size: int) -> tuple[Callable[..., Any], list[Any]]:
    """A pre-norm block of width ``size``: 4 heads, sequences of 64, a batch of 4."""
    _need(ns, "matmul", "reshape", "permute_dims", "add", "multiply", "sum", "getitem")
    batch, length, heads, h = 4, 64, 4, size

    def f(x: Any, scale1: Any, shift1: Any, qkv: Any, out: Any, scale2: Any, shift2: Any, up: Any, down: Any) -> Any:
        parts = ns.reshape(ns.matmul(_layer_norm(ns, x, scale1, shift1), qkv), (batch, length, 3 * heads, h // heads))
        parts = ns.permute_dims(parts, (0, 2, 1, 3))
        everything = slice(None)
        q, k, v = (ns.getitem(parts, (everything, slice(i * heads, (i + 1) * heads))) for i in range(3))
        scores = ns.multiply(ns.matmul(q, ns.permute_dims(k, (0, 1, 3, 2))), (h // heads) ** -0.5)
        mixed = ns.reshape(ns.permute_dims(ns.matmul(_softmax(ns, scores), v), (0, 2, 1, 3)), (batch, length, h))
        x = ns.add(x, ns.matmul(mixed, out))
        y = ns.matmul(_gelu(ns, ns.matmul(_layer_norm(ns, x, scale2, shift2), up)), down)
        return _total(ns, ns.multiply(ns.add(x, y), ns.add(x, y)))

    shapes = ((batch, length, h), (h,), (h,), (h, 3 * h), (h, h), (h,), (h,), (h, 4 * h), (4 * h, h))
    return f, [_normal(*s, seed=i) / np.float32(h**0.5 if i in (3, 4, 7, 8) else 1.0) for i, s in enumerate(shapes)]


def conv_net(ns: Any, array: Callable[[Any], Any], size: int) -> tuple[Callable[..., Any], list[Any]]:
    """Two 3 x 3 convolutions with relu, on 8 images of ``size`` pixels a side."""
    _need(ns, "nn.conv2d")
    x = array(_normal(8, 3, size, size, seed=0))

    def f(w1: Any, w2: Any) -> Any:
        h = _relu(ns, ns.nn.conv2d(x, w1, stride=(1, 1), padding=(1, 1)))
        h = _relu(ns, ns.nn.conv2d(h, w2, stride=(1, 1), padding=(1, 1)))
        return _total(ns, ns.multiply(h, h))

    return f, [_normal(16, 3, 3, 3, seed=1) / np.float32(5), _normal(32, 16, 3, 3, seed=2) / np.float32(12)]


def chain(ns: Any, array: Callable[[Any], Any], size: int) -> tuple[Callable[..., Any], list[Any]]:
    """sin, exp, tanh, log one after another, three times, on ``size`` numbers in float64."""
    _need(ns, "sin", "exp", "tanh", "log", "add", "sum")

    def f(x: Any) -> Any:
        for _ in range(3):
            x = ns.tanh(ns.exp(ns.sin(x)))
            x = ns.log(ns.add(ns.multiply(x, x), 1.0))
        return _total(ns, x)

    return f, [_normal(size, seed=0, dtype="float64")]


def tiny(ns: Any, array: Callable[[Any], Any], size: int) -> tuple[Callable[..., Any], list[Any]]:
    """A graph of 300 small nodes, on arrays of ``size`` numbers (1: scalars) in float64."""
    _need(ns, "sin", "multiply", "add", "sum")

    def f(x: Any, y: Any) -> Any:
        a, b = x, y
        for _ in range(75):
            a, b = ns.add(ns.multiply(a, 0.5), ns.sin(b)), ns.add(a, ns.multiply(b, 0.25))
        return _total(ns, ns.multiply(a, b))

    shape = () if size == 1 else (size,)
    return f, [_normal(*shape, seed=i, dtype="float64") for i in range(2)]


def lstm(ns: Any, array: Callable[[Any], Any], size: int) -> tuple[Callable[..., Any], list[Any]]:
    """An LSTM of 64 units, a batch of 16, over ``size`` steps, composed of products and gates."""
    _need(ns, "matmul", "tanh", "nn.sigmoid", "getitem", "add", "multiply", "sum")
    steps = [array(_normal(16, 64, seed=t)) for t in range(size)]

    def f(w: Any, u: Any, b: Any, h: Any, c: Any) -> Any:
        for x in steps:
            gates = ns.add(ns.add(ns.matmul(x, w), ns.matmul(h, u)), b)
            enter, keep, new, show = (ns.getitem(gates, (slice(None), slice(64 * i, 64 * i + 64))) for i in range(4))
            c = ns.add(ns.multiply(ns.nn.sigmoid(keep), c), ns.multiply(ns.nn.sigmoid(enter), ns.tanh(new)))
            h = ns.multiply(ns.nn.sigmoid(show), ns.tanh(c))
        return _total(ns, ns.multiply(h, h))

    shapes = ((64, 256), (64, 256), (256,), (16, 64), (16, 64))
    return f, [_normal(*s, seed=i) / np.float32(8) for i, s in enumerate(shapes)]


def fan_out(ns: Any, array: Callable[[Any], Any], size: int) -> tuple[Callable[..., Any], list[Any]]:
    """One value of ``size`` numbers read 200 times, in float64."""
    _need(ns, "multiply", "add", "sum")

    def f(x: Any) -> Any:
        y = ns.multiply(x, 1.0)
        for i in range(200):
            y = ns.add(ns.multiply(y, 0.5), ns.multiply(x, 1.0 + i / 200))
        return _total(ns, y)

    return f, [_normal(size, seed=0, dtype="float64")]


def gather(ns: Any, array: Callable[[Any], Any], size: int) -> tuple[Callable[..., Any], list[Any]]:
    """4,096 rows of 256 picked from a table of ``size`` rows, some more than once."""
    _need(ns, "nn.embedding", "sum")
    ids = array(np.random.default_rng(0).integers(0, size, 4096))
    return lambda table: _total(ns, ns.nn.embedding(table, ids)), [_normal(size, 256, seed=1)]


SWEEP = {10**k: k <= 6 for k in range(3, 9)}  # parameters, and whether the quick profile has them too

WORKLOADS = (
    Workload("mlp", mlp, 200_000, 800_000, MEASURED["matmul"]),
    Workload("transformer", transformer, 64, 256, MEASURED["matmul"]),
    Workload("conv net", conv_net, 16, 32, DOCUMENT),
    Workload("chain", chain, 30_000, 1_000_000, MEASURED["elementwise"]),
    Workload("tiny, scalar", tiny, 1, 1, MEASURED["tiny"]),
    Workload("tiny, size 8", tiny, 8, 8, MEASURED["tiny"]),
    Workload("lstm", lstm, 20, 100, DOCUMENT),
    Workload("fan-out x 16", fan_out, 16, 16, MEASURED["tiny"]),
    Workload("fan-out x 50,000", fan_out, 50_000, 50_000, MEASURED["elementwise"]),
    *(Workload(f"gather, {rows:,} rows", gather, rows, rows, MEASURED["gather"], "gather") for rows in (5_000, 50_000, 200_000)),
    *(
        Workload(f"mlp 1e{len(str(n)) - 1}, batch {batch}", partial(mlp, batch=batch), n if small else 0, n, DOCUMENT, f"batch {batch}")
        for batch in (8, 128)
        for n, small in SWEEP.items()
    ),
)
"""Every workload; a size of 0 leaves it out of that profile."""

CONFORMANCE = tuple(w for w in WORKLOADS if not w.sweep)


def of_profile(profile: str) -> tuple[Workload, ...]:
    """The workloads of a profile; the quick one leaves out large tables and sizes from 10⁷ on."""
    return tuple(w for w in WORKLOADS if w.size(profile) and not (profile == "quick" and w.name in ("gather, 200,000 rows",)))
