"""No vacuous pass: engines that answer nothing fail whole runs, constant cotangents are never all, empty cells are named.

What one case of an empty engine is worth is tested in ``tests/oracles/test_empty_engines.py``.
"""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from typing import Any

import numpy as np
import pytest

from gradproof.engine import transforms
from gradproof.engine.array import Array
from gradproof.oracles.catalogue import CATALOGUE
from gradproof.oracles.engine import Engine
from gradproof.oracles.graph import Case
from gradproof.oracles.registry import engine
from gradproof.oracles.verdict import Kind
from gradproof.specs import gate, run
from gradproof.specs.mutants.plant import replaced, swapped

QUICK = run.PROFILES["quick"].cases
EMPTY: dict[str, Any] = {
    "zeros": lambda right: lambda found, node, taken: Array(np.zeros(node.shape, node.dtype)),
    "NaN": lambda right: lambda found, node, taken: Array(np.full(node.shape, np.nan, node.dtype)),
    "None": lambda right: lambda found, node, taken: None,
}


@pytest.fixture(scope="module")
def native() -> Engine:
    return engine("native")


@pytest.fixture(scope="module")
def quick(native: Engine) -> list[run.Result]:
    """A run of a few cases of every op, in one dtype, without blame or witnesses."""
    return [judged(run.Task("native", op, "float64", 0, 10, 0), native) for op in CATALOGUE] + [
        judged(run.Task("native", run.GRAPH, "float64", 0, 40, 0, tuple(CATALOGUE)), native)
    ]


def judged(task: run.Task, subject: Engine) -> run.Result:
    result = run.Result(task)
    for _, case in run.cases(task):
        result.count(run.verdict_of(case, subject))
    return result


@pytest.mark.parametrize("kind", EMPTY)
def test_a_run_of_an_engine_without_gradients_fails_at_every_op(kind: str, native: Engine) -> None:
    with swapped(transforms, "_gradient", EMPTY[kind]), np.errstate(all="ignore"):
        for op in CATALOGUE:
            result = judged(run.Task("native", op, "float64", 0, 10, 0), native)
            fails = sum(n for verdict, n in result.overall.items() if verdict.fails)
            if op in FLAT and kind == "zeros":
                assert not fails  # its gradient is zero
            else:
                assert fails >= 2, (op, result.overall)


FLAT = {"sign", "floor", "ceil", "trunc", "round", "floor_divide"}


def constant(case: Case) -> bool:
    return all(len(np.unique(ct)) <= 1 for ct in case.cotangents)


@pytest.mark.parametrize("op", CATALOGUE)
def test_no_op_is_judged_with_constant_cotangents_only(op: str) -> None:
    drawn = [case for _, case in run.cases(run.Task("native", op, "float64", 0, QUICK, 0))]
    several = [case for case in drawn if sum(ct.size for ct in case.cotangents) > 1]
    varied = [case for case in several if not constant(case)]
    assert len(varied) > len(several) / 2 or op == "linalg.det"  # whose results have one entry or two
    assert varied


@pytest.mark.parametrize("op", ["nn.softmax", "nn.log_softmax"])
def test_a_rule_that_only_constant_cotangents_pass_is_caught(op: str, native: Engine) -> None:
    """Under a constant cotangent softmax has no gradient: a rule that gives zeros passes such a suite and not this one."""

    def zeros(xp: Any, ct: Any, out: Any, x: Any, axis: Any) -> Any:
        return 0.0 * ct if op == "nn.softmax" else ct - np.exp(out) * x.shape[axis] * ct

    with replaced(op.rpartition(".")[2], zeros):
        kinds: dict[bool, Counter[bool]] = {True: Counter(), False: Counter()}
        for _, case in run.cases(run.Task("native", op, "float64", 0, 60, 0)):
            ones = Case(case.graph, tuple(np.ones_like(ct) for ct in case.cotangents))
            kinds[True][run.verdict_of(ones, native).kind.fails] += 1
            kinds[False][run.verdict_of(case, native).kind.fails] += 1
    assert not kinds[True][True]
    assert kinds[False][True] > 20


def test_a_quick_run_leaves_no_cell_empty(quick: list[run.Result]) -> None:
    assert not gate.idle_properties(quick)
    assert not gate.empty_cells(quick, tuple(CATALOGUE), ("float64",))


def test_an_op_or_a_dtype_that_was_never_drawn_is_named(quick: list[run.Result]) -> None:
    without = [r for r in quick if r.task.op != "exp"]
    cells = gate.empty_cells(without, tuple(CATALOGUE), ("float64",))
    assert {c.op for c in cells} == {"exp"}
    assert "gradient" in {c.property for c in cells}
    assert str(min(cells)).startswith("exp x ")
    other = gate.empty_cells(quick, ("exp",), ("float64", "float32"))
    assert {(c.op, c.dtype) for c in other} == {("exp", "float32"), ("graph", "float32")}


def test_a_property_that_compared_nothing_is_named(native: Engine) -> None:
    result = run.Result(run.Task("native", "exp", "float64", 0, 3, 0))
    for _, case in run.cases(result.task):
        verdict = run.verdict_of(case, native)
        result.count(verdict)
    result.counts["linear"] = Counter({Kind.RANGE: 3})
    del result.counts["zero"]
    assert gate.idle_properties([result]) == ["linear", "zero"]
    why = {c.property: c.why for c in gate.empty_cells([result], ("exp",), ("float64",)) if c.op == "exp"}
    assert why == {"linear": "nothing compared in 3 cases", "zero": "never drawn"}


def test_an_op_that_the_engine_has_not_leaves_no_empty_cell(native: Engine) -> None:
    result = run.Result(run.Task("native", "exp", "float64", 0, 3, 0))
    run.unsupported(result, native)
    assert not [c for c in gate.empty_cells([result], ("exp",), ("float64",)) if c.op == "exp"]


def test_the_gate_stays_out_of_a_run_of_selected_tests() -> None:
    command = [sys.executable, "-m", "pytest", "--pyargs", "gradproof.specs", "-q", "-rs", "-p", "no:cacheprovider",
               "--gradproof-references", "", "-k", "test_whole_run or exp-float64"]  # fmt: skip
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stdout
    assert "only a part of the suite is run here" in found.stdout
