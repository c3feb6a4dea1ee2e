"""The native engine on torch tensors: the same rules, on the way that they go on CUDA; on the CPU it needs no GPU."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib.metadata import version
from types import ModuleType
from typing import Any

import numpy as np
import torch

import gradproof.engine as ge
from gradproof.oracles.adapters.native import AT_KINKS, NativeEngine
from gradproof.oracles.engine import Capabilities, nestings
from gradproof.oracles.graph import Array

Pullback = Callable[[tuple[Any, ...]], tuple[Any, ...]]
_native = NativeEngine()


class NativeTorch:
    """``gradproof.engine`` on torch tensors, on the CPU or, after ``on``, a CUDA device."""

    name: str = "native-torch"
    lineage: str = "gradproof.engine"
    version: str = version("gradproof")
    namespace: ModuleType = ge
    capabilities: Capabilities = Capabilities(dtypes=("float64", "float32"), modes=nestings(), at_kinks=AT_KINKS)
    device: str = "cpu"

    def from_numpy(self, array: Array) -> Any:
        """A tensor over its own copy."""
        return torch.from_numpy(np.array(array)).to(self.device)

    def to_numpy(self, array: Any) -> Array:
        """A copy on the host."""
        data = array.data if isinstance(array, ge.Array) else array
        return np.array(data.numpy(force=True), order="C") if isinstance(data, torch.Tensor) else np.asarray(data)

    def vjp(self, fn: Callable[..., Any], primals: Sequence[Any]) -> tuple[tuple[Any, ...], Pullback]:
        """``fn(*primals)`` as a tuple, and a pullback that may be called any number of times."""
        return _native.vjp(fn, primals)

    def jvp(
        self, fn: Callable[..., Any], primals: Sequence[Any], tangents: Sequence[Any]
    ) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
        """``fn(*primals)`` and its tangents along those of the primals."""
        return _native.jvp(fn, primals, tangents)
