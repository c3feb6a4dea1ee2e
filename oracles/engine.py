"""What an engine is: anything that evaluates a graph and pulls a cotangent back.

An engine of one's own is a class with ``name``, ``lineage``, ``namespace``, ``from_numpy``, ``to_numpy`` and ``vjp``;
``Capabilities`` says what else it offers. NumPy in, NumPy out at this border.

Three methods are optional, and asked for only by the modes that an engine declares (``oracles.modes``); within a nested mode
each is called on the engine's own arrays, inside an outer transform:

    jvp(fn, primals, tangents) -> (outputs, tangents of the outputs)     both tuples of arrays
    vmap(fn) -> fn over a first axis of every argument and every result; vmap(fn, in_axes=(one an argument), out_axes=one) over
        these axes where it has such parameters
    compile(fn) -> fn, compiled; called several times
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Any, Protocol, runtime_checkable

from gradproof.oracles.graph import Array

ORDER_MAX = 3


def nestings(
    letters: Iterable[str] = ("reverse", "forward"), order: int = ORDER_MAX, around: Iterable[str] = ("",)
) -> frozenset[str]:
    """Names of the modes that nest the letters up to an order, plain and with each prefix of ``around``.

    >>> sorted(nestings(("reverse",), 2, ("", "vmap of ")))
    ['reverse', 'reverse over reverse', 'vmap of reverse', 'vmap of reverse over reverse']
    """
    letters = tuple(letters)
    words = [" over ".join(word) for n in range(1, order + 1) for word in product(letters, repeat=n)]
    return frozenset(prefix + word for prefix in around for word in words)


def several(result: Any) -> tuple[Any, ...]:
    """What a function returned as a tuple of outputs, also if it is one array."""
    return tuple(result) if isinstance(result, tuple | list) else (result,)


SHARES = EVEN, FIRST, LAST = "even", "first", "last"  # who gets the cotangent of a tie


@dataclass(frozen=True)
class Capabilities:
    """What an engine offers beyond float64 reverse mode; nothing here is assumed.

    ``unsupported`` names the ops it has not; any op its namespace lacks is unsupported without being listed.
    ``unsupported_in`` names, for a dtype, further ops that it has not in that dtype (PyTorch factors no matrix in float16).
    ``at_kinks`` is what it does at the kink of an op, and is then held to: the slope there (``abs``: 0.0, ``sqrt`` at 0:
    0.0), who gets the cotangent of a tie (``maximum``: "even", "first" or "last"), or NaN (``hypot`` at the origin).
    ``modes`` names how its transforms nest; see ``nestings``. ``devices`` names, for a device beside the CPU, the engine that is
    this one there; that engine's ``absent()`` says why there is no such device, or "".
    """

    dtypes: tuple[str, ...] = ("float64",)
    unsupported: frozenset[str] = frozenset()
    at_kinks: Mapping[str, float | str] = field(default_factory=dict, hash=False)
    unsupported_in: Mapping[str, frozenset[str]] = field(default_factory=dict, hash=False)
    modes: frozenset[str] = frozenset({"reverse"})
    devices: Mapping[str, str] = field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        for op, convention in self.at_kinks.items():
            number = isinstance(convention, int | float) and not math.isinf(convention)
            if not number and convention not in SHARES:
                raise ValueError(
                    f"at_kinks[{op!r}] is {convention!r}; expected a slope, NaN, 'even', 'first' or 'last'. Leave an op "
                    "out to declare nothing of it."
                )
        numbers = {op: float(c) if isinstance(c, int) else c for op, c in self.at_kinks.items()}
        object.__setattr__(self, "at_kinks", numbers)

    @property
    def nan_at(self) -> frozenset[str]:
        """Ops whose gradient it declares NaN at a singular point."""
        return frozenset(op for op, convention in self.at_kinks.items() if isinstance(convention, float) and math.isnan(convention))

    def lacks(self, op: str, dtype: str = "") -> bool:
        """Whether the op is declared missing, in every dtype or in this one."""
        return op in self.unsupported or op in self.unsupported_in.get(dtype, ())


@runtime_checkable
class Engine(Protocol):
    """The subject or a reference of a run. ``lineage`` names whose derivative rules it uses."""

    name: str
    lineage: str
    namespace: Any

    def from_numpy(self, array: Array) -> Any:
        """The engine's own array; must keep shape and dtype."""

    def to_numpy(self, array: Any) -> Array:
        """A NumPy array of the same shape and dtype."""

    def vjp(
        self, fn: Callable[..., Any], primals: Sequence[Any]
    ) -> tuple[tuple[Any, ...], Callable[[tuple[Any, ...]], Sequence[Any]]]:
        """``fn(*primals)`` (a tuple of the engine's arrays) and a pullback from cotangents to gradients."""
