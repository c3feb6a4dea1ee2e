"""``torch.compile`` as an engine of its own: its backward is a program that AOTAutograd and Inductor make, not the rules that eager PyTorch runs."""

from __future__ import annotations

import os
import shutil
import warnings
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any

import numpy as np
import torch
from torch import Tensor

from gradproof.oracles.adapters import torch_ops
from gradproof.oracles.adapters.torch import Pullback, TorchEngine
from gradproof.oracles.engine import Capabilities
from gradproof.oracles.errors import Unsupported
from gradproof.oracles.graph import Array

COMPILERS = ("c++", "g++", "clang++")
_eager = TorchEngine()


def absent() -> str:
    """Why nothing can be compiled here, or ""."""
    named = os.environ.get("CXX", "")
    if any(shutil.which(name) for name in (named, *COMPILERS) if name):
        return ""
    return f"torch.compile needs a C++ compiler on the CPU, and none of {', '.join(COMPILERS)} is on the path; CXX may name one"


class TorchCompile:
    """PyTorch under ``torch.compile`` with Inductor, each function whole: what would fall back to eager mode is declined, not passed."""

    name: str = "torch-compile"
    lineage: str = "torch"
    version: str = torch.__version__
    namespace: ModuleType = torch_ops
    capabilities: Capabilities = Capabilities(("float64", "float32"))

    def __init__(self) -> None:
        why = absent()
        if why:
            raise RuntimeError(why)

    def from_numpy(self, array: Array) -> Tensor:
        return _eager.from_numpy(np.array(array))

    def to_numpy(self, array: Tensor) -> Array:
        return _eager.to_numpy(array)

    def vjp(self, fn: Callable[..., Any], primals: Sequence[Tensor]) -> tuple[tuple[Tensor, ...], Pullback]:
        """``fn(*primals)`` compiled anew, and the pullback that was compiled with it."""
        torch._dynamo.reset()  # beyond some recompilations it would run eagerly, in silence
        compiled = torch.compile(fn, fullgraph=True, dynamic=False)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                return _eager.vjp(compiled, primals)
        except torch._dynamo.exc.Unsupported as why:
            raise Unsupported(f"torch.compile: {str(why).splitlines()[0]}") from why
