"""Claims 7 and 8, measured: what a transformer's backward pass needs kept, counted in numbers and in bytes.

A pre-norm transformer of equal blocks in float64 (8 bytes a number). Saved numbers are counted by buffer, parameters not
included, and fitted by a·batch·seq·hidden + b·batch·seq + c·batch·heads·seq² for each block; the fit must leave nothing over.
"""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

import gradproof.engine as ge
from gradproof.specs import nets

Array = Any
Block = Callable[[Any], Any]
BYTES = 8


@dataclass(frozen=True)
class Size:
    """The sizes of a transformer and of what it reads."""

    layers: int = 4
    batch: int = 2
    seq: int = 8
    hidden: int = 16
    heads: int = 2

    @property
    def parameters(self) -> int:
        """Numbers in its weights: per block 12 hidden² and 13 hidden."""
        return self.layers * (12 * self.hidden**2 + 13 * self.hidden)


def parameters(size: Size, seed: int = 0) -> list[dict[str, Array]]:
    """The weights of every block."""
    rng, h = np.random.default_rng(seed), size.hidden
    shapes = {"qkv": (h, 3 * h), "out": (h, h), "up": (h, 4 * h), "down": (4 * h, h), "qkv_b": (3 * h,), "out_b": (h,), "up_b": (4 * h,)}
    shapes |= {"down_b": (h,), "scale1": (h,), "shift1": (h,), "scale2": (h,), "shift2": (h,)}
    return [{name: rng.normal(size=shape) / np.sqrt(h) for name, shape in shapes.items()} for _ in range(size.layers)]


def inputs(size: Size, seed: int = 1) -> Array:
    """What the first block reads."""
    return np.random.default_rng(seed).normal(size=(size.batch, size.seq, size.hidden))


def attention(q: Any, k: Any, v: Any) -> Any:
    """softmax(q kᵀ / √d) v: its residual is a matrix of seq² numbers for each head."""
    scores = ge.matmul(q, ge.matrix_transpose(k)) * q.shape[-1] ** -0.5
    return ge.matmul(ge.nn.softmax(scores, axis=-1), v)


def block(p: dict[str, Any], size: Size, recompute: bool = False) -> Block:
    """One block, which reads and gives (batch, seq, hidden); with ``recompute`` attention is checkpointed."""
    attend = ge.checkpoint(attention) if recompute else attention
    return lambda x: nets.block(ge, p, x, size.heads, attend)


def variables(size: Size) -> list[dict[str, Any]]:
    """Its weights, on the tape."""
    return [{name: ge.variable(w) for name, w in p.items()} for p in parameters(size)]


def saved(size: Size, recompute: bool = False) -> int:
    """Numbers kept between forward and backward, the input and the parameters not counted."""
    weights = variables(size)
    x = start = ge.variable(inputs(size))
    for p in weights:
        x = block(p, size, recompute)(x)
    return ge.saved_bytes(ge.sum(x), but=[start, *(w for p in weights for w in p.values())]).total // BYTES


# ---- claim 7: the fit

SIZES = tuple(
    Size(*s) for s in [(1, 1, 4, 8, 2), (2, 1, 4, 8, 2), (4, 2, 4, 8, 2), (2, 3, 8, 8, 2), (3, 2, 16, 8, 4), (2, 2, 32, 8, 1), (2, 2, 8, 24, 4),
                       (1, 2, 24, 16, 8), (6, 1, 8, 8, 8), (2, 4, 12, 32, 4)]
)  # fmt: skip


@dataclass(frozen=True)
class Fit:
    """Numbers saved = layers·(a·batch·seq·hidden + b·batch·seq + c·batch·heads·seq²) + d·batch·seq·hidden, and what is left over."""

    a: float
    b: float
    c: float
    d: float
    off: float  # the largest difference to a measured count, in numbers

    def numbers(self, s: Size) -> float:
        """What the fit says of a size."""
        kept = self.a * s.batch * s.seq * s.hidden + self.b * s.batch * s.seq + self.c * s.batch * s.heads * s.seq**2
        return s.layers * kept + self.d * s.batch * s.seq * s.hidden

    def crossing(self, s: Size) -> int:
        """The least sequence length at which more numbers are saved than there are parameters."""
        seq = 1
        while self.numbers(Size(s.layers, s.batch, seq, s.hidden, s.heads)) <= s.parameters:
            seq += 1
        return seq


def fit(recompute: bool) -> Fit:
    """The fit to the counts of ``SIZES``."""
    counts = np.array([saved(s, recompute) for s in SIZES], float)
    bsh = np.array([s.batch * s.seq * s.hidden for s in SIZES], float)
    layers = np.array([s.layers for s in SIZES], float)
    bs = np.array([s.batch * s.seq for s in SIZES], float)
    squares = np.array([s.batch * s.heads * s.seq**2 for s in SIZES], float)
    terms = np.stack([layers * bsh, layers * bs, layers * squares, bsh], axis=1)
    found, *_ = np.linalg.lstsq(terms, counts, rcond=None)
    a, b, c, d = (float(np.round(v, 9)) + 0.0 for v in found)
    return Fit(a, b, c, d, float(np.abs(terms @ np.array([a, b, c, d]) - counts).max()))


def peak_without_tape(size: Size) -> int:
    """The most bytes allocated at once by an evaluation without gradients."""
    weights, start = parameters(size), inputs(size)

    def evaluate() -> None:
        with ge.no_grad():
            x: Any = start
            for p in weights:
                x = block(p, size)(x)

    return peak(evaluate)


def peak(run: Callable[[], Any]) -> int:
    """The most bytes allocated at once while ``run`` runs, as ``tracemalloc`` counts them; run once before, unmeasured."""
    run()
    tracemalloc.start()
    try:
        tracemalloc.reset_peak()
        before = tracemalloc.get_traced_memory()[0]
        run()
        return tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()


# ---- claim 8: checkpoints


@dataclass(frozen=True)
class Training:
    """The gradients of one schedule, how many blocks it ran, and its peak of bytes."""

    gradients: tuple[bytes, ...]
    runs: int
    peak: int


def trained(size: Size, forward: Callable[[Sequence[Block], Any], Any]) -> Training:
    """One forward and backward pass, with a schedule of checkpoints."""
    runs = 0
    weights, start = variables(size), inputs(size)
    plain = [block(p, size) for p in weights]

    def counted(f: Block) -> Block:
        def run(x: Any) -> Any:
            nonlocal runs
            runs += 1
            return f(x)

        return run

    def step() -> tuple[bytes, ...]:
        nonlocal runs
        runs = 0
        for p in weights:
            for w in p.values():
                w.grad = None
        x = ge.variable(start)
        y = forward([counted(f) for f in plain], x)
        ge.sum(y * y).backward()
        return tuple(g.grad.data.tobytes() for g in (x, *(w for p in weights for w in p.values())))

    gradients = step()
    return Training(gradients, runs, peak(step))


def straight(blocks: Sequence[Block], x: Any) -> Any:
    """No checkpoints."""
    for f in blocks:
        x = f(x)
    return x


def in_parts(length: int) -> Callable[[Sequence[Block], Any], Any]:
    """A checkpoint around every ``length`` blocks. With length = √layers: Chen, Xu, Zhang and Guestrin, 2016."""

    def forward(blocks: Sequence[Block], x: Any) -> Any:
        for part in _cut(blocks, length):
            x = ge.checkpoint(lambda x, part=part: straight(part, x))(x)
        return x

    return forward


def _cut(blocks: Sequence[Block], length: int) -> Iterator[Sequence[Block]]:
    return (blocks[i : i + length] for i in range(0, len(blocks), length))
