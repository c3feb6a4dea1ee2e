"""Pullbacks of ops that only move entries: each is its own transpose, or has one among its kind."""

from __future__ import annotations

from typing import Any

from gradproof.engine.rules.rule import Table, rule


def _back(xp: Any, ct: Any, out: Any, x: Any, **params: Any) -> Any:
    return xp.reshape(ct, shape=x.shape)


def _permute(xp: Any, ct: Any, out: Any, x: Any, axes: tuple[int, ...]) -> Any:
    ndim = len(axes)
    order = [a % ndim for a in axes]
    return xp.permute_dims(ct, axes=tuple(order.index(i) for i in range(ndim)))


def _roll(xp: Any, ct: Any, out: Any, x: Any, shift: Any, axis: Any) -> Any:
    return xp.roll(ct, shift=tuple(-s for s in shift) if isinstance(shift, tuple) else -shift, axis=axis)


def _pad(xp: Any, ct: Any, out: Any, x: Any, pad_width: Any, value: float) -> Any:
    return ct[tuple(slice(before, before + n) for n, (before, _) in zip(x.shape, pad_width, strict=True))]


def _concat(xp: Any, ct: Any, out: Any, *arrays: Any, argument: int, axis: int, starts: tuple[int, ...]) -> Any:
    start = starts[argument]
    return ct[(slice(None),) * axis + (slice(start, start + arrays[argument].shape[axis]), ...)]


# fmt: off
RULES: Table = {
    "reshape":          (rule("", _back),),
    "expand_dims":      (rule("", _back),),
    "squeeze":          (rule("", _back),),
    "broadcast_to":     (rule("", lambda xp, ct, out, x, shape: ct),),  # the sweep un-broadcasts
    "permute_dims":     (rule("", _permute),),
    "matrix_transpose": (rule("", lambda xp, ct, out, x: xp.matrix_transpose(ct)),),
    "flip":             (rule("", lambda xp, ct, out, x, axis: xp.flip(ct, axis=axis)),),
    "roll":             (rule("", _roll),),
    "pad":              (rule("", _pad),),
    "tril":             (rule("", lambda xp, ct, out, x, k: xp.tril(ct, k=k)),),
    "triu":             (rule("", lambda xp, ct, out, x, k: xp.triu(ct, k=k)),),
    "diagonal":         (rule("", lambda xp, ct, out, x, offset: xp.embed_diagonal(ct, offset=offset, shape=x.shape)),),
    "embed_diagonal":   (rule("", lambda xp, ct, out, x, offset, shape: xp.diagonal(ct, offset=offset)),),
}
VARIADIC: Table = {"concat": (rule("", _concat),)}
# fmt: on
