"""Wrong rules of many families, planted in the native engine: every one must be caught, and each says by which cases.

A fault is one edit of one rule (or of the sweep). ``ops`` are the catalogue ops whose single-op cases meet it; ``dtype``
is the one in which it must be caught. Benign variants, which must never be called WRONG, stand at the end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from gradproof.engine import tape, transforms
from gradproof.engine.backend import Patch, raw
from gradproof.specs.mutants.plant import planted, replaced, swapped

Plant = Callable[[], AbstractContextManager[None]]


@dataclass(frozen=True)
class Fault:
    """A planted fault: its family, what it does, how to plant it, and where it shows."""

    family: str
    name: str
    plant: Plant
    ops: tuple[str, ...]
    dtype: str = "float64"

    def __str__(self) -> str:
        return f"{self.family}: {self.name}"


FAULTS: list[Fault] = []


def wrap(family: str, name: str, ops: str, primitive: str, fault: Any, argument: int = 0, dtype: str = "float64") -> None:
    """A fault that changes the right gradient: ``fault(g, xp, ct, out, *primals, **params)``."""
    FAULTS.append(Fault(family, name, partial(planted, primitive, fault, argument), tuple(ops.split()), dtype))


def rule(family: str, name: str, ops: str, primitive: str, pull: Any, argument: int = 0, dtype: str = "float64") -> None:
    """A fault that writes the rule anew: ``pull(xp, ct, out, *primals, **params)``."""
    FAULTS.append(Fault(family, name, partial(replaced, primitive, pull, argument), tuple(ops.split()), dtype))


def swap(family: str, name: str, ops: str, owner: Any, attribute: str, change: Any) -> None:
    """A fault in the sweep or in a kernel that rules call: ``change(right function)``."""
    FAULTS.append(Fault(family, name, partial(swapped, owner, attribute, change), tuple(ops.split())))


def scaled(factor: float) -> Any:
    return lambda g, *rest, **params: g * factor


def cast(dtype: Any) -> Any:
    return lambda g, xp, ct, *rest, **params: np.asarray(np.asarray(g).astype(dtype), dtype=ct.dtype)


# ---- factor
wrap("factor", "exp doubled", "exp", "exp", scaled(2))
wrap("factor", "square without its 2", "square", "square", scaled(0.5))
wrap("factor", "var without its 2", "var", "var", scaled(0.5))
wrap("factor", "subtract's second argument not negated", "subtract", "subtract", scaled(-1), 1)
wrap("factor", "cos not negated", "cos", "cos", scaled(-1))
wrap("factor", "einsum doubled", "einsum", "contract", scaled(2))
wrap("factor", "std ignores correction", "std", "std",
     lambda g, xp, ct, out, x, axis, correction, keepdims: g * (1 if correction == 0 else 0.5))

# ---- saved tensor
rule("saved", "tanh from x instead of out", "tanh", "tanh", lambda xp, ct, out, x: ct * (1 - x * x))
rule("saved", "multiply from its own argument", "multiply", "multiply", lambda xp, ct, out, x, y: ct * x)
rule("saved", "divide's y from x instead of out", "divide", "divide", lambda xp, ct, out, x, y: -ct * x / y, 1)
rule("saved", "sqrt from x instead of out", "sqrt", "sqrt", lambda xp, ct, out, x: 0.5 * ct / np.where(x == 0, 1, x))
rule("saved", "softmax from x", "nn.softmax", "softmax",
     lambda xp, ct, out, x, axis: out * (ct - xp.sum(ct * x, axis=axis, keepdims=True)))

# ---- scale 1e-1 .. 1e-12
for exponent, op, primitive in (
    (1, "asinh", "asinh"), (2, "atan", "atan"), (3, "sin", "sin"), (4, "erf", "erf"), (5, "nn.softplus", "softplus"),
    (6, "log", "log"), (7, "mean", "mean"), (8, "logsumexp", "logsumexp"), (9, "add", "add"), (10, "reshape", "reshape"),
    (11, "sum", "sum"), (12, "matmul", "matmul"), (12, "linalg.solve", "solve"), (12, "linalg.cholesky", "cholesky"),
    (12, "linalg.det", "det"), (12, "nn.conv2d", "fold"), (12, "einsum", "contract"), (12, "linalg.vector_norm", "vector_norm"),
):  # fmt: skip
    if primitive == "fold":
        swap("scale", "conv2d by 1 + 1e-12", op, raw, "fold", lambda right: lambda *a, **p: right(*a, **p) * (1 + 1e-12))
        continue
    wrap("scale", f"{op} by 1 + 1e-{exponent}", op, primitive, scaled(1 + 10.0**-exponent))
wrap("scale", "float32 tan by 1 + 1e-5", "tan", "tan", scaled(np.float32(1 + 1e-5)), dtype="float32")

# ---- un-broadcast
BINARIES = "add multiply maximum nn.layer_norm"
swap("unbroadcast", "first entry instead of the sum", BINARIES, tape, "unbroadcast",
     lambda right: lambda xp, ct, shape: _first_entry(ct, shape))
swap("unbroadcast", "mean instead of the sum", BINARIES, tape, "unbroadcast",
     lambda right: lambda xp, ct, shape: right(xp, ct, shape) * (max(1, np.size(ct)) and _count(shape) / max(1, np.size(ct))))
swap("unbroadcast", "last axes summed instead of leading ones", BINARIES, tape, "unbroadcast",
     lambda right: lambda xp, ct, shape: _last_axes(right, xp, ct, shape))
swap("unbroadcast", "an inner size-1 axis not summed twice", BINARIES, tape, "unbroadcast",
     lambda right: lambda xp, ct, shape: _one_inner(right, xp, ct, shape))
wrap("unbroadcast", "multiply transposes where shapes are square", "multiply", "multiply",
     lambda g, *rest: np.swapaxes(g, -1, -2) if np.ndim(g) >= 2 and np.shape(g)[-1] == np.shape(g)[-2] else g)


def _count(shape: tuple[int, ...]) -> int:
    return int(np.prod(shape, dtype=int))


def _first_entry(ct: Any, shape: tuple[int, ...]) -> Any:
    if 0 in ct.shape:
        return np.zeros(shape, ct.dtype)
    ct = ct[(0,) * (ct.ndim - len(shape))]
    return ct[tuple(slice(0, 1) if n == 1 else slice(None) for n in shape)] if shape else ct


def _last_axes(right: Any, xp: Any, ct: Any, shape: tuple[int, ...]) -> Any:
    extra = ct.ndim - len(shape)
    summed = ct.sum(axis=tuple(range(len(shape), ct.ndim))) if extra else ct
    return summed if summed.shape == shape else right(xp, ct, shape)


def _one_inner(right: Any, xp: Any, ct: Any, shape: tuple[int, ...]) -> Any:
    stretched = [i for i, n in enumerate(shape) if n == 1 and ct.shape[i + ct.ndim - len(shape)] > 1]
    if len(stretched) < 2:
        return right(xp, ct, shape)
    axis = stretched[0] + ct.ndim - len(shape)
    return right(xp, np.take(ct, [0], axis=axis), shape)


# ---- axis sign, tuples, None
wrap("axis", "softmax takes every axis for the last", "nn.softmax", "softmax",
     lambda g, xp, ct, out, x, axis: out * (ct - xp.sum(ct * out, axis=-1, keepdims=True)))
wrap("axis", "log_softmax with a negative axis from the front", "nn.log_softmax", "log_softmax",
     lambda g, xp, ct, out, x, axis: ct - xp.exp(out) * xp.sum(ct, axis=-axis - 1 if axis < 0 else axis, keepdims=True))
wrap("axis", "roll forward again", "roll", "roll", lambda g, xp, ct, out, x, shift, axis: xp.roll(ct, shift=shift, axis=axis))
wrap("axis", "flip only the first of a tuple", "flip", "flip",
     lambda g, xp, ct, out, x, axis: xp.flip(ct, axis=axis[0] if isinstance(axis, tuple) else axis))
wrap("axis", "mean counts the first axis of a tuple only", "mean", "mean",
     lambda g, xp, ct, out, x, axis, keepdims: g * (1 if not isinstance(axis, tuple) else
                                                    np.prod([x.shape[a] for a in axis[1:]], dtype=int) or 1))
wrap("axis", "cumulative_sum with a negative axis not reversed", "cumulative_sum", "cumulative_sum",
     lambda g, xp, ct, out, x, axis, include_initial: xp.flip(g, axis=axis) if axis < 0 else g)
wrap("axis", "sum with a negative axis spread along another", "sum", "sum",
     lambda g, xp, ct, out, x, axis, keepdims: np.swapaxes(g, 0, 1) if isinstance(axis, int) and axis < 0 and
     len(x.shape) >= 2 and x.shape[0] == x.shape[1] else g)
wrap("axis", "concat swaps parts of equal length", "concat", "concat",
     lambda g, xp, ct, out, *arrays, argument, axis, starts: _other_part(g, ct, arrays, argument, axis, starts))
wrap("axis", "stack with a negative axis", "stack", "expand_dims",
     lambda g, xp, ct, out, x, axis: np.flip(g) if isinstance(axis, int) and axis < 0 else g)
wrap("axis", "tensordot over a middle axis", "tensordot", "permute_dims",
     lambda g, xp, ct, out, x, axes: np.transpose(ct, axes) if len(axes) == 3 and _keeps(ct, axes, x) else g)


def _other_part(g: Any, ct: Any, arrays: Any, argument: int, axis: int, starts: Any) -> Any:
    other = (argument + 1) % len(arrays)
    if arrays[other].shape != arrays[argument].shape:
        return g
    n = arrays[other].shape[axis]
    return ct[(slice(None),) * axis + (slice(starts[other], starts[other] + n),)]


def _keeps(ct: Any, axes: Any, x: Any) -> bool:
    return bool(tuple(ct.shape[a] for a in axes) == tuple(x.shape))


# ---- layout
wrap("layout", "permute_dims by axes instead of their inverse", "permute_dims", "permute_dims",
     lambda g, xp, ct, out, x, axes: np.transpose(ct, axes) if _keeps(ct, axes, x) else g)
wrap("layout", "reshape in column order", "reshape", "reshape",
     lambda g, xp, ct, out, x, shape: np.reshape(ct, x.shape, order="F"))
wrap("layout", "matmul's x not transposed where square", "matmul", "matmul",
     lambda g, xp, ct, out, x, y: np.matmul(x, ct) if x.ndim == y.ndim == 2 and x.shape[0] == x.shape[1] else g, 1)
wrap("layout", "solve by x instead of its transpose", "linalg.solve", "solve",
     lambda g, xp, ct, out, x, y: xp.solve(x, ct), 1)
wrap("layout", "inv transposed on one side only", "linalg.inv", "inv",
     lambda g, xp, ct, out, x: -xp.matmul(xp.matmul(out, ct), xp.matrix_transpose(out)))
wrap("layout", "cholesky in the lower triangle only", "linalg.cholesky", "cholesky",
     lambda g, xp, ct, out, x: np.tril(g) + np.tril(g, -1))
wrap("layout", "det by the inverse untransposed", "linalg.det", "det", lambda g, *rest: np.swapaxes(g, -1, -2))
wrap("layout", "diagonal with the offset's sign lost", "linalg.diagonal linalg.trace", "diagonal",
     lambda g, xp, ct, out, x, offset: np.swapaxes(g, -1, -2) if g.shape[-1] == g.shape[-2] else g)
wrap("layout", "tril one diagonal too many", "tril", "tril", lambda g, xp, ct, out, x, k: np.tril(ct, k + 1))
wrap("layout", "triu pulled back by tril", "triu", "triu", lambda g, xp, ct, out, x, k: np.tril(ct, k))
wrap("layout", "pad shifted by one where there is room", "pad", "pad",
     lambda g, xp, ct, out, x, pad_width, value: ct[tuple(slice(after, after + n) for n, (_, after) in zip(x.shape, pad_width, strict=True))])
swap("layout", "conv2d overlaps folded transposed", "nn.conv2d", raw, "fold",
     lambda right: lambda x, **p: right(np.swapaxes(x, -1, -2) if x.shape[-1] == x.shape[-2] else x, **p))

# ---- singular points
rule("singular", "sqrt with an epsilon", "sqrt", "sqrt", lambda xp, ct, out, x: 0.5 * ct / (out + 1e-12))
rule("singular", "hypot NaN at the origin", "hypot", "hypot", lambda xp, ct, out, x, y: ct * (x / out))
rule("singular", "norm NaN at zero", "linalg.vector_norm", "vector_norm",
     lambda xp, ct, out, x, axis, keepdims, ord: raw_norm(ct, out, x, axis, keepdims))
wrap("singular", "pow x**1 at 0 has slope 0", "pow", "pow", lambda g, xp, ct, out, x, y: np.where(x == 0, 0.0, g))
wrap("singular", "xlogy has no slope at x = 0", "xlogy", "xlogy", lambda g, xp, ct, out, x, y: np.where(x == 0, 0.0, g))
wrap("singular", "atan2 wrong on the axis x = 0", "atan2", "atan2", lambda g, xp, ct, out, x, y: np.where(y == 0, 0.0, g), 1)
wrap("singular", "prod NaN where an entry is 0", "prod", "multiply",
     lambda g, xp, ct, out, x, y: np.where(np.asarray(y) == 0, np.nan, g))

rule("singular", "det by the inverse", "linalg.det", "det", lambda xp, ct, out, x:
     ct[..., None, None] * out[..., None, None] * np.swapaxes(np.linalg.inv(x), -1, -2))


def raw_norm(ct: Any, out: Any, x: Any, axis: Any, keepdims: bool) -> Any:
    if not keepdims:
        axes = tuple(range(x.ndim)) if axis is None else axis
        ct, out = np.expand_dims(ct, axes), np.expand_dims(out, axes)
    return ct * (x / out)


# ---- ties
wrap("ties", "max gives every tied entry all of it", "max", "max",
     lambda g, xp, ct, out, x, axis, keepdims: g * np.where(g == 0, 1, _ties(out, x, axis, keepdims)))
wrap("ties", "max gives tied entries nothing", "max", "max",
     lambda g, xp, ct, out, x, axis, keepdims: np.where(_ties(out, x, axis, keepdims) > 1, 0, g))
wrap("ties", "min splits ties by the count squared", "min", "min",
     lambda g, xp, ct, out, x, axis, keepdims: g / _ties(out, x, axis, keepdims))
wrap("ties", "maximum gives both sides all of it", "maximum", "maximum",
     lambda g, xp, ct, out, x, y: np.where(x == y, ct, g))
wrap("ties", "minimum gives a tie 0.75 and 0.5", "minimum", "minimum",
     lambda g, xp, ct, out, x, y: np.where(x == y, 0.75 * ct, g))
rule("ties", "abs slope 2 at 0", "abs", "abs", lambda xp, ct, out, x: ct * np.where(x == 0, 2, np.sign(x)))
rule("ties", "relu slope -1 at 0", "nn.relu", "relu", lambda xp, ct, out, x: np.where(x == 0, -ct, np.where(x > 0, ct, 0)))
rule("ties", "clip doubles at its bounds", "clip", "clip", lambda xp, ct, out, x, min, max:
     np.where(x == out, np.where((x == min) | (x == max), 2 * ct, ct), 0))
wrap("ties", "max pooling counts a tie twice", "nn.max_pool2d", "max",
     lambda g, xp, ct, out, x, axis, keepdims: g * np.where(_ties(out, x, axis, keepdims) > 1, 2, 1))
wrap("ties", "leaky_relu slope 2 at 0", "nn.leaky_relu", "leaky_relu",
     lambda g, xp, ct, out, x, negative_slope: np.where(x == 0, 2 * ct, g))


def _ties(out: Any, x: Any, axis: Any, keepdims: bool) -> Any:
    if not keepdims and x.ndim:
        out = np.expand_dims(out, tuple(range(x.ndim)) if axis is None else axis)
    return np.sum(x == out, axis=axis, keepdims=True) if x.ndim else 1


# ---- rare regions
def where(name: str, op: str, primitive: str, region: Any, wrong: Any, argument: int = 0, family: str = "region") -> None:
    """A fault in part of the input space: ``wrong(g, ct, x)`` where ``region(x)``."""
    wrap(family, name, op, primitive, lambda g, xp, ct, out, *p, **q:
         np.where(region(np.asarray(p[argument])), wrong(g, ct, p[argument]), g), argument)


where("sin negated beyond 30", "sin", "sin", lambda x: np.abs(x) > 30, lambda g, ct, x: -g)
where("tan doubled beyond 3", "tan", "tan", lambda x: np.abs(x) > 3, lambda g, ct, x: 2 * g)
where("softplus slope 1 above 20", "nn.softplus", "softplus", lambda x: x > 20, lambda g, ct, x: ct)
where("softplus slope 0 below -30", "nn.softplus", "softplus", lambda x: x < -30, lambda g, ct, x: 0 * g)
where("erfc slope 0 above 4", "erfc", "erfc", lambda x: np.abs(x) > 4, lambda g, ct, x: 0 * g)
where("log1p slope 1 near 0", "log1p", "log1p", lambda x: np.abs(x) < 1e-3, lambda g, ct, x: ct)
where("exp slope 0 at exactly 0", "exp", "exp", lambda x: x == 0, lambda g, ct, x: 0 * g)
where("cos nonzero at exactly 0", "cos", "cos", lambda x: x == 0, lambda g, ct, x: ct)
where("asinh wrong beyond 1e6", "asinh", "asinh", lambda x: np.abs(x) > 1e6, lambda g, ct, x: ct)
where("acosh wrong near 1", "acosh", "acosh", lambda x: x < 1.001, lambda g, ct, x: 0.5 * g)
where("asin wrong near 1", "asin", "asin", lambda x: np.abs(x) > 0.9999, lambda g, ct, x: 0.5 * g)
where("log wrong below 1e-6", "log", "log", lambda x: x < 1e-6, lambda g, ct, x: ct * 1e6)
where("elu at large negative x", "nn.elu", "elu", lambda x: x < -20, lambda g, ct, x: -ct)
where("expm1 slope 0 below -20", "expm1", "expm1", lambda x: x < -20, lambda g, ct, x: 0 * g)
where("cosh negative side", "cosh", "cosh", lambda x: x < 0, lambda g, ct, x: -g)
where("rsqrt wrong above 10", "rsqrt", "rsqrt", lambda x: x > 10, lambda g, ct, x: 2 * g)
where("atan2 wrong for x < 0", "atan2", "atan2", lambda x: x < 0, lambda g, ct, x: -g, 1)
where("divide by exactly 1", "divide", "divide", lambda y: y == 1, lambda g, ct, y: 0 * g, 1)
where("pow by exactly 2", "pow", "pow", lambda y: y == 2, lambda g, ct, y: 0 * g, 1)
where("multiply by exactly -1", "multiply", "multiply", lambda y: y == -1, lambda g, ct, y: -g, 1)
where("sigmoid flat beyond 15", "nn.sigmoid", "sigmoid", lambda x: np.abs(x) > 15, lambda g, ct, x: 0 * g)
where("square zero for denormal-like x", "square", "square", lambda x: np.abs(x) < 1e-100, lambda g, ct, x: ct)
where("copysign of negative x", "copysign", "copysign", lambda x: x < 0, lambda g, ct, x: -g)
wrap("region", "logaddexp even beyond 30 apart", "logaddexp", "logaddexp",
     lambda g, xp, ct, out, x, y: np.where(np.abs(x - y) > 30, 0.5 * ct, g))
wrap("region", "leaky slope 0 means 0.01", "nn.leaky_relu", "leaky_relu",
     lambda g, xp, ct, out, x, negative_slope: np.where((x < 0) & (negative_slope == 0), 0.01 * ct, g))
wrap("region", "elu ignores alpha", "nn.elu", "elu", lambda g, xp, ct, out, x, alpha: np.where(x < 0, g / alpha, g))
wrap("region", "clip without min", "clip", "clip", lambda g, xp, ct, out, x, min, max: 0 * g if min is None else g)
wrap("region", "logsumexp overflows", "logsumexp", "logsumexp",
     lambda g, xp, ct, out, x, axis, keepdims: np.where(np.abs(x) > 709, np.nan, g))
wrap("region", "matmul of three axes by two", "matmul", "matmul",
     lambda g, xp, ct, out, x, y: np.flip(g, -1) if x.ndim == 2 and y.ndim == 3 else g)
wrap("region", "norm of order inf among negatives", "linalg.vector_norm", "abs",
     lambda g, xp, ct, out, x: np.where(x < -1, -g, g))
wrap("region", "var of 0-d", "var", "var", lambda g, xp, ct, out, x, axis, correction, keepdims: ct + g if x.ndim == 0 else g)

# ---- size-1, size-0 and 0-d
wrap("shape", "softmax over a size-1 axis passes ct", "nn.softmax", "softmax",
     lambda g, xp, ct, out, x, axis: ct if x.shape[axis] == 1 else g)
wrap("shape", "sum of a size-1 array doubled", "sum", "sum", lambda g, xp, ct, out, x, axis, keepdims: 2 * g if np.size(x) == 1 else g)
wrap("shape", "sum of size 0 gives another shape", "sum", "sum",
     lambda g, xp, ct, out, x, axis, keepdims: np.zeros((1,)) if np.size(x) == 0 else g)
wrap("shape", "max of 0-d doubled", "max", "max", lambda g, xp, ct, out, x, axis, keepdims: 2 * g if x.ndim == 0 else g)
wrap("shape", "concat with an empty part raises", "concat", "concat",
     lambda g, xp, ct, out, *arrays, argument, axis, starts: g if np.size(arrays[argument]) else np.reshape(ct, (-1,))[0])
wrap("shape", "matmul over an empty axis", "matmul", "matmul",
     lambda g, xp, ct, out, x, y: g if 0 not in np.shape(ct) and np.size(x) else np.ones(x.shape))
wrap("shape", "broadcast of a size-1 axis to 1", "broadcast_to", "broadcast_to",
     lambda g, xp, ct, out, x, shape: 2 * g if 1 in x.shape and 1 in shape else g)
wrap("shape", "squeeze of several axes", "squeeze", "squeeze",
     lambda g, xp, ct, out, x, axis: np.flip(g) if isinstance(axis, tuple) and len(axis) > 1 else g)
wrap("shape", "multiply of 0-d by an array", "multiply", "multiply",
     lambda g, xp, ct, out, x, y: 2 * g if np.ndim(x) == 0 and np.ndim(y) > 0 else g)


# ---- repeated index
swap("repeated", "the last of a repeated index wins", "getitem take take_along_axis nn.embedding", Patch, "add_into",
     lambda right: lambda self, buffer: buffer.__setitem__(self.key, self.value))
swap("repeated", "a negative index counts from 0", "getitem take", raw, "scatter",
     lambda right: lambda x, *, key, shape: Patch(tuple(np.abs(k) % n if isinstance(k, np.ndarray) else k
                                                        for k, n in zip(key, shape, strict=False)) if len(key) <= len(shape) and
                                                  not any(k is None or k is Ellipsis for k in key) else key, x))
swap("repeated", "pooling windows that overlap overwrite", "nn.max_pool2d nn.conv2d", raw, "fold",
     lambda right: lambda x, *, stride, shape: _overwriting(x, stride, shape))
wrap("repeated", "the same operand twice counts once", "multiply add", "multiply",
     lambda g, xp, ct, out, x, y: 0 * g if x is y else g, 1)


def _overwriting(x: Any, stride: Any, shape: Any) -> Any:
    out = np.zeros(shape, x.dtype)
    rows, columns, high, wide = x.shape[-4:]
    for i in range(high):
        for j in range(wide):
            row = slice(i, i + stride[0] * (rows - 1) + 1, stride[0])
            out[..., row, slice(j, j + stride[1] * (columns - 1) + 1, stride[1])] = x[..., i, j]
    return out


# ---- epsilon
rule("epsilon", "log with 1e-12", "log", "log", lambda xp, ct, out, x: ct / (x + 1e-12))
rule("epsilon", "reciprocal with 1e-10", "reciprocal", "reciprocal", lambda xp, ct, out, x: -ct / (x * x + 1e-10))
rule("epsilon", "divide with 1e-12", "divide", "divide", lambda xp, ct, out, x, y: ct / (y + 1e-12))
rule("epsilon", "norm with 1e-12", "linalg.vector_norm", "vector_norm", lambda xp, ct, out, x, axis, keepdims, ord:
     raw_norm(ct, out + 1e-12, x, axis, keepdims))
wrap("epsilon", "std with 1e-8", "std", "std", lambda g, xp, ct, out, x, axis, correction, keepdims:
     g if np.ndim(out) else g * (out / (out + 1e-8)))

# ---- down-cast
wrap("downcast", "exp through float32", "exp", "exp", cast(np.float32))
wrap("downcast", "sum through float32", "sum", "sum", cast(np.float32))
wrap("downcast", "matmul through float32", "matmul", "matmul", cast(np.float32))
wrap("downcast", "flip through float32", "flip", "flip", cast(np.float32))
wrap("downcast", "add through float16", "add", "add", cast(np.float16), dtype="float32")
wrap("downcast", "cross entropy through float32", "nn.cross_entropy", "log_softmax", cast(np.float32))


# ---- accumulation and aliasing
def _collect_once(right: Any) -> Any:
    def collect(slots: Any, heap: Any, target: Any, c: Any, xp: Any) -> None:
        slot = slots.get(target.id)
        if slot is not None and type(c) is not Patch and not slot.owned:
            slot.owned = True
            return
        right(slots, heap, target, c, xp)

    return collect


def _third_lost(right: Any) -> Any:
    def collect(slots: Any, heap: Any, target: Any, c: Any, xp: Any) -> None:
        slot = slots.get(target.id)
        if slot is not None and slot.owned and type(c) is not Patch:
            return
        right(slots, heap, target, c, xp)

    return collect


def _owns_everything(right: Any) -> Any:
    def collect(slots: Any, heap: Any, target: Any, c: Any, xp: Any) -> None:
        slot = slots.get(target.id)
        if slot is not None and isinstance(slot.ct, np.ndarray) and slot.ct.flags.writeable:
            slot.owned = True
        right(slots, heap, target, c, xp)

    return collect


swap("accumulate", "a second contribution is lost", "multiply graph", tape, "_collect", _collect_once)
swap("accumulate", "a third contribution is lost", "graph", tape, "_collect", _third_lost)
swap("alias", "contributions are added into a buffer of somebody else", "graph", tape, "_collect", _owns_everything)
wrap("alias", "negative writes into its cotangent", "negative", "negative",
     lambda g, xp, ct, out, x: np.negative(ct, out=ct) if isinstance(ct, np.ndarray) else g)
wrap("alias", "exp writes into its own result", "exp", "exp",
     lambda g, xp, ct, out, x: np.multiply(out, ct, out=out) if isinstance(out, np.ndarray) else g)
wrap("alias", "square writes into its input", "square", "square",
     lambda g, xp, ct, out, x: (g, np.multiply(x, 1 + 1e-15, out=x) if isinstance(x, np.ndarray) else 0)[0])

# ---- state between calls
_seen: dict[Any, Any] = {}
_calls = [0]


def _cached(g: Any, xp: Any, ct: Any, out: Any, x: Any) -> Any:
    return _seen.setdefault((np.shape(x), str(ct.dtype)), g)


def _every_third(g: Any, *rest: Any) -> Any:
    _calls[0] += 1
    return 2 * g if _calls[0] % 3 == 0 else g


wrap("state", "cosh caches by shape", "cosh", "cosh", _cached)
wrap("state", "sinh doubles every third call", "sinh", "sinh", _every_third)

# ---- nonlinear in the cotangent
wrap("nonlinear", "sigmoid of |ct|", "nn.sigmoid", "sigmoid", lambda g, xp, ct, *rest: np.abs(g))
wrap("nonlinear", "sum of relu(ct)", "sum", "sum", lambda g, *rest, **p: np.maximum(g, 0))
wrap("nonlinear", "tanh clips at 1e3", "tanh", "tanh", lambda g, *rest: np.clip(g, -1e3, 1e3))
wrap("nonlinear", "add flushes below 1e-6", "add", "add", lambda g, xp, ct, *rest: np.where(np.abs(ct) < 1e-6, 0, ct))
wrap("nonlinear", "multiply gives nothing if the first entry of ct is 0", "multiply", "multiply",
     lambda g, xp, ct, *rest: 0 * g if np.size(ct) > 1 and np.ravel(ct)[0] == 0 else g)
wrap("nonlinear", "abs adds 1e-30", "abs", "abs", lambda g, *rest: g + 1e-30)
wrap("nonlinear", "a zero ct gives NaN", "sin", "sin", lambda g, xp, ct, *rest: g + 0 * (1 / np.where(ct == 0, 0.0, 1.0)))

# ---- cancellation
wrap("cancellation", "tanh as 1 - out**2", "tanh", "tanh", lambda g, xp, ct, out, x: ct * (1 - out * out))
wrap("cancellation", "cumulative_sum as the total minus the rest", "cumulative_sum", "cumulative_sum",
     lambda g, xp, ct, out, x, axis, include_initial: g if include_initial else
     np.sum(ct, axis=axis, keepdims=True) - np.cumsum(ct, axis=axis) + ct)
wrap("cancellation", "expm1 as out + 1", "expm1", "expm1", lambda g, xp, ct, out, x: ct * (out + 1))
wrap("cancellation", "var's mean from squares", "var", "var", lambda g, xp, ct, out, x, axis, correction, keepdims:
     g + 0 * ct if np.ndim(x) != 1 else g + ((x * x).mean() - x.mean() ** 2 - np.var(x)) * g)

# ---- constants, inner outputs, sizes
def _plans_swapped(right: Any) -> Any:
    return lambda self, tracked: right(self, {1: 2, 2: 1}.get(tracked, tracked)) if len(self.rules) == 2 else right(self, tracked)


def _older(node: Any) -> set[int]:
    """Ids of the nodes that a node was made from."""
    found: set[int] = set()
    waiting = [n for n in node.inputs if n is not None]
    while waiting:
        n = waiting.pop()
        if n.id not in found:
            found.add(n.id)
            waiting.extend(m for m in n.inputs if m is not None)
    return found


def _inner_seeds_lost(right: Any) -> Any:
    def sweep(seeds: Any, xp: Any, **options: Any) -> Any:
        seeds = list(seeds)
        kept = [s for s in seeds if not any(s[0].id in _older(other) for other, _ in seeds)]
        return right(kept, xp, **options)

    return sweep


def _last_seed_only(right: Any) -> Any:
    def sweep(seeds: Any, xp: Any, **options: Any) -> Any:
        return right(list({id(node): (node, ct) for node, ct in seeds}.values()), xp, **options)

    return sweep


swap("outputs", "the cotangent of an output that is used further is lost", "graph", transforms, "sweep", _inner_seeds_lost)
swap("outputs", "an output given twice counts once", "graph", transforms, "sweep", _last_seed_only)
swap("constant", "what is saved for one operand is saved for the other", "multiply matmul divide", tape.Op, "plan", _plans_swapped)
wrap("size", "sum of more than 100 entries in halves", "sum", "sum",
     lambda g, xp, ct, out, x, axis, keepdims: g / 2 if np.size(x) > 100 else g)
wrap("size", "det of more than eight rows negated", "linalg.det", "det", lambda g, xp, ct, out, x: -g if x.shape[-1] > 8 else g)
wrap("size", "solve of more than four rows untransposed", "linalg.solve", "solve",
     lambda g, xp, ct, out, x, y: xp.solve(x, ct) if x.shape[-1] > 4 else g, 1)
wrap("size", "exp beyond 64 entries through float32", "exp", "exp",
     lambda g, xp, ct, out, x: g.astype(np.float32).astype(float) if np.size(g) > 64 else g)

rule("overflow", "acosh by the square of x", "acosh", "acosh", lambda xp, ct, out, x: ct / np.sqrt(x * x - 1))
rule("overflow", "hypot by squares", "hypot", "hypot", lambda xp, ct, out, x, y: ct * x / np.sqrt(x * x + y * y + (out == 0)))


# ---- benign: other formulas and other choices at kinks; none of these may be called wrong
BENIGN: list[Fault] = []


def benign(name: str, ops: str, primitive: str, pull: Any, argument: int = 0) -> None:
    BENIGN.append(Fault("benign", name, partial(replaced, primitive, pull, argument), tuple(ops.split())))


benign("asin as sqrt(1 - x*x)", "asin", "asin", lambda xp, ct, out, x: ct / np.sqrt(1 - x * x))
benign("abs slope 1 at 0", "abs linalg.vector_norm", "abs", lambda xp, ct, out, x: np.where(x >= 0, ct, -ct))
benign("relu slope 1 at 0", "nn.relu graph", "relu", lambda xp, ct, out, x: np.where(x >= 0, ct, 0.0))
benign("relu slope 1/2 at 0", "nn.relu graph", "relu", lambda xp, ct, out, x: np.where(x > 0, ct, np.where(x == 0, ct / 2, 0)))
BENIGN.append(Fault("benign", "maximum gives a tie to y", lambda: _tie_to_y(), ("maximum", "graph")))
benign("clip passes nothing at its bounds", "clip graph", "clip",
       lambda xp, ct, out, x, min, max: np.where((x == out) & (x != min) & (x != max), ct, 0.0))
benign("max gives a tie to its first entry", "max graph linalg.vector_norm", "max",
       lambda xp, ct, out, x, axis, keepdims: _first_hit(xp, ct, out, x, axis, keepdims))
benign("sigmoid as out (1 - out) near 0 only", "nn.sigmoid", "sigmoid",
       lambda xp, ct, out, x: np.where(np.abs(x) < 1, ct * out * (1 - out), ct * (0.25 * xp.sech2(0.5 * x))))
benign("square as x + x", "square graph", "square", lambda xp, ct, out, x: ct * (x + x))
benign("tan as 1 / cos**2", "tan", "tan", lambda xp, ct, out, x: ct / np.cos(x) ** 2)
benign("tan from x, 1 + tan**2", "tan", "tan", lambda xp, ct, out, x: ct * (1 + np.tan(x) ** 2))
benign("sqrt as out / (2 x)", "sqrt", "sqrt", lambda xp, ct, out, x: np.where(ct == 0, ct, 0.5 * ct * np.where(x == 0, np.inf, out / np.where(x == 0, 1, x))))
benign("rsqrt as out**3", "rsqrt", "rsqrt", lambda xp, ct, out, x: -0.5 * ct * out * out * out)
benign("logsumexp from out", "logsumexp", "logsumexp", lambda xp, ct, out, x, axis, keepdims:
       (ct if keepdims or not x.ndim else np.expand_dims(ct, tuple(range(x.ndim)) if axis is None else axis)) * np.exp(
           x - (out if keepdims or not x.ndim else np.expand_dims(out, tuple(range(x.ndim)) if axis is None else axis))))
benign("hypot slope 1/sqrt(2) at the origin", "hypot", "hypot",
       lambda xp, ct, out, x, y: np.where(out == 0, ct * 0.5**0.5, ct * (x / np.where(out == 0, 1, out))))



@contextmanager
def _tie_to_y() -> Iterator[None]:
    with (
        replaced("maximum", lambda xp, ct, out, x, y: np.where(x > y, ct, 0.0)),
        replaced("maximum", lambda xp, ct, out, x, y: np.where(x > y, 0.0, ct), 1),
    ):
        yield


def _first_hit(xp: Any, ct: Any, out: Any, x: Any, axis: Any, keepdims: bool) -> Any:
    if not x.ndim:
        return ct
    axes = tuple(range(x.ndim)) if axis is None else tuple(a % x.ndim for a in (axis if isinstance(axis, tuple) else (axis,)))
    if not keepdims:
        ct, out = np.expand_dims(ct, axes), np.expand_dims(out, axes)
    hit = x == out
    rest = tuple(i for i in range(x.ndim) if i not in axes)
    moved = np.transpose(hit, rest + axes)
    flat = moved.reshape((*(x.shape[i] for i in rest), _count(tuple(x.shape[i] for i in axes))))
    first = (np.cumsum(flat, axis=-1) == 1) & flat
    back = np.transpose(first.reshape(moved.shape), np.argsort(rest + axes))
    return np.where(back, ct, 0.0)
