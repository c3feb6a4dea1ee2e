"""One saved case judged again, as ``gradproof replay`` does."""

from __future__ import annotations

import traceback

from gradproof.oracles.finding import Finding, Verdict
from gradproof.oracles.graph import Case
from gradproof.oracles.judge import K
from gradproof.oracles.modes import MODES
from gradproof.oracles.verdict import Kind
from gradproof.specs.explain import failing
from gradproof.specs.limits import PULSE, hung, judging_of, tried
from gradproof.specs.pool import IN_PROCESS, made
from gradproof.specs.witnesses import witnessed
from gradproof.specs.worker import Died, apart


def replayed(case: Case, name: str) -> tuple[list[Verdict], str]:
    """What fails on a case, a verdict for each property, blamed and witnessed, or the one verdict if nothing does; and the
    traceback if the engine called ``name`` raised. First comes the property that the case was saved for.

    An engine that may die is tried in a process of its own; where it does, that process prints where it was.
    """
    if name in IN_PROCESS:
        return judged(case, name)
    try:
        found: tuple[list[Verdict], str] = apart(name, judged, case, name)
    except Died as death:
        return [Verdict(Kind.CRASHED, name, case, (Finding("gradient", Kind.CRASHED, str(death)),))], ""
    return found


def judged(case: Case, name: str) -> tuple[list[Verdict], str]:
    """As ``replayed``, in this process."""
    engine = made(name)
    PULSE.at(0)
    saved = str(case.note.get("property", ""))
    mode = MODES.get(saved)  # the mode in which a run found it
    judging = judging_of(mode.name if mode else "")
    verdict = judging(case, engine, K)
    if hung(verdict):
        return [verdict], ""
    trace = ""
    if verdict.kind is Kind.CRASHED:
        crash = tried(engine, case, mode).crash
        trace = "" if crash is None else "".join(traceback.format_exception(crash))
    found = [one for _, one in failing(verdict, engine, K, name)] or [verdict]
    found.sort(key=lambda one: (one.decisive.property != saved, -one.kind.severity))
    return [one if one.decisive.property in MODES else witnessed(one, engine, ()) for one in found], trace
