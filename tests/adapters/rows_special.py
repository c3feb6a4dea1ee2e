"""Rows of special functions, activations and losses: op, meaning, operands, parameters; meanings are NumPy's and SciPy's own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import scipy.special as sp

RNG = np.random.default_rng(21)
Row = tuple[str, Any, tuple[Any, ...], dict[str, Any]]
SIGNS = np.array([[1, -1, 1], [-1, -1, 1]])


def real(*shape: int) -> Any:
    """Ordinary entries, no two alike."""
    return RNG.uniform(-2, 2, shape)


def positive(*shape: int) -> Any:
    return RNG.uniform(0.1, 3, shape)


def inside(*shape: int) -> Any:
    return RNG.uniform(0.1, 0.9, shape)


def special() -> Iterator[Row]:
    for op in ("floor", "ceil", "trunc", "exp2", "sinc", "cbrt"):
        yield op, getattr(np, op), (real(2, 3),), {}
    yield "round", np.rint, (4 * real(2, 3),), {}
    yield "positive", np.positive, (real(2, 3),), {}
    for op in ("i0", "i0e", "i1", "i1e", "ndtr", "log_ndtr"):
        yield op, getattr(sp, op), (real(2, 3),), {}
    yield "erfinv", sp.erfinv, (real(2, 3) / 2.2,), {}
    yield "lgamma", sp.gammaln, (positive(2, 3),), {}
    yield "digamma", sp.digamma, (positive(2, 3),), {}
    yield "polygamma", lambda x, n: sp.polygamma(n, x.astype(float)), (positive(2, 3),), {"n": 2}
    yield "ndtri", sp.ndtri, (inside(2, 3),), {}
    yield "logit", sp.logit, (inside(2, 3),), {}
    yield "entr", sp.entr, (positive(2, 3),), {}
    yield "rel_entr", sp.rel_entr, (positive(2, 3), positive(3)), {}
    yield "remainder", np.remainder, (real(2, 3), positive(3)), {}
    yield "floor_divide", np.floor_divide, (4 * real(2, 3), positive(3)), {}
    yield "logaddexp2", np.logaddexp2, (real(2, 1, 3), real(4, 1)), {}
    yield "xlog1py", sp.xlog1py, (real(2, 3), positive(3)), {}


def activations() -> Iterator[Row]:
    x = real(2, 4)
    scale, alpha = 1.0507009873554805, 1.6732632423543772
    yield "nn.log_sigmoid", sp.log_expit, (x,), {}
    yield "nn.softsign", lambda x: x / (1 + np.abs(x)), (x,), {}
    yield "nn.selu", lambda x: np.where(x > 0, scale * x, scale * alpha * np.expm1(x)), (x,), {}
    yield "nn.celu", lambda x, alpha: np.maximum(x, 0) + np.minimum(0, alpha * np.expm1(x / alpha)), (x,), {"alpha": 0.5}
    yield "nn.mish", lambda x: x * np.tanh(np.log1p(np.exp(x))), (x,), {}
    yield "nn.hardtanh", lambda x: np.clip(x, -1, 1), (x,), {}
    yield "nn.relu6", lambda x: np.minimum(np.maximum(x, 0), 6), (4 * x,), {}
    yield "nn.hard_sigmoid", lambda x: np.clip(x / 6 + 0.5, 0, 1), (np.array([[-4.0, 5.0], [7.5, -3.5]]),), {}  # PyTorch's 1/6 is a float
    yield "nn.hardswish", lambda x: x * np.clip(x / 6 + 0.5, 0, 1), (2 * x,), {}
    yield "nn.tanhshrink", lambda x: x - np.tanh(x), (x,), {}
    yield "nn.softshrink", lambda x, lambd: np.sign(x) * np.maximum(np.abs(x) - lambd, 0), (x,), {"lambd": 0.5}
    yield "nn.hardshrink", lambda x, lambd: x * (np.abs(x) > lambd), (x,), {"lambd": 0.5}
    yield "nn.threshold", lambda x, threshold, value: np.where(x > threshold, x, np.asarray(value, x.dtype)), (x,), {"threshold": 0.5, "value": 20.0}
    yield "nn.prelu", lambda x, w: np.where(x > 0, x, w * x), (x, np.array([0.25])), {}
    yield "nn.prelu", lambda x, w: np.where(x > 0, x, w[:, None] * x), (real(2, 3, 2), real(3)), {}
    yield "nn.glu", lambda x, axis: x[:, :2] * sp.expit(x[:, 2:]), (x,), {"axis": -1}
    yield "nn.softmin", lambda x, axis: sp.softmax(-x, axis), (x,), {"axis": 0}


def _reduced(losses: Any, reduction: str) -> Any:
    if reduction == "batchmean":
        return losses.sum() / len(losses)
    return losses if reduction == "none" else getattr(np, reduction)(losses)


def _loss(formula: Any) -> Any:
    return lambda *xs, reduction, **params: _reduced(formula(*xs, **params), reduction)


def _huber(x: Any, y: Any, width: float) -> Any:
    d = np.abs(x - y)
    return np.where(d < width, d * d / 2, width * (d - width / 2))


def _cosine(x: Any, y: Any) -> Any:
    return (x * y).sum(-1) / np.sqrt(((x * x).sum(-1) + x.dtype.type(1e-12)) * ((y * y).sum(-1) + x.dtype.type(1e-12)))


def losses() -> Iterator[Row]:
    x, y = real(2, 3), real(2, 3)
    p = inside(2, 3)
    for reduction in ("mean", "sum", "none"):
        how = {"reduction": reduction}
        yield "nn.l1", _loss(lambda x, y: np.abs(x - y)), (x, y), how
        yield "nn.huber", _loss(lambda x, y, delta: _huber(x, y, delta)), (x, y), {"delta": 0.5, **how}
        yield "nn.smooth_l1", _loss(lambda x, y, beta: _huber(x, y, beta) / beta), (x, y), {"beta": 0.5, **how}
        yield "nn.bce", _loss(lambda x, y: -y * np.log(x) - (1 - y) * np.log(1 - x)), (inside(2, 3), p), how
        yield "nn.bce_with_logits", _loss(lambda x, y: -y * sp.log_expit(x) - (1 - y) * sp.log_expit(-x)), (x, p), how
        yield "nn.nll", _loss(lambda x, labels: -x[np.arange(2), labels]), (x, np.array([2, 0])), how
        yield "nn.hinge_embedding", _loss(lambda x, s, margin: np.where(s == 1, x, np.maximum(margin - x, 0))), (x, SIGNS), {"margin": 1.0, **how}
        yield "nn.soft_margin", _loss(lambda x, s: np.log1p(np.exp(-s * x)).astype(x.dtype)), (x, SIGNS), how
        yield "nn.margin_ranking", _loss(lambda x, y, s, margin: np.maximum(-s * (x - y) + margin, 0).astype(x.dtype)), (x, y, SIGNS), {
            "margin": 0.5, **how}  # fmt: skip
        yield "nn.cosine_embedding", _loss(lambda x, y, s, margin: np.where(s == 1, 1 - _cosine(x, y), np.maximum(_cosine(x, y) - margin, 0))), (
            x, y, SIGNS[0, :2]), {"margin": -0.5, **how}  # fmt: skip
        yield "nn.gaussian_nll", _loss(lambda x, y, var, eps: (np.log(var) + (x - y) ** 2 / var) / 2), (x, y, positive(2, 3)), {"eps": 2.0**-20, **how}
    for reduction in ("mean", "sum", "none", "batchmean"):
        yield "nn.kl_div", _loss(lambda x, y, log_target: y * (np.log(y) - x)), (x, p), {"log_target": False, "reduction": reduction}
        yield "nn.kl_div", _loss(lambda x, y, log_target: np.exp(y) * (y - x)), (x, y), {"log_target": True, "reduction": reduction}
    yield "nn.poisson_nll", _loss(lambda x, y, log_input, eps: np.exp(x) - y * x), (x, y), {"log_input": True, "eps": 0.5, "reduction": "mean"}
    yield "nn.poisson_nll", _loss(lambda x, y, log_input, eps: x - y * np.log(x + eps)), (p, y), {"log_input": False, "eps": 0.5, "reduction": "sum"}
    for axis in (0, -1):
        yield "nn.cosine_similarity", lambda x, y, axis, eps: (x * y).sum(axis) / (np.linalg.norm(x, axis=axis) * np.linalg.norm(y, axis=axis)), (
            x, y), {"axis": axis, "eps": 2.0**-20}  # fmt: skip


ROWS: list[Row] = [*special(), *activations(), *losses()]
