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

from gradproof.oracles.adapters.autograd_ops import EXCEPTIONS
from gradproof.oracles.adapters.numpy_names import namespace
from gradproof.oracles.conventions import TIES
from gradproof.oracles.engine import Capabilities, nestings, several
from gradproof.oracles.errors import Unsupported
from gradproof.oracles.graph import Array

AT_KINKS: dict[str, float | str] = {
    "abs": 0.0, "clip": 0.0, "hypot": math.nan, "std": math.nan, **dict.fromkeys(TIES, "even"),
}  # fmt: skip


@contextmanager
def _declining() -> Iterator[None]:
    """A primitive that autograd says it has no derivative of is unsupported; every other error is an answer, and a warning is none."""
    try:
        with np.errstate(all="ignore"):
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
        ("float64", "float32"),
        unsupported=frozenset({"copysign", "flip", "take", "take_along_axis", "cbrt", "sort", "rot90", "linalg.matrix_norm"}),
        unsupported_in={"float32": frozenset({"polygamma", "ndtr", "log_ndtr"})},  # SciPy's own answers are float64
        modes=nestings(),
        at_kinks=AT_KINKS,
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
