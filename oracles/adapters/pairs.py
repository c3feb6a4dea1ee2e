"""Functions on complex arrays as functions on pairs (..., 2) of a real and an imaginary part, for the namespaces of adapters."""

from __future__ import annotations

from collections.abc import Callable
from operator import attrgetter
from types import SimpleNamespace
from typing import Any

from gradproof.oracles.catalogue.complexes import MORE


def paired(function: Callable[..., Any], joined: Callable[[Any], Any], parted: Callable[[Any], Any]) -> Callable[..., Any]:
    """The function on pairs, called one operand by one, with one list of them, or with subscripts first."""

    def on_pairs(*operands: Any, **params: Any) -> Any:
        whole = [[joined(y) for y in x] if isinstance(x, list) else x if isinstance(x, str) else joined(x) for x in operands]
        return parted(function(*whole, **params))

    return on_pairs


def more(real: Any, joined: Callable[[Any], Any], parted: Callable[[Any], Any]) -> dict[str, Any]:
    """What ``MORE`` names of a namespace of real functions, on pairs; dotted names are in a namespace of their own."""
    found: dict[str, Any] = {"linalg": SimpleNamespace()}
    for name in MORE:
        on_pairs = paired(attrgetter(name)(real), joined, parted)
        inner, _, last = name.rpartition(".")
        vars(found["linalg"]).update({last: on_pairs}) if inner else found.update({last: on_pairs})
    return found
