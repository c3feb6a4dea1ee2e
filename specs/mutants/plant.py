"""Faults planted in the native engine, one at a time: a rule's pullback wrapped or replaced, and always put back.

    with planted("multiply", lambda g, *rest: -g, argument=1):
        ...

Names are the engine's primitives (``engine/rules``), not the catalogue's ops: ``relu`` and not ``nn.relu``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from gradproof.engine import ops, tape
from gradproof.engine.rules import RULES, VARIADIC, Rule
from gradproof.oracles.registry import engine

Fault = Callable[..., Any]


def right_pull(name: str, argument: int = 0) -> Fault:
    """The engine's own pullback of a primitive."""
    rule = VARIADIC[name][0] if name in VARIADIC else RULES[name][argument]
    assert rule is not None
    return rule.pull


@contextmanager
def replaced(name: str, pull: Fault, argument: int = 0) -> Iterator[None]:
    """The engine with another pullback, ``pull(xp, ct, out, *primals, **params)``; everything is saved for it."""
    if name in VARIADIC:
        before = VARIADIC[name]
        VARIADIC[name] = (Rule(frozenset({"out", "others"}), pull),)
        ops.variadic.cache_clear()
        try:
            yield
        finally:
            VARIADIC[name] = before
            ops.variadic.cache_clear()
        return
    op = tape.OPS[name]
    rules = op.rules
    names = [str(n) for n in ops.primal_names(rules)]
    wanted = Rule(frozenset({"out", *names}), _named(pull, names))
    op.rules = (*rules[:argument], wanted, *rules[argument + 1 :])
    op.plans.clear()
    try:
        yield
    finally:
        op.rules = rules
        op.plans.clear()


@contextmanager
def planted(name: str, fault: Fault, argument: int = 0) -> Iterator[None]:
    """The engine with ``fault(gradient, xp, ct, out, *primals, **params)`` in place of the right gradient."""
    right = right_pull(name, argument)

    def pull(xp: Any, ct: Any, out: Any, *primals: Any, **params: Any) -> Any:
        return fault(right(xp, ct, out, *primals, **params), xp, ct, out, *primals, **params)

    with replaced(name, pull, argument):
        yield


@contextmanager
def swapped(owner: Any, attribute: str, change: Fault) -> Iterator[None]:
    """``change(right)`` in place of a function that the engine looks up as an attribute of ``owner``."""
    right = getattr(owner, attribute)
    found = vars(engine("native").namespace)  # what the adapter keeps of the functions it has looked up
    setattr(owner, attribute, change(right))
    found.clear()
    try:
        yield
    finally:
        setattr(owner, attribute, right)
        found.clear()


def _named(pull: Fault, names: list[str]) -> Fault:
    """``pull`` as a function whose code shows the primals' names, which is where the tape reads what to save."""
    listed = ", ".join(names)
    made: Fault = eval(f"lambda xp, ct, out, {listed}, **params: pull(xp, ct, out, {listed}, **params)", {"pull": pull})
    return made
