"""The judge of large arrays: planted faults are caught and located, sound gradients never flagged, its promise kept."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

import numpy as np
import pytest

from gradproof.oracles.blame import blame
from gradproof.oracles.catalogue import CATALOGUE
from gradproof.oracles.engine import Engine
from gradproof.oracles.finding import Verdict
from gradproof.oracles.graph import Array, Case, Graph, Leaf, Node
from gradproof.oracles.judge import judge
from gradproof.oracles.large.judge import judge_large
from gradproof.oracles.large.linearised import Linearised, is_large
from gradproof.oracles.large.projections import Sampler, locality
from gradproof.oracles.trial import function
from gradproof.oracles.verdict import Kind
from gradproof.specs import run
from gradproof.specs.mutants.plant import planted
from gradproof.specs.mutants.single import OneWrong
from gradproof.specs.workloads import WORKLOADS, convolution, cross_entropy, mlp_layer
from tests.oracles.answering import Bent

BUDGET_S = 0.5
OPS = tuple(CATALOGUE)


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    with np.errstate(all="ignore"):
        yield


def layer(n: int = 900) -> Case:
    return mlp_layer(n, np.random.default_rng(0))


def bent(change: Callable[[Array], Any], which: int = 1) -> Bent:
    """The native engine with one gradient changed."""

    def gradients(grads: list[Array], cts: list[Array], call: int) -> list[Array]:
        return [np.asarray(change(np.array(g))) if i == which else g for i, g in enumerate(grads)]

    return Bent(gradients=gradients)


def verdict(case: Case, engine: Any, seed: int = 0) -> Verdict:
    return judge_large(case, engine, budget_s=BUDGET_S, seed=seed)


def some(g: Array, seed: int, share: float) -> Array:
    """An error of that share in entries drawn at random."""
    mask = np.random.default_rng(seed).random(g.shape) < 0.01
    mask.flat[seed] = True
    return np.where(mask, g * (1 + share), g)


FAULTS: dict[str, Callable[[Array], Array]] = {
    "a sign": lambda g: g * np.where(np.arange(g.size).reshape(g.shape) == 17, -1, 1),
    "a few entries at random": lambda g: some(g, 5, 1e-6),
    "many entries by a little": lambda g: g * (1 + 1e-8),
    "the transpose": lambda g: g.T,
    "a block transposed": lambda g: np.block([[g[:8, :8].T, g[:8, 8:]], [g[8:, :8], g[8:, 8:]]]),
    "an axis off by one": lambda g: np.roll(g, 1, axis=0),
    "two rows swapped": lambda g: g[[1, 0, *range(2, len(g))]],
    "the last row not written": lambda g: np.concatenate([g[:-1], np.zeros_like(g[-1:])]),
    "errors that add up to nothing": lambda g: g + 1e-6 * np.where(np.arange(g.size).reshape(g.shape) % 2, 1, -1),
    "the mean taken off": lambda g: g - g.mean(),
    "rounded to float32": lambda g: g.astype(np.float32).astype(np.float64),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_in_the_gradient_of_a_layer_is_wrong(fault: str, native: Engine) -> None:
    found = verdict(layer(), bent(FAULTS[fault]))
    assert found.kind is Kind.WRONG
    assert found.worst is not None
    assert found.worst.input == 1


def test_a_single_wrong_entry_is_found_and_named(native: Engine) -> None:
    case = layer()
    for position in (0, 1, 137, 899):
        engine = bent(lambda g, p=position: g + 1e-7 * (np.arange(g.size).reshape(g.shape) == p))
        found = verdict(case, engine, seed=position)
        assert found.kind is Kind.WRONG
        assert found.worst is not None
        assert (found.worst.input, found.worst.index) == (1, divmod(position, 30))
        assert found.worst.got - found.worst.expected == pytest.approx(1e-7, rel=1e-3)


@pytest.mark.parametrize("name", WORKLOADS)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_workloads_are_sound(name: str, dtype: str, native: Engine) -> None:
    found = verdict(WORKLOADS[name](3000, np.random.default_rng(1), np.dtype(dtype)), native)
    assert found.kind in (Kind.AGREE, Kind.SUBGRADIENT), found.report()
    assert found.entries > 2000
    assert found.undecided == 0


def test_no_sound_gradient_is_flagged_along_ten_thousand_directions(native: Engine) -> None:
    projections, flagged = 0, []
    for op in (*OPS, "graph"):
        for _, case in islice(run.cases(run.Task("native", op, "float64", 0, 10, 11, OPS if op == "graph" else ())), 10):
            found = judge_large(case, native, budget_s=BUDGET_S)
            projections += int(found.note.get("projections", 0))  # type: ignore[call-overload]
            if found.kind.fails and not judge(case, native).kind.fails:
                flagged.append(found.report())
    assert not flagged, flagged[0]
    assert projections >= 10_000


def test_what_a_verdict_promises_is_kept(native: Engine) -> None:
    """Errors as large as the locality says are caught in that share of positions; and it promises 1e-6 for n = 1,000."""
    case = mlp_layer(900, np.random.default_rng(3))
    clean = judge_large(case, native, budget_s=BUDGET_S, seed=1)
    promised: Any = clean.note["locality"]
    assert promised.single < 1e-6
    assert promised.confidence == 0.99
    reference = Linearised.of(case)
    _, pull = native.vjp(function(native, case.graph), case.graph.primal_values)
    g = np.concatenate([np.ravel(a) for a in pull(case.cotangents)])
    rng = np.random.default_rng(4)
    caught = 0
    for _ in range(300):
        position = int(rng.integers(g.size))
        sampler = Sampler(reference, [g], 16.0, rng)
        blocks = np.array_split(rng.permutation(g.size), 31)
        here = next(b for b in blocks if position in b)
        rms = float(np.sqrt(np.mean(g[here] ** 2)))
        off = g.copy()
        off[position] += 2 * promised.single * rms  # two rounds made the promise, one is run
        sampler.gradients = [off]
        caught += sampler.block(here).outside
    assert caught >= 0.97 * 300


def test_the_promise_about_any_errors_is_kept_by_a_single_draw() -> None:
    """P(missed) is at most 2 (tau + K own) / max |e|, for errors made to cancel."""
    n = 64
    case = Case(Graph((Leaf(np.linspace(1, 2, n)),), (Node("sin", (0,)),), (1,)), (np.ones(n),))
    reference, rng = Linearised.of(case), np.random.default_rng(0)
    g = np.cos(case.graph.leaves[0].data)
    clean = Sampler(reference, [g], 16.0, rng).block(np.arange(n))
    reach = clean.thresholds[0] + 16.0 * clean.projection.own
    size = 2 * reach / 0.2  # missed once in five at most
    error = np.where(np.arange(n) % 2, size, -size)
    sampler = Sampler(reference, [g + error], 16.0, rng)
    missed = sum(not sampler.block(np.arange(n)).outside for _ in range(500))
    assert missed <= 0.2 * 500
    assert locality([[clean]], g, np.arange(n), 16.0, 0.8).any == pytest.approx(size / clean.rms, rel=0.1)


def test_an_undecided_block_promises_nothing() -> None:
    case = Case(Graph((Leaf(np.array([0.0, 1.0])),), (Node("sqrt", (0,)),), (1,)), (np.ones(2),))
    sampler = Sampler(Linearised.of(case), [np.array([1.0, 0.5])], 16.0, np.random.default_rng(0))
    block = sampler.block(np.arange(2))
    assert not block.decided
    promised = locality([[block]], sampler.gradients[0], np.arange(2), 16.0, 0.99)
    assert math.isinf(promised.single)
    assert "no error is sure" in str(promised)


def test_nan_in_one_entry_is_wrong_and_located(native: Engine) -> None:
    found = verdict(layer(), bent(lambda g: np.where(np.arange(g.size).reshape(g.shape) == 40, np.nan, g)))
    assert found.kind is Kind.WRONG
    assert found.worst is not None
    assert found.worst.index == (1, 10)


def test_nan_from_a_branch_that_is_not_taken_has_its_own_verdict(native: Engine) -> None:
    x = np.linspace(-1, 1, 2000)
    zero, taken = Leaf(np.zeros(()), constant=True), Leaf(x > 0, constant=True)
    graph = Graph((Leaf(x), taken, zero), (Node("sqrt", (0,)), Node("where", (1, 3, 2))), (4,))
    case = Case(graph, (np.ones(2000),))
    assert verdict(case, native).kind is Kind.NAN_UNTAKEN
    spread = verdict(case, bent(lambda g: np.where(x > 0, g, np.nan), which=0))
    assert {f.property: f.kind for f in spread.findings}["gradient"] is Kind.NAN_UNTAKEN
    guarded = bent(lambda g: np.where(x > 0, g, 0.0), which=0)
    assert verdict(case, guarded).kind is Kind.AGREE
    leaking = bent(lambda g: np.where(x > 0, g, 1e-9 * np.nanmax(g)), which=0)
    assert verdict(case, leaking).kind is Kind.WRONG


def test_one_choice_at_each_kink_is_a_subgradient_and_a_slope_of_two_is_not(native: Engine) -> None:
    x = np.random.default_rng(0).standard_normal(2000)
    x[::50] = 0
    case = Case(Graph((Leaf(x),), (Node("nn.relu", (0,)),), (1,)), (np.ones(2000),))
    assert verdict(case, native).kind is Kind.SUBGRADIENT
    assert verdict(case, bent(lambda g: np.where(x == 0, 2.0, g), which=0)).kind is Kind.WRONG


def test_contract_and_values_are_judged_on_the_whole_arrays(native: Engine) -> None:
    case = layer()
    shape = verdict(case, bent(lambda g: g.reshape(-1)))
    assert (shape.kind, shape.decisive.property) == (Kind.CONTRACT, "shape_and_dtype")
    dtype = verdict(case, bent(lambda g: g.astype(np.float32)))
    assert (dtype.kind, dtype.decisive.property) == (Kind.CONTRACT, "shape_and_dtype")
    drifting = Bent(gradients=lambda grads, cts, call: [g * (1 + 1e-16 * (call > 1) * 4) for g in grads])
    assert verdict(case, drifting).decisive.property == "repeatable"
    values = verdict(case, Bent(outputs=lambda outs: [np.where(np.arange(30) == 3, o * 1.001, o) for o in outs]))
    assert (values.kind, values.decisive.property) == (Kind.SPEC, "value")
    assert values.worst is not None
    assert values.worst.index == (0, 3)


def test_a_pullback_that_is_not_linear_is_named_so(native: Engine) -> None:
    def gradients(grads: list[Array], cts: list[Array], call: int) -> list[Array]:
        return [g if call == 1 or call == 2 else g * 1.5 for g in grads]

    found = verdict(layer(), Bent(gradients=gradients))
    assert (found.kind, found.decisive.property) == (Kind.WRONG, "linear")


def test_the_seed_in_the_verdict_repeats_it_and_each_run_draws_anew(native: Engine) -> None:
    case = layer(100)
    one, two = judge_large(case, native, budget_s=BUDGET_S), judge_large(case, native, budget_s=BUDGET_S)
    assert one.note["seed"] != two.note["seed"]
    assert f"seed {one.note['seed']}" in one.report()
    assert "locality   a single entry off by" in one.report()


def test_only_cases_too_large_for_the_scalar_judge_are_large() -> None:
    assert not is_large(layer(100))
    assert is_large(layer(2500))
    assert not is_large(Case(Graph((Leaf(np.ones(4)),), (Node("sin", (0,)),), (1,)), (np.ones(4),)))
    square = Leaf(np.eye(40))
    assert not is_large(Case(Graph((square,), (Node("linalg.inv", (0,)),), (1,)), (np.ones((40, 40)),)))


def test_the_ordinary_judge_and_blame_take_large_cases_too(native: Engine) -> None:
    """The tape would hold 300,000 scalars; the op whose rule is wrong is named."""
    case = layer(10_000)
    found = judge(case, native)
    assert found.kind is Kind.AGREE
    assert found.evidence.startswith("blocked projections")
    with planted("add", lambda g, *rest, **params: g * (1 + 1e-6), argument=1):
        wrong = judge(case, native)
        assert wrong.kind is Kind.WRONG
        assert blame(wrong, native).blame == "add"


def test_what_the_reference_cannot_follow_is_said_to_be_undecided(native: Engine) -> None:
    case = Case(Graph((Leaf(np.eye(40)),), (Node("linalg.inv", (0,)),), (1,)), (np.ones((40, 40)),))
    found = judge_large(case, native)
    assert found.kind is Kind.UNDECIDED
    assert "linalg.inv" in found.reason


def test_a_wrong_entry_far_below_its_neighbours_is_seen_beside_its_like(native: Engine) -> None:
    """Blocks of like size: an entry of 1e-9 that is off by itself, among entries of 1."""
    rng = np.random.default_rng(0)
    scale = np.where(np.arange(2000) % 2, 1.0, 1e-9)
    graph = Graph((Leaf(rng.standard_normal(2000)), Leaf(scale, True)), (Node("multiply", (0, 1)), Node("tanh", (2,))), (3,))
    case = Case(graph, (rng.standard_normal(2000),))
    assert verdict(case, native).kind is Kind.AGREE
    assert verdict(case, OneWrong(native, 1000, 1e-3)).kind is Kind.WRONG


def test_cross_entropy_and_convolution_faults_are_seen(native: Engine) -> None:
    rng = np.random.default_rng(0)
    shifted = verdict(cross_entropy(3000, rng), bent(lambda g: np.roll(g, 1, axis=1), which=0))
    flipped = verdict(convolution(3000, rng), bent(lambda g: g[..., ::-1, ::-1], which=1))
    assert (shifted.kind, flipped.kind) == (Kind.WRONG, Kind.WRONG)
