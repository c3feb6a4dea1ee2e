"""Rows of the first ops: elementwise, reductions, shape, indexing, products and networks; meanings are NumPy's and SciPy's own."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import scipy.special

rng = np.random.default_rng(0)


def real(*shape: int) -> np.ndarray:
    """Distinct values away from zero, of both signs."""
    return np.asarray(rng.permutation(np.linspace(-1.9, 1.7, math.prod(shape) + 1)[1:])).reshape(shape)


def between(low: float, high: float, *shape: int) -> np.ndarray:
    return np.asarray(rng.uniform(low, high, shape))


def spd(*shape: int) -> np.ndarray:
    x = real(*shape)
    return x @ np.swapaxes(x, -1, -2) + 3 * np.eye(shape[-1])


def well(*shape: int) -> np.ndarray:
    return real(*shape) + 4 * np.eye(shape[-1])


def integers(*values: Any) -> np.ndarray:
    return np.array(values, dtype=np.int64)


def _conv2d(x: Any, w: Any, stride: tuple[int, int], padding: tuple[int, int]) -> Any:
    (ph, pw), (sh, sw) = padding, stride
    x = np.pad(x, ((0, 0), (0, 0), (ph, ph), (pw, pw)))
    windows = np.lib.stride_tricks.sliding_window_view(x, w.shape[2:], (2, 3))[:, :, ::sh, ::sw]
    return np.einsum("nchwij,ocij->nohw", windows, w)


def _max_pool2d(x: Any, window: tuple[int, int], stride: tuple[int, int]) -> Any:
    windows = np.lib.stride_tricks.sliding_window_view(x, window, (2, 3))
    return windows[:, :, :: stride[0], :: stride[1]].max((-2, -1))


def _layer_norm(x: Any, weight: Any, bias: Any, eps: float) -> Any:
    centred = x - x.mean(-1, keepdims=True)
    return centred / np.sqrt((centred**2).mean(-1, keepdims=True) + np.asarray(eps, x.dtype)) * weight + bias


def _reduced(losses: Any, reduction: str) -> Any:
    return losses.mean() if reduction == "mean" else losses.sum() if reduction == "sum" else losses


def _cross_entropy(logits: Any, labels: Any, reduction: str) -> Any:
    return _reduced(-scipy.special.log_softmax(logits, 1)[np.arange(len(labels)), labels], reduction)


def _attention(q: Any, k: Any, v: Any, causal: bool, scale: float) -> Any:
    scores = np.asarray(scale, q.dtype) * (q @ np.swapaxes(k, -1, -2))
    if causal:
        scores = np.where(np.tri(*scores.shape[-2:], dtype=bool), scores, -np.inf)
    return scipy.special.softmax(scores, -1) @ v


def _vector_norm(x: Any, axis: Any, keepdims: bool, ord: float) -> Any:
    return np.linalg.vector_norm(x, axis=axis, keepdims=keepdims, ord=ord)


def _solve(x: Any, y: Any) -> Any:
    return np.linalg.solve(x, y[:, None])[..., 0] if y.ndim == 1 else np.linalg.solve(x, y)


def _take_along_axis(x: Any, indices: Any, axis: int) -> Any:
    return np.take_along_axis(x, indices, axis)


ROWS: list[tuple[str, Any, tuple[Any, ...], dict[str, Any]]] = []


def _add(op: str, meaning: Any, *cases: Any) -> None:
    """Cases alternate operands (a tuple) and parameters (a dict)."""
    for operands, params in zip(cases[::2], cases[1::2], strict=True):
        ROWS.append((op, meaning, operands, params))


def _elementwise() -> None:
    anywhere = "abs atan asinh cos cosh exp expm1 negative reciprocal sign sin sinh square tan tanh"
    for op in anywhere.split():
        _add(op, getattr(np, op), (real(2, 3),), {}, (np.array(0.375),), {}, (np.zeros((0, 2)),), {})
    for op in ("acos", "asin", "atanh"):
        _add(op, getattr(np, op), (between(-0.9, 0.9, 2, 3),), {}, (np.array(-0.375),), {})
    for op in ("log", "log1p", "log2", "log10", "sqrt"):
        _add(op, getattr(np, op), (between(0.1, 3, 2, 3),), {}, (np.array(1e-300),), {})
    _add("acosh", np.arccosh, (between(1.1, 3, 2, 3),), {})
    _add("rsqrt", lambda x: 1 / np.sqrt(x), (between(0.1, 3, 2, 3),), {})
    _add("erf", scipy.special.erf, (real(2, 3),), {}, (np.array(3.5),), {})
    _add("erfc", scipy.special.erfc, (real(2, 3),), {}, (np.array(5.5),), {})
    for op in ("add", "subtract", "multiply", "divide", "maximum", "minimum", "hypot", "copysign", "logaddexp"):
        _add(op, getattr(np, op), (real(2, 3), real(3)), {}, (real(2, 1, 3), real(4, 1)), {}, (real(), real(0, 2)), {})
    _add("atan2", np.arctan2, (real(2, 3), real(3)), {}, (real(), real(2)), {})
    _add("pow", np.power, (between(0.1, 2, 2, 3), real(3)), {}, (real(2, 3), integers(3)), {})
    _add("xlogy", scipy.special.xlogy, (real(2, 3), between(0.1, 2, 3)), {}, (real(), between(0.5, 2, 1)), {})
    _add(
        "clip", lambda x, min, max: x if min is max else np.clip(x, min, max), (real(3, 3),), {"min": -0.5, "max": 0.75}
    )
    _add("clip", np.clip, (real(3, 3),), {"min": None, "max": 0.75}, (real(3, 3),), {"min": -0.5, "max": None})
    _add("clip", lambda x, min, max: x, (real(2, 3),), {"min": None, "max": None})
    _add("where", np.where, (real(3, 1) > 0, real(3, 2), real(2)), {}, (np.array(True), real(), real(2)), {})


def _reductions() -> None:
    x = real(2, 3)
    cases: tuple[Any, ...] = (
        (real(2, 3, 4),), {"axis": None, "keepdims": False}, (real(2, 3, 4),), {"axis": (-1, 0), "keepdims": False},
        (real(2, 3, 4),), {"axis": -2, "keepdims": True}, (x,), {"axis": None, "keepdims": True},
        (real(),), {"axis": None, "keepdims": False}, (x,), {"axis": (1,), "keepdims": False},
        (real(1, 3),), {"axis": 0, "keepdims": False}, (np.zeros((0, 3)),), {"axis": 1, "keepdims": False},
        (x,), {"axis": (), "keepdims": True},
    )  # fmt: skip
    for op in ("max", "min", "mean"):
        _add(op, getattr(np, op), *cases)
    for op in ("sum", "prod"):
        _add(op, getattr(np, op), *cases, (np.zeros((0, 3)),), {"axis": 0, "keepdims": True})
    _add(
        "logsumexp", scipy.special.logsumexp, *cases[:-4], (np.array([1000.0, 1000.5]),), {"axis": 0, "keepdims": True}
    )
    for ord in (1, 2, math.inf, 3):
        _add("linalg.vector_norm", _vector_norm, *(c | {"ord": ord} if isinstance(c, dict) else c for c in cases[:12]))
    for op in ("var", "std"):
        for correction in (0, 1):
            _add(
                op, getattr(np, op), *(c | {"correction": correction} if isinstance(c, dict) else c for c in cases[:8])
            )
    for include in (False, True):
        more = {"include_initial": include}
        _add("cumulative_sum", np.cumulative_sum, (real(2, 3),), {"axis": 0} | more, (real(2, 3),), {"axis": -1} | more)
        _add("cumulative_sum", np.cumulative_sum, (np.zeros((2, 0)),), {"axis": 1} | more)


def _shape() -> None:
    x = real(2, 3)
    _add("reshape", np.reshape, (x,), {"shape": (3, 2)}, (x,), {"shape": (-1,)}, (np.array(2.0),), {"shape": (1, 1)})
    _add("permute_dims", np.permute_dims, (real(2, 3, 4),), {"axes": (2, 0, 1)}, (np.array(1.0),), {"axes": ()})
    _add("matrix_transpose", np.matrix_transpose, (real(2, 3, 4),), {}, (np.zeros((0, 3)),), {})
    _add("expand_dims", np.expand_dims, (x,), {"axis": 1}, (x,), {"axis": -1}, (np.array(1.0),), {"axis": 0})
    _add("squeeze", np.squeeze, (real(1, 3, 1),), {"axis": (0, -1)}, (real(1, 3, 1),), {"axis": -1})
    _add("broadcast_to", np.broadcast_to, (real(3, 1),), {"shape": (2, 3, 4)}, (np.array(1.0),), {"shape": (0, 2)})
    _add("concat", np.concat, (x, real(1, 3)), {"axis": 0}, (x, real(2, 1), np.zeros((2, 0))), {"axis": -1})
    _add("concat", np.concat, (x, real(2), np.array([1.0])), {"axis": None})
    _add("stack", np.stack, (x, real(2, 3)), {"axis": -1}, (real(), real()), {"axis": 0})
    _add("flip", np.flip, (x,), {"axis": None}, (x,), {"axis": -1}, (x,), {"axis": (0, 1)}, (real(),), {"axis": None})
    _add("roll", np.roll, (x,), {"shift": 4, "axis": None}, (x,), {"shift": -1, "axis": 1})
    _add("roll", np.roll, (x,), {"shift": (1, -5), "axis": (0, -1)}, (x,), {"shift": 1, "axis": (0, 1)})
    _add("tile", lambda x, repetitions: np.tile(x, repetitions), (x,), {"repetitions": (2, 1, 2)})
    _add(
        "tile", lambda x, repetitions: np.tile(x, repetitions), (x,), {"repetitions": (2,)}, (x,), {"repetitions": (0,)}
    )
    _add("repeat", np.repeat, (x,), {"repeats": 2, "axis": None}, (x,), {"repeats": 3, "axis": -1})
    _add("repeat", np.repeat, (real(),), {"repeats": 2, "axis": None}, (x,), {"repeats": 0, "axis": 0})

    def pad(x: Any, pad_width: Any, value: float) -> Any:
        return np.pad(x, pad_width, constant_values=value)

    _add(
        "pad",
        pad,
        (x,),
        {"pad_width": ((1, 0), (0, 2)), "value": 0.25},
        (real(2),),
        {"pad_width": ((0, 0),), "value": 0.0},
    )
    for op in ("tril", "triu"):
        for k in (0, -1, 2):
            _add(op, getattr(np, op), (real(2, 3, 4),), {"k": k})


def _indexing() -> None:
    x, every = real(3, 4, 2), slice(None)
    keys: list[tuple[Any, ...]] = [
        (0,), (-1, slice(1, 3)), (slice(None, None, -1),), (slice(3, 0, -2), ..., slice(None, None, -1)), (..., 1),
        (None, every, 1), (slice(5, 9),), (slice(-1, None, -1), 2), (slice(0, 2, -1),), (),
        ((0, 0, 2),), ((-1, 0, 0), (1, -2, 1)), (0, every, (1, 0)), ((1, 0), every, (0, 1)), (every, (1, 1), (0, -1)),
        (((0, 1), (2, 2)),), (slice(None, None, -1), (1, 1, 3)), (..., (1, 0, 1)), (None, (0, 2), ..., 1), ((),),
        ((0, 1), None, (1, 1)), (every, 1, (0, 1)), ((1,), slice(None, None, -2), 0),
    ]  # fmt: skip

    def getitem(x: Any, key: Any) -> Any:
        return x[tuple(np.array(k, dtype=int) if isinstance(k, tuple) else k for k in key)]

    for key in keys:
        _add("getitem", getitem, (x,), {"key": key})
    _add("getitem", getitem, (real(),), {"key": (None, ...)})
    _add("take", np.take, (x, integers(0, -1, 0, 3)), {"axis": 1}, (x, integers([1, 0], [0, 1])), {"axis": -1})
    _add("take", np.take, (x, integers()), {"axis": 0}, (x, np.array(2)), {"axis": 0})
    _add("take_along_axis", _take_along_axis, (real(2, 3), integers([0, -1], [1, 1])), {"axis": 1})
    _add("take_along_axis", _take_along_axis, (real(2, 3), integers([1, 0, -2])), {"axis": 0})


def _products() -> None:
    shapes = ((3, 3), (23, 3), (3, 34), (23, 34), (523, 34), (23, 534), (3, 534), (523, 3), (5123, 634))
    for left, right in shapes:
        _add("matmul", np.matmul, (real(*map(int, str(left))), real(*map(int, str(right)))), {})
    _add("matmul", np.matmul, (np.zeros((2, 0)), np.zeros((0, 3))), {})
    _add("tensordot", np.tensordot, (real(2, 3), real(3, 4)), {"axes": 1}, (real(2), real(3)), {"axes": 0})
    _add("tensordot", np.tensordot, (real(2, 3, 4), real(4, 5, 2)), {"axes": ((0, -1), (2, 0))})
    _add("vecdot", np.vecdot, (real(2, 3), real(3)), {"axis": -1}, (real(4, 3), real(1, 3)), {"axis": -1})
    _add("linalg.outer", np.outer, (real(2), real(3)), {}, (np.zeros(0), real(3)), {})
    for subscripts, *operand_shapes in (
        ("ij,jk->ik", (2, 3), (3, 4)), ("ii->i", (3, 3)), ("ii->", (3, 3)), ("ij->", (2, 3)), ("ij->j", (2, 3)),
        ("ij,kl->il", (2, 3), (2, 2)), ("...ij,...jk->...ik", (2, 1, 2, 3), (4, 3, 2)), ("i,i,i->i", (2,), (2,), (2,)),
        ("iij,j->ji", (2, 2, 3), (3,)), (",i->i", (), (3,)), ("...i->...", (2, 3)), ("i...,ij->j...", (2, 3), (2, 2)),
    ):  # fmt: skip
        _add("einsum", np.einsum, tuple(real(*shape) for shape in operand_shapes), {"subscripts": subscripts})
    for offset in (0, 1, -1):
        _add("linalg.trace", np.linalg.trace, (real(2, 3, 4),), {"offset": offset}, (real(3, 3),), {"offset": offset})
        _add("linalg.diagonal", np.linalg.diagonal, (real(2, 3, 4),), {"offset": offset})
    _add("linalg.solve", _solve, (well(3, 3), real(3)), {}, (well(3, 3), real(3, 2)), {}, (well(2, 3, 3), real(3)), {})
    _add("linalg.solve", _solve, (well(3, 3, 3), real(3, 3)), {}, (well(3, 3), real(2, 3, 2)), {})
    for op, meaning in (("inv", np.linalg.inv), ("det", np.linalg.det)):
        _add(
            f"linalg.{op}",
            meaning,
            (well(3, 3),),
            {},
            (well(2, 2, 2),),
            {},
            (well(1, 1),),
            {},
            (np.zeros((0, 2, 2)),),
            {},
        )
    _add("linalg.cholesky", np.linalg.cholesky, (spd(3, 3),), {}, (spd(2, 2, 2),), {}, (np.array([[2.0]]),), {})


def _networks() -> None:
    def gelu(x: Any, approximate: str) -> Any:
        inner = np.sqrt(2 / np.pi).astype(x.dtype) * (x + x.dtype.type(0.044715) * x**3)
        return x / 2 * (1 + np.tanh(inner)) if approximate == "tanh" else x * scipy.special.ndtr(x)

    x = real(2, 3)
    _add("nn.relu", lambda x: np.maximum(x, 0), (x,), {})
    _add("nn.sigmoid", scipy.special.expit, (x,), {}, (np.array([-90.0, 90.0]),), {})
    _add("nn.silu", lambda x: x * scipy.special.expit(x), (x,), {})
    _add("nn.gelu", gelu, (x,), {"approximate": "none"}, (x,), {"approximate": "tanh"})
    _add(
        "nn.softplus", lambda x: np.logaddexp(x, np.zeros((), x.dtype)), (x,), {}, (np.array([-50.0, 25.0, 60.0]),), {}
    )
    _add(
        "nn.leaky_relu",
        lambda x, negative_slope: np.where(x > 0, x, negative_slope * x),
        (x,),
        {"negative_slope": 0.125},
    )
    _add("nn.elu", lambda x, alpha: np.where(x > 0, x, alpha * np.expm1(x)), (x,), {"alpha": 0.5}, (x,), {"alpha": 1.0})
    for axis in (0, -1):
        _add("nn.softmax", scipy.special.softmax, (x,), {"axis": axis}, (real(2, 3, 2),), {"axis": axis})
        _add(
            "nn.log_softmax", scipy.special.log_softmax, (x,), {"axis": axis}, (np.array([0.0, 900.0]),), {"axis": axis}
        )
    _add("nn.layer_norm", _layer_norm, (real(2, 4), real(4), real(4)), {"eps": 2**-10})
    _add("nn.layer_norm", _layer_norm, (16 + real(2, 2, 4), real(4), real(4)), {"eps": 2**-10})
    for reduction in ("mean", "sum", "none"):
        _add("nn.cross_entropy", _cross_entropy, (real(3, 4), integers(0, 3, 3)), {"reduction": reduction})
        _add(
            "nn.mse",
            lambda x, y, reduction: _reduced((x - y) ** 2, reduction),
            (x, real(2, 3)),
            {"reduction": reduction},
        )
    conv = (real(2, 2, 5, 4), real(3, 2, 3, 2))
    _add("nn.conv2d", _conv2d, conv, {"stride": (1, 1), "padding": (0, 0)}, conv, {"stride": (2, 1), "padding": (1, 2)})
    _add("nn.max_pool2d", _max_pool2d, (real(2, 2, 5, 4),), {"window": (2, 2), "stride": (2, 1)})
    _add("nn.max_pool2d", _max_pool2d, (real(1, 1, 3, 3),), {"window": (3, 1), "stride": (3, 3)})
    _add("nn.embedding", lambda table, indices: table[indices], (real(4, 3), integers([0, 3], [3, 3])), {})
    qkv = (real(2, 3, 4), real(2, 5, 4), real(2, 5, 3))
    attention = "nn.scaled_dot_product_attention"
    for causal in (False, True):
        _add(
            attention,
            _attention,
            qkv,
            {"causal": causal, "scale": 0.5},
            (x, real(2, 3), real(2, 3)),
            {"causal": causal, "scale": 1.0},
        )
        _add(
            attention,
            _attention,
            (real(2, 2, 3, 4), real(2, 2, 3, 4), real(2, 2, 3, 4)),
            {"causal": causal, "scale": 0.25},
        )


for _family in (_elementwise, _reductions, _shape, _indexing, _products, _networks):
    _family()
