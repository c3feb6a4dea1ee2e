"""Programs within a budget of bytes: what is alive is counted, what is run again has the same bits."""

from __future__ import annotations

import tracemalloc
from typing import Any

import numpy as np
import pytest

import gradproof.engine as ge
from gradproof.engine.program import Program
from gradproof.engine.recompute import alive, within

WEIGHTS = [np.random.default_rng(i).normal(size=(40, 40)) / 6 for i in range(8)]
X = np.random.default_rng(9).normal(size=(60, 40))


def net(x: Any, ws: Any) -> Any:
    first = x
    for w in ws:
        x = ge.tanh(ge.matmul(x, w)) + ge.nn.softmax(ge.sin(x) * first, axis=-1)
    return ge.sum(x * x)


def program() -> Program:
    return ge.trace(ge.grad(net)).program(X, WEIGHTS)


def test_what_is_alive_is_what_is_allocated() -> None:
    whole = program()
    whole.run([X, *WEIGHTS])
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        tracemalloc.reset_peak()
        whole.run([X, *WEIGHTS])
        measured = tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()
    inside_a_kernel = 5 * X.nbytes  # what softmax or sech2 makes and drops
    assert alive(whole).peak <= measured <= alive(whole).peak + inside_a_kernel


@pytest.mark.parametrize("share", [0.9, 0.7, 0.5, 0.4, 0.3])
def test_a_program_within_a_budget_fits_it_and_keeps_every_bit(share: float) -> None:
    whole = program()
    budget = int(share * alive(whole).peak)
    less = within(whole, budget)
    assert alive(less).peak <= budget
    assert len(less.instructions) > len(whole.instructions)
    assert less.run([X, *WEIGHTS])[0].tobytes() == whole.run([X, *WEIGHTS])[0].tobytes()
    traced = ge.trace(ge.grad(net), budget=budget)
    assert traced(X, WEIGHTS).data.tobytes() == ge.grad(net)(X, WEIGHTS).data.tobytes()


def test_less_budget_never_runs_fewer_instructions_and_enough_budget_changes_nothing() -> None:
    whole = program()
    peak = alive(whole).peak
    counts = [len(within(whole, int(share * peak)).instructions) for share in (1.0, 0.8, 0.6, 0.4)]
    assert counts == sorted(counts)
    assert counts[0] == len(whole.instructions)


def test_a_budget_that_nothing_fits_is_an_error_that_says_where() -> None:
    with pytest.raises(ge.CheckpointError, match=r"needs \d+ bytes at instruction \d+, more than 1000, and nothing that is idle"):
        within(program(), 1000)


def test_views_keep_what_they_are_views_of() -> None:
    def f(x: Any) -> Any:
        y = ge.exp(x)
        rows = y[::2].T
        z = ge.sin(ge.cos(x))
        return ge.sum(rows) + ge.sum(z)

    counted = alive(ge.trace(f).program(X))
    assert counted.peak == 3 * X.nbytes  # y through rows, cos and sin


def test_empty_arrays_that_are_idle_are_no_candidates() -> None:
    """They free nothing, and work over what is freed was a division by zero."""

    def f(x: Any, e: Any) -> Any:
        empty = ge.exp(e)
        y = ge.sin(ge.cos(ge.exp(x)) * 2.0) * ge.exp(x)
        return y, empty * 2.0

    x, e = np.ones(100), np.zeros((0, 3))
    peak = alive(ge.trace(f).program(x, e)).peak
    for share in (0.5, 0.75, 0.9):
        try:
            found = ge.trace(f, budget=int(share * peak))(x, e)
        except ge.CheckpointError:
            continue
        np.testing.assert_array_equal(found[0], f(x, e)[0])
