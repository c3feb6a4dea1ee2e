"""Trees of arrays as inputs and outputs of every transform, and what is said of a bad leaf."""

from __future__ import annotations

import re
from collections import OrderedDict, namedtuple
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

import gradproof.engine as ge
from gradproof.engine import pytree

Pair = namedtuple("Pair", "first second")


@dataclass(frozen=True)
class Layer:
    weight: Any
    bias: Any = None
    kind: str = field(default="tanh", metadata={"static": True})


TREE = {"layers": [Layer(np.ones((2, 3)), np.zeros(2)), Layer(np.full((1, 2), 2.0))], "scale": Pair(3.0, (None, 0.5))}
PATHS = ["['layers'][0].weight", "['layers'][0].bias", "['layers'][1].weight", "['scale'].first", "['scale'].second[1]"]


def net(p: Any, x: Any) -> Any:
    for layer in p["layers"]:
        x = ge.matmul(layer.weight, x)
        x = x if layer.bias is None else x + layer.bias
        x = ge.tanh(x) if layer.kind == "tanh" else x
    return ge.sum(x) * p["scale"].first + p["scale"].second[1] ** 2


X = np.array([0.1, -0.2, 0.3])


def flat(p: Any) -> list[np.ndarray]:
    return [np.asarray(x) for x in pytree.flatten(p)[0]]


def test_a_tree_comes_apart_and_together_again() -> None:
    leaves, structure = pytree.flatten(TREE)
    assert len(leaves) == structure.leaves == 5
    assert pytree.paths(structure) == PATHS
    again = pytree.unflatten(structure, leaves)
    assert isinstance(again["scale"], Pair)
    assert again["layers"][1].kind == "tanh"
    assert again["layers"][0].weight is TREE["layers"][0].weight
    assert pytree.flatten(again)[1] == structure


def test_a_list_of_numbers_is_an_array_and_a_list_of_arrays_is_a_tree() -> None:
    assert np.array_equal(ge.grad(lambda x: ge.sum(x * x))([1.0, 2.0]).data, [2.0, 4.0])
    assert [g.item() for g in ge.grad(lambda x: x[0] * x[1])([np.array(3.0), 4.0])] == [4.0, 3.0]
    assert [g.item() for g in ge.grad(lambda x: x[0] * x[1])((3.0, 4.0))] == [4.0, 3.0]
    assert pytree.flatten([]) == ([], pytree.Structure(list))


def test_gradients_have_the_structure_of_the_parameters() -> None:
    value, gradient = ge.value_and_grad(net)(TREE, X)
    assert pytree.flatten(gradient)[1] == pytree.flatten(TREE)[1]
    assert gradient["scale"].second[1].item() == 1.0
    for i, (path, leaf) in enumerate(zip(PATHS, flat(TREE), strict=True)):
        leaves, structure = pytree.flatten(TREE)
        alone = ge.grad(lambda x, i=i, leaves=leaves, structure=structure: net(pytree.unflatten(structure, [*leaves[:i], x, *leaves[i + 1 :]]), X))
        assert np.array_equal(alone(leaf).data, flat(gradient)[i]), path
    assert value.item() == net(TREE, X).item()


def test_several_arguments_may_each_be_a_tree() -> None:
    of_tree, of_x = ge.grad(net, (0, 1))(TREE, X)
    assert of_tree["layers"][0].weight.shape == (2, 3)
    assert of_x.shape == (3,)
    with_aux, extra = ge.grad(lambda p: (net(p, X), {"kept": p["scale"].first, "note": "text"}), has_aux=True)(TREE)
    assert (extra["kept"].item(), extra["note"], extra["kept"].node) == (3.0, "text", None)
    assert with_aux["scale"].second[1].item() == 1.0


def test_jvp_linearize_and_hvp_agree_with_jacobian_and_hessian_on_trees() -> None:
    rng = np.random.default_rng(0)
    tangent = pytree.map(lambda x: rng.normal(size=np.shape(x)), TREE)
    f = lambda p: {"loss": net(p, X), "rest": (p["scale"].first * p["layers"][0].bias,)}
    out, along = ge.jvp(f, (TREE,), (tangent,))
    pushed = ge.linearize(f, TREE)[1](tangent)
    for mode in ("forward", "reverse", "auto"):
        blocks = ge.jacobian(f, mode=mode)(TREE)
        for part, whole in ((lambda t: t["loss"], along["loss"]), (lambda t: t["rest"][0], along["rest"][0])):
            total = sum(np.tensordot(b, t, t.ndim) for b, t in zip(flat(part(blocks)), flat(tangent), strict=True))
            assert np.allclose(total, np.asarray(whole), rtol=1e-13, atol=1e-15), mode
    assert np.array_equal(np.asarray(pushed["rest"][0]), np.asarray(along["rest"][0]))
    assert out["loss"].item() == net(TREE, X).item()
    h = ge.hessian(lambda p: net(p, X))(TREE)
    product = ge.hvp(lambda p: net(p, X), TREE, tangent)
    row = h["layers"][0].weight
    total = sum(np.tensordot(b, t, t.ndim) for b, t in zip(flat(row), flat(tangent), strict=True))
    assert np.allclose(total, product["layers"][0].weight.data, rtol=1e-12, atol=1e-14)


