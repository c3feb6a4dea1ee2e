"""The conformance suite's driver: Hypothesis draws, the judge decides, the session counts.

One conformance run holds one subject. The tests in ``test_ops.py`` and ``test_random_graphs.py`` are two loops over it.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import seed as seeded
from hypothesis import strategies as st

from gradproof.oracles.engine import Engine
from gradproof.oracles.finding import Verdict
from gradproof.oracles.graph import Case
from gradproof.oracles.trial import supports
from gradproof.specs import run, strategies
from gradproof.specs.run import GRAPH, Profile, Result, Task
from gradproof.specs.tasks import dtypes

BATCHES = 4  # random graphs are drawn in so many tests, so that one failure does not hide the rest
MODES = {"native": ("reverse over reverse",)}  # judged on every second batch of graphs
BOUNDS_MAX = {"native": 4.0}  # an engine held to less than the judge accepts of all: largest error, in bounds


@dataclass
class Conformance:
    """A subject, its references, how much to draw, and where results go; ``results`` holds those of this process."""

    name: str
    subject: Engine
    references: Sequence[Engine]
    profile: Profile
    seed: int
    add: Callable[[Result], None]
    results: list[Result] = field(default_factory=list)

    @property
    def dtypes(self) -> tuple[str, ...]:
        """The dtypes that are drawn: those asked for, or those of the profile that the subject declares."""
        return dtypes(self.subject, self.profile)

    def undrawn(self, dtype: str) -> str:
        """Why a dtype is not drawn, or an empty string."""
        return run.undrawn(self.subject, self.profile, self.name).get(dtype, "")

    def op(self, name: str, dtype: str) -> Result:
        """Judge single-op cases of one op."""
        return self._judge(Task(self.name, name, dtype, 0, self.profile.cases, self.seed), strategies.singles(name, dtype))

    def graphs(self, batch: int, dtype: str, ops: Sequence[str]) -> Result:
        """Judge one batch of random graphs over the ops that the subject has."""
        have = tuple(o for o in ops if supports(self.subject, o, dtype))
        count = -(-self.profile.graphs // BATCHES)
        modes = MODES.get(self.name, ()) if batch % 2 else ()
        task = Task(self.name, GRAPH, dtype, batch * count, count, self.seed, have, modes=modes)
        return self._judge(task, strategies.cases(have, dtype=dtype))

    def _judge(self, task: Task, cases: st.SearchStrategy[Case]) -> Result:
        result = Result(task)
        if task.op != GRAPH and not supports(self.subject, task.op, task.dtype):
            run.unsupported(result, self.subject)
            self._take(result)
            return result

        @seeded(hash_of(task))
        @settings(
            max_examples=task.count,
            database=None,
            deadline=None,
            phases=(Phase.generate,),
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
        )
        @given(cases)
        def judged(case: Case) -> None:
            run.take(result, sum(result.overall.values()), case, self.subject, self.references)

        try:
            judged()
        finally:  # Ctrl-C too keeps what was found
            self._take(result)
        return result

    def _take(self, result: Result) -> None:
        self.results.append(result)
        self.add(result)

    def unexplained(self, result: Result) -> list[Verdict]:
        """Failures that no known difference explains: the first of every signature, so that none is missed."""
        return [
            verdict
            for signature, verdicts in result.explained.items()
            for verdict in verdicts
            if not (signature.known and verdict.kind.declarable)
        ]

    def dodged(self, result: Result) -> str:
        """What to say if more cases of what the subject claims to have were refused than decided, or an empty string."""
        decided = sum(n for kind, n in result.overall.items() if kind.decided)
        if result.refused <= decided:
            return ""
        what = f"{result.task.op} in {result.task.dtype}"
        return f"{self.name} claims to have {what}, and refused {result.refused} cases of it, with {decided} decided"

    def excess(self, result: Result) -> str:
        """What to say if a gradient that passed is further off than this engine is held to, or an empty string."""
        largest, accepted = result.worst.get("gradient", 0.0), BOUNDS_MAX.get(self.name, math.inf)
        if largest <= accepted:
            return ""
        return f"{self.name} is held to {accepted:g} bounds, and its gradient of {result.task.op} was {largest:.3g} off"


def hash_of(task: Task) -> int:
    """A seed of Hypothesis for a task, the same in every process."""
    return zlib.crc32(f"{task.seed}/{task.op}/{task.dtype}/{task.start}".encode())
