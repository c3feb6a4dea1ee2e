"""Processes for engines that may die: a worker executes one task at a time, and its parent knows at which case it is.

When a worker dies or hangs in compiled code, that case is CRASHED, the cases before it are judged again, those after it
go on in a fresh process, and no other task is touched.
"""

from __future__ import annotations

import faulthandler
import signal
import traceback
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import cache
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from typing import Any

from gradproof.oracles.engine import Engine
from gradproof.oracles.errors import EngineError, GradproofError
from gradproof.oracles.finding import Finding, Verdict
from gradproof.oracles.registry import engine as by_name
from gradproof.oracles.verdict import Kind
from gradproof.specs import limits
from gradproof.specs.limits import NO_ANSWER, Pulse
from gradproof.specs.loop import crashed, execute_with
from gradproof.specs.result import Result, Signature
from gradproof.specs.tasks import GRAPH, Task, case_at

IN_PROCESS = frozenset({"native"})  # engines that cannot die but with Python itself; all others get a process at jobs 1 too
LATE_SECONDS = 10.0  # so long after the limit inside the process, it is ended from outside
DEATHS_MAX = {True: 10, False: 3}  # of graphs, or of one op, for an engine and dtype: then the rest is left out
POLL_SECONDS = 1.0
Told = frozenset[Signature]


class Died(Exception):
    """A process died while it worked; the text says how."""


class Failed(Exception):
    """Our own code raised in a worker; the text is its traceback."""


made: Callable[[str], Engine] = cache(by_name)


def execute(task: Task, told: Told, result: Result | None = None) -> Result:
    """Run one task in this process, with engines made once; a ``result`` that is given is filled as it goes."""
    return execute_with(task, made(task.engine), [made(name) for name in task.references], told, result)


def _work(connection: Connection[Any, Any], shared: Any, trace: bool) -> None:
    """The life of a worker: calls in, values out, until its parent closes the pipe."""
    limits.PULSE.shared = shared
    if trace:
        faulthandler.enable()
    while True:
        try:
            function, arguments = connection.recv()
        except EOFError:
            return
        try:
            answer = function(*arguments)
        except GradproofError as error:
            answer = error
        except Exception:  # noqa: BLE001 - handed to the parent, which raises it
            answer = Failed(traceback.format_exc())
        limits.PULSE.at(-1)
        connection.send(answer)


