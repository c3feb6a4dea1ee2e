"""The native engine on a CUDA device: on torch's tensors there, or on CuPy's arrays where torch sees no device.

Not yet run on a GPU: this module is what ``gradproof verify native --device cuda`` runs, and says so where there is none.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module
from importlib.metadata import version
from types import ModuleType
from typing import Any

import numpy as np

import gradproof.engine as ge
from gradproof.oracles.adapters.native import AT_KINKS, NativeEngine
from gradproof.oracles.engine import Capabilities, nestings
from gradproof.oracles.graph import Array

Pullback = Callable[[tuple[Any, ...]], tuple[Any, ...]]
_native = NativeEngine()


def _imported(name: str) -> Any:
    try:
        return import_module(name)
    except ImportError:
        return None


def library() -> str:
    """The library whose arrays are on a CUDA device here: "torch", "cupy", or "" if there is neither."""
    torch = _imported("torch")
    if torch is not None and torch.cuda.is_available():
        return "torch"
    cupy = _imported("cupy")
    try:
        return "cupy" if cupy is not None and cupy.cuda.runtime.getDeviceCount() else ""
    except cupy.cuda.runtime.CUDARuntimeError:  # no driver
        return ""


class NativeCuda:
    """``gradproof.engine`` on arrays of a CUDA device."""

    name: str = "native-cuda"
    lineage: str = "gradproof.engine"
    version: str = version("gradproof")
    namespace: ModuleType = ge
    capabilities: Capabilities = Capabilities(dtypes=("float64", "float32"), modes=nestings(), at_kinks=AT_KINKS)

    def __init__(self) -> None:
        self.library = library()

    def absent(self) -> str:
        """Why there is no such device, or "" where there is one."""
        return "" if self.library else "torch and CuPy find no CUDA device, or are not installed (gradproof[torch], [cuda12], [cuda13])"

    def from_numpy(self, array: Array) -> Any:
        """A copy on the device.

        Raises: RuntimeError where there is none.
        """
        if not self.library:
            raise RuntimeError(f"native-cuda: {self.absent()}.")
        if self.library == "torch":
            return import_module("torch").from_numpy(np.array(array)).to("cuda")
        return import_module("cupy").asarray(np.array(array))

    def to_numpy(self, array: Any) -> Array:
        """A copy on the host."""
        return np.asarray((array if isinstance(array, ge.Array) else ge.Array(array)).numpy())

    def vjp(self, fn: Callable[..., Any], primals: Sequence[Any]) -> tuple[tuple[Any, ...], Pullback]:
        """``fn(*primals)`` as a tuple, and a pullback that may be called any number of times."""
        return _native.vjp(fn, primals)

    def jvp(
        self, fn: Callable[..., Any], primals: Sequence[Any], tangents: Sequence[Any]
    ) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
        """``fn(*primals)`` and its tangents along those of the primals."""
        return _native.jvp(fn, primals, tangents)
