"""How each engine is asked for a value and its gradient, the way its users ask: what is timed, and nothing else.

An engine without a line here is asked through its adapter: its ``vjp``, and the pullback.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np

from gradproof.oracles.engine import Engine
from gradproof.oracles.registry import engine as by_name
from gradproof.specs.bench.workloads import Workload

CLOCK = time.process_time  # each engine's process is pinned to one core: what other processes do there is not counted


@dataclass(frozen=True)
class Way:
    """A workload in an engine: the plain forward pass, and one with recording and backward pass.

    ``full`` gives (result to wait for, seconds recording, seconds backward); the seconds are None where one program does both.
    """

    forward: Callable[[], Any]
    full: Callable[[], tuple[Any, float | None, float | None]]
    gradients: Callable[[], list[Any]]


def _adapter(engine: Engine, f: Callable[..., Any], arrays: list[Any]) -> Way:
    seed = engine.from_numpy(np.ones((), engine.to_numpy(arrays[0]).dtype))

    def one(*xs: Any) -> tuple[Any, ...]:
        return (f(*xs),)

    def full() -> tuple[Any, float, float]:
        start = CLOCK()
        _, pull = engine.vjp(one, arrays)
        middle = CLOCK()
        gradients = pull((seed,))
        return gradients, middle - start, CLOCK() - middle

    return Way(lambda: f(*arrays), full, lambda: [engine.to_numpy(g) for g in engine.vjp(one, arrays)[1]((seed,))])


def _traced(engine: Engine, f: Callable[..., Any], arrays: list[Any]) -> Way:
    import gradproof.engine as ge

    forward = ge.trace(f)
    both = ge.trace(ge.value_and_grad(f, argnums=tuple(range(len(arrays)))))
    return Way(
        lambda: forward(*arrays), lambda: (both(*arrays), None, None), lambda: [np.asarray(g) for g in both(*arrays)[1]]
    )


def _torch(engine: Engine, f: Callable[..., Any], arrays: list[Any]) -> Way:
    import torch

    torch.set_num_threads(1)
    inputs = [x.detach().requires_grad_() for x in arrays]

    def forward() -> Any:
        with torch.no_grad():
            return f(*arrays)

    def full() -> tuple[Any, float, float]:
        start = CLOCK()
        loss = f(*inputs)
        middle = CLOCK()
        gradients = torch.autograd.grad(loss, inputs)
        return gradients, middle - start, CLOCK() - middle

    return Way(forward, full, lambda: [g.numpy() for g in torch.autograd.grad(f(*inputs), inputs)])


def _jitted(engine: Engine, f: Callable[..., Any], arrays: list[Any]) -> Way:
    jax: Any = import_module("jax")  # its functions have no types
    jax.config.update("jax_enable_x64", True)
    forward = jax.jit(f)
    both = jax.jit(jax.value_and_grad(f, argnums=tuple(range(len(arrays)))))
    wait = jax.block_until_ready
    return Way(
        lambda: wait(forward(*arrays)), lambda: (wait(both(*arrays)), None, None), lambda: [np.array(g) for g in both(*arrays)[1]]
    )


def _jax_eager(engine: Engine, f: Callable[..., Any], arrays: list[Any]) -> Way:
    jax: Any = import_module("jax")  # its functions have no types
    jax.config.update("jax_enable_x64", True)
    wait = jax.block_until_ready

    def full() -> tuple[Any, float, float]:
        start = CLOCK()
        out, pull = jax.vjp(f, *arrays)
        wait(out)
        middle = CLOCK()
        gradients = wait(pull(jax.numpy.ones((), out.dtype)))
        return gradients, middle - start, CLOCK() - middle

    return Way(lambda: wait(f(*arrays)), full, lambda: [np.array(g) for g in full()[0]])


WAYS: dict[str, tuple[str, Callable[[Engine, Callable[..., Any], list[Any]], Way]]] = {
    "native-traced": ("native", _traced), "torch": ("torch", _torch), "jax": ("jax", _jitted), "jax-eager": ("jax", _jax_eager),
}  # fmt: skip
"""Names of the bench that are not asked through their adapter: the engine behind them, and how it is asked."""


def way(name: str, workload: Workload, size: int) -> Way:
    """A workload in an engine (or way of one) by name.

    Raises: Unsupported if its namespace lacks what the workload needs; EngineError if there is no such engine.
    """
    behind, how = WAYS.get(name, (name, _adapter))
    subject = by_name(behind)
    f, inputs = workload.make(subject.namespace, subject.from_numpy, size)
    return how(subject, f, [subject.from_numpy(x) for x in inputs])


@dataclass
class Sample:
    """Seconds of one round, each for one run: the plain forward pass twice, recording, backward, and all of it."""

    forward: float
    again: float
    full: float
    backward: float


def repeats(run: Way, at_least: float) -> int:
    """How often to run so that the forward pass takes ``at_least`` seconds."""
    n = 1
    while True:
        spent = _seconds(run.forward, n)
        if spent >= at_least or n >= 100_000:
            return n
        n = min(100_000, max(2 * n, int(n * at_least / spent * 1.1) if spent > 0 else 2 * n))


def _seconds(f: Callable[[], Any], n: int) -> float:
    start = CLOCK()
    for _ in range(n):
        f()
    return CLOCK() - start


def sample(run: Way, n: int) -> Sample:
    """One round: forward, full, and forward again, so that a drift of the machine shows between the two."""
    first = _seconds(run.forward, n) / n
    times = max(1, n // 3)
    backward: list[float | None] = []
    start = CLOCK()
    for _ in range(times):
        backward.append(run.full()[2])
    full = (CLOCK() - start) / times
    again = _seconds(run.forward, n) / n
    told = [b for b in backward if b is not None]
    return Sample(first, again, full, sum(told) / len(told) if told else full - first)


def close(a: Sequence[Any], b: Sequence[Any]) -> bool:
    """Whether two engines' gradients, told as (norm, projection) each, can be of the same function: no verdict on accuracy."""
    return len(a) == len(b) and all(
        abs(x[0] - y[0]) <= TELLS_APART * (x[0] + 1e-30) and abs(x[1] - y[1]) <= TELLS_APART * (x[0] + 1e-30)
        for x, y in zip(a, b, strict=True)
    )


TELLS_APART = 1e-3  # float32 with sums of thousands of terms agrees far better; a skipped or wrong gradient does not


def told(gradients: Sequence[Any]) -> list[tuple[float, float]]:
    """Each gradient by its norm and one projection, the same for every engine."""
    found = []
    for i, g in enumerate(gradients):
        flat = np.asarray(g, np.float64).reshape(-1)
        direction = np.random.default_rng(i).standard_normal(flat.size)
        norm = float(np.linalg.norm(flat))
        found.append((norm, float(flat @ direction / np.linalg.norm(direction))))
    return found
