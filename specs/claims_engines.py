"""Claim 15: PyTorch, JAX and TensorFlow implement reverse mode, on trial as engines and heard as witnesses."""



from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from importlib.util import find_spec
from typing import Any

import numpy as np

from gradproof.oracles.certificate import certify
from gradproof.oracles.engine import Engine
from gradproof.oracles.graph import Array, Case
from gradproof.oracles.judge import judge
from gradproof.oracles.registry import engine as by_name
from gradproof.oracles.trial import run
from gradproof.oracles.verdict import Kind
from gradproof.specs import build, worked
from gradproof.specs.claim import Claim, decided, unshown
from gradproof.specs.witnesses import witnessed

FRAMEWORKS = {"torch": "PyTorch", "jax": "JAX", "tensorflow": "TensorFlow"}
OPS = (
    "add", "subtract", "multiply", "divide", "exp", "sin", "cos", "matmul", "sum", "mean", "reshape", "permute_dims", "maximum", "nn.relu", "where",
)  # fmt: skip
GRAPHS = 16
INPUTS = (1, 16, 256)
PASSES = (Kind.AGREE, Kind.SUBGRADIENT)


def missing() -> list[str]:
    """Which of the three are not installed; none is imported."""
    return [title for name, title in FRAMEWORKS.items() if find_spec(name) is None]


def drawn() -> Iterator[Case]:
    """The worked examples, and random graphs of ops that all three have, float64 and float32 in turn."""
    for example in (worked.sigma_neuron(), worked.net(), worked.chain()):
        yield Case(example.graph, (np.ones((), example.graph.dtype),))
    rnd = random.Random(15)
    for i in range(GRAPHS):
        yield build.graph(rnd.randbytes(build.GRAPH_BYTES), OPS, ("float64", "float32")[i % 2])


@dataclass(frozen=True)
class Calls:
    """How often f was evaluated for the outputs and by the pullback, for so many inputs; whether every slope is exact."""

    inputs: int
    outputs: int
    pullback: int
    exact: bool


def calls(engine: Engine, inputs: int) -> Calls:
    """Count the evaluations of f, a sum of squares, that an engine's gradient by every input takes."""
    count = 0

    def f(*xs: Any) -> tuple[Any, ...]:
        nonlocal count
        count += 1
        total = engine.namespace.multiply(xs[0], xs[0])
        for x in xs[1:]:
            total = engine.namespace.add(total, engine.namespace.multiply(x, x))
        return (total,)

    points = [np.array(i + 0.5) for i in range(inputs)]
    outputs, pullback = engine.vjp(f, [engine.from_numpy(p) for p in points])
    before = count
    found = [engine.to_numpy(g) for g in pullback((engine.from_numpy(np.array(1.0)),))]
    exact = len(found) == inputs and all(float(g) == 2 * float(p) for g, p in zip(found, points, strict=True))
    return Calls(inputs, before, count - before, exact and len(outputs) == 1)


@dataclass(frozen=True)
class Heard:
    """How three witnesses voted on the native engine: ``for_it`` where it is right, ``caught`` where one entry was spoilt, of ``asked``."""

    asked: int
    for_it: dict[str, int]
    caught: dict[str, int]


def spoilt(gradients: list[Array]) -> list[Array]:
    """The gradients with their largest entry made half as large again."""
    at = max((i for i, g in enumerate(gradients) if g.size), key=lambda i: float(np.max(np.abs(gradients[i]))))
    worst = np.array(gradients[at], copy=True)
    worst.flat[int(np.argmax(np.abs(worst)))] *= 1.5
    return [worst if i == at else g for i, g in enumerate(gradients)]


def heard(cases: list[Case], references: list[Engine]) -> Heard:
    """Ask the references about the native engine's gradient, and about the same with one entry spoilt."""
    native, asked = by_name("native"), 0
    for_it, caught = dict.fromkeys(FRAMEWORKS, 0), dict.fromkeys(FRAMEWORKS, 0)
    for case in cases:
        certificate, trial = certify(case), run(native, case)
        sound = judge(case, native)
        if certificate.kinked or sound.kind is not Kind.AGREE or not any(g.any() for g in trial.first):
            continue
        asked += 1
        for tally, wanted, trial_of in (
            (for_it, "agrees", trial),
            (caught, "disagrees", replace(trial, first=spoilt(trial.first))),
        ):
            votes = witnessed(sound, native, references, trial_of, certificate).votes
            for vote in votes:
                if vote.name in tally and vote.vote == wanted:
                    tally[vote.name] += 1
    return Heard(asked, for_it, caught)


_done: list[Claim] = []


def reverse_mode() -> Claim:
    """Claim 15, if ``measured`` ran in this process: a run of the native engine alone must not import three frameworks."""
    absent = missing()
    if absent:
        return unshown(15, f"needs PyTorch, JAX and TensorFlow in one environment; not installed here: {', '.join(absent)}")
    if not _done:
        return unshown(15, "needs half a minute and three frameworks in memory: run pytest --pyargs gradproof.specs to show it")
    return _done[0]


def measured() -> Claim:
    """Claim 15 as measured now, and kept for ``reverse_mode``."""
    _done[:] = [_measured()]
    return _done[0]


def _measured() -> Claim:
    engines = [by_name(name) for name in FRAMEWORKS]
    cases = list(drawn())
    faults: list[str] = []
    figures = []
    for engine in engines:
        verdicts = [judge(case, engine) for case in cases]
        faults += [f"{engine.name}: {v.kind} of {', '.join(v.case.graph.ops)}: {v.reason}" for v in verdicts if v.kind.fails]
        passed = sum(v.kind in PASSES for v in verdicts)
        counted = [calls(engine, n) for n in INPUTS]
        faults += [f"{engine.name}: {c}" for c in counted if (c.outputs, c.pullback, c.exact) != (1, 0, True)]
        figures.append(f"{FRAMEWORKS[engine.name]} {getattr(engine, 'version', '')}: {passed} of {len(cases)} graphs pass")
    votes = heard(cases, engines)
    for name, title in FRAMEWORKS.items():
        for what, tally in (("are not confirmed", votes.for_it), ("with a spoilt entry are not disputed", votes.caught)):
            if tally[name] != votes.asked:
                faults.append(f"{title} as a witness: {votes.asked - tally[name]} of {votes.asked} gradients {what}")
    if len({e.lineage for e in engines} | {by_name("native").lineage}) != len(engines) + 1:
        faults.append("two of the engines share their rules")
    how = (
        f"each as an engine: the three worked examples and {GRAPHS} random graphs of {len(OPS)} ops before the judge, float64 and float32; the gradient "
        f"by {', '.join(map(str, INPUTS))} inputs from one evaluation of f and one pullback, f counting its calls; and as witnesses of the native "
        "engine's gradients, right ones and the same with one entry half as large again"
    )
    figure = (
        f"{'; '.join(figures)}; one evaluation of f for {INPUTS[-1]} slopes, each exact; "
        f"each of the three confirms {votes.asked} of {votes.asked} gradients and disputes {votes.asked} of {votes.asked} that are spoilt"
    )
    return decided(15, how, figure, faults)
