"""The loop: draws cases, judges them, blames and reduces what fails, and yields what it found. No I/O.

Work is cut into tasks (one op or a batch of graphs, for one engine and dtype), so that it can be spread over
processes and stopped at any time with what was found so far.
"""

from __future__ import annotations

import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from multiprocessing import get_context

import numpy as np

from gradproof.oracles import complex_step, dual, exact, finite
from gradproof.oracles.blame import blame
from gradproof.oracles.catalogue import CATALOGUE
from gradproof.oracles.certificate import Certificate, certify
from gradproof.oracles.engine import Engine
from gradproof.oracles.errors import UnknownOp
from gradproof.oracles.finding import Finding, Verdict, Vote
from gradproof.oracles.graph import Array, Case
from gradproof.oracles.judge import K, judge
from gradproof.oracles.reduce import reduce
from gradproof.oracles.registry import engine as by_name
from gradproof.oracles.selfcheck import self_check
from gradproof.oracles.trial import run as run_trial
from gradproof.oracles.trial import supports
from gradproof.oracles.verdict import Kind
from gradproof.specs import build

GRAPH = "graph"
GRAPHS_A_TASK = 250
WITNESS_EVERY = 20  # an AGREE is shown to the witnesses once in so many cases; anything else always
FAILURES_KEPT = {True: 3, False: 1}  # of one signature in a task of graphs, or of one op: the rest are counted
CASE_SECONDS_MAX = 60.0
NO_ANSWER = "no answer in"
WITNESSES = (
    ("differences", finite.LINEAGE, finite.vote),
    ("duals", dual.LINEAGE, dual.vote),
    ("complex step", complex_step.LINEAGE, complex_step.vote),
    ("exact rationals", exact.LINEAGE, exact.vote),
)


@dataclass(frozen=True)
class Profile:
    """How much is drawn: single-op cases an op, and random graphs, for each dtype."""

    name: str
    cases: int
    graphs: int
    dtypes: tuple[str, ...] = ("float64", "float32")


PROFILES = {
    p.name: p
    for p in (Profile("quick", 24, 600), Profile("standard", 200, 10_000), Profile("deep", 1_000, 200_000))
}


@dataclass(frozen=True)
class Task:
    """A batch of cases of one engine: ``count`` cases of an op (or of random graphs over ``ops``) from ``start``."""

    engine: str
    op: str
    dtype: str
    start: int
    count: int
    seed: int
    ops: tuple[str, ...] = ()
    references: tuple[str, ...] = ()
    k: float = K


@dataclass
class Tally:
    """Votes of one witness over the cases it was shown, as against the judge's verdict."""

    lineage: str
    agree: int = 0
    disagree: int = 0
    abstain: int = 0


@dataclass
class Result:
    """What a task found: for each property the verdicts counted and the worst error in units of the bound."""

    task: Task
    counts: dict[str, Counter[Kind]] = field(default_factory=dict)
    worst: dict[str, float] = field(default_factory=dict)
    overall: Counter[Kind] = field(default_factory=Counter)
    failures: list[Verdict] = field(default_factory=list)
    witnesses: dict[str, Tally] = field(default_factory=dict)
    kept: Counter[tuple[Kind, str]] = field(default_factory=Counter)
    seconds: float = 0.0


def tasks(
    engine: Engine,
    profile: Profile,
    seed: int,
    ops: Sequence[str],
    references: Sequence[str] = (),
    name: str = "",
) -> list[Task]:
    """The tasks of one engine: every op it supports, then graphs drawn from those ops."""
    name = name or engine.name
    supported = tuple(o for o in ops if supports(engine, o))
    others = tuple(r for r in references if r != name)
    out: list[Task] = []
    for dtype in profile.dtypes:
        for o in ops:
            out.append(Task(name, o, dtype, 0, profile.cases, seed, (), others))
        if supported:
            for start in range(0, profile.graphs, GRAPHS_A_TASK):
                count = min(GRAPHS_A_TASK, profile.graphs - start)
                out.append(Task(name, GRAPH, dtype, start, count, seed, supported, others))
    return out


def cases(task: Task) -> Iterator[tuple[int, Case]]:
    """The task's cases with their index, reproducibly from the seed."""
    for i in range(task.start, task.start + task.count):
        rnd = random.Random(f"{task.seed}/{task.op}/{task.dtype}/{i}")
        if task.op == GRAPH:
            yield i, build.graph(rnd.randbytes(build.GRAPH_BYTES), task.ops, task.dtype)
        else:
            yield i, build.single(task.op, rnd.randbytes(build.SINGLE_BYTES), task.dtype)


