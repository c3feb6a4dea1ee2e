"""A user's arguments as a flat list of named leaves, and back: trees of arrays and numbers.

Float arrays, float tensors and Python floats are primals; integers, booleans and anything else are held fixed.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from gradproof.frameworks import Framework
from gradproof.oracles.errors import GradproofError
from gradproof.oracles.formats import is_float
from gradproof.oracles.graph import Array
from gradproof.trees import opened


@dataclass(frozen=True)
class Leaf:
    """One array among the arguments, by the name that the report gives it."""

    name: str
    data: Array
    primal: bool
    marked: bool = False  # the user marked it for differentiation (requires_grad)


@dataclass(frozen=True)
class _Slot:
    """Where a leaf sits in a structure."""

    index: int


@dataclass(frozen=True)
class _Tree:
    """A container among the arguments."""

    children: list[Any]
    build: Callable[[Sequence[Any]], Any]


def _walk(value: Any, name: str, framework: Framework, leaves: list[Leaf]) -> Any:
    found = opened(value)
    if found is not None:
        children, build = found
        return _Tree([_walk(child, name + behind, framework, leaves) for behind, child in children], build)
    data = np.array(value) if type(value) is float and framework.floats else framework.to_numpy(value)
    if data is None:
        return value
    if data.dtype.kind == "c":
        raise GradproofError(f"{name} is complex; expected real arrays. Pass its real and imaginary parts apart.")
    if data.dtype.kind not in "fbiu" and not is_float(data.dtype):
        raise GradproofError(f"{name} has dtype {data.dtype}; expected floats, integers or booleans.")
    leaves.append(Leaf(name, data, data.dtype.kind not in "biu", framework.wants_gradient(value)))
    return _Slot(len(leaves) - 1)


def _fill(structure: Any, leaves: Sequence[Any]) -> Any:
    if isinstance(structure, _Slot):
        return leaves[structure.index]
    if isinstance(structure, _Tree):
        return structure.build([_fill(v, leaves) for v in structure.children])
    return structure


@dataclass(frozen=True)
class Arguments:
    """The leaves of a call, and the structure to put them back in."""

    leaves: tuple[Leaf, ...]
    structure: tuple[Any, ...]

    def filled(self, leaves: Sequence[Any]) -> tuple[Any, ...]:
        """The arguments with other leaves in place."""
        return tuple(_fill(s, leaves) for s in self.structure)

    def as_floats(self, dtype: np.dtype[Any]) -> Arguments:
        """The same with every float leaf in another dtype."""
        cast = (replace(x, data=x.data.astype(dtype)) if x.data.dtype.kind not in "biu" else x for x in self.leaves)
        return replace(self, leaves=tuple(cast))

    @property
    def primals(self) -> list[Array]:
        return [leaf.data for leaf in self.leaves if leaf.primal]

    def with_primals(self, primals: Sequence[Any], fixed: Callable[[Array], Any]) -> list[Any]:
        """All leaves: the primals as given, and each fixed one made afresh, so that nobody can write it."""
        given: Iterator[Any] = iter(primals)
        return [next(given) if x.primal else fixed(np.array(x.data, copy=True)) for x in self.leaves]


def names_of(f: Any, count: int) -> list[str]:
    """Names of the first positional arguments, as f spells them."""
    owner = getattr(f, "__self__", f)
    target = getattr(owner, "forward", f)  # of a module, or of the class that a bound apply belongs to
    try:
        parameters = list(inspect.signature(target).parameters.values())
    except (TypeError, ValueError):
        parameters = []
    named = [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD) and p.name != "ctx"]
    return [named[i] if i < len(named) else f"argument {i}" for i in range(count)]


def _named(keywords: Mapping[str, Any]) -> Callable[[Sequence[Any]], Any]:
    return lambda found: dict(zip(keywords, found, strict=True))


def gather(
    f: Any,
    args: Sequence[Any],
    framework: Framework,
    argnums: int | Sequence[int] | None,
    extra: Sequence[Leaf] = (),
    keywords: Mapping[str, Any] | None = None,
) -> Arguments:
    """The arguments of a call as leaves, named ones as a dict behind the others; ``extra`` are a module's parameters, and last.

    Primals are the float leaves: of the arguments at ``argnums``, else those marked for differentiation if any are.

    Raises: GradproofError if there is nothing to differentiate by.
    """
    leaves: list[Leaf] = []
    framework.floats = not framework.takes_numbers(f)
    chosen = None if argnums is None else {argnums} if isinstance(argnums, int) else set(argnums)
    if chosen and not all(isinstance(i, int) for i in chosen):
        raise GradproofError(f"argnums {argnums!r} is no position; expected a whole number, or several.")
    if chosen and not all(-len(args) <= i < len(args) for i in chosen):
        raise GradproofError(f"argnums {argnums} names an argument that was not passed: there are {len(args)}.")
    structure = []
    for i, (name, value) in enumerate(zip(names_of(f, len(args)), args, strict=True)):
        start = len(leaves)
        structure.append(_walk(value, name, framework, leaves))
        if chosen is not None and i not in chosen and i - len(args) not in chosen:
            leaves[start:] = [replace(x, primal=False) for x in leaves[start:]]
    start = len(leaves)
    structure.append(_Tree([_walk(v, k, framework, leaves) for k, v in (keywords or {}).items()], _named(keywords or {})))
    if chosen is not None:
        leaves[start:] = [replace(x, primal=False) for x in leaves[start:]]
    if chosen is None and any(x.marked for x in leaves):
        leaves = [replace(x, primal=x.primal and x.marked) for x in leaves]
    start = len(leaves)
    leaves += extra
    structure.append(_Tree([_Slot(start + i) for i in range(len(extra))], tuple))
    if not any(x.primal for x in leaves):
        raise GradproofError("no argument can be differentiated: expected at least one float array, tensor or number.")
    return Arguments(tuple(leaves), tuple(structure))
