"""tinygrad as an engine: ``Tensor.gradient``, on its Python device unless ``DEV`` names another."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from importlib.metadata import version
from types import SimpleNamespace
from typing import Any

os.environ.setdefault("DEV", "PYTHON")  # needs no compiler

import numpy as np
from tinygrad import Tensor

from gradproof.oracles.adapters.numpy_names import grouped
from gradproof.oracles.adapters.tinygrad_ops import FUNCTIONS
from gradproof.oracles.engine import Capabilities, nestings, several
from gradproof.oracles.graph import Array

DEVICE = os.environ["DEV"]
AT_KINKS: dict[str, float | str] = {"abs": 0.0, "nn.relu": 0.0, "maximum": "even", "minimum": "even"}


class TinygradEngine:
    """tinygrad; nothing is computed before it is asked for."""

    name: str = "tinygrad"
    lineage: str = "tinygrad"
    version: str = version("tinygrad")
    namespace: SimpleNamespace = grouped(FUNCTIONS)
    capabilities: Capabilities = Capabilities(("float64", "float32"), at_kinks=AT_KINKS, modes=nestings(("reverse",), 2))

    def from_numpy(self, array: Array) -> Any:
        """On the device: of a single entry tinygrad makes a constant, which is on none and would want the compiler of the CPU's."""
        return Tensor(np.array(array, order="C").reshape(array.shape or 1), device=DEVICE).reshape(array.shape).contiguous()

    def to_numpy(self, array: Any) -> Array:
        if getattr(getattr(array, "uop", None), "device", DEVICE) is None:  # a constant, which tinygrad would compute on the CPU, with a compiler
            array = array.clone(DEVICE)
        return np.array(array.to(DEVICE).numpy())

    def vjp(self, fn: Callable[..., Any], primals: Sequence[Any]) -> tuple[tuple[Any, ...], Callable[..., Sequence[Any]]]:
        """``fn(*primals)`` and a pullback; an input that nothing reaches gives zeros."""
        inputs = [x.contiguous() for x in primals]
        outputs = several(fn(*inputs))

        def pullback(cotangents: tuple[Any, ...]) -> Sequence[Any]:
            nothing = sum((x.sum() * 0 for x in inputs[1:]), inputs[0].sum() * 0)
            total = sum(((y * ct).sum() for y, ct in zip(outputs, cotangents, strict=True)), nothing)
            return list(total.gradient(*inputs))

        return outputs, pullback
