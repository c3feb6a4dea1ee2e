"""What ATen's ops mean on NumPy arrays, or on what dispatches as they do: one line an op, read by ``torch_import``."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise, product
from typing import Any

import numpy as np
import scipy.special
import torch

from gradproof.oracles.errors import Unsupported

Axes = int | Sequence[int] | None


def _axis(dim: Axes) -> Any:
    """An axis, a tuple of axes, or None for all: PyTorch writes that as no axis, or as none in a list."""
    return None if dim is None or (isinstance(dim, list | tuple) and not dim) else tuple(dim) if isinstance(dim, list | tuple) else dim


def _reduced(reduce: Callable[..., Any]) -> Callable[..., Any]:
    return lambda x, dim=None, keepdim=False, **_: reduce(x, axis=_axis(dim), keepdims=keepdim)


def _extreme(reduce: Callable[..., Any]) -> Callable[..., Any]:
    """max or min: of two arrays, of all entries, or along an axis, with places that nobody can read here."""

    def call(x: Any, dim: Any = None, keepdim: bool = False, **_: Any) -> Any:
        found = reduce(x, axis=dim, keepdims=keepdim)
        return found if dim is None else (found, None)

    return call


def _plain(function: Callable[..., Any], takes: int = 2) -> Callable[..., Any]:
    return lambda *xs, **_: function(*xs[:takes])


def _scaled(sign: float) -> Callable[..., Any]:
    """add or sub, whose second operand may come with a factor."""
    return lambda x, y, alpha=1, **_: x + sign * (y if alpha == 1 else alpha * y)


def _power(x: Any, y: Any, **_: Any) -> Any:
    """A small whole power by products, as PyTorch's own slope at 0 is that of products."""
    if isinstance(y, float | int) and float(y).is_integer() and 0 <= y <= 8:
        out = None
        for _step in range(int(y)):
            out = x if out is None else out * x
        return x * 0.0 + 1.0 if out is None else out
    return np.power(x, y)


def _divided(x: Any, y: Any, rounding_mode: str | None = None, **_: Any) -> Any:
    if rounding_mode is not None:
        raise Unsupported("div that rounds")
    return x / y


def _clamp(x: Any, low: Any = None, high: Any = None, **named: Any) -> Any:
    low, high = named.get("min", low), named.get("max", high)
    x = x if low is None else np.maximum(x, low)
    return x if high is None else np.minimum(x, high)


def _equal(x: Any, y: Any, **_: Any) -> Any:
    """Nothing that is followed equals an infinity: a softmax asks, for rows that are masked as a whole."""
    return np.zeros(np.shape(x), bool) if isinstance(y, float) and math.isinf(y) else np.equal(x, y)


def _copied(x: Any, *_: Any, dtype: Any = None, **__: Any) -> Any:
    if dtype is not None and dtype not in (torch.float64, torch.float32):
        if getattr(np.asarray(x), "dtype", None) == object or dtype.is_floating_point:
            raise Unsupported(f"a conversion to {str(dtype).removeprefix('torch.')}")
        return np.asarray(x).astype(str(dtype).removeprefix("torch."))
    return x.astype(float) if getattr(x, "dtype", None) is not None and x.dtype.kind in "biu" and dtype is not None else x


def _slice(x: Any, dim: int = 0, start: int | None = None, end: int | None = None, step: int = 1) -> Any:
    return x[(slice(None),) * (dim % x.ndim) + (slice(start, None if end is None or end > x.shape[dim] else end, step),)]


def _expand(x: Any, size: Sequence[int], **_: Any) -> Any:
    lead = len(size) - np.ndim(x)
    return np.broadcast_to(x, [np.shape(x)[i - lead] if n == -1 else n for i, n in enumerate(size)])


def _full(value: Any, shape: Sequence[int]) -> Any:
    return np.full(tuple(shape), value)


def _arange(*ends: Any, dtype: Any = None, **_: Any) -> Any:
    return np.arange(*ends).astype(float) if dtype is not None and dtype.is_floating_point else np.arange(*ends)


