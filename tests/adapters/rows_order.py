"""Rows of the ops of sorting, running along an axis, missing entries, pieces and places: op, meaning, operands, parameters."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

RNG = np.random.default_rng(20)
Row = tuple[str, Any, tuple[Any, ...], dict[str, Any]]


def real(*shape: int) -> Any:
    """Ordinary entries, no two alike."""
    return RNG.uniform(-2, 2, shape)


def _missing(*shape: int) -> Any:
    x = real(*shape)
    x[..., 1] = np.nan
    return x


def _recurrence(x: Any, decay: Any, axis: int, reverse: bool) -> Any:
    if reverse:
        return np.flip(_recurrence(np.flip(x, axis), np.flip(decay, axis), axis, False), axis)
    out = np.moveaxis(np.array(x), axis, 0)
    for i, share in list(enumerate(np.moveaxis(decay, axis, 0)))[1:]:
        out[i] += share * out[i - 1]
    return np.moveaxis(out, 0, axis)


def _middle(x: Any, axis: Any, keepdims: bool, middle: str) -> Any:
    return np.quantile(x, 0.5, axis=axis, keepdims=keepdims, method="linear" if middle == "mean" else "lower")


def _prod(x: Any, axis: int, include_initial: bool) -> Any:
    return np.cumulative_prod(x, axis=axis, include_initial=include_initial)


def _changed(write: Any) -> Any:
    def meaning(x: Any, *rest: Any, **params: Any) -> Any:
        out = np.array(x)
        write(out, *rest, **params)
        return out

    return meaning


def _key(key: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(np.array(k) if isinstance(k, tuple) else k for k in key)


def _at(name: str) -> Any:
    return _changed(lambda out, values, key: out.__setitem__(_key(key), getattr(np, name)(out[_key(key)], values)))


def _along(i: Any, axis: int) -> tuple[Any, ...]:
    grid: list[Any] = list(np.indices(i.shape, sparse=True))
    grid[axis] = i
    return tuple(grid)


def _slices(i: Any, axis: int, ndim: int) -> tuple[Any, ...]:
    return (slice(None),) * (axis % ndim) + (i,)


def ordered() -> Iterator[Row]:
    x = real(3, 4)
    for axis, descending in ((1, False), (-2, True)):
        yield "sort", lambda x, axis, descending: np.sort(x if not descending else -x, axis=axis) * (1 - 2 * descending), (x,), {
            "axis": axis, "descending": descending}  # fmt: skip
    keys = np.array([[2, 0, 1, 3], [1, 1, 0, 2], [0, 3, 3, 1]])
    yield "sort_by", lambda x, keys, axis: np.take_along_axis(x, np.argsort(keys, axis, stable=True), axis), (x, keys), {"axis": 1}
    yield "topk", lambda x, k, axis, largest: -np.sort(-x, axis)[:, :k], (x,), {"k": 2, "axis": 1, "largest": True}
    yield "kthvalue", lambda x, k, axis, keepdims: np.sort(x, axis)[:, k - 1], (x,), {"k": 3, "axis": -1, "keepdims": False}
    for middle, axis in (("mean", 1), ("low", None)):
        yield "median", _middle, (x,), {"axis": axis, "keepdims": True, "middle": middle}
    yield "quantile", lambda x, q, axis, keepdims: np.quantile(x, q, axis=axis, keepdims=keepdims), (x,), {
        "q": 0.25, "axis": 0, "keepdims": False}  # fmt: skip
    for name, function in (("ptp", np.ptp), ("amax", np.max), ("amin", np.min)):
        yield name, function, (x,), {"axis": (0, 1), "keepdims": False}
    for initial in (False, True):
        yield "cumulative_prod", _prod, (x,), {"axis": 1, "include_initial": initial}
    for name, ufunc in (("cumulative_max", np.maximum), ("cumulative_min", np.minimum), ("logcumsumexp", np.logaddexp)):
        yield name, lambda x, axis, ufunc=ufunc: ufunc.accumulate(x, axis=axis), (x,), {"axis": 1}
    for reverse in (False, True):
        yield "linear_recurrence", _recurrence, (x, real(3, 4)), {"axis": 1, "reverse": reverse}
    yield "diff", lambda x, axis, n: np.diff(x, n, axis), (x,), {"axis": -1, "n": 2}
    yield "trapezoid", lambda y, x, axis: np.trapezoid(y, x, axis=axis), (x, real(3, 4)), {"axis": 1}
    yield "cumulative_trapezoid", lambda y, x, axis: np.cumsum(np.diff(x) * (y[:, 1:] + y[:, :-1]) / 2, axis), (x, real(3, 4)), {"axis": 1}
    yield "average", lambda x, weights, axis, keepdims: np.average(x, axis, weights, keepdims=keepdims), (x, 3 + real(3, 4)), {
        "axis": 1, "keepdims": False}  # fmt: skip


def missing() -> Iterator[Row]:
    x = _missing(3, 4)
    for name in ("nansum", "nanprod", "nanmean", "nanmax", "nanmin"):
        yield name, getattr(np, name), (x,), {"axis": 1, "keepdims": False}
    yield "nanvar", lambda x, axis, keepdims, correction: np.nanvar(x, axis, ddof=correction, keepdims=keepdims), (x,), {
        "axis": 1, "keepdims": False, "correction": 1}  # fmt: skip
    yield "nan_to_num", lambda x, nan: np.where(np.isnan(x), np.asarray(nan, x.dtype), x), (x,), {"nan": 1.5}


def pieces() -> Iterator[Row]:
    x, v, w = real(2, 4), real(3), real(2)
    yield "unstack", lambda x, axis, piece: np.take(x, piece, axis), (x,), {"axis": -1, "piece": 2}
    yield "split", lambda x, sections, axis, piece: np.split(x, sections, axis)[piece], (x,), {"sections": 2, "axis": 1, "piece": 1}
    yield "split", lambda x, sections, axis, piece: np.split(x, sections, axis)[piece], (x,), {"sections": (1, 3), "axis": 1, "piece": 1}
    yield "moveaxis", np.moveaxis, (real(2, 3, 2),), {"source": 0, "destination": -1}
    yield "swapaxes", np.swapaxes, (real(2, 3, 2),), {"axis1": 0, "axis2": -2}
    yield "repeat_interleave", lambda x, counts, axis: np.repeat(x, counts, axis), (x, np.array([2, 0, 1, 1])), {"axis": 1}
    yield "rot90", np.rot90, (x,), {"k": 1, "axes": (0, 1)}
    yield "ravel", np.ravel, (x,), {}
    yield "diag", np.diag, (v,), {"k": 1}
    yield "diag", np.diag, (x,), {"k": -1}
    yield "diag_embed", lambda x, offset: np.stack([np.diag(row, offset) for row in x]), (x,), {"offset": -1}
    yield "unfold", lambda x, axis, size, step: np.lib.stride_tricks.sliding_window_view(x, size, axis)[:, ::step], (x,), {
        "axis": 1, "size": 2, "step": 2}  # fmt: skip
    yield "meshgrid", lambda *x, indexing, piece: np.meshgrid(*x, indexing=indexing)[piece], (v, w), {"indexing": "xy", "piece": 1}
    yield "broadcast_arrays", lambda *x, piece: np.broadcast_arrays(*x)[piece], (v, real(2, 1)), {"piece": 0}
    yield "block_diag", lambda *x: np.block([[x[0], np.zeros((2, 1), x[0].dtype)], [np.zeros((1, 4), x[0].dtype), x[1]]]), (x, real(1, 1)), {}


def places() -> Iterator[Row]:
    x = real(3, 4)
    key = {"key": (slice(1, None), (0, -1))}
    yield "at_set", _changed(lambda out, values, key: out.__setitem__(_key(key), values)), (x, real(2)), key
    yield "at_add", _at("add"), (x, real(2, 2)), key
    yield "at_multiply", _at("multiply"), (x, real(2, 2)), key
    i = np.array([[0, -1], [2, 1], [-2, 0]])
    yield "put_along_axis", _changed(lambda out, i, v, axis: np.put_along_axis(out, i, v, axis)), (x, i, real(3, 2)), {"axis": 1}
    again = np.array([[0, 0], [2, 1], [-1, 3]])
    yield "scatter_add", _changed(lambda out, i, v, axis: np.add.at(out, _along(i, axis), v)), (x, again, real(3, 2)), {"axis": 1}
    yield "index_add", _changed(lambda out, i, v, axis: np.add.at(out, _slices(i, axis, 2), v)), (x, np.array([1, 1, -1]), real(3, 3)), {"axis": 1}
    yield "index_copy", _changed(lambda out, i, v, axis: out.__setitem__(_slices(i, axis, 2), v)), (x, np.array([1, -1]), real(3, 2)), {"axis": 1}
    yield "index_fill", _changed(lambda out, i, axis, value: out.__setitem__(_slices(i, axis, 2), value)), (x, np.array([1, 1])), {
        "axis": 0, "value": -1.5}  # fmt: skip
    mask = np.array([[True, False, False, True]] * 2 + [[False] * 4])
    yield "masked_fill", lambda x, mask, value: np.where(mask, np.asarray(value, x.dtype), x), (x, mask), {"value": 0.0}
    yield "masked_select", lambda x, mask: x[mask], (x, mask), {}
    yield "segment_sum", lambda x, ids, count: np.stack([x[ids == s].sum(0) for s in range(count)]), (x, np.array([2, 0, 2])), {"count": 3}
    yield "lookup", lambda x, table, edges: table[np.searchsorted(edges, x)], (x, real(3)), {"edges": (-0.5, 1.0)}


ROWS: list[Row] = [*ordered(), *missing(), *pieces(), *places()]
