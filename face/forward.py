"""Forward mode on trial: the gradient put together from tangents, one for each entry, so that the same judges can look at it."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from gradproof.frameworks import Framework
from gradproof.oracles.engine import Engine
from gradproof.oracles.errors import GradproofError
from gradproof.oracles.formats import FORMATS
from gradproof.oracles.graph import Array

ENTRIES_MAX = 256  # each entry of the inputs costs a run of f
ROUNDINGS = 4096.0
Jvp = Callable[[Callable[..., Any], Sequence[Any], Sequence[Any]], tuple[Sequence[Any], Sequence[Any]]]


class Forward:
    """An engine whose pullback is made of its tangents: entry i of the gradient is <ct, df(e_i)>."""

    def __init__(self, engine: Engine, jvp: Jvp) -> None:
        self.engine, self.jvp = engine, jvp
        self.name, self.lineage, self.namespace = engine.name, engine.lineage, engine.namespace
        self.capabilities = getattr(engine, "capabilities", None)
        self.from_numpy, self.to_numpy = engine.from_numpy, engine.to_numpy

    def tangents(self, fn: Callable[..., Any], primals: Sequence[Any], directions: Sequence[Array]) -> tuple[Sequence[Any], list[Array]]:
        """The outputs, and their tangents along the directions as float64."""
        outputs, along = self.jvp(fn, primals, [self.from_numpy(d) for d in directions])
        return outputs, [np.asarray(self.to_numpy(t), float) for t in along]

    def vjp(self, fn: Callable[..., Any], primals: Sequence[Any]) -> tuple[tuple[Any, ...], Callable[..., Sequence[Any]]]:
        like = [np.asarray(self.to_numpy(p)) for p in primals]
        still = [np.zeros_like(x) for x in like]
        outputs, _ = self.tangents(fn, primals, still)
        columns: list[list[list[Array]]] = []

        def pullback(cotangents: tuple[Any, ...]) -> list[Any]:
            if not columns:
                columns.extend([self.tangents(fn, primals, _one(still, i, j))[1] for j in range(x.size)] for i, x in enumerate(like))
            cts = [np.asarray(self.to_numpy(c), float) for c in cotangents]
            found = [[sum(float((c * t).sum()) for c, t in zip(cts, column, strict=True)) for column in of] for of in columns]
            return [self.from_numpy(np.asarray(g, float).reshape(x.shape).astype(x.dtype)) for g, x in zip(found, like, strict=True)]

        return tuple(outputs), pullback


def _one(still: Sequence[Array], i: int, j: int) -> list[Array]:
    """Zeros, but for a one at entry j of array i."""
    out = [np.array(x) for x in still]
    out[i].reshape(-1)[j] = 1
    return out


def forwarded(own: Framework, entries: int) -> Framework:
    """The framework in forward mode.

    Raises: GradproofError if it has none, or the inputs have more entries than are looked at one by one.
    """
    jvp: Jvp | None = own.jvp()
    if jvp is None:
        raise GradproofError(f"engine {own.engine.name!r} has no jvp here; expected modes=(\"reverse\",).")
    if entries > ENTRIES_MAX:
        raise GradproofError(f"forward mode is judged for inputs of up to {ENTRIES_MAX} entries; got {entries}. Choose smaller ones.")
    changed = copy.copy(own)
    changed.engine = Forward(own.engine, jvp)
    changed.forward = True
    return changed


def not_linear(engine: Any, fn: Callable[..., Any], primals: Sequence[Array]) -> str:
    """What is broken if the tangent along a sum of directions is not the sum of their tangents; "" if nothing is."""
    rng = np.random.default_rng(0)
    one, two = ([np.asarray(rng.standard_normal(x.shape), x.dtype) for x in primals] for _ in range(2))
    both = [np.asarray(a - 2 * b, a.dtype) for a, b in zip(one, two, strict=True)]

    def along(directions: Sequence[Array]) -> list[Array]:
        return engine.tangents(fn, [engine.from_numpy(np.array(x)) for x in primals], directions)[1]  # type: ignore[no-any-return]

    u = max(FORMATS[x.dtype.name].u for x in primals)
    for i, (a, b, c) in enumerate(zip(along(one), along(two), along(both), strict=True)):
        size = float(np.max(np.abs(a) + 2 * np.abs(b), initial=0.0))
        off = np.abs(a - 2 * b - c)
        if off.size and np.isfinite(size) and not float(off.max()) <= ROUNDINGS * u * size:
            return f"not linear in the tangent: df(v - 2 w) is not df(v) - 2 df(w) in output {i}, by {float(off.max()):.3g}"
    return ""
