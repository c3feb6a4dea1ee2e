"""An Array as a Python value: its operators on either side, its conversions, and what it refuses."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import gradproof.engine as ge
from gradproof.engine.errors import TapeError, TreeError

BINARY = [operator.add, operator.sub, operator.mul, operator.truediv, operator.floordiv, operator.mod, operator.pow]


@pytest.mark.parametrize("op", BINARY)
@pytest.mark.parametrize("other", [3, 2.5, np.float64(2.5), np.array([2.5, 3.0])])
def test_an_operator_is_numpys_with_the_array_on_either_side(op: Callable[..., Any], other: Any) -> None:
    x = np.array([7.5, 2.0])
    np.testing.assert_array_equal(op(ge.as_array(x), other).numpy(), op(x, other))
    np.testing.assert_array_equal(op(other, ge.as_array(x)).numpy(), op(other, x))
    assert op(other, ge.variable(x)).node is not None  # it stays on the tape, whichever side it stands on


def test_the_rest_of_a_division_has_the_slopes_of_the_division() -> None:
    assert [g.item() for g in ge.grad(lambda x, y: x % y, (0, 1))(7.5, 2.0)] == [1.0, -3.0]
    assert [g.item() for g in ge.grad(lambda x, y: x // y, (0, 1))(7.5, 2.0)] == [0.0, 0.0]
    assert ge.grad(lambda x: 7.5 % x)(2.0).item() == -3.0


def test_divmod_gives_both() -> None:
    assert [x.item() for x in divmod(ge.as_array(7.5), 2.0)] == [3.0, 1.5]
    assert [x.item() for x in divmod(7.5, ge.as_array(2.0))] == [3.0, 1.5]


def test_a_number_comes_out_by_pythons_own_conversions() -> None:
    x = ge.as_array(2.5)
    assert (float(x), int(x), complex(x), bool(x)) == (2.5, 2, 2.5 + 0j, True)
    assert [v.item() for v in ge.as_array([1.0, 2.0])] == [1.0, 2.0]


def test_what_has_no_axis_has_no_length_and_cannot_be_gone_through() -> None:
    for use in (len, iter):
        with pytest.raises(TypeError, match=r"shape \(\) has no length"):
            use(ge.as_array(1.0))


def test_entries_are_not_written() -> None:
    x = ge.variable([1.0, 2.0])
    with pytest.raises(TapeError, match="at_set"):
        x[0] = 3.0


def test_in_place_operators_make_a_new_array() -> None:
    x = before = ge.as_array([1.0, 2.0])
    x += 1.0
    assert x is not before
    np.testing.assert_array_equal(before.numpy(), [1.0, 2.0])


def test_the_namespace_of_an_array_is_the_engine() -> None:
    assert ge.as_array(1.0).__array_namespace__(api_version="2024.12") is ge
    with pytest.raises(ValueError, match=r"2024\.12"):
        ge.as_array(1.0).__array_namespace__(api_version="1.0")


# ---- transforms that are given something else


def square(x: Any) -> Any:
    return x * x


@pytest.mark.parametrize("primals", [3.0, np.array(3.0), (3.0,), [3.0]])
def test_one_primal_needs_no_tuple(primals: Any) -> None:
    tangents = (1.0,) if isinstance(primals, tuple | list) else 1.0
    assert [x.item() for x in ge.jvp(square, primals, tangents)] == [9.0, 6.0]


def test_an_array_of_primals_is_one_argument() -> None:
    np.testing.assert_array_equal(ge.jvp(square, np.array([3.0, 4.0]), np.array([1.0, 0.0]))[1].numpy(), [6.0, 0.0])


@pytest.mark.parametrize("transform", [ge.jvp, ge.hvp])
def test_several_primals_need_several_tangents(transform: Callable[..., Any]) -> None:
    with pytest.raises(TreeError, match="a float for 1 primals, expected a tuple of tangents"):
        transform(square, (3.0,), 1.0)


CALLS: list[Callable[[], Any]] = [
    lambda: ge.grad(3.0), lambda: ge.value_and_grad(3.0), lambda: ge.hessian(3.0), lambda: ge.jacobian(3.0), lambda: ge.vjp(3.0, 1.0),
    lambda: ge.jvp(3.0, 1.0, 1.0), lambda: ge.linearize(3.0, 1.0), lambda: ge.vmap(3.0), lambda: ge.trace(3.0), lambda: ge.checkpoint(3.0),
    lambda: ge.custom_vjp(3.0), lambda: ge.custom_vjp(square).defvjp(square, 3.0), lambda: ge.hook(1.0, on_value=3.0),
    lambda: ge.variable(1.0).register_hook(3.0),
]  # fmt: skip


@pytest.mark.parametrize("call", CALLS)
def test_what_is_no_function_is_refused_where_it_is_given(call: Callable[[], Any]) -> None:
    with pytest.raises(TypeError, match="a float in place of a function"):
        call()


@pytest.mark.parametrize("argnums", ["x", 1.0, (0, "x")])
def test_argnums_are_positions(argnums: Any) -> None:
    with pytest.raises(TypeError, match="expected the position of an argument"):
        ge.grad(square, argnums)
