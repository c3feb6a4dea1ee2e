"""A process that executes calls one at a time, until it dies, is late, or its parent has gone.

It is used for engines that may die or hang in compiled code; ``pool.py`` gives it what a run has to do.
"""

from __future__ import annotations

import faulthandler
import os
import signal
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from multiprocessing import get_context, parent_process
from multiprocessing.connection import Connection, wait
from typing import Any

import numpy as np

from gradproof.oracles.errors import EngineError, GradproofError
from gradproof.specs import limits, threads
from gradproof.specs.limits import NO_ANSWER, Pulse

LATE_SECONDS = 10.0  # so long after the limit inside the process, it is ended from outside
POLL_SECONDS = 1.0


class Died(Exception):
    """A process died while it worked; the text says how."""


class Failed(Exception):
    """Our own code raised in a worker; the text is its traceback."""


def _work(connection: Connection[Any, Any], shared: Any, trace: bool) -> None:
    """The life of a worker: calls in, values out, until its parent closes the pipe or ends, whatever it does then."""
    limits.PULSE.shared = shared
    threading.Thread(target=_end_with_parent, daemon=True).start()
    if trace:
        faulthandler.enable()
    np.seterr(all="ignore")  # what overflows is judged; a warning for every line of an engine's would hide the verdicts
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


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)


@contextmanager
def _unheard() -> Iterator[None]:
    """Ctrl-C and SIGTERM wait until the block ends; a process started in it never hears them: its parent ends it."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


class Worker:
    """A process for calls, reused until it dies. ``trace``: a dying one prints where it was."""

    def __init__(self, trace: bool = False) -> None:
        context = get_context("spawn")
        shared = context.RawArray("d", [-1.0, 0.0])
        self.pulse = Pulse(shared)
        self.answered = False
        self.connection, theirs = context.Pipe()
        self.process = context.Process(target=_work, args=(theirs, shared, trace))
        with _unheard(), threads.single():
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

    def stillborn(self, why: str, name: str) -> EngineError:
        """The error of a process that ended before it judged anything: no verdict on an engine."""
        return EngineError(
            f"{why} before its first case, as it imported or made {name!r}. A script that starts a run or a replay needs "
            "`if __name__ == \"__main__\":` around it."
        )

    def end(self, kill: bool = False) -> None:
        """End the process: at once, or when it sees that nothing more comes."""
        self.connection.close()
        if not kill:
            self.process.join(5)
        if self.process.is_alive():
            self.process.kill()
        self.process.join()


def apart(name: str, function: Callable[..., Any], *arguments: Any) -> Any:
    """A call on the engine called ``name`` in a process of its own, which sets the pulse once it has made the engine.

    Raises: Died, after the process printed where it was, if it could; EngineError if it ended before there was an engine.
    """
    worker = Worker(trace=True)
    try:
        worker.give(function, *arguments)
        while not worker.ready():
            if worker.late():
                raise Died(f"{NO_ANSWER} {limits.CASE_SECONDS_MAX:g} s")
            wait([worker.connection, worker.process.sentinel], POLL_SECONDS)
        return worker.answer()
    except Died as death:
        if worker.pulse.index < 0:
            raise worker.stillborn(str(death), name) from None
        raise
    finally:
        worker.end(kill=True)
