"""PyTorch as an engine: eager operations, ``torch.autograd.grad`` for the pullback, on the CPU."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any

import numpy as np
import torch
from torch import Tensor

from gradproof.oracles.adapters import torch_ops
from gradproof.oracles.engine import Capabilities
from gradproof.oracles.graph import Array

Pullback = Callable[[tuple[Tensor, ...]], tuple[Tensor, ...]]


class TorchEngine:
    """PyTorch, untouched: default dtype, threads, grad mode and random state stay as they are."""

    name: str = "torch"
    lineage: str = "torch"
    version: str = torch.__version__
    namespace: ModuleType = torch_ops
    capabilities: Capabilities = Capabilities(
        dtypes=("float64", "float32"),
        nan_at=frozenset({"hypot", "xlogy"}),
    )

    def from_numpy(self, array: Array) -> Tensor:
        """A tensor over its own copy, whatever the strides of the original."""
        return torch.from_numpy(np.array(array, order="C"))

    def to_numpy(self, array: Tensor) -> Array:
        """A copy: tensors that torch returns may share memory with one another."""
        return np.array(array.detach().numpy(), order="C")

    def vjp(self, fn: Callable[..., Any], primals: Sequence[Tensor]) -> tuple[tuple[Tensor, ...], Pullback]:
        """``fn(*primals)`` as a tuple, and a pullback that may be called any number of times."""
        inputs = tuple(p.detach().requires_grad_() for p in primals)
        with torch.enable_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # var of a size-0 array warns; a warning is not an answer
            result = fn(*inputs)
        outputs: tuple[Tensor, ...] = tuple(result) if isinstance(result, tuple | list) else (result,)

        def pullback(cotangents: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
            pairs = [(y, ct) for y, ct in zip(outputs, cotangents, strict=True) if y.requires_grad]
            if not pairs or not inputs:
                return tuple(torch.zeros_like(p) for p in primals)
            reached, seeds = zip(*pairs, strict=True)
            return torch.autograd.grad(
                reached, inputs, seeds, retain_graph=True, allow_unused=True, materialize_grads=True
            )

        return tuple(y.detach() for y in outputs), pullback
