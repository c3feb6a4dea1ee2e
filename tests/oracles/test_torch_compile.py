"""``torch.compile`` as an engine: it is judged as what was compiled, and says why where nothing can be."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from gradproof.oracles.errors import EngineError, Unsupported
from gradproof.oracles.graph import Case, Graph, Leaf, Node
from gradproof.oracles.judge import judge
from gradproof.oracles.registry import engine
from gradproof.oracles.verdict import Kind

torch = pytest.importorskip("torch", reason="PyTorch is not installed")
from gradproof.oracles.adapters import torch_compile

compiles = pytest.mark.skipif(bool(torch_compile.absent()), reason=torch_compile.absent())


def test_without_a_compiler_the_engine_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch_compile.shutil, "which", lambda name: None)
    with pytest.raises(EngineError, match=r"needs a C\+\+ compiler"):
        engine("torch-compile")


@compiles
def test_a_compiled_gradient_is_judged() -> None:
    graph = Graph((Leaf(np.array([0.5, -2.0])), Leaf(np.array(3.0))), (Node("sin", (0,), {}), Node("multiply", (2, 1), {})), (3,))
    assert judge(Case(graph, (np.array([1.0, -0.5]),)), engine("torch-compile")).kind is Kind.AGREE


@compiles
def test_what_would_run_eagerly_is_declined() -> None:
    def f(x: Any) -> Any:
        torch._dynamo.graph_break()
        return torch.sin(x)

    compiled: Any = engine("torch-compile")
    with pytest.raises(Unsupported, match=r"torch\.compile"):
        compiled.vjp(f, [torch.tensor(1.0)])
