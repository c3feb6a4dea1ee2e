"""Historical defects of shapes, axes, places, matrices and layers, planted in the native engine; a row as in ``values.py``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from historical_row import JAX, SECOND, TF, TORCH, Row, fitted, rule, spread, whole, wrap

import gradproof.engine as ge
from gradproof.engine import nn, tape
from gradproof.engine.backend import raw
from gradproof.specs.mutants.mutant import Swap


def overwritten(right: Any) -> Any:
    """What is scattered to one place twice replaces what was there."""

    def scatter(x: Any, *, key: Any, shape: Any) -> Any:
        out = np.zeros(shape, np.asarray(x).dtype)
        out[key] = x
        return out

    return scatter


def norm_of_all(g: Any, xp: Any, ct: Any, out: Any, x: Any, axis: Any, keepdims: bool, ord: float) -> Any:
    return spread(ct, x, axis, keepdims) * x / np.sqrt(np.sum(x * x)) if ord == 2 else g


def minors_forgotten(xp: Any, ct: Any, out: Any, x: Any) -> Any:
    return ct[..., None, None] * (out[..., None, None] * np.swapaxes(np.linalg.pinv(x), -1, -2))


def both_triangles(g: Any) -> Any:
    return g + np.swapaxes(g, -1, -2) - g * np.eye(np.shape(g)[-1])


def eye_in_gap(xp: Any, ct: Any, out: Any, x: Any) -> Any:
    """1 / (gap + I) - I, where I is lost beside eigenvalues above 2**53; and no care for equal ones."""
    w, v, by_w, by_v = out[..., 0, :], out[..., 1:, :], ct[..., 0, :], ct[..., 1:, :]
    eye = np.eye(x.shape[-1])
    gap = w[..., None, :] - w[..., :, None]
    inside = np.swapaxes(v, -1, -2) @ by_v
    moved = (1.0 / (gap + eye) - eye) * inside + by_w[..., None, :] * eye
    return v @ moved @ np.swapaxes(v, -1, -2)


def svd_by_squares(g: Any, xp: Any, ct: Any, out: Any, x: Any) -> Any:
    """1 / (s_i**2 - s_j**2): equal singular values give NaN, whatever is asked of them."""
    s = out[..., np.shape(x)[-2], :]
    gap = s[..., None, :] ** 2 - s[..., :, None] ** 2 + np.eye(s.shape[-1])
    return g + 0.0 * np.sum(np.sum(1.0 / gap, -1), -1)[..., None, None]


def signed_threshold(limit: str) -> Callable[..., Any]:
    """Quadratic wherever the signed difference is below the threshold."""

    def pull(gs: Any, ct: Any, out: Any, x: Any, y: Any, reduction: str, **params: Any) -> Any:
        d, at = np.asarray(x) - np.asarray(y), params[limit]
        slope = np.where(d < at, d / (at if limit == "beta" else 1), np.sign(d) * (at if limit == "delta" else 1.0))
        g = np.asarray(ct) * slope / (d.size if reduction == "mean" else 1)
        return fitted(g, x), fitted(-g, y)

    return pull


def no_sum_alone(right: Any) -> Any:
    """einsum, whose pullback raises where a letter stands in one operand alone."""

    def raising(kept: Any, ct: Any) -> Any:
        raise IndexError("arrays used as indices must be of integer type")

    def einsum(subscripts: str, *operands: Any) -> Any:
        terms, _, result = subscripts.partition("->")
        if not any(c.isalpha() and c not in result and sum(c in t for t in terms.split(",")) == 1 for c in terms):
            return right(subscripts, *operands)
        f = ge.custom_vjp(lambda *xs: right(subscripts, *xs))
        f.defvjp(lambda *xs: (right(subscripts, *xs), None), raising)
        return f(*operands)

    return einsum


def as_in_training(gs: Any, ct: Any, out: Any, x: Any, mean: Any, variance: Any, weight: Any, bias: Any, eps: float) -> Any:
    """The mean of the cotangent taken off, as if the statistics were the batch's."""
    g = np.asarray(gs[0])
    axes = (0, *range(2, g.ndim))
    return (g - np.mean(g, axis=axes, keepdims=True), *gs[1:]) if g.size else gs


