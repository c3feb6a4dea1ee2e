"""``detect_anomaly``: what it names, forward and backward, what it lets pass, and that it leaves nothing behind."""

from __future__ import annotations

import sys
import threading
from typing import Any

import numpy as np
import pytest

import gradproof.engine as ge
from gradproof.engine import tape


def line() -> int:
    """The line number of the caller."""
    return sys._getframe(1).f_lineno


def caught(call: Any, **options: Any) -> ge.NonFiniteError:
    with pytest.raises(ge.NonFiniteError) as info, ge.detect_anomaly(**options):
        call()
    return info.value


def test_a_value_is_named_by_op_shape_and_the_users_line() -> None:
    made: list[int] = []

    def f(x: Any) -> Any:
        made.append(line() + 1)
        y = ge.log(x)
        return ge.sum(ge.exp(y))

    error = caught(lambda: ge.grad(f)(np.array([1.0, 0.0, 2.0])))
    assert (error.phase, error.op, error.argument, error.shape) == ("forward", "log", None, (3,))
    assert error.source == f"{__file__}:{made[0]}"
    assert "'log' gave -inf in 1 of 3 entries, first at [1] of finite operands" in str(error)
    assert "in f: y = ge.log(x)" in str(error)


def test_a_cotangent_is_named_by_the_rule_and_the_line_that_made_the_value() -> None:
    made: list[int] = []

    def f(x: Any) -> Any:
        made.append(line() + 1)
        root = ge.sqrt(x)
        return ge.sum(root * 2.0)

    error = caught(lambda: ge.grad(f)(np.array([[4.0, 0.0]])))
    assert (error.phase, error.op, error.argument, error.shape) == ("backward", "sqrt", 0, (1, 2))
    assert error.source == f"{__file__}:{made[0]}"
    assert "the rule of 'sqrt' for argument 0 gave inf in 1 of 2 entries, first at [0, 1] of a finite cotangent" in str(error)


def test_the_first_of_several_is_the_one_named_and_the_argument_is_the_one_that_overflows() -> None:
    x, y = ge.variable(1e200), ge.variable(1e-200)
    with ge.detect_anomaly():
        z = ge.divide(x * 1e-200, y)  # 1e200; by y: -1e400
    error = caught(z.backward)
    assert (error.op, error.argument) == ("divide", 1)
    assert (x.grad, y.grad) == (None, None)


def test_operands_and_cotangents_handed_in_are_told_from_those_computed() -> None:
    error = caught(lambda: ge.grad(lambda x: ge.sum(x * np.array([1.0, np.nan])))(np.ones(2)))
    assert (error.phase, error.op, error.argument) == ("forward", "multiply", 1)
    assert "argument 1 of 'multiply' was given nan in 1 of 2 entries" in str(error)
    error = caught(lambda: (ge.variable(1.0) * 2.0).backward(np.inf))
    assert (error.phase, error.op, error.argument) == ("backward", "multiply", None)
    assert "the cotangent given for 'multiply' is inf" in str(error)


def test_contributions_that_overflow_in_their_sum_are_named() -> None:
    twice = lambda y: y * 1e308 + y * 1e308
    error = caught(lambda: ge.grad(lambda x: twice(x * 1e-5))(1.0))
    assert "finite contributions to the cotangent of 'multiply' add up to inf" in str(error)


def test_what_a_hook_puts_in_place_is_named_as_the_hooks() -> None:
    bad = lambda v: v.data * np.nan
    assert caught(lambda: ge.grad(lambda x: ge.hook(x * 2.0, on_value=bad) ** 2)(1.0)).op == "hook"
    error = caught(lambda: ge.grad(lambda x: ge.hook(x * 2.0, on_cotangent=bad) ** 2)(1.0))
    assert (error.phase, error.op, error.argument) == ("backward", "hook", 0)


def test_a_value_made_before_says_that_its_line_is_unknown() -> None:
    y = ge.sqrt(ge.variable(0.0))
    error = caught(y.backward)
    assert error.source == ""
    assert "value made before detect_anomaly began" in str(error)


def test_infinities_pass_where_they_are_allowed() -> None:
    f = lambda x: ge.sum(ge.nn.softmax(ge.where(np.array([True, False]), x, -np.inf)))
    with ge.detect_anomaly(allow_inf=True):
        assert np.array_equal(ge.grad(f)(np.ones(2)).data, [0.0, 0.0])
    assert caught(lambda: ge.grad(f)(np.ones(2))).op == "where"
    assert caught(lambda: ge.grad(lambda x: ge.log(x) * 0.0)(0.0), allow_inf=True).op == "multiply"


def test_what_a_rule_passes_by_within_a_recorded_sweep_is_no_anomaly() -> None:
    with ge.detect_anomaly():
        assert ge.grad(ge.grad(lambda x: ge.abs(x) ** 3))(2.0).item() == 12.0
        assert ge.grad(ge.grad(lambda x: x**2.0))(0.0).item() == 2.0  # its rule takes log(0) on the way


def test_float32_float16_and_slices_are_looked_at() -> None:
    assert caught(lambda: ge.exp(ge.variable(np.float32(100.0)))).op == "exp"
    f = lambda x: ge.sum(ge.sqrt(x[1:]) * 1.0)
    assert caught(lambda: ge.grad(f)(np.array([1.0, 4.0, 0.0]))).op == "sqrt"


def test_a_clean_program_gives_what_it_gives_otherwise() -> None:
    f = lambda x: ge.sum(ge.tanh(ge.matmul(x, x))[0] * 2.0)
    x = np.random.default_rng(0).normal(size=(3, 3))
    with ge.detect_anomaly():
        watched = ge.grad(f)(x)
    assert np.array_equal(watched.data, ge.grad(f)(x).data)


def test_nothing_is_left_behind_and_other_threads_are_not_watched() -> None:
    plain = tape.compute, tape._next_id
    seen: list[Any] = []

    def of_several_threads() -> None:
        with ge.detect_anomaly():
            assert tape.compute is not plain[0]
            worker = threading.Thread(target=lambda: seen.append(ge.log(ge.variable(0.0)).item()))
            worker.start()
            worker.join()
            with ge.detect_anomaly():
                pass
            assert tape.compute is not plain[0]
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        of_several_threads()
    assert seen == [-np.inf]
    assert (tape.compute, tape._next_id) == plain
    assert ge.log(ge.variable(0.0)).item() == -np.inf
