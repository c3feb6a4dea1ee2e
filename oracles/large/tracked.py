"""Arrays that linearise what is done to them: values with their running error, and a place in a ``Pushforward``.

Structure (reshape, take, matmul, einsum, …) is NumPy's own code on the values, and again on the tangents; slopes come
from the scalar table, on whole arrays. NumPy's calls are looked up in ``UFUNCS`` and ``FUNCTIONS``, which
``oracles/large/arrays.py`` fills; any other is refused, so that none drops a tangent.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from gradproof.oracles.bound import EDGE_FACTOR, loss, saturates
from gradproof.oracles.errors import GradproofError
from gradproof.oracles.graph import Array
from gradproof.oracles.large.lanes import edges, on_arrays
from gradproof.oracles.large.pushforward import Pushforward
from gradproof.oracles.large.steps import Linear, Multilinear, Slopes
from gradproof.oracles.scalar import BINARY, UNARY

Function = Callable[..., Any]
UFUNCS: dict[Any, Function] = {}
FUNCTIONS: dict[Any, Function] = {}
PERMUTATIONS = {
    np.reshape, np.transpose, np.swapaxes, np.expand_dims, np.squeeze, np.flip, np.roll, np.ravel, np.moveaxis, np.diagonal,
}  # fmt: skip
READS = {np.broadcast_to, np.tile, np.repeat, np.take, np.take_along_axis, np.lib.stride_tricks.sliding_window_view}


class NotLinearised(GradproofError, TypeError):
    """An op whose meaning is not followed on whole arrays."""


class Tracked:
    """A float64 array on a ``Pushforward``: values, running error, and whether they are exact (inputs, moved or not)."""

    __slots__ = ("error", "exact", "flow", "position", "value")

    def __init__(self, flow: Pushforward, value: Array, error: Array, exact: bool, position: int = -1) -> None:
        self.flow, self.value, self.error, self.exact, self.position = flow, value, error, exact, position

    shape = property(lambda self: self.value.shape)
    ndim = property(lambda self: self.value.ndim)
    size = property(lambda self: self.value.size)
    dtype = property(lambda self: self.value.dtype)

    def __add__(self, other: Any) -> Any:
        return add(self, other)

    def __radd__(self, other: Any) -> Any:
        return add(other, self)

    def __sub__(self, other: Any) -> Any:
        return subtract(self, other)

    def __rsub__(self, other: Any) -> Any:
        return subtract(other, self)

    def __mul__(self, other: Any) -> Any:
        return multiply(self, other)

    def __rmul__(self, other: Any) -> Any:
        return multiply(other, self)

    def __truediv__(self, other: Any) -> Any:
        return binary("divide", self, other)

    def __rtruediv__(self, other: Any) -> Any:
        return binary("divide", other, self)

    def __neg__(self) -> Any:
        return elementwise([self], -self.value, [-1.0], [0.0], self.error, self.exact)

    def __getitem__(self, key: Any) -> Any:
        return moved(lambda a: a[key], self)

    def __bool__(self) -> bool:
        raise NotLinearised("the truth of an array that is differentiated is not followed; select with np.where(...)")

    def reshape(self, shape: Any) -> Any:
        return np.reshape(self, shape)  # type: ignore[call-overload]

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        if method == "reduce" and ufunc is np.add:
            return np.sum(inputs[0], axis=kwargs.get("axis", 0), keepdims=kwargs.get("keepdims", False))
        if method == "__call__" and ufunc in UFUNCS:
            return UFUNCS[ufunc](*inputs)
        raise NotLinearised(f"np.{ufunc.__name__} ({method}) is not followed on whole arrays")

    def __array_function__(self, func: Any, types: Any, args: Any, kwargs: Any) -> Any:
        if func in PERMUTATIONS:
            return moved(lambda a: func(a, *args[1:], **kwargs), args[0], fan=1)
        if func in READS:
            return moved(lambda a: func(a, *args[1:], **kwargs), args[0])
        if func in FUNCTIONS:
            return FUNCTIONS[func](*args, **kwargs)
        raise NotLinearised(f"np.{func.__name__} is not followed on whole arrays")


def lift(flow: Pushforward, x: Any) -> Tracked:
    """``x`` as an array of the flow; a plain number or array is a constant, rounded if the format does not hold it."""
    if isinstance(x, Tracked):
        return x
    value, u = np.asarray(x, dtype=np.float64), flow.unit.u
    held = np.frexp(np.abs(value))[0] / u % 1 == 0
    return Tracked(flow, value, np.where(held, 0.0, u * np.abs(value)), exact=True)


def _flow(operands: Sequence[Any]) -> Pushforward:
    return next(x.flow for x in operands if isinstance(x, Tracked))


def lifted(operands: Sequence[Any]) -> list[Tracked]:
    flow = _flow(operands)
    return [lift(flow, x) for x in operands]


def result(flow: Pushforward, value: Array, error: Array, exact: bool, step: Any, operands: Sequence[Tracked]) -> Tracked:
    """A result; the step is recorded if a tangent can reach it."""
    positions = tuple(x.position for x in operands)
    error = np.where(np.isnan(error), np.inf, error)
    position = flow.record(step, positions) if any(p >= 0 for p in positions) else -1
    return Tracked(flow, np.asarray(value), error, exact, position)


def moved(function: Function, x: Tracked, fan: int = 0) -> Tracked:
    """Entries of ``x`` in other places; ``fan`` is how often an entry is read at most, counted if not given."""
    if not fan:
        places = function(np.arange(x.value.size).reshape(x.value.shape))
        fan = int(np.max(np.bincount(np.ravel(places)), initial=1))
    gamma = (fan - 1) * x.flow.unit.u
    return result(x.flow, function(x.value), function(x.error), x.exact, Linear(function, gamma), [x])


def summed(x: Tracked, function: Function, forward: float, reverse: float = 1) -> Tracked:
    """Sums of entries, in any order: how many terms each result has, and how many results each entry goes into."""
    x.flow.work += x.value.size
    steps = max(0.0, forward - 1) * x.flow.unit.u
    error = function(x.error) + steps * function(np.abs(x.value))
    step = Linear(function, steps + (reverse - 1) * x.flow.unit.u)
    return result(x.flow, function(x.value), error, exact=False, step=step, operands=[x])


def elementwise(
    operands: Sequence[Tracked], value: Array, slopes: Sequence[Any], losses: Sequence[Any], error: Array, exact: bool = False
) -> Tracked:
    """An elementwise function with its slopes, the running errors of these, and the running error of the value."""
    flow, value = operands[0].flow, np.asarray(value)
    u, eta = flow.unit.u, flow.unit.eta
    flow.work += value.size
    parts, wild = [], False
    for x, p, dp in zip(operands, slopes, losses, strict=True):
        if x.position < 0:
            parts.append((0.0, 0.0, 0.0, 0.0))
            continue
        fan = value.size / max(1, x.value.size)
        size = np.abs(p)
        dp = np.where(np.isnan(dp), np.inf, dp)
        parts.append((p, size, size + dp, dp + flow.factor * fan * u * size + eta))
        wild = wild or not bool(np.isfinite(size + dp).all())
    return result(flow, value, error, exact, Slopes(tuple(parts), value.shape, wild), operands)


def add(x: Any, y: Any) -> Tracked:
    a, b = lifted([x, y])
    value = a.value + b.value
    error = a.error + b.error + a.flow.factor * a.flow.unit.u * np.abs(value)
    return elementwise([a, b], value, [1.0, 1.0], [0.0, 0.0], error)


def subtract(x: Any, y: Any) -> Tracked:
    a, b = lifted([x, y])
    value = a.value - b.value
    error = a.error + b.error + a.flow.factor * a.flow.unit.u * np.abs(value)
    return elementwise([a, b], value, [1.0, -1.0], [0.0, 0.0], error)


def multiply(x: Any, y: Any) -> Tracked:
    a, b = lifted([x, y])
    value, unit = a.value * b.value, a.flow.unit
    error = np.abs(a.value) * b.error + np.abs(b.value) * a.error + a.error * b.error
    error = error + a.flow.factor * unit.u * np.abs(value) + unit.eta
    losses = [x.error + unit.u * np.abs(x.value) for x in (b, a)]
    return elementwise([a, b], value, [b.value, a.value], losses, error)


def unary(name: str, x: Any) -> Tracked:
    """The scalar function ``name`` of the table at every entry."""
    row, u = UNARY[name], x.flow.unit.u

    def rows(F: Any, v: Any) -> Any:
        y = row.value(F, v)
        p = row.slope(F, v, y)
        return y, p, row.second(F, v, y, p)

    y, p, q = on_arrays(rows, x.value)
    size = np.abs(p)
    lossy = 2 * u if x.flow.lossy and saturates(row, x.flow.spelled) else 0.0
    loss = _passed(q, x.error + u * np.abs(x.value)) + row.c_slope * x.flow.factor * u * size + _lost(row, x)
    error = _passed(p, x.error) + row.c * x.flow.factor * u * np.abs(y) + x.flow.unit.eta + lossy
    if name == "square":
        error = error + x.error * x.error
    if row.edge is not None and not x.exact:
        near = edges(row.edge, x.value)[0] <= EDGE_FACTOR * x.error
        loss, error = np.where(near, np.inf, loss), np.where(near, np.inf, error)
    return elementwise([x], y, [p], [loss], error)


def binary(name: str, x: Any, y: Any) -> Tracked:
    """The scalar function ``name`` of the table of two arrays that broadcast."""
    row = BINARY[name]
    a, b = lifted([x, y])
    u = a.flow.unit.u

    def rows(F: Any, v: Any, w: Any) -> Any:
        z = row.value(F, v, w)
        return (z, *row.slopes(F, v, w, z), *row.seconds(F, v, w, z))

    z, pa, pb, qaa, qab, qbb = on_arrays(rows, a.value, b.value)
    steps = [x.error + u * np.abs(x.value) for x in (a, b)]
    losses = [
        _passed(qs[0], steps[0]) + _passed(qs[1], steps[1]) + row.c_slope * a.flow.factor * u * np.abs(p) + _lost(row, x)
        for x, p, qs in ((a, pa, (qaa, qab)), (b, pb, (qab, qbb)))
    ]
    error = _passed(pa, a.error) + _passed(pb, b.error) + row.c * a.flow.factor * u * np.abs(z) + a.flow.unit.eta
    if row.edge is not None and not (a.exact and b.exact):
        near = np.zeros(z.shape, dtype=bool)
        for operand, edge in zip((a, b), edges(row.edge, a.value, b.value), strict=True):
            near |= ~np.asarray(operand.exact) & (edge <= EDGE_FACTOR * operand.error)
        losses = [np.where(near, np.inf, loss) for loss in losses]
        error = np.where(near, np.inf, error)
    return elementwise([a, b], z, [pa, pb], losses, error)


def _lost(row: Any, x: Tracked) -> Any:
    """What a lossy bound adds to the slopes of a row at its argument ``x``."""
    if not x.flow.lossy:
        return 0.0
    return loss(row, np.abs(x.value), x.flow.spelled, x.flow.unit.u)


def _passed(slope: Array, step: Array) -> Array:
    """|slope| * step, where a step that is exactly zero passes no infinite slope."""
    size = np.abs(slope)
    with np.errstate(all="ignore"):
        return size * step if np.isfinite(size).all() else np.where(step == 0, 0.0, size * step)


def contracted(function: Function, operands: Sequence[Any], terms: int) -> Tracked:
    """A function linear in each operand; ``terms`` is how many products it adds up in all."""
    given = lifted(operands)
    flow, u = given[0].flow, given[0].flow.unit.u
    value = np.asarray(function(*(x.value for x in given)))
    sizes = [np.abs(x.value) for x in given]
    ones = terms / max(1, value.size)
    size = np.asarray(function(*sizes))
    error = (ones + len(given) - 1) * u * size + flow.unit.eta
    for k, x in enumerate(given):
        if x.error.any():
            error = error + function(*sizes[:k], x.error, *(s + y.error for s, y in zip(sizes[k + 1 :], given[k + 1 :], strict=True)))
    flow.work += 2 * terms
    gammas = tuple((ones + terms / max(1, x.value.size) + 2 * len(given)) * u for x in given)
    errors = tuple(x.error if x.error.any() else None for x in given)
    loose = tuple(s if d is None else s + d for s, d in zip(sizes, errors, strict=True))
    step = Multilinear(function, tuple(x.value for x in given), tuple(sizes), errors, loose, gammas, value.shape)
    return result(flow, value, error, False, step, given)
