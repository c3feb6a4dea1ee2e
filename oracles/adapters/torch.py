"""PyTorch as an engine: eager operations, ``torch.autograd.grad`` for the pullback, on the CPU."""

from __future__ import annotations

import math
import re
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import ModuleType
from typing import Any

import numpy as np
import torch
from torch import Tensor

from gradproof.oracles.adapters import torch_nested, torch_ops
from gradproof.oracles.conventions import POOLS
from gradproof.oracles.engine import Capabilities, nestings
from gradproof.oracles.errors import Unsupported
from gradproof.oracles.formats import dtype_named
from gradproof.oracles.graph import Array

Pullback = Callable[[tuple[Tensor, ...]], tuple[Tensor, ...]]


QUANTILES = frozenset({"median", "quantile"})  # torch.quantile takes no half precision
LAYERS = frozenset({"nn.avg_pool3d", "nn.ctc_loss"})  # no kernel for half precisions
SPECIAL = frozenset({"i1", "i1e", "log_ndtr", "ndtri"})  # no kernels of a half precision
FACTORS = frozenset(
    f"linalg.{name}"
    for name in (
        "cholesky", "cholesky_solve", "det", "eigh", "eigvalsh", "inv", "lstsq", "pinv", "qr", "slogdet", "solve", "svd",
        "svdvals", "triangular_solve",
    )
)  # fmt: skip
DECLINED = re.compile(r"not implemented for '(Half|BFloat16)'|Low precision dtypes not supported\. Got (Half|BFloat16)")


@contextmanager
def _declining() -> Iterator[None]:
    """A kernel that PyTorch says it has not for a half precision is unsupported; every other error is an answer."""
    try:
        yield
    except RuntimeError as error:
        if DECLINED.search(str(error)):
            raise Unsupported(f"PyTorch: {error}") from error
        raise

AT_KINKS: dict[str, float | str] = {
    "abs": 0.0, "nn.relu": 0.0, "nn.leaky_relu": "last", "nn.elu": "last", "clip": 1.0,
    "hypot": math.nan, "linalg.vector_norm": 0.0, "maximum": "even", "minimum": "even",
    **dict.fromkeys(POOLS, "first"),
    "sort": "first", "cumulative_max": "last", "cumulative_min": "last", "lookup": "last", "amax": "even", "amin": "even", "ptp": "even", "nanmax": "even", "nanmin": "even",
    "nn.hardtanh": 0.0, "nn.relu6": 0.0, "nn.hard_sigmoid": 0.0, "nn.hardswish": 0.0, "nn.softshrink": 0.0, "nn.selu": "last", "nn.prelu": "last",
}  # fmt: skip


class TorchEngine:
    """PyTorch, untouched: default dtype, threads, grad mode and random state stay as they are."""

    name: str = "torch"
    lineage: str = "torch"
    version: str = torch.__version__
    namespace: ModuleType = torch_ops
    capabilities: Capabilities = Capabilities(
        at_kinks=AT_KINKS,
        dtypes=("float64", "float32", "float16", "bfloat16", "complex128", "complex64"),
        unsupported_in={"float16": FACTORS | QUANTILES | LAYERS | SPECIAL, "bfloat16": FACTORS | QUANTILES | LAYERS | SPECIAL},
        modes=nestings(around=("", "vmap of ")),
    )
    depth = 0  # of transforms whose function is being evaluated

    def from_numpy(self, array: Array) -> Tensor:
        """A tensor over its own copy, with the order of axes in memory that the original has."""
        own = np.array(array)
        if own.dtype.name == "bfloat16":  # no NumPy type of its own, so PyTorch takes its bits alone
            return torch.from_numpy(own.view(np.int16)).view(torch.bfloat16)
        return torch.from_numpy(own)

    def to_numpy(self, array: Tensor) -> Array:
        """A copy: tensors that torch returns may share memory with one another."""
        plain = array.detach()
        if plain.dtype is torch.bfloat16:
            return np.array(plain.contiguous().view(torch.int16).numpy()).view(dtype_named("bfloat16"))
        return np.array(plain.numpy(force=True), order="C")  # zeros that forward mode never wrote too

    def vjp(self, fn: Callable[..., Any], primals: Sequence[Tensor]) -> tuple[tuple[Tensor, ...], Pullback]:
        """``fn(*primals)`` as a tuple, and a pullback that may be called any number of times.

        Inside another transform it is that of ``torch.func``, which nests.
        """
        if self.depth:
            return torch_nested.vjp(fn, primals)
        fn = self._within(fn)
        inputs = tuple(p.detach().requires_grad_() for p in primals)
        with torch.enable_grad(), warnings.catch_warnings(), _declining():
            warnings.simplefilter("ignore")  # var of a size-0 array warns; a warning is not an answer
            result = fn(*inputs)
        outputs: tuple[Tensor, ...] = tuple(result) if isinstance(result, tuple | list) else (result,)

        def pullback(cotangents: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
            pairs = [(y, ct) for y, ct in zip(outputs, cotangents, strict=True) if y.requires_grad]
            if not pairs or not inputs:
                return tuple(torch.zeros_like(p) for p in primals)
            reached, seeds = zip(*pairs, strict=True)
            with _declining(), torch_nested.declining():
                return torch.autograd.grad(
                    reached, inputs, seeds, retain_graph=True, allow_unused=True, materialize_grads=True
                )

        return tuple(y.detach() for y in outputs), pullback

    def jvp(
        self, fn: Callable[..., Any], primals: Sequence[Tensor], tangents: Sequence[Tensor]
    ) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
        """``fn(*primals)`` and its tangents along those of the primals."""
        return torch_nested.jvp(self._within(fn), primals, tangents)

    def vmap(self, fn: Callable[..., Any], in_axes: Any = 0) -> Callable[..., tuple[Tensor, ...]]:
        """``fn`` over an axis of every argument and the first of every result."""
        return torch_nested.vmap(self._within(fn), in_axes)

    def _within(self, fn: Callable[..., Any]) -> Callable[..., Any]:
        """``fn``, during which further transforms are nested ones."""

        def counted(*xs: Tensor) -> Any:
            self.depth += 1
            try:
                return fn(*xs)
            finally:
                self.depth -= 1

        return counted
