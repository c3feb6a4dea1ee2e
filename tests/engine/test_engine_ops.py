"""Every op against central differences, at orders 1 to 3, in both dtypes: one table of cases."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial, reduce
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
import pytest

import gradproof.engine as ge

INDICES = np.array([[2, -1, 0], [0, 0, 1]])


class Op(NamedTuple):
    """An op by its dotted name, the shapes and ranges of its primals, and its parameters."""

    name: str
    shapes: tuple[tuple[int, ...], ...] = ((2, 3),)
    low: float = -2.0
    high: float = 2.0
    params: Mapping[str, Any] = MappingProxyType({})
    call: Callable[..., Any] | None = None  # where the operands are not just the primals

    def __str__(self) -> str:
        said = ",".join(f"{key}={value}" for key, value in self.params.items())
        return f"{self.name}{list(self.shapes)}{said}".replace(" ", "")

    @property
    def function(self) -> Callable[..., Any]:
        return self.call or partial(reduce(getattr, self.name.split("."), ge), **self.params)

    def primals(self, dtype: str = "float64", seed: int = 0) -> list[np.ndarray]:
        rng = np.random.default_rng(seed)
        return [rng.uniform(self.low, self.high, shape).astype(dtype) for shape in self.shapes]


def unary(names: str, low: float = -2.0, high: float = 2.0) -> list[Op]:
    return [Op(name, ((2, 3),), low, high) for name in names.split()]


def each(name: str, shapes: Any, *params: dict[str, Any], low: float = -2.0, high: float = 2.0) -> list[Op]:
    return [Op(name, shapes, low, high, p) for p in params]


def spd(x: Any) -> Any:
    return ge.linalg.cholesky(x @ ge.matrix_transpose(x) + np.eye(x.shape[-1], dtype=x.dtype))


CUBE, PAIR = ((2, 3, 4),), ((2, 3), (2, 3))
AXES = [{"axis": axis, "keepdims": keep} for axis, keep in
        [(None, False), (1, False), (-1, True), ((0, 2), False), ((-1, 0), True), (None, True)]]  # fmt: skip
OPS = [
    *unary("abs asinh atan cos cosh erf erfc exp expm1 negative sign sin sinh square tan tanh", 0.1, 1.4),
    *unary("asinh atan cos cosh erf erfc exp expm1 sin sinh square tanh abs sign negative"),
    *unary("acos asin atanh", -0.9, 0.9),
    *unary("acosh", 1.2, 3.0),
    *unary("log log1p log2 log10 reciprocal rsqrt sqrt", 0.3, 3.0),
    *unary("nn.relu nn.sigmoid nn.softplus nn.silu functions.elementwise.sech2", -3.0, 3.0),
    *each("nn.gelu", ((2, 3),), {"approximate": "none"}, {"approximate": "tanh"}),
    *each("nn.leaky_relu", ((2, 3),), {"negative_slope": 0.25}),
    *each("nn.elu", ((2, 3),), {"alpha": 1.5}),
    *each("clip", ((2, 3),), {"min": -0.5, "max": 1.0}, {"min": None, "max": 0.5}, {"min": 0.0, "max": None}),
    *[Op(name, shapes, low, 2.0)
      for name, low in [("add", -2), ("subtract", -2), ("multiply", -2), ("divide", 0.5), ("pow", 0.3), ("maximum", -2),
                        ("minimum", -2), ("hypot", -2), ("atan2", -2), ("copysign", 0.2), ("logaddexp", -2), ("xlogy", 0.3),
                        ("functions.elementwise.power_slope", 0.3)]
      for shapes in [PAIR, ((2, 1, 3), (4, 1)), ((), (2, 3))]],
    Op("where", PAIR, call=lambda x, y: ge.where(np.array([[True, False, True]]), x, y)),
    Op("pow_static", ((2, 3),), 0.3, call=lambda x: ge.pow(x, 3.0) + x**2 + 2.0**x),
    Op("scalars", ((2, 3),), 0.3, call=lambda x: (1.0 - x) / 2 + 3 / x - (x - 1.0) * np.ones(3, x.dtype)),
    *[op for name in ["sum", "mean", "max", "min", "prod", "logsumexp"] for op in each(name, CUBE, *AXES)],
    *[op for name in ["var", "std"] for op in each(name, CUBE, *[{**p, "correction": c} for p in AXES for c in (0, 1)])],
    *[op for ord in [1, 2, 3, np.inf] for op in each("linalg.vector_norm", CUBE, *[{**p, "ord": ord} for p in AXES])],
    *each("cumulative_sum", CUBE, *[{"axis": a, "include_initial": i} for a in (0, -1, 1) for i in (False, True)]),
    *each("reshape", CUBE, {"shape": (4, 6)}, {"shape": (-1,)}),
    *each("permute_dims", CUBE, {"axes": (2, 0, 1)}, {"axes": (-1, 0, -2)}),
    Op("matrix_transpose", CUBE),
    *each("expand_dims", CUBE, {"axis": -1}, {"axis": (0, 2)}),
    *each("squeeze", ((1, 3, 1),), {"axis": 0}, {"axis": (0, -1)}),
    *each("broadcast_to", ((3, 1),), {"shape": (2, 3, 4)}),
    *[Op(f"{f.__name__}({axis})", PAIR, call=lambda x, y, f=f, axis=axis: f([x, y, x], axis=axis))
      for f in (ge.concat, ge.stack) for axis in (0, -1)],
    Op("concat(None)", ((2, 3), (4,)), call=lambda x, y: ge.concat([x, y], axis=None)),
    *each("flip", CUBE, {"axis": None}, {"axis": -2}, {"axis": (0, -1)}),
    *each("roll", CUBE, {"shift": 2, "axis": None}, {"shift": -1, "axis": 1}, {"shift": (1, 2), "axis": (0, -1)}),
    *each("tile", ((2, 3),), {"repetitions": (2,)}, {"repetitions": (2, 1, 3)}),
    *each("repeat", CUBE, {"repeats": 2, "axis": None}, {"repeats": 3, "axis": -2}),
    *each("pad", ((2, 3),), {"pad_width": ((1, 0), (2, 1)), "value": 0.5}),
    *[op for name in ["tril", "triu"] for op in each(name, CUBE, {"k": 0}, {"k": -1}, {"k": 1})],
    *each("linalg.diagonal", CUBE, {"offset": 0}, {"offset": 1}, {"offset": -1}),
    *each("linalg.trace", CUBE, {"offset": 0}, {"offset": 2}),
    *each("getitem", CUBE, *[{"key": key} for key in [
        0, (slice(None), -1), (Ellipsis, None, slice(None, None, -2)), (1, 2, 3), ((0, 1, -1, 1),), (slice(None), (0, 0, -1)),
        ((0, 1), slice(None), (1, -1)), ((), slice(1, 2)), INDICES[:, :2] % 2]]),
    *[Op(f"take({axis})", ((3, 3, 3),), call=lambda x, axis=axis: ge.take(x, INDICES, axis=axis)) for axis in (0, -1)],
    Op("take_along_axis", ((2, 3),), call=lambda x: ge.take_along_axis(x, INDICES, axis=1)),
    Op("take_along_axis", ((3, 3),), call=lambda x: ge.take_along_axis(x, INDICES[:1] % 3, axis=0)),
    *[Op("matmul", shapes) for shapes in [
        ((2, 3), (3, 2)), ((3,), (3,)), ((3,), (3, 2)), ((2, 3), (3,)), ((4, 2, 3), (3, 2)), ((4, 2, 3), (3,)), ((3,), (4, 3, 2)),
        ((2, 1, 2, 3), (4, 3, 2)), ((2, 3), (4, 3, 2))]],
    *each("tensordot", ((2, 3, 4), (4, 3, 2)), {"axes": 1}, {"axes": ((1, -1), (1, 0))}),
    *each("tensordot", PAIR, {"axes": 2}, {"axes": 0}, {"axes": ((0,), (0,))}),
    *each("vecdot", ((4, 2, 3), (2, 3)), {"axis": -1}, {"axis": -2}),
    *each("vecdot", ((3, 4), (3, 4)), {"axis": 0}),
    Op("linalg.outer", ((3,), (4,))),
    *[Op(f"einsum({s})", shapes, call=lambda *x, s=s: ge.einsum(s, *x)) for s, shapes in [
        ("ij,jk->ik", ((2, 3), (3, 2))), ("ij->ji", ((2, 3),)), ("ii->i", ((3, 3),)), ("ii->", ((3, 3),)),
        ("iij,jk->ki", ((3, 3, 2), (2, 3))), ("ij,k->i", ((2, 3), (3,))), ("...ij,...jk->...ik", ((2, 1, 2, 3), (4, 3, 2))),
        ("...i->...", CUBE), ("ij,jk,kl->il", ((2, 3), (3, 2), (2, 2))), ("i,i,i->i", ((3,), (3,), (3,))), ("ij,ij", PAIR),
        ("i...,i->...", ((2, 3), (2,))), ("ij,jk", ((2, 3), (3, 2)))]],
    *[Op("linalg.inv", ((n, n),), 0.1, 3.0) for n in (1, 2, 3)],
    Op("linalg.inv", ((2, 2, 2),)),
    *[Op("linalg.det", ((n, n),)) for n in (0, 1, 2, 3, 9)],
    Op("linalg.det", ((2, 3, 3),)),
    *[Op("linalg.solve", shapes) for shapes in [((3, 3), (3,)), ((3, 3), (3, 2)), ((2, 3, 3), (3, 2)), ((2, 3, 3), (3,))]],
    Op("linalg.cholesky", ((3, 3),), call=spd),
    Op("linalg.cholesky", ((2, 2, 2),), call=spd),
    *[op for name in ["nn.softmax", "nn.log_softmax"] for op in each(name, CUBE, {"axis": -1}, {"axis": 1})],
    *each("nn.layer_norm", ((2, 4), (4,), (4,)), {"eps": 2**-10}),
    *[Op(f"cross_entropy({r})", ((3, 4),), call=lambda x, r=r: ge.nn.cross_entropy(x, np.array([1, 0, 3]), reduction=r))
      for r in ("mean", "sum", "none")],
    *each("nn.mse", PAIR, {"reduction": "mean"}, {"reduction": "sum"}, {"reduction": "none"}),
    *each("nn.conv2d", ((2, 2, 5, 4), (3, 2, 3, 2)), {"stride": (1, 1), "padding": (0, 0)}, {"stride": (2, 1), "padding": (1, 2)}),
    *each("nn.max_pool2d", ((2, 1, 4, 5),), {"window": (2, 2), "stride": (2, 2)}, {"window": (2, 3), "stride": (1, 1)}),
    Op("nn.embedding", ((3, 2),), call=lambda table: ge.nn.embedding(table, INDICES)),
    *each("nn.scaled_dot_product_attention", ((2, 3, 4), (2, 3, 4), (2, 3, 2)), {"causal": False, "scale": 0.5},
          {"causal": True, "scale": 0.25}),
]  # fmt: skip


def weighted(op: Op, primals: list[np.ndarray], seed: int = 1) -> Callable[..., Any]:
    """A scalar of the op's primals: its result paired with random signed weights."""
    shape = op.function(*primals).shape
    weights = np.random.default_rng(seed).uniform(-1.0, 1.0, shape).astype(primals[0].dtype)
    return lambda *xs: ge.sum(op.function(*xs) * weights)