class Hung(Exception):
    """The engine gave no answer in time."""


@contextmanager
def limited(seconds: float) -> Iterator[None]:
    """Raise Hung in the block after ``seconds``, where signals are available (POSIX, main thread)."""
    if not hasattr(signal, "setitimer") or threading.current_thread() is not threading.main_thread():
        yield
        return

    def ring(*_: object) -> None:
        raise Hung(f"{NO_ANSWER} {seconds:g} s")

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def verdict_of(case: Case, engine: Engine, k: float = K) -> Verdict:
    """The judge's verdict under the time limit of a case."""
    try:
        with limited(CASE_SECONDS_MAX):
            return judge(case, engine, k)
    except Hung as hung:
        return Verdict(Kind.CRASHED, engine.name, case, (Finding("gradient", Kind.CRASHED, str(hung)),))


def witnessed(verdict: Verdict, engine: Engine, references: Sequence[Engine]) -> Verdict:
    """The verdict with the votes of every witness on the engine's gradient, after the judge's own self-check."""
    certificate = certify(verdict.case)
    broken = self_check(certificate)
    if broken:
        finding = Finding("gradient", Kind.ORACLE, broken)
        return replace(verdict, kind=Kind.ORACLE, findings=(finding,))
    trial = run_trial(engine, verdict.case)
    if not trial.first:
        return verdict
    g = np.concatenate([np.ravel(a) for a in trial.first]).astype(float)
    if g.size != len(certificate.slots):
        return verdict
    votes = [vote(verdict.case, g, certificate) for _, _, vote in WITNESSES]
    votes += [_framework(reference, verdict.case, g, certificate) for reference in references]
    return replace(verdict, votes=tuple(votes))


def _framework(reference: Engine, case: Case, g: Array, certificate: Certificate) -> Vote:
    """Another engine's gradient as a witness: within both bounds of the subject's?"""
    trial = run_trial(reference, case)
    if trial.crash is not None or trial.unsupported:
        return Vote(reference.name, reference.lineage, "abstains", trial.unsupported or f"raised {trial.crash}")
    if certificate.kinked:
        return Vote(reference.name, reference.lineage, "abstains", "on a kink conventions differ")
    theirs = np.concatenate([np.ravel(a) for a in trial.first]).astype(float)
    if theirs.shape != g.shape:
        return Vote(reference.name, reference.lineage, "abstains", "its gradients have other shapes")
    return dual.compare(reference.name, reference.lineage, g, theirs, 2 * K * np.array(certificate.bound))


def explained(
    verdict: Verdict, finding: Finding, engine: Engine, k: float, references: Sequence[Engine]
) -> Verdict:
    """One failing finding of a verdict, reduced to its smallest case, blamed and witnessed."""

    def again(case: Case) -> Verdict | None:
        found = verdict_of(case, engine, k)
        same = [f for f in found.findings if (f.kind, f.property) == (finding.kind, finding.property)]
        return replace(found, kind=finding.kind, findings=tuple(same)) if same else None

    smallest = again(reduce(verdict.case, lambda case: again(case) is not None))
    if smallest is None:  # not repeatable: keep the case as it was drawn
        smallest = replace(verdict, kind=finding.kind, findings=(finding,))
    return witnessed(blame(smallest, engine, k), engine, references)


def execute(task: Task) -> Result:
    """Run one task in this process."""
    engine = by_name(task.engine)
    return execute_with(task, engine, [by_name(r) for r in task.references])


def execute_with(task: Task, engine: Engine, references: Sequence[Engine] = ()) -> Result:
    """Run one task with engines already made."""
    result = Result(task)
    start = time.perf_counter()
    if task.op != GRAPH and not supports(engine, task.op):
        unsupported(result, engine)
        return result
    for i, case in cases(task):
        verdict = take(result, i, case, engine, references)
        if hung(verdict):
            break  # the next cases would take as long
    result.seconds = time.perf_counter() - start
    return result


