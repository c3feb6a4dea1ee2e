"""Custom pullbacks, hooks and stop_gradient within vmap, trace and checkpoint, with the tape inside or around."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import gradproof.engine as ge


@ge.custom_vjp
def scaled(x: Any, w: Any) -> Any:
    return ge.sum(x * x) * w


scaled.defvjp(
    lambda x, w: (scaled(x, w), (x, w)), lambda kept, ct: (200.0 * ct * kept[0] * kept[1], ct * ge.sum(kept[0] * kept[0]))
)  # a hundred times too much by x, to be recognised

X, W = np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]), np.array(2.0)


@pytest.mark.parametrize(
    ("name", "gradient"),
    [
        ("inside", lambda: ge.vmap(ge.grad(scaled), in_axes=(0, None))(X, W)),
        ("around", lambda: ge.grad(lambda x: ge.sum(ge.vmap(scaled, in_axes=(0, None))(x, W)))(X)),
        ("around twice", lambda: ge.grad(lambda x: ge.sum(ge.vmap(ge.vmap(lambda v, w: scaled(v, w), (0, None)), (0, None))(x[None], W)))(X)),
        ("traced inside", lambda: ge.vmap(ge.trace(ge.grad(scaled)), in_axes=(0, None))(X, W)),
        ("traced around", lambda: ge.trace(ge.grad(lambda x: ge.sum(ge.vmap(scaled, in_axes=(0, None))(x, W))))(X)),
        ("checkpointed", lambda: ge.grad(lambda x: ge.checkpoint(lambda x: ge.sum(ge.vmap(scaled, in_axes=(0, None))(x, W)))(x))(X)),
    ],
)
def test_the_pullback_in_use_is_the_users(name: str, gradient: Any) -> None:
    assert np.array_equal(gradient().numpy(), 400.0 * X), name


def test_an_argument_shared_by_all_examples_gets_the_sum() -> None:
    shared = ge.grad(lambda w: ge.sum(ge.vmap(scaled, in_axes=(0, None))(X, w)))(W)
    assert shared.item() == np.sum(X * X)


def test_pullbacks_within_vmap_are_differentiated_themselves() -> None:
    second = ge.grad(lambda x: ge.sum(ge.vmap(ge.grad(scaled), in_axes=(0, None))(x, W)))(X)
    assert np.array_equal(second.numpy(), np.full(X.shape, 400.0))
    mixed = ge.grad(lambda w: ge.sum(ge.grad(lambda x: ge.sum(ge.vmap(scaled, in_axes=(0, None))(x, w)))(X)))(W)
    assert mixed.item() == 200.0 * np.sum(X)


def test_trees_none_and_constants_keep_their_places_within_vmap() -> None:
    f = ge.custom_vjp(lambda p, n: {"y": p["w"] * p["v"], "n": n})
    f.defvjp(lambda p, n: ({"y": p["w"] * p["v"], "n": n}, p), lambda p, ct: ({"w": 7.0 * ct["y"] * p["v"], "v": None}, None))
    gradient = ge.grad(lambda p: ge.sum(ge.vmap(lambda q: f(q, 3)["y"])(p)))({"w": np.ones(2), "v": np.array([1.0, 2.0])})
    assert np.array_equal(gradient["w"].numpy(), [7.0, 14.0])
    assert np.array_equal(gradient["v"].numpy(), [0.0, 0.0])


def test_a_hook_within_vmap_sees_all_examples_where_the_tape_is_around_it() -> None:
    seen: list[Any] = []
    f = lambda x: ge.sum(ge.hook(x * x, on_cotangent=lambda ct: seen.append(ct.shape) or 10.0 * ct))
    assert np.array_equal(ge.grad(lambda x: ge.sum(ge.vmap(f)(x)))(X).numpy(), 20.0 * X)
    assert np.array_equal(ge.vmap(ge.grad(f))(X).numpy(), 20.0 * X)
    assert seen == [(3, 2), (2,)]


def test_stop_gradient_within_vmap_stops_the_tape_around_it() -> None:
    f = lambda x: ge.sum(x * ge.stop_gradient(x))
    assert np.array_equal(ge.grad(lambda x: ge.sum(ge.vmap(f)(x)))(X).numpy(), X)
    assert np.array_equal(ge.vmap(ge.grad(f))(X).numpy(), X)


@pytest.mark.parametrize("within", [ge.vmap, ge.trace])
def test_the_gradient_of_a_sort_is_batched_within_a_batch_and_a_trace(within: Any) -> None:
    f = ge.vmap(ge.grad(lambda x: ge.sum(ge.sort(ge.sin(x)) * np.array([1.0, 10.0]))))
    whole = np.stack([X, X[::-1]])
    expected = np.stack([f(part).numpy() for part in whole])
    assert np.array_equal(within(f)(whole).numpy() if within is ge.vmap else np.stack([np.asarray(within(f)(x)) for x in whole]), expected)
