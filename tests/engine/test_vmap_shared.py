"""vmap and traces where some operands are the same for all examples, or are constants of the program."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import gradproof.engine as ge


def one_by_one(f: Callable[..., Any], xs: Any) -> Any:
    return np.stack([np.asarray(f(x)) for x in xs])


RNG = np.random.default_rng(0)
MATRIX = np.array([[2.0, 1.0], [1.0, 4.0]])
CTS = RNG.normal(size=(3, 2))


def test_a_comparison_of_shared_numbers_of_no_axes_is_an_array() -> None:
    """NumPy gives a scalar there, which the tape took for another library's array."""
    f = lambda v: ge.jvp(ge.log, (np.array(0.3),), (v,))[1]
    np.testing.assert_array_equal(ge.vmap(f)(CTS[:, 0]), one_by_one(f, CTS[:, 0]))


def test_a_decomposition_of_a_shared_matrix_pulls_back_cotangents_that_differ() -> None:
    """What decides which gaps are shut has the batch, though the gaps have not."""
    f = lambda ct: ge.vjp(ge.linalg.eigvalsh, MATRIX)[1](ct)[0]
    np.testing.assert_allclose(ge.vmap(f)(CTS), one_by_one(f, CTS), rtol=1e-15)


def test_a_table_that_differs_is_read_at_indices_that_are_shared() -> None:
    x = np.array([0.5, 2.0, -1.0])
    f = lambda table: ge.lookup(x, table, edges=(0.0,)) * 2.0
    ids = np.array([1, 0, 1])
    rows = lambda table: ge.vjp(lambda t: ge.take(t, ids, axis=0), table)[1](x)[0]
    for g in (f, rows):
        np.testing.assert_array_equal(ge.vmap(g)(CTS), one_by_one(g, CTS))
    both = lambda x, table: ge.vjp(lambda x, t: ge.lookup(x, t, edges=(0.0,)), x, table)[1](np.ones(3))[1]
    got = ge.vmap(both, in_axes=(None, 0))(x, CTS)
    np.testing.assert_array_equal(got, one_by_one(lambda table: both(x, table), CTS))


def test_a_traced_contribution_is_added_into_a_cotangent_that_is_a_constant() -> None:
    ct, x = np.array([1.0, -2.0, 0.5]), np.array([0.5, 2.0, -1.0])

    def slope(x: Any, w: Any) -> Any:
        def f(x: Any) -> Any:
            return x, x[:2] * w

        return ge.vjp(f, x)[1]((ct, np.ones(2)))[0]

    w = np.array([3.0, 4.0])
    np.testing.assert_array_equal(ge.trace(slope)(ge.as_array(x), ge.as_array(w)), slope(x, w))


def test_a_third_contribution_that_differs_is_added_to_two_that_are_shared() -> None:
    x = np.array([0.5, -1.0])

    def slope(ct: Any) -> Any:
        return ge.vjp(lambda x: (x * 2.0, x * 3.0, x * 4.0), x)[1]((ct, np.ones(2), np.ones(2)))[0]

    np.testing.assert_array_equal(ge.vmap(slope)(CTS), one_by_one(slope, CTS))
    np.testing.assert_array_equal(ge.trace(slope)(ge.as_array(CTS[0])), slope(CTS[0]))


def test_a_constant_cotangent_is_added_at_indices_that_are_traced() -> None:
    table, ct = np.array([10.0, 20.0]), np.array([1.0, -2.0, 0.5])

    def slope(x: Any) -> Any:
        return ge.vjp(lambda t: ge.lookup(x, t, edges=(0.0,)), table)[1](ct)[0]

    xs = RNG.normal(size=(2, 3))
    np.testing.assert_array_equal(ge.trace(slope)(ge.as_array(xs[0])), slope(xs[0]))
    np.testing.assert_array_equal(ge.vmap(slope)(xs), one_by_one(slope, xs))
