"""One saved case judged again, as ``gradproof replay`` does."""

from __future__ import annotations

import traceback

from gradproof.oracles.blame import blame
from gradproof.oracles.finding import Finding, Verdict
from gradproof.oracles.graph import Case
from gradproof.oracles.judge import K
from gradproof.oracles.modes import MODES
from gradproof.oracles.verdict import Kind
from gradproof.specs.limits import hung, judging_of, tried
from gradproof.specs.pool import IN_PROCESS, Died, apart, made
from gradproof.specs.witnesses import witnessed


def replayed(case: Case, name: str) -> tuple[Verdict, str]:
    """The verdict on a case, blamed and witnessed, and the traceback if the engine called ``name`` raised.

    An engine that may die is tried in a process of its own; where it does, that process prints where it was.
    """
    if name in IN_PROCESS:
        return judged(case, name)
    try:
        found: tuple[Verdict, str] = apart(judged, case, name)
    except Died as death:
        return Verdict(Kind.CRASHED, name, case, (Finding("gradient", Kind.CRASHED, str(death)),)), ""
    return found


def judged(case: Case, name: str) -> tuple[Verdict, str]:
    """As ``replayed``, in this process."""
    engine = made(name)
    mode = MODES.get(str(case.note.get("property", "")))  # the mode in which a run found it
    judging = judging_of(mode.name if mode else "")
    verdict = judging(case, engine, K)
    if hung(verdict):
        return verdict, ""
    trace = ""
    if verdict.kind is Kind.CRASHED:
        crash = tried(engine, case, mode).crash
        trace = "" if crash is None else "".join(traceback.format_exception(crash))
    if verdict.kind.fails:
        verdict = blame(verdict, engine, judging=judging)
    in_mode = mode is not None and verdict.decisive.property == mode.name
    return (verdict if in_mode else witnessed(verdict, engine, ())), trace  # who vote on the plain gradient
