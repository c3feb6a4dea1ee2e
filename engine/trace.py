"""Traced mode: a function is run once on tracers, and what it computed is a program from then on.

``trace(f)`` equals f bit for bit. Programs
are kept by what they assumed, the guards: the tree, shapes and dtypes of the arrays, and the values of everything
else. Whatever the function does on the tape is in the program, so ``trace(value_and_grad(f))`` is forward and
backward pass as one program.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import update_wrapper
from typing import Any

import numpy as np

from gradproof.engine import pytree
from gradproof.engine.array import Array
from gradproof.engine.backend import quiet
from gradproof.engine.errors import TraceError, a_function
from gradproof.engine.generate import compiled
from gradproof.engine.library import FOREIGN, interpreted, is_narrow, library_of
from gradproof.engine.program import Program
from gradproof.engine.recompute import within
from gradproof.engine.simplify import simplified
from gradproof.engine.tape import lifting
from gradproof.engine.tracer import Builder, Tracer

_EAGER = object()  # the key of arguments that a transform around the call is working on


class Traced:
    """A function that is traced when first called with arguments of a kind, and replayed after that."""

    def __init__(self, f: Callable[..., Any], simplify: bool = True, exact: bool = True, budget: int | None = None) -> None:
        self.f, self.simplify, self.exact, self.budget = f, simplify, exact, budget
        self.programs: dict[Any, tuple[Program, Callable[..., Any], Any, tuple[Any, ...]]] = {}
        update_wrapper(self, f, updated=())

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        leaves, structure = pytree.flatten((args, kwargs) if kwargs else args)
        arrays, guards = _guards(leaves)
        if guards is _EAGER:
            return self.f(*args, **kwargs)
        found = self.programs.get((structure, guards))
        if found is None:
            found = self._trace(leaves, structure, guards, bool(kwargs))
        _, run, result, wraps = found
        outs = run(*arrays)
        return pytree.unflatten(result, [wrap(x) for wrap, x in zip(wraps, _spread(outs, wraps), strict=True)])

    def program(self, *args: Any, **kwargs: Any) -> Program:
        """The program for arguments of this kind. Traces the function if it was not yet."""
        leaves, structure = pytree.flatten((args, kwargs) if kwargs else args)
        _, guards = _guards(leaves)
        if guards is _EAGER:
            raise TraceError("the arguments are on a tape or traced already. Pass arrays that are on no tape.")
        found = self.programs.get((structure, guards)) or self._trace(leaves, structure, guards, bool(kwargs))
        return found[0]

    def _trace(self, leaves: Sequence[Any], structure: Any, guards: Any, keywords: bool) -> Any:
        builder = Builder()
        given = pytree.unflatten(structure, [_traced(builder, x) for x in leaves])
        args, kwargs = given if keywords else (given, {})
        with quiet(), lifting(builder.lifted):
            out = self.f(*args, **kwargs)
        outs, result = pytree.flatten(out)
        wraps = tuple(_wrap(x) for x in outs)
        program = builder.finished([_data(x) for x in outs if _is_array(x)])
        if self.simplify:
            program = simplified(program)
        if self.budget is not None:
            program = within(program, self.budget)
        run = compiled(program, self.exact) if self.budget is None else _as_told(program)  # buffers that are kept are bytes too
        found = self.programs[structure, guards] = program, run, result, wraps
        return found


def _as_told(program: Program) -> Callable[..., Any]:
    return lambda *arrays: program.run(arrays)


def trace(f: Callable[..., Any], simplify: bool = True, exact: bool = True, budget: int | None = None) -> Traced:
    """f, recorded when first called with arrays of some shapes and dtypes and replayed as a program after that.

    Arguments that are no arrays (numbers, strings, flags) are fixed: another value is another program. Within another
    transform, and on arrays of other libraries, f is simply called. Called once for each kind of arguments, f must not have side effects. With ``exact=False``
    functions of single numbers use ``math``, whose last digit may differ from NumPy's: 30 times faster. With ``budget`` the program
    keeps no more than so many bytes besides its arguments (``recompute.within``), with the same bits.

    Raises: TraceError where f looks at a value: ``if x > 0``, ``float(x)``, ``x.item()``.

    >>> import gradproof.engine as ge
    >>> f = ge.trace(ge.value_and_grad(lambda x: ge.sum(ge.sin(x))))
    >>> f(ge.as_array([0.0]))
    (Array(0., dtype=float64), Array([1.], dtype=float64))
    >>> print(f.program(ge.as_array([0.0])))
    program(%0: f64[1]) -> %2, %3
      %1: f64[1] = sin(%0)
      %2: f64[] = sum(%1, axis=None, keepdims=False)
      %3: f64[1] = cos(%0)
    """
    a_function(f, "trace")
    return Traced(f, simplify, exact, budget)


def _guards(leaves: Sequence[Any]) -> tuple[list[Any], Any]:
    """The arrays among the leaves, and what a program assumes of all of them."""
    arrays: list[Any] = []
    guards: list[Any] = []
    for x in leaves:
        kind = type(x)
        if kind is Array:
            if x.node is not None or (type(x.data) in FOREIGN and not is_narrow(x.dtype)) or interpreted(x.data):
                return [], _EAGER
            arrays.append(x.data)
            guards.append((kind, x.data.shape, x.data.dtype))
        elif isinstance(x, np.ndarray | np.generic):
            arrays.append(np.asarray(x))
            guards.append((np.ndarray, x.shape, x.dtype))
        elif library_of(x) is not None:  # another library's: run eagerly
            return [], _EAGER
        elif kind is list:  # of numbers: the tree takes it for an array
            guards.append((kind, repr(x)))
        else:
            guards.append((kind, x if kind is not float else x.hex()))
    return arrays, tuple(guards)


def _is_array(x: Any) -> bool:
    return isinstance(x, Array | Tracer | np.ndarray | np.generic)


def _traced(builder: Builder, x: Any) -> Any:
    if type(x) is Array:
        return Array(builder.input(x.data))
    return builder.input(x) if _is_array(x) else x


def _data(x: Any) -> Any:
    if type(x) is not Array:
        return x
    if x.node is not None:
        raise TraceError(
            f"the traced function's result depends on a variable that it closes over (op '{x.node.op.name}'). Pass the variable as "
            "an argument, or use stop_gradient on it."
        )
    return x.data


def _wrap(x: Any) -> Callable[[Any], Any]:
    if type(x) is Array:
        return Array
    return _as_it_is if _is_array(x) else lambda _: x


def _as_it_is(x: Any) -> Any:
    return x


def _spread(outs: Sequence[Any], wraps: Sequence[Any]) -> list[Any]:
    """The outputs at the leaves that are arrays, None at those that are not."""
    given = iter(outs)
    return [next(given) if wrap is Array or wrap is _as_it_is else None for wrap in wraps]
