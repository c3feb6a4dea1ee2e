"""Wrong rules planted in the native engine are caught, blamed on the right op and reduced; sound variants are not flagged.

The whole catalogue of ``specs/mutants`` is run here within the budget of the command, since a kill costs a few
milliseconds; benign variants are shown 40 cases of each op and dtype here, and the whole budget by the command.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any

import numpy as np
import pytest

from gradproof.oracles.blame import ACCUMULATION, blame
from gradproof.oracles.catalogue import CATALOGUE
from gradproof.oracles.engine import Engine
from gradproof.oracles.finding import Verdict
from gradproof.oracles.graph import Case
from gradproof.oracles.reduce import reduce
from gradproof.oracles.verdict import Kind
from gradproof.specs import run
from gradproof.specs.mutants.catalogue import BENIGN, FAMILIES, MUTANTS, named
from gradproof.specs.mutants.looks import OURS, asked
from gradproof.specs.mutants.mutant import Mutant, cast, scaled
from gradproof.specs.mutants.plant import planted, replaced
from gradproof.specs.mutants.score import Budget, judged, undeclared

OPS = tuple(CATALOGUE)
BUDGET = Budget()


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    with np.errstate(all="ignore"):
        yield


def cases(op: str, dtype: str, count: int) -> Iterator[Case]:
    task = run.Task("native", op, dtype, 0, count, 0, OPS if op == "graph" else ())
    return (case for _, case in run.cases(task))


def first_failure(op: str, dtype: str, engine: Engine, count: int) -> Verdict | None:
    verdicts = (run.verdict_of(case, engine) for case in cases(op, dtype, count))
    return next((v for v in verdicts if v.kind.fails), None)


@pytest.mark.parametrize("family", FAMILIES)
def test_every_planted_fault_is_caught(family: str, native: Engine) -> None:
    results = [
        judged(m, native, asked(OURS["judge"], m) or OURS["judge"], BUDGET) for m in MUTANTS if m.family == family
    ]
    assert {r.mutant.name for r in results if not r.killed} == set()
    assert not [r.mutant.name for r in results if r.alarms]


@pytest.mark.parametrize("mutant", BENIGN, ids=str)
def test_another_sound_formula_or_choice_is_never_flagged(mutant: Mutant, native: Engine) -> None:
    silent = undeclared(native)
    with mutant.plant():
        for op in mutant.ops:
            for dtype in ("float64", "float32"):
                found = first_failure(op, dtype, silent, 40)
                assert found is None, found.report()


TEN = {
    "tanh": ("tanh", 0, lambda g, xp, ct, out, x: ct * (1 - x * x)),
    "multiply": ("multiply", 1, scaled(1 + 1e-9)),
    "divide": ("divide", 1, scaled(-1)),
    "maximum": ("maximum", 0, lambda g, xp, ct, out, x, y: np.where(x >= y, ct, 0.0) + 0 * g),
    "sum": ("sum", 0, lambda g, xp, ct, out, x, axis, keepdims: g * 2),
    "logsumexp": ("logsumexp", 0, lambda g, xp, ct, out, x, axis, keepdims: g * (1 + 1e-7)),
    "matmul": ("matmul", 1, cast(np.float32)),
    "linalg.inv": ("inv", 0, lambda g, *rest: np.swapaxes(g, -1, -2)),
    "nn.softplus": ("softplus", 0, lambda g, xp, ct, out, x: np.where(x > 1, ct, g)),
    "cumulative_sum": ("cumulative_sum", 0, lambda g, xp, ct, out, x, axis, include_initial: xp.flip(g, axis=axis)),
}


def made_of(op: str, primitive: str, argument: int, native: Engine) -> bool:
    """Whether the native engine composes the op of the primitive: then their rules are the same rule."""
    met: list[bool] = []

    def note(g: Any, *rest: Any, **params: Any) -> Any:
        met.append(True)
        return g

    with planted(primitive, note, argument):
        for case in cases(op, "float64", 20):
            run.verdict_of(case, native)
    return bool(met)


@pytest.mark.parametrize("op", sorted(TEN))
def test_a_fault_inside_a_random_graph_is_blamed_on_its_op_and_reduced_to_three_nodes(op: str, native: Engine) -> None:
    primitive, argument, fault = TEN[op]
    with planted(primitive, fault, argument):
        met = 0
        for case in cases("graph", "float64", 1500):
            if op not in case.graph.ops:
                continue
            verdict = run.verdict_of(case, native)
            if verdict.kind is not Kind.WRONG or len(case.graph.nodes) < 4:
                continue
            blamed = blame(verdict, native).blame
            assert blamed == op or made_of(blamed, primitive, argument, native), verdict.report()
            smallest = reduce(case, lambda c: run.verdict_of(c, native).kind is Kind.WRONG)
            assert len(smallest.graph.nodes) <= 3
            final = blame(run.verdict_of(smallest, native), native)
            assert final.kind is Kind.WRONG
            assert final.blame == op or made_of(final.blame, primitive, argument, native), final.report()
            met += 1
            if met == 2:
                break
        assert met, "no graph met the fault"


def test_lost_contributions_are_blamed_on_the_accumulation(native: Engine) -> None:
    with named("accumulation: multiply: a second contribution is lost").plant():
        blamed = []
        for case in cases("graph", "float64", 60):
            verdict = run.verdict_of(case, native)
            if verdict.kind is Kind.WRONG and len(case.graph.nodes) > 3:
                blamed.append(blame(verdict, native).blame)
    assert ACCUMULATION in blamed


def test_reduction_ends_within_its_calls_and_keeps_the_failure(native: Engine) -> None:
    with planted("exp", scaled(2)):
        case = next(c for c in cases("graph", "float64", 400) if run.verdict_of(c, native).kind is Kind.WRONG)
        calls = 0

        def fails(c: Case) -> bool:
            nonlocal calls
            calls += 1
            return run.verdict_of(c, native).kind is Kind.WRONG

        assert fails(reduce(case, fails, calls_max=50))
        assert calls <= 52


def test_a_planted_rule_may_read_everything(native: Engine) -> None:
    seen: list[object] = []

    def spy(xp: object, ct: object, out: object, x: object, y: object) -> object:
        seen.extend((type(out), type(x), type(y)))
        return ct * y  # type: ignore[operator]

    with replaced("multiply", spy):
        assert first_failure("multiply", "float64", native, 20) is None
    assert {t.__name__ for t in seen if isinstance(t, type)} <= {"ndarray", "float64"}


def test_what_one_pullback_keeps_outlives_a_run_at_other_inputs(native: Engine) -> None:
    """Buffers that calls share were once seen only where two values of one graph had the same shape: after 200 cases."""
    for name in (
        "state between calls: expm1: reads the last forward pass of all",
        "aliasing and buffers: sinh: residuals of one shape share a buffer",
    ):
        with named(name).plant():
            (op,) = named(name).ops
            seen = [run.verdict_of(case, native).kind.fails for case in islice(cases(op, "float64", 40), 40)]
        assert sum(seen) > 10
