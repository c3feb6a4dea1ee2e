"""Checkpointing: gradients bit for bit, schedules of least recomputation, and the bytes they keep, counted."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
import pytest

import gradproof.engine as ge
from gradproof.engine import memory
from gradproof.engine.checkpoint import Segment, plan_within
from gradproof.engine.schedule import advances, least_budget, planned, split

LAYERS = 12
START = np.random.default_rng(0).normal(size=(3, 5))
Step = Callable[[Any], Any]


class Chain:
    """Steps with weights of their own, each counted when run."""

    def __init__(self, layers: int = LAYERS) -> None:
        rng = np.random.default_rng(1)
        self.weights = [ge.variable(rng.normal(size=(5, 5))) for _ in range(layers)]
        self.runs = 0
        self.steps: list[Step] = [self._step(w) for w in self.weights]

    def _step(self, w: ge.Array) -> Step:
        def step(x: Any) -> Any:
            self.runs += 1
            return ge.tanh(x @ w) + ge.sin(x)

        return step

    def plain(self, x: Any) -> Any:
        for step in self.steps:
            x = step(x)
        return x

    def gradients(self, f: Step) -> list[Any]:
        for w in self.weights:
            w.grad = None
        self.runs = 0
        x = ge.variable(START)
        y = f(x)
        (y * y).sum().backward()
        return [y.data, *(v.grad.data for v in (x, *self.weights))]


def same(xs: list[Any], ys: list[Any]) -> bool:
    return len(xs) == len(ys) and all(x.tobytes() == y.tobytes() for x, y in zip(xs, ys, strict=True))


def test_checkpoints_however_nested_give_the_same_gradient_bit_for_bit() -> None:
    chain = Chain()
    plain = chain.gradients(chain.plain)
    inner = ge.checkpoint(lambda x: ge.checkpoint(chain.steps[1])(ge.checkpoint(chain.steps[0])(x)))

    def nested(x: Any) -> Any:
        x = ge.checkpoint(inner)(x)
        for step in chain.steps[2:]:
            x = step(x)
        return x

    for f in (ge.checkpoint(chain.plain), nested):
        assert same(plain, chain.gradients(f))


def test_a_checkpoint_is_right_in_grad_of_grad_and_in_forward_mode() -> None:
    chain = Chain()
    v = np.cos(START)
    for f in (ge.checkpoint(chain.plain), lambda x: ge.checkpoint_chain(chain.steps, x, 3)):
        assert same([ge.hvp(squared(f), START, v).data], [ge.hvp(squared(chain.plain), START, v).data])
        assert same([ge.jvp(f, (START,), (v,))[1].data], [ge.jvp(chain.plain, (START,), (v,))[1].data])


def squared(f: Step) -> Step:
    return lambda x: ge.sum(f(x) * f(x))


def test_a_pullback_of_a_checkpoint_may_be_called_again() -> None:
    chain = Chain(3)
    _, pullback = ge.vjp(ge.checkpoint(chain.plain), START)
    first, second = pullback(START)[0], pullback(START)[0]
    assert same([first.data], [second.data])
    assert chain.runs == 3 * 3


def test_what_a_checkpoint_computes_again_is_dropped_as_the_sweep_passes() -> None:
    chain = Chain()
    segments: list[Segment] = []
    _, pullback = ge.vjp(lambda x: chain_of_checkpoints(chain, x, segments), START)
    pullback(np.ones_like(START))
    assert len(segments) == LAYERS
    assert all(not [1 for _, node in s.restored if node.op.name != "leaf"] for s in segments)


def chain_of_checkpoints(chain: Chain, x: Any, segments: list[Segment]) -> Any:
    for step in chain.steps:
        x = ge.checkpoint(step)(x)
        segments.append(x.node.primals)
    return x


@pytest.mark.parametrize("slots", [1, 2, 3, 4, LAYERS, 20])
def test_a_chain_runs_as_few_steps_as_the_closed_formula_says_and_its_gradient_is_the_same(slots: int) -> None:
    chain = Chain()
    plain = chain.gradients(chain.plain)
    assert same(plain, chain.gradients(lambda x: ge.checkpoint_chain(chain.steps, x, slots)))
    assert chain.runs == LAYERS + advances(LAYERS, slots)


@lru_cache(None)
def least(length: int, slots: int) -> int:
    """The least number of steps run by any schedule: the definition, tried over every split."""
    if length == 1:
        return 0
    if slots == 1:
        return length * (length - 1) // 2
    return min(k + least(length - k, slots - 1) + least(k, slots) for k in range(1, length))


def by_split(length: int, slots: int) -> int:
    if length == 1:
        return 0
    if slots == 1:
        return length * (length - 1) // 2
    k = split(length, slots)
    return k + by_split(length - k, slots - 1) + by_split(k, slots)


def test_the_closed_formula_and_the_splits_are_optimal_among_all_schedules() -> None:
    for length in range(1, 60):
        for slots in range(1, 12):
            assert advances(length, slots) == least(length, slots) == by_split(length, slots)


def test_a_square_root_of_the_states_costs_one_more_forward_pass_at_most() -> None:
    for layers in (16, 64, 100, 400, 1024):
        slots = 2 * int(np.sqrt(layers))
        assert advances(layers, slots) <= 2 * layers


@pytest.mark.parametrize("budget", [480, 500, 700, 1000, 2000, 2800, 2880, 10_000])
def test_a_plan_keeps_within_its_budget_and_runs_as_many_steps_as_it_says(budget: int) -> None:
    chain = Chain()
    plain = chain.gradients(chain.plain)
    plan = plan_within(chain.steps, START, budget)
    assert plan.bytes <= budget
    assert same(plain, chain.gradients(lambda x: ge.checkpoint_within(chain.steps, x, budget)))
    assert chain.runs == plan.runs + LAYERS  # to count its bytes each step is run once
    assert (plan.runs == LAYERS) == (budget >= 2880)


def test_more_budget_never_runs_more_steps_and_too_little_is_an_error_that_names_the_least() -> None:
    states, residuals = [120, 40, 300, 80, 200, 60], [200, 340, 90, 250, 100, 300]
    enough = least_budget(states, residuals)
    runs = [planned(states, residuals, budget).runs for budget in range(enough + 20, 1400, 20)]
    assert runs == sorted(runs, reverse=True)
    assert runs[-1] == 6
    assert runs[0] > 6
    with pytest.raises(ge.CheckpointError, match=rf"about {enough} are the least"):
        planned(states, residuals, enough - 60)


def test_a_function_that_does_not_repeat_is_an_error_that_says_so() -> None:
    calls: list[int] = []

    def moody(x: Any) -> Any:
        calls.append(1)
        return ge.exp(x) if len(calls) == 1 else ge.exp(ge.sin(x))

    _, pullback = ge.vjp(ge.checkpoint(moody), 1.0)
    with pytest.raises(ge.CheckpointError, match="recorded 1 nodes at first and 2 when run again"):
        pullback(1.0)


# ---- what is kept, counted


def test_saved_bytes_are_what_the_rules_declare_each_buffer_once() -> None:
    x = ge.variable(np.ones((10, 10)))
    y = ge.exp(x)  # saves its result
    z = ge.sin(y)  # saves y: the same buffer
    w = ge.permute_dims(z, (1, 0))[2:5]  # views, which save nothing
    out = ge.sum(w * w)  # saves w twice: a view of z's buffer
    saved = ge.saved_bytes(out, but=[x])
    assert saved.by_op == {"exp": 800, "multiply": 800}
    assert saved.total == 1600
    assert ge.saved_bytes(x + 1.0).total == 0


def test_views_keep_no_copies() -> None:
    x = ge.variable(np.ones((6, 4)))
    for view in (ge.reshape(x, (4, 6)), x[1:3], x.T, x.mT, ge.expand_dims(x, 0), ge.flip(x), ge.broadcast_to(x, (100, 6, 4))):
        assert memory.buffer(view.data) is x.data or view.size <= 4096
        assert ge.saved_bytes(view).total == 0


def test_no_grad_keeps_one_layer_at_a_time() -> None:
    alive: list[weakref.ref[Any]] = []
    most = 0
    weights = [np.random.default_rng(i).normal(size=(50, 50)) for i in range(20)]
    with ge.no_grad():
        x = ge.as_array(np.ones((4, 50)))
        for w in weights:
            x = ge.tanh(ge.matmul(x, w))
            alive.append(weakref.ref(x.data))
            most = max(most, sum(ref() is not None for ref in alive))
    assert most == 1
    with_tape = ge.variable(np.ones((4, 50)))
    kept = []
    for w in weights:
        before = ge.matmul(with_tape, w)  # which tanh saves
        with_tape = ge.tanh(before)
        kept.append(weakref.ref(before.data))
    del before
    assert sum(ref() is not None for ref in kept) == 20


def test_a_backward_frees_each_residual_as_it_passes() -> None:
    x = ge.variable(np.ones(8))
    y, refs = x, []
    for _ in range(10):
        y = ge.exp(ge.sin(y))
        refs.append(weakref.ref(y.data))
    total = ge.sum(y)
    del y
    counts: list[int] = []
    first = x.node
    for node in memory.nodes_behind([total]):
        if node.op.name == "sin":
            node.op = counting(node.op, lambda: counts.append(sum(r() is not None for r in refs)))
    assert first is not None
    total.backward()
    assert counts == list(range(9, -1, -1))


def counting(op: Any, tell: Callable[[], None]) -> Any:
    from gradproof.engine.rules import Rule
    from gradproof.engine.tape import Op

    (rule,) = op.rules

    def pull(xp: Any, ct: Any, out: Any, x: Any) -> Any:
        tell()
        return rule.pull(xp, ct, out, x)

    return Op(op.name, op.kernel, (Rule(rule.saves, pull),))


def test_a_checkpoint_within_a_batch_drops_what_the_tape_around_the_batch_keeps() -> None:
    w = np.random.default_rng(3).normal(size=(5, 5))

    def part(r: Any, w: Any) -> Any:
        return ge.tanh(ge.exp(ge.matmul(w, ge.sin(r))))

    def total(w: Any, f: Any) -> Any:
        return ge.sum(ge.vmap(lambda r: f(r, w))(START))

    variable = ge.variable(w)
    plain, dropped = (ge.saved_bytes(total(variable, f), but=[variable]).total for f in (part, ge.checkpoint(part)))
    assert (plain, dropped) == (2 * START.nbytes, START.nbytes)  # exp and sin of the batch; the batch alone
    gradients = [ge.grad(lambda w, f=f: total(w, f))(w).data for f in (part, ge.checkpoint(part))]
    assert same(gradients[:1], gradients[1:])
