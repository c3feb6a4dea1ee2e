"""The native engine on array-api-strict's second device, which proves the device path without a GPU.

These arrays have the array API standard and no more, and are not on the host: a copy to the host inside the engine, or a call
of NumPy on an array, is an error.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from types import ModuleType
from typing import Any

import array_api_strict
import numpy as np

import gradproof.engine as ge
from gradproof.oracles.adapters.native import AT_KINKS, NativeEngine
from gradproof.oracles.engine import Capabilities, nestings
from gradproof.oracles.errors import Unsupported
from gradproof.oracles.graph import Array

Pullback = Callable[[tuple[Any, ...]], tuple[Any, ...]]
_native = NativeEngine()
# what rests on a kernel that the standard cannot express (engine/kernels/others.py: LACKING); nn.gelu in its exact form
LACKING = frozenset({"digamma", "erf", "erfc", "erfinv", "i0", "i0e", "i1", "i1e", "lgamma", "log_ndtr", "ndtr", "ndtri", "nn.gelu", "polygamma"})



@contextmanager
def _declining() -> Iterator[None]:
    """A kernel that the standard cannot express is declined; every other error is an answer."""
    try:
        yield
    except ge.MissingKernel as error:
        raise Unsupported(str(error)) from error


class NativeStrict:
    """``gradproof.engine`` on arrays of array-api-strict, which have the array API standard and no more."""

    name: str = "native-strict"
    lineage: str = "gradproof.engine"
    version: str = version("gradproof")
    namespace: ModuleType = ge
    capabilities: Capabilities = Capabilities(
        dtypes=("float64", "float32"), unsupported=LACKING, modes=nestings(), at_kinks=AT_KINKS
    )
    device = array_api_strict.Device("device1")

    def from_numpy(self, array: Array) -> Any:
        """An array on the second device."""
        return array_api_strict.asarray(np.array(array), device=self.device)

    def to_numpy(self, array: Any) -> Array:
        """A copy on the host."""
        data = array.data if isinstance(array, ge.Array) else array
        return np.asarray(data) if isinstance(data, np.ndarray) else np.array(data.to_device(array_api_strict.Device("CPU_DEVICE")))

    def vjp(self, fn: Callable[..., Any], primals: Sequence[Any]) -> tuple[tuple[Any, ...], Pullback]:
        """``fn(*primals)`` as a tuple, and a pullback that may be called any number of times."""
        with _declining():
            outputs, pull = _native.vjp(fn, primals)

        def pullback(cotangents: tuple[Any, ...]) -> tuple[Any, ...]:
            with _declining():
                return pull(cotangents)

        return outputs, pullback

    def jvp(
        self, fn: Callable[..., Any], primals: Sequence[Any], tangents: Sequence[Any]
    ) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
        """``fn(*primals)`` and its tangents along those of the primals."""
        with _declining():
            return _native.jvp(fn, primals, tangents)