def _var(x: Any, dim: Axes = None, correction: Any = 1, keepdim: bool = False, **_: Any) -> Any:
    return np.var(x, axis=_axis(dim), ddof=1 if correction is None else correction, keepdims=keepdim)


def _norm(x: Any, ord: Any = 2, dim: Axes = None, keepdim: bool = False, **_: Any) -> Any:
    return np.linalg.norm(x if dim is not None else x.reshape(-1), ord=ord, axis=_axis(dim) if dim is not None else 0, keepdims=keepdim and dim is not None)


def _split(x: Any, size: Any, dim: int = 0) -> Any:
    sizes = [size] * math.ceil(x.shape[dim] / size) if isinstance(size, int) else list(size)
    ends = np.cumsum([0, *sizes])
    return [_slice(x, dim, int(a), int(b)) for a, b in pairwise(ends)]


def _index(x: Any, places: Sequence[Any], **_: Any) -> Any:
    return x[tuple(slice(None) if p is None else np.asarray(p) for p in places)]


def _padded(x: Any, pads: Sequence[int], value: float = 0.0) -> Any:
    """Zeros (or a number) around the last axes; PyTorch names the last axis first."""
    for i in range(len(pads) // 2):
        axis = x.ndim - 1 - i
        for count, last in ((pads[2 * i], False), (pads[2 * i + 1], True)):
            if count < 0:
                raise Unsupported("a pad that cuts")
            if count:
                edge = np.full((*x.shape[:axis], count, *x.shape[axis + 1 :]), float(value))
                x = np.concatenate([x, edge] if last else [edge, x], axis=axis)
    return x


def _convolution(
    x: Any, w: Any, bias: Any, stride: Sequence[int], padding: Sequence[int], dilation: Sequence[int], turned: bool, _: Any, groups: int
) -> Any:
    """A convolution as a sum over the places of its kernel."""
    if turned:
        raise Unsupported("a transposed convolution")
    rank = w.ndim - 2
    x = _padded(x, [p for p in reversed(list(padding)) for _side in (0, 1)])
    out = [(n - d * (k - 1) - 1) // s + 1 for n, k, d, s in zip(x.shape[2:], w.shape[2:], dilation, stride, strict=True)]
    rows = w.shape[0] // groups
    parts: list[Any] = []
    for g in range(groups):
        own, weight = x[:, g * w.shape[1] : (g + 1) * w.shape[1]], w[g * rows : (g + 1) * rows]
        total: Any = None
        for at in product(*(range(k) for k in w.shape[2:])):
            window = own[(slice(None), slice(None), *(slice(a * d, a * d + s * (n - 1) + 1, s) for a, d, s, n in zip(at, dilation, stride, out, strict=True)))]
            term = np.einsum("nc...,oc->no...", window, weight[(slice(None), slice(None), *at)])
            total = term if total is None else total + term
        parts.append(total)
    whole = np.concatenate(parts, axis=1)
    return whole if bias is None else whole + bias.reshape((1, -1) + (1,) * rank)


def _pooled(x: Any, kernel: Sequence[int], stride: Sequence[int] = (), padding: Any = 0, dilation: Any = 1, ceil: bool = False) -> Any:
    """The maxima of windows; the places are nobody's to read here."""
    steps = list(stride) or list(kernel)
    if ceil or np.any(np.asarray(padding)) or np.any(np.asarray(dilation) != 1):
        raise Unsupported("a pool with padding, dilation or ceil_mode")
    out = [(n - k) // s + 1 for n, k, s in zip(x.shape[-len(kernel) :], kernel, steps, strict=True)]
    windows = [
        x[(..., *(slice(a, a + s * (n - 1) + 1, s) for a, s, n in zip(at, steps, out, strict=True)))] for at in product(*(range(k) for k in kernel))
    ]
    return np.max(np.stack(windows), axis=0), None


def _gelu(x: Any, approximate: str = "none") -> Any:
    if approximate == "tanh":
        return 0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x * x * x)))
    return x * scipy.special.ndtr(x)


