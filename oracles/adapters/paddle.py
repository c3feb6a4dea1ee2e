"""PaddlePaddle as an engine: ``paddle.grad`` in dynamic mode, which nests once."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np

with warnings.catch_warnings():  # it warns of tools that compile extensions
    warnings.simplefilter("ignore")
    import paddle

from gradproof.oracles.adapters.numpy_names import grouped
from gradproof.oracles.adapters.paddle_ops import FUNCTIONS
from gradproof.oracles.engine import Capabilities, nestings, several
from gradproof.oracles.graph import Array

paddle.set_device("cpu")
AT_KINKS: dict[str, float | str] = {"abs": 0.0, "nn.relu": 0.0}


class PaddleEngine:
    """PaddlePaddle on the CPU."""

    name: str = "paddle"
    lineage: str = "paddle"
    version: str = paddle.__version__
    namespace: SimpleNamespace = grouped(FUNCTIONS)
    capabilities: Capabilities = Capabilities(("float64", "float32"), at_kinks=AT_KINKS, modes=nestings(("reverse",), 2))

    def from_numpy(self, array: Array) -> Any:
        return paddle.to_tensor(np.array(array, order="C"))

    def to_numpy(self, array: Any) -> Array:
        return np.array(array.numpy())

    def vjp(self, fn: Callable[..., Any], primals: Sequence[Any]) -> tuple[tuple[Any, ...], Callable[..., Sequence[Any]]]:
        """``fn(*primals)`` and a pullback; an input that no output depends on gives None, which is read as zeros."""
        nested = any(not x.stop_gradient for x in primals)
        inputs = [x * 1 if nested else x.detach().clone() for x in primals]
        for x in inputs:
            x.stop_gradient = False
        outputs = several(fn(*inputs))
        live = [i for i, y in enumerate(outputs) if not y.stop_gradient]

        def pullback(cotangents: tuple[Any, ...]) -> Sequence[Any]:
            if not live:
                return [paddle.zeros_like(x) for x in inputs]
            found = paddle.grad(
                [outputs[i] for i in live], inputs, [cotangents[i] for i in live], retain_graph=True, create_graph=nested, allow_unused=True
            )
            return [paddle.zeros_like(x) if g is None else g for g, x in zip(found, inputs, strict=True)]

        return outputs, pullback
