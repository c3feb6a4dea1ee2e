"""Faults by an author who had not seen the other families: shapes, parameters and values that nobody thought of first.

Most of them survived when they were first tried; the generator draws what shows them now. They count in the families
whose kind they are.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from gradproof.engine import backend
from gradproof.specs.mutants.mutant import Family, axes_of, count, kept

REGION, AXIS, LAYOUT, SHAPE = Family("rare region"), Family("axis"), Family("layout"), Family("shape")


def half(g: Any, condition: bool) -> Any:
    """Half the gradient under a condition."""
    return 0.5 * g if condition else g


def merged(x: Any, axis: Any) -> int:
    """How many entries a reduction merges into one."""
    return count(tuple(np.shape(x)[a] for a in axes_of(axis, np.ndim(x))))


def first(g: Any, n: int) -> Any:
    """The gradient, but 0 from the n-th entry of the last axis on."""
    return np.where(np.arange(np.shape(g)[-1]) >= n, 0.0, g) if np.ndim(g) else g


# ---- values
REGION.rule("tan", "slope capped at 1e6 beside a pole", lambda xp, ct, out, x: ct * np.minimum(1 + out * out, 1e6))
REGION.rule("exp", "flushed to 0 below 1e-20", lambda xp, ct, out, x: np.where(out < 1e-20, 0.0, ct * out))
REGION.rule("exp", "slope capped at 1e20", lambda xp, ct, out, x: ct * np.minimum(out, 1e20))
REGION.rule("sin", "period of eight digits", lambda xp, ct, out, x: ct * np.cos(np.fmod(x, 6.2831853)))
REGION.rule("log1p", "1/x beyond 1e9", lambda xp, ct, out, x: ct / np.where(x > 1e9, x, 1 + x))
REGION.where("sinh", "slope 1 near -1/2", lambda x: (x > -0.52) & (x < -0.48), lambda g, ct, x: ct)
REGION.where("cosh", "negated just below 0", lambda x: (x < 0) & (x > -1e-3), lambda g, ct, x: -g)
REGION.where("exp", "1e-6 between 5 and 6", lambda x: (x > 5) & (x < 6), lambda g, ct, x: g * (1 + 1e-6))
REGION.wrap(
    "pow", "sign of a negative base to a negative power",
    lambda g, xp, ct, out, x, y: np.where((np.asarray(x) < 0) & (np.asarray(y) < 0), -g, g),
)  # fmt: skip
REGION.wrap("pow", "exponent -1 loses its sign", lambda g, xp, ct, out, x, y: np.where(np.asarray(y) == -1, -g, g))
REGION.wrap("pow", "exponent 1/2 without the half", lambda g, xp, ct, out, x, y: np.where(np.asarray(y) == 0.5, 2 * g, g))
REGION.wrap(
    "logaddexp", "equal operands beyond 100 take all",
    lambda g, xp, ct, out, x, y: np.where((np.asarray(x) == y) & (np.abs(x) > 100), ct, g),
)  # fmt: skip
REGION.wrap("multiply", "one operand twice: its second use lost", lambda g, xp, ct, out, x, y: 0 * g if x is y else g, argument=1)
REGION.wrap(
    "nn.leaky_relu", "slope 0 taken for the default",
    lambda g, xp, ct, out, x, negative_slope: np.where(np.asarray(x) > 0, ct, (negative_slope or 0.01) * ct),
)  # fmt: skip
REGION.wrap(
    "nn.softmax", "saturated rows cut to 0",
    lambda g, xp, ct, out, x, axis: np.where(np.max(out, axis=axis, keepdims=True) > 1 - 1e-9, 0.0, g),
)  # fmt: skip

# ---- parameters
REGION.rule(
    "var", "correction read as a boolean",
    lambda xp, ct, out, x, axis, correction, keepdims: kept(ct, x, axis, keepdims)
    * (2 * backend.raw.centred(x, axis=axis) / (merged(x, axis) - bool(correction))),
)  # fmt: skip
REGION.wrap(
    "std", "correction 1/2 rounded to 0",
    lambda g, xp, ct, out, x, axis, correction, keepdims: g * (1 - 0.5 / merged(x, axis)) if correction == 0.5 else g,
)  # fmt: skip
REGION.wrap(
    "linalg.vector_norm", "ord 3 without the sign",
    lambda g, xp, ct, out, x, axis, keepdims, ord: g * np.sign(x) if ord == 3 else g,
)  # fmt: skip
REGION.wrap("linalg.diagonal", "lost beyond an offset of 1", lambda g, xp, ct, out, x, offset: 0 * g if abs(offset) > 1 else g)

# ---- axes
AXIS.wrap(
    "sum", "five axes: the last two exchanged",
    lambda g, xp, ct, out, x, axis, keepdims: np.swapaxes(g, -1, -2) if g.ndim > 4 and g.shape[-1] == g.shape[-2] else g,
)  # fmt: skip
AXIS.wrap(
    "mean", "four axes: axis 1 spread over axis 2",
    lambda g, xp, ct, out, x, axis, keepdims: np.broadcast_to(
        np.swapaxes(kept(ct, x, axis, keepdims), 1, 2), g.shape) / g.shape[1]
    if g.ndim == 4 and axis in (1, -3) and g.shape[1] == g.shape[2] else g,
)  # fmt: skip
AXIS.wrap(
    "logsumexp", "a tuple: weights over its first axis",
    lambda g, xp, ct, out, x, axis, keepdims: kept(ct, x, axis, keepdims) * backend.raw.softmax(x, axis=axis[0])
    if isinstance(axis, tuple) and len(axis) > 1 else g,
)  # fmt: skip
AXIS.wrap("flip", "a tuple: its first axis alone", lambda g, xp, ct, out, x, axis: np.flip(ct, axis[0]) if isinstance(axis, tuple) else g)
AXIS.wrap(
    "roll", "a tuple: its first axis alone",
    lambda g, xp, ct, out, x, shift, axis: np.roll(ct, -shift[0], axis[0]) if isinstance(axis, tuple) else g,
)  # fmt: skip
AXIS.wrap(
    "concat", "a fourth part lost", lambda g, xp, ct, out, *parts, argument, **params: 0 * g if argument > 2 else g
)
AXIS.wrap(
    "matmul", "a stack stretched on the left halved",
    lambda g, xp, ct, out, x, y: half(g, np.ndim(x) == np.ndim(y) == 3 and np.shape(x)[0] == 1 < np.shape(y)[0]),
)  # fmt: skip
AXIS.wrap(
    "linalg.solve", "one matrix for a stack of right sides: the first alone",
    lambda g, xp, ct, out, x, y: g[0] if np.ndim(g) > np.ndim(x) else g,
)  # fmt: skip
AXIS.wrap(
    "einsum", "a stretched stack halved",
    lambda g, xp, ct, out, *parts, argument, **params: half(g, np.shape(parts[argument]) != np.shape(g)), primitive="contract",
)  # fmt: skip
AXIS.wrap("einsum", "a fourth operand lost", lambda g, xp, ct, out, *parts, argument, **params: 0 * g if argument == 3 else g,
          primitive="contract")  # fmt: skip
AXIS.wrap(
    "einsum", "a vector scaling columns lost",
    lambda g, xp, ct, out, *parts, argument, terms, result: 0 * g
    if argument == 1 and [len(t) for t in (*terms, result)] == [2, 1, 2] else g, primitive="contract",
)  # fmt: skip
AXIS.wrap(
    "einsum", "outer products of a stack doubled",
    lambda g, xp, ct, out, *parts, argument, terms, result: 2 * g if len(terms) == 2 and len(result) == 3 else g,
    primitive="contract",
)  # fmt: skip

# ---- layout
LAYOUT.wrap(
    "reshape tile repeat tensordot", "a cotangent read as it lies in memory",
    lambda g, xp, ct, out, x, **params: np.ravel(np.asarray(ct), order="K").reshape(np.shape(x)),
)  # fmt: skip
LAYOUT.wrap("add", "a cotangent read as it lies in memory",
            lambda g, xp, ct, *rest: np.ravel(np.asarray(ct), order="K").reshape(np.shape(ct)))  # fmt: skip
LAYOUT.wrap(
    "linalg.solve", "an upper triangle not transposed",
    lambda g, xp, ct, out, x, y: np.linalg.solve(x, ct) if not np.tril(x, -1).any() else g, argument=1,
)  # fmt: skip


def _masked_reversed(g: Any, xp: Any, ct: Any, out: Any, x: Any, key: Any) -> Any:
    masked = any(isinstance(part, np.ndarray) and part.dtype == bool for part in key)
    return backend.Patch(key, np.flip(ct, 0)) if masked and xp is backend.raw else g


def _apart_exchanged(g: Any, xp: Any, ct: Any, out: Any, x: Any, key: Any) -> Any:
    arrays = [isinstance(part, np.ndarray) for part in key]
    exchanged = arrays == [True, False, True] and ct.ndim == 2 and ct.shape[0] == ct.shape[1] and xp is backend.raw
    return backend.Patch(key, np.swapaxes(ct, 0, 1)) if exchanged else g


LAYOUT.wrap("getitem", "a mask written from the end", _masked_reversed)
LAYOUT.wrap("getitem", "index arrays apart: their axis not brought back", _apart_exchanged)

# ---- shapes
SHAPE.wrap("matmul", "an inner length beyond 8 cut", lambda g, xp, ct, out, x, y: first(g, 8))
SHAPE.wrap("einsum", "an axis beyond 4 cut", lambda g, xp, ct, out, *rest, **params: first(g, 4), primitive="contract")
SHAPE.wrap("reshape", "entries beyond 16 cut", lambda g, xp, ct, out, x, **params: first(np.ravel(g), 16).reshape(g.shape))
SHAPE.wrap("sum", "a last axis beyond 128 cut", lambda g, xp, ct, out, x, axis, keepdims: first(g, 128))
SHAPE.wrap(
    "nn.unfold nn.max_pool2d", "three channels or more halved",
    lambda g, xp, ct, out, x, window, stride, dilation: half(g, np.shape(x)[1] > 2),
    primitive="windows",
)  # fmt: skip

MUTANTS = (*REGION.mutants, *AXIS.mutants, *LAYOUT.mutants, *SHAPE.mutants)
