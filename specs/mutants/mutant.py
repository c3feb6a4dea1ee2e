"""What a mutant is: one edit of one rule, of the sweep or of a kernel, as data; and the short forms the families use.

A mutant names the catalogue ops whose single-op cases meet it (``graph``: only random graphs do), and how it is planted;
planting is ``plant.py``'s work alone, so nothing can leak. A fault sees what the rule sees, and the right gradient first:
``fault(g, xp, ct, out, *primals, **params)``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from gradproof.specs.mutants.plant import Fault, planted, replaced, swapped

GRAPH = "graph"


class Patch(Protocol):
    """How a mutant is planted."""

    def plant(self) -> AbstractContextManager[None]:
        """The engine with the mutant, inside the block."""


@dataclass(frozen=True)
class Wrap:
    """The right gradient, changed."""

    primitive: str
    fault: Fault
    argument: int = 0

    def plant(self) -> AbstractContextManager[None]:
        return planted(self.primitive, self.fault, self.argument)


@dataclass(frozen=True)
class Rewrite:
    """A rule written anew: ``pull(xp, ct, out, *primals, **params)``."""

    primitive: str
    pull: Fault
    argument: int = 0

    def plant(self) -> AbstractContextManager[None]:
        return replaced(self.primitive, self.pull, self.argument)


@dataclass(frozen=True)
class Swap:
    """A function of the sweep, of a kernel or of the namespace, changed: ``change(right)``."""

    owner: Any
    attribute: str
    change: Fault

    def plant(self) -> AbstractContextManager[None]:
        return swapped(self.owner, self.attribute, self.change)


@dataclass(frozen=True)
class Together:
    """Patches made anew at each planting, so that what they remember is forgotten; all planted at once."""

    make: Callable[[], tuple[Patch, ...]]

    @contextmanager
    def plant(self) -> Iterator[None]:
        with ExitStack() as stack:
            for patch in self.make():
                stack.enter_context(patch.plant())
            yield


@dataclass(frozen=True)
class Mutant:
    """A planted fault: its family, the ops that meet it, what is wrong, how it is planted, the dtype and order it shows in."""

    family: str
    ops: tuple[str, ...]
    wrong: str
    patch: Patch
    dtype: str = "float64"
    benign: bool = False
    order: int = 1  # of the derivative that shows it
    modes: tuple[str, ...] = ()  # beside plain reverse, those that alone show it
    setting: str = ""  # in which the engine is used (``settings``)

    @property
    def name(self) -> str:
        """Unique in the catalogue."""
        return f"{self.family}: {self.ops[0]}: {self.wrong}"

    def __str__(self) -> str:
        return self.name

    def plant(self) -> AbstractContextManager[None]:
        """The native engine with this mutant, inside the block."""
        return self.patch.plant()


class Family:
    """A family under construction; its methods are the short forms."""

    def __init__(
        self, name: str, benign: bool = False, order: int = 1, modes: tuple[str, ...] = (), setting: str = "", dtype: str = "float64"
    ) -> None:
        self.name, self.benign, self.order, self.modes, self.setting, self.dtype = name, benign, order, modes, setting, dtype
        self.mutants: list[Mutant] = []

    def add(self, ops: str, wrong: str, patch: Patch, dtype: str = "") -> None:
        """A mutant planted in any way. ``ops``: names separated by spaces."""
        shown = dtype or self.dtype
        self.mutants.append(
            Mutant(self.name, tuple(ops.split()), wrong, patch, shown, self.benign, self.order, self.modes, self.setting)
        )

    def wrap(self, ops: str, wrong: str, fault: Fault, primitive: str = "", argument: int = 0, dtype: str = "") -> None:
        """A fault that changes the right gradient; the primitive defaults to the first op's last name."""
        self.add(ops, wrong, Wrap(primitive or primitive_of(ops), fault, argument), dtype)

    def rule(self, ops: str, wrong: str, pull: Fault, primitive: str = "", argument: int = 0, dtype: str = "") -> None:
        """A fault that writes the rule anew."""
        self.add(ops, wrong, Rewrite(primitive or primitive_of(ops), pull, argument), dtype)

    def swap(self, ops: str, wrong: str, owner: Any, attribute: str, change: Fault) -> None:
        """A fault in a function that is looked up as an attribute: ``change(right function)``."""
        self.add(ops, wrong, Swap(owner, attribute, change))

    def where(
        self, ops: str, wrong: str, region: Fault, change: Fault, primitive: str = "", argument: int = 0, by: int | None = None
    ) -> None:
        """A fault where ``region(x)`` of operand ``by`` (default: the argument): ``change(g, ct, x)`` there."""
        watched = argument if by is None else by

        def fault(g: Any, xp: Any, ct: Any, out: Any, *primals: Any, **params: Any) -> Any:
            x = np.asarray(primals[watched])
            return np.where(region(x), change(g, ct, x), g)

        self.wrap(ops, wrong, fault, primitive, argument)


