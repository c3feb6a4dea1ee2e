"""The specs: properties over generated cases, the loop that judges them, and the conformance suite.

``gradproof.specs.graphs`` and ``gradproof.specs.cases`` are public Hypothesis strategies.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gradproof.specs.strategies import cases, graphs

__all__ = ["cases", "graphs"]


def __getattr__(name: str) -> Any:
    """The strategies on first use: importing Hypothesis takes longer than the rest of a short run."""
    if name not in __all__:
        raise AttributeError(f"module 'gradproof.specs' has no attribute {name!r}")
    from gradproof.specs import strategies

    return getattr(strategies, name)
