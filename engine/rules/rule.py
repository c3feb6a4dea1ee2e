"""What a rule is: the pullback of one op with respect to one argument, and what it needs kept for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

Pull = Callable[..., Any]


class Rule(NamedTuple):
    """``pull(xp, ct, out, *primals, **params)`` gives the argument's cotangent; ``saves`` names what it reads by value.

    Whatever is not saved arrives as a stand-in with shape and dtype only. Un-broadcasting, casting to the primal's
    dtype and adding up are the sweep's work, so a rule may return a cotangent of the broadcast shape.
    """

    saves: frozenset[str]
    pull: Pull


def rule(saves: str, pull: Pull) -> Rule:
    """A rule that reads the named values: ``out`` and the names of its primals."""
    return Rule(frozenset(saves.split()), pull)


Table = dict[str, tuple[Rule | None, ...]]
