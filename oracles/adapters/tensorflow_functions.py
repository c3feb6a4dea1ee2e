"""TensorFlow's special functions, sorting, pieces, scatter and further linear algebra, as tables."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import tensorflow as tf

from gradproof.oracles.errors import Unsupported

Function = Callable[..., Any]


def _only(holds: bool, what: str) -> None:
    if not holds:
        raise Unsupported(f"TensorFlow has no {what}")


def _top_k(x: Any, k: int, axis: int, largest: bool) -> Any:
    """Of the last axis, as TensorFlow has it."""
    last = _swapaxes(x, axis, -1)
    return _swapaxes(tf.math.top_k(last, k).values if largest else -tf.math.top_k(-last, k).values, axis, -1)


def _cumulative_prod(x: Any, axis: int, include_initial: bool) -> Any:
    if include_initial:
        x = tf.concat([tf.ones_like(tf.reduce_sum(x, axis, keepdims=True)), x], axis)
    return tf.math.cumprod(x, axis)


def _split(x: Any, sections: Any, axis: int, piece: int) -> Any:
    if not isinstance(sections, int):
        ends = (0, *sections, x.shape[axis])
        sections = [b - a for a, b in pairwise(ends)]
    return tf.split(x, sections, axis)[piece]


def _swapaxes(x: Any, axis1: int, axis2: int) -> Any:
    axes = list(range(x.ndim))
    axes[axis1], axes[axis2] = axes[axis2], axes[axis1]
    return tf.transpose(x, axes)


def _symmetric(x: Any) -> Any:
    return (x + tf.linalg.matrix_transpose(x)) / 2


def _signed(vectors: Any) -> Any:
    """Constant signs: of each column, the sum weighted by exp(-i/3) becomes positive."""
    weights = tf.exp(-tf.range(vectors.shape[-2], dtype=vectors.dtype) / 3)
    return tf.where(tf.tensordot(tf.stop_gradient(vectors), weights, [[-2], [0]]) < 0, -1.0, 1.0)


def _turned(vectors: Any, signs: Any, axis: int) -> Any:
    return vectors * tf.expand_dims(tf.cast(signs, vectors.dtype), axis)


def _eigh(x: Any, result: str) -> Any:
    values, vectors = tf.linalg.eigh(_symmetric(x))
    return values if result == "eigenvalues" else _turned(vectors, _signed(vectors), -2)


def _svd(x: Any, result: str) -> Any:
    s, u, v = tf.linalg.svd(x)
    signs = _signed(u)
    return s if result == "S" else _turned(u, signs, -2) if result == "U" else tf.linalg.matrix_transpose(_turned(v, signs, -2))


def _qr(x: Any, result: str) -> Any:
    q, r = tf.linalg.qr(x)
    signs = tf.where(tf.linalg.diag_part(tf.stop_gradient(r)) < 0, -1.0, 1.0)
    return _turned(q, signs, -2) if result == "Q" else _turned(r, signs, -1)


def _matrix_norm(x: Any, ord: Any, keepdims: bool) -> Any:
    _only(ord in ("fro", 1, float("inf")), f"matrix norm {ord!r} with a gradient")
    return tf.norm(x, "fro" if ord == "fro" else ord, (-2, -1), keepdims)


def _put(scatter: Function) -> Function:
    def put(x: Any, indices: Any, values: Any, axis: int) -> Any:
        _only(axis % x.ndim == 0, "scatter of rows along an axis but the first")
        places = tf.where(indices < 0, indices + x.shape[0], indices)
        return scatter(x, places[:, None], tf.broadcast_to(values, (indices.shape[0], *x.shape[1:])))

    return put


FUNCTIONS: dict[str, Function] = {
    "ceil": tf.math.ceil, "floor": tf.floor, "round": tf.round, "positive": tf.identity, "log2": lambda x: tf.experimental.numpy.log2(x),
    "erfinv": tf.math.erfinv, "lgamma": tf.math.lgamma, "digamma": tf.math.digamma, "ndtri": tf.math.ndtri,
    "polygamma": lambda x, n: tf.math.polygamma(tf.cast(n, x.dtype), x),
    "i0": tf.math.special.bessel_i0, "i1": tf.math.special.bessel_i1, "xlog1py": tf.math.xlog1py,
    "remainder": tf.math.floormod, "floor_divide": tf.math.floordiv, "hypot": lambda x, y: tf.experimental.numpy.hypot(x, y),
    "log10": lambda x: tf.experimental.numpy.log10(x), "exp2": lambda x: tf.experimental.numpy.exp2(x),
    "logaddexp": lambda x, y: tf.experimental.numpy.logaddexp(x, y), "logaddexp2": lambda x, y: tf.experimental.numpy.logaddexp2(x, y),
    "sinc": lambda x: tf.experimental.numpy.sinc(x), "cbrt": lambda x: tf.experimental.numpy.cbrt(x),
    "sort": lambda x, axis, descending: tf.sort(x, axis, "DESCENDING" if descending else "ASCENDING"),
    "topk": _top_k, "cumulative_prod": _cumulative_prod, "logcumsumexp": lambda x, axis: tf.math.cumulative_logsumexp(x, axis),
    "amax": lambda x, axis, keepdims: tf.experimental.numpy.amax(x, axis, keepdims=keepdims),
    "amin": lambda x, axis, keepdims: tf.experimental.numpy.amin(x, axis, keepdims=keepdims),
    "average": lambda x, weights, axis, keepdims: _average(x, weights, axis, keepdims),
    "diff": lambda x, axis, n: tf.experimental.numpy.diff(x, n, axis), "vecdot": lambda x, y, axis: tf.reduce_sum(x * y, axis),
    "unstack": lambda x, axis, piece: tf.unstack(x, axis=axis)[piece], "split": _split, "swapaxes": _swapaxes,
    "moveaxis": lambda x, source, destination: tf.experimental.numpy.moveaxis(x, source, destination),
    "ravel": lambda x: tf.experimental.numpy.ravel(x), "rot90": lambda x, k, axes: tf.experimental.numpy.rot90(x, k, axes),
    "repeat_interleave": lambda x, counts, axis: tf.repeat(x, counts, axis),
    "diag": lambda x, k: tf.experimental.numpy.diag(x, k), "diag_embed": lambda x, offset: tf.linalg.diag(x, k=offset),
    "meshgrid": lambda *arrays, indexing, piece: tf.meshgrid(*arrays, indexing=indexing)[piece],
    "broadcast_arrays": lambda *arrays, piece: tf.experimental.numpy.broadcast_arrays(*arrays)[piece],
    "take_along_axis": lambda x, indices, axis: tf.experimental.numpy.take_along_axis(x, indices, axis),
    "index_add": _put(tf.tensor_scatter_nd_add), "masked_fill": lambda x, mask, value: tf.where(mask, tf.cast(value, x.dtype), x),
    "masked_select": lambda x, mask: tf.boolean_mask(x, tf.broadcast_to(mask, x.shape)),
    "segment_sum": lambda x, ids, count: tf.math.unsorted_segment_sum(x, ids, count),
    "nansum": lambda x, axis, keepdims: tf.experimental.numpy.nansum(x, axis, keepdims=keepdims),
    "nanprod": lambda x, axis, keepdims: tf.experimental.numpy.nanprod(x, axis, keepdims=keepdims),
    "nanmean": lambda x, axis, keepdims: tf.experimental.numpy.nanmean(x, axis, keepdims=keepdims),
    "tril": lambda x, k: tf.experimental.numpy.tril(x, k), "triu": lambda x, k: tf.experimental.numpy.triu(x, k),
    "linalg.outer": lambda x, y: tf.experimental.numpy.outer(x, y), "linalg.kron": lambda x, y: tf.experimental.numpy.kron(x, y),
    "linalg.cross": lambda x, y, axis: tf.experimental.numpy.cross(x, y, axis=axis),
    "linalg.eigh": _eigh, "linalg.eigvalsh": lambda x: tf.linalg.eigvalsh(_symmetric(x)), "linalg.svd": _svd,
    "linalg.svdvals": lambda x: tf.linalg.svd(x, compute_uv=False), "linalg.qr": _qr,
    "linalg.slogdet": lambda x, result: tf.linalg.slogdet(x).log_abs_determinant, "linalg.expm": tf.linalg.expm,
    "linalg.pinv": tf.linalg.pinv, "linalg.matrix_norm": _matrix_norm,
    "linalg.lstsq": lambda x, y: tf.linalg.lstsq(x, y) if y.ndim > 1 else tf.linalg.lstsq(x, y[:, None])[..., 0],
    "linalg.triangular_solve": lambda x, y, lower: tf.linalg.triangular_solve(x, y, lower),
    "linalg.cholesky_solve": lambda x, y: tf.linalg.cholesky_solve(x, y),
}  # fmt: skip


def _average(x: Any, weights: Any, axis: Any, keepdims: bool) -> Any:
    _only(not keepdims and not isinstance(axis, tuple), "average that keeps the axis, or over several")
    return tf.experimental.numpy.average(x, axis, weights)
