"""What a row of the scalar table is: a real function of one or two variables, with its first and second slopes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from gradproof.oracles.fields import Field, Number


@dataclass(frozen=True, eq=False)
class Unary:
    """A function of one variable: ``value(F, x)``, ``slope(F, x, y)`` and ``second(F, x, y, p)``.

    ``edge(x)`` is how far a float is from the nearest point where the function is singular or ends. ``slope_row`` names the
    row that the slope is, where the formula of the slope branches or where an engine loses the slope's digits.
    """

    name: str
    value: Callable[[Field, Number], Number]
    slope: Callable[[Field, Number, Number], Number]
    second: Callable[[Field, Number, Number, Number], Number]
    c: float = 3.0
    c_slope: float = 3.0
    saturating: bool = False
    edge: Callable[[float], float] | None = None
    slope_row: str = ""


@dataclass(frozen=True, eq=False)
class Binary:
    """A function of two variables: slopes ``(pa, pb)`` and second slopes ``(qaa, qab, qbb)``; an edge for each."""

    name: str
    value: Callable[[Field, Number, Number], Number]
    slopes: Callable[[Field, Number, Number, Number], tuple[Number, Number]]
    seconds: Callable[[Field, Number, Number, Number], tuple[Number, Number, Number]]
    c: float = 3.0
    c_slope: float = 3.0
    edge: Callable[[float, float], tuple[float, float]] | None = None
