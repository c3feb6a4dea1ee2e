"""Matrices of a kind: symmetric with distinct eigenvalues, of full rank with distinct singular values, triangular."""

from __future__ import annotations

import random

import numpy as np

from gradproof.oracles.catalogue import Source
from gradproof.oracles.catalogue.shapes import size as size_of
from gradproof.oracles.graph import Array

CLOSE = 2.0**-6  # the least gap between two eigenvalues or singular values
SMALL = 2.0**-11  # the least singular value over the others, at times


def entries(rnd: random.Random, shape: tuple[int, ...]) -> Array:
    """Normal entries."""
    return np.array([rnd.gauss(0.0, 1.0) for _ in range(size_of(shape))], dtype=float).reshape(shape)


def spectrum(rnd: random.Random, count: int, kind: int) -> Array:
    """Positive numbers, rising, that differ: evenly spaced more or less, two of them close, over two decades, or the least one small."""
    found: Array = np.cumsum([rnd.uniform(0.5, 1.5) for _ in range(count)])
    if kind == 1 and count > 1:
        found[-1] = found[-2] + CLOSE
    if kind == 2:
        found = found * 10.0 ** np.linspace(-1, 1, count)
    if kind == 4 and count > 1:
        found[0] *= SMALL
    return found


def turn(rnd: random.Random, batch: tuple[int, ...], n: int, plain: bool) -> Array:
    """A stack of orthogonal n x n matrices; ``plain``: the same permutation in each."""
    if plain:
        return np.broadcast_to(np.eye(n)[rnd.sample(range(n), n)], (*batch, n, n))
    return np.linalg.qr(entries(rnd, (*batch, n, n)))[0]


def symmetric(rnd: random.Random, shape: tuple[int, ...], source: Source) -> Array:
    """Eigenvalues of either sign, with vectors at random or along the axes."""
    kind = source.below(4)
    values = spectrum(rnd, shape[-1], kind) * (rnd.choice((1.0, -1.0)) if kind == 3 else 1.0)
    values = values - (np.mean(values) if kind == 0 else 0.0)
    q = turn(rnd, shape[:-2], shape[-1], source.flag(5))
    found: Array = np.matmul(q * values, np.swapaxes(q, -1, -2))
    return (found + np.swapaxes(found, -1, -2)) / 2


def full(rnd: random.Random, shape: tuple[int, ...], source: Source, kinds: int = 5) -> Array:
    """Of full rank, of any shape, with distinct singular values; vectors at random or along the axes."""
    batch, (m, n) = shape[:-2], shape[-2:]
    values = spectrum(rnd, min(m, n), source.below(kinds))
    plain = source.flag(5)
    left, right = turn(rnd, batch, m, plain), turn(rnd, batch, n, plain)
    count = min(m, n)
    found: Array = np.matmul(left[..., :, :count] * values, right[..., :count, :])
    return found


def sound(rnd: random.Random, shape: tuple[int, ...], source: Source) -> Array:
    """As ``full``, with no small singular value."""
    return full(rnd, shape, source, kinds=4)


def leading(rnd: random.Random, shape: tuple[int, ...], source: Source) -> Array:
    """Of full rank, and so is the square of its first columns."""
    *batch, m, n = shape
    if m >= n:
        return sound(rnd, shape, source)
    return np.concatenate([sound(rnd, (*batch, m, m), source), entries(rnd, (*batch, m, n - m))], axis=-1)


def triangular(rnd: random.Random, shape: tuple[int, ...], source: Source) -> Array:
    """A heavy diagonal with entries on both sides of it, one of which an op is not to read; now and then graded."""
    n = shape[-1]
    scale = 10.0 ** np.linspace(-1, 1, n)[:, None] if source.flag(4) else 1.0
    return (0.5 * entries(rnd, shape) + rnd.choice((1.5, -2.0)) * np.eye(n)) * scale


KINDS = {"symmetric": symmetric, "full": full, "sound": sound, "leading": leading, "triangular": triangular}
