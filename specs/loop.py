"""One task in one process: its cases drawn, judged, counted; what fails explained; some shown to the witnesses. No I/O."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace

from gradproof.oracles.engine import Engine
from gradproof.oracles.finding import Finding, Verdict
from gradproof.oracles.graph import Case
from gradproof.oracles.trial import supports
from gradproof.oracles.verdict import Kind
from gradproof.specs.explain import explained, failing, signature
from gradproof.specs.limits import PULSE, hung, judged
from gradproof.specs.result import Result, Signature
from gradproof.specs.tasks import GRAPH, Task, case_at, cases
from gradproof.specs.witnesses import witnessed

WITNESS_EVERY = 20  # a passing case is shown to the witnesses once in so many
FAILURES_EXPLAINED = {True: 2, False: 1}  # of one signature in a task of graphs, or of one op: the rest are counted


def execute_with(
    task: Task,
    engine: Engine,
    references: Sequence[Engine] = (),
    told: frozenset[Signature] = frozenset(),
    result: Result | None = None,
) -> Result:
    """Run one task with engines already made; failures with a signature in ``told`` are only counted.

    A ``result`` that is given is filled as it goes, so that an interrupted task has what it found.
    """
    result = Result(task) if result is None else result
    start = time.perf_counter()
    if task.op != GRAPH and not supports(engine, task.op, task.dtype):
        unsupported(result, engine)
        return result
    for i, case in cases(task):
        PULSE.at(i)
        verdict = take(result, i, case, engine, references, told)
        if hung(verdict):
            result.unjudged = task.end - i - 1  # the next cases would take as long
            break
    result.seconds = time.perf_counter() - start
    return result


def unsupported(result: Result, engine: Engine) -> None:
    """Count an op that the engine has not: shown, never passed."""
    reason = Finding("gradient", Kind.UNSUPPORTED, f"{engine.name} has no {result.task.op}")
    result.count(Verdict(Kind.UNSUPPORTED, engine.name, case_at(result.task, result.task.start), (reason,)))


def take(
    result: Result,
    i: int,
    case: Case,
    engine: Engine,
    references: Sequence[Engine] = (),
    told: frozenset[Signature] = frozenset(),
) -> Verdict:
    """Judge one case into a result: every failure is blamed and counted, the first of each signature explained.

    Witnesses see those, and one passing case in so many.
    """
    task = result.task
    note = {"seed": task.seed, "index": i, "drawn as": task.op}
    verdict, trial, certificate = judged(case, engine, task.k, task.modes)
    verdict = replace(verdict, note=note)
    if hung(verdict):
        crashed(result, verdict)
        return verdict
    if verdict.kind.fails:
        for sign, one in failing(verdict, engine, task.k, task.engine):
            result.seen[sign] += 1
            if sign not in told and result.seen[sign] <= FAILURES_EXPLAINED[task.op == GRAPH]:
                shown = explained(one, sign, engine, task.k, task.engine, references)
                verdict = replace(verdict, votes=shown.votes)
                result.keep(sign, replace(shown, note=note))
    elif i % WITNESS_EVERY == 0 and not verdict.kind.skipped:
        verdict = witnessed(verdict, engine, references, trial, certificate)
        if verdict.kind is Kind.ORACLE:
            sign = signature(verdict, task.engine)
            result.seen[sign] += 1
            result.keep(sign, verdict)
    result.count(verdict)
    return verdict


def crashed(result: Result, verdict: Verdict) -> None:
    """Count and keep a case whose engine hung or died: nothing is tried again on it."""
    verdict = replace(verdict, blame="" if result.task.op == GRAPH else result.task.op)
    sign = signature(verdict, result.task.engine)
    result.seen[sign] += 1
    result.keep(sign, verdict)
    result.count(verdict)
