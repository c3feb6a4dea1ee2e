"""JAX as an engine: eager operations, ``jax.vjp`` for the pullback, 64-bit types as a context."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import jax
import numpy as np
from jax import experimental

from gradproof.oracles.adapters import jax_ops
from gradproof.oracles.conventions import POOLS, TIES
from gradproof.oracles.engine import Capabilities, nestings
from gradproof.oracles.errors import Unsupported
from gradproof.oracles.graph import Array

FACTORS = frozenset(  # LAPACK has no half precision; det has formulas to 3 x 3
    f"linalg.{name}"
    for name in (
        "cholesky", "eigh", "eigvalsh", "expm", "inv", "lstsq", "pinv", "qr", "slogdet", "solve", "svd", "svdvals",
    )
)  # fmt: skip
DECLINED = re.compile(r"Unsupported dtype (float16|bfloat16)|VJP not implemented")
CONVS = ("conv1d", "conv2d", "conv3d")
TURNED = ("conv_transpose1d", "conv_transpose2d", "conv_transpose3d")
Steps = tuple[int, ...]
Pullback = Callable[[tuple[jax.Array, ...]], tuple[jax.Array, ...]]

_home = jax if hasattr(jax, "enable_x64") else experimental  # it moved in JAX 0.8
x64: Callable[[bool], Any] = _home.enable_x64


@contextmanager
def _ready() -> Iterator[None]:
    """64-bit types on; a kernel that JAX says it has not for a half precision is unsupported, no other error is."""
    try:
        with x64(True):
            yield
    except NotImplementedError as error:
        if DECLINED.search(str(error)):
            raise Unsupported(f"JAX: {error}") from error
        raise


def _guarded(name: str) -> Callable[..., jax.Array]:
    """A convolution of ``jax_nn``, declined where XLA aborts the whole process while it compiles the gradient (FINDINGS.md)."""
    right: Callable[..., jax.Array] = getattr(jax_ops.nn, name)

    def conv(x: jax.Array, weight: jax.Array, *bias: jax.Array, stride: Steps, padding: Steps, **rest: Any) -> jax.Array:
        dilation = rest.get("dilation") or (1,) * len(stride)
        at = zip(x.shape[2:], weight.shape[2:], stride, padding, dilation, strict=True)
        out = [(n + 2 * p - d * (k - 1) - 1) // s + 1 for n, k, s, p, d in at]
        if max(stride) > 1 and max(padding) > 0 and (1 in out or x.shape[:2] == (1, 1)):
            raise Unsupported(
                "XLA on the CPU aborts on the gradient of a strided, padded convolution of one channel, or to one row or column"
            )
        return right(x, weight, *bias, stride=stride, padding=padding, **rest)

    return conv


def _guarded_transpose(name: str) -> Callable[..., jax.Array]:
    """A transposed convolution, declined where XLA aborts as above."""
    right: Callable[..., jax.Array] = getattr(jax_ops.nn, name)

    def conv(x: jax.Array, weight: jax.Array, *bias: jax.Array, stride: Steps, **rest: Any) -> jax.Array:
        if max(stride) > 1 and (1 in x.shape[2:] or x.shape[:2] == (1, 1)):
            raise Unsupported("XLA on the CPU aborts on the gradient of a strided transposed convolution of one channel, or of one row or column")
        return right(x, weight, *bias, stride=stride, **rest)

    return conv


AT_KINKS: dict[str, float | str] = {
    "abs": 1.0, "nn.relu": 0.0, "nn.leaky_relu": "first", "nn.elu": "last", "clip": 0.5,
    **dict.fromkeys(("linalg.vector_norm", "std"), math.nan), **dict.fromkeys(TIES, "even"),
    **dict.fromkeys(POOLS[:3], "first"),
    "lookup": "last", **dict.fromkeys(("amax", "amin", "ptp", "nanmax", "nanmin"), "even"),
    "nn.hardtanh": 1.0, "nn.relu6": 0.0, "nn.hard_sigmoid": 0.0, "nn.hardswish": 0.0, "nn.selu": "last",
}  # fmt: skip


CONVOLUTIONS = {c: _guarded(c) for c in CONVS} | {c: _guarded_transpose(c) for c in TURNED}


class JaxEngine:
    """JAX, untouched: 64-bit types are on only while one of these methods runs."""

    name: str = "jax"
    lineage: str = "jax"
    version: str = jax.__version__
    namespace: SimpleNamespace = SimpleNamespace(
        **{**vars(jax_ops), "nn": SimpleNamespace(**{**vars(jax_ops.nn), **CONVOLUTIONS})}
    )
    capabilities: Capabilities = Capabilities(
        at_kinks=AT_KINKS,
        dtypes=("float64", "float32", "float16", "bfloat16", "complex128", "complex64"),
        unsupported_in={"float16": FACTORS, "bfloat16": FACTORS},
        modes=nestings(around=("", "vmap of ", "compiled ")),
    )

    def from_numpy(self, array: Array) -> jax.Array:
        """An array over its own copy: the CPU backend may use NumPy's memory as it is."""
        with x64(True):
            own: jax.Array = jax.device_put(np.array(array, order="C"))
        return own

    def to_numpy(self, array: jax.Array) -> Array:
        """A writable copy."""
        return np.array(array, order="C")

    def vjp(self, fn: Callable[..., Any], primals: Sequence[jax.Array]) -> tuple[tuple[jax.Array, ...], Pullback]:
        """``fn(*primals)`` as a tuple, and a pullback that may be called any number of times."""

        def outputs_of(*xs: jax.Array) -> tuple[jax.Array, ...]:
            result = fn(*xs)
            return tuple(result) if isinstance(result, tuple | list) else (result,)

        with _ready():
            outputs, pull = jax.vjp(outputs_of, *primals)

        def pullback(cotangents: tuple[jax.Array, ...]) -> tuple[jax.Array, ...]:
            with _ready():
                return tuple(pull(tuple(cotangents)))

        return outputs, pullback

    def jvp(
        self, fn: Callable[..., Any], primals: Sequence[jax.Array], tangents: Sequence[jax.Array]
    ) -> tuple[tuple[jax.Array, ...], tuple[jax.Array, ...]]:
        """``fn(*primals)`` and its tangents along those of the primals."""
        with _ready():
            outputs, along = jax.jvp(lambda *xs: tuple(fn(*xs)), tuple(primals), tuple(tangents))
        return tuple(outputs), tuple(along)

    def vmap(self, fn: Callable[..., Any], in_axes: Any = 0, out_axes: Any = 0) -> Callable[..., Any]:
        """``fn`` over an axis of every argument and of every result."""

        def mapped(*xs: jax.Array) -> Any:
            with _ready():
                return jax.vmap(fn, in_axes, out_axes)(*xs)

        return mapped

    def compile(self, fn: Callable[..., Any]) -> Callable[..., Any]:
        """``fn`` compiled by XLA."""
        jitted = jax.jit(fn)

        def compiled(*xs: jax.Array) -> Any:
            with _ready():
                return jitted(*xs)

        return compiled
