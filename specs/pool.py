"""The pool of a run: a worker executes one task at a time, and its parent knows at which case it is.

When a worker dies or hangs in compiled code, that case is CRASHED, the cases before it are judged again, those after it
go on in a fresh process, and no other task is touched.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from multiprocessing.connection import wait

from gradproof.oracles.engine import Engine
from gradproof.oracles.finding import Finding, Verdict
from gradproof.oracles.registry import engine as by_name
from gradproof.oracles.verdict import Kind
from gradproof.specs import limits
from gradproof.specs.limits import NO_ANSWER
from gradproof.specs.loop import crashed, execute_with, explain, index_of
from gradproof.specs.result import Result, Signature
from gradproof.specs.tasks import GRAPH, Task, case_at
from gradproof.specs.worker import POLL_SECONDS, Died, Worker

IN_PROCESS = frozenset({"native"})  # engines that cannot die but with Python itself; all others get a process at jobs 1 too
DEATHS_MAX = {True: 10, False: 3}  # of graphs, or of one op, for an engine and dtype: then the rest is left out

made: Callable[[str], Engine] = cache(by_name)


@dataclass(frozen=True)
class Job:
    """A task to run, or one of its failures to explain; ``place`` is the task's place in the run."""

    place: int
    task: Task
    sign: Signature | None = None
    verdict: Verdict | None = None

    def do(self, result: Result | None = None) -> Result:
        """Do it in this process, with engines made once; a ``result`` that is given is filled as it goes."""
        result = Result(self.task) if result is None else result
        engine, references = made(self.task.engine), [made(name) for name in self.task.references]
        if self.sign is None or self.verdict is None:
            return execute_with(self.task, engine, references, result, later=True)
        limits.PULSE.at(max(index_of(self.verdict), 0))
        explain(result, self.sign, self.verdict, engine, references)
        return result

    def died(self) -> Result:
        """What is left of an explanation that ended its process: the failure as it was drawn."""
        assert self.sign is not None
        assert self.verdict is not None
        result = Result(self.task)
        result.keep(self.sign, self.verdict)
        return result


class Book:
    """What is left to do, and what is known of the engines: deaths counted, signatures already explained.

    Which failures are explained does not depend on which task ends first: the first of each signature in the order of the
    tasks. (How often an engine that dies is tried does: the tasks under way when it is given up are not taken back.)
    """

    def __init__(self, todo: Sequence[Task]) -> None:
        self.waiting = deque(Job(place, task) for place, task in enumerate(todo))
        self.explanations: deque[Job] = deque()
        self.deaths: Counter[tuple[str, str, str]] = Counter()
        self.parts = [1] * len(todo)  # of each task, how many are not done
        self.found: list[list[Result]] = [[] for _ in todo]  # of tasks whose turn has not come
        self.turn = 0
        self.told: set[tuple[str, str, Signature]] = set()

    def __len__(self) -> int:
        return len(self.waiting) + len(self.explanations)

    def next(self) -> Job:
        """The next job. Raises: IndexError if none is left."""
        return (self.explanations or self.waiting).popleft()

    def done(self, job: Job, result: Result) -> Result:
        """Note what a job found, and what of it is to be explained."""
        if job.sign is None:
            self.parts[job.place] -= 1
            self.found[job.place].append(result)
            self._turn()
        return result

    def _turn(self) -> None:
        while self.turn < len(self.parts) and not self.parts[self.turn]:
            for result in sorted(self.found[self.turn], key=lambda r: r.task.start):
                where = (result.task.engine, result.task.dtype)
                for sign, verdicts in result.pending.items():
                    if (*where, sign) not in self.told:
                        none = replace(result.task, count=0)
                        self.explanations.extend(Job(self.turn, none, sign, verdict) for verdict in verdicts)
                self.told.update((*where, sign) for sign in (*result.pending, *result.explained))
            self.found[self.turn].clear()
            self.turn += 1

    def died(self, job: Job, index: int, why: str) -> Result:
        """The case at which a job's process ended, CRASHED; the cases around it are to do again, if it is worth it."""
        if job.sign is not None:
            return job.died()
        task = job.task
        index = index if task.start <= index < task.end else task.start
        result = Result(replace(task, start=index, count=1))
        note = {"seed": task.seed, "index": index, "drawn as": task.op}
        finding = Finding("gradient", Kind.CRASHED, f"{why}, in case {index}")
        crashed(result, Verdict(Kind.CRASHED, task.engine, case_at(task, index), (finding,), note=note))
        key = (task.engine, task.op, task.dtype)
        self.deaths[key] += 1
        before = replace(task, count=index - task.start)
        after = replace(task, start=index + 1, count=task.end - index - 1)
        if self.deaths[key] < DEATHS_MAX[task.op == GRAPH]:
            rest = [Job(job.place, part) for part in (after, before) if part.count]
            self.waiting.extendleft(rest)
            self.parts[job.place] += len(rest)
            return self.done(job, result)
        skipped = [j for j in self.waiting if (j.task.engine, j.task.op, j.task.dtype) == key]
        self.waiting = deque(j for j in self.waiting if j not in skipped)
        for j in skipped:
            self.parts[j.place] -= 1
        result.unjudged = sum(t.count for t in (before, after, *(j.task for j in skipped)))
        return self.done(job, result)


def spread(todo: Sequence[Task], jobs: int) -> Iterator[Result]:
    """Every task's result as it ends, over so many worker processes; explanations of failures come as results of no cases."""
    book = Book(todo)
    crew: dict[Worker, Job | None] = {}
    finished = False
    try:
        while True:
            while len(crew) < jobs and len(crew) < len(book) + sum(job is not None for job in crew.values()):
                crew[Worker()] = None
            for worker, job in crew.items():
                if job is None and len(book):
                    crew[worker] = next_job = book.next()
                    worker.give(next_job.do)
            busy = [(worker, job) for worker, job in crew.items() if job is not None]
            if not busy:
                break
            wait([x for w, _ in busy for x in (w.connection, w.process.sentinel)], POLL_SECONDS)
            for worker, job in busy:
                result, alive = _collected(worker, job, book)
                if result is None:
                    continue
                crew[worker] = None
                if not alive:
                    del crew[worker]
                yield result
        finished = True
    finally:
        for worker in crew:
            worker.end(kill=not finished)


def _collected(worker: Worker, job: Job, book: Book) -> tuple[Result | None, bool]:
    """What a busy worker has to show, or None; and whether it is still there."""
    try:
        if worker.ready():
            result: Result = worker.answer()
            return book.done(job, result), True
        if not worker.late():
            return None, True
        why = f"{NO_ANSWER} {limits.CASE_SECONDS_MAX:g} s, and the process had to be killed"
    except Died as death:
        why = str(death)
    if worker.pulse.index < 0 and not worker.answered:
        raise worker.stillborn(why, job.task.engine)
    worker.end(kill=True)
    return book.died(job, worker.pulse.index, why), False
