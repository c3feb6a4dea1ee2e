"""The conformance suite's driver: Hypothesis draws, the judge decides, the session counts.

One conformance run holds one subject. The tests in ``test_ops.py`` and ``test_random_graphs.py`` are two loops over it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import seed as seeded
from hypothesis import strategies as st

from gradproof.oracles.engine import Engine
from gradproof.oracles.finding import Verdict
from gradproof.oracles.graph import Case
from gradproof.oracles.trial import supports
from gradproof.specs import known, run, strategies
from gradproof.specs.run import GRAPH, Profile, Result, Task

BATCHES = 4  # random graphs are drawn in so many tests, so that one failure does not hide the rest


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

    def op(self, name: str, dtype: str) -> Result:
        """Judge single-op cases of one op."""
        return self._judge(Task(self.name, name, dtype, 0, self.profile.cases, self.seed), strategies.singles(name, dtype))

    def graphs(self, batch: int, dtype: str, ops: Sequence[str]) -> Result:
        """Judge one batch of random graphs over the ops that the subject has."""
        have = tuple(o for o in ops if supports(self.subject, o))
        count = -(-self.profile.graphs // BATCHES)
        task = Task(self.name, GRAPH, dtype, batch * count, count, self.seed, have)
        return self._judge(task, strategies.cases(have, dtype=dtype))

    def _judge(self, task: Task, cases: st.SearchStrategy[Case]) -> Result:
        result = Result(task)
        if task.op != GRAPH and not supports(self.subject, task.op):
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

        judged()
        self._take(result)
        return result

    def _take(self, result: Result) -> None:
        self.results.append(result)
        self.add(result)

    def unexplained(self, result: Result) -> list[Verdict]:
        """Failures that no known difference explains."""
        return [
            v
            for v in result.failures
            if not (
                v.kind.declarable and known.reason(self.name, v.kind, v.decisive.property, v.blame or result.task.op)
            )
        ]


def hash_of(task: Task) -> int:
    """A seed of Hypothesis for a task, the same in every process."""
    import zlib

    return zlib.crc32(f"{task.seed}/{task.op}/{task.dtype}/{task.start}".encode())
