"""HIPS autograd as an engine: ``make_vjp`` and ``make_jvp``, which nest."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from types import SimpleNamespace
from typing import Any

import autograd
import autograd.numpy as anp
import numpy as np
from autograd.builtins import tuple as box
from autograd.scipy import special

from gradproof.oracles.adapters.numpy_names import key_of, namespace
from gradproof.oracles.conventions import TIES
from gradproof.oracles.engine import Capabilities, nestings, several
from gradproof.oracles.errors import Unsupported
from gradproof.oracles.graph import Array

EXCEPTIONS: dict[str, Callable[..., Any]] = {
    "erf": special.erf,
    "erfc": special.erfc,
    "logsumexp": special.logsumexp,
    "nn__sigmoid": special.expit,
    "clip": lambda x, min, max: anp.clip(x, min, max),
    "var": lambda x, axis, correction, keepdims: anp.var(x, axis, ddof=correction, keepdims=keepdims),
    "std": lambda x, axis, correction, keepdims: anp.std(x, axis, ddof=correction, keepdims=keepdims),
    "concat": lambda arrays, axis: anp.concatenate([anp.ravel(x) for x in arrays] if axis is None else arrays, axis or 0),
    "matrix_transpose": lambda x: anp.swapaxes(x, -1, -2),
    "tile": lambda x, repetitions: anp.tile(x, repetitions),
    "pad": lambda x, pad_width, value: anp.pad(x, pad_width, "constant", constant_values=value),
    "getitem": lambda x, key: x[key_of(key)],
    "linalg__diagonal": lambda x, offset: anp.diagonal(x, 0, -1, -2) if offset == 0 else _lacking("a diagonal off the main one"),
    "linalg__trace": lambda x, offset: anp.trace(x, offset) if x.ndim == 2 else _lacking("trace of a stack of matrices"),
    "broadcast_to": lambda x, shape: anp.broadcast_to(x, shape),
    "roll": lambda x, shift, axis: anp.roll(x, shift, axis) if isinstance(shift, int) else _lacking("roll by several shifts"),
    "nn__embedding": lambda table, ids: table[ids],
}

AT_KINKS: dict[str, float | str] = {
    "abs": 0.0, "clip": 0.0, "hypot": math.nan, "std": math.nan, **dict.fromkeys(TIES, "even"),
}  # fmt: skip


def _lacking(what: str) -> Any:
    raise Unsupported(f"autograd has no derivative of {what}")


@contextmanager
def _declining() -> Iterator[None]:
    """A primitive that autograd says it has no derivative of is unsupported; every other error is an answer."""
    try:
        yield
    except NotImplementedError as error:
        raise Unsupported(f"autograd: {error}") from error


class AutogradEngine:
    """HIPS autograd over NumPy."""

    name: str = "autograd"
    lineage: str = "autograd"
    version: str = version("autograd")
    namespace: SimpleNamespace = namespace(anp, anp.linalg, **EXCEPTIONS)
    capabilities: Capabilities = Capabilities(
        ("float64", "float32"), unsupported=frozenset({"copysign", "flip", "take", "take_along_axis"}), modes=nestings(), at_kinks=AT_KINKS
    )

    def from_numpy(self, array: Array) -> Any:
        return np.array(array)

    def to_numpy(self, array: Any) -> Array:
        return np.array(array)

    def vjp(self, fn: Callable[..., Any], primals: Sequence[Any]) -> tuple[tuple[Any, ...], Callable[..., Sequence[Any]]]:
        """``fn(*primals)`` and a pullback."""
        with _declining():
            pull, outputs = autograd.make_vjp(lambda *xs: box(several(fn(*xs))), tuple(range(len(primals))))(*primals)

        def pullback(cotangents: tuple[Any, ...]) -> Sequence[Any]:
            with _declining():
                return tuple(pull(box(tuple(cotangents))))

        return tuple(outputs), pullback

    def jvp(self, fn: Callable[..., Any], primals: Sequence[Any], tangents: Sequence[Any]) -> tuple[Any, Any]:
        """``fn(*primals)`` and its tangents."""
        with _declining():
            push = autograd.make_jvp(lambda *xs: box(several(fn(*xs))), tuple(range(len(primals))))(*primals)
            outputs, along = push(box(tuple(tangents)))
        return tuple(outputs), tuple(along)
