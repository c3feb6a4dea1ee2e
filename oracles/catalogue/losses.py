"""Losses: one number an entry (or a row), averaged, summed or neither."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from gradproof.oracles import domain as d
from gradproof.oracles.catalogue.indexing import indices
from gradproof.oracles.catalogue.nn import REDUCTIONS, _matrix_like
from gradproof.oracles.catalogue.row import Op, Shape, Sketch, Slot
from gradproof.oracles.catalogue.shapes import full_shape, one_axis
from gradproof.oracles.catalogue.source import Source
from gradproof.oracles.graph import Array, Param

EPS = 1e-12  # added to each squared length by cosine_embedding, as its definition says
Draw = Callable[[Source], dict[str, Param]]


def reduced(xp: Any, losses: Any, reduction: str) -> Any:
    if reduction == "none":
        return losses
    total = xp.sum(losses)
    if reduction == "batchmean":
        return total / np.shape(losses)[0]
    return total / np.size(losses) if reduction == "mean" else total


def signs(source: Source, shape: Shape) -> Array:
    """Labels 1 and -1, integers."""
    mask = source.byte()
    count = int(np.prod(shape))
    return np.array([1 - 2 * (mask >> i % 8 & 1) for i in range(count)], dtype=np.int64).reshape(shape)


def _pair(first: d.Domain = d.REAL, second: d.Domain = d.REAL, params: Draw = lambda s: {}) -> Any:
    """A prediction and a target of one shape, both differentiated."""

    def sketch(source: Source, shape: Shape) -> Sketch | None:
        if 0 in shape:
            return None
        return Sketch((Slot(shape, first), Slot(shape, second)), {**params(source), "reduction": source.pick(REDUCTIONS)})

    return sketch


def _labelled(operands: int, params: Draw = lambda s: {}) -> Any:
    """Predictions of one shape, and labels 1 or -1."""

    def sketch(source: Source, shape: Shape) -> Sketch | None:
        if 0 in shape:
            return None
        given = [Slot(shape)] * operands
        return Sketch((*given, signs(source, shape)), {**params(source), "reduction": source.pick(REDUCTIONS)})

    return sketch


def _huber(xp: Any, x: Any, y: Any, delta: float, reduction: str) -> Any:
    size = xp.absolute(x - y)
    return reduced(xp, xp.select(size, delta, (size - 0.5 * delta) * delta, xp.square(size) * 0.5), reduction)


def _smooth_l1(xp: Any, x: Any, y: Any, beta: float, reduction: str) -> Any:
    size = xp.absolute(x - y)
    return reduced(xp, xp.select(size, beta, size - 0.5 * beta, xp.square(size) * 0.5 / beta), reduction)


def _bce(xp: Any, x: Any, y: Any, reduction: str) -> Any:
    return reduced(xp, -(y * xp.log(x) + (1.0 - y) * xp.log1p(-x)), reduction)


def _bce_with_logits(xp: Any, x: Any, y: Any, reduction: str) -> Any:
    return reduced(xp, y * xp.softplus(-x) + (1.0 - y) * xp.softplus(x), reduction)


def _kl_div(xp: Any, x: Any, y: Any, log_target: bool, reduction: str) -> Any:
    return reduced(xp, xp.exp(y) * (y - x) if log_target else xp.xlogy(y, y) - y * x, reduction)


def _kl_div_sketch(source: Source, shape: Shape) -> Sketch | None:
    if 0 in shape:
        return None
    log_target = source.flag()
    reductions = (*REDUCTIONS, "batchmean") if shape else REDUCTIONS
    target = Slot(shape, d.MODERATE if log_target else d.POSITIVE)
    return Sketch((Slot(shape), target), {"log_target": log_target, "reduction": source.pick(reductions)})


def _nll(xp: Any, log_p: Any, labels: Any, reduction: str) -> Any:
    chosen = xp.take_along_axis(log_p, labels[:, None], axis=-1)
    return reduced(xp, -np.reshape(chosen, np.shape(labels)), reduction)


def _nll_sketch(source: Source, shape: Shape) -> Sketch | None:
    if len(shape) != 2 or 0 in shape:
        return None
    labels = np.abs(indices(source, shape[1], shape[:1])) % shape[1]
    return Sketch((Slot(shape), labels), {"reduction": source.pick(REDUCTIONS)})


def _above_zero(xp: Any, x: Any) -> Any:
    return xp.select(x, 0.0, x, 0.0)


def _hinge_embedding(xp: Any, x: Any, y: Any, margin: float, reduction: str) -> Any:
    return reduced(xp, xp.where(y == 1, x, _above_zero(xp, margin - x)), reduction)


def _margin_ranking(xp: Any, x: Any, y: Any, labels: Any, margin: float, reduction: str) -> Any:
    return reduced(xp, _above_zero(xp, (x - y) * -labels + margin), reduction)


def _cosine_similarity(xp: Any, x: Any, y: Any, axis: int, eps: float) -> Any:
    lengths = [xp.maximum(xp.fold_hypot(v, axis, False), eps) for v in (x, y)]
    return xp.sum(x * y, axis) / (lengths[0] * lengths[1])


def _cosine_sketch(source: Source, shape: Shape) -> Sketch | None:
    if not shape or 0 in shape:
        return None
    return Sketch((Slot(shape), Slot(shape)), {"axis": one_axis(source, len(shape)), "eps": source.pick((2.0**-20, 0.5))})


def _cosine_embedding(xp: Any, x: Any, y: Any, labels: Any, margin: float, reduction: str) -> Any:
    squares = [xp.sum(xp.square(v), -1) + EPS for v in (x, y)]
    cosine = xp.sum(x * y, -1) / xp.sqrt(squares[0] * squares[1])
    return reduced(xp, xp.where(labels == 1, 1.0 - cosine, _above_zero(xp, cosine - margin)), reduction)


def _cosine_embedding_sketch(source: Source, shape: Shape) -> Sketch | None:
    if len(shape) != 2 or 0 in shape:
        return None
    params: dict[str, Param] = {"margin": source.pick((0.0, 0.25, -0.5)), "reduction": source.pick(REDUCTIONS)}
    return Sketch((Slot(shape), Slot(shape), signs(source, shape[:1])), params)


def _poisson_nll(xp: Any, x: Any, y: Any, log_input: bool, eps: float, reduction: str) -> Any:
    return reduced(xp, xp.exp(x) - y * x if log_input else x - y * xp.log(x + eps), reduction)


def _poisson_sketch(source: Source, shape: Shape) -> Sketch | None:
    if 0 in shape:
        return None
    log_input = source.flag()
    params: dict[str, Param] = {"log_input": log_input, "eps": source.pick((2.0**-27, 0.5)), "reduction": source.pick(REDUCTIONS)}
    return Sketch((Slot(shape, d.MODERATE if log_input else d.POSITIVE), Slot(shape)), params)


def _gaussian_nll(xp: Any, x: Any, y: Any, var: Any, eps: float, reduction: str) -> Any:
    var = xp.maximum(var, eps)
    return reduced(xp, (xp.log(var) + xp.square(x - y) / var) * 0.5, reduction)


def _gaussian_sketch(source: Source, shape: Shape) -> Sketch | None:
    if 0 in shape:
        return None
    params: dict[str, Param] = {"eps": source.pick((2.0**-20, 2.0**-20, 0.5)), "reduction": source.pick(REDUCTIONS)}  # 0.5: above some
    return Sketch((Slot(shape), Slot(shape), Slot(shape, d.BASE)), params)


def _row(name: str, meaning: Callable[..., Any], sketch: Any, kinks: str = "", shape: Any = full_shape) -> Op:
    return Op(f"nn.{name}", meaning, sketch, shape, kinks, family="nn")


def _margins(*choices: float) -> Draw:
    return lambda s: {"margin": s.pick(choices)}


ROWS = (
    _row("l1", lambda xp, x, y, reduction: reduced(xp, xp.absolute(x - y), reduction), _pair(), "x = y"),
    _row("huber", _huber, _pair(params=lambda s: {"delta": s.pick((1.0, 0.5, 2.0))})),
    _row("smooth_l1", _smooth_l1, _pair(params=lambda s: {"beta": s.pick((1.0, 0.5, 2.0))})),
    _row("bce", _bce, _pair(d.PROBABILITY, d.CLOSED_PROBABILITY)),
    _row("bce_with_logits", _bce_with_logits, _pair(second=d.CLOSED_PROBABILITY)),
    _row("kl_div", _kl_div, _kl_div_sketch),
    _row("nll", _nll, _nll_sketch, shape=_matrix_like),
    _row("hinge_embedding", _hinge_embedding, _labelled(1, _margins(1.0, 0.5, 2.0)), "x = margin"),
    _row("soft_margin", lambda xp, x, y, reduction: reduced(xp, xp.softplus(x * -y), reduction), _labelled(1)),
    _row("margin_ranking", _margin_ranking, _labelled(2, _margins(0.0, 1.0, 0.5)), "ranks apart by the margin"),
    _row("cosine_similarity", _cosine_similarity, _cosine_sketch, "a length of eps"),
    _row("cosine_embedding", _cosine_embedding, _cosine_embedding_sketch, "a cosine of the margin", _matrix_like),
    _row("poisson_nll", _poisson_nll, _poisson_sketch),
    _row("gaussian_nll", _gaussian_nll, _gaussian_sketch, "var = eps"),
)
