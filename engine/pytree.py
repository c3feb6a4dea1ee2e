"""Trees of arrays: parameters in nested dicts, lists, tuples, named tuples and dataclasses, None for nothing.

Every transform takes and gives such trees. A leaf is whatever is no container; a list of nothing but Python numbers is one
too, as everywhere in the engine (``ge.sum([1.0, 2.0])``). Dicts are matched by key, in whatever order. A field of a dataclass
made by ``field(metadata={"static": True})`` is no part of the tree: it is carried along and must be equal.
"""

from __future__ import annotations

import dataclasses
from collections import OrderedDict
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any, NamedTuple

from gradproof.engine.errors import TreeError

NUMBERS = (int, float, complex, bool)


class Structure(NamedTuple):
    """What a tree is without its leaves: the container, its keys, a structure for each, and the static fields."""

    kind: Any = None  # None for a leaf
    keys: tuple[Any, ...] = ()
    children: tuple[Structure, ...] = ()
    static: tuple[tuple[str, Any], ...] = ()

    @property
    def leaves(self) -> int:
        """How many leaves a tree of this structure has."""
        return 1 if self.kind is None else sum(child.leaves for child in self.children)


LEAF = Structure()
NOTHING = Structure(type(None))


@cache
def _row(count: int) -> Structure:
    """A tuple of leaves, which most arguments and outputs are: one object for each length, so that it is known at sight."""
    return Structure(tuple, tuple(range(count)), (LEAF,) * count)


def flatten(tree: Any) -> tuple[list[Any], Structure]:
    """The leaves in order, and the structure that ``unflatten`` puts them back into.

    >>> from gradproof.engine import pytree
    >>> leaves, structure = pytree.flatten({"w": 1.0, "layers": [(2.0, None), 3.0]})
    >>> leaves, pytree.paths(structure)
    ([1.0, 2.0, 3.0], ["['w']", "['layers'][0][0]", "['layers'][1]"])
    """
    if type(tree) is tuple and all(hasattr(type(x), "dtype") for x in tree):
        return list(tree), _row(len(tree))
    leaves: list[Any] = []
    return leaves, _take_apart(tree, leaves)


def _take_apart(tree: Any, leaves: list[Any]) -> Structure:
    parts = _parts(tree)
    if parts is None:
        leaves.append(tree)
        return LEAF
    kind, keys, values, static = parts
    return Structure(kind, keys, tuple([_take_apart(value, leaves) for value in values]), static)


def _parts(tree: Any) -> tuple[Any, tuple[Any, ...], tuple[Any, ...], tuple[tuple[str, Any], ...]] | None:
    """The kind of a container, its keys, its values and its static fields; None for a leaf."""
    kind = type(tree)
    if hasattr(kind, "dtype"):  # an array of any library: by far the most frequent
        return None
    if tree is None:
        return kind, (), (), ()
    if kind in (dict, OrderedDict):
        return kind, tuple(tree), tuple(tree.values()), ()
    if isinstance(tree, tuple):
        return kind, getattr(kind, "_fields", tuple(range(len(tree)))), tuple(tree), ()
    if kind is list:
        return None if tree and _all_numbers(tree) else (kind, tuple(range(len(tree))), tuple(tree), ())
    if dataclasses.is_dataclass(kind):
        held = dataclasses.fields(kind)
        keys = tuple(f.name for f in held if not f.metadata.get("static"))
        static = tuple((f.name, getattr(tree, f.name)) for f in held if f.metadata.get("static"))
        return kind, keys, tuple(getattr(tree, key) for key in keys), static
    return None


def _all_numbers(tree: list[Any]) -> bool:
    return all(_all_numbers(x) if type(x) is list else type(x) in NUMBERS for x in tree)


def unflatten(structure: Structure, leaves: Any) -> Any:
    """The tree of this structure with these leaves. A dataclass is filled field by field: its ``__init__`` does not run."""
    if structure is _row(len(structure.keys)):
        return tuple(leaves)
    return _put_together(structure, iter(leaves))