def primitive_of(ops: str) -> str:
    """The last name of the first op: ``nn.relu`` is the primitive ``relu``."""
    return ops.split()[0].rpartition(".")[2]


# ---- faults that many families share


def scaled(factor: float) -> Fault:
    """The right gradient times a factor."""
    return lambda g, *rest, **params: g * factor


def cast(dtype: Any) -> Fault:
    """The right gradient through a narrower dtype and back."""
    return lambda g, xp, ct, *rest, **params: np.asarray(np.asarray(g).astype(dtype), dtype=ct.dtype)


def when(condition: Fault, change: Fault) -> Fault:
    """``change(g)`` where ``condition(x, **params)`` of the first primal holds as a whole, else the right gradient."""

    def fault(g: Any, xp: Any, ct: Any, out: Any, x: Any, *rest: Any, **params: Any) -> Any:
        return change(g) if condition(x, **params) else g

    return fault


# ---- shapes and axes, as rules need them


def axes_of(axis: Any, ndim: int) -> tuple[int, ...]:
    """An axis parameter as a tuple of axes counted from the front."""
    if axis is None:
        return tuple(range(ndim))
    return tuple(a % ndim for a in (axis if isinstance(axis, tuple) else (axis,)))


def kept(ct: Any, x: Any, axis: Any, keepdims: bool) -> Any:
    """``ct`` in the shape that the reduction of ``x`` has with keepdims."""
    if keepdims or not np.ndim(x):
        return ct
    return np.expand_dims(ct, axes_of(axis, np.ndim(x)))


def tied(out: Any, x: Any, axis: Any, keepdims: bool) -> Any:
    """How many entries of ``x`` equal the extreme ``out`` along ``axis``, kept as size 1."""
    hit = x == kept(out, x, axis, keepdims)
    return np.sum(hit, axis=axis, keepdims=True) if np.ndim(x) else 1


def first_hit(ct: Any, out: Any, x: Any, axis: Any, keepdims: bool) -> Any:
    """The cotangent at the first entry of ``x`` that equals the extreme ``out``, and 0 at the others."""
    if not np.ndim(x):
        return ct
    axes = axes_of(axis, np.ndim(x))
    hit = x == kept(out, x, axis, keepdims)
    rest = tuple(i for i in range(x.ndim) if i not in axes)
    moved = np.transpose(hit, rest + axes)
    flat = moved.reshape((*(x.shape[i] for i in rest), count(tuple(x.shape[i] for i in axes))))
    first = (np.cumsum(flat, axis=-1) == 1) & flat
    back = np.transpose(first.reshape(moved.shape), np.argsort(rest + axes))
    return np.where(back, kept(ct, x, axis, keepdims), 0.0)


def count(shape: tuple[int, ...]) -> int:
    """How many entries a shape has."""
    return int(np.prod(shape, dtype=int))


def square(x: Any) -> bool:
    """Whether the last two axes have the same length."""
    shape = np.shape(x)
    return len(shape) >= 2 and shape[-1] == shape[-2]


def swap_last(g: Any) -> Any:
    """The last two axes exchanged where that keeps the shape."""
    return np.swapaxes(g, -1, -2) if square(g) else g
