"""MLX as an engine, on its CPU backend: ``mx.vjp`` and ``mx.jvp``, which nest, and ``mx.vmap``."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from types import SimpleNamespace
from typing import Any

import mlx.core as mx
import mlx.nn as mnn
import numpy as np

from gradproof.oracles.adapters.numpy_names import key_of, namespace
from gradproof.oracles.engine import Capabilities, nestings, several
from gradproof.oracles.errors import Unsupported
from gradproof.oracles.graph import Array

DECLINED = re.compile(r"Not implemented for|got unsupported data type|Boolean indices not supported|Cannot calculate VJP with respect to indices")
Values = Sequence[Any]
DTYPES = {"float64": mx.float64, "float32": mx.float32, "float16": mx.float16, "int64": mx.int64, "bool": mx.bool_}


def _clip(x: Any, min: float | None, max: float | None) -> Any:
    return mx.clip(x, min, max)


def _flip(x: Any, axis: Any) -> Any:
    return mx.flip(x, axis)


def _norm(x: Any, axis: Any, keepdims: bool, ord: float) -> Any:
    if axis is None or (isinstance(axis, tuple) and len(axis) != 1):
        raise Unsupported("mx.linalg.norm reads two axes as a matrix")
    return mx.linalg.norm(x, ord, axis, keepdims)


def _cumulative_sum(x: Any, axis: int, include_initial: bool) -> Any:
    if include_initial:
        raise Unsupported("mx.cumsum has no initial zero")
    return mx.cumsum(x, axis=axis)


def _whole(correction: float) -> int:
    if correction != int(correction):
        raise Unsupported("MLX corrects a variance by a whole number")
    return int(correction)


@contextmanager
def _declining() -> Iterator[None]:
    """A primitive that MLX says it has no derivative or no kernel of is unsupported; every other error is an answer."""
    try:
        yield
    except ValueError as error:
        if DECLINED.search(str(error)):
            raise Unsupported(f"MLX: {error}") from error
        raise


EXCEPTIONS: dict[str, Callable[..., Any]] = {
    **{name: getattr(mx, name) for name in ("erf", "rsqrt", "logsumexp", "vecdot", "matrix_transpose", "floor", "ceil")},
    "clip": _clip,
    "flip": _flip,
    "cumulative_sum": _cumulative_sum,
    "linalg__vector_norm": _norm,
    "atan2": mx.arctan2,
    "tile": lambda x, repetitions: mx.tile(x, list(repetitions)),
    "var": lambda x, axis, correction, keepdims: mx.var(x, axis, keepdims, _whole(correction)),
    "std": lambda x, axis, correction, keepdims: mx.std(x, axis, keepdims, _whole(correction)),
    "concat": lambda arrays, axis: mx.concatenate([mx.flatten(x) for x in arrays] if axis is None else arrays, axis or 0),
    "pad": lambda x, pad_width, value: mx.pad(x, pad_width, constant_values=mx.array(value, x.dtype)),
    "getitem": lambda x, key: x[key_of(key, mx.array)],
    "linalg__diagonal": lambda x, offset: mx.diagonal(x, offset, -2, -1),
    "linalg__trace": lambda x, offset: mx.trace(x, offset, -2, -1),
    "nn__relu": mnn.relu,
    "nn__sigmoid": mx.sigmoid,
    "nn__silu": mnn.silu,
    "nn__softplus": mnn.softplus,
    "nn__gelu": lambda x, approximate: mnn.gelu(x) if approximate == "none" else mnn.gelu_approx(x),
    "nn__elu": mnn.elu,
    "nn__leaky_relu": mnn.leaky_relu,
    "nn__softmax": mx.softmax,
    "nn__log_softmax": mnn.log_softmax,
    "nn__layer_norm": lambda x, weight, bias, eps: mx.fast.layer_norm(x, weight, bias, eps),
    "nn__cross_entropy": lambda logits, labels, reduction: mnn.losses.cross_entropy(logits, labels, reduction=reduction),
    "nn__mse": lambda x, y, reduction: mnn.losses.mse_loss(x, y, reduction),
    "nn__embedding": lambda table, ids: table[ids],
    "nn__conv2d": lambda x, weight, stride, padding: mx.conv2d(
        x.transpose(0, 2, 3, 1), weight.transpose(0, 2, 3, 1), stride, padding
    ).transpose(0, 3, 1, 2),
}

AT_KINKS: dict[str, float | str] = {
    "abs": 0.0, "nn.relu": 0.0, "clip": 0.0, "maximum": "last", "minimum": "last", "std": math.nan, "linalg.vector_norm": math.nan,
}  # fmt: skip


class MlxEngine:
    """MLX; integers and masks pass as constants."""

    name: str = "mlx"
    lineage: str = "mlx"
    version: str = version("mlx")
    namespace: SimpleNamespace = namespace(mx, mx.linalg, **EXCEPTIONS)
    capabilities: Capabilities = Capabilities(
        ("float32", "float64", "float16"), at_kinks=AT_KINKS, modes=nestings(around=("", "vmap of "))
    )

    def __init__(self) -> None:
        mx.set_default_device(mx.cpu)

    def from_numpy(self, array: Array) -> Any:
        return mx.array(np.array(array, order="C"), dtype=DTYPES[array.dtype.name])

    def to_numpy(self, array: Any) -> Array:
        with _declining():  # nothing is computed before
            return np.array(array)

    def vjp(self, fn: Callable[..., Any], primals: Values) -> tuple[tuple[Any, ...], Callable[..., Values]]:
        """``fn(*primals)`` and a pullback, which runs ``fn`` again."""
        with _declining():
            outputs = several(fn(*primals))

        def pullback(cotangents: tuple[Any, ...]) -> Values:
            with _declining():
                return tuple(mx.vjp(lambda *xs: list(several(fn(*xs))), list(primals), list(cotangents))[1])

        return outputs, pullback

    def jvp(self, fn: Callable[..., Any], primals: Values, tangents: Values) -> tuple[Any, Any]:
        """``fn(*primals)`` and its tangents."""
        with _declining():
            outputs, along = mx.jvp(lambda *xs: list(several(fn(*xs))), list(primals), list(tangents))
        return tuple(outputs), tuple(along)

    def vmap(self, fn: Callable[..., Any]) -> Callable[..., Any]:
        """``fn`` over a first axis of every argument."""
        mapped: Callable[..., Any] = mx.vmap(fn)
        return mapped
