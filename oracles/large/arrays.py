"""The namespace ``ARRAYS`` that ops mean things over on tracked arrays, and what NumPy's own functions do there.

It is the third namespace beside ``NUMPY`` and ``SCALARS``, and holds no derivative of its own: contractions are linear in each
operand, selections pass what they select, and everything else is a slope of the scalar table.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from gradproof.oracles.bound import TIE_FACTOR
from gradproof.oracles.large.steps import Join, Linear, Origin, Pick, Select
from gradproof.oracles.large.tracked import (
    FUNCTIONS,
    UFUNCS,
    Function,
    NotLinearised,
    Tracked,
    add,
    binary,
    contracted,
    lift,
    lifted,
    multiply,
    result,
    subtract,
    summed,
    unary,
)
from gradproof.oracles.meaning import Axis, Structure, _collapsed
from gradproof.oracles.meaning_special import STEPS
from gradproof.oracles.scalar import BINARY, UNARY


def total(x: Tracked, axis: Axis = None, keepdims: bool = False) -> Tracked:
    """Sums over axes."""
    axes = range(x.ndim) if axis is None else (axis,) if isinstance(axis, int) else axis
    terms = int(np.prod([x.shape[a] for a in axes], dtype=int))
    return summed(x, lambda a: np.asarray(np.sum(a, axis=axis, keepdims=keepdims)), terms)


def _cumsum(x: Tracked, axis: int | None = None) -> Tracked:
    n = x.size if axis is None else x.shape[axis]
    return summed(x, lambda a: np.cumsum(a, axis=axis), n, n)


def _matmul(x: Any, y: Any) -> Tracked:
    n = np.shape(x)[-1]
    shape = np.broadcast_shapes(np.shape(x)[:-2], np.shape(y)[:-2]) if min(np.ndim(x), np.ndim(y)) > 1 else ()
    rows = np.shape(x)[-2] if np.ndim(x) > 1 else 1
    columns = np.shape(y)[-1] if np.ndim(y) > 1 else 1
    batch = int(np.prod(shape or np.shape(x)[:-2] or np.shape(y)[:-2], dtype=int))
    return contracted(np.matmul, [x, y], batch * rows * n * columns)


def _einsum(subscripts: str, *operands: Any, **_: Any) -> Tracked:
    """Through BLAS where it can be. The terms are counted by the shape of the product without any sum."""
    ins = subscripts.partition("->")[0]
    lengths: dict[str, int] = {}
    extra = 1
    for letters, x in zip(ins.split(","), operands, strict=True):
        shape = np.shape(x)
        named = [c for c in letters if c.isalpha()]
        if "..." in letters:
            front = letters.index("...")
            dots = len(shape) - len(named)
            extra = max(extra, int(np.prod(shape[front : front + dots], dtype=int)))
            shape = shape[:front] + shape[front + dots :]
        for letter, n in zip(named, shape, strict=True):
            lengths[letter] = max(n, lengths.get(letter, 1)) if n else 0
    count = extra * int(np.prod(list(lengths.values()), dtype=int))
    return contracted(lambda *a: np.einsum(subscripts, *a, optimize=len(a) > 1), operands, count)


def _tensordot(x: Any, y: Any, axes: Any = 2) -> Tracked:
    out = np.prod(np.shape(np.tensordot(np.zeros(np.shape(x)), np.zeros(np.shape(y)), axes)), dtype=int)
    outer = np.size(x) * np.size(y)
    summed = round(float(outer / max(1, out)) ** 0.5)
    return contracted(lambda a, b: np.tensordot(a, b, axes), [x, y], int(out) * summed)


def _outer(x: Any, y: Any) -> Tracked:
    return contracted(np.outer, [x, y], np.size(x) * np.size(y))


def _joined(function: Function, arrays: Sequence[Any], fan: float = 1) -> Tracked:
    given = lifted(arrays)
    step = Join(function, tuple(x.value.shape for x in given), (fan - 1) * given[0].flow.unit.u)
    value, error = function(*(x.value for x in given)), function(*(x.error for x in given))
    return result(given[0].flow, value, error, all(x.exact for x in given), step, given)


def _where(condition: Any, x: Any, y: Any) -> Tracked:
    fan = np.size(np.where(condition, *(np.zeros(np.shape(a)) for a in (x, y)))) / max(1, min(np.size(x), np.size(y)))
    return _joined(lambda a, b: np.where(condition, a, b), [x, y], fan)


def _pad(x: Tracked, pad_width: Any, constant_values: float = 0.0) -> Tracked:
    step = Linear(lambda a: np.pad(a, pad_width), 0.0)
    value = np.pad(x.value, pad_width, constant_values=constant_values)
    return result(x.flow, value, np.pad(x.error, pad_width), x.exact, step, [x])


def select(left: Any, right: Any, a: Any, b: Any) -> Tracked:
    """``a`` where left > right, ``b`` where left < right, and the hull of both where they compare within rounding."""
    given = lifted([left, right, a, b])
    sides, branches = given[:2], given[2:]
    gap = sides[0].value - sides[1].value
    reach = TIE_FACTOR * sum(np.zeros(()) if x.exact else x.error for x in sides)
    mask = gap > 0
    shape = np.broadcast_shapes(*(x.value.shape for x in given))
    flow = given[0].flow
    tied = np.broadcast_to(~(np.abs(gap) > reach), shape)
    ties = np.flatnonzero(tied)
    values = [np.broadcast_to(x.value, shape) for x in branches]
    errors = [np.broadcast_to(x.error, shape) for x in branches]
    error = np.where(tied, np.maximum(*errors), np.where(mask, *errors))
    error = np.where(np.broadcast_to(np.isnan(gap), shape), np.inf, error)
    size = int(np.prod(shape, dtype=int))
    flow.work += size
    flow.ambiguous += len(ties) if any(x.position >= 0 for x in branches) else 0
    gammas = tuple((size / max(1, x.value.size) - 1) * flow.unit.u for x in branches)
    exact = all(x.exact for x in given)
    return result(flow, np.where(mask, *values), error, exact, Select(mask, ties, shape, gammas), branches)  # type: ignore[arg-type]


def largest(x: Tracked, axis: Axis = None, keepdims: bool = False, sign: int = 1) -> Any:
    """The largest entries along axes (the smallest for sign -1), and the hull of those that tie within rounding."""
    flat, axes = _collapsed(x, axis)
    value, flow = sign * flat.value, x.flow
    index = np.argmax(value, axis=-1)
    top, error = (np.take_along_axis(a, index[..., None], -1) for a in (value, flat.error))
    gap = top - value
    near = gap == 0 if x.exact else ~(gap > TIE_FACTOR * (error + flat.error))
    width = value.shape[-1]
    near = near.reshape(-1, width)
    rows = np.flatnonzero(near.sum(axis=-1) > 1)
    flow.work += value.size
    flow.ambiguous += len(rows)
    loose = np.where(near.reshape(value.shape), flat.error, 0.0).max(axis=-1)
    out = result(flow, sign * top[..., 0], loose, x.exact, Pick(index, rows, near[rows]), [flat])
    return _kept(out, axes, keepdims)


def _kept(out: Any, axes: tuple[int, ...], keepdims: bool) -> Any:
    return np.expand_dims(out, axes) if keepdims and axes else out


def _product(x: Tracked, axis: Axis = None, keepdims: bool = False) -> Any:
    """By halves, with the rounding of a product taken one by one."""
    flat, axes = _collapsed(x, axis)
    before, n = x.flow.factor, flat.shape[-1]
    x.flow.factor = max(1.0, float(n)) * before
    while flat.shape[-1] > 1:
        half = flat.shape[-1] // 2
        folded = flat[..., :half] * flat[..., half : 2 * half]
        flat = np.concatenate([folded, flat[..., 2 * half :]], axis=-1) if flat.shape[-1] % 2 else folded
    x.flow.factor = before
    out = flat[..., 0] if n else lift(x.flow, np.ones(flat.shape[:-1]))
    return _kept(out, axes, keepdims)


def _length(x: Tracked, axis: Axis, keepdims: bool) -> Any:
    """Euclidean length, scaled by the largest entry so that nothing overflows or underflows."""
    flat, axes = _collapsed(x, axis)
    if not flat.shape[-1]:
        return lift(x.flow, np.zeros(flat.shape[:-1]))
    scale = np.max(np.abs(flat.value), axis=-1, keepdims=True)
    scale = np.where((scale > 0) & np.isfinite(scale), 2.0 ** np.floor(np.log2(np.where(scale > 0, scale, 1.0))), 1.0)
    out = unary("sqrt", total(unary("square", flat / scale), -1)) * scale[..., 0]
    slack = 0.0 if x.exact else TIE_FACTOR * np.sum(flat.error, axis=-1)
    origin = np.flatnonzero(~(np.max(np.abs(flat.value), axis=-1) > slack))
    if len(origin):
        x.flow.ambiguous += len(origin)
        out = result(x.flow, out.value, np.where(np.isfinite(out.error), out.error, slack), False, Origin(origin), [out, flat])
    return _kept(out, axes, keepdims)


def _step(kind: str, x: Any) -> Tracked:
    """floor and its kin: no tangent, and a jump where rounding may reach one."""
    offset = 0.5 if kind == "round" else 0.0
    gap = np.abs(x.value - offset - np.rint(x.value - offset))
    if kind == "trunc":
        gap = np.where(np.abs(x.value) < 0.5, 1.0, gap)
    x.flow.jumps = x.flow.jumps or bool(not x.exact and not (gap > TIE_FACTOR * x.error).all())
    return lift(x.flow, STEPS[kind](x.value))


def _quotient(x: Any, y: Any) -> Tracked:
    a, b = lifted([x, y])
    near = np.rint(a.value / b.value)
    reach = TIE_FACTOR * (a.error * (not a.exact) + np.abs(near) * b.error * (not b.exact))
    exact = a.exact and b.exact
    a.flow.jumps = a.flow.jumps or bool(not exact and not (np.abs(a.value - near * b.value) > reach).all())
    return lift(a.flow, np.floor_divide(a.value, b.value))


def _sign(x: Any) -> Tracked:
    close = ~(np.abs(x.value) > TIE_FACTOR * x.error) if not x.exact else x.value == 0
    x.flow.jumps = x.flow.jumps or bool(close.any() and not x.exact)
    return lift(x.flow, np.sign(x.value))


def _scatter(x: Any, key: Any, shape: tuple[int, ...]) -> Tracked:
    """Zeros of a shape with x added at a key; an entry is named at most as often as all of x has entries."""
    names = Structure.scatter(np.ones(np.shape(x)), key, shape)
    return summed(x, lambda a: Structure.scatter(a, key, shape), float(np.max(names, initial=1.0)))


def _scan(name: str, x: Any, axis: int) -> Tracked:
    raise NotLinearised(f"a running {name} is not followed on whole arrays")


class ArrayMeaning(Structure):
    """The meaning on tracked arrays."""

    sum: Any = staticmethod(total)
    max: Any = staticmethod(largest)
    min: Any = staticmethod(lambda x, axis=None, keepdims=False: largest(x, axis, keepdims, -1))
    prod: Any = staticmethod(_product)
    scatter, scan = staticmethod(_scatter), staticmethod(_scan)
    select, sign, fold_hypot = staticmethod(select), staticmethod(_sign), staticmethod(_length)
    absolute = staticmethod(lambda x: select(x, 0.0, x, -x))
    negative = staticmethod(lambda x: -x)
    step, quotient = staticmethod(_step), staticmethod(_quotient)
    maximum = staticmethod(lambda x, y: select(x, y, x, y))
    minimum = staticmethod(lambda x, y: select(y, x, x, y))
    copysign = staticmethod(lambda x, y: ArrayMeaning.absolute(x) * _sign(y))
    frozen = staticmethod(lambda x: x.value)
    pooled = staticmethod(lambda x: x)
    over_root = staticmethod(lambda x, scale: x / lift(x.flow, np.sqrt(scale)))

    def __getattr__(self, name: str) -> Function:
        """A function of the scalar table."""
        if name in UNARY:
            return lambda x: unary(name, x)
        if name in BINARY:
            return lambda x, y: binary(name, x, y)
        raise NotLinearised(f"{name} is not followed on whole arrays")


ARRAYS = ArrayMeaning()
UFUNCS.update({
    np.add: add, np.subtract: subtract, np.multiply: multiply, np.divide: lambda x, y: binary("divide", x, y),
    np.negative: lambda x: -x, np.matmul: _matmul, np.absolute: ArrayMeaning.absolute,
})  # fmt: skip
FUNCTIONS.update({
    np.sum: total, np.prod: _product, np.cumsum: _cumsum, np.pad: _pad, np.where: _where,
    np.einsum: _einsum, np.tensordot: _tensordot, np.outer: _outer,
    np.concatenate: lambda arrays, axis=0: _joined(lambda *a: np.concatenate(a, axis=axis), arrays),
    np.stack: lambda arrays, axis=0: _joined(lambda *a: np.stack(a, axis=axis), arrays),
    np.shape: lambda x: x.value.shape, np.size: lambda x: x.value.size, np.ndim: lambda x: x.value.ndim,
})  # fmt: skip
