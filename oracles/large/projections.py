"""Blocked, fresh, signed projections of a gradient, and what they would have caught (docs/judge.md 8).

The entries of a gradient are cut into blocks. On each block a direction d is drawn anew, +-U(1/2, 1), never 0, and
<g, d> is compared with <ct, Df(x) d>. Each round cuts anew: one round puts entries of like size together, the next mixes.

    threshold   tau = K (B + own) + hull + 2u sum |g d|       B bounds <|d|, errors of g>, own that of the reference
    one entry   off by delta, all others as they are: caught for certain if delta |d_i| > tau + |residual|
    any errors  e in a block: missed with probability at most 2 (tau + K own) / max |e_i|, whatever the others are,
                because the density of d_i is at most 1; rounds are independent, so these multiply
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from time import perf_counter

import numpy as np

from gradproof.oracles.graph import Array
from gradproof.oracles.large.linearised import U64, Linearised, Projection, exactly

ROUNDS = 2
TRIES = 4  # fresh directions in which a half of a block may hide what the whole showed


@dataclass(frozen=True, eq=False)
class Block:
    """A block: its entries, the direction there, and for each gradient on trial its residual and threshold."""

    entries: Array
    amounts: Array
    residuals: tuple[float, ...]
    thresholds: tuple[float, ...]
    projection: Projection
    rms: float

    @property
    def decided(self) -> bool:
        """Whether rounding leaves any digit of this projection: the bound is of first order."""
        p = self.projection
        return p.finite and (self.thresholds[0] - p.hull <= p.amount or p.amount == 0)

    @property
    def excess(self) -> float:
        """The largest residual over its threshold: above 1 something is wrong."""
        with np.errstate(all="ignore"):
            ratios = [abs(r) / t if t else (math.inf if r else 0.0) for r, t in zip(self.residuals, self.thresholds, strict=True)]
        return max((math.inf if math.isnan(r) else r for r in ratios), default=0.0)

    @property
    def outside(self) -> bool:
        return self.decided and self.excess > 1


class Sampler:
    """Draws directions and compares: ``gradients`` are flat, of one case, and finite where they are compared."""

    def __init__(self, reference: Linearised, gradients: Sequence[Array], k: float, rng: np.random.Generator) -> None:
        self.reference, self.k, self.rng = reference, k, rng
        self.gradients = [np.asarray(g, dtype=np.float64) for g in gradients]
        self.pushes = 0

    def block(self, entries: Array, amounts: Array | None = None) -> Block:
        """One comparison; the direction is drawn anew unless it is given."""
        if amounts is None:
            signs = self.rng.choice([-1.0, 1.0], len(entries))
            amounts = signs * self.rng.uniform(0.5, 1.0, len(entries))
        projection = self.reference.project(entries, amounts)
        self.pushes += 1
        residuals, thresholds = [], []
        for g in self.gradients:
            with np.errstate(all="ignore"):
                terms = g[entries] * amounts
                size = float(np.sum(np.abs(terms)))
            residuals.append(exactly(terms) - projection.value)
            thresholds.append(self.k * (projection.bound + projection.own) + projection.hull + 2 * U64 * size)
        g = self.gradients[0][entries]
        return Block(entries, amounts, tuple(residuals), tuple(thresholds), projection, _rms(g))

    def coordinate(self, entry: int) -> Block:
        """One entry alone."""
        return self.block(np.array([entry]), np.ones(1))

    def round(self, entries: Array, blocks: int, like: bool) -> list[Block]:
        """Every entry once: in blocks of like size, or mixed."""
        order = self.rng.permutation(entries)
        if like:
            order = order[np.argsort(np.abs(self.gradients[0][order]), kind="stable")]
        return [self.block(part) for part in np.array_split(order, blocks) if len(part)]

    def rounds(self, entries: Array, seconds: float, rounds: int = ROUNDS) -> list[list[Block]]:
        """Rounds over all entries, in as many blocks as the time allows: at least one, sqrt(n) at most."""
        if not len(entries):
            return []
        ceiling = math.isqrt(len(entries) - 1) + 1
        start = perf_counter()
        for _ in range(2):  # what one costs, once everything is warm
            began = perf_counter()
            self.block(self.rng.choice(entries, len(entries) // ceiling + 1))
        cost = max(perf_counter() - began, 1e-6)
        done: list[list[Block]] = []
        for r in range(rounds):
            share = (seconds - (perf_counter() - start)) / (rounds - r)
            began = perf_counter()
            part = self.round(entries, max(1, min(ceiling, int(share / cost))), like=r % 2 == 0)
            cost = max((perf_counter() - began) / len(part), 1e-6)
            done.append(part)
        return done

    def worst(self, block: Block) -> Block:
        """The worst entry of a block that is outside, found by halving; or the smallest block that still is."""
        while len(block.entries) > 1:
            halves = np.array_split(block.entries, 2)
            found = None
            for _ in range(TRIES):
                tried = [b for b in map(self.block, halves) if b.outside]
                if tried:
                    found = max(tried, key=lambda b: b.excess)
                    break
            if found is None:
                return block
            block = found
        alone = self.coordinate(int(block.entries[0]))
        return alone if alone.outside else block


def _rms(x: Array) -> float:
    size = float(np.max(np.abs(x), initial=0.0))
    if not size or not math.isfinite(size):
        return size
    return size * math.sqrt(float(np.mean(np.square(x / size))))


@dataclass(frozen=True)
class Locality:
    """What a run would have caught in ``confidence`` of all entries, relative to the RMS of the gradient in their block.

    ``single``: an error of one entry; ``own``: the same, relative to the entry itself; ``any``: the largest of any number
    of errors, of any pattern. Infinite where that share of entries was not decided.
    """

    single: float
    own: float
    any: float
    confidence: float

    def __str__(self) -> str:
        if not math.isfinite(self.single):
            return f"no error is sure to be caught in {self.confidence:.0%} of the entries"
        return (
            f"a single entry off by {self.single:.1e} of its block's RMS would have been caught with probability "
            f"{self.confidence:.4g}; any set of wrong entries, if one is off by {self.any:.1e}"
        )


def locality(rounds: Sequence[Sequence[Block]], gradient: Array, entries: Array, k: float, confidence: float) -> Locality:
    """From the thresholds and residuals met, the smallest errors that these very directions would have shown."""
    size = len(gradient)
    scale = np.zeros(size)
    single, reach = np.full(size, np.inf), np.full((len(rounds), size), np.inf)
    for r, blocks in enumerate(rounds):
        for b in blocks:
            scale[b.entries] = np.maximum(scale[b.entries], b.rms)
            if b.decided:
                seen = (b.thresholds[0] + abs(b.residuals[0])) / np.abs(b.amounts)
                single[b.entries] = np.minimum(single[b.entries], seen)
                reach[r, b.entries] = 2 * (b.thresholds[0] + k * b.projection.own)
    reach.sort(axis=0)
    some = np.full(size, np.inf)
    with np.errstate(all="ignore"):
        power = np.cumsum(np.log(reach), axis=0)
        for m in range(len(rounds)):
            some = np.fmin(some, np.exp((power[m] - math.log(1 - confidence)) / (m + 1)))
        overall = _rms(gradient[entries]) or 1.0
        scale = np.where(scale > 0, scale, overall)
        sizes = np.abs(gradient)
        parts = (single / scale, np.where(sizes > 0, single / sizes, single / scale), some / scale)
        found = [float(np.quantile(p[entries], confidence, method="higher")) if len(entries) else math.inf for p in parts]
    return Locality(found[0], found[1], found[2], confidence)
