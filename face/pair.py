"""A function over NumPy arrays and its pullback, written by hand, as a framework of their own: ``check_gradient(f, x, vjp=f_vjp)``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from gradproof.frameworks import Framework, Function
from gradproof.oracles.engine import Capabilities, Engine
from gradproof.oracles.errors import EngineError, GradproofError
from gradproof.oracles.formats import is_float
from gradproof.oracles.graph import Array
from gradproof.trees import flat, mapped

EXPECTED = "expected a gradient for each argument of f, of the same structure (an array alone for one argument), None for zeros"


class PairEngine:
    """``f`` and ``vjp(*args, ct)``, which gives a gradient for each argument; ``ct`` has the structure of f's result."""

    name: str = "pair"
    lineage: str = "pair"
    version: str = ""
    namespace: Any = None
    capabilities: Capabilities = Capabilities(("float64", "float32"))

    def __init__(self, pullback: Callable[..., Any]) -> None:
        self.pullback = pullback
        self.called: tuple[tuple[Any, ...], dict[str, Any], Any] = ((), {}, None)  # the last call of f, and its result

    def from_numpy(self, array: Array) -> Any:
        return np.array(array)

    def to_numpy(self, array: Any) -> Array:
        return np.array(array)

    def vjp(self, fn: Callable[..., Any], primals: Sequence[Any]) -> tuple[tuple[Any, ...], Callable[..., Sequence[Any]]]:
        """``fn(*primals)``, and a pullback that hands the arguments of f and the cotangent to the user's."""
        outputs = tuple(fn(*primals))
        args, keywords, result = self.called

        def pullback(cotangents: tuple[Any, ...]) -> Sequence[Any]:
            left = iter(cotangents)
            given = self.pullback(*args, mapped(lambda y: next(left) if _is_array(y) else y, result), **keywords)
            return _matched(args, given, primals)

        return outputs, pullback


class Pair(Framework):
    """The framework of such a pair."""

    def __init__(self, pullback: Callable[..., Any]) -> None:
        self.own = PairEngine(pullback)
        engine: Engine = self.own
        super().__init__(engine)

    def opened(self, f: Callable[..., Any]) -> tuple[Callable[..., Any], list[tuple[str, Array, bool]]]:
        """``f``, remembering with what it was called last; a float of Python counts as an array."""

        def call(*args: Any) -> Any:
            *given, keywords, _ = args
            result = mapped(lambda y: np.float64(y) if type(y) is float else y, f(*given, **keywords))
            self.own.called = (tuple(given), dict(keywords), result)
            return result

        return call, []

    def by_hand(self, f: Any) -> bool:
        return True

    def gradient(self, fn: Function, cotangents: Sequence[Array]) -> Function:
        raise GradproofError("a pullback over NumPy arrays cannot be differentiated again; expected order=1. Pass it as f to check its own.")


def _is_array(value: Any) -> bool:
    return hasattr(value, "dtype") and is_float(value.dtype)


def _matched(args: tuple[Any, ...], given: Any, primals: Sequence[Any]) -> list[Any]:
    """The gradients of the primals, found where these sit among the arguments.

    Raises: EngineError if what the pullback returned has another structure.
    """
    if len(args) == 1 and not (isinstance(given, tuple) and len(given) == 1):
        given = (given,)
    if not isinstance(given, tuple | list) or len(given) != len(args):
        what = f"{len(given)} gradients" if isinstance(given, tuple | list) else type(given).__name__
        raise EngineError(f"vjp returned {what} for {len(args)} arguments; {EXPECTED}.")
    found: dict[int, Any] = {}
    for i, (argument, gradient) in enumerate(zip(args, given, strict=True)):
        leaves = flat(argument)
        gradients = [None] * len(leaves) if gradient is None else flat(gradient)
        if len(gradients) != len(leaves):
            raise EngineError(f"vjp returned {len(gradients)} arrays for argument {i}, which has {len(leaves)}; {EXPECTED}.")
        found.update({id(x): g for x, g in zip(leaves, gradients, strict=True)})
    return [np.zeros_like(x) if found.get(id(x)) is None else np.asarray(found[id(x)]) for x in primals]
