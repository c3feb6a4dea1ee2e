"""TensorFlow as an engine: eager operations on a ``GradientTape``, and the same functions under ``tf.function``."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from types import SimpleNamespace
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import tensorflow as tf

from gradproof.oracles.adapters import tensorflow_ops
from gradproof.oracles.adapters.numpy_names import grouped
from gradproof.oracles.adapters.tensorflow_functions import FUNCTIONS
from gradproof.oracles.adapters.tensorflow_nn import LAYERS
from gradproof.oracles.engine import Capabilities, nestings, several
from gradproof.oracles.graph import Array

AT_KINKS: dict[str, float | str] = {
    "abs": 0.0, "nn.relu": 0.0, "clip": 1.0, "maximum": "first", "minimum": "first", "std": math.nan, "linalg.vector_norm": math.nan,
}  # fmt: skip
LACKING = frozenset(  # of which it has so little that most cases would be declined
    ("nn.conv_transpose1d", "nn.conv_transpose2d", "nn.conv_transpose3d", "linalg.matrix_norm", "nn.avg_pool1d", "nn.avg_pool2d", "nn.pixel_shuffle", "average")
)
with suppress(RuntimeError):  # its user has run TensorFlow before: then the threads stay as they are
    tf.config.threading.set_inter_op_parallelism_threads(1)
    tf.config.threading.set_intra_op_parallelism_threads(1)


class TensorFlowEngine:
    """TensorFlow on the CPU. An input that no output depends on gives None, which the adapter reads as zeros."""

    name: str = "tensorflow"
    lineage: str = "tensorflow"
    version: str = tf.__version__
    namespace: SimpleNamespace = grouped({**FUNCTIONS, **{f"nn.{name}": layer for name, layer in LAYERS.items()}}, tensorflow_ops)
    capabilities: Capabilities = Capabilities(
        ("float64", "float32"), LACKING, unsupported_in={"float64": frozenset({"nn.max_pool3d", "nn.avg_pool3d"})}, at_kinks=AT_KINKS, modes=nestings(order=2, around=("", "compiled ")),
    )

    def from_numpy(self, array: Array) -> Any:
        return tf.constant(np.array(array))

    def to_numpy(self, array: Any) -> Array:
        return np.array(array)

    def vjp(self, fn: Callable[..., Any], primals: Sequence[Any]) -> tuple[tuple[Any, ...], Callable[..., Sequence[Any]]]:
        """``fn(*primals)`` and a pullback; ``tf.gather``'s sparse gradient is made dense."""
        with tf.GradientTape(persistent=True) as tape:
            inputs = [tf.identity(x) for x in primals]
            for x in inputs:
                tape.watch(x)
            outputs = several(fn(*inputs))

        def pullback(cotangents: tuple[Any, ...]) -> Sequence[Any]:
            found = tape.gradient(list(outputs), inputs, list(cotangents), unconnected_gradients="zero")
            return tuple(tf.convert_to_tensor(g) for g in found)

        return outputs, pullback

    def jvp(self, fn: Callable[..., Any], primals: Sequence[Any], tangents: Sequence[Any]) -> tuple[Any, Any]:
        """``fn(*primals)`` and its tangents, by a ``ForwardAccumulator``."""
        with tf.autodiff.ForwardAccumulator(list(primals), list(tangents)) as accumulator:
            outputs = several(fn(*primals))
        along = tuple(accumulator.jvp(y, unconnected_gradients="zero") for y in outputs)
        return outputs, along

    def compile(self, fn: Callable[..., Any]) -> Callable[..., Any]:
        """``fn`` under ``tf.function``."""
        compiled: Callable[..., Any] = tf.function(fn)
        return compiled
