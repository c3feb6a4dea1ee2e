"""What a backward pass may cost: counted exactly on the native engine, and measured on any engine under the mark ``cost``.

``pytest --pyargs gradproof.specs -m cost`` runs the measured part; the mark is left out of a run that does not ask for it.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pytest

import gradproof.engine as ge
from gradproof.oracles.errors import Unsupported
from gradproof.specs import cost, cost_shape, walk
from gradproof.specs.bench import workloads
from gradproof.specs.bench.rounds import ROUNDS, here, judged, one_round
from gradproof.specs.cost_excess import EXCESS
from gradproof.specs.cost_ops import op_works

# ---- counted


def test_every_pullback_is_within_its_budget() -> None:
    """Array operations, flops and bytes of each op's pullback, against its forward pass."""
    works = op_works()
    assert len(works) > 200
    faults = [fault for name, (forward, backward) in works.items() for fault in cost.over(name, forward, backward)]
    assert not faults, "\n".join(faults)


def test_no_op_is_excused_that_does_not_exist() -> None:
    """Every line of the list of dear ops names an op that was counted."""
    assert EXCESS.keys() <= op_works().keys()


def test_each_node_is_pulled_back_once() -> None:
    """On random graphs and where there are 2**40 paths: one visit a node, one pull an edge."""
    walks = [walk.double_walk(), *walk.random_walks(20)]
    assert not [w.fault for w in walks if w.fault]


@pytest.mark.parametrize("what", ["operations", "flops", "bytes", "allocated"])
@pytest.mark.parametrize("grows", cost_shape.GRAPHS)
def test_cost_is_linear_in(grows: str, what: str) -> None:
    """Depth, width and fan-out: the counted costs lie on a line, and no pullback costs over its budget."""
    forward, backward = cost_shape.growth(cost_shape.GRAPHS[grows], what)
    assert forward.off == backward.off == 0
    if what == "flops":
        assert backward.slope <= cost.DOCUMENT.factor * forward.slope


def test_fan_out_adds_up_in_place() -> None:
    """A value read n times: n - 1 additions to its cotangent, of which one alone makes a buffer."""
    found = cost_shape.fanned(32).backward
    additions = [e for e in found if e.name == "add"]
    assert len(additions) == 31
    assert [bool(e.allocated) for e in additions].count(True) == 1


def test_a_gather_touches_only_its_rows_backward() -> None:
    """Beyond the zeros of the buffer that the sweep owns, the work does not grow with the table."""
    found = [cost_shape.gathered(rows) for rows in (256, 1024, 4096)]
    assert len({cost_shape.touched(f) for f in found}) == 1
    assert all([e.name for e in f.backward].count("zeros") == 1 for f in found)
    assert cost_shape.touched(found[0]).bytes <= 3 * sum(e.read + e.written for e in found[0].forward)


def test_backward_needs_no_buffers_beyond_its_frontier() -> None:
    """A chain of 2, 8 or 32 ops: the sweep has the same few arrays at once."""
    assert len({cost_shape.sweep_peak(depth) for depth in (2, 8, 32)}) == 1
    assert cost_shape.sweep_peak(8) <= 3  # the cotangent, a slope, and their product


@pytest.mark.parametrize("depth", [2, 16])
def test_saved_bytes_are_what_stays_allocated(depth: int) -> None:
    """What a tape really keeps is what it declares, but for the nodes themselves and the result."""
    entries = 50_000

    def chain() -> Any:
        y: Any = ge.variable(np.linspace(0.5, 1.5, entries))
        for _ in range(depth):
            y = ge.sin(y)  # saves what it read, so all but the last value
        return ge.sum(y)

    chain()
    real, declared = cost_shape.held(chain)
    assert declared == depth * entries * 8
    assert declared <= real <= declared + 2000 * (depth + 2)


# ---- measured, for any engine


@pytest.mark.cost
@pytest.mark.parametrize("name", [w.name for w in workloads.CONFORMANCE])
def test_backward_against_forward(name: str, request: pytest.FixtureRequest) -> None:
    """The median of paired ratios backward/forward lies within the budget, or the machine is too noisy to say."""
    pytest.importorskip("pytest_benchmark", reason="timing needs pytest-benchmark: pip install 'gradproof[test]'")
    benchmark = request.getfixturevalue("benchmark")
    engine = request.config.getoption("--gradproof-engine")
    chosen = next(w for w in workloads.CONFORMANCE if w.name == name)
    try:
        timed = here(engine, chosen)
    except Unsupported as error:
        pytest.skip(f"UNSUPPORTED: {error}")
    benchmark.pedantic(partial(one_round, timed), rounds=ROUNDS, warmup_rounds=1)
    verdict = judged(timed, chosen)
    benchmark.extra_info.update(outcome=verdict.outcome.value, ratio=str(verdict.ratio))
    if verdict.outcome is cost.Outcome.UNDECIDED:
        pytest.skip(f"UNDECIDED: {verdict.reason}")
    assert verdict.outcome is cost.Outcome.AGREE, f"COST_OVER: {verdict.reason}"