@contextmanager
def _unheard() -> Iterator[None]:
    """Ctrl-C waits until the block ends; a process started in it never hears it: its parent ends it."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


class Worker:
    """A process that executes calls one at a time, reused until it dies. ``trace``: a dying one prints where it was."""

    def __init__(self, trace: bool = False) -> None:
        context = get_context("spawn")
        shared = context.RawArray("d", [-1.0, 0.0])
        self.pulse = Pulse(shared)
        self.task: Task | None = None
        self.answered = False
        self.connection, theirs = context.Pipe()
        self.process = context.Process(target=_work, args=(theirs, shared, trace))
        with _unheard():
            self.process.start()
        theirs.close()

    def give(self, function: Callable[..., Any], *arguments: Any) -> None:
        """Start a call."""
        with suppress(OSError):  # it died just now: seen when the answer is asked for
            self.connection.send((function, arguments))

    def answer(self) -> Any:
        """The value of the call, once ready. Raises: Died; Failed; a GradproofError of the call."""
        try:
            got = self.connection.recv()
        except (EOFError, OSError):
            raise Died(self._fate()) from None
        self.answered = True
        if isinstance(got, Exception):
            raise got
        return got

    def ready(self) -> bool:
        """Whether there is an answer, or there never will be."""
        return self.connection.poll() or not self.process.is_alive()

    def late(self) -> bool:
        """Whether its engine hangs where the limit inside the process does not reach."""
        return self.pulse.overdue(limits.CASE_SECONDS_MAX + LATE_SECONDS)

    def _fate(self) -> str:
        self.process.join(5)
        code = self.process.exitcode
        if code is not None and code < 0:
            return f"the process died of {signal.Signals(-code).name}"
        return f"the process died with exit code {code}"

    def end(self, kill: bool = False) -> None:
        """End the process: at once, or when it sees that nothing more comes."""
        self.connection.close()
        if not kill:
            self.process.join(5)
        if self.process.is_alive():
            self.process.kill()
        self.process.join()


def apart(function: Callable[..., Any], *arguments: Any) -> Any:
    """A call in a process of its own. Raises: Died, after the process printed where it was, if it could."""
    worker = Worker(trace=True)
    try:
        worker.give(function, *arguments)
        while not worker.ready():
            if worker.late():
                raise Died(f"{NO_ANSWER} {limits.CASE_SECONDS_MAX:g} s")
            wait([worker.connection, worker.process.sentinel], POLL_SECONDS)
        return worker.answer()
    finally:
        worker.end(kill=True)


class Book:
    """What is left to do, and what is known of the engines: deaths counted, signatures already explained."""

    def __init__(self, todo: Sequence[Task]) -> None:
        self.waiting = deque(todo)
        self.deaths: Counter[tuple[str, str, str]] = Counter()
        self.told: dict[tuple[str, str], set[Signature]] = {}

    def known(self, task: Task) -> Told:
        """The signatures explained so far for the task's engine and dtype."""
        return frozenset(self.told.get((task.engine, task.dtype), ()))

    def done(self, result: Result) -> Result:
        """Note what a result explains."""
        task = result.task
        self.told.setdefault((task.engine, task.dtype), set()).update(result.explained)
        return result

    def died(self, task: Task, index: int, why: str) -> Result:
        """The case at which a task's process ended, CRASHED; the cases around it are to do again, if it is worth it."""
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
            self.waiting.extendleft(part for part in (after, before) if part.count)
            return result
        skipped = [t for t in self.waiting if (t.engine, t.op, t.dtype) == key]
        self.waiting = deque(t for t in self.waiting if t not in skipped)
        result.unjudged = sum(t.count for t in (before, after, *skipped))
        return result


def spread(todo: Sequence[Task], jobs: int) -> Iterator[Result]:
    """Every task's result as it ends, over so many worker processes."""
    book = Book(todo)
    crew: list[Worker] = []
    finished = False
    try:
        while True:
            while len(crew) < jobs and len(crew) < len(book.waiting) + sum(w.task is not None for w in crew):
                crew.append(Worker())
            for worker in crew:
                if worker.task is None and book.waiting:
                    worker.task = book.waiting.popleft()
                    worker.give(execute, worker.task, book.known(worker.task))
            busy = [worker for worker in crew if worker.task is not None]
            if not busy:
                break
            wait([x for w in busy for x in (w.connection, w.process.sentinel)], POLL_SECONDS)
            for worker in busy:
                result = _collected(worker, book)
                if result is None:
                    continue
                if worker.task is not None:
                    crew.remove(worker)
                yield result
        finished = True
    finally:
        for worker in crew:
            worker.end(kill=not finished)


def _collected(worker: Worker, book: Book) -> Result | None:
    """What a busy worker has to show, or None; its task is taken off it unless it is gone."""
    task = worker.task
    assert task is not None
    try:
        if worker.ready():
            result: Result = worker.answer()
            worker.task = None
            return book.done(result)
        if not worker.late():
            return None
        why = f"{NO_ANSWER} {limits.CASE_SECONDS_MAX:g} s, and the process had to be killed"
    except Died as death:
        why = str(death)
    index = worker.pulse.index
    if index < 0 and not worker.answered:
        raise EngineError(
            f"{why} before its first case, as it imported or made {task.engine!r}. A script that starts a run needs "
            "`if __name__ == \"__main__\":` around it."
        )
    worker.end(kill=True)
    return book.done(book.died(task, index, why))
