"""Hooks: what they see, in what order, what they may change, and how they come off."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import gradproof.engine as ge


def test_a_hook_sees_the_whole_cotangent_once_after_all_readers() -> None:
    seen: list[Any] = []
    x = ge.variable(3.0)
    y = x * 1.0
    y.register_hook(lambda ct: seen.append(ct.item()))
    (y * 2.0 + y * y).backward()
    assert seen == [2.0 + 6.0]
    assert x.grad.item() == 8.0


def test_a_hook_may_replace_the_cotangent_and_hooks_run_in_the_order_registered() -> None:
    x = ge.variable(3.0)
    y = x * x
    y.register_hook(lambda ct: ct * 10.0)
    y.register_hook(lambda ct: ct + 1.0)
    y.backward()
    assert x.grad.item() == 11.0 * 6.0


def test_a_hook_registered_after_a_value_was_read_still_sees_it() -> None:
    x = ge.variable(3.0)
    y = x * x
    z = y * 2.0
    y.register_hook(lambda ct: 0.0 * ct)
    z.backward()
    assert x.grad.item() == 0.0


@pytest.mark.parametrize("place", ["variable", "transform"])
def test_a_hook_on_what_is_differentiated_by_changes_its_gradient(place: str) -> None:
    if place == "variable":
        x = ge.variable(3.0)
        x.register_hook(lambda ct: -ct)
        (x * x).backward(retain=True)
        assert x.grad.item() == -6.0
        return
    f = lambda x: x.register_hook(lambda ct: -ct) and x * x
    assert ge.grad(f)(3.0).item() == -6.0
    assert ge.grad(lambda x: ge.grad(f)(x) * 1.0)(3.0).item() == 2.0  # passed by both sweeps: (-1) (-1) 2


def test_hooks_come_off() -> None:
    seen: list[Any] = []
    x = ge.variable(3.0)
    handle = x.register_hook(lambda ct: seen.append("first"))
    with x.register_hook(lambda ct: seen.append("second")):
        (x * x).backward()
    (x * x).backward()
    handle.remove()
    handle.remove()
    (x * x).backward()
    assert seen == ["first", "second", "first"]


def test_a_hook_runs_once_a_sweep_whatever_the_number_of_arguments_and_again_for_the_same_cotangent() -> None:
    seen: list[Any] = []
    x, z = ge.variable(3.0), ge.variable(2.0)
    y = x * z
    y.register_hook(lambda ct: seen.append(ct.item()))
    ct = np.ones(())
    y.backward(ct, retain=True)
    y.backward(ct)
    assert seen == [1.0, 1.0]


def test_hook_watches_a_value_and_may_replace_it_with_the_cotangent_passed_straight_on() -> None:
    seen: list[Any] = []
    rounded = lambda x: ge.hook(x, on_value=lambda v: np.round(v.data), on_cotangent=lambda ct: seen.append(ct.item()))
    value, slope = ge.value_and_grad(lambda x: rounded(x) ** 2)(2.9)
    assert (value.item(), slope.item(), seen) == (9.0, 6.0, [6.0])
    assert ge.hook(np.ones(2), on_value=lambda v: seen.append(v.shape), on_cotangent=lambda ct: 1 / 0).node is None
    assert seen[-1] == (2,)


@pytest.mark.parametrize(
    ("bad", "error", "message"),
    [
        (lambda ct: np.ones(2), ge.ShapeError, r"a hook on the cotangent of 'multiply' \(node \d+\) returned float64\(2,\), expected float64\(\)"),
        (lambda ct: np.float32(1.0), ge.DtypeError, r"returned float32\(\), expected float64\(\). Return None"),
    ],
)
def test_a_replacement_must_have_the_shape_and_dtype(bad: Any, error: type[Exception], message: str) -> None:
    y = ge.variable(3.0) * 2.0
    y.register_hook(bad)
    with pytest.raises(error, match=message):
        y.backward()
    with pytest.raises(error, match="a hook on the value returned"):
        ge.hook(3.0, on_value=bad)


def test_a_hook_on_a_constant_is_refused() -> None:
    with pytest.raises(ge.TapeError, match="a hook on a value that is on no tape would never run"):
        ge.as_array(1.0).register_hook(print)
