"""Sorting, running along an axis, missing entries, pieces and places: errors, and what no drawn case shows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import gradproof.engine as ge
from gradproof.engine.errors import ShapeError

X = np.array([[3.0, 1.0, 2.0], [0.5, 2.5, -1.0]])


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: ge.sort(1.0), "sort: an array of no axes"),
        (lambda: ge.sort_by(X, X[0]), r"expected one shape. Use broadcast_to"),
        (lambda: ge.topk(X, 4), r"topk: k=4 of an axis of length 3; expected 0 to 3"),
        (lambda: ge.kthvalue(X, 0), r"k counts from 1"),
        (lambda: ge.median(np.zeros((0,))), r"has no entry along axis None"),
        (lambda: ge.linear_recurrence(X, X[0]), r"Use broadcast_to"),
        (lambda: ge.split(X, 2, axis=1), r"an axis of length 3 has no 2 equal parts"),
        (lambda: ge.unstack(X, axis=2), r"unstack: axis 2 of an array of 2 axes"),
        (lambda: ge.moveaxis(X, (0, 1), (0,)), r"as many different axes on both sides"),
        (lambda: ge.repeat_interleave(X, [1, 2], axis=1), r"expected one each"),
        (lambda: ge.diag(np.zeros((2, 2, 2))), r"expected one or two axes"),
        (lambda: ge.unfold(X, 1, 4), r"windows of 4, 1 apart, along an axis of length 3"),
        (lambda: ge.meshgrid(X), r"expected vectors"),
        (lambda: ge.block_diag(X[0]), r"expected matrices"),
        (lambda: ge.at_set(X, np.zeros(2), (0,)), r"expected values that broadcast to it"),
        (lambda: ge.at_multiply(X, 2.0, ([0, 0],)), r"names a place more than once"),
        (lambda: ge.masked_select(X, X[0] > 0), r"expected booleans of shape \(2, 3\)"),
        (lambda: ge.segment_sum(X, [0, 2], count=2), r"expected one in 0 .. 1 for each slice"),
        (lambda: ge.lookup(X, [1.0, 2.0], edges=(0.0, 1.0)), r"one entry more"),
    ],
)
def test_a_call_that_does_not_fit_says_what_was_expected(call: Callable[[], Any], text: str) -> None:
    with pytest.raises(ShapeError, match=text):
        call()


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: ge.median(X, middle="high"), "expected 'mean' or 'low'"),
        (lambda: ge.quantile(X, 1.5), "expected a share from 0 to 1"),
        (lambda: ge.diff(X, n=-1), "expected 0 or more"),
    ],
)
def test_a_parameter_out_of_range_is_named(call: Callable[[], Any], text: str) -> None:
    with pytest.raises(ValueError, match=text):
        call()


def test_of_values_written_to_one_place_the_last_stays_and_gets_the_cotangent() -> None:
    key = ([1, 1, 0],)
    out, pull = ge.vjp(lambda x, v: ge.at_set(x, v, key), np.zeros(3), np.array([5.0, 6.0, 7.0]))
    assert np.asarray(out).tolist() == [7.0, 6.0, 0.0]
    of_x, of_values = pull(np.array([1.0, 2.0, 3.0]))
    assert np.asarray(of_x).tolist() == [0.0, 0.0, 3.0]
    assert np.asarray(of_values).tolist() == [0.0, 2.0, 1.0]


def test_diff_with_entries_joined_on_differentiates_them_too() -> None:
    def f(x: Any, first: Any, last: Any) -> Any:
        return ge.diff(x, axis=0, prepend=first, append=last)

    out, pull = ge.vjp(f, np.array([1.0, 4.0]), np.array([0.5]), np.array([10.0]))
    assert np.asarray(out).tolist() == [0.5, 3.0, 6.0]
    gradients = pull(np.array([1.0, 10.0, 100.0]))
    assert [np.asarray(g).tolist() for g in gradients] == [[-9.0, -90.0], [-1.0], [100.0]]


def test_the_gradient_of_a_running_product_is_right_at_one_zero_and_at_two() -> None:
    for x in ([2.0, 0.0, 3.0, 4.0], [0.0, 2.0, 0.0, 5.0]):
        _, pull = ge.vjp(ge.cumulative_prod, np.array(x))
        ct = np.array([1.0, -2.0, 0.5, 3.0])
        jacobian = [[np.prod([v for k, v in enumerate(x[: i + 1]) if k != j]) * (j <= i) for j in range(4)] for i in range(4)]
        assert np.asarray(pull(ct)[0]).tolist() == (ct @ np.array(jacobian)).tolist()


def test_sorting_is_stable_in_both_directions_and_so_is_its_gradient() -> None:
    x, ct = np.array([1.0, 0.0, 1.0, 0.0]), np.array([1.0, 2.0, 3.0, 4.0])
    up, down = (ge.vjp(lambda x, d=d: ge.sort(x, descending=d), x)[1](ct)[0] for d in (False, True))
    assert np.asarray(up).tolist() == [3.0, 1.0, 4.0, 2.0]
    assert np.asarray(down).tolist() == [1.0, 3.0, 2.0, 4.0]


def test_pieces_without_a_name_come_all_together_and_add_up() -> None:
    parts = ge.split(X, (1,), axis=1)
    assert [np.shape(p) for p in parts] == [(2, 1), (2, 2)]
    assert len(ge.unstack(X, axis=1)) == len(ge.meshgrid(X[0], X[1], X[0])) == 3
    gradient = ge.grad(lambda x: sum(ge.sum(p) * (i + 1.0) for i, p in enumerate(ge.unstack(x, axis=1))))(X)
    assert np.asarray(gradient).tolist() == [[1.0, 2.0, 3.0]] * 2


def test_a_row_of_nothing_but_missing_entries_has_no_mean_and_breaks_no_other() -> None:
    x = np.array([[np.nan, np.nan], [1.0, np.nan]])
    out, pull = ge.vjp(lambda x: ge.nanmean(x, axis=1), x)
    assert np.isnan(np.asarray(out)[0])
    assert np.asarray(pull(np.array([0.0, 2.0]))[0])[1].tolist() == [2.0, 0.0]
