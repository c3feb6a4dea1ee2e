"""One look at one case by one oracle alone: does it see something wrong with the engine, or not, or can it not tell?

A planted fault is killed by an oracle only if that oracle passes the engine without the fault on the very same case.
An engine that raises, or whose gradient has another number of entries, is seen by any oracle.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from gradproof.oracles import complex_step, dual, exact, finite
from gradproof.oracles.certificate import Certificate, certify
from gradproof.oracles.engine import Engine
from gradproof.oracles.finding import Vote
from gradproof.oracles.graph import Array, Case
from gradproof.oracles.judge import judge
from gradproof.oracles.modes import judge_modes
from gradproof.oracles.trial import function
from gradproof.specs.mutants.mutant import Mutant

PASSES, FAILS, ABSTAINS = "passes", "fails", "abstains"


@dataclass(frozen=True)
class Look:
    """What was seen: passes, fails or abstains; and by which property, with which verdict."""

    seen: str
    property: str = ""
    verdict: str = ""


class Oracle(Protocol):
    """Anything that can look at a case of the native engine."""

    @property
    def name(self) -> str:
        """What the command line calls it."""

    @property
    def float64_only(self) -> bool:
        """Whether it is of no use in another dtype."""

    def look(self, case: Case, engine: Engine) -> Look:
        """Whether it sees something wrong."""


@dataclass(frozen=True)
class Judge:
    """The judge with all its properties, and with those of further modes."""

    modes: tuple[str, ...] = ()
    name: str = "judge"
    float64_only: bool = False

    def look(self, case: Case, engine: Engine) -> Look:
        verdict = judge_modes(judge(case, engine), engine, self.modes)
        if verdict.kind.skipped:
            return Look(ABSTAINS, verdict.decisive.property, verdict.kind)
        return Look(FAILS if verdict.kind.fails else PASSES, verdict.decisive.property, verdict.kind)


@dataclass(frozen=True)
class Witness:
    """A witness's vote on the engine's gradient, and nothing else."""

    name: str
    vote: Callable[[Case, Array, Certificate], Vote]
    float64_only: bool = False

    def look(self, case: Case, engine: Engine) -> Look:
        try:
            gradients = gradient(engine, case)
        except Exception as error:  # noqa: BLE001 - whatever a fault makes the engine raise is seen
            return Look(FAILS, "raises", type(error).__name__)
        certificate = certify(case)
        g = np.concatenate([np.ravel(a) for a in gradients]).astype(float) if gradients else np.zeros(0)
        if g.size != len(certificate.slots):
            return Look(FAILS, "shape")
        vote = self.vote(case, g, certificate)
        return Look({"agrees": PASSES, "disagrees": FAILS}.get(vote.vote, ABSTAINS), "vote")


def gradient(engine: Engine, case: Case) -> list[Array]:
    """The engine's gradients of a case, asked once."""
    primals = [engine.from_numpy(np.array(v)) for v in case.graph.primal_values]
    _, pullback = engine.vjp(function(engine, case.graph), primals)
    return [np.asarray(engine.to_numpy(g)) for g in pullback(tuple(map(engine.from_numpy, case.cotangents)))]


OURS: dict[str, Oracle] = {
    oracle.name: oracle
    for oracle in (
        Judge(),
        Witness("differences", finite.vote),
        Witness("duals", dual.vote),
        Witness("complex step", complex_step.vote),
        Witness("exact rationals", exact.vote),
    )
}
SECOND = ("reverse over reverse",)  # for faults that no first gradient shows
THEIRS = ("gradcheck", "gradcheck-fast", "check_grads")
NAMES: tuple[str, ...] = (*OURS, *THEIRS)


def in_modes(oracle: Oracle, modes: tuple[str, ...]) -> Oracle | None:
    """The oracle looking at further modes too; None if it looks at first gradients only."""
    if not modes:
        return oracle
    return Judge(modes) if isinstance(oracle, Judge) else None


def modes_of(mutant: Mutant) -> tuple[str, ...]:
    """The modes, beside plain reverse, that a mutant shows in."""
    return mutant.modes or (SECOND if mutant.order > 1 else ())


def asked(oracle: Oracle, mutant: Mutant) -> Oracle | None:
    """The oracle as a mutant is shown to it; None if it looks at first gradients only and they do not show the mutant."""
    return in_modes(oracle, modes_of(mutant))


def oracle(name: str) -> Oracle:
    """An oracle by its name; those of the frameworks import theirs.

    Raises: ImportError if the framework is not installed.
    """
    if name in OURS:
        return OURS[name]
    from gradproof.specs.mutants import checkers

    if name == "check_grads":
        return checkers.CheckGrads()
    return checkers.GradCheck(fast=name == "gradcheck-fast")
