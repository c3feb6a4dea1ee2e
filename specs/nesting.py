"""Derivatives of functions that take derivatives: the classic counter-examples that confuse perturbations.

An engine that cannot tell the variable of an inner derivative from an outer one gives a wrong number here. Every value is an
integer or a power of two, and exact in any order of evaluation: the answer must be equal.

Sources: Siskind and Pearlmutter, Perturbation confusion and referential transparency, 2005; Manzyuk, Pearlmutter, Radul, Rush
and Siskind, Perturbation confusion in forward automatic differentiation of higher-order functions, 2019.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from gradproof.oracles.engine import Engine, nestings
from gradproof.oracles.trial import capabilities

Operator = Callable[[Callable[[Any], Any]], Callable[[Any], Any]]  # d/dx of a function of one number


@dataclass(frozen=True)
class Example:
    """An expression in an outer and an inner derivative, and its value."""

    name: str
    expression: Callable[[Operator, Operator, Callable[[float], Any]], Any]
    value: float


def _shifted(inner: Operator, at: Any) -> Callable[[Callable[[Any], Any]], Callable[[Any], Any]]:
    """The derivative at 0 of u -> (f -> (x -> f(x + u))): a function that takes derivatives, made by one."""
    return lambda f: lambda x: inner(lambda u: f(x + u))(at(0.0))


def _twice(operator: Operator, f: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return operator(operator(f))


# fmt: off
EXAMPLES = (
    Example("a sum with an outer variable", lambda A, B, at: A(lambda x: x * B(lambda y: x + y)(at(1.0)))(at(1.0)), 1.0),
    Example("a product with an outer variable", lambda A, B, at: A(lambda x: x * B(lambda y: x * y * y)(at(5.0)))(at(3.0)), 60.0),
    Example("an inner function that ignores its variable", lambda A, B, at: A(lambda x: x * B(lambda y: x * x)(at(1.0)))(at(2.0)), 0.0),
    Example("an inner derivative at an outer variable", lambda A, B, at: A(lambda x: B(lambda y: y * y * y)(x))(at(2.0)), 12.0),
    Example("an inner derivative at and by an outer variable", lambda A, B, at: A(lambda x: B(lambda y: x * y)(x) + B(lambda y: x * y * y)(x))(at(3.0)), 13.0),
    Example("a derivative by what an inner function closes over", lambda A, B, at: A(lambda w: B(lambda x: w * x * x)(at(3.0)) * B(lambda x: w * x * x)(at(3.0)))(at(2.0)), 144.0),
    Example("three levels, the innermost reading all", lambda A, B, at: A(lambda x: x * B(lambda y: y * A(lambda z: x * y * z)(at(1.0)))(at(1.0)))(at(3.0)), 12.0),
    Example("three levels, each at the one outside", lambda A, B, at: A(lambda x: B(lambda y: A(lambda z: x * z)(y) * y)(x))(at(5.0)), 1.0),
    Example("a Newton step", lambda A, B, at: A(lambda x: x - x * x / B(lambda y: y * y)(x))(at(4.0)), 0.5),
    Example("a derivative that a derivative returns, used twice", lambda A, B, at: _shifted(A, at)(_shifted(B, at)(lambda x: x * x * x))(at(2.0)), 12.0),
    Example("one such function applied to itself", lambda A, B, at: _twice(_shifted(B, at), lambda x: x * x * x)(at(2.0)), 12.0),
)
# fmt: on


def operators(engine: Engine) -> dict[str, Operator]:
    """d/dx of the engine, by reverse and, where it declares it, forward mode."""
    one = engine.from_numpy(np.ones(()))

    def reverse(f: Callable[[Any], Any]) -> Callable[[Any], Any]:
        return lambda x: engine.vjp(lambda v: (f(v),), (x,))[1]((one,))[0]

    def forward(f: Callable[[Any], Any]) -> Callable[[Any], Any]:
        return lambda x: engine.jvp(lambda v: (f(v),), (x,), (one,))[1][0]  # type: ignore[attr-defined]

    return {"reverse": reverse, "forward": forward}


def words(engine: Engine) -> Iterator[tuple[str, str]]:
    """Every pair of modes, outer and inner, that the engine declares to nest, three deep."""
    declared = capabilities(engine).modes
    for word in sorted(nestings(order=2)):
        outer, _, inner = word.partition(" over ")
        if inner and {word, f"{word} over {outer}"} <= declared:
            yield outer, inner


def answer(engine: Engine, example: Example, outer: str, inner: str) -> float:
    """What the engine gives."""
    by_mode = operators(engine)
    found = example.expression(by_mode[outer], by_mode[inner], lambda x: engine.from_numpy(np.array(x)))
    return float(engine.to_numpy(found))
