"""Graphs, the catalogue of ops, the certified judge, and the witnesses beside it.

>>> from gradproof.oracles import Case, Graph, Verdict, ball, dual, finite, judge

and what makes an engine of a library in a few lines: ``from_backward``, ``from_grad``, ``namespace``, ``grouped``.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gradproof.oracles import ball, dual, finite, judge
    from gradproof.oracles.adapters.making import from_backward, from_grad
    from gradproof.oracles.adapters.numpy_names import grouped, namespace
    from gradproof.oracles.finding import Verdict
    from gradproof.oracles.graph import Case, Graph, Leaf, Node
    from gradproof.oracles.verdict import Kind

__all__ = [
    "Case", "Graph", "Kind", "Leaf", "Node", "Verdict", "ball", "dual", "finite", "from_backward", "from_grad", "grouped", "judge",
    "namespace",
]  # fmt: skip

_HOMES = {"Case": "graph", "Graph": "graph", "Leaf": "graph", "Node": "graph", "Verdict": "finding", "Kind": "verdict",
          "from_backward": "adapters.making", "from_grad": "adapters.making",
          "grouped": "adapters.numpy_names", "namespace": "adapters.numpy_names"}  # fmt: skip


def __getattr__(name: str) -> Any:
    """A public name on first use, so that a part costs only what it imports (PEP 562)."""
    if name in _HOMES:
        return getattr(import_module(f"gradproof.oracles.{_HOMES[name]}"), name)
    if name in __all__:
        return import_module(f"gradproof.oracles.{name}")
    raise AttributeError(f"module 'gradproof.oracles' has no attribute {name!r}")
