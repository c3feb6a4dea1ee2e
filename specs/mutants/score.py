"""The mutation score: how many planted faults an oracle kills, at what cost, and how often it cries wolf.

For each mutant: single-op cases of its ops, one op after the other in turn, then random graphs with one of its ops; the
first failing look ends it, and counts as a kill only if the same oracle passes the unmutated engine on that very case.
Everything follows from the seed.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from copy import copy
from dataclasses import dataclass, field, replace
from functools import lru_cache
from itertools import islice
from statistics import median

import numpy as np

from gradproof.oracles.catalogue import CATALOGUE
from gradproof.oracles.engine import Engine
from gradproof.oracles.graph import Case
from gradproof.oracles.trial import capabilities
from gradproof.specs import run
from gradproof.specs.mutants import typical
from gradproof.specs.mutants.looks import FAILS, PASSES, Look, Oracle, asked, in_modes, modes_of
from gradproof.specs.mutants.mutant import GRAPH, Mutant
from gradproof.specs.mutants.settings import used

OPS = tuple(CATALOGUE)
MODES_SHARE = 10  # of so many clean cases one is judged in the modes that mutants show in too
DRAWN_MAX = 30  # graphs drawn for each one wanted with the op: of 260 ops, a graph has eight


@dataclass(frozen=True)
class Budget:
    """How many single-op cases of each op, and how many graphs, a mutant may survive; and which inputs."""

    cases: int = 200
    graphs: int = 60
    seed: int = 0
    inputs: str = "ours"


@dataclass(frozen=True)
class Result:
    """What became of one mutant."""

    mutant: Mutant
    killed: bool
    look: Look
    op: str
    cases: int
    alarms: int
    cpu_s: float


@dataclass
class Score:
    """All results, and the clean cases judged alongside."""

    oracle: str
    budget: Budget
    results: list[Result] = field(default_factory=list)
    benign: list[Result] = field(default_factory=list)
    clean: int = 0
    alarms: list[str] = field(default_factory=list)
    abstained: int = 0

    @property
    def killed(self) -> int:
        return sum(r.killed for r in self.results)

    @property
    def survivors(self) -> list[str]:
        return [r.mutant.name for r in self.results if not r.killed]

    @property
    def flagged(self) -> list[str]:
        return [r.mutant.name for r in self.benign if r.killed]

    @property
    def ms_per_kill(self) -> float:
        """CPU time of all mutants, survivors too, over the kills."""
        return 1e3 * sum(r.cpu_s for r in self.results) / self.killed if self.killed else float("inf")

    @property
    def per_million(self) -> float:
        """False alarms per million clean cases."""
        return 1e6 * len(self.alarms) / self.clean if self.clean else 0.0

    @property
    def per_million_max(self) -> float:
        """Where no alarm was seen, the rate is below this with 95 % confidence: 3 over the number of cases."""
        return 3e6 / self.clean if self.clean else float("inf")

    def families(self) -> dict[str, tuple[int, int]]:
        """Killed and planted, by family."""
        out: dict[str, tuple[int, int]] = {}
        for r in self.results:
            killed, planted = out.get(r.mutant.family, (0, 0))
            out[r.mutant.family] = killed + r.killed, planted + 1
        return out

    def ways(self) -> Counter[tuple[str, str]]:
        """Kills by property and verdict."""
        return Counter((r.look.property, r.look.verdict) for r in self.results if r.killed)

    def cases_to_kill(self) -> tuple[float, int]:
        """Median and largest number of cases up to the kill."""
        counts = [r.cases for r in self.results if r.killed]
        return (median(counts), max(counts)) if counts else (0.0, 0)

    def as_json(self) -> dict[str, object]:
        """Everything, as plain data."""
        return {
            "oracle": self.oracle,
            "budget": vars(self.budget),
            "killed": self.killed,
            "mutants": len(self.results),
            "families": {name: list(counts) for name, counts in self.families().items()},
            "survivors": self.survivors,
            "benign": len(self.benign),
            "benign_flagged": self.flagged,
            "clean_cases": self.clean,
            "abstained": self.abstained,
            "false_alarms": self.alarms,
            "false_alarms_per_million": self.per_million,
            "cpu_ms_per_kill": self.ms_per_kill,
            "kills_by": {f"{prop} {verdict}".strip(): n for (prop, verdict), n in self.ways().most_common()},
            "results": [
                {"name": r.mutant.name, "killed": r.killed, "property": r.look.property, "verdict": r.look.verdict,
                 "op": r.op, "cases": r.cases, "cpu_ms": 1e3 * r.cpu_s}
                for r in (*self.results, *self.benign)
            ],
        }  # fmt: skip


def drawn(op: str, dtype: str, budget: Budget) -> Iterator[Case]:
    """The single-op cases of an op, or random graphs, without end."""
    if budget.inputs == "typical":
        yield from typical.cases(op, dtype, budget.seed)
        return
    ops = OPS if op == GRAPH else ()
    for _, case in run.cases(run.Task("native", op, dtype, 0, 1 << 30, budget.seed, ops)):
        yield case


@lru_cache(maxsize=4)
def _graphs(dtype: str, budget: Budget) -> tuple[Case, ...]:
    """The graphs that mutants are shown; the same for all."""
    return tuple(islice(drawn(GRAPH, dtype, budget), DRAWN_MAX * budget.graphs))


def shown(mutant: Mutant, dtype: str, budget: Budget) -> Iterator[tuple[str, Case]]:
    """The cases that a mutant is shown, with the op each was drawn for."""
    singles = [op for op in mutant.ops if op != GRAPH]
    streams = [drawn(op, dtype, budget) for op in singles]
    for _ in range(budget.cases):
        for op, stream in zip(singles, streams, strict=True):
            yield op, next(stream)
    wanted = set(singles) if GRAPH not in mutant.ops else set(OPS)
    met = (case for case in _graphs(dtype, budget) if wanted & set(case.graph.ops)) if budget.graphs else iter(())
    for case in islice(met, budget.graphs):
        yield GRAPH, case


def judged(mutant: Mutant, engine: Engine, oracle: Oracle, budget: Budget, dtype: str = "") -> Result:
    """One mutant, to its first kill or the end of the budget."""
    dtype = "float64" if oracle.float64_only else dtype or mutant.dtype
    engine = used(engine, mutant.setting)
    cases = shown(mutant, dtype, budget)
    count = alarms = 0
    start = time.process_time()
    while True:
        failing: tuple[str, Case, Look] | None = None
        with mutant.plant():
            for op, case in cases:
                count += 1
                look = oracle.look(case, engine)
                if look.seen == FAILS:
                    failing = op, case, look
                    break
        if failing is None:
            return Result(mutant, False, Look(PASSES), "", count, alarms, time.process_time() - start)
        op, case, look = failing
        clean = oracle.look(case, engine)
        if clean.seen == PASSES:
            return Result(mutant, True, look, op, count, alarms, time.process_time() - start)
        alarms += clean.seen == FAILS


def undeclared(engine: Engine) -> Engine:
    """The engine without what it declares for its kinks."""
    silent = copy(engine)
    silent.capabilities = replace(capabilities(engine), at_kinks={})  # type: ignore[attr-defined]
    return silent


def judge_clean(
    score: Score, ops: Sequence[str], engine: Engine, oracle: Oracle, cases: int, graphs: int, dtype: str = "float64"
) -> None:
    """Judge the unmutated engine on the cases that mutants are shown, and count the alarms."""
    for op in (*ops, GRAPH):
        for i, case in enumerate(islice(drawn(op, dtype, score.budget), graphs if op == GRAPH else cases)):
            look = oracle.look(case, engine)
            score.clean += 1
            score.abstained += look.seen not in (FAILS, PASSES)
            if look.seen == FAILS:
                score.alarms.append(f"{op} {i} ({dtype}, seed {score.budget.seed}): {look.property} {look.verdict}".strip())


def score(
    mutants: Iterable[Mutant],
    benign: Iterable[Mutant],
    engine: Engine,
    oracle: Oracle,
    budget: Budget,
    advance: Callable[[str], None] = lambda what: None,
) -> Score:
    """The whole score. Benign variants are shown the whole budget, in both dtypes where the oracle takes them.

    They are variants of an engine that declares nothing for its kinks: what it declares, it is held to. Mutants of a
    higher order or of other modes are left out for an oracle that looks at first gradients only.
    """
    silent = undeclared(engine)
    made = Score(oracle.name, budget)
    with np.errstate(all="ignore"):
        met: dict[str, None] = {}
        asked_in: dict[str, None] = {}
        apart: dict[tuple[str, str], list[Mutant]] = {}
        for mutant in mutants:
            looking = asked(oracle, mutant)
            if looking is None:
                continue
            made.results.append(judged(mutant, engine, looking, budget))
            if mutant.setting or mutant.dtype not in ("float64", "float32"):
                apart.setdefault((mutant.setting, "float64" if oracle.float64_only else mutant.dtype), []).append(mutant)
                advance(mutant.name)
                continue
            asked_in.update(dict.fromkeys(modes_of(mutant)))
            met.update(dict.fromkeys(op for op in mutant.ops if op != GRAPH))
            advance(mutant.name)
        for mutant in benign:
            dtypes = ("float64",) if oracle.float64_only else ("float64", "float32")
            both = [judged(mutant, silent, oracle, budget, dtype) for dtype in dtypes]
            made.benign.append(next((r for r in both if r.killed), both[0]))
            met.update(dict.fromkeys(op for op in mutant.ops if op != GRAPH))
            advance(mutant.name)
        for (setting, dtype), some in apart.items():
            ops = dict.fromkeys(op for m in some for op in m.ops if op != GRAPH)
            looking = in_modes(oracle, tuple(dict.fromkeys(mode for m in some for mode in modes_of(m)))) or oracle
            judge_clean(made, tuple(ops), used(engine, setting), looking, budget.cases, budget.graphs, dtype)
        judge_clean(made, tuple(met), engine, oracle, budget.cases, DRAWN_MAX * budget.graphs)
        if asked_in:
            looking = in_modes(oracle, tuple(asked_in)) or oracle
            judge_clean(made, tuple(met), engine, looking, -(-budget.cases // MODES_SHARE), budget.graphs)
    return made
