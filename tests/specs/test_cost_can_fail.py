"""Cost specs fail where they should: planted waste is counted, and times are judged by their interval alone."""

from __future__ import annotations

import math
import random
from typing import Any

import numpy as np
import pytest

import gradproof.engine as ge
from gradproof.engine.backend import Patch
from gradproof.engine.tape import OPS
from gradproof.specs import cost, cost_shape
from gradproof.specs.bench import rounds, ways, workloads
from gradproof.specs.cost import Budget, Outcome, judge_ratio, median_interval
from gradproof.specs.cost_ops import op_work
from gradproof.specs.counting import counts

THREE = Budget(3.0, "for a test")


def wasting(name: str, times: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Plant a rule of an op that computes its cotangent several times over."""
    op = OPS[name]

    def wasted(pull: Any) -> Any:
        def run(*args: Any, **params: Any) -> Any:
            for _ in range(times - 1):
                pull(*args, **params)
            return pull(*args, **params)

        return run

    monkeypatch.setattr(op, "rules", tuple(r if r is None else r._replace(pull=wasted(r.pull)) for r in op.rules))


def test_a_rule_that_computes_four_times_over_is_over_its_budget(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not cost.over("multiply", *op_work("multiply"))
    wasting("multiply", 4, monkeypatch)
    assert any("operations backward" in fault for fault in cost.over("multiply", *op_work("multiply")))


def test_counting_changes_no_bit_of_a_gradient() -> None:
    x, w = np.linspace(-1, 1, 12).reshape(3, 4), np.linspace(0, 2, 20).reshape(4, 5)

    def f(x: Any, w: Any) -> Any:
        return ge.sum(ge.nn.softmax(ge.tanh(ge.matmul(x, w)), axis=-1) ** 2)

    plain = ge.grad(f, argnums=(0, 1))(x, w)
    found = counts(f, x, w).gradients
    assert [np.asarray(g).tobytes() for g in plain] == [g.tobytes() for g in found]


def test_a_product_of_matrices_is_counted_as_two_flops_a_term() -> None:
    (event,) = counts(lambda x: ge.matmul(x, np.ones((4, 5))), np.ones((3, 4))).forward
    assert (event.flops, event.read, event.written, event.allocated) == (2 * 3 * 4 * 5, 8 * (12 + 20), 8 * 15, 8 * 15)


def test_a_cost_that_is_quadratic_lies_on_no_line() -> None:
    assert cost.line((4, 8, 16), [8.0, 16.0, 32.0]).off == 0
    assert cost.line((4, 8, 16), [16.0, 64.0, 256.0]).off == 32


def test_a_gather_that_touches_the_whole_table_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    once = cost_shape.touched(cost_shape.gathered(256))
    own_rows = Patch.add_into

    def everywhere(self: Patch, buffer: Any) -> None:
        own_rows(self, buffer)
        np.add(buffer, 0.0, out=buffer)

    monkeypatch.setattr(Patch, "add_into", everywhere)
    assert cost_shape.touched(cost_shape.gathered(256)).operations > once.operations


# ---- measured, on times that are made up


def times(ratio: float, spread: float, count: int = 15) -> tuple[list[float], list[float], list[float]]:
    """Forward, backward and forward again, with noise of a relative spread."""
    rnd = random.Random(0)

    def noisy(x: float) -> float:
        return x * math.exp(spread * rnd.gauss(0, 1))

    return [noisy(1.0) for _ in range(count)], [noisy(ratio) for _ in range(count)], [noisy(1.0) for _ in range(count)]


@pytest.mark.parametrize(
    ("ratio", "spread", "count", "outcome"),
    [
        (2.0, 0.02, 15, Outcome.AGREE), (3.5, 0.02, 15, Outcome.COST_OVER), (3.0, 0.05, 15, Outcome.UNDECIDED),
        (9.0, 0.6, 15, Outcome.UNDECIDED), (1.0, 0.6, 15, Outcome.UNDECIDED), (9.0, 0.02, 5, Outcome.UNDECIDED),
        (-0.5, 0.02, 15, Outcome.UNDECIDED),
    ],
)  # fmt: skip
def test_a_ratio_is_judged_by_its_whole_interval(ratio: float, spread: float, count: int, outcome: Outcome) -> None:
    judged = judge_ratio(*times(ratio, spread, count), THREE)
    assert judged.outcome is outcome, judged.reason


def test_one_wild_round_moves_no_verdict() -> None:
    forward, backward, again = times(2.0, 0.02)
    backward[3] = 1000.0
    assert judge_ratio(forward, backward, again, THREE).outcome is Outcome.AGREE


def test_the_interval_has_the_median_19_times_in_20() -> None:
    rnd = random.Random(1)
    held = sum(
        1 for _ in range(2000) if (i := median_interval([rnd.expovariate(1.0) for _ in range(11)])).low <= math.log(2) <= i.high
    )
    assert 0.95 <= held / 2000 <= 0.995  # 11 values: the ends are the 2nd and the 10th, 98.8 %


def test_the_interval_needs_six_values() -> None:
    assert math.isinf(median_interval([1.0] * 5).low)
    assert median_interval([1.0, 2.0, 3.0, 4.0, 5.0, 6.0]) == cost.Interval(1.0, 3.5, 6.0)


# ---- the bench


def test_a_wrong_gradient_is_told_from_a_right_one() -> None:
    g = np.linspace(-1, 1, 50)
    assert ways.close(ways.told([g]), ways.told([g.astype(np.float32)]))
    assert not ways.close(ways.told([g]), ways.told([-g]))
    assert not ways.close(ways.told([g]), ways.told([np.zeros(50)]))
    assert not ways.close(ways.told([g]), ways.told([g * 1.01]))


def test_an_engine_that_does_not_exist_is_an_error_in_the_table_not_of_the_bench() -> None:
    found = list(rounds.measure(["native", "nosuch"], "quick", 1, chosen=lambda w: w.name == "fan-out x 16", memory=False))
    native, other = found[0]
    assert len(native.samples) == 1
    assert native.gradients
    assert "no engine named 'nosuch'" in other.error
    assert not other.samples


@pytest.mark.parametrize("workload", workloads.CONFORMANCE, ids=lambda w: w.name)
def test_every_workload_runs_traced_and_eager_with_one_gradient(workload: workloads.Workload) -> None:
    size = min(workload.quick, 16)
    eager, traced = (ways.told(ways.way(name, workload, size).gradients()) for name in ("native", "native-traced"))
    assert ways.close(eager, traced)
    assert any(norm > 0 for norm, _ in eager)
