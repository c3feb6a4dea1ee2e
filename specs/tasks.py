"""What a run draws: profiles, tasks, and the cases of a task, reproducible from the seed alone."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from gradproof.oracles.catalogue import CATALOGUE, COMPLEX
from gradproof.oracles.catalogue.complexes import PREFIX
from gradproof.oracles.engine import Engine
from gradproof.oracles.errors import UnknownOp
from gradproof.oracles.formats import PARTS
from gradproof.oracles.graph import Case
from gradproof.oracles.judge import K
from gradproof.oracles.trial import capabilities, supports
from gradproof.specs import build

GRAPH = "graph"
GRAPHS_A_TASK = 100


@dataclass(frozen=True)
class Profile:
    """How much is drawn: single-op cases an op, and random graphs, for each dtype; ``modes`` are judged beside reverse.

    ``asked``: the dtypes were named by the user, so those that an engine does not declare are judged UNSUPPORTED, not left out.
    """

    name: str
    cases: int
    graphs: int
    dtypes: tuple[str, ...] = ("float64", "float32")
    modes: tuple[str, ...] = ()
    asked: bool = False


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
    modes: tuple[str, ...] = ()

    @property
    def end(self) -> int:
        """The index after the last case."""
        return self.start + self.count


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
    others = tuple(r for r in references if r != name)
    out: list[Task] = []
    for dtype in dtypes(engine, profile):
        drawn = of_dtype(ops, dtype)
        supported = tuple(o for o in drawn if supports(engine, o, dtype))
        for o in drawn:
            out.append(Task(name, o, dtype, 0, profile.cases, seed, (), others, modes=profile.modes))
        if supported:
            for start in range(0, profile.graphs, GRAPHS_A_TASK):
                count = min(GRAPHS_A_TASK, profile.graphs - start)
                out.append(Task(name, GRAPH, dtype, start, count, seed, supported, others, modes=profile.modes))
    return out


def dtypes(engine: Engine, profile: Profile) -> tuple[str, ...]:
    """The dtypes drawn for an engine: those asked for, or those of the profile that it declares (all, if it declares none)."""
    declared = tuple(d for d in profile.dtypes if d in capabilities(engine).dtypes)
    return profile.dtypes if profile.asked else declared or profile.dtypes


def undrawn(engine: Engine, profile: Profile, name: str = "") -> dict[str, str]:
    """The dtypes of the profile that are left out, as nobody asked for them and the engine does not declare them; and a line for each."""
    drawn = dtypes(engine, profile)
    return {d: f"{d}: not declared by {name or engine.name}, not drawn" for d in profile.dtypes if d not in drawn}


def of_dtype(ops: Sequence[str], dtype: str) -> tuple[str, ...]:
    """The ops drawn for a dtype: for a complex one those that are defined on pairs, by their real name or their own."""
    if dtype not in PARTS:
        return tuple(o for o in ops if o in CATALOGUE)
    whole = set(ops).issuperset(CATALOGUE)
    return tuple(o for o in COMPLEX if whole or o in ops or o.removeprefix(PREFIX) in ops)


def cases(task: Task) -> Iterator[tuple[int, Case]]:
    """The task's cases with their index, reproducibly from the seed."""
    for i in range(task.start, task.end):
        yield i, case_at(task, i)


def case_at(task: Task, i: int) -> Case:
    """The case with index ``i``; it does not depend on how the cases are cut into tasks."""
    rnd = random.Random(f"{task.seed}/{task.op}/{task.dtype}/{i}")
    if task.op == GRAPH:
        return build.graph(rnd.randbytes(build.GRAPH_BYTES), task.ops, task.dtype)
    return build.single(task.op, rnd.randbytes(build.SINGLE_BYTES), task.dtype)


def selected(pattern: str) -> tuple[str, ...]:
    """Names of the catalogue that match a glob, or several separated by commas.

    Raises: UnknownOp if one of the patterns matches nothing.
    """
    patterns = [p.strip() for p in pattern.split(",")]
    for p in patterns:
        if not any(fnmatchcase(name, p) for name in (*CATALOGUE, *COMPLEX)):
            raise UnknownOp(f"no op matches {p!r}; see `gradproof ops`.")
    named = (*CATALOGUE, *(COMPLEX if any(p.startswith(PREFIX) for p in patterns) else ()))
    return tuple(name for name in named if any(fnmatchcase(name, p) for p in patterns))