def along(f: Callable[..., Any], primals: list[np.ndarray], tangents: list[np.ndarray]) -> float:
    """The directional derivative by central differences, extrapolated once."""

    def slope(h: float) -> float:
        up, down = (f(*(x + s * h * v for x, v in zip(primals, tangents, strict=True))) for s in (1, -1))
        return (float(up) - float(down)) / (2 * h)

    return (4 * slope(5e-4) - slope(1e-3)) / 3


def pairing(xs: Any, ys: Any) -> float:
    return float(sum(np.sum(np.asarray(x) * y) for x, y in zip(xs, ys, strict=True)))


def tangents_of(primals: list[np.ndarray], seed: int = 2) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    return [rng.uniform(-1.0, 1.0, x.shape).astype(x.dtype) for x in primals]


@pytest.mark.parametrize("op", OPS, ids=str)
def test_gradient_agrees_with_central_differences(op: Op) -> None:
    primals = op.primals()
    f, v = weighted(op, primals), tangents_of(primals)
    found = ge.grad(f, tuple(range(len(primals))))(*primals)
    assert pairing(found, v) == pytest.approx(along(f, primals, v), rel=1e-7, abs=1e-9)


@pytest.mark.parametrize("op", OPS, ids=str)
def test_second_and_third_order_agree_with_differences_of_the_order_below(op: Op) -> None:
    primals = op.primals()
    f, v = weighted(op, primals), tangents_of(primals)
    everything = tuple(range(len(primals)))

    def slope(g: Callable[..., Any]) -> Callable[..., Any]:
        def along_v(*xs: Any) -> Any:
            terms = [ge.sum(d * u) for d, u in zip(ge.grad(g, everything)(*xs), v, strict=True)]
            return reduce(ge.add, terms)

        return along_v

    second = slope(slope(f))
    assert float(second(*primals)) == pytest.approx(along(slope(f), primals, v), rel=1e-6, abs=1e-8)
    third = pairing(ge.grad(second, everything)(*primals), v)
    assert third == pytest.approx(along(second, primals, v), rel=1e-5, abs=1e-7)


