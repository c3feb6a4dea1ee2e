"""The native engine as a guest like any other: the one place in ``oracles`` that imports it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib.metadata import version
from typing import Any

import numpy as np

import gradproof.engine as ge
from gradproof.oracles.adapters import native_complex
from gradproof.oracles.conventions import POOLS, TIES
from gradproof.oracles.engine import Capabilities, nestings
from gradproof.oracles.errors import Unsupported
from gradproof.oracles.graph import Array

Pullback = Callable[[tuple[Any, ...]], tuple[Any, ...]]

AT_KINKS: dict[str, float | str] = {  # specs/conventions.md
    "abs": 0.0, "nn.relu": 0.0, "nn.leaky_relu": "last", "nn.elu": "last", "clip": 1.0,
    "hypot": 0.0, "linalg.vector_norm": 0.0, **dict.fromkeys((*TIES, *POOLS), "even"),
    **dict.fromkeys(("sort", "topk", "kthvalue", "median", "quantile"), "first"),
    **dict.fromkeys(("cumulative_max", "cumulative_min", "lookup"), "last"), **dict.fromkeys(("amax", "amin", "ptp", "nanmax", "nanmin"), "even"),
    "nn.hardtanh": 1.0, "nn.relu6": 1.0, "nn.hard_sigmoid": 1 / 6, "nn.hardswish": 1 / 6, "nn.softshrink": 0.0, "nn.selu": "last", "nn.prelu": "last",
}  # fmt: skip


class Namespace:
    """The engine's module, and beside it ``complex``: its functions on pairs."""

    complex = native_complex.namespace

    def __getattr__(self, name: str) -> Any:
        value = getattr(ge, name)
        setattr(self, name, value)  # found at once from then on: this look-up costs as much as a small op
        return value


class NativeEngine:
    """``gradproof.engine`` behind the engine protocol; its arrays outside a tape are NumPy's own."""

    name: str = "native"
    lineage: str = "gradproof.engine"
    version: str = version("gradproof")
    namespace: Namespace = Namespace()
    capabilities: Capabilities = Capabilities(
        dtypes=("float64", "float32", "float16", "bfloat16", "complex128", "complex64"),
        modes=nestings(around=("", "vmap of ", "compiled ")), at_kinks=AT_KINKS, devices={"cuda": "native-cuda"},
    )  # fmt: skip

    def from_numpy(self, array: Array) -> Array:
        """The array itself: the engine promises never to write it, and the contract checks hold it to that."""
        return array

    def to_numpy(self, array: Any) -> Array:
        """A NumPy array of the same shape and dtype."""
        if type(array) is ge.Array and array.node is None and type(array.data) is np.ndarray:
            return array.data  # what NumPy would find out slowly; it refuses a value on a tape
        return np.asarray(array)

    def vjp(self, fn: Callable[..., Any], primals: Sequence[Array]) -> tuple[tuple[Any, ...], Pullback]:
        """``fn(*primals)`` as a tuple, and a pullback that may be called any number of times."""

        def outputs_of(*xs: Any) -> tuple[Any, ...]:
            result = fn(*xs)
            return tuple(result) if isinstance(result, tuple | list) else (result,)

        outputs, pull = ge.vjp(outputs_of, *primals)
        return outputs, lambda cotangents: tuple(pull(tuple(cotangents)))

    def jvp(
        self, fn: Callable[..., Any], primals: Sequence[Array], tangents: Sequence[Array]
    ) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
        """``fn(*primals)`` and its tangents along those of the primals."""
        return ge.jvp(lambda *xs: tuple(fn(*xs)), tuple(primals), tuple(tangents))

    def vmap(self, fn: Callable[..., Any], in_axes: Any = 0, out_axes: Any = 0) -> Callable[..., Any]:
        """``fn`` over an axis of every argument and every result. A batch of no examples is declined by what is run example by example."""
        mapped = ge.vmap(fn, in_axes, out_axes)

        def run(*xs: Any) -> Any:
            try:
                return mapped(*xs)
            except ValueError as error:
                if "a batch of no examples" in str(error):
                    raise Unsupported(str(error)) from error
                raise

        return run

    def compile(self, fn: Callable[..., Any]) -> Callable[..., Any]:
        """``fn`` traced at the values of its first call, and replayed at others."""
        return ge.trace(fn)
