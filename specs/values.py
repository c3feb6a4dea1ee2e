"""Values of leaves and cotangents: ordinary, and nasty where gradients go wrong (docs/judge.md 4)."""

from __future__ import annotations

import random
from dataclasses import replace

import numpy as np

from gradproof.oracles.catalogue import Slot, Source
from gradproof.oracles.catalogue.shapes import size as size_of
from gradproof.oracles.domain import REAL, ROOMS
from gradproof.oracles.formats import FORMATS, dtype_named
from gradproof.oracles.graph import Array
from gradproof.specs import matrices

SPECIAL = (
    0.0, -0.0, 1.0, -1.0, 2.0, -2.0, 0.5, -0.5, 3.0, -3.0, 12.0, -12.0, 25.0, -25.0, 40.0, -40.0, 1e-8, -1e-8, 1e-160,
    -1e-160, 1 + 2.0**-30, 1 - 2.0**-40, 1 - 1e-7, 1e-7 - 1, 1e12, -1e7, 2.0**-20, -(2.0**-20),
)  # fmt: skip
SCALE_BITS = {"float64": (520, 10), "float32": (66, 10), "float16": (9, 3), "bfloat16": (66, 10)}
"""The square of 2**bits is out of range; and how many bits the entries spread to either side of that."""
DECADES = {"float64": 8.0, "float32": 8.0, "float16": 2.0, "bfloat16": 8.0}  # of graded cotangents, to either side of 1
NEAR = replace(ROOMS["float64"], gap=2.0**-44)  # what is given and not computed may come closer to the ends of a domain
MILD = (0.0, 1.0, -1.0, 0.5, -0.5, 2.0, -2.0, 3.0, 1e-8)


def draw(source: Source, rnd: random.Random, count: int, mild: bool) -> list[float]:
    """Float64 values of one leaf; the kind comes from the source, the entries from ``rnd``."""
    kind = source.below(10)
    if mild and kind in (4, 5, 6):
        kind = 0
    if kind <= 1:
        return [rnd.gauss(0.0, 1.0) for _ in range(count)]
    if kind in (2, 9):
        return [float(rnd.randint(-2, 2)) for _ in range(count)]
    if kind == 3:
        table = MILD if mild else SPECIAL
        return [rnd.choice(table) for _ in range(count)]
    if kind == 4:
        return [rnd.choice((-1.0, 1.0)) * 10.0 ** rnd.uniform(-6, 2) for _ in range(count)]
    if kind == 5:
        scale = rnd.choice((1000.0, 50.0, 10.0))
        return [rnd.uniform(-scale, scale) for _ in range(count)]
    if kind == 6:
        return [rnd.choice(SPECIAL) if rnd.random() < 0.3 else rnd.gauss(0.0, 3.0) for _ in range(count)]
    if kind == 7:
        return [rnd.choice((rnd.gauss(0.0, 1.0), 0.0, 1.0))] * count
    few = (0.0, rnd.gauss(0.0, 1.0), rnd.gauss(0.0, 1.0))  # ties among ordinary values, and zeros
    drawn = [rnd.choice(few) for _ in range(count)]
    apart = rnd.choice((0.0, 0.0, 2.0**-20, 2.0**-40))
    return drawn if mild else [x * (1 + apart * rnd.randint(0, 2)) for x in drawn]  # now and then what is nearly tied


def leaf(source: Source, rnd: random.Random, slot: Slot, dtype: str, mild: bool) -> Array:
    """Data for an operand, inside its domain by construction."""
    if slot.matrix:
        return matrix(rnd, slot, source).astype(dtype_named(dtype))
    data = np.array(draw(source, rnd, size_of(slot.shape), mild), dtype=np.float64).reshape(slot.shape)
    room, largest = ROOMS[dtype], FORMATS[dtype].largest
    if room.tiny and slot.domain is not REAL:  # powers of what is tiny in float64 leave the range of a smaller format
        data = np.where((data != 0) & (np.abs(data) < room.tiny), room.tiny, data)
    if dtype == "float64" and not mild:
        room = NEAR
    data = slot.domain.into(data, room)
    if slot.scale and not mild:
        bits, spread = SCALE_BITS[dtype]
        limited = np.copysign(np.clip(np.abs(data), 2.0**-spread, 2.0**spread), data)
        data = np.where(data == 0, 0.0, np.ldexp(limited, slot.scale * bits))
    if dtype != "float64":
        data = np.where(np.isinf(data), data, np.clip(data, -largest, largest))
    inside: Array = np.asarray(data, dtype=dtype_named(dtype))
    return inside


def matrix(rnd: random.Random, slot: Slot, source: Source) -> Array:
    """A matrix far from singular: a permutation, graded rows, triangular, or random with a heavy diagonal; or an s.p.d. one; or one
    that is singular because its last row is twice the first, or its second column is."""
    shape = slot.shape
    if slot.matrix in matrices.KINDS:
        return matrices.KINDS[slot.matrix](rnd, shape, source)
    n = shape[-1]
    entries: Array = np.array([rnd.gauss(0.0, 1.0) for _ in range(size_of(shape))]).reshape(shape)
    identity: Array = np.eye(n)
    if slot.matrix == "spd":
        squared: Array = np.matmul(entries, np.swapaxes(entries, -1, -2)) + source.pick((1.0, 0.25, 4.0)) * identity
        return squared
    if slot.matrix == "singular":
        whole: Array = np.rint(entries) + 4.0 * identity
        if n > 2 and source.flag():
            whole[..., :, 1] = 2.0 * whole[..., :, 0]
        else:
            whole[..., -1, :] = 2.0 * whole[..., 0, :] if n > 1 else 0.0
        return whole
    kind = source.below(5)
    if kind == 4:  # triangular: solvers take a short way then
        return (np.tril if source.flag() else np.triu)(0.25 * entries + rnd.choice((1.5, -2.0)) * identity)
    if kind == 0:
        return 0.5 * entries / n + rnd.choice((1.0, -2.0)) * identity
    if kind == 1:
        return np.broadcast_to(identity[rnd.sample(range(n), n)], shape) * 1.0
    if kind == 2:
        return (0.5 * entries / n + identity) * 10.0 ** np.linspace(-1, 1, n)
    return (0.25 * entries / n + identity)[..., rnd.sample(range(n), n), :]


def cotangent(source: Source, rnd: random.Random, shape: tuple[int, ...], dtype: str) -> Array:
    """Random, signed ones, graded over 16 decades (4 in float16), or one-hot; a constant is never the only seed."""
    count = size_of(shape)
    kind = source.below(8)
    if kind <= 2:
        values = [rnd.gauss(0.0, 1.0) for _ in range(count)]
    elif kind == 4:
        values = [rnd.choice((-1.0, 1.0)) for _ in range(count)]
    elif kind in (3, 5):
        decades = DECADES[dtype]
        values = [rnd.choice((-1.0, 1.0)) * 10.0 ** rnd.uniform(-decades, decades) for _ in range(count)]
    elif kind == 6:
        values = [0.0] * count
        if count:
            values[rnd.randrange(count)] = -1.5
    else:
        values = [rnd.gauss(0.0, 1.0) if rnd.random() < 0.6 else 0.0 for _ in range(count)]
    return np.array(values, dtype=dtype_named(dtype)).reshape(shape)

