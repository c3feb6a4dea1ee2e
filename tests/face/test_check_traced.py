"""A JAX function that can be traced gets the certified judge beside differences; what is not known stays opaque, and is named."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from gradproof import GradientError, check_gradient
from gradproof.oracles.verdict import Kind

jax = pytest.importorskip("jax", reason="JAX is not installed")
jnp = jax.numpy
X = np.random.default_rng(0).standard_normal((3, 4))
CERTIFIED = "certified balls, from the program that was traced"

FUNCTIONS: dict[str, Callable[..., Any]] = {
    "products": lambda x: jnp.sin(x) * x,
    "softmax": jax.nn.softmax,
    "logsumexp": jax.nn.logsumexp,
    "gelu": jax.nn.gelu,
    "norm": jnp.linalg.norm,
    "matmul": lambda x: jnp.tanh(x @ x.T),
    "batched einsum": lambda x: jnp.einsum("bi,bj->bij", x, x),
    "layer norm": lambda x: (x - x.mean(-1, keepdims=True)) / jnp.sqrt(x.var(-1, keepdims=True) + 1e-3),
    "powers": lambda x: x**3 + (x * x + 1) ** 1.5 + (x + 5) ** -2,
    "slices": lambda x: jnp.concatenate([x[:, ::-1], x[1:, :]], axis=0),
    "sort": jnp.sort,
    "clip": lambda x: jnp.clip(x, -0.5, 0.5),
    "jit within": lambda x: jax.jit(jnp.exp)(x) + jax.checkpoint(jnp.cos)(x),
    "where": lambda x: jnp.where(x > 0, x * x, jnp.sin(x)),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_traced_program_certifies(name: str) -> None:
    verdict = check_gradient(FUNCTIONS[name], X, engine="jax", save=None)
    assert verdict.kind is Kind.AGREE
    assert CERTIFIED in verdict.evidence


def sine(slope: Callable[[Any], Any]) -> Any:
    f = jax.custom_vjp(jnp.sin)
    f.defvjp(lambda x: (jnp.sin(x), x), lambda x, ct: (ct * slope(x),))
    return f


def test_a_fault_in_the_last_digits_is_caught_without_a_formula() -> None:
    assert check_gradient(sine(jnp.cos), X, engine="jax", save=None).kind is Kind.AGREE
    with pytest.raises(GradientError, match=CERTIFIED):
        check_gradient(sine(lambda x: jnp.cos(x) * (1 + 1e-13)), X, engine="jax", save=None)


def test_a_fault_that_differences_see_keeps_their_words_and_is_certified() -> None:
    with pytest.raises(GradientError, match=r"got is 1\.01 times expected") as raised:
        check_gradient(sine(lambda x: 1.01 * jnp.cos(x)), X, engine="jax", save=None)
    assert CERTIFIED in str(raised.value)


def test_kinks_that_cancel_are_decided() -> None:
    x = np.array([0.0, 1.0, -2.0])
    verdict = check_gradient(lambda x: jax.nn.relu(x) - jax.nn.relu(-x), x, engine="jax", save=None)
    assert verdict.kind is Kind.SUBGRADIENT


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_where_the_values_are_nothing_but_rounding_a_right_gradient_is_not_accused(dtype: str) -> None:
    x = np.array([1e-7, 1e-4, 1e-8, 0.3], dtype=dtype)
    assert not check_gradient(lambda x: (1 - jnp.cos(x)) / x**2, x, engine="jax", save=None, allow=["LOSSY"]).kind.fails


def test_the_branch_not_taken_is_named() -> None:
    with pytest.raises(GradientError, match="NAN_UNTAKEN"):
        check_gradient(lambda x: jnp.where(x > 0, jnp.sqrt(x), 0.0), np.array([0.0, 4.0]), engine="jax", save=None)


def test_what_is_not_known_stays_opaque_and_is_named() -> None:
    verdict = check_gradient(lambda x: jax.scipy.special.gammaln(x * x + 1), X, engine="jax", save=None)
    assert verdict.kind is Kind.AGREE
    assert verdict.evidence.startswith("differences")
    assert verdict.evidence.endswith("; opaque: lgamma is not known")


def test_digits_lost_in_a_tail_are_said_but_convict_nobody_without_a_formula() -> None:
    verdict = check_gradient(jax.nn.sigmoid, np.array([40.0, -3.0]), engine="jax", save=None)
    assert verdict.kind is Kind.AGREE
    assert verdict.evidence.endswith("the program that was traced: LOSSY")


def test_order_two_is_certified_by_the_same_program() -> None:
    verdict = check_gradient(lambda x: jnp.tanh(x) * x, X, engine="jax", order=2, save=None)
    assert verdict.evidence.count(CERTIFIED) == 2
