"""Optimisers: PyTorch's step by step within the rounding that both may show, pure, and over trees."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

import gradproof.engine as ge

STEPS = 100
SHAPES = {"w": (3, 4), "b": (4,), "scale": ()}


@dataclass(frozen=True)
class Rounded:
    """A value in exact-enough arithmetic, and how far a computed one may be off: each operation adds half an ulp.

    Source: Higham, Accuracy and Stability of Numerical Algorithms, 3.3, the running error bound.
    """

    value: Any
    error: Any
    unit: float

    def of(self, value: Any, error: Any) -> Rounded:
        value = np.asarray(value, np.longdouble)
        return Rounded(value, (error + self.unit * np.abs(value)) * (1 + 4 * self.unit) + 1e-300, self.unit)

    def lift(self, x: Any) -> Rounded:
        if isinstance(x, Rounded):
            return x
        return Rounded(np.longdouble(x), self.unit * abs(np.longdouble(x)), self.unit)  # a Python number is rounded to the dtype

    def __add__(self, other: Any) -> Rounded:
        o = self.lift(other)
        return self.of(self.value + o.value, self.error + o.error)

    def __sub__(self, other: Any) -> Rounded:
        o = self.lift(other)
        return self.of(self.value - o.value, self.error + o.error)

    def __mul__(self, other: Any) -> Rounded:
        o = self.lift(other)
        return self.of(self.value * o.value, abs(self.value) * o.error + abs(o.value) * self.error + self.error * o.error)

    def __truediv__(self, other: Any) -> Rounded:
        o = self.lift(other)
        low = abs(o.value) - o.error
        return self.of(self.value / o.value, (self.error + abs(self.value / o.value) * o.error) / low)

    def sqrt(self) -> Rounded:
        root = np.sqrt(self.value)
        return self.of(root, np.where(root > 0, self.error / np.maximum(root, 1e-300), np.sqrt(self.error)))

    def maximum(self, other: Rounded) -> Rounded:
        return Rounded(np.maximum(self.value, other.value), np.maximum(self.error, other.error), self.unit)

    def towards(self, end: Rounded, weight: float) -> Rounded:
        """self + weight (end - self), or the same from the other end: three roundings of the difference, one of the sum."""
        way = end.value - self.value
        value = self.value + weight * way
        passed = (1 - weight) * self.error + weight * end.error
        return self.of(value, passed + 3 * self.unit * max(weight, 1 - weight) * abs(way))

    __radd__, __rmul__ = __add__, __mul__


def sgd(p: Rounded, g: Rounded, kept: dict[str, Any], t: int, o: dict[str, Any]) -> tuple[Rounded, dict[str, Any]]:
    g = g + p * o["weight_decay"]
    buffer = g if t == 1 else kept["momentum"] * o["momentum"] + g * (1 - o["dampening"])
    return p - (g + buffer * o["momentum"] if o["nesterov"] else buffer) * o["lr"], {"momentum": buffer}


def adam(p: Rounded, g: Rounded, kept: dict[str, Any], t: int, o: dict[str, Any]) -> tuple[Rounded, dict[str, Any]]:
    (b1, b2), lr = o["betas"], o["lr"]
    zero = p * 0.0
    if o["decoupled"]:
        p = p * (1 - lr * o["weight_decay"])
    else:
        g = g + p * o["weight_decay"]
    mean = kept.get("mean", zero).towards(g, 1 - b1)
    square = kept.get("square", zero) * b2 + g * (1 - b2) * g
    largest = square.maximum(kept.get("largest", square)) if o["amsgrad"] else square
    scale = largest.sqrt() / (1 - b2**t) ** 0.5 + o["eps"]
    return p - mean * (lr / (1 - b1**t)) / scale, {"mean": mean, "square": square, "largest": largest}


SGD = {"lr": 0.1, "momentum": 0.9, "dampening": 0.0, "weight_decay": 0.0, "nesterov": False}
ADAM = {"lr": 1e-2, "betas": (0.9, 0.999), "eps": 1e-8, "weight_decay": 0.0, "amsgrad": False, "decoupled": False}
CASES = [
    ("SGD", sgd, SGD | {"momentum": 0.0}),
    ("SGD", sgd, SGD),
    ("SGD", sgd, SGD | {"dampening": 0.3, "weight_decay": 0.01}),
    ("SGD", sgd, SGD | {"nesterov": True, "weight_decay": 0.001}),
    ("Adam", adam, ADAM),
    ("Adam", adam, ADAM | {"betas": (0.4, 0.7)}),
    ("Adam", adam, ADAM | {"weight_decay": 0.001}),
    ("Adam", adam, ADAM | {"amsgrad": True, "eps": 1e-3}),
    ("AdamW", adam, ADAM | {"decoupled": True, "weight_decay": 0.05}),
    ("AdamW", adam, ADAM | {"decoupled": True, "weight_decay": 0.05, "amsgrad": True}),
]


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize(("name", "formula", "options"), CASES)
def test_every_one_of_100_steps_is_pytorchs_within_the_rounding_of_both(
    name: str, formula: Any, options: dict[str, Any], dtype: str
) -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    rng = np.random.default_rng(0)
    start = {key: rng.normal(size=shape).astype(dtype) for key, shape in SHAPES.items()}
    given = {key: value for key, value in options.items() if key != "decoupled"}
    theirs = {key: torch.tensor(x, requires_grad=True) for key, x in start.items()}
    there = getattr(torch.optim, name)(theirs.values(), foreach=False, **given)
    here = getattr(ge.optim, name.lower())(**given)
    ours, state = start, here.init(start)
    unit = float(np.finfo(dtype).eps) / 2
    exact = {key: Rounded(x.astype(np.longdouble), 0.0 * x.astype(np.longdouble), unit) for key, x in start.items()}
    kept: dict[str, dict[str, Any]] = {key: {} for key in start}
    same = 0
    for t in range(1, STEPS + 1):
        gradients = {key: (rng.normal(size=shape) * 10.0 ** rng.integers(-3, 2)).astype(dtype) for key, shape in SHAPES.items()}
        for key, g in gradients.items():
            theirs[key].grad = torch.tensor(g)
            exactly = Rounded(g.astype(np.longdouble), 0.0 * g.astype(np.longdouble), unit)
            exact[key], kept[key] = formula(exact[key], exactly, kept[key], t, options)
        there.step()
        ours, state = here.update(ours, gradients, state)
        for key, x in ours.items():
            for who, value in (("ours", x.data), ("torch", theirs[key].detach().numpy())):
                off = np.abs(value.astype(np.longdouble) - exact[key].value) / exact[key].error
                assert value.dtype == dtype
                assert off.max() <= 1, f"{who}, step {t}, {key}: {off.max():.3g} bounds"
            assert np.max(exact[key].error) < 1e4 * unit * max(1.0, np.max(np.abs(x.data))), "a bound that says nothing"
            same += np.count_nonzero(x.data == theirs[key].detach().numpy())
    assert state["step"] == STEPS
    assert same > 0


def test_an_update_changes_nothing_that_it_was_given() -> None:
    parameters = {"w": np.ones(3), "layers": [np.ones((2, 2)), (np.float32(2.0), None)]}
    optimizer = ge.optim.adamw()
    _, gradients = ge.value_and_grad(lambda p: ge.sum(p["w"]) * p["layers"][1][0] + ge.sum(p["layers"][0]))(parameters)
    state = optimizer.init(parameters)
    before = copy.deepcopy((parameters, ge.pytree.map(lambda g: g.data, gradients)))
    moved, after = optimizer.update(parameters, gradients, state)
    again, _ = optimizer.update(parameters, gradients, state)
    assert (state["step"], after["step"]) == (0, 1)
    for a, b in zip(*(ge.pytree.flatten(tree)[0] for tree in (before[0], parameters)), strict=True):
        assert np.array_equal(a, b)
    for a, b in zip(*(ge.pytree.flatten(tree)[0] for tree in (moved, again)), strict=True):
        assert np.array_equal(a.data, b.data)
    assert moved["layers"][1][0].dtype == np.float32
    assert moved["layers"][1][1] is None
    assert ge.pytree.flatten(after["mean"])[1] == ge.pytree.flatten(parameters)[1]


def test_a_learning_rate_may_be_given_for_a_step() -> None:
    optimizer = ge.optim.sgd(lr=1.0)
    moved, _ = optimizer.update(np.array(5.0), np.array(2.0), optimizer.init(np.array(5.0)), lr=0.25)
    assert moved.item() == 4.5


def test_an_update_may_itself_be_differentiated() -> None:
    optimizer = ge.optim.sgd(lr=0.5)

    def after_one_step(x: Any) -> Any:
        moved, _ = optimizer.update(x, ge.grad(lambda x: x**3)(x), optimizer.init(x))
        return moved  # x - 1.5 x**2

    assert ge.grad(after_one_step)(2.0).item() == 1 - 3 * 2.0


def test_gradients_that_do_not_fit_and_odd_settings_are_named() -> None:
    optimizer = ge.optim.adam()
    state = optimizer.init({"w": np.ones(3)})
    with pytest.raises(ge.ShapeError, match=r"the gradient\['w'\] has shape \(2,\), expected \(3,\), as its parameter"):
        optimizer.update({"w": np.ones(3)}, {"w": np.ones(2)}, state)
    with pytest.raises(ge.TreeError, match=r"the gradient has the keys \['v'\], expected the keys \['w'\]"):
        optimizer.update({"w": np.ones(3)}, {"v": np.ones(3)}, state)
    with pytest.raises(ValueError, match="nesterov needs a momentum above 0 and no dampening"):
        ge.optim.sgd(nesterov=True)
    with pytest.raises(ge.DtypeError, match="adam of complex128: it scales real numbers"):
        optimizer.update(1j * np.ones(2), np.ones(2), {"step": 0, "mean": np.zeros(2), "square": np.zeros(2)})
