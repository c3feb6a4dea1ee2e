"""Many points at once: whole Jacobians, or one direction each, against central differences, on an engine that has vmap.

It is the quick look at many inputs of one small graph in float64; the judge (``oracles.judge``) looks closely at one. What the
engine does for one example it does here for all examples of a chunk: one pullback of a basis of cotangents, and one
evaluation at all displaced inputs. A chunk is so small that its arrays stay in the processor's cache.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gradproof.oracles.engine import Engine
from gradproof.oracles.errors import Unsupported
from gradproof.oracles.graph import Array, Graph
from gradproof.oracles.trial import function

CHUNK_ENTRIES = 1 << 15  # of the largest array of a chunk: 256 KiB
STEP = 2.0**-10  # times 1 or the input, whichever is larger: what is left out is of its fourth power
ROUNDING = 64 * 2.0**-53  # of the largest value at a point, in each of its values


@dataclass(frozen=True, eq=False)
class Looked:
    """What the engine gives, what differences give, and how far these may be off; the first axis is the point.

    Where f is smooth within a step, what lies further apart is wrong. At a kink, differences say nothing.
    """

    got: Array
    differences: Array
    error: Array

    @property
    def outside(self) -> Array:
        """Where the engine's number is not within the error; a NaN never is."""
        with np.errstate(invalid="ignore"):
            return np.asarray(~(np.abs(self.got - self.differences) <= self.error), dtype=bool)


def jacobians(engine: Engine, graph: Graph, points: Sequence[Array]) -> Looked:
    """The Jacobians of the outputs by the primals, entries of each laid end to end: (points, outputs, inputs).

    ``points`` has an array a primal, with a first axis of points.

    Raises: Unsupported if the engine has no vmap.
    """
    batched = _Batched(engine, graph, points)
    inputs, outputs = np.eye(batched.inputs), np.eye(batched.outputs)

    def look(x: Array) -> Looked:
        got = batched.pulled(np.repeat(x, batched.outputs, axis=0), np.tile(outputs, (len(x), 1)))
        differences, error = batched.differences(x, np.broadcast_to(inputs, (len(x), *inputs.shape)))
        return Looked(got.reshape(len(x), batched.outputs, batched.inputs), differences, error)

    return _chunked(look, batched.inputs * max(batched.outputs, 4 * batched.inputs), batched.flat(points))


def directional(
    engine: Engine, graph: Graph, points: Sequence[Array], cotangents: Sequence[Array], directions: Sequence[Array]
) -> Looked:
    """<pulled back cotangent, direction> at every point: (points,). ``cotangents`` has an array an output, ``directions`` one a primal.

    Raises: Unsupported if the engine has no vmap.
    """
    batched = _Batched(engine, graph, points)

    def look(x: Array, ct: Array, v: Array) -> Looked:
        differences, error = batched.differences(x, v[:, None, :])
        got = np.einsum("bi,bi->b", batched.pulled(x, ct), v)
        return Looked(got, np.einsum("bo,bo->b", ct, differences[..., 0]), np.einsum("bo,bo->b", np.abs(ct), error[..., 0]))

    return _chunked(look, 4 * batched.inputs, batched.flat(points), batched.flat(cotangents), batched.flat(directions))


def _chunked(look: Callable[..., Looked], entries: int, *arrays: Array) -> Looked:
    """``look`` at chunks along the first axis, where one point takes so many entries."""
    size = max(1, CHUNK_ENTRIES // max(entries, 1))
    parts = [look(*(a[i : i + size] for a in arrays)) for i in range(0, max(len(arrays[0]), 1), size)]
    return Looked(*(np.concatenate([getattr(part, name) for part in parts]) for name in ("got", "differences", "error")))


class _Batched:
    """A graph on an engine, over a first axis of points, with the entries of all inputs and of all outputs in one row."""

    def __init__(self, engine: Engine, graph: Graph, points: Sequence[Array]) -> None:
        if not hasattr(engine, "vmap"):
            raise Unsupported(f"{engine.name} has no vmap. Judge its cases one at a time.")
        self.engine = engine
        self.mapped: Callable[..., tuple[Any, ...]] = engine.vmap(function(engine, graph))
        self.shapes = [p.shape[1:] for p in points]
        self.inputs = self.outputs = 0
        self.inputs = self.flat(points).shape[1]
        self.outputs = self.values(self.flat([p[:1] for p in points])).shape[1]

    @staticmethod
    def flat(arrays: Sequence[Array]) -> Array:
        """(points, entries of all arrays)."""
        rows = [np.reshape(a, (len(a), int(np.prod(np.shape(a)[1:], dtype=int)))) for a in arrays]
        return np.concatenate(rows, axis=1) if len(rows) > 1 else rows[0]

    def given(self, x: Array) -> list[Any]:
        """The engine's own arrays, one a primal."""
        ends = np.cumsum([0, *(int(np.prod(s, dtype=int)) for s in self.shapes)]).tolist()
        parts = [x[:, i:j].reshape(len(x), *shape) for i, j, shape in zip(ends[:-1], ends[1:], self.shapes, strict=True)]
        return [self.engine.from_numpy(np.ascontiguousarray(part)) for part in parts]

    def values(self, x: Array) -> Array:
        """All outputs."""
        return self.flat([self.engine.to_numpy(y) for y in self.mapped(*self.given(x))])

    def pulled(self, x: Array, ct: Array) -> Array:
        """The gradients for a cotangent at each point."""
        outputs, pullback = self.engine.vjp(self.mapped, self.given(x))
        seeds, start = [], 0
        for y in map(self.engine.to_numpy, outputs):
            stop = start + y[0].size
            seeds.append(self.engine.from_numpy(np.ascontiguousarray(ct[:, start:stop].reshape(y.shape))))
            start = stop
        return self.flat([self.engine.to_numpy(g) for g in pullback(tuple(seeds))])

    def differences(self, x: Array, along: Array) -> tuple[Array, Array]:
        """Derivatives of the outputs along directions (points, directions, inputs), and how far they may be off.

        Two steps, extrapolated; what these two differ by is more than what is then left.
        """
        points, count, inputs = along.shape
        step = STEP * np.maximum(1.0, np.abs(x)).max(axis=1)[:, None, None]
        moves = step * along
        places = x[:, None, None, :] + np.stack([moves, -moves, moves / 2, -moves / 2], axis=1)
        y = self.values(places.reshape(-1, inputs)).reshape(points, 4, count, self.outputs)
        coarse, fine = (y[:, 0] - y[:, 1]) / (2 * step), (y[:, 2] - y[:, 3]) / step
        noise = ROUNDING * np.abs(y).max(axis=(1, 2, 3), initial=1e-300)[:, None, None] / step
        return np.swapaxes((4 * fine - coarse) / 3, 1, 2), np.swapaxes(np.abs(fine - coarse) + noise, 1, 2)