def unsupported(result: Result, engine: Engine) -> None:
    """Count an op that the engine has not: shown, never passed."""
    reason = Finding("gradient", Kind.UNSUPPORTED, f"{engine.name} has no {result.task.op}")
    _count(result, Verdict(Kind.UNSUPPORTED, engine.name, next(cases(result.task))[1], (reason,)))


def hung(verdict: Verdict) -> bool:
    """Whether the engine gave no answer in time: then nothing is tried again on it."""
    return verdict.kind is Kind.CRASHED and NO_ANSWER in verdict.decisive.reason


def take(result: Result, i: int, case: Case, engine: Engine, references: Sequence[Engine] = ()) -> Verdict:
    """Judge one case into a result: failures are explained, and every so many cases shown to the witnesses."""
    task = result.task
    verdict = verdict_of(case, engine, task.k)
    note = {"seed": task.seed, "index": i, "drawn as": task.op}
    if hung(verdict):
        result.failures.append(replace(verdict, blame="" if task.op == GRAPH else task.op, note=note))
        _count(result, verdict)
        return verdict
    for finding in verdict.findings:
        if finding.kind.fails:
            signature = (finding.kind, finding.property)
            result.kept[signature] += 1
            if result.kept[signature] <= FAILURES_KEPT[task.op == GRAPH]:
                told = explained(verdict, finding, engine, task.k, references)
                verdict = replace(verdict, votes=told.votes)
                result.failures.append(replace(told, note=note))
    if not verdict.kind.fails and i % WITNESS_EVERY == 0 and not verdict.kind.skipped:
        verdict = witnessed(verdict, engine, references)
        if verdict.kind is Kind.ORACLE:
            result.failures.append(replace(verdict, note=note))
    _count(result, verdict)
    return verdict


def _count(result: Result, verdict: Verdict) -> None:
    result.overall[verdict.kind] += 1
    for finding in verdict.findings:
        result.counts.setdefault(finding.property, Counter())[finding.kind] += 1
        result.worst[finding.property] = max(result.worst.get(finding.property, 0.0), finding.units)
    right = not verdict.kind.fails
    for vote in verdict.votes:
        tally = result.witnesses.setdefault(vote.name, Tally(vote.lineage))
        if vote.vote == "abstains":
            tally.abstain += 1
        elif (vote.vote == "agrees") == right:  # a vote for the engine agrees with a judge who accepts it
            tally.agree += 1
        else:
            tally.disagree += 1


def results(todo: Sequence[Task], jobs: int = 1) -> Iterator[Result]:
    """Every task's result as it ends; a worker that dies costs its task a CRASHED verdict, not the run."""
    if jobs <= 1:
        made: dict[str, Engine] = {}
        for task in todo:
            for name in (task.engine, *task.references):
                if name not in made:
                    made[name] = by_name(name)
            yield execute_with(task, made[task.engine], [made[r] for r in task.references])
        return
    waiting = list(todo)
    while waiting:
        died: Task | None = None
        done: set[Task] = set()
        pool = ProcessPoolExecutor(jobs, mp_context=get_context("spawn"))
        try:
            futures = {pool.submit(execute, task): task for task in waiting}
            for future in as_completed(futures):
                try:
                    yield future.result()
                    done.add(futures[future])
                except BrokenProcessPool:
                    died = died or futures[future]
        except (KeyboardInterrupt, GeneratorExit):
            for process in list(pool._processes.values()):  # the pool itself would wait for every task
                process.terminate()
            raise
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
        waiting = [t for t in waiting if t not in done]
        if died is not None:
            waiting.remove(died)
            yield _dead(died)


def _dead(task: Task) -> Result:
    """A task whose process died."""
    case = next(cases(task))[1]
    result = Result(task)
    reason = f"the process died in cases {task.start} to {task.start + task.count - 1}"
    verdict = Verdict(Kind.CRASHED, task.engine, case, (Finding("gradient", Kind.CRASHED, reason),))
    result.failures.append(verdict)
    _count(result, verdict)
    return result


def selected(pattern: str) -> tuple[str, ...]:
    """Names of the catalogue that match a glob, or several separated by commas."""
    from fnmatch import fnmatchcase

    patterns = [p.strip() for p in pattern.split(",")]
    for p in patterns:
        if not any(fnmatchcase(name, p) for name in CATALOGUE):
            raise UnknownOp(f"no op matches {p!r}; see `gradproof ops`.")
    return tuple(name for name in CATALOGUE if any(fnmatchcase(name, p) for p in patterns))
