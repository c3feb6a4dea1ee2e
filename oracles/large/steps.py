"""The linear steps that a direction takes through whole arrays, one for each kind of operation.

A direction carries three arrays along, and a fourth at kinks:

    t    the tangent                        t_k = sum_j p_j t_j
    M    what its terms amount to           M_k = sum_j |p_j| M_j,                       from 1 where the direction is not 0
    E    its error, and the engine's        E_k = sum_j (|p_j| + dp_j) E_j + (dp_j + u n |p_j|) M_j
    H    half the width of the hull of the branches of an ambiguous selection

with dp_j the running error of the slope (docs/judge.md 2) and n the number of terms added at that step in either
direction, in any order.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gradproof.oracles.graph import Array


@dataclass
class Pushed:
    """A direction at one value of the graph: tangent, magnitude, error, and the half-width of the hull at kinks."""

    t: Array
    m: Array
    e: Array
    h: Array | None = None

    def through(self, function: Callable[[Array], Array], gamma: float = 0.0) -> Pushed:
        """Through a linear function with coefficients 0 and 1 that adds ``gamma`` of the magnitude to the error."""
        m, e = function(self.m), function(self.e)
        return Pushed(function(self.t), m, e + gamma * m if gamma else e, None if self.h is None else function(self.h))


Operands = Sequence[Pushed | None]


def times(slope: Any, x: Array, wild: bool = False) -> Array:
    """slope * x, where an x that is exactly zero passes no infinite slope."""
    if not wild:
        return np.asarray(slope * x)
    with np.errstate(all="ignore"):
        return np.where(x == 0, 0.0, slope * x)


def _sum(a: Array | None, b: Array | None) -> Array | None:
    return b if a is None else a if b is None else a + b


def added(terms: Sequence[Pushed], shape: tuple[int, ...]) -> Pushed | None:
    """The sum of several contributions to one value."""
    if not terms:
        return None
    whole = terms[0]
    for term in terms[1:]:
        whole = Pushed(whole.t + term.t, whole.m + term.m, whole.e + term.e, _sum(whole.h, term.h))
    if whole.t.shape == shape:
        return whole
    return whole.through(lambda a: np.broadcast_to(a, shape))


@dataclass(frozen=True)
class Linear:
    """Moves and sums: ``function`` on the one operand; ``gamma``: u times the terms added in either direction."""

    function: Callable[[Array], Array]
    gamma: float

    def push(self, operands: Operands) -> Pushed | None:
        (x,) = operands
        return None if x is None else x.through(self.function, self.gamma)


@dataclass(frozen=True)
class Join:
    """Moves of several operands into one result: concatenate, stack, where."""

    function: Callable[..., Array]
    shapes: tuple[tuple[int, ...], ...]
    gamma: float

    def push(self, operands: Operands) -> Pushed | None:
        if all(x is None for x in operands):
            return None
        zeros = [np.zeros(s) for s in self.shapes]

        def joined(part: str) -> Array:
            parts = [None if x is None else getattr(x, part) for x in operands]
            return np.asarray(self.function(*(z if p is None else p for p, z in zip(parts, zeros, strict=True))))

        m = joined("m")
        h = joined("h") if any(x is not None and x.h is not None for x in operands) else None
        return Pushed(joined("t"), m, joined("e") + self.gamma * m, h)


@dataclass(frozen=True)
class Slopes:
    """An elementwise function: for each operand its slope p, |p|, r = |p| + dp, and w = dp + u n |p| + eta."""

    slopes: tuple[tuple[Any, Any, Any, Any], ...]
    shape: tuple[int, ...]
    wild: bool

    def push(self, operands: Operands) -> Pushed | None:
        terms = []
        for x, (p, size, r, w) in zip(operands, self.slopes, strict=True):
            if x is None:
                continue
            e = times(r, x.e, self.wild) + times(w, x.m, self.wild)
            h = None if x.h is None else times(size, x.h, self.wild)
            terms.append(Pushed(times(p, x.t, self.wild), times(size, x.m, self.wild), e, h))
        return added(terms, self.shape)


@dataclass(frozen=True)
class Multilinear:
    """A contraction: matmul, einsum, tensordot. ``gammas``: for each operand, u times the terms added either way.

    ``sizes`` are |values|, ``errors`` the running errors (None where they are all 0), ``loose`` their sums.
    """

    function: Callable[..., Array]
    values: tuple[Array, ...]
    sizes: tuple[Array, ...]
    errors: tuple[Array | None, ...]
    loose: tuple[Array, ...]
    gammas: tuple[float, ...]
    shape: tuple[int, ...]

    def push(self, operands: Operands) -> Pushed | None:
        terms = []
        for k, x in enumerate(operands):
            if x is None:
                continue

            def at(part: Array, others: Sequence[Array], k: int = k) -> Array:
                return self.function(*others[:k], part, *others[k + 1 :])

            m = at(x.m, self.sizes)
            e = self.gammas[k] * m
            for j, d in enumerate(self.errors):
                if j != k and d is not None:
                    e = e + at(x.m, [*self.loose[:j], d, *self.loose[j + 1 :]])
            if x.e.any():
                e = e + at(x.e, self.loose)
            terms.append(Pushed(at(x.t, self.values), m, e, None if x.h is None else at(x.h, self.sizes)))
        return added(terms, self.shape)


@dataclass(frozen=True)
class Select:
    """``a`` where ``mask``, else ``b``; at ``ties`` (flat positions) the hull of both."""

    mask: Array
    ties: Array
    shape: tuple[int, ...]
    gammas: tuple[float, float]

    def push(self, operands: Operands) -> Pushed | None:
        if all(x is None for x in operands):
            return None
        a, b = (Pushed(*(np.zeros(()) for _ in "tme")) if x is None else x for x in operands)

        def chosen(part: str) -> Array:
            return np.asarray(np.where(self.mask, getattr(a, part), getattr(b, part)))

        t, m, e = (np.broadcast_to(chosen(p), self.shape) for p in "tme")
        e = e + np.where(self.mask, *self.gammas) * m
        h = None
        if a.h is not None or b.h is not None:
            h = np.broadcast_to(np.where(self.mask, *(np.zeros(()) if x.h is None else x.h for x in (a, b))), self.shape)
        if len(self.ties):
            ends = [_ends(x, self.shape, self.ties) for x in (a, b)]
            t, m, e, h = _hull(t, m, e, h, self.ties, ends)
        return Pushed(t, m, e, h)


@dataclass(frozen=True)
class Pick:
    """The largest (or smallest) along the last axis: entry ``index`` of each row; in ``rows``, ``candidates`` tie."""

    index: Array
    rows: Array
    candidates: Array

    def push(self, operands: Operands) -> Pushed | None:
        (x,) = operands
        if x is None:
            return None
        result = x.through(lambda a: np.take_along_axis(a, self.index[..., None], axis=-1)[..., 0])
        if not len(self.rows):
            return result
        width = x.t.shape[-1]
        t, m, e = (np.reshape(a, (-1, width))[self.rows] for a in (x.t, x.m, x.e))
        h = np.zeros_like(t) if x.h is None else np.reshape(x.h, (-1, width))[self.rows]
        low = np.where(self.candidates, t - h, np.inf).min(axis=-1)
        high = np.where(self.candidates, t + h, -np.inf).max(axis=-1)
        return _placed(result, self.rows, low, high, *(np.max(a * self.candidates, axis=-1) for a in (m, e)))


@dataclass(frozen=True)
class Origin:
    """A length along the last axis of its second operand; in rows ``at`` it is 0, and every slope in [-1, 1] is possible."""

    at: Array

    def push(self, operands: Operands) -> Pushed | None:
        length, x = operands
        if length is None or x is None:
            return length
        width = x.t.shape[-1]
        rows = [np.reshape(a, (-1, width))[self.at] for a in (x.t, x.m, x.e)]
        reach = np.abs(rows[0]).sum(axis=-1)
        if x.h is not None:
            reach = reach + np.reshape(x.h, (-1, width))[self.at].sum(axis=-1)
        return _placed(length, self.at, -reach, reach, *(a.sum(axis=-1) for a in rows[1:]))


def _ends(x: Pushed, shape: tuple[int, ...], at: Array) -> tuple[Array, Array, Array, Array]:
    """The lowest and highest tangent, the magnitude and the error at some flat positions."""
    t, m, e = (np.broadcast_to(a, shape).reshape(-1)[at] for a in (x.t, x.m, x.e))
    h = np.zeros_like(t) if x.h is None else np.broadcast_to(x.h, shape).reshape(-1)[at]
    return t - h, t + h, m, e


def _hull(t: Array, m: Array, e: Array, h: Array | None, at: Array, ends: Any) -> tuple[Array, Array, Array, Array]:
    (low_a, high_a, m_a, e_a), (low_b, high_b, m_b, e_b) = ends
    low, high = np.minimum(low_a, low_b), np.maximum(high_a, high_b)
    placed = _placed(Pushed(t, m, e, h), at, low, high, np.maximum(m_a, m_b), np.maximum(e_a, e_b))
    assert placed.h is not None
    return placed.t, placed.m, placed.e, placed.h


def _placed(x: Pushed, at: Array, low: Array, high: Array, m: Array, e: Array) -> Pushed:
    """The hull of what may flow at some flat positions, put there."""
    t, size, error = (np.array(a) for a in (x.t, x.m, x.e))
    h = np.zeros(t.shape) if x.h is None else np.array(x.h)
    with np.errstate(all="ignore"):
        t.reshape(-1)[at], h.reshape(-1)[at] = (low + high) / 2, (high - low) / 2
    size.reshape(-1)[at], error.reshape(-1)[at] = m, e
    return Pushed(t, size, error, h)


Step = Linear | Join | Slopes | Multilinear | Select | Pick | Origin
