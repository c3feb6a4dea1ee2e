"""Whose array, function or module is this? Only what is already imported is looked at."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import numpy as np

from gradproof.oracles.errors import GradproofError

# the first part of a module's name, and the engine whose arrays and functions come from there
HOMES = {
    **{name: name for name in ("jax", "tensorflow", "mlx", "tinygrad", "autograd", "micrograd", "paddle")},
    "jaxlib": "jax", "keras": "tensorflow",
}  # fmt: skip


def framework_of(value: Any) -> str | None:
    """The framework whose array (or function, or module) this is, without importing any.

    >>> framework_of(np.ones(3)) is None
    True
    """
    torch, jax = sys.modules.get("torch"), sys.modules.get("jax")
    if torch is not None:
        owner = getattr(value, "__self__", None)
        if isinstance(value, torch.Tensor | torch.nn.Module):
            return "torch"
        if isinstance(owner, type) and issubclass(owner, torch.autograd.Function):
            return "torch"
    if jax is not None and (isinstance(value, jax.Array) or type(value).__module__.partition(".")[0] == "jax"):
        return "jax"
    if type(value).__module__.startswith("gradproof.engine"):
        return "native"
    if isinstance(value, np.ndarray | np.generic):
        return None
    if type(value).__module__.startswith("torch."):  # an operator, a scripted function
        return "torch"
    home = HOMES.get(type(value).__module__.partition(".")[0])
    return home or (_home_of(value) if callable(value) else None)


def _home_of(function: Any) -> str | None:
    """The framework that a function of its own comes from."""
    module = str(getattr(function, "__module__", "") or "")
    if module.startswith(("gradproof.engine.functions", "torch.")):
        return "torch" if module.startswith("torch.") else "native"
    return HOMES.get(module.partition(".")[0])


def guess(f: Any, leaves: Sequence[Any]) -> str:
    """The engine that the function and its arguments belong to; NumPy arrays and floats alone mean native.

    Raises: GradproofError if they belong to several.
    """
    found = {name for name in map(framework_of, (f, *leaves)) if name}
    if len(found) > 1:
        raise GradproofError(
            f"the arguments belong to {' and '.join(sorted(found))}; expected one framework. Name it: engine=\"torch\"."
        )
    return found.pop() if found else "native"
