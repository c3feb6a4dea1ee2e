"""Engines in a few lines: for a library whose tensors have ``backward()`` and ``grad``, or that has only a ``grad`` of functions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from gradproof.oracles.engine import Capabilities, several
from gradproof.oracles.graph import Array

Function = Callable[..., Any]
Values = Sequence[Any]


@dataclass(frozen=True, eq=False)
class Made:
    """An engine put together from functions."""

    name: str
    lineage: str
    namespace: Any
    from_numpy: Callable[[Array], Any]
    to_numpy: Callable[[Any], Array]
    vjp: Callable[[Function, Values], tuple[tuple[Any, ...], Callable[[tuple[Any, ...]], Values]]]
    capabilities: Capabilities = field(default_factory=Capabilities)
    version: str = "unknown"


def from_backward(
    name: str,
    namespace: Any,
    from_numpy: Callable[[Array], Any],
    to_numpy: Callable[[Any], Array],
    *,
    variable: Callable[[Any], Any] = lambda x: x,
    total: Callable[[Values, Values], Any],
    grad: Callable[[Any], Any] = lambda x: x.grad,
    lineage: str = "",
    capabilities: Capabilities | None = None,
    version: str = "unknown",
) -> Made:
    """An engine from tensors that have ``backward()`` and ``grad``.

    ``variable(x)`` is a fresh tensor to differentiate by; ``total(outputs, cotangents)`` is the scalar sum of products on which
    ``backward()`` is called; ``grad(x)`` is read afterwards, and None means that nothing flowed there: zeros. The function runs
    again for every pullback, so what one leaves behind cannot reach the next.
    """

    def vjp(fn: Function, primals: Values) -> tuple[tuple[Any, ...], Callable[[tuple[Any, ...]], Values]]:
        def pullback(cotangents: tuple[Any, ...]) -> Values:
            inputs = [variable(x) for x in primals]
            total(several(fn(*inputs)), cotangents).backward()
            found = [grad(x) for x in inputs]
            return [from_numpy(0 * to_numpy(x)) if g is None else g for g, x in zip(found, primals, strict=True)]

        return several(fn(*primals)), pullback

    return Made(name, lineage or name, namespace, from_numpy, to_numpy, vjp, capabilities or Capabilities(), version)


def from_grad(
    name: str,
    namespace: Any,
    from_numpy: Callable[[Array], Any],
    to_numpy: Callable[[Any], Array],
    grad: Callable[[Function, Values], Values],
    *,
    total: Callable[[Values, Values], Any],
    lineage: str = "",
    capabilities: Capabilities | None = None,
    version: str = "unknown",
) -> Made:
    """An engine from ``grad(f, primals)``, the gradients of a scalar function of arrays; ``total`` as for ``from_backward``."""

    def vjp(fn: Function, primals: Values) -> tuple[tuple[Any, ...], Callable[[tuple[Any, ...]], Values]]:
        return several(fn(*primals)), lambda cotangents: grad(lambda *xs: total(several(fn(*xs)), cotangents), primals)

    return Made(name, lineage or name, namespace, from_numpy, to_numpy, vjp, capabilities or Capabilities(), version)
