"""Mixed precision: products in float16 or bfloat16 over float32 master copies, and loss scaling for what float16 loses.

    scale = LossScale()
    with autocast("float16"):
        value, gradients, finite = scale.value_and_grad(loss)(params, x)
    if finite:
        params = step(params, gradients)
    scale = scale.after(finite)

Within ``autocast`` products (matmul, einsum, convolution) take their operands in the narrow dtype and give it; elementwise
functions keep what they are given; functions that leave its range, and sums, are computed and given in float32. The
variables stay float32: the cast is on the tape, so their gradients are float32 too. Whatever is narrow is computed in float32
and rounded once (``engine/half.py``), so no sum is ever collected in a narrow dtype.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from gradproof.engine import pytree
from gradproof.engine.array import Array
from gradproof.engine.backend import constant, quiet
from gradproof.engine.derivatives import Argnums, value_and_grad
from gradproof.engine.errors import DtypeError
from gradproof.engine.functions.elementwise import astype
from gradproof.engine.library import name_of
from gradproof.engine.tape import state

PRODUCTS = frozenset({"matmul", "contract", "conv", "conv_transpose", "conv_filter"})
IN_FLOAT32 = frozenset({
    "acos", "acosh", "asin", "cosh", "exp", "expm1", "exp2", "log", "log10", "log1p", "log2", "logsumexp", "log_softmax", "pow",
    "reciprocal", "rsqrt", "sinh", "softmax", "softplus", "square", "tan", "sum", "mean", "var", "std", "vector_norm",
    "cumulative_sum", "cumulative_prod", "logcumsumexp",
})  # fmt: skip
NARROW = ("float16", "bfloat16")
_FLOATS = ("float32", *NARROW)


@contextmanager
def autocast(dtype: str = "float16") -> Iterator[None]:
    """Run products in a narrow dtype, and what its range is too small for in float32.

    Raises: DtypeError for another dtype than float16 or bfloat16; ImportError for bfloat16 without ml_dtypes.

    >>> import gradproof.engine as ge
    >>> with ge.autocast("float16"):
    ...     ge.matmul(np.ones((1, 2), np.float32), np.ones((2, 1), np.float32))
    Array([[2.]], dtype=float16)
    """
    if dtype not in NARROW:
        raise DtypeError(f"autocast to {dtype!r}, expected 'float16' or 'bfloat16'.")
    narrow = np.dtype(np.float16) if dtype == "float16" else _bfloat16()

    def cast(name: str, operands: Sequence[Any]) -> Sequence[Any]:
        wanted = narrow if name in PRODUCTS else np.dtype(np.float32) if name in IN_FLOAT32 else None
        if wanted is None:
            return operands
        return [astype(x, wanted) if _castable(x) and name_of(x.dtype) != wanted.name else x for x in operands]

    before, state.cast = state.cast, cast
    try:
        yield
    finally:
        state.cast = before


def _castable(x: Any) -> bool:
    return hasattr(x, "dtype") and name_of(x.dtype) in _FLOATS


def _bfloat16() -> Any:
    try:
        import ml_dtypes
    except ImportError as error:
        raise ImportError("bfloat16 needs ml_dtypes. Install gradproof[bfloat16].") from error
    return np.dtype(ml_dtypes.bfloat16)


@dataclass(frozen=True)
class LossScale:
    """A factor for the loss that lifts small cotangents out of a narrow dtype's underflow, grown and cut as steps go.

    Powers of two, so that scaling rounds nothing. ``value`` doubles after ``every`` steps without overflow and halves at each
    one with; a step that overflowed is to be skipped.
    """

    value: float = 2.0**15
    growth: float = 2.0
    backoff: float = 0.5
    every: int = 2000
    good: int = 0
    skipped: int = 0

    def value_and_grad(self, f: Callable[..., Any], argnums: Argnums = 0) -> Callable[..., tuple[Array, Any, bool]]:
        """A function giving f's value, its gradients by way of the scaled loss, and whether all of them are finite."""

        def scaled(*args: Any) -> tuple[Array, Any, bool]:
            def loss(*inner: Any) -> tuple[Any, Any]:
                value = f(*inner)
                return value * self.value, value

            (_, value), gradients = value_and_grad(loss, argnums, has_aux=True)(*args)
            gradients = pytree.map(self._unscaled, gradients)
            return value, gradients, finite(gradients)

        return scaled

    def _unscaled(self, x: Array) -> Array:
        return Array(x.data * (1.0 / self.value))

    def after(self, finite: bool) -> LossScale:
        """The scale for the next step.

        >>> LossScale(every=2).after(True).after(True).value, LossScale().after(False).value
        (65536.0, 16384.0)
        """
        if not finite:
            return replace(self, value=self.value * self.backoff, good=0, skipped=self.skipped + 1)
        if self.good + 1 == self.every:
            return replace(self, value=self.value * self.growth, good=0)
        return replace(self, good=self.good + 1)


def finite(tree: Any) -> bool:
    """Whether every entry of a tree of arrays is a number."""
    with quiet():  # anything else times 0 is nan, and one number tells, wherever the array is
        return all(float(constant("sum", x.data * 0.0)) == 0.0 for x in pytree.flatten(tree)[0])
