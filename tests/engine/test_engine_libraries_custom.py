"""Pullbacks of the user's own, hooks and checkpoints on arrays of other libraries: what they are handed stays there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import gradproof.engine as ge
from gradproof.engine.errors import CustomRuleError, DtypeError, ShapeError

torch = pytest.importorskip("torch", reason="needs torch")
strict = pytest.importorskip("array_api_strict", reason="needs array-api-strict")

SECOND = strict.Device("device1")
GIVEN = pytest.mark.parametrize(
    "given", [torch.tensor, lambda x: strict.asarray(x, device=SECOND), lambda x: np.asarray(x, np.float16)], ids=["torch", "array-api-strict", "half"]
)
X = np.array([[0.5, 1.0, -0.25], [2.0, -1.5, 0.75]])


def log1pexp() -> Callable[..., Any]:
    @ge.custom_vjp
    def f(x: Any) -> Any:
        return ge.log(1.0 + ge.exp(x))

    f.defvjp(lambda x: (f.f(x), x), lambda x, ct: (ct * ge.nn.sigmoid(x),))
    return f


def same(found: Any, expected: Any, like: Any) -> None:
    assert type(found.data) is type(ge.as_array(like).data)
    assert str(found.dtype) == str(ge.as_array(like).dtype)
    np.testing.assert_allclose(np.asarray(found.numpy(), float), expected, rtol=3e-3 if "float16" in str(found.dtype) else 1e-12)


@GIVEN
def test_a_pullback_of_ones_own_runs_at_both_orders(given: Any) -> None:
    x, f = given(X), log1pexp()
    sigmoid = 1 / (1 + np.exp(-X))
    same(ge.grad(lambda x: ge.sum(f(x)))(x), sigmoid, x)
    same(ge.grad(lambda x: ge.sum(ge.grad(lambda x: ge.sum(f(x)))(x)))(x), sigmoid * (1 - sigmoid), x)
    same(ge.jvp(f, x, x)[1], X * sigmoid, x)


@GIVEN
def test_a_pullback_of_several_results_and_trees_runs(given: Any) -> None:
    @ge.custom_vjp
    def f(p: Any) -> Any:
        return {"sum": p["a"] + p["b"], "product": p["a"] * p["b"]}

    f.defvjp(lambda p: (f.f(p), p), lambda p, ct: ({"a": ct["sum"] + ct["product"] * p["b"], "b": ct["sum"] + ct["product"] * p["a"]},))
    x, y = given(X), given(2.0 * X)
    found = ge.grad(lambda p: ge.sum(f(p)["sum"]) + ge.sum(f(p)["product"]))({"a": x, "b": y})
    same(found["a"], 1 + 2 * X, x)
    same(found["b"], 1 + X, x)


@GIVEN
def test_no_cotangent_and_a_number_are_taken_for_arrays_of_the_library(given: Any) -> None:
    @ge.custom_vjp
    def f(x: Any, y: Any) -> Any:
        return ge.sum(x) * ge.sum(y)

    f.defvjp(lambda x, y: (f.f(x, y), None), lambda kept, ct: (None, ge.broadcast_to(3.0 * ct, (2, 3))))
    x = given(X)
    by_x, by_y = ge.grad(f, (0, 1))(x, x)
    same(by_x, 0 * X, x)
    same(by_y, 3 + 0 * X, x)


@GIVEN
def test_a_pullback_of_the_wrong_shape_is_named(given: Any) -> None:
    f = log1pexp()
    f.defvjp(lambda x: (f.f(x), x), lambda x, ct: (ge.sum(ct),))
    with pytest.raises(CustomRuleError, match=r"float\d+\(\) for argument 0, expected float\d+\(2, 3\)"):
        ge.grad(lambda x: ge.sum(f(x)))(given(X))


@GIVEN
def test_a_hook_sees_the_whole_cotangent_and_may_replace_it(given: Any) -> None:
    x, seen = given(X), []

    def twice(ct: Any) -> Any:
        seen.append(ct)
        return 2.0 * ct

    same(ge.grad(lambda x: ge.sum(ge.hook(x * x, on_cotangent=twice) + 0.0))(x), 4 * X, x)
    same(seen[0], 1 + 0 * X, x)
    v = ge.variable(x)
    v.register_hook(lambda ct: 3.0 * ct)
    ge.sum(v * v).backward()
    same(v.grad, 6 * X, x)


@GIVEN
def test_a_hook_replaces_a_value(given: Any) -> None:
    x = given(X)
    same(ge.hook(ge.variable(x), on_value=lambda v: ge.zeros_like(v) + 1.0), 1 + 0 * X, x)
    total = ge.sum(ge.variable(x))
    same(ge.hook(total, on_value=lambda v: 5.0), 5.0, x)


@GIVEN
def test_what_a_hook_may_not_give_is_named_by_dtype_and_shape(given: Any) -> None:
    with pytest.raises(ShapeError, match=r"returned float\d+\(\), expected float\d+\(2, 3\)"):
        ge.grad(lambda x: ge.sum(ge.hook(x * x, on_cotangent=ge.sum)))(given(X))
    with pytest.raises(DtypeError, match=r"returned float32\(2, 3\), expected float\d+\(2, 3\)"):
        ge.grad(lambda x: ge.sum(ge.hook(x * x, on_cotangent=lambda ct: ge.astype(ct, _narrower(ct)))))(given(X))


def _narrower(ct: Any) -> Any:
    return torch.float32 if "torch" in str(ct.dtype) else strict.float32 if type(ct.data).__module__.startswith("array_api") else np.float32


@GIVEN
def test_a_hooked_checkpoint_gives_the_same_bits(given: Any) -> None:
    x = given(X)

    def f(x: Any) -> Any:
        return ge.hook(ge.exp(ge.sin(x)), on_cotangent=lambda ct: 0.5 * ct)

    plain, again = (ge.grad(lambda x, g=g: ge.sum(g(x)))(x) for g in (f, ge.checkpoint(f)))
    np.testing.assert_array_equal(plain.numpy(), again.numpy())
