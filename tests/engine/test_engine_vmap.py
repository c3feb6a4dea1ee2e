"""vmap: a rule or a reason for every primitive, every nesting, and what cannot be batched."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import gradproof.engine as ge
from gradproof.engine import batching
from gradproof.engine.backend import kernels
from gradproof.engine.batch_rules import LOOPED, RULES
from gradproof.engine.ops import OPS
from gradproof.engine.rules import VARIADIC

RNG = np.random.default_rng(0)
X = RNG.normal(size=(5, 4, 3))
W = RNG.normal(size=(3, 3))


def close(a: Any, b: Any) -> bool:
    return a.shape == b.shape and bool(np.allclose(a.data, b.data, rtol=1e-13, atol=1e-13))


def one_by_one(f: Any, *xs: Any) -> Any:
    return ge.stack([f(*(x[i] for x in xs)) for i in range(len(xs[0]))])


def test_every_primitive_and_kernel_has_a_batching_rule_or_a_reason_why_it_is_run_example_by_example() -> None:
    for name in {*OPS, *VARIADIC, *kernels}:
        assert (name in RULES) != (name in LOOPED), f"'{name}': give it a line in engine/batch_rules.py, in RULES or in LOOPED"
    assert all(reason for reason in LOOPED.values())


def energy(x: Any, w: Any) -> Any:
    return ge.sum(ge.tanh(ge.matmul(x, w)) * ge.nn.softmax(x, axis=0)) / (1.0 + ge.max(x))


FIXED = ge.as_array(W)
NESTED = {
    "vmap of value": (ge.vmap(lambda x: energy(x, FIXED)), lambda x: energy(x, FIXED)),
    "vmap of grad": (ge.vmap(ge.grad(lambda x: energy(x, FIXED))), ge.grad(lambda x: energy(x, FIXED))),
    "vmap of hvp": (ge.vmap(lambda x: ge.hvp(lambda y: energy(y, FIXED), x, ge.cos(x))), lambda x: ge.hvp(lambda y: energy(y, FIXED), x, ge.cos(x))),
    "vmap of jvp": (ge.vmap(lambda x: ge.jvp(lambda y: energy(y, FIXED), (x,), (ge.cos(x),))[1]), lambda x: ge.jvp(lambda y: energy(y, FIXED), (x,), (ge.cos(x),))[1]),
    "vmap of vmap": (ge.vmap(ge.vmap(lambda r: ge.tanh(ge.matmul(FIXED, r)))), lambda x: ge.stack([ge.tanh(ge.matmul(FIXED, r)) for r in x])),
    "vmap of checkpoint": (ge.vmap(ge.grad(ge.checkpoint(lambda x: energy(x, FIXED)))), ge.grad(lambda x: energy(x, FIXED))),
    "vmap of trace": (ge.vmap(ge.trace(ge.grad(lambda x: energy(x, FIXED)))), ge.grad(lambda x: energy(x, FIXED))),
    "vmap of jacobian": (ge.vmap(ge.jacobian(lambda x: ge.tanh(ge.matmul(x, FIXED))[0])), ge.jacobian(lambda x: ge.tanh(ge.matmul(x, FIXED))[0])),
}  # fmt: skip


@pytest.mark.parametrize("name", NESTED)
def test_a_batch_gives_what_its_examples_give(name: str) -> None:
    batched, single = NESTED[name]
    assert close(batched(X), one_by_one(single, ge.as_array(X)))


def test_a_gradient_around_a_batch_and_one_within_it_keep_apart() -> None:
    def total(w: Any) -> Any:
        return ge.sum(ge.vmap(lambda x: ge.grad(lambda y: energy(y, w))(x))(X) * X)

    def looped(w: Any) -> Any:
        return ge.sum(one_by_one(lambda x: ge.grad(lambda y: energy(y, w))(x), ge.as_array(X)) * X)

    assert close(ge.grad(total)(W), ge.grad(looped)(W))
    assert close(ge.hvp(total, W, W.T), ge.hvp(looped, W, W.T))
    assert close(ge.jvp(total, (W,), (W.T,))[1], ge.jvp(looped, (W,), (W.T,))[1])
    assert close(ge.grad(ge.checkpoint(total))(W), ge.grad(looped)(W))
    assert close(ge.trace(ge.grad(total))(ge.as_array(W)), ge.grad(looped)(W))
    w = ge.variable(W)
    total(w).backward()
    assert close(w.grad, ge.grad(looped)(W))


def test_perturbations_of_inner_and_outer_variables_are_not_confused() -> None:
    def f(x: Any) -> Any:
        return x * ge.sum(ge.vmap(lambda c: ge.grad(lambda y: x * y * c)(1.0))(np.array([1.0, 2.0])))

    assert ge.grad(f)(3.0).item() == 18.0  # d/dx of x * (x * 1 + x * 2)
    inner = ge.vmap(ge.grad(lambda v: ge.grad(lambda y: v * y)(2.0)))
    assert inner(np.array([5.0, 6.0])).data.tolist() == [1.0, 1.0]


def test_axes_in_and_out() -> None:
    x = ge.as_array(X)
    f = ge.vmap(lambda r, w: ge.matmul(r, w), in_axes=(1, None), out_axes=2)
    expected = ge.permute_dims(ge.stack([ge.matmul(x[:, i], FIXED) for i in range(4)]), (1, 2, 0))
    assert close(f(X, W), expected)
    tree = ge.vmap(lambda p, r: {"a": p["w"] * r, "b": p["c"]}, in_axes=({"w": 0, "c": None}, -1), out_axes={"a": 0, "b": None})
    out = tree({"w": np.arange(3.0), "c": 2.0}, X)
    assert close(out["a"], ge.stack([float(i) * x[..., i] for i in range(3)]))
    assert out["b"] == 2.0
    same_for_all = ge.vmap(lambda r: ge.as_array(1.5))(X)
    assert same_for_all.data.tolist() == [1.5] * 5


KEYS = {
    "slices": (slice(1, None), ..., -1), "new axes": (None, 0, slice(None), None), "together": (np.array([0, 2, 2]), np.array([1, 0, 1])),
    "apart": (np.array([0, 2]), slice(None), np.array([1, 0])), "an int apart": (1, slice(None), np.array([[1, 0]])),
    "at the end": (..., np.array([1, 0, 0])), "a mask": (np.array([True, False, True, True]), slice(None)),
}  # fmt: skip


@pytest.mark.parametrize("name", KEYS)
def test_keys_read_each_example_as_they_read_it_alone(name: str) -> None:
    key = KEYS[name]
    x = RNG.normal(size=(5, 4, 3, 2)) if "apart" in name else X

    def read(v: Any) -> Any:
        return v[key]

    assert close(ge.vmap(read)(x), one_by_one(read, ge.as_array(x)))
    pulled = ge.grad(lambda v: ge.sum(ge.sin(v[key])))
    assert close(ge.vmap(pulled)(x), one_by_one(pulled, ge.as_array(x)))


@pytest.mark.parametrize("key", ["first", "last", "between", "table"])
def test_indices_may_differ_between_examples(key: str) -> None:
    where = RNG.integers(0, 3, size=(5, 2))

    def read(x: Any, i: Any) -> Any:
        return {"first": lambda: x[i], "last": lambda: x[..., i], "between": lambda: x[1:, i, None], "table": lambda: ge.as_array(W)[i]}[key]()

    alone = ge.stack([read(ge.as_array(X)[b], where[b]) for b in range(5)])
    assert close(ge.vmap(read)(X, where), alone)
    g = ge.vmap(lambda x, i: ge.grad(lambda v: ge.sum(ge.sin(read(v, i))))(x))(X, where)
    expected = ge.stack([ge.grad(lambda v, b=b: ge.sum(ge.sin(read(v, where[b]))))(X[b]) for b in range(5)])
    assert close(g, expected)


def test_labels_and_custom_pullbacks_and_hooks_are_batched() -> None:
    labels = np.array([[0, 1], [2, 2], [1, 0]])
    z = RNG.normal(size=(3, 2, 4))
    g = ge.vmap(lambda z, l: ge.grad(lambda z: ge.nn.cross_entropy(z, l))(z))(z, labels)
    assert close(g, ge.stack([ge.grad(lambda v, b=b: ge.nn.cross_entropy(v, labels[b]))(z[b]) for b in range(3)]))
    f = ge.custom_vjp(lambda x: ge.exp(x))
    f.defvjp(lambda x: (f(x), x), lambda x, ct: (3.0 * ct * ge.exp(x),))
    v = np.array([0.5, -1.0])
    assert close(ge.vmap(ge.grad(f))(v), 3.0 * ge.exp(v))
    assert close(ge.grad(lambda v: ge.sum(ge.vmap(f)(v)))(v), 3.0 * ge.exp(v))
    assert close(ge.trace(ge.grad(lambda v: ge.sum(f(v))))(v), 3.0 * ge.exp(v))
    assert close(ge.vmap(ge.grad(lambda x: ge.hook(ge.exp(x), on_cotangent=lambda ct: ct * 2.0)))(v), 2.0 * ge.exp(v))


def test_sorting_is_by_each_example() -> None:
    f = ge.grad(lambda x: ge.sum(ge.sort(x, axis=0) * ge.as_array(np.arange(12.0).reshape(4, 3))))
    assert close(ge.vmap(f)(X), one_by_one(f, ge.as_array(X)))


def test_what_has_no_rule_is_counted_and_right() -> None:
    images, filters = RNG.normal(size=(3, 2, 1, 5, 5)), RNG.normal(size=(3, 2, 1, 2, 2))
    f = ge.grad(lambda k, x: ge.sum(ge.sin(ge.nn.conv2d(x, k))))
    before = batching.FALLBACKS.total()
    out = ge.vmap(f)(filters, images)
    assert batching.FALLBACKS.total() > before
    expected = ge.stack([f(k, x) for k, x in zip(filters, images, strict=True)])
    assert close(out, expected)


def test_batches_that_do_not_fit_are_errors() -> None:
    with pytest.raises(ge.ShapeError, match=r"batches of sizes \[5, 4\]; expected one size"):
        ge.vmap(ge.add)(X, X[:4])
    with pytest.raises(ge.ShapeError, match=r"argument 0 of shape .* has no axis 3"):
        ge.vmap(ge.sin, in_axes=3)(X)
    with pytest.raises(ge.ShapeError, match="of no argument"):
        ge.vmap(ge.sin, in_axes=None)(X)
    with pytest.raises(ge.ShapeError, match="in_axes has 1 entries, expected 2"):
        ge.vmap(ge.add, in_axes=(0,))(X, X)
    with pytest.raises(ge.ShapeError, match="differs between examples"):
        ge.vmap(ge.sin, out_axes=None)(X)


def test_batches_of_half_precision_compute_wide_and_round_once_with_or_without_a_rule() -> None:
    from ml_dtypes import bfloat16

    for dtype in (np.float16, bfloat16):
        x, w = RNG.normal(size=(3, 1, 1, 5)).astype(dtype), RNG.normal(size=(3, 1, 1, 3)).astype(dtype)
        f = ge.grad(lambda x, w: ge.sum(ge.nn.sigmoid(ge.nn.conv_transpose1d(x, w, stride=2))))
        out = ge.vmap(f)(x, w)
        assert out.dtype == dtype
        alone = [f(a, b).data for a, b in zip(x, w, strict=True)]
        assert np.asarray(out.data).tobytes() == np.stack([np.asarray(a) for a in alone]).tobytes()
        assert np.asarray(ge.trace(f)(x[0], w[0]).data).tobytes() == np.asarray(alone[0]).tobytes()
        matrix = np.array([[0.0, 1.0], [2.0, 0.0]]).astype(dtype)  # a constant within
        g = ge.grad(lambda y, matrix=matrix: ge.sum(ge.linalg.solve(matrix, y)))
        y = np.ones((3, 2)).astype(dtype)
        assert np.array_equal(np.asarray(ge.vmap(g)(y).data, float), [[1.0, 0.5]] * 3)
        assert np.array_equal(np.asarray(ge.trace(g)(y[0]).data, float), [1.0, 0.5])


def test_arrays_of_other_libraries_are_batched_checkpointed_and_counted_and_traced_functions_run_eagerly_on_them() -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed: pip install 'gradproof[torch]'")
    x = torch.tensor([[1.0, 2.0], [3.0, 4.0]], dtype=torch.float64)
    f = ge.grad(lambda v: ge.sum(ge.sin(v) * v))
    expected = f(x.numpy()).data
    for g in (ge.vmap(f), ge.trace(f), ge.grad(ge.checkpoint(lambda v: ge.sum(ge.sin(v) * v)))):
        assert np.allclose(g(x).numpy(), expected, rtol=1e-14)
        assert type(g(x).data) is torch.Tensor
    v = ge.variable(x)
    assert ge.saved_bytes(ge.sin(ge.exp(v)), but=[v]).by_op == {"exp": 32}
    with pytest.raises(ge.TraceError, match="within a trace of NumPy arrays"):
        ge.trace(lambda y: ge.grad(lambda w: ge.sum(w * y))(x))(np.ones((2, 2)))


def test_arguments_by_keyword_are_taken_along_their_first_axis() -> None:
    f = ge.vmap(lambda x, *, p: x * p["scale"], in_axes=None)
    assert f(2.0, p={"scale": np.array([1.0, 2.0])}).numpy().tolist() == [2.0, 4.0]
    with pytest.raises(ge.ShapeError, match="sizes"):
        ge.vmap(lambda x, y: x + y)(np.zeros(2), y=np.zeros(3))
