"""Composed functions with a backward of their own, as frameworks write them by hand, that is of another formula than the value.

The value is the right function's; the tape is that of a wrong one. By an author who had not seen the other families; most of
those below survived at first, or stand for a kind that no rule of one primitive can show.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

import gradproof.engine as ge
from gradproof.engine.array import Array, as_array
from gradproof.specs.mutants.mutant import Family
from gradproof.specs.mutants.plant import right_pull

COMPOSED, REGION, LAYOUT, AXIS = Family("composed formulas"), Family("rare region"), Family("layout"), Family("axis")
nn, linalg, held = ge.nn, ge.linalg, ge.stop_gradient


def borrowed(op: str, wrong: str, formula: Callable[..., Any]) -> None:
    """The value of the right function with the tape of ``formula(right, *operands, **params)``."""
    owner: Any = ge
    *path, last = op.split(".")
    for part in path:
        owner = getattr(owner, part)

    def change(right: Callable[..., Any]) -> Callable[..., Any]:
        def made(*operands: Any, **params: Any) -> Array:
            return Array(right(*operands, **params).data, formula(right, *operands, **params).node)

        return made

    COMPOSED.swap(op, wrong, owner, last, change)


def raw(x: Any) -> Any:
    return as_array(x).data


def along(values: Any, x: Any, axis: int) -> Any:
    """A vector of numbers along an axis of x."""
    return np.reshape(values, [-1 if i == axis % x.ndim else 1 for i in range(x.ndim)])


def reduced(losses: Array, reduction: str) -> Array:
    return losses if reduction == "none" else ge.mean(losses) if reduction == "mean" else ge.sum(losses)


# ---- losses


def _huber(right: Any, x: Any, y: Any, delta: float, reduction: str) -> Array:
    apart = ge.subtract(x, y)
    return reduced(ge.where(np.abs(raw(apart)) <= delta, 0.5 * ge.square(apart), ge.abs(apart)), reduction)


def _unbounded(right: Any, x: Any, y: Any, var: Any, eps: float, reduction: str) -> Any:
    return right(x, y, as_array(var) + held(ge.maximum(var, eps) - var), eps=-1.0, reduction=reduction)


def _smoothed(right: Any, x: Any, labels: Any, reduction: str) -> Any:
    spread = reduced(-ge.mean(nn.log_softmax(x, axis=-1), axis=-1), reduction)
    return (1 - 1e-4) * right(x, labels, reduction=reduction) + 1e-4 * spread


borrowed("nn.huber", "slope beyond delta is a sign, without delta", _huber)
borrowed("nn.gaussian_nll", "a variance below eps passes its gradient on", _unbounded)
borrowed("nn.cross_entropy", "a smoothing of 1e-4 left in backward", _smoothed)
borrowed("nn.cosine_embedding", "the mask of backward leaves the margin out", lambda right, x, y, labels, margin, reduction:
         right(x, y, labels, margin=0.0, reduction=reduction))  # fmt: skip
borrowed("nn.cosine_similarity", "eps added to the product of lengths", lambda right, x, y, axis, eps:
         ge.sum(ge.multiply(x, y), axis=axis) / (linalg.vector_norm(x, axis=axis) * linalg.vector_norm(y, axis=axis) + eps))  # fmt: skip
borrowed("nn.poisson_nll", "eps left out of backward", lambda right, x, y, log_input, eps, reduction:
         right(x, y, log_input=log_input, eps=0.0, reduction=reduction))  # fmt: skip
borrowed("nn.ctc_loss", "the mean is not over labels", lambda right, x, labels, reduction, **at:
         ge.mean(right(x, labels, reduction="none", **at)) if reduction == "mean" else right(x, labels, reduction=reduction, **at))  # fmt: skip

# ---- normalisation and pooling


def _standard(x: Any, axes: Any, eps: float, still: bool = False, beside: bool = False) -> Any:
    middle = ge.mean(x, axis=axes, keepdims=True)
    centred = ge.subtract(x, held(middle) if still else middle)
    spread = ge.mean(ge.square(centred), axis=axes, keepdims=True)
    return centred / (ge.sqrt(spread) + eps) if beside else centred * ge.rsqrt(spread + eps)


borrowed("nn.layer_norm", "the mean is a constant", lambda right, x, weight, bias, eps: _standard(x, -1, eps, still=True) * weight + bias)
borrowed("nn.layer_norm", "eps beside the root", lambda right, x, weight, bias, eps: _standard(x, -1, eps, beside=True) * weight + bias)
borrowed("nn.instance_norm", "statistics over the batch too", lambda right, x, weight, bias, eps: nn.batch_norm(x, weight, bias, eps=eps))
borrowed("nn.group_norm", "one group in backward", lambda right, x, weight, bias, groups, eps: right(x, weight, bias, groups=1, eps=eps))
borrowed("nn.local_response_norm", "even windows lean the other way", lambda right, x, **at: ge.flip(right(ge.flip(x, axis=1), **at), axis=1))
borrowed("nn.dropout", "a mask that broadcasts is turned over", lambda right, x, mask, rate:
         right(x, mask if np.shape(mask) == np.shape(x) else ~np.asarray(mask), rate))  # fmt: skip
borrowed("nn.lp_pool1d", "the sign is lost", lambda right, x, **at: right(held(ge.abs(x)) + (x - held(x)), **at))
borrowed("nn.avg_pool2d", "border windows divided by all their entries", lambda right, x, count_include_pad, **at:
         right(x, count_include_pad=True, **at))  # fmt: skip

# ---- recurrent cells and attention


def _detached(right: Any, x: Any, h: Any, *weights: Any) -> Array:
    states: list[Any] = []
    for t in range(as_array(x).shape[0]):
        states.append(nn.gru_cell(as_array(x)[t], held(states[-1]) if states else h, *weights))
    return ge.stack(states, axis=0)


def _early(right: Any, x: Any, h: Any, w_ih: Any, w_hh: Any, b_ih: Any = None, b_hh: Any = None) -> Any:
    wide = as_array(w_hh).shape[0] // 3
    a, b = nn.linear(x, w_ih, b_ih), nn.linear(h, w_hh, b_hh)
    reset, keep = (nn.sigmoid(a[..., i * wide : (i + 1) * wide] + b[..., i * wide : (i + 1) * wide]) for i in range(2))
    new = ge.tanh(a[..., 2 * wide :] + nn.linear(reset * h, as_array(w_hh)[2 * wide :], None if b_hh is None else as_array(b_hh)[2 * wide :]))
    return new + keep * (h - new)


def _attention(q: Any, k: Any, v: Any, mask: Any, causal: bool, scale: float | None, grouped: bool, late: bool, dealt: bool) -> Any:
    q, k, v = map(as_array, (q, k, v))
    if grouped:
        heads, shared = q.shape[-3], k.shape[-3]
        owners = np.arange(heads) % shared if dealt else np.arange(heads) // (heads // shared)
        k, v = ge.take(k, owners, axis=k.ndim - 3), ge.take(v, owners, axis=v.ndim - 3)
    scores = ge.matmul(q, ge.matrix_transpose(k)) * (q.shape[-1] ** -0.5 if scale is None else scale)
    rows, keys = q.shape[-2], k.shape[-2]
    if causal:
        scores = ge.where(np.tri(rows, keys, keys - rows if late else 0, dtype=bool), scores, -math.inf)
    if mask is not None:
        scores = ge.where(mask, scores, -math.inf) if raw(mask).dtype == bool else scores + mask
    return ge.matmul(nn.softmax(scores, axis=-1), v)


borrowed("nn.gru", "the state is a constant between steps", _detached)
borrowed("nn.gru_cell", "reset before the product", _early)
borrowed("nn.scaled_dot_product_attention", "causal of rectangles counted from the end", lambda right, q, k, v, mask=None, *, causal, scale, grouped:
         _attention(q, k, v, mask, causal, scale, grouped, late=True, dealt=False))  # fmt: skip
borrowed("nn.scaled_dot_product_attention", "shared heads dealt out in turn", lambda right, q, k, v, mask=None, *, causal, scale, grouped:
         _attention(q, k, v, mask, causal, scale, grouped, late=False, dealt=True))  # fmt: skip
borrowed("nn.scaled_dot_product_attention", "the magnitude of a negative scale", lambda right, q, k, v, mask=None, *, causal, scale, grouped:
         right(q, k, v, mask, causal=causal, scale=None if scale is None else abs(scale), grouped=grouped))  # fmt: skip
borrowed("nn.rotary_embedding", "turned the same way on the way back", lambda right, x, base, offset:
         ge.concat([(h := right(held(x), base=base, offset=offset))[..., :0], _turned(x, base, offset), h[..., :0]], axis=-1))  # fmt: skip


def _turned(x: Any, base: float, offset: int) -> Any:
    x = as_array(x)
    half = x.shape[-1] // 2
    angles = np.arange(offset, offset + x.shape[-2])[:, None] * base ** (-np.arange(half) / half)
    a, b = x[..., :half], x[..., half:]
    return ge.concat([a * np.cos(angles) + b * np.sin(angles), b * np.cos(angles) - a * np.sin(angles)], axis=-1)


# ---- places, order, scans


def _dense(right: Any, x: Any, ids: Any, count: int) -> Any:
    return right(x, np.unique(np.asarray(ids), return_inverse=True)[1], count=count)


def _kept(right: Any, x: Any, i: Any, v: Any, axis: int) -> Any:
    hit = raw(right(ge.zeros_like(as_array(x)), i, ge.zeros_like(as_array(v)) + 1.0, axis=axis))
    return right(x, i, v, axis=axis) + (x - held(x)) * hit


def _halved(right: Any, x: Any, values: Any, key: Any) -> Any:
    places = tuple(np.array(part) if isinstance(part, tuple) else part for part in key)
    count = np.zeros(np.shape(x), int)
    np.add.at(count, places, 1)
    return right(x, values if count.max(initial=0) < 2 else 0.5 * as_array(values), key=key)


def _nearest(right: Any, x: Any, q: float, axis: int | None, keepdims: bool) -> Any:
    last = (np.size(x) if axis is None else np.shape(x)[axis]) - 1
    return right(x, round(q * last) / max(last, 1), axis=axis, keepdims=keepdims)


borrowed("at_add", "values at a place named twice get half", _halved)
borrowed("segment_sum", "ids made dense: an empty segment shifts the rest", _dense)
borrowed("put_along_axis", "what is overwritten keeps its gradient", _kept)
borrowed("block_diag", "equal blocks exchanged", lambda right, *blocks:
         right(blocks[1], blocks[0], *blocks[2:]) if len(blocks) > 1 and np.shape(blocks[0]) == np.shape(blocks[1]) else right(*blocks))  # fmt: skip
borrowed("quantile", "the nearest entry gets all", _nearest)
borrowed("average", "the sum of weights is a constant", lambda right, x, weights, axis, keepdims:
         ge.sum(ge.multiply(x, weights), axis=axis, keepdims=keepdims) / held(ge.sum(weights, axis=axis, keepdims=keepdims)))  # fmt: skip
borrowed("linalg.matrix_power", "as if x and its change commuted", lambda right, x, n:
         right(x, n) if n in (0, 1) else ge.matmul(x, float(n) * held(right(x, n - 1))))  # fmt: skip
borrowed("linalg.cholesky_solve", "the factor gets the gradient of one solve", lambda right, x, y:
         linalg.triangular_solve(ge.matrix_transpose(held(x)), linalg.triangular_solve(x, y, lower=True), lower=False))  # fmt: skip


# ---- primitives at inputs that were not drawn
def _interleaved(g: Any, xp: Any, ct: Any, out: Any, x: Any, weight: Any, **at: Any) -> Any:
    return np.reshape(np.swapaxes(np.reshape(g, (at["groups"], -1, *g.shape[1:])), 0, 1), g.shape)


def _reversed_decay(xp: Any, ct: Any, out: Any, x: Any, decay: Any, axis: int, reverse: bool) -> Any:
    adjoint = right_pull("linear_recurrence")(xp, ct, out, x, decay, axis=axis, reverse=reverse)
    return adjoint * xp.shifted(out, axis=axis, by=1, fill=0.0)


def _nearly(xp: Any, ct: Any, out: Any, x: Any, axis: Any, keepdims: bool) -> Any:
    right = right_pull("max")(xp, ct, out, x, axis=axis, keepdims=True) if keepdims else right_pull("max")(xp, ct, out, x, axis=axis, keepdims=False)
    top = np.max(x, axis=axis, keepdims=True)
    near = np.abs(x - top) <= 1e-6 * np.abs(x)
    share = np.sum(right, axis=axis, keepdims=True) / np.sum(near, axis=axis, keepdims=True)
    return np.where(near, share, 0.0) if np.ndim(x) else right


LAYOUT.wrap("nn.conv1d nn.conv2d nn.conv3d", "filters of groups interleaved", _interleaved, "conv", 1)
AXIS.rule("permute_dims", "negative axes sorted as they are", lambda xp, ct, out, x, axes: np.transpose(ct, np.argsort(axes)))
AXIS.rule("linear_recurrence", "reversed: decay meets the state before", _reversed_decay, argument=1)
REGION.rule("max", "entries within 1e-6 count as tied", _nearly)
REGION.rule("nn.leaky_relu", "sign read from out", lambda xp, ct, out, x, negative_slope: np.where(out > 0, ct, negative_slope * ct))
REGION.rule("erfinv", "density kept from below", lambda xp, ct, out, x: ct / np.maximum(2 / math.sqrt(math.pi) * np.exp(-out * out), 1e-7))
REGION.rule("rsqrt", "by the root of the cube", lambda xp, ct, out, x: -0.5 * ct / np.sqrt(x * x * x))
REGION.rule("pow", "exponent's slope 0 below 1e-6", lambda xp, ct, out, x, y:
            np.where(x < 1e-6, 0.0, ct * (out * np.log(np.where(x < 1e-6, 1.0, x)))), argument=1)  # fmt: skip
REGION.rule("logsumexp", "NaN where an entry is hidden", lambda xp, ct, out, x, axis, keepdims: np.where(
            np.isinf(x), np.nan, right_pull("logsumexp")(xp, ct, out, x, axis=axis, keepdims=keepdims)))  # fmt: skip

MUTANTS = [*COMPOSED.mutants, *REGION.mutants, *LAYOUT.mutants, *AXIS.mutants]