def test_a_hessian_by_several_arguments_nests_twice() -> None:
    h = ge.hessian(lambda x, y: ge.sum(x * x * y), (0, 1))(np.ones(2), np.full(2, 3.0))
    assert np.array_equal(h[0][0].data, np.diag([6.0, 6.0]))
    assert np.array_equal(h[0][1].data, np.diag([2.0, 2.0]))
    assert np.array_equal(h[1][1].data, np.zeros((2, 2)))


@pytest.mark.parametrize(("rows", "columns", "sweeps"), [(3, 40, 3), (40, 3, 3)])
def test_a_jacobian_is_taken_the_short_way(rows: int, columns: int, sweeps: int, monkeypatch: pytest.MonkeyPatch) -> None:
    from gradproof.engine import transforms

    counted = []
    real = transforms.sweep
    monkeypatch.setattr(transforms, "sweep", lambda *args, **kw: counted.append(1) or real(*args, **kw))
    a = np.random.default_rng(0).normal(size=(rows, columns))
    assert np.allclose(ge.jacobian(lambda x: ge.sin(ge.matmul(a, x)))(np.zeros(columns)).data, a, rtol=1e-15)
    assert len(counted) == sweeps + (rows > columns)  # one recorded sweep, for columns


def test_jacfwd_and_jacrev_agree_and_keep_empty_shapes() -> None:
    f = lambda x: {"a": ge.linalg.outer(x, x), "b": x[:0]}
    x = np.array([1.0, 2.0, 3.0])
    forward, reverse = ge.jacfwd(f)(x), ge.jacrev(f)(x)
    assert np.array_equal(forward["a"].data, reverse["a"].data)
    assert forward["b"].shape == reverse["b"].shape == (0, 3)
    assert ge.jacfwd(lambda x: ge.sum(x))(np.ones((0, 2))).shape == (0, 2)
    with pytest.raises(ValueError, match="mode='both', expected 'auto', 'reverse' or 'forward'"):
        ge.jacobian(f, mode="both")


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: ge.grad(lambda p: 1.0)({"a": [np.ones(2), np.arange(3)]}), ge.DtypeError, "primal 0['a'][1] has dtype int64"),
        (lambda: ge.grad(lambda x, p: 1.0, 1)(1.0, Layer("text")), ge.DtypeError, "primal 0.weight has dtype str"),
        (lambda: ge.vjp(lambda x: {"a": {1: ge.sin}}, 1.0), ge.DtypeError, "output 0['a'][1] is a function, expected an array"),
        (lambda: ge.vjp(lambda x: {"a": x}, 1.0)[1]({"b": 1.0}), ge.TreeError, "the cotangent has the keys ['b'], expected the keys ['a']"),
        (lambda: ge.vjp(lambda x: {"a": (x, x)}, 1.0)[1]({"a": (1.0,)}), ge.TreeError, "the cotangent['a'] has 1 entries, expected 2"),
        (lambda: ge.vjp(lambda x: {"a": (x, x)}, 1.0)[1]({"a": 1.0}), ge.TreeError, "the cotangent['a'] is a float, expected a tuple"),
        (lambda: ge.vjp(lambda x: (x, {"a": x}), 1.0)[1]((1.0, {"a": np.ones(2)})), ge.ShapeError, "cotangent for output 1['a'] has shape (2,)"),
        (lambda: ge.jvp(lambda p: p["a"], ({"a": 1.0},), ({"a": np.ones(2)},)), ge.ShapeError, "tangent 0['a'] is float64(2,)"),
        (lambda: ge.jvp(lambda p: p["a"], ({"a": 1.0},), ([1.0],)), ge.TreeError, "tangent 0 is a list, expected a dict"),
        (lambda: pytree.map(lambda x, y: x, Layer(1.0), Layer(1.0, kind="relu")), ge.TreeError, "the static fields {'kind': 'relu'}"),
        (lambda: ge.vjp(lambda x: x, 1.0, has_aux=True), ge.ShapeError, "must return (output, aux), but it returned a Array"),
    ],
)  # fmt: skip
def test_a_bad_leaf_is_named_by_its_path(call: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=re.escape(message)):
        call()


def test_dicts_match_by_key_and_tuples_stand_for_lists() -> None:
    _, pullback = ge.vjp(lambda p: [p["a"], p["b"]], OrderedDict(b=1.0, a=2.0))
    (gradient,) = pullback((10.0, 20.0))
    assert type(gradient) is OrderedDict
    assert (gradient["a"].item(), gradient["b"].item()) == (10.0, 20.0)
    assert pytree.map(lambda x, y: x - y, {"a": 1, "b": 2}, {"b": 5, "a": 3}) == {"a": -2, "b": -3}


def test_no_primals_and_empty_trees_give_empty_gradients() -> None:
    assert ge.vjp(lambda: ge.as_array(1.0))[1](1.0) == ()
    assert ge.grad(lambda p: 1.0)({"none": None, "empty": ()}) == {"none": None, "empty": ()}
