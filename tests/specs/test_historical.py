"""Defects that autodiff frameworks really had are found, named right and blamed right; those that are not are listed with the reason."""

from __future__ import annotations

import runpy
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gradproof import GradientError, InconclusiveError, check_gradient
from gradproof.oracles.blame import blame
from gradproof.oracles.engine import Engine
from gradproof.oracles.finding import Verdict
from gradproof.oracles.graph import Case
from gradproof.oracles.judge import judge
from gradproof.oracles.modes import judge_modes
from gradproof.oracles.registry import engine
from gradproof.oracles.verdict import Kind
from gradproof.specs.mutants.looks import PASSES, Judge
from gradproof.specs.mutants.mutant import GRAPH
from gradproof.specs.mutants.score import Budget, shown

HERE = Path(__file__).with_name("historical")
DEFAULT = Budget(cases=24, graphs=20)  # of each op and dtype, as `gradproof verify` draws; it draws 600 graphs
sys.path.insert(0, str(HERE))  # for what a row is
PLANTED = [row for name in ("values.py", "arrays.py") for row in runpy.run_path(str(HERE / name))["ROWS"]]
try:
    FUNCTIONS = runpy.run_path(str(HERE / "functions.py"))["ROWS"]
except ImportError:
    FUNCTIONS = []
OTHER = {"float64": "float32", "float32": "float64"}


@pytest.fixture(scope="module")
def native() -> Engine:
    return engine("native")


def found(row: Any, native: Engine) -> Verdict | None:
    """The first failing verdict of a default run, in float64 or float32, with its blame; None if nothing is seen."""
    mutant, looks = row.mutant, Judge(row.modes)
    for dtype in (mutant.dtype, *filter(None, [OTHER.get(mutant.dtype)])):
        cases = shown(mutant, dtype, DEFAULT)
        with np.errstate(all="ignore"):
            while (verdict := first(row, native, cases)) is not None:
                if looks.look(verdict.case, native).seen == PASSES:
                    return verdict
    return None


def first(row: Any, native: Engine, cases: Iterator[tuple[str, Case]]) -> Verdict | None:
    """The next failing verdict on the engine with the defect."""
    with row.plant():
        for _, case in cases:
            verdict = judge_modes(judge(case, native), native, row.modes)
            if verdict.kind.fails:
                return blame(verdict, native)
    return None


@pytest.mark.parametrize("row", PLANTED, ids=lambda row: f"{row.link} {row.op.split()[0]}: {row.wrong}")
def test_a_historical_defect_planted_in_an_engine_is_found_in_a_default_run(row: Any, native: Engine) -> None:
    verdict = found(row, native)
    if row.verdict is None:
        assert verdict is None, f"seen now: give it the verdict {verdict.kind}"
        assert row.why
        return
    assert verdict is not None, "missed"
    assert verdict.kind in row.verdict.split(","), verdict.report()
    ops = row.op.split()
    if len(ops) == 1 and ops != [GRAPH] and "_collect" not in str(row.patch):
        assert verdict.blame in (*ops, "accumulation") or verdict.blame in row.also, verdict.report()


def answer(f: Any, args: tuple[Any, ...], options: dict[str, Any]) -> str:
    """What check_gradient says of a function."""
    options = {name: value for name, value in options.items() if name != "why"}
    try:
        kind = check_gradient(f, *args, save=None, **options).kind
    except GradientError as error:
        return str(error.verdict.kind)
    except InconclusiveError:
        return "INCONCLUSIVE"
    return f"passed as {kind}"


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("link", "wrong", "f", "args", "options", "verdict"), FUNCTIONS, ids=[f"{row[0]}: {row[1]}" for row in FUNCTIONS]
)
def test_a_historical_defect_in_a_function_is_found_by_check_gradient(
    link: str, wrong: str, f: Any, args: tuple[Any, ...], options: dict[str, Any], verdict: str | None
) -> None:
    said = answer(f, args, options)
    if verdict is None:
        assert said.startswith("passed"), f"seen now: {said}"
        assert options["why"]
    else:
        assert said in verdict.split(",")


def test_most_historical_defects_are_found() -> None:
    rows = [row.verdict for row in PLANTED] + [row[-1] for row in FUNCTIONS]
    assert len({row.link for row in PLANTED} | {row[0] for row in FUNCTIONS}) >= 80
    assert sum(verdict is not None for verdict in rows) >= 0.9 * len(rows)
    assert all(Kind(kind) if kind != "INCONCLUSIVE" else True for verdict in rows if verdict for kind in verdict.split(","))
