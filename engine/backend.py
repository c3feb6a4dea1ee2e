"""The raw array namespace: NumPy under array-API names, and the kernels NumPy has not.

Every op of the engine has its kernel here under the op's last name (``linalg.inv`` is ``inv``). A rule is handed
this namespace (``raw``) when it runs on plain arrays, and ``functions.recorded`` when it is itself recorded.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from scipy import special

Axis = int | tuple[int, ...] | None
Raw = Any  # a NumPy array, or the NumPy scalar that NumPy makes of a 0-d result

DIFFERENTIABLE = (np.dtype(np.float64), np.dtype(np.float32))

# ---- floating-point errors are results here (inf, nan), never Python warnings

try:  # np.errstate costs 0.8 us an op; setting its context variable directly costs 0.2
    from numpy._core import umath

    error_state: Any = umath._extobj_contextvar
    IGNORE: Any = umath._make_extobj(all="ignore")
except (ImportError, AttributeError):  # pragma: no cover - a NumPy that keeps its error state elsewhere
    IGNORE = object()
    error_state = ContextVar("error_state", default=None)


@contextmanager
def quiet() -> Iterator[None]:
    """Overflow, division by zero and invalid operations give inf and nan, without a warning."""
    if error_state.get() is IGNORE:
        yield
        return
    with np.errstate(all="ignore"):
        token = error_state.set(IGNORE)
        try:
            yield
        finally:
            error_state.reset(token)


# ---- elementwise


def rsqrt(x: Raw) -> Raw:
    return 1.0 / np.sqrt(x)


def sech2(x: Raw) -> Raw:
    """1 / cosh(x)**2 with full relative accuracy in the tails, where 1 - tanh(x)**2 has none."""
    e = np.exp(-2.0 * np.abs(x))
    return 4.0 * e / np.square(1.0 + e)


def power_slope(x: Raw, y: Raw) -> Raw:
    """d pow(x, y) / dx = y x**(y - 1), without the rounding of y - 1 where x**y / x is in range."""
    x, y = np.asarray(x), np.asarray(y)
    value = np.power(x, y)
    info = np.finfo(value.dtype)
    safe = (x != 0) & (np.abs(value) > info.tiny / info.eps) & (np.abs(value) < info.max)
    direct = y * np.power(x, np.where(y == 0, 0.0, y - 1.0))
    return np.where(safe, y * (value / x), direct)


def relu(x: Raw) -> Raw:
    return np.maximum(x, 0.0)


def softplus(x: Raw) -> Raw:
    return np.logaddexp(x, 0.0)


def xlogy(x: Raw, y: Raw) -> Raw:
    dtype = np.result_type(x, y)  # scipy.special takes a Python number for a float64
    return special.xlogy(np.asarray(x, dtype), np.asarray(y, dtype))


def leaky_relu(x: Raw, *, negative_slope: float) -> Raw:
    return np.where(x > 0, x, negative_slope * x)


def elu(x: Raw, *, alpha: float) -> Raw:
    return np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0.0)))


def clip(x: Raw, *, min: float | None, max: float | None) -> Raw:
    return np.clip(x, min, max)


def astype(x: Raw, *, dtype: Any) -> Raw:
    return np.asarray(x).astype(dtype)


def guard(ct: Raw, at: Raw, value: Raw) -> Raw:
    """``value``, but 1 where ``ct`` and ``at`` are both 0: there a slope is infinite, and nothing flows through it."""
    if np.count_nonzero(at) == np.size(at):
        return value
    return np.where((np.asarray(ct) == 0) & (np.asarray(at) == 0), np.ones((), ct.dtype), value)


# ---- reductions

_total: Any = np.add.reduce  # half the overhead of np.sum
_greatest: Any = np.maximum.reduce
_least: Any = np.minimum.reduce


def count(shape: tuple[int, ...], axis: Axis) -> int:
    """How many entries each result of a reduction of ``shape`` over ``axis`` collects."""
    axes = range(len(shape)) if axis is None else (axis,) if isinstance(axis, int) else axis
    return math.prod(shape[a] for a in axes)


def sum_(x: Raw, *, axis: Axis = None, keepdims: bool = False) -> Raw:
    return _total(x, axis=axis, keepdims=keepdims)


def mean(x: Raw, *, axis: Axis = None, keepdims: bool = False) -> Raw:
    return np.true_divide(_total(x, axis=axis, keepdims=keepdims), count(x.shape, axis))


def centred(x: Raw, *, axis: Axis) -> Raw:
    """x less its mean. The mean is corrected once by that of the differences, so that constants give exactly 0."""
    middle = mean(x, axis=axis, keepdims=True)
    return x - (middle + mean(x - middle, axis=axis, keepdims=True))


def var(x: Raw, *, axis: Axis, correction: float, keepdims: bool) -> Raw:
    total = _total(np.square(centred(x, axis=axis)), axis=axis, keepdims=keepdims)
    return np.true_divide(total, max(count(x.shape, axis) - correction, 0))


def std(x: Raw, *, axis: Axis, correction: float, keepdims: bool) -> Raw:
    norm = vector_norm(centred(x, axis=axis), axis=axis, keepdims=keepdims, ord=2)
    return np.true_divide(norm, math.sqrt(max(count(x.shape, axis) - correction, 0)))


def max_(x: Raw, *, axis: Axis = None, keepdims: bool = False) -> Raw:
    return _greatest(x, axis=axis, keepdims=keepdims)


def min_(x: Raw, *, axis: Axis = None, keepdims: bool = False) -> Raw:
    return _least(x, axis=axis, keepdims=keepdims)


def ties(mask: Raw, *, axis: Axis, dtype: Any) -> Raw:
    """How many entries of ``mask`` are set along ``axis``, kept as size 1."""
    return _total(mask, axis=axis, keepdims=True, dtype=dtype)


def _peak(x: Raw, axis: Axis, start: float) -> Raw:
    """The largest entry along ``axis``, kept as size 1; 0 where that is infinite, so that it can be subtracted."""
    top = _greatest(x, axis=axis, keepdims=True, initial=start)
    return np.where(np.isfinite(top), top, np.zeros((), x.dtype))


def logsumexp(x: Raw, *, axis: Axis, keepdims: bool) -> Raw:
    top = _peak(x, axis, -np.inf)
    out = np.log(_total(np.exp(x - top), axis=axis, keepdims=True)) + top
    return out if keepdims else np.squeeze(out, axis=axis if axis is not None else tuple(range(x.ndim)))


def softmax(x: Raw, *, axis: Axis) -> Raw:
    e = np.exp(x - _peak(x, axis, -np.inf))
    return e / _total(e, axis=axis, keepdims=True)


def log_softmax(x: Raw, *, axis: Axis) -> Raw:
    shifted = x - _peak(x, axis, -np.inf)
    return shifted - np.log(_total(np.exp(shifted), axis=axis, keepdims=True))


def vector_norm(x: Raw, *, axis: Axis, keepdims: bool, ord: float) -> Raw:
    """The norm of entries scaled by the largest, so that no power overflows or underflows."""
    size = np.abs(x)
    top = _peak(size, axis, 0.0)
    top = np.where(top == 0, np.ones((), x.dtype), top)
    scaled = size / top
    total = _total(scaled * scaled if ord == 2 else scaled**ord, axis=axis, keepdims=True)
    out = top * (np.sqrt(total) if ord == 2 else total ** (1.0 / ord))
    return out if keepdims else np.squeeze(out, axis=axis if axis is not None else tuple(range(x.ndim)))


def cumulative_sum(x: Raw, *, axis: int, include_initial: bool) -> Raw:
    return np.cumulative_sum(x, axis=axis, include_initial=include_initial)


# ---- shape


def reshape(x: Raw, *, shape: tuple[int, ...]) -> Raw:
    return np.asarray(x).reshape(shape)


def broadcast_to(x: Raw, *, shape: tuple[int, ...]) -> Raw:
    x = np.asarray(x)
    if math.prod(shape) > 4096:
        return np.broadcast_to(x, shape)
    out = np.empty(shape, x.dtype)  # np.broadcast_to costs 4 us; writing a small array costs 0.5
    out[...] = x
    return out


def squeeze(x: Raw, *, axis: int | tuple[int, ...]) -> Raw:
    return np.squeeze(x, axis=axis)


def flip(x: Raw, *, axis: Axis) -> Raw:
    return np.flip(x, axis=axis)


def roll(x: Raw, *, shift: int | tuple[int, ...], axis: Axis) -> Raw:
    return np.roll(x, shift, axis=axis)


def permute_dims(x: Raw, *, axes: tuple[int, ...]) -> Raw:
    return np.permute_dims(x, axes)


def expand_dims(x: Raw, *, axis: int | tuple[int, ...]) -> Raw:
    return np.expand_dims(x, axis)


def concat(*arrays: Raw, axis: int, starts: tuple[int, ...]) -> Raw:
    return np.concatenate(arrays, axis=axis)


def pad(x: Raw, *, pad_width: tuple[tuple[int, int], ...], value: float) -> Raw:
    out = np.full([before + n + after for n, (before, after) in zip(x.shape, pad_width, strict=True)], value, x.dtype)
    out[inner(x.shape, pad_width)] = x
    return out


def inner(shape: tuple[int, ...], pad_width: tuple[tuple[int, int], ...]) -> tuple[slice, ...]:
    """The key of the part of a padded array that is not padding."""
    return tuple(slice(before, before + n) for n, (before, _) in zip(shape, pad_width, strict=True))


def tril(x: Raw, *, k: int) -> Raw:
    return np.tril(x, k)


def triu(x: Raw, *, k: int) -> Raw:
    return np.triu(x, k)


def diagonal(x: Raw, *, offset: int) -> Raw:
    return np.linalg.diagonal(x, offset=offset)


def embed_diagonal(x: Raw, *, offset: int, shape: tuple[int, ...]) -> Raw:
    """An array of zeros of ``shape`` whose diagonal is ``x``: the transpose of ``diagonal``."""
    x = np.asarray(x)
    out = np.zeros(shape, x.dtype)
    row = np.arange(x.shape[-1])
    out[..., row + max(-offset, 0), row + max(offset, 0)] = x
    return out


# ---- indexing


class Patch:
    """A cotangent that is zero but at ``key``: the sweep adds it into a buffer it owns, so n slices cost n, not n**2."""

    __slots__ = ("key", "value")

    def __init__(self, key: tuple[Any, ...], value: Raw) -> None:
        self.key, self.value = key, value

    def add_into(self, buffer: Raw) -> None:
        if any(isinstance(part, np.ndarray) for part in self.key):
            np.add.at(buffer, self.key, self.value)  # an index array may name an entry twice
        else:
            buffer[self.key] += self.value


def getitem(x: Raw, *, key: tuple[Any, ...]) -> Raw:
    return x[key]


def scatter(x: Raw, *, key: tuple[Any, ...], shape: tuple[int, ...]) -> Raw:
    """Zeros of ``shape`` with ``x`` added at ``key``: the transpose of ``getitem``."""
    out = np.zeros(shape, x.dtype)
    Patch(key, x).add_into(out)
    return out


def patch(x: Raw, *, key: tuple[Any, ...], shape: tuple[int, ...]) -> Patch:
    return Patch(key, x)


def windows(x: Raw, *, window: tuple[int, int], stride: tuple[int, int]) -> Raw:
    """Every window over the last two axes, as a view of shape (..., rows, columns, *window)."""
    view = sliding_window_view(x, window, axis=(-2, -1))
    return view[..., :: stride[0], :: stride[1], :, :]


def fold(x: Raw, *, stride: tuple[int, int], shape: tuple[int, ...]) -> Raw:
    """Windows added back where they came from: the transpose of ``windows``."""
    out = np.zeros(shape, x.dtype)
    rows, columns, high, wide = x.shape[-4:]
    for i in range(high):
        for j in range(wide):
            row = slice(i, i + stride[0] * (rows - 1) + 1, stride[0])
            out[..., row, slice(j, j + stride[1] * (columns - 1) + 1, stride[1])] += x[..., i, j]
    return out


# ---- linear algebra


def row_scale(x: Raw) -> Raw:
    """Powers of two, as a column, that bring the largest entry of each row of x to between 1/2 and 1."""
    _, exponent = np.frexp(_greatest(np.abs(x), axis=-1, keepdims=True, initial=0.0))
    return np.ldexp(np.ones((), x.dtype), -exponent)


def cholesky_pullback(ct: Raw, out: Raw) -> Raw:
    """The cotangent of the matrix, by undoing the factorisation column by column.

    The closed formula (``functions.linalg.cholesky_pullback``, for when this is itself recorded) lets entries of a
    cotangent meet and cancel that the algorithm keeps apart, and loses digits when they differ in size.
    Source: Murray, Differentiation of the Cholesky decomposition, 2016, the level-2 routine.
    """
    bar = np.tril(ct)
    for j in range(out.shape[-1] - 1, -1, -1):
        pivot, row, below = out[..., j, j], out[..., j : j + 1, :j], out[..., j + 1 :, j]
        bar[..., j, j] -= _total(below * bar[..., j + 1 :, j], axis=-1) / pivot
        bar[..., j:, j] /= pivot[..., None]
        bar[..., j, :j] -= np.matmul(bar[..., None, j:, j], out[..., j:, :j])[..., 0, :]
        bar[..., j + 1 :, :j] -= bar[..., j + 1 :, j, None] * row
        bar[..., j, j] *= 0.5
    return 0.5 * (bar + np.matrix_transpose(bar))


def contract(*operands: Raw, terms: tuple[str, ...], result: str) -> Raw:
    costly = len(operands) > 1 and max(np.size(x) for x in operands) > 4096
    return np.einsum(",".join(terms) + "->" + result, *operands, optimize=costly)


# ---- the namespace

_NUMPY = """abs acos acosh add asin asinh atan atan2 atanh copysign cos cosh divide exp expm1 hypot log log10 log1p log2
    logaddexp isfinite matmul matrix_transpose maximum minimum multiply negative pow reciprocal sign sin sinh sqrt square subtract
    tan tanh where zeros_like"""

kernels: dict[str, Any] = {name: getattr(np, name) for name in _NUMPY.split()}
kernels |= {name: getattr(np.linalg, name) for name in ("cholesky", "det", "inv", "solve")}
kernels |= {"erf": special.erf, "erfc": special.erfc, "sigmoid": special.expit}
kernels |= {"sum": sum_, "max": max_, "min": min_}
_own: Sequence[Any] = (
    rsqrt, sech2, power_slope, xlogy, relu, softplus, leaky_relu, elu, clip, astype, mean, var, std, logsumexp, softmax,
    log_softmax, vector_norm, cumulative_sum, reshape, broadcast_to, squeeze, flip, roll, permute_dims, expand_dims,
    concat, pad, tril, triu, diagonal, embed_diagonal, getitem, scatter, windows, fold, contract, ties, guard, centred,
    cholesky_pullback, row_scale,
)  # fmt: skip
kernels |= {kernel.__name__: kernel for kernel in _own}

raw = SimpleNamespace(**kernels | {"scatter": patch})
