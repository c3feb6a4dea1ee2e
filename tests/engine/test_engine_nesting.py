"""Transforms within transforms, beyond what specs/test_nesting.py asks of every engine."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

import gradproof.engine as ge
from gradproof.engine import tape


def d(f: Any) -> Any:
    return lambda x: ge.jvp(f, (x,), (1.0,))[1]


TRANSFORMS = {"grad": ge.grad, "jvp": d, "jacfwd": ge.jacfwd, "jacrev": ge.jacrev}


@pytest.mark.parametrize("word", list(itertools.product(TRANSFORMS, repeat=3)), ids="-of-".join)
def test_every_word_of_three_transforms_gives_the_third_derivative(word: tuple[str, ...]) -> None:
    f = lambda x: x * x * x * x
    for name in word:
        f = TRANSFORMS[name](f)
    assert f(2.0).item() == 48.0


def test_a_product_of_captured_variables_through_jvp_in_vjp_in_jvp() -> None:
    # inner: d/dz x y z = x y; middle: d/dy y (x y) = 2 x y; outer at y = x: d/dx 2 x**2 = 4 x
    inner = lambda x, y: ge.jvp(lambda z: x * y * z, (1.0,), (1.0,))[1]
    middle = lambda x: ge.vjp(lambda y: y * inner(x, y), x)[1](1.0)[0]
    assert ge.jvp(middle, (3.0,), (1.0,))[1].item() == 12.0


def test_a_pullback_called_inside_another_transform_is_linear_in_its_cotangent_and_constant_in_the_rest() -> None:
    _, pullback = ge.vjp(lambda x: x * x, 3.0)
    assert ge.grad(lambda ct: pullback(ct)[0] ** 2)(2.0).item() == 2 * 2.0 * 6.0**2
    assert ge.grad(lambda x: pullback(1.0)[0] * x)(5.0).item() == 6.0


def test_a_variable_that_leaks_out_of_its_transform_is_a_constant_afterwards() -> None:
    leaked: list[Any] = []
    ge.grad(lambda x: leaked.append(x) or x * x)(3.0)
    assert ge.grad(lambda y: y * leaked[0])(2.0).item() == 3.0
    outer = ge.grad(lambda y: ge.grad(lambda x: leaked.append(x) or x * y)(3.0) * leaked[-1])
    assert outer(2.0).item() == 3.0  # d/dy of y times 3


def test_a_custom_pullback_inside_grad_of_grad_is_differentiated_itself() -> None:
    @ge.custom_vjp
    def cube(x: Any) -> Any:
        return x * x * x

    cube.defvjp(lambda x: (cube(x), x), lambda x, ct: (ct * 3.0 * x * x,))
    assert ge.grad(ge.grad(cube))(2.0).item() == 12.0
    assert ge.grad(ge.grad(ge.grad(cube)))(2.0).item() == 6.0
    mixed = ge.grad(lambda x: x * ge.grad(lambda y: cube(x + y))(1.0))  # x 3 (x + 1)**2
    assert mixed(2.0).item() == 3 * 9.0 + 2 * 6 * 3.0
    assert d(ge.grad(cube))(2.0).item() == 12.0


def test_a_custom_pullback_of_another_slope_is_the_one_that_every_order_uses() -> None:
    @ge.custom_vjp
    def f(x: Any) -> Any:
        return x * x

    f.defvjp(lambda x: (f(x), x), lambda x, ct: (ct * f(x),))  # slope x**2, whose slope is again the custom one of f
    assert ge.grad(f)(3.0).item() == 9.0
    assert ge.grad(ge.grad(f))(3.0).item() == 9.0
    assert ge.hessian(f)(3.0).item() == 9.0


def test_a_hook_inside_nested_transforms_is_a_factor_of_every_sweep_that_passes_it() -> None:
    seen: list[float] = []

    def f(x: Any) -> Any:
        return ge.hook(x, on_cotangent=lambda ct: seen.append(ct.item()) or 2.0 * ct) ** 3

    assert ge.grad(f)(2.0).item() == 2 * 12.0
    # the first sweep gives 2 * 3 x**2 with x the hooked value; the outer sweep passes the hook once more
    assert ge.grad(ge.grad(f))(2.0).item() == 2 * 2 * 12.0
    assert seen == [12.0, 12.0, 24.0]


def test_what_a_hook_makes_of_a_cotangent_is_differentiated() -> None:
    f = lambda x: ge.hook(x * 1.0, on_cotangent=lambda ct: ct * ct) ** 2  # slope (2 x)**2 in place of 2 x
    assert ge.grad(f)(3.0).item() == 36.0
    assert ge.grad(ge.grad(f))(3.0).item() == pytest.approx(((8 * 3.0) ** 2), rel=1e-15)


def test_stop_gradient_stops_every_order() -> None:
    f = lambda x: x * ge.stop_gradient({"a": x * x})["a"]
    assert ge.grad(f)(3.0).item() == 9.0
    assert ge.grad(ge.grad(f))(3.0).item() == 0.0


def test_nodes_of_other_threads_between_a_transforms_variables_do_no_harm(monkeypatch: pytest.MonkeyPatch) -> None:
    real = tape._next_id
    monkeypatch.setattr(tape, "_next_id", lambda: [real() for _ in range(3)][-1])
    gradients = ge.grad(lambda x, y, z: x * y + y * z, (0, 1, 2))(2.0, 3.0, 5.0)
    assert [g.item() for g in gradients] == [3.0, 7.0, 3.0]
