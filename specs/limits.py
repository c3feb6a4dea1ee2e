"""The time that an engine has for one case; the judge's own time is not counted against it.

The limit rings inside the process, which reaches Python code. ``Pulse`` shows from outside since when the engine runs, so
that a process whose engine hangs in compiled code can be ended by its parent (``pool.py``).
"""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator, MutableSequence, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial

from gradproof.oracles.certificate import Certificate
from gradproof.oracles.engine import Engine
from gradproof.oracles.finding import Finding, Verdict
from gradproof.oracles.graph import Case
from gradproof.oracles.judge import K, weighed
from gradproof.oracles.modes import MODES, Mode, judge_modes, tried_in
from gradproof.oracles.trial import Trial, run
from gradproof.oracles.verdict import Kind

CASE_SECONDS_MAX = 60.0
NO_ANSWER = "no answer in"


class Hung(BaseException):
    """The engine gave no answer in time. No Exception, so that an engine which catches those does not swallow it."""


@dataclass
class Pulse:
    """Which case is under way (-1 for none), and since when its engine runs (0 while it does not), by a clock of the system.

    ``shared`` may lie in memory that another process reads.
    """

    shared: MutableSequence[float] = field(default_factory=lambda: [-1.0, 0.0])

    def at(self, index: int) -> None:
        """Say which case is judged now."""
        self.shared[0] = index

    @property
    def index(self) -> int:
        return int(self.shared[0])

    @contextmanager
    def running(self) -> Iterator[None]:
        """The engine runs in the block."""
        self.shared[1] = time.monotonic()
        try:
            yield
        finally:
            self.shared[1] = 0.0

    def overdue(self, seconds: float) -> bool:
        """Whether the engine has been running for longer."""
        since = self.shared[1]
        return since > 0 and time.monotonic() - since > seconds


PULSE = Pulse()


@contextmanager
def limited(seconds: float) -> Iterator[None]:
    """Raise Hung in the block after ``seconds``, where signals are available (POSIX, main thread)."""
    if not hasattr(signal, "setitimer") or threading.current_thread() is not threading.main_thread():
        yield
        return

    def ring(*_: object) -> None:
        raise Hung(f"{NO_ANSWER} {seconds:g} s")

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds, 1.0)  # again each second, should the engine swallow one
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def tried(engine: Engine, case: Case, mode: Mode | None = None) -> Trial:
    """The engine's runs on a case, or its answer in a mode, under the time limit; too late is a crash of the kind Hung."""
    try:
        with PULSE.running(), limited(CASE_SECONDS_MAX):
            return run(engine, case) if mode is None else tried_in(engine, case, mode)
    except Hung as hung:  # it rang after the last run
        return Trial(engine, case, crash=hung)


def verdict_of(case: Case, engine: Engine, k: float = K, modes: Sequence[str] = ()) -> Verdict:
    """The judge's verdict, in further modes too, where the engine has a limited time; without an answer in time it is CRASHED."""
    return judged(case, engine, k, modes)[0]


def judged(
    case: Case, engine: Engine, k: float = K, modes: Sequence[str] = (), trial: Trial | None = None
) -> tuple[Verdict, Trial, Certificate | None]:
    """The verdict, and the trial (which may be at hand) and certificate it rests on."""
    trial = trial or tried(engine, case)
    if isinstance(trial.crash, Hung):
        finding = Finding("gradient", Kind.CRASHED, str(trial.crash))
        return Verdict(Kind.CRASHED, engine.name, case, (finding,)), trial, None
    verdict, certificate = weighed(trial, k)
    return judge_modes(verdict, engine, modes, k, tried) if modes else verdict, trial, certificate


def judging_of(name: str) -> Callable[[Case, Engine, float], Verdict]:
    """``verdict_of`` in the mode of this name; of any other property, in the plain reverse mode alone."""
    return partial(verdict_of, modes=(name,)) if name in MODES else verdict_of


def hung(verdict: Verdict) -> bool:
    """Whether the engine gave no answer in time: then nothing is tried again on it."""
    return verdict.kind is Kind.CRASHED and verdict.decisive.reason.startswith(NO_ANSWER)
