"""The numbered choices of specs/conventions.md, tails that keep their digits, and shapes that break un-broadcasting."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from flint import arb, ctx

import gradproof.engine as ge
from gradproof.engine.rules import elementwise, linalg, reduction

INF = math.inf


def slopes(f: Any, *xs: Any) -> list[Any]:
    """The gradients of sum(f(*xs)), as nested lists."""
    return [g.data.tolist() for g in ge.grad(lambda *v: ge.sum(f(*v)), tuple(range(len(xs))))(*map(np.asarray, xs))]


@pytest.mark.parametrize(
    ("number", "f", "xs", "expected"),
    [
        ("C1", ge.abs, [0.0], [0.0]),
        ("C1", ge.copysign, [0.0, -1.0], [0.0, 0.0]),
        ("C2", ge.sign, [0.0], [0.0]),
        ("C3", ge.sqrt, [0.0], [INF]),
        ("C4", ge.nn.relu, [0.0], [0.0]),
        ("C5", lambda x: ge.nn.leaky_relu(x, negative_slope=0.25), [0.0], [0.25]),
        ("C5", lambda x: ge.nn.elu(x, alpha=1.5), [0.0], [1.5]),
        ("C6", lambda x: ge.clip(x, 0.0, 1.0), [[0.0, 1.0, -0.5, 0.5]], [[1.0, 1.0, 0.0, 1.0]]),
        ("C7", ge.pow, [0.0, 0.0], [0.0, 0.0]),
        ("C7", ge.pow, [0.0, 2.0], [0.0, 0.0]),
        ("C7", ge.pow, [0.0, 1.0], [1.0, 0.0]),
        ("C7", ge.pow, [0.0, 0.5], [INF, 0.0]),
        ("C8", ge.maximum, [2.0, 2.0], [0.5, 0.5]),
        ("C8", ge.minimum, [2.0, 2.0], [0.5, 0.5]),
        ("C8", lambda x: ge.maximum(x, x), [2.0], [1.0]),
        ("C9", ge.hypot, [0.0, 0.0], [0.0, 0.0]),
        ("C10", ge.xlogy, [0.0, 0.0], [-INF, 0.0]),
        ("C10", ge.xlogy, [0.0, 2.0], [math.log(2.0), 0.0]),
        ("C11", ge.atan2, [0.0, 0.0], [0.0, 0.0]),
        ("C12", ge.linalg.vector_norm, [[0.0, 0.0]], [[0.0, 0.0]]),
        ("C12", lambda x: ge.linalg.vector_norm(x, ord=3), [[0.0, 0.0]], [[0.0, 0.0]]),
        ("C12", ge.std, [[0.1] * 10], [[0.0] * 10]),
        ("C13", ge.max, [[1.0, 3.0, 3.0, 2.0]], [[0.0, 0.5, 0.5, 0.0]]),
        ("C13", lambda x: ge.min(x, axis=0), [[[1.0, 3.0], [1.0, 4.0]]], [[[0.5, 1.0], [0.5, 0.0]]]),
        ("C13", lambda x: ge.nn.max_pool2d(x, (1, 2), (1, 2)), [[[2.0, 2.0]]], [[[0.5, 0.5]]]),
        ("C14", lambda x: ge.linalg.cholesky(x)[1, 0], [[[4.0, 2.0], [2.0, 5.0]]], [[[-0.125, 0.25], [0.25, 0.0]]]),
        ("C15", lambda x: ge.where(x > 0, ge.sqrt(x), 0.0), [0.0], [0.0]),
        ("C15", lambda x: ge.where(x == 0, 1.0, ge.sin(x) / x), [0.0], [0.0]),
        ("C16", lambda x: ge.linalg.vector_norm(x, ord=1), [[0.0, -2.0]], [[0.0, -1.0]]),
        ("C16", lambda x: ge.linalg.vector_norm(x, ord=np.inf), [[2.0, -2.0]], [[0.5, -0.5]]),
    ],
)
def test_a_kink_follows_its_numbered_convention(number: str, f: Any, xs: Any, expected: Any) -> None:
    assert slopes(f, *xs) == expected


def test_every_convention_cited_by_a_rule_is_in_the_list() -> None:
    listed = (Path(__file__).parents[2] / "specs" / "conventions.md").read_text()
    for module in (elementwise, linalg, reduction):
        source = Path(module.__file__).read_text()
        cited = {word.strip(":;,.") for line in source.splitlines() if "# C" in line for word in line.split("# ")[-1].split()[:1]}
        assert all(f"**{number}**" in listed for number in cited if number[1:].isdigit())


def test_a_pow_exponent_at_a_negative_base_has_no_slope() -> None:
    gx, gy = slopes(ge.pow, -2.0, 3.0)
    assert gx == 12.0
    assert math.isnan(gy)


def test_a_zero_cotangent_is_not_propagated_through_an_infinite_slope() -> None:
    ends = [(ge.sqrt, 0.0), (ge.log, 0.0), (ge.log1p, -1.0), (ge.rsqrt, 0.0), (ge.reciprocal, 0.0), (ge.asin, 1.0), (ge.acos, -1.0),
            (ge.acosh, 1.0), (ge.atanh, 1.0), (ge.log2, 0.0), (ge.log10, 0.0), (lambda x: x**0.5, 0.0)]  # fmt: skip
    for f, x in ends:
        assert ge.vjp(f, x)[1](0.0)[0].item() == 0.0


BITS = 2000
SLOPES = {
    "tanh": lambda x: 1 / x.cosh() ** 2,
    "nn.sigmoid": lambda x: 1 / ((1 + x.exp()) * (1 + (-x).exp())),
    "nn.softplus": lambda x: 1 / (1 + (-x).exp()),
    "nn.silu": lambda x: 1 / (1 + (-x).exp()) + x / ((1 + x.exp()) * (1 + (-x).exp())),
    "nn.gelu": lambda x: (-x / arb(2).sqrt()).erfc() / 2 + x * (-x * x / 2).exp() / (2 * arb.pi()).sqrt(),
    "erf": lambda x: 2 / arb.pi().sqrt() * (-x * x).exp(),
    "erfc": lambda x: -2 / arb.pi().sqrt() * (-x * x).exp(),
    "expm1": lambda x: x.exp(),
    "atan": lambda x: 1 / (1 + x * x),
    "asinh": lambda x: 1 / (1 + x * x).sqrt(),
}


@pytest.mark.parametrize("name", SLOPES)
def test_a_slope_keeps_its_digits_in_the_tails(name: str) -> None:
    f = getattr(ge.nn, name[3:]) if name.startswith("nn.") else getattr(ge, name)
    before, ctx.prec = ctx.prec, BITS
    try:
        for x in [0.0, 1e-160, 1e-8, 0.5, 3.0, 20.0, 36.0, 40.0, 700.0, 1000.0, 1e12, 1e160]:
            for sign in (-1.0, 1.0):
                if name == "expm1" and sign * x > 700:
                    continue
                exact = float(SLOPES[name](arb(sign * x))) if x < 1e3 or name in ("atan", "asinh") else None
                got = ge.grad(f)(sign * x).item()
                if exact is None:
                    assert got in (0.0, 1.0)
                else:  # the argument may be off by half an ulp, and the slope is steep there: up to 2 x**2 ulp
                    assert got == pytest.approx(exact, rel=2e-16 * (8 + 3 * min(x, 40.0) ** 2 + x), abs=2.3e-308)
    finally:
        ctx.prec = before


@pytest.mark.parametrize("big", [1e-160, 1e160, 1e-300, 1e300])
def test_norms_neither_overflow_nor_underflow(big: float) -> None:
    assert slopes(ge.hypot, 3 * big, 4 * big) == pytest.approx([0.6, 0.8])
    assert slopes(ge.linalg.vector_norm, [3 * big, -4 * big])[0] == pytest.approx([0.6, -0.8])
    assert slopes(ge.std, [big, -big])[0] == pytest.approx([0.5, -0.5])
    assert slopes(ge.atan2, big, big) == pytest.approx([0.5 / big, -0.5 / big])


@pytest.mark.parametrize("f", [ge.logsumexp, ge.nn.softmax, ge.nn.log_softmax])
def test_softmax_and_kin_are_finite_at_a_thousand(f: Any) -> None:
    x = np.array([1000.0, -1000.0, 1000.0, 0.0])
    g = ge.grad(lambda v: ge.sum(f(v) * np.arange(1.0, 5.0)) if f is not ge.logsumexp else f(v))(x).data
    assert np.isfinite(g).all()
    second = ge.hvp(lambda v: ge.sum(ge.square(f(v))), x, np.ones(4)).data
    assert np.isfinite(second).all()
    if f is ge.logsumexp:
        assert g.tolist() == [0.5, 0.0, 0.5, 0.0]


@pytest.mark.parametrize(
    ("x", "expected"),
    [([2.0, 3.0, 4.0], [12.0, 8.0, 6.0]), ([0.0, 3.0, 4.0], [12.0, 0.0, 0.0]), ([0.0, 0.0, 4.0], [0.0, 0.0, 0.0]),
     ([5.0], [1.0]), ([], []), ([1e200, 1e200, 1e-200, 1e-200], [1e-200, 1e-200, 1e200, 1e200])],
)  # fmt: skip
def test_prod_never_divides(x: list[float], expected: list[float]) -> None:
    assert slopes(ge.prod, x)[0] == pytest.approx(expected, rel=1e-15)


def test_det_has_the_adjugate_as_gradient_at_singular_matrices_too() -> None:
    assert slopes(ge.linalg.det, [[1.0, 2.0], [2.0, 4.0]]) == [[[4.0, -2.0], [-2.0, 1.0]]]
    assert slopes(ge.linalg.det, np.zeros((3, 3))) == [np.zeros((3, 3)).tolist()]
    assert slopes(ge.linalg.det, [[0.0]]) == [[[1.0]]]


@pytest.mark.parametrize("shapes", [((), (3,)), ((1,), ()), ((2, 1, 3), (4, 1)), ((1, 1), (0, 1)), ((2, 0, 1), (1, 1, 5)), ((1, 3), (2, 1, 1))])
@pytest.mark.parametrize("op", [ge.add, ge.multiply, ge.maximum, ge.hypot])
def test_a_gradient_has_its_primals_shape_however_it_was_broadcast(op: Any, shapes: Any) -> None:
    rng = np.random.default_rng(0)
    x, y = (rng.uniform(1.0, 2.0, s) for s in shapes)
    out, pullback = ge.vjp(op, x, y)
    ct = rng.uniform(-1.0, 1.0, out.shape)
    full = [np.broadcast_to(v, out.shape).copy() for v in (x, y)]
    for g, whole, primal in zip(pullback(ct), ge.vjp(op, *full)[1](ct), (x, y), strict=True):
        assert g.shape == primal.shape
        axes = tuple(range(len(out.shape) - primal.ndim))
        summed = whole.data.sum(axis=axes)
        for i, n in enumerate(primal.shape):
            if n == 1:
                summed = summed.sum(axis=i, keepdims=True)
        assert np.allclose(g.data, summed, rtol=1e-14)


@pytest.mark.parametrize("shape", [(), (0,), (1,), (2, 0, 3), (0, 3), (3, 0), (1, 1, 1)])
def test_every_reduction_and_shape_op_works_on_odd_shapes(shape: tuple[int, ...]) -> None:
    x = np.ones(shape)
    fs = [ge.sum, ge.mean, ge.prod, ge.var, ge.std, ge.logsumexp, ge.linalg.vector_norm, ge.flip, lambda v: ge.reshape(v, -1),
          lambda v: ge.tile(v, (2, 1)), lambda v: ge.repeat(v, 2), lambda v: ge.concat([v, v], axis=None), lambda v: v[...],
          lambda v: v[None], lambda v: ge.roll(v, 1, axis=None), lambda v: ge.stack([v, v]), lambda v: ge.expand_dims(v, -1)]  # fmt: skip
    if x.size:
        fs += [ge.max, ge.min]
    for f in fs:
        out, pullback = ge.vjp(f, x)
        (g,) = pullback(np.ones(out.shape))
        assert (g.shape, g.dtype) == (shape, np.float64)
        assert ge.hvp(lambda v, f=f: ge.sum(f(v) * f(v)), x, x).shape == shape
    for axis in range(-len(shape), len(shape)):
        for f in (ge.sum, ge.logsumexp, ge.nn.softmax, ge.prod, ge.std):
            assert ge.vjp(lambda v, f=f, axis=axis: f(v, axis=axis), x)[1](np.ones(f(x, axis=axis).shape))[0].shape == shape


def test_the_same_array_may_fill_both_operands() -> None:
    x = np.array([1.0, 2.0])
    assert slopes(lambda v: v * v, x) == [[2.0, 4.0]]
    assert slopes(lambda v: v - v, x) == [[0.0, 0.0]]
    assert slopes(lambda v: ge.matmul(v, v), x) == [[2.0, 4.0]]
    assert slopes(lambda v: ge.einsum("i,i->", v, v), x) == [[2.0, 4.0]]
    assert slopes(lambda v: ge.concat([v, v]), x) == [[2.0, 2.0]]


def test_softshrink_adds_nothing_to_a_cotangent_where_it_is_flat() -> None:
    """Built as x - clip(x) it added a cotangent and took it away, and what else reached x lost its digits."""
    small = 8.6872926354162e-07
    gradient = ge.grad(lambda x: ge.sum(ge.nn.softshrink(x, lambd=2.0) + ge.multiply(x, small)))(np.zeros(1))
    assert gradient.item() == small


@pytest.mark.parametrize(("dtype", "big"), [(np.float16, -65472.0), (np.float32, -3e38), (np.float64, -1.7e308)])
def test_what_a_mask_hides_reaches_no_gradient_though_its_cotangent_overflows(dtype: type, big: float) -> None:
    q, v = np.ones((2, 1), dtype), np.array([[1.0], [big]], dtype)
    _, pullback = ge.vjp(lambda q, k: ge.nn.scaled_dot_product_attention(q, k, v, causal=True, scale=1.0), q, q)
    for gradient in pullback(np.array([[10.0], [0.0]], dtype)):
        assert np.asarray(gradient).tolist() == [[0.0], [0.0]]