def _first(function: Callable[..., Any]) -> Callable[..., Any]:
    """Of a factorisation that returns more than its result."""
    return lambda *xs, **_: (function(*xs[:2]), None, None, None)


VIEWS = frozenset({"select", "slice", "view", "permute", "transpose", "t", "unsqueeze", "squeeze", "expand", "alias", "diagonal", "as_strided", "split", "unbind", "detach"})
# fmt: off
PRIMITIVES: Mapping[str, Callable[..., Any]] = {
    **{name: _plain(getattr(np, other), 1) for name, other in {
        "neg": "negative", "exp": "exp", "exp2": "exp2", "expm1": "expm1", "log": "log", "log1p": "log1p", "log2": "log2", "log10": "log10", "sqrt": "sqrt",
        "abs": "absolute", "sign": "sign", "sgn": "sign", "sin": "sin", "cos": "cos", "tan": "tan", "asin": "arcsin", "acos": "arccos", "atan": "arctan", "sinh": "sinh",
        "cosh": "cosh", "tanh": "tanh", "asinh": "arcsinh", "acosh": "arccosh", "atanh": "arctanh", "reciprocal": "reciprocal", "logical_not": "logical_not",
    }.items()},
    **{name: _plain(getattr(np, other)) for name, other in {
        "mul": "multiply", "maximum": "maximum", "minimum": "minimum", "atan2": "arctan2", "hypot": "hypot", "logaddexp": "logaddexp", "copysign": "copysign",
        "gt": "greater", "lt": "less", "ge": "greater_equal", "le": "less_equal", "ne": "not_equal", "logical_and": "logical_and",
        "logical_or": "logical_or", "bitwise_and": "logical_and", "bitwise_or": "logical_or", "mm": "matmul", "bmm": "matmul", "mv": "matmul", "dot": "matmul", "matmul": "matmul",
        "outer": "outer",
    }.items()},
    "add": _scaled(1.0), "sub": _scaled(-1.0), "rsub": lambda x, y, alpha=1: y - (x if alpha == 1 else alpha * x), "div": _divided, "true_divide": _divided, "pow": _power,
    "square": lambda x: x * x, "rsqrt": lambda x: 1.0 / np.sqrt(x), "sigmoid": _plain(scipy.special.expit, 1), "erf": _plain(scipy.special.erf, 1),
    "erfc": _plain(scipy.special.erfc, 1), "special_ndtr": _plain(scipy.special.ndtr, 1), "xlogy": _plain(scipy.special.xlogy), "special_xlogy": _plain(scipy.special.xlogy),
    "eq": _equal, "any": _reduced(np.any), "all": _reduced(np.all), "_linalg_check_errors": lambda *_, **__: None, "isnan": lambda x: np.zeros(np.shape(x), bool),
    "relu": lambda x: np.maximum(x, 0.0), "gelu": _gelu, "clamp": _clamp, "clamp_min": lambda x, low: np.maximum(x, low), "clamp_max": lambda x, high: np.minimum(x, high),
    "where": lambda c, x, y: np.where(c, x, y), "masked_fill": lambda x, c, value: np.where(c, value, x),
    "sum": _reduced(np.sum), "mean": _reduced(np.mean), "amax": _reduced(np.max), "amin": _reduced(np.min), "prod": _reduced(np.prod),
    "max": _extreme(np.max), "min": _extreme(np.min), "var": _var, "std": lambda x, *a, **k: np.sqrt(_var(x, *a, **k)),
    "var_mean": lambda x, dim=None, correction=1, keepdim=False, **_: (_var(x, dim, correction, keepdim), np.mean(x, axis=_axis(dim), keepdims=keepdim)),
    "linalg_vector_norm": _norm, "cumsum": lambda x, dim, **_: np.cumsum(x, axis=dim), "sort": lambda x, dim=-1, descending=False, **_: _sorted(x, dim, descending),
    "view": lambda x, shape, **_: np.reshape(x, shape), "_unsafe_view": lambda x, shape: np.reshape(x, shape), "reshape": lambda x, shape: np.reshape(x, shape),
    "permute": lambda x, dims: np.transpose(x, dims), "transpose": lambda x, a, b: np.swapaxes(x, a, b), "t": lambda x: np.transpose(x),
    "unsqueeze": lambda x, dim: np.expand_dims(x, dim), "squeeze": lambda x, dim=None: np.squeeze(x, _ones(x, dim)), "expand": _expand, "cat": lambda xs, dim=0: np.concatenate(xs, axis=dim),
    "stack": lambda xs, dim=0: np.stack(xs, axis=dim), "slice": _slice, "select": lambda x, dim, index: x[(slice(None),) * (dim % x.ndim) + (index,)], "split": _split,
    "split_with_sizes": _split, "unbind": lambda x, dim=0: [np.take(x, i, axis=dim) for i in range(x.shape[dim])], "flip": lambda x, dims: np.flip(x, tuple(dims)),
    "roll": lambda x, shifts, dims=(): np.roll(x, tuple(shifts), tuple(dims) or None), "repeat": lambda x, times: np.tile(x, times),
    "gather": lambda x, dim, places, **_: np.take_along_axis(x, np.asarray(places), dim), "index": _index, "embedding": lambda w, places, *_: w[np.asarray(places)],
    "index_select": lambda x, dim, places: np.take(x, np.asarray(places), axis=dim), "diagonal": lambda x, offset=0, dim1=0, dim2=1: np.diagonal(x, offset, dim1, dim2),
    "constant_pad_nd": _padded, "convolution": _convolution, "max_pool2d_with_indices": _pooled, "max_pool3d_with_indices": _pooled,
    "tril": lambda x, k=0: np.where(_lower(x, k), x, 0.0), "triu": lambda x, k=0: np.where(_lower(x, k - 1), 0.0, x),
    "full": lambda shape, value, **_: _full(value, shape), "full_like": lambda x, value, **_: _full(value, np.shape(x)), "zeros": lambda shape, **_: _full(0.0, shape),
    "ones": lambda shape, **_: _full(1.0, shape), "zeros_like": lambda x, **_: _full(0.0, np.shape(x)), "ones_like": lambda x, **_: _full(1.0, np.shape(x)),
    "scalar_tensor": lambda value, **_: np.asarray(value), "arange": _arange, "_to_copy": _copied, "to": _copied,
    **dict.fromkeys(("clone", "detach", "alias", "contiguous", "lift_fresh_copy", "lift_fresh", "positive"), lambda x, **_: x), "copy": lambda x, y, **_: np.broadcast_to(y, np.shape(x)),
    "_linalg_det": _first(np.linalg.det), "linalg_inv_ex": _first(np.linalg.inv), "linalg_cholesky_ex": _first(np.linalg.cholesky), "_linalg_solve_ex": lambda a, b, **_: (_solved(a, b), None, None, None),
}
# fmt: on


def _lower(x: Any, k: int) -> Any:
    return np.tri(x.shape[-2], x.shape[-1], k, dtype=bool)


def _ones(x: Any, dim: Axes) -> tuple[int, ...]:
    """Those of the axes that are one long."""
    dims = range(x.ndim) if dim is None else (dim,) if isinstance(dim, int) else dim
    return tuple(d % x.ndim for d in dims if x.ndim and x.shape[d] == 1)


def _sorted(x: Any, dim: int, descending: bool) -> Any:
    found = np.sort(x, axis=dim)
    return (np.flip(found, dim) if descending else found), None


def _solved(a: Any, b: Any) -> Any:
    """A right side of one axis is a vector."""
    return np.linalg.solve(a, b[..., None])[..., 0] if b.ndim == 1 else np.linalg.solve(a, b)