def one_bin_size(gs: Any, ct: Any, out: Any, x: Any, size: Any) -> Any:
    """Every bin taken for ceil(n / count) entries."""
    n, count = np.shape(x)[-1], size[-1]
    starts = [(i * n // count, -(-(i + 1) * n // count)) for i in range(count)]
    g = np.zeros(np.shape(x))
    for i, (a, b) in enumerate(starts):
        g[..., a:b] += np.asarray(ct)[..., i : i + 1] / -(-n // count)
    return g


def dilation_and_stride(g: Any, xp: Any, ct: Any, out: Any, y: Any, weight: Any, shape: Any, **at: Any) -> Any:
    at["stride"], at["dilation"] = at["dilation"], at["stride"]
    return xp.conv(ct, weight, **at)


def stride_ignored(g: Any, xp: Any, ct: Any, out: Any, y: Any, weight: Any, shape: Any, **at: Any) -> Any:
    """A filter of one entry: places side by side are read in place of those a stride apart."""
    if set(weight.shape[2:]) != {1} or max(at["stride"]) == 1:
        return g
    beside = xp.conv(ct, weight, **{**at, "stride": (1,) * len(shape)})
    return beside[(..., *(slice(0, n) for n in y.shape[2:]))]


def stateful(owner: Any, name: str) -> Swap:
    """A scale kept from one backward pass to the next."""

    def change(right: Any) -> Any:
        calls = [0]

        def pull(gs: Any, ct: Any, out: Any, *rest: Any, **params: Any) -> Any:
            calls[0] += 1
            return tuple(g * (1 + 1e-3 * (calls[0] % 2)) for g in gs)

        made: Any = whole(owner, name, pull, 5).change(right)
        return made

    return Swap(owner, name, change)


# fmt: off
ROWS = [
    # ---- shapes, axes, parameters
    Row(TORCH + "28993", "mean", "of all entries, not divided by their number", wrap("mean", lambda g, xp, ct, out, x, axis, keepdims: g * np.size(x) if axis is None else g)),
    Row(TORCH + "1813", "mean", "an axis of a 1-d array: an error", wrap("mean", lambda g, xp, ct, out, x, axis, keepdims:
        np.squeeze(g, 3) if np.ndim(x) == 1 and axis is not None else g), "CRASHED"),
    Row(TORCH + "913", "add multiply", "axes in front are not summed away: another shape", Swap(tape, "unbroadcast", lambda right: lambda xp, ct, shape:
        ct if len(ct.shape) > len(shape) and 1 in ct.shape else right(xp, ct, shape)), "CONTRACT,CRASHED,WRONG"),
    Row(TORCH + "1213", "concat", "a negative axis: the wrong slice", wrap("concat", lambda g, xp, ct, out, *arrays, argument, axis, starts:
        ct[tuple(slice(0, n) for n in arrays[argument].shape)])),
    Row("HIPS/autograd#42", "linalg.vector_norm", "the axis is forgotten", wrap("vector_norm", norm_of_all)),
    Row("Theano/Theano#602", "nn.conv2d", "wrong for strides of 3 and more", wrap("conv", lambda g, xp, ct, out, x, weight, **at:
        g * 0.5 if max(at["stride"]) > 2 else g)),
    Row(TORCH + "63314", "nn.conv_transpose2d", "a filter of one entry: the stride is ignored", wrap("conv_transpose", stride_ignored)),
    Row("huggingface/candle#2337", "nn.conv_transpose2d", "stride and dilation exchanged", wrap("conv_transpose", dilation_and_stride), "WRONG,CRASHED,CONTRACT"),
    Row("sebgao/cTensor#3", "nn.conv2d", "the filters' gradient is a mean over images and places", wrap("conv", lambda g, xp, ct, out, x, weight, **at:
        g / max(ct.size // ct.shape[1], 1), 1)),
    Row("PaddlePaddle/Paddle#74077", "nn.adaptive_avg_pool1d", "all bins taken for equal", whole(nn, "adaptive_avg_pool1d", one_bin_size)),
    Row("pytorch/xla#913", "nn.batch_norm_inference", "the formula of training", whole(nn, "batch_norm_inference", as_in_training, 5)),
    Row(TORCH + "586", "nn.batch_norm_inference", "the gradient changes from pass to pass", stateful(nn, "batch_norm_inference"), "CONTRACT,WRONG"),
    Row("apache/mxnet#18102", "einsum", "axes of length 1 come back in another order", wrap("contract",
        lambda g, xp, ct, out, *ops, argument, **p: np.reshape(np.transpose(g), np.shape(g)) if np.ndim(g) > 1 and 1 in np.shape(ct) else g)),
    Row("HIPS/autograd#242", "einsum", "a letter of one operand that is summed: an error", Swap(ge, "einsum", no_sum_alone), "CRASHED"),
    Row("HIPS/autograd#30", "linalg.trace", "beyond two axes, of the first two", whole(ge.linalg, "trace", lambda gs, ct, out, x, offset:
        np.swapaxes(gs[0], 0, -1) if np.ndim(x) > 2 and np.shape(x)[0] == np.shape(x)[-1] else gs[0])),
    # ---- places
    Row(TORCH + "1631", "take_along_axis", "an index that comes up twice: the last cotangent only", Swap(raw, "scatter", overwritten)),
    Row(TORCH + "1528", "getitem", "the same for x[indices]", Swap(raw, "scatter", overwritten)),
    Row("PaddlePaddle/Paddle#17662", "take", "the same for gather", Swap(raw, "scatter", overwritten)),
    Row("pymc-devs/pytensor#2242", "nn.embedding", "the same for rows of a table", Swap(raw, "scatter", overwritten)),
    Row(TF + "50075", "take", "along an axis beyond 1: of another axis", whole(ge, "take", lambda gs, ct, out, x, indices=None, axis=0:
        np.swapaxes(gs[0], 0, axis).reshape(np.shape(x)) if axis % max(np.ndim(x), 1) > 1 else gs[0])),
    Row("pymc-devs/pytensor#267", "at_set", "what is overwritten keeps its gradient", whole(ge, "at_set", lambda gs, ct, out, x, v, key: (ct, gs[1]), 2)),
    Row("apache/mxnet#15175", "masked_select", "the first entries get it, not the chosen", whole(ge, "masked_select", lambda gs, ct, out, x, mask=None:
        np.sort(np.ravel(gs[0]))[::-1].reshape(np.shape(x)))),
    # ---- matrices
    Row("pytorch/pytorch.github.io#2135", "linalg.inv", "no transposes", rule("inv", lambda xp, ct, out, x: -out @ ct @ out)),
    Row("HIPS/autograd#576", "linalg.eigh", "vectors: divided by the gap of the other sign", wrap("eigh", lambda g, xp, ct, out, x:
        eye_in_gap(xp, ct * np.array([1.0, *(-1.0,) * x.shape[-1]])[:, None], out, x) if x.shape[-1] > 1 else g)),
    Row(JAX + "40141", "linalg.eigh", "1 / (gap + I) - I: NaN, or no digits, for large eigenvalues", rule("eigh", eye_in_gap)),
    Row(JAX + "8732", "linalg.svd", "NaN for equal singular values", wrap("svd", svd_by_squares), None,
        why="a result by itself has no derivative there, so it is not drawn; functions of several are (functions.py)"),
    Row(JAX + "2311", "linalg.svdvals", "NaN for equal singular values, though they alone are asked for", wrap("svd", svd_by_squares), None, why="the same"),
    Row(TORCH + "192540", "linalg.det", "0 for a singular matrix", rule("det", minors_forgotten)),
    Row(TORCH + "137284", "linalg.cholesky", "both triangles added, the diagonal once", rule("cholesky", lambda xp, ct, out, x:
        both_triangles(xp.cholesky_pullback(ct, out)))),
    # ---- losses
    Row("BobMcDear/attorch#13", "nn.smooth_l1", "the threshold compared with the signed difference", whole(nn, "smooth_l1", signed_threshold("beta"), 2)),
    Row("BobMcDear/attorch#13", "nn.huber", "the threshold compared with the signed difference", whole(nn, "huber", signed_threshold("delta"), 2)),
    Row("chainer/chainer#1175", "nn.huber", "the cotangent is ignored", whole(nn, "huber", lambda gs, ct, out, x, y, **p:
        tuple(g / np.where(np.asarray(ct) == 0, 1, np.asarray(ct)) if np.ndim(ct) == 0 else g for g in gs), 2)),
    Row("SciSharp/TensorFlow.NET#787", "nn.mse", "the operands in place of their difference", whole(nn, "mse", lambda gs, ct, out, x, y, reduction: (ct * x if np.ndim(ct) == 0 else gs[0], gs[1]), 2)),
    Row(TORCH + "59477", "nn.bce", "second derivative halved for a sum", whole(nn, "bce", lambda gs, ct, out, x, y, reduction: (
        (0.5 * gs[0] + 0.5 * ge.stop_gradient(gs[0]), gs[1]) if reduction == "sum" else tuple(gs)), 2), modes=SECOND),
    Row(TORCH + "65466", "nn.kl_div", "no gradient by the target", whole(nn, "kl_div", lambda gs, ct, out, x, y, **p: (gs[0], 0 * gs[1]), 2)),
    Row(TORCH + "17447", "nn.smooth_l1", "a threshold of 1 in the backward pass alone", whole(nn, "smooth_l1", lambda gs, ct, out, x, y, beta, reduction:
        tuple(fitted(s * np.asarray(ct) * np.clip(np.asarray(x) - np.asarray(y), -1, 1) / (np.size(np.asarray(x) - np.asarray(y)) if reduction == "mean" else 1), z)
              for s, z in ((1, x), (-1, y))), 2)),
]
# fmt: on
