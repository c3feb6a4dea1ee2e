"""gradproof: proves derivatives right, or says which rule is wrong and why.

Everything here is imported on first use, so that ``import gradproof`` and the pytest plugin cost nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gradproof.check import GradientError, InconclusiveError, check_gradient
    from gradproof.oracles.engine import Capabilities
    from gradproof.oracles.errors import Unsupported
    from gradproof.oracles.finding import Verdict
    from gradproof.oracles.graph import Case, Graph
    from gradproof.oracles.judge import judge

__all__ = [
    "Capabilities",
    "Case",
    "GradientError",
    "Graph",
    "InconclusiveError",
    "Unsupported",
    "Verdict",
    "check_gradient",
    "judge",
]

_HOMES = {
    "check_gradient": "gradproof.check",
    "GradientError": "gradproof.check",
    "InconclusiveError": "gradproof.check",
    "Capabilities": "gradproof.oracles.engine",
    "Unsupported": "gradproof.oracles.errors",
    "Graph": "gradproof.oracles.graph",
    "Case": "gradproof.oracles.graph",
    "Verdict": "gradproof.oracles.finding",
    "judge": "gradproof.oracles.judge",
}


def __getattr__(name: str) -> Any:
    """Load a public name on first use (PEP 562)."""
    if name not in _HOMES:
        raise AttributeError(f"module 'gradproof' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
