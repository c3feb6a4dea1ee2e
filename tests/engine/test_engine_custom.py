"""Functions with a pullback of the user's own: structure, checks, what is recorded and what is kept."""

from __future__ import annotations

import re
import weakref
from typing import Any

import numpy as np
import pytest

import gradproof.engine as ge


def made(fwd: Any, bwd: Any, f: Any = None, **options: Any) -> Any:
    custom = ge.custom_vjp(f or (lambda x, y: x * y), **options)
    custom.defvjp(fwd, bwd)
    return custom


PRODUCT = (lambda x, y: (x * y, (x, y)), lambda kept, ct: (ct * kept[1], ct * kept[0]))


def test_the_pullback_in_use_is_the_users() -> None:
    f = made(PRODUCT[0], lambda kept, ct: (ct * 100.0, None))
    assert [g.item() for g in ge.grad(f, (0, 1))(2.0, 3.0)] == [100.0, 0.0]
    x = ge.variable(2.0)
    f(x, 3.0).backward()
    assert x.grad.item() == 100.0


def test_without_a_tape_the_function_itself_runs() -> None:
    f = made(lambda x, y: pytest.fail("fwd"), lambda kept, ct: pytest.fail("bwd"))
    assert f(2.0, 3.0) == 6.0
    with ge.no_grad():
        assert f(ge.variable(2.0), 3.0).node is None


def test_arguments_and_outputs_may_be_trees_and_some_of_them_constants() -> None:
    @ge.custom_vjp
    def f(p: Any, x: Any, n: int = 2) -> Any:
        return {"a": p["w"] * x**n, "b": ge.sum(x)}, 7

    def bwd(kept: Any, ct: Any) -> Any:
        (p, x, n), (out, count) = kept, ct
        assert count is None
        return {"w": ge.sum(out["a"] * x**n), "u": None}, out["a"] * p["w"] * n * x ** (n - 1) + out["b"], None

    f.defvjp(lambda p, x, n: (f(p, x, n), (p, x, n)), bwd)
    p, x = {"w": 2.0, "u": np.ones(2, np.float32)}, np.array([1.0, 2.0, 3.0])
    total = lambda out: ge.sum(out["a"] * out["b"])
    custom = lambda p, x: total(f(p, x, n=3)[0])
    plain = lambda p, x: ge.sum(p["w"] * x**3 * ge.sum(x))
    assert ge.pytree.flatten(ge.grad(custom, (0, 1))(p, x))[1] == ge.pytree.flatten(ge.grad(plain, (0, 1))(p, x))[1]
    for a, b in zip(*(ge.pytree.flatten(ge.hessian(g, (0, 1))(p, x))[0] for g in (custom, plain)), strict=True):
        assert np.allclose(a.data, b.data, rtol=1e-14)


def test_outputs_of_two_dtypes_get_cotangents_of_their_own() -> None:
    seen: list[Any] = []
    f = made(
        lambda x, y: ((x, y), None), lambda _, ct: seen.extend((c.dtype, c.shape) for c in ct) or ct, lambda x, y: (x, y)
    )
    x, y = np.ones((2, 1), np.float32), np.ones(3)
    gx, gy = ge.vjp(f, x, y)[1]((np.full((2, 1), 5.0, np.float32), np.full(3, 7.0)))
    assert seen == [(np.float32, (2, 1)), (np.float64, (3,))]
    assert np.array_equal(gx.data, np.full((2, 1), 5.0, np.float32))
    assert np.array_equal(gy.data, np.full(3, 7.0))


def test_arguments_named_as_not_differentiated_come_first() -> None:
    f = made(
        lambda power, x: (x**power, x), lambda power, x, ct: (ct * power * x ** (power - 1),), lambda power, x: x**power, nondiff_argnums=(0,)
    )
    assert ge.grad(f, 1)(3, 2.0).item() == 12.0


def test_the_pullback_runs_once_a_sweep_whatever_the_number_of_arguments() -> None:
    calls: list[float] = []
    f = made(PRODUCT[0], lambda kept, ct: calls.append(ct.item()) or PRODUCT[1](kept, ct))
    ct = np.ones(())
    _, pullback = ge.vjp(f, 2.0, 3.0)
    pullback(ct)
    pullback(ct)  # the same array, another sweep
    assert calls == [1.0, 1.0]
    ge.vjp(lambda x: f(x, x), 2.0)[1](ct)
    assert len(calls) == 3


