"""Clipping by value, by norm and by the norm of all: PyTorch's, and what it leaves alone."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import gradproof.engine as ge
from gradproof.engine.clip import SMALL

TREE = {"w": np.random.default_rng(0).normal(size=(5, 7)), "layers": [np.full(3, -2.5), (np.array(0.5), None)]}


def tree(dtype: str, scale: float) -> Any:
    return ge.pytree.map(lambda x: (x * scale).astype(dtype), TREE)


def flat(x: Any) -> list[Any]:
    return [g.data if isinstance(g, ge.Array) else g for g in ge.pytree.flatten(x)[0]]


def torch_grads(torch: Any, gradients: list[Any]) -> list[Any]:
    made = [torch.zeros(g.shape, dtype=getattr(torch, g.dtype.name), requires_grad=True) for g in gradients]
    for parameter, g in zip(made, gradients, strict=True):
        parameter.grad = torch.tensor(g)
    return made


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e6])
@pytest.mark.parametrize("ord", [1.0, 2.0, 3.0, math.inf])
def test_clipping_by_norm_is_pytorchs_within_the_rounding_of_a_sum(dtype: str, scale: float, ord: float) -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    gradients = tree(dtype, scale)
    leaves = flat(gradients)
    bound = 2 * (sum(g.size for g in leaves) + 20) * float(np.finfo(dtype).eps)  # of the norm, relative, for both
    parameters = torch_grads(torch, leaves)
    theirs = torch.nn.utils.clip_grad_norm_(parameters, 1.0, norm_type=ord)
    clipped, norm = ge.clip_by_global_norm(gradients, 1.0, ord)
    assert abs(norm.item() - theirs.item()) <= bound * theirs.item()
    for ours, parameter in zip(flat(clipped), parameters, strict=True):
        assert ours.dtype == dtype
        assert np.all(np.abs(ours - parameter.grad.numpy()) <= bound * np.abs(ours))
    for g, ours in zip(leaves, flat(ge.clip_by_norm(gradients, 1.0, ord)), strict=True):
        (alone,) = torch_grads(torch, [g])
        torch.nn.utils.clip_grad_norm_([alone], 1.0, norm_type=ord)
        assert np.all(np.abs(ours - alone.grad.numpy()) <= bound * np.abs(ours))


def test_clipping_by_value_is_pytorchs_bit_for_bit() -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    leaves = flat(tree("float64", 1.0))
    leaves[0][0, :3] = [np.inf, -np.inf, np.nan]
    parameters = torch_grads(torch, leaves)
    torch.nn.utils.clip_grad_value_(parameters, 0.7)
    for ours, parameter in zip(flat(ge.clip_by_value(leaves, 0.7)), parameters, strict=True):
        assert np.array_equal(ours, parameter.grad.numpy(), equal_nan=True)


def test_what_is_small_enough_is_left_bit_for_bit() -> None:
    for clip in (lambda t: ge.clip_by_global_norm(t, 1e3)[0], lambda t: ge.clip_by_norm(t, 1e3), lambda t: ge.clip_by_value(t, 1e3)):
        for ours, g in zip(flat(clip(TREE)), flat(TREE), strict=True):
            assert np.array_equal(ours, g)


def test_the_norm_of_a_clipped_tree_is_the_greatest_allowed() -> None:
    clipped, norm = ge.clip_by_global_norm(TREE, 2.0)
    assert ge.global_norm(clipped).item() == pytest.approx(2.0 * norm.item() / (norm.item() + SMALL), rel=1e-14)
    assert ge.global_norm({}).item() == ge.global_norm({"empty": np.ones((0, 3))}).item() == 0.0
    assert ge.global_norm({"huge": np.full(4, 1e300), "zero": np.zeros(2)}).item() == 2e300


def test_clipping_inside_a_transform_is_differentiated() -> None:
    f = lambda x: ge.sum(ge.clip_by_global_norm({"x": x}, 1.0)[0]["x"])  # x / (|x| + 1e-6)
    slope = ge.grad(f)(np.array([3.0, 4.0])).data
    n = 5.0
    expected = [1 / (n + SMALL) - 7.0 * x / n / (n + SMALL) ** 2 for x in (3.0, 4.0)]
    assert np.allclose(slope, expected, rtol=1e-14)
