"""One task in one process: its cases drawn, judged, counted; what fails explained; some shown to the witnesses. No I/O."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from itertools import islice

from gradproof.oracles.engine import Engine
from gradproof.oracles.finding import Finding, Verdict
from gradproof.oracles.graph import Case
from gradproof.oracles.trial import Trial, capabilities, supports
from gradproof.oracles.verdict import Kind
from gradproof.specs.explain import explained, failing, signature
from gradproof.specs.limits import PULSE, Hung, hung, judged, tried
from gradproof.specs.result import Result, Signature
from gradproof.specs.tasks import GRAPH, Task, case_at, cases
from gradproof.specs.witnesses import votable, witnessed

BATCH = 16  # cases are drawn together, tried together, then judged: a processor runs the same code again faster
WITNESS_EVERY = 20  # a passing case is shown to the witnesses once in so many
FAILURES_EXPLAINED = {True: 2, False: 1}  # of one signature in a task of graphs, or of one op: the rest are counted


def execute_with(
    task: Task,
    engine: Engine,
    references: Sequence[Engine] = (),
    result: Result | None = None,
    later: bool = False,
) -> Result:
    """Run one task with engines already made; with ``later``, failures that are to be explained are left ``pending``.

    A ``result`` that is given is filled as it goes, so that an interrupted task has what it found.
    """
    result = Result(task) if result is None else result
    start = time.perf_counter()
    if task.op != GRAPH and not supports(engine, task.op, task.dtype):
        unsupported(result, engine)
        return result
    drawn = cases(task)
    while batch := list(islice(drawn, BATCH)):
        for i, case, trial in trials(engine, batch):
            PULSE.at(i)
            if hung(take(result, i, case, engine, references, later, trial)):
                result.unjudged = task.end - i - 1  # the next cases would take as long
                result.seconds = time.perf_counter() - start
                return result
    result.seconds = time.perf_counter() - start
    return result


def trials(engine: Engine, batch: Sequence[tuple[int, Case]]) -> list[tuple[int, Case, Trial]]:
    """The engine's runs on each case of a batch, up to the first that it gives no answer to."""
    out: list[tuple[int, Case, Trial]] = []
    for i, case in batch:
        PULSE.at(i)
        out.append((i, case, tried(engine, case)))
        if isinstance(out[-1][2].crash, Hung):
            break
    return out


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
    later: bool = False,
    trial: Trial | None = None,
) -> Verdict:
    """Judge one case into a result: every failure is blamed and counted, the first of each signature explained (or pending).

    Witnesses see those, and one passing case in so many. ``trial``, if it is at hand, is not made again.
    """
    task = result.task
    note = {"seed": task.seed, "index": i, "drawn as": task.op}
    verdict, trial, certificate = judged(case, engine, task.k, task.modes, trial)
    verdict = replace(verdict, note=note)
    if hung(verdict):
        crashed(result, verdict)
        return verdict
    if verdict.kind.fails:
        for sign, one in failing(verdict, engine, task.k, task.engine):
            result.seen[sign] += 1
            if result.seen[sign] > FAILURES_EXPLAINED[task.op == GRAPH]:
                continue
            if later:
                result.pending.setdefault(sign, []).append(one)
            else:
                explain(result, sign, one, engine, references)
    elif verdict.kind is Kind.UNSUPPORTED:
        result.refused += claimed(engine, case)
    elif i % WITNESS_EVERY == 0 and votable(verdict):
        verdict = witnessed(verdict, engine, references, trial, certificate)
        if verdict.kind is Kind.ORACLE:
            sign = signature(verdict, task.engine)
            result.seen[sign] += 1
            result.keep(sign, verdict)
        result.tally(verdict)
    result.count(verdict)
    return verdict


def explain(result: Result, sign: Signature, verdict: Verdict, engine: Engine, references: Sequence[Engine] = ()) -> None:
    """Explain one failure (``verdict`` as ``failing`` gives it) into a result, which counts it neither here nor again."""
    shown = explained(verdict, sign, engine, result.task.k, result.task.engine, references)
    result.keep(sign, replace(shown, note=verdict.note))
    result.tally(shown)


def index_of(verdict: Verdict) -> int:
    """The index of the case that a verdict was found on, -1 where it is not noted."""
    index = verdict.note.get("index", -1)
    return index if isinstance(index, int) else -1


def claimed(engine: Engine, case: Case) -> bool:
    """Whether an engine declares all that a case needs, so that refusing it is a gap it did not declare."""
    graph = case.graph
    dtype = graph.dtype.name
    return dtype in capabilities(engine).dtypes and all(supports(engine, name, dtype) for name in graph.ops)


def crashed(result: Result, verdict: Verdict) -> None:
    """Count and keep a case whose engine hung or died: nothing is tried again on it."""
    verdict = replace(verdict, blame="" if result.task.op == GRAPH else result.task.op)
    sign = signature(verdict, result.task.engine)
    result.seen[sign] += 1
    result.keep(sign, verdict)
    result.count(verdict)
