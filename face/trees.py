"""Containers of arrays, opened one level at a time: dicts, lists, tuples, named tuples, dataclasses, and what a framework registers.

The engine does not matter: NumPy arrays and tensors sit in the same containers. What JAX's own registry knows (a class with
static fields, say) is opened as it says; any other dataclass field by field.
"""

from __future__ import annotations

import copy
import dataclasses
import sys
from collections.abc import Callable, Sequence
from typing import Any

Opened = tuple[list[tuple[str, Any]], Callable[[Sequence[Any]], Any]]


def opened(value: Any) -> Opened | None:
    """The children of a container, each with what to write behind its name, and how to build the like of it; None of a leaf.

    >>> children, build = opened({"w": 1.0, "b": 2.0})
    >>> children, build([3.0, 4.0])
    ([("['w']", 1.0), ("['b']", 2.0)], {'w': 3.0, 'b': 4.0})
    """
    if isinstance(value, int | float | str) or value is None or hasattr(value, "__array__"):
        return None
    if isinstance(value, dict):
        keys = list(value)
        return [(f"[{k!r}]", value[k]) for k in keys], lambda found: _mapping(value, dict(zip(keys, found, strict=True)))
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return [(f".{k}", v) for k, v in zip(value._fields, value, strict=True)], lambda found: type(value)(*found)
    if type(value) in (tuple, list):
        return [(f"[{i}]", v) for i, v in enumerate(value)], lambda found: type(value)(found)
    registered = _of_jax(value)
    if registered is not None:
        return registered
    torch = sys.modules.get("torch")
    if dataclasses.is_dataclass(value) and not isinstance(value, type) and not (torch and isinstance(value, torch.nn.Module)):
        names = [f.name for f in dataclasses.fields(value) if hasattr(value, f.name)]
        return [(f".{n}", getattr(value, n)) for n in names], lambda found: _with_fields(value, names, found)
    return None


def flat(value: Any) -> list[Any]:
    """All leaves of a tree, in order."""
    found = opened(value)
    return [value] if found is None else [leaf for _, child in found[0] for leaf in flat(child)]


def mapped(change: Callable[[Any], Any], value: Any) -> Any:
    """The like of a tree, each leaf changed."""
    found = opened(value)
    return change(value) if found is None else found[1]([mapped(change, child) for _, child in found[0]])


def _mapping(like: dict[Any, Any], made: dict[Any, Any]) -> Any:
    if type(like) is dict:
        return made
    same = copy.copy(like)  # an OrderedDict, or a defaultdict with its factory
    same.update(made)
    return same


def _with_fields(like: Any, names: Sequence[str], found: Sequence[Any]) -> Any:
    made = copy.copy(like)
    for name, value in zip(names, found, strict=True):
        object.__setattr__(made, name, value)  # a frozen one too: it is a copy that nobody has seen
    return made


def _of_jax(value: Any) -> Opened | None:
    """A class in JAX's registry; only looked up once JAX is imported."""
    tree_util = sys.modules.get("jax.tree_util")
    if tree_util is None:
        return None
    pairs, structure = tree_util.tree_flatten_with_path(value, is_leaf=lambda v: v is not value)
    if len(pairs) == 1 and pairs[0][1] is value:
        return None
    return [(tree_util.keystr(path), child) for path, child in pairs], lambda found: tree_util.tree_unflatten(structure, list(found))
