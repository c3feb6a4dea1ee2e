"""PyTensor as an engine: symbolic gradients, rewritten as for any user, run by Python so that no compiler is needed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytensor
import pytensor.tensor as pt
from pytensor.compile.mode import Mode
from pytensor.gradient import DisconnectedType, Rop, grad

from gradproof.oracles.adapters.numpy_names import grouped
from gradproof.oracles.adapters.pytensor_ops import FUNCTIONS
from gradproof.oracles.engine import Capabilities, nestings, several
from gradproof.oracles.graph import Array

MODE = Mode(linker="py", optimizer="fast_run")


class PytensorEngine:
    """PyTensor: arrays are shared variables, so that rewrites see an input and not a constant."""

    name: str = "pytensor"
    lineage: str = "pytensor"
    version: str = pytensor.__version__
    namespace: SimpleNamespace = grouped(FUNCTIONS)
    capabilities: Capabilities = Capabilities(("float64", "float32"), modes=nestings(order=2))

    def from_numpy(self, array: Array) -> Any:
        if array.dtype.kind in "biu":
            return pt.constant(np.array(array))
        return pytensor.shared(np.array(array), shape=array.shape, borrow=False)

    def to_numpy(self, array: Any) -> Array:
        return np.array(pytensor.function([], array, mode=MODE, on_unused_input="ignore")())

    def vjp(self, fn: Callable[..., Any], primals: Sequence[Any]) -> tuple[tuple[Any, ...], Callable[..., Sequence[Any]]]:
        """``fn(*primals)`` and a pullback; an input that no output depends on gives zeros."""
        inputs = [pt.tensor_copy(x) for x in primals]
        outputs = several(fn(*inputs))

        def pullback(cotangents: tuple[Any, ...]) -> Sequence[Any]:
            known = {y: ct for y, ct in zip(outputs, cotangents, strict=True) if y not in inputs}
            straight = [sum((ct for y, ct in zip(outputs, cotangents, strict=True) if y is x), pt.zeros_like(x)) for x in inputs]
            if not known:
                return straight
            found = grad(None, inputs, known_grads=known, disconnected_inputs="ignore", return_disconnected="disconnected")
            return [s if isinstance(g.type, DisconnectedType) else g + s for g, s in zip(found, straight, strict=True)]

        return outputs, pullback

    def jvp(self, fn: Callable[..., Any], primals: Sequence[Any], tangents: Sequence[Any]) -> tuple[Any, Any]:
        """``fn(*primals)`` and its tangents."""
        inputs = [pt.tensor_copy(x) for x in primals]
        outputs = several(fn(*inputs))
        return outputs, tuple(Rop(list(outputs), inputs, list(tangents), disconnected_outputs="ignore", return_disconnected="zero"))
