"""The ops of the tape: a kernel and a rule for each argument, by name, and what each has to save for its rules."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from typing import Any

import numpy as np

from gradproof.engine.backend import kernels
from gradproof.engine.rules import REAL_ONLY, RULES, VARIADIC, Rule


class Spec:
    """The stand-in for an array that was not saved: its shape and dtype."""

    __slots__ = ("dtype", "shape")

    def __init__(self, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
        self.shape, self.dtype = shape, dtype


class Op:
    """A primitive: its kernel, and a rule for each argument."""

    __slots__ = ("hooks", "kernel", "name", "plans", "real_only", "rules")

    def __init__(self, name: str, kernel: Callable[..., Any], rules: tuple[Rule | None, ...]) -> None:
        self.name, self.kernel, self.rules = name, kernel, rules
        self.real_only = name in REAL_ONLY
        self.plans: dict[int, tuple[bool, tuple[bool, ...]]] = {}
        self.hooks: list[Callable[[Any], Any]] = []  # of the one node whose op this is then (hooks.py)

    def plan(self, tracked: int) -> tuple[bool, tuple[bool, ...]]:
        """Whether to save ``out``, and which primals, when the arguments in the bit set ``tracked`` are on the tape."""
        saves: set[str] = set()
        for i, rule in enumerate(self.rules):
            if rule is not None and tracked >> i & 1:
                saves |= rule.saves
                if "others" in rule.saves:
                    saves |= {str(j) for j in range(len(self.rules)) if j != i}
        names = primal_names(self.rules)
        plan = "out" in saves, tuple(name in saves for name in names)
        self.plans[tracked] = plan
        return plan


def primal_names(rules: tuple[Rule | None, ...]) -> Sequence[str]:
    """What the rules of an op call its primals."""
    pull = next((rule.pull for rule in rules if rule is not None), None)
    if pull is None or isinstance(pull, partial):
        return [str(i) for i in range(len(rules))]
    # Argument names decide what is saved: after (xp, ct, out) a rule's arguments are the primals, and ``Rule.saves`` names
    # some of them. So all rules of an op must call the primals alike.
    return pull.__code__.co_varnames[3 : 3 + len(rules)]


OPS: dict[str, Op] = {name: Op(name, kernels[name], rules) for name, rules in RULES.items()}
LEAF = Op("leaf", lambda x: x, ())
ALIAS = Op("alias", lambda x: x, (Rule(frozenset(), lambda xp, ct, out, x: ct),))


@lru_cache(maxsize=256)
def variadic(name: str, count: int) -> Op:
    """The op of that name that takes any number of operands, for so many."""
    (rule,) = VARIADIC[name]
    assert rule is not None
    rules = tuple(Rule(rule.saves, partial(rule.pull, argument=i)) for i in range(count))
    return Op(name, kernels[name], rules)


def op_of(name: str, count: int) -> Op:
    """The op of that name, for so many operands."""
    return OPS.get(name) or variadic(name, count)
