"""What a row of the catalogue is: an op's name, its NumPy meaning, its domain, its kinks and how to sample it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from gradproof.oracles.catalogue.source import Source
from gradproof.oracles.domain import REAL, Domain
from gradproof.oracles.graph import Array, Param

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Slot:
    """An operand still to be filled: its shape and domain; ``matrix`` asks for a "general", "spd" or "singular" one, or for
    a kind of ``specs.matrices`` ("symmetric", "full", "sound", "leading", "triangular").

    ``constant`` operands are held fixed (never differentiated). ``scale`` 1 or -1 asks for entries so large or so small
    that their squares leave the range of the dtype.
    """

    shape: Shape
    domain: Domain = REAL
    matrix: str = ""
    constant: bool = False
    scale: int = 0


@dataclass(frozen=True, eq=False)
class Sketch:
    """One way to apply an op: its operands (slots, or constant integer and bool arrays) and its parameters."""

    operands: tuple[Slot | Array, ...]
    params: Mapping[str, Param] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Op:
    """A row. It holds no derivative.

    ``meaning(xp, *operands, **params)`` is the op in NumPy terms over a namespace (``oracles.meaning``).
    ``sketch(source, shape)`` draws how to apply the op to a first operand of that shape, or None if it cannot be;
    ``shape(source)`` draws a first shape the op likes. ``kinks`` says in words where it is not differentiable.
    ``call`` is how the operands are passed: one by one, as one list, or after the ``subscripts`` parameter.
    ``factorises``: the first operand is a matrix that elimination reads (``oracles.catalogue.elimination``).
    """

    name: str
    meaning: Callable[..., Any]
    sketch: Callable[[Source, Shape], Sketch | None]
    shape: Callable[[Source], Shape]
    kinks: str = ""
    call: str = "operands"
    factorises: bool = False
    family: str = ""

    def apply(self, function: Callable[..., Any], operands: Sequence[Any], params: Mapping[str, Any]) -> Any:
        """Call an engine's ``function`` the way this op is called."""
        if self.call == "list":
            return function(list(operands), **params)
        if self.call == "subscripts":
            rest = {k: v for k, v in params.items() if k != "subscripts"}
            return function(params["subscripts"], *operands, **rest)
        return function(*operands, **params)