@pytest.mark.parametrize("op", OPS, ids=str)
def test_float32_stays_float32_and_is_near_float64(op: Op) -> None:
    wide, narrow = op.primals(), op.primals("float32")
    everything = tuple(range(len(wide)))
    out = op.function(*map(ge.as_array, narrow))
    assert out.dtype == np.float32
    assert type(out.data) is np.ndarray
    gradients = ge.grad(weighted(op, narrow), everything)(*narrow)
    exact = ge.grad(weighted(op, wide), everything)(*wide)
    for g, x, e in zip(gradients, narrow, exact, strict=True):
        assert (g.dtype, g.shape, type(g.data)) == (x.dtype, x.shape, np.ndarray)
        assert np.asarray(g) == pytest.approx(np.asarray(e), rel=2e-3, abs=2e-4)


@pytest.mark.parametrize("op", OPS, ids=str)
def test_pullback_is_repeatable_linear_and_private(op: Op) -> None:
    primals = op.primals()
    kept = [x.copy() for x in primals]
    out, pullback = ge.vjp(op.function, *primals)
    ct = tangents_of([np.asarray(out)])[0]
    first = pullback(ct)
    before = [np.asarray(g) for g in first]
    doubled, again = pullback(2 * ct), pullback(ct)
    for i, x in enumerate(primals):
        assert np.array_equal(first[i].data, before[i])
        assert np.array_equal(again[i].data, first[i].data)
        assert np.array_equal(doubled[i].data, 2 * first[i].data)
        assert np.array_equal(pullback(np.zeros_like(ct))[i].data, np.zeros_like(x))
        assert np.array_equal(x, kept[i])
        others = [ct, *primals, *(g.data for j, g in enumerate(first) if j != i), *(g.data for g in doubled)]
        assert not any(np.shares_memory(first[i].data, other) for other in others)
        first[i].data[...] = 7.0  # nobody else's array
    assert np.array_equal(pullback(ct)[0].data, again[0].data)


@pytest.mark.parametrize("op", OPS, ids=str)
def test_strided_views_give_the_gradient_of_their_copies(op: Op) -> None:
    primals = op.primals()
    views = [np.repeat(x[None], 2, axis=0).swapaxes(0, -1).copy().swapaxes(0, -1)[1] for x in primals]
    f, everything = weighted(op, primals), tuple(range(len(primals)))
    for g, e in zip(ge.grad(f, everything)(*views), ge.grad(f, everything)(*primals), strict=True):
        assert np.asarray(g) == pytest.approx(np.asarray(e), rel=1e-12, abs=1e-14)


@pytest.mark.parametrize("op", OPS, ids=str)
def test_forward_mode_is_the_transpose_of_reverse_mode(op: Op) -> None:
    primals = op.primals()
    v = tangents_of(primals)
    out, tangent = ge.jvp(op.function, primals, v)
    ct = tangents_of([np.asarray(out)], seed=3)[0]
    assert tangent.shape == out.shape
    assert pairing([tangent], [ct]) == pytest.approx(pairing(ge.vjp(op.function, *primals)[1](ct), v), rel=1e-9, abs=1e-11)
