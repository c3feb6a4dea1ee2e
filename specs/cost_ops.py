"""The counted work of every op of the catalogue in the native engine: a few drawn cases each, forward and backward."""

from __future__ import annotations

import random
from functools import cache

from gradproof.engine.errors import NoGradient
from gradproof.oracles.catalogue import CATALOGUE
from gradproof.oracles.registry import engine as by_name
from gradproof.oracles.trial import supports
from gradproof.specs import build
from gradproof.specs.counting import Work, case_counts

CASES = 8
TRIES = 40
ENTRIES_MIN = 6  # smaller cases count calls, not arrays


def op_work(name: str) -> tuple[Work, Work]:
    """Forward and backward work of an op, summed over the same drawn cases each time; nothing if the engine lacks it."""
    rnd = random.Random(name)
    forward = backward = Work()
    done = 0
    for _ in range(TRIES):
        case = build.single(name, rnd.randbytes(build.SINGLE_BYTES))
        if case.graph.dtype.name != "float64" or max((x.size for x in case.graph.primal_values), default=0) < ENTRIES_MIN:
            continue
        try:
            forth, back = case_counts(case).work
        except NoGradient:  # at equal singular values, say
            continue
        forward, backward, done = forward + forth, backward + back, done + 1
        if done == CASES:
            break
    return forward, backward


@cache
def op_works() -> dict[str, tuple[Work, Work]]:
    """Every op that the native engine has and that took work."""
    native = by_name("native")
    works = {name: op_work(name) for name in CATALOGUE if supports(native, name)}
    return {name: pair for name, pair in works.items() if pair[0].operations}