def _put_together(structure: Structure, leaves: Iterator[Any]) -> Any:
    kind, keys = structure.kind, structure.keys
    if kind is None:
        return next(leaves)
    values = [_put_together(child, leaves) for child in structure.children]
    if kind is type(None):
        return None
    if kind is list or kind is tuple:
        return kind(values)
    if issubclass(kind, dict):
        return kind(zip(keys, values, strict=True))
    if issubclass(kind, tuple):
        return kind(*values)
    made = object.__new__(kind)
    for name, value in (*zip(keys, values, strict=True), *structure.static):
        object.__setattr__(made, name, value)  # past a frozen dataclass' own
    return made


def flatten_like(structure: Structure, tree: Any, where: str, *, none: bool = False) -> list[Any]:
    """The leaves of a tree that must have this structure; tuples and lists stand for each other.

    With ``none``, None stands for any part, and its leaves are None.

    Raises: TreeError that names the path of the first part which differs.
    """
    if type(tree) is tuple and structure is _row(len(tree)):
        return list(tree)
    leaves: list[Any] = []
    _match(structure, tree, where, none, leaves)
    return leaves


def _match(structure: Structure, tree: Any, path: str, none: bool, leaves: list[Any]) -> None:
    if structure.kind is None:
        leaves.append(tree)
        return
    if tree is None and none:
        leaves.extend([None] * structure.leaves)
        return
    parts = _parts(tree)
    if parts is None and type(tree) is list:  # of numbers, where a list of leaves is expected
        parts = list, tuple(range(len(tree))), tuple(tree), ()
    if parts is None or not _alike(parts[0], structure.kind):
        raise TreeError(f"{path} is a {type(tree).__name__}, expected a {structure.kind.__name__}. Give it the same structure.")
    values = dict(zip(parts[1], parts[2], strict=True))
    if values.keys() != set(structure.keys):
        raise TreeError(
            f"{path} has {_said(parts[1], parts[0])}, expected {_said(structure.keys, structure.kind)}. Give it the same structure."
        )
    if parts[3] != structure.static:
        raise TreeError(f"{path} has the static fields {dict(parts[3])}, expected {dict(structure.static)}.")
    for key, child in zip(structure.keys, structure.children, strict=True):
        _match(child, values[key], path + step(structure.kind, key), none, leaves)


def _alike(kind: Any, expected: Any) -> bool:
    return kind is expected or any(kind in pair and expected in pair for pair in ((list, tuple), (dict, OrderedDict)))


def _said(keys: tuple[Any, ...], kind: Any) -> str:
    return f"{len(keys)} entries" if kind in (list, tuple) else f"the keys {list(keys)}"


def step(kind: Any, key: Any) -> str:
    """How a part of a container is written."""
    return f"[{key!r}]" if kind in (list, tuple, dict, OrderedDict) or isinstance(key, int) else f".{key}"


def paths(structure: Structure, start: str = "") -> list[str]:
    """Where each leaf is, as it is written in Python: ``['layers'][0].weight``."""
    if structure.kind is None:
        return [start]
    found = []
    for key, child in zip(structure.keys, structure.children, strict=True):
        found += paths(child, start + step(structure.kind, key))
    return found


def map(f: Callable[..., Any], tree: Any, *others: Any) -> Any:
    """The tree of f of each leaf, and of the leaves at the same place in other trees of its structure.

    >>> from gradproof.engine import pytree
    >>> pytree.map(lambda x, y: x + y, {"a": 1.0, "b": (2.0,)}, {"a": 10.0, "b": (20.0,)})
    {'a': 11.0, 'b': (22.0,)}
    """
    leaves, structure = flatten(tree)
    rest = [flatten_like(structure, other, f"tree {i}") for i, other in enumerate(others, 1)]
    return unflatten(structure, [f(*parts) for parts in zip(leaves, *rest, strict=True)])