def test_the_forward_half_is_recorded_only_for_transforms_outside() -> None:
    kept: list[Any] = []

    def fwd(x: Any, y: Any) -> Any:
        kept.append(x)
        return x * y, (x, y)

    f = made(fwd, PRODUCT[1])
    ge.grad(f)(2.0, 3.0)
    assert kept[-1].node is None
    ge.grad(ge.grad(f))(2.0, 3.0)
    assert kept[-1].node is not None
    f(ge.variable(2.0), 3.0)
    assert kept[-1].node is None


def test_backward_drops_what_was_kept() -> None:
    big = ge.as_array(np.ones(10))
    gone = weakref.ref(big.data)
    f = made(lambda x, y: (x * y, ge.as_array(y)), lambda y, ct: (ge.sum(ct * y), None))
    x = ge.variable(2.0)
    out = f(x, big).sum()
    del big
    assert gone() is not None
    out.backward()
    assert gone() is None
    with pytest.raises(ge.TapeError, match="earlier backward used up"):
        out.backward()


@pytest.mark.parametrize(
    ("bwd", "message"),
    [
        (lambda kept, ct: (ct,), "bwd of 'f' returned 1 cotangents, expected a tuple of 2. Return one for each argument"),
        (lambda kept, ct: ct, "bwd of 'f' returned a Array, expected a tuple of 2"),
        (lambda kept, ct: (np.ones(3), ct), "bwd of 'f' returned float64(3,) for argument 0, expected float64(). A cotangent has"),
        (lambda kept, ct: (ct, np.float32(1.0)), "bwd of 'f' returned float32() for argument 1, expected float64()"),
        (lambda kept, ct: (ct, {"a": ct}), "for argument 1, expected float64()"),
    ],
)
def test_a_pullback_that_breaks_the_agreement_is_named(bwd: Any, message: str) -> None:
    def f(x: Any, y: Any) -> Any:
        return x * y

    with pytest.raises(ge.CustomRuleError, match=re.escape(message)):
        ge.grad(made(PRODUCT[0], bwd, f))(2.0, 3.0)


def test_a_tree_of_cotangents_of_another_structure_names_the_path() -> None:
    f = made(lambda p: (p["w"], None), lambda _, ct: ({"v": ct},), lambda p: p["w"])
    with pytest.raises(ge.CustomRuleError, match=re.escape("argument 0 has the keys ['v'], expected the keys ['w']")):
        ge.grad(f)({"w": 1.0})


def test_calls_without_a_pullback_and_odd_forward_halves_are_named() -> None:
    with pytest.raises(ge.CustomRuleError, match="has no pullback"):
        ge.grad(ge.custom_vjp(lambda x: x))(1.0)
    with pytest.raises(ge.CustomRuleError, match=r"returned a Array, expected the pair \(out, residuals\)"):
        ge.grad(made(lambda x, y: x * y, PRODUCT[1]))(1.0, 2.0)


def test_a_value_on_a_tape_that_is_no_argument_is_refused() -> None:
    w = ge.variable(3.0)
    f = made(lambda x: (x * w, None), lambda _, ct: (ct,), lambda x: x * w)
    with pytest.raises(ge.CustomRuleError, match=r"uses a value on a tape that is none of its arguments.*stop_gradient"):
        ge.grad(f)(2.0)


def test_a_gradient_shares_no_memory_with_what_a_pullback_or_a_hook_of_the_users_gave() -> None:
    kept = np.array([1.0, 2.0])
    f = ge.custom_vjp(lambda x: ge.sum(x * x))
    f.defvjp(lambda x: (ge.sum(x * x), x), lambda x, ct: (x,))
    assert not np.shares_memory(ge.grad(f)(kept).numpy(), kept)
    assert not np.shares_memory(ge.grad(lambda x: ge.sum(ge.hook(x, on_cotangent=lambda ct: kept)))(np.ones(2)).numpy(), kept)
    x = ge.variable(np.ones(2))
    x.register_hook(lambda ct: kept)
    ge.sum(x).backward()
    assert x.grad is not None
    assert not np.shares_memory(x.grad.numpy(), kept)
