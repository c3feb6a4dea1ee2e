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
import numpy as np

from gradproof.oracles.adapters.mlx_ops import EXCEPTIONS
from gradproof.oracles.adapters.numpy_names import namespace
from gradproof.oracles.engine import Capabilities, nestings, several
from gradproof.oracles.errors import Unsupported
from gradproof.oracles.graph import Array

DECLINED = re.compile(r"Not implemented for|Can only handle groups|got unsupported data type|Boolean indices not supported|Cannot calculate VJP with respect to indices")
Values = Sequence[Any]
DTYPES = {"float64": mx.float64, "float32": mx.float32, "float16": mx.float16, "int64": mx.int64, "bool": mx.bool_}


@contextmanager
def _declining() -> Iterator[None]:
    """A primitive that MLX says it has no derivative or no kernel of is unsupported; every other error is an answer."""
    try:
        yield
    except ValueError as error:
        if DECLINED.search(str(error)):
            raise Unsupported(f"MLX: {error}") from error
        raise


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
        ("float32", "float64", "float16"), frozenset({"linalg.cholesky", "linalg.inv", "linalg.solve", "nn.scaled_dot_product_attention"}),
        unsupported_in={"float64": frozenset({"nn.conv1d", "nn.conv2d", "nn.conv3d"})}, at_kinks=AT_KINKS, modes=nestings(around=("", "vmap of "))
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
