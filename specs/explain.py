"""Failures explained: every one is blamed and looked up among the declared differences; few are reduced and witnessed.

Blame comes first and for all, because it decides what a failure is counted as: a declared difference must not use up
the places of a new fault of the same kind. Reduction keeps it: what is not declared stays so, and the op blamed stays it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from gradproof.oracles.blame import ACCUMULATION, Answers, alone, blame
from gradproof.oracles.engine import Engine
from gradproof.oracles.finding import Verdict
from gradproof.oracles.graph import Case
from gradproof.oracles.modes import MODES
from gradproof.oracles.reduce import reduce
from gradproof.specs.known import reason
from gradproof.specs.limits import hung, judging_of
from gradproof.specs.result import Signature
from gradproof.specs.witnesses import witnessed


def failing(verdict: Verdict, engine: Engine, k: float, name: str) -> Iterator[tuple[Signature, Verdict]]:
    """Each failing finding of a verdict as a verdict of its own, blamed, with its signature."""
    findings = [finding for finding in verdict.findings if finding.kind.fails]
    several = len(verdict.case.graph.nodes) > 1
    answers: dict[str, Answers] = {}  # by mode, each judged alone; "" for the plain reverse mode
    for finding in findings:
        mode = finding.property if finding.property in MODES else ""
        if several and mode not in answers:
            answers[mode] = alone(verdict.case, engine, k, judging_of(mode))
        judging = judging_of(mode)
        one = replace(verdict, kind=finding.kind, findings=(finding,))
        one = blame(one, engine, k, judging, answers.get(mode, []))
        yield signature(one, name), one


def signature(verdict: Verdict, name: str) -> Signature:
    """The signature of a blamed verdict on the engine called ``name``."""
    return Signature(verdict.kind, verdict.decisive.property, verdict.blame, reason(name, verdict))


def explained(
    verdict: Verdict, sign: Signature, engine: Engine, k: float, name: str, references: Sequence[Engine]
) -> Verdict:
    """A failure (``verdict`` as ``failing`` gives it) at the smallest case found with the same signature, witnessed.

    A fault of accumulation may end as one op that has the same operand twice.
    """
    patient, judging = True, judging_of(sign.property)

    def again(case: Case) -> Verdict | None:
        nonlocal patient
        if not patient:
            return None
        found = judging(case, engine, k)
        if hung(found):  # each further try could take as long
            patient = False
            return None
        same = tuple(f for f in found.findings if (f.kind, f.property) == (sign.kind, sign.property))
        if not same:
            return None
        told = blame(replace(found, kind=sign.kind, findings=same), engine, k, judging)
        if reason(name, told) != sign.known or sign.blame not in (told.blame, ACCUMULATION):
            return None
        return told

    smallest = again(reduce(verdict.case, lambda case: again(case) is not None))
    told = smallest or verdict  # not repeatable: the case as it was drawn
    return told if sign.property in MODES else witnessed(told, engine, references)  # who vote on the plain gradient
