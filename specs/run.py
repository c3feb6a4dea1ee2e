"""A run: tasks in, results out as they end; and the names that those who run things need. No I/O."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from gradproof.specs.again import replayed
from gradproof.specs.known import reason
from gradproof.specs.limits import verdict_of
from gradproof.specs.loop import execute_with, take, unsupported
from gradproof.specs.pool import IN_PROCESS, Book, spread
from gradproof.specs.result import Result, Signature, Tally
from gradproof.specs.tasks import GRAPH, PROFILES, Profile, Task, cases, selected, tasks, undrawn
from gradproof.specs.witnesses import WITNESSES, witnessed

__all__ = [
    "GRAPH",
    "PROFILES",
    "WITNESSES",
    "Profile",
    "Result",
    "Signature",
    "Tally",
    "Task",
    "cases",
    "execute_with",
    "reason",
    "replayed",
    "results",
    "selected",
    "take",
    "tasks",
    "undrawn",
    "unsupported",
    "verdict_of",
    "witnessed",
]


def results(todo: Sequence[Task], jobs: int = 1) -> Iterator[Result]:
    """Every task's result as it ends, and what explains its failures; an engine that kills its process costs the case at which it did, not the run."""
    engines = {name for task in todo for name in (task.engine, *task.references)}
    if jobs > 1 or not engines <= IN_PROCESS:
        yield from spread(todo, jobs)
        return
    book = Book(todo)
    while len(book):
        job = book.next()
        result = Result(job.task)
        try:
            job.do(result)
        except KeyboardInterrupt:
            yield result  # what it found before Ctrl-C
            raise
        yield book.done(job, result)
