"""Attention: with masks, with heads that share keys, of many heads; and rotary positions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from gradproof.oracles.catalogue.nn import softmax
from gradproof.oracles.catalogue.normalisation import mask as draw_mask
from gradproof.oracles.catalogue.row import Op, Shape, Sketch, Slot
from gradproof.oracles.catalogue.source import Source
from gradproof.oracles.graph import Array, Param


def _attention(
    xp: Any, q: Any, k: Any, v: Any, mask: Any = None, *, causal: bool, scale: float | None, grouped: bool = False
) -> Any:
    """Each query's softmax is over the keys it sees alone, so there is no infinity."""
    if grouped:
        times = np.shape(q)[-3] // np.shape(k)[-3]
        k, v = xp.repeat(k, times, axis=-3), xp.repeat(v, times, axis=-3)
    scores = xp.matmul(q, xp.swapaxes(k, -1, -2)) * (np.shape(q)[-1] ** -0.5 if scale is None else scale)
    sees = causal
    if mask is not None:
        sees = isinstance(mask, np.ndarray) and mask.dtype == bool
        scores = scores if sees else scores + mask
    if not sees:
        return xp.matmul(softmax(xp, scores, -1), v)
    rows = []
    for i in range(np.shape(q)[-2]):
        keys = np.arange(min(i + 1, np.shape(k)[-2])) if mask is None else np.flatnonzero(mask[i])
        weights = softmax(xp, scores[..., i : i + 1, keys], -1)
        rows.append(xp.matmul(weights, v[..., keys, :]))
    return xp.concatenate(rows, axis=-2)


def _attention_sketch(source: Source, shape: Shape) -> Sketch | None:
    if not 2 <= len(shape) <= 3 or 0 in shape:
        return None
    *batch, length, width = shape
    keys = length if source.flag() else source.pick((2, 3))
    kind = source.below(4)
    params: dict[str, Param] = {"causal": kind == 1, "scale": source.pick((0.5, 1.0, 0.25, None, -0.5)), "grouped": False}
    if batch and batch[0] % 2 == 0 and source.flag():
        batch, params["grouped"] = [batch[0] // 2], True
    operands: list[Slot | Array] = [Slot(shape), Slot((*batch, keys, width)), Slot((*batch, keys, source.pick((width, 2))))]
    if kind == 2:
        operands.append(Slot((length, keys)))
    elif kind == 3:
        seen = draw_mask(source, (length, keys))
        seen[np.arange(length), np.arange(length) % keys] = True
        operands.append(seen)
    return Sketch(tuple(operands), params)


def _multi_head(xp: Any, x: Any, w_in: Any, b_in: Any, w_out: Any, b_out: Any, heads: int) -> Any:
    wide = np.shape(x)[-1]
    made = xp.matmul(x, xp.swapaxes(w_in, 0, 1)) + b_in
    each = wide // heads
    outs = []
    for h in range(heads):
        q, k, v = (made[..., i * wide + h * each : i * wide + (h + 1) * each] for i in range(3))
        outs.append(_attention(xp, q, k, v, causal=False, scale=None))
    return xp.matmul(xp.concatenate(outs, axis=-1), xp.swapaxes(w_out, 0, 1)) + b_out


def _multi_sketch(source: Source, shape: Shape) -> Sketch | None:
    if len(shape) != 3 or 0 in shape or shape[-1] > 2:
        return None
    wide = shape[-1]
    slots = tuple(Slot(s) for s in (shape, (3 * wide, wide), (3 * wide,), (wide, wide), (wide,)))
    return Sketch(slots, {"heads": source.pick((1, wide))})


def _rotary(xp: Any, x: Any, base: float, offset: int) -> Any:
    length, wide = np.shape(x)[-2:]
    half = wide // 2
    angle = np.arange(offset, offset + length)[:, None] * base ** (-np.arange(half) / half)
    first, second = x[..., :half], x[..., half:]
    turned = [first * np.cos(angle) - second * np.sin(angle), second * np.cos(angle) + first * np.sin(angle)]
    return xp.concatenate(turned, axis=-1)


def _rotary_sketch(source: Source, shape: Shape) -> Sketch | None:
    if len(shape) < 2 or 0 in shape or shape[-1] % 2:
        return None
    return Sketch((Slot(shape),), {"base": source.pick((10000.0, 4.0, 100.0)), "offset": source.pick((0, 1, 5))})


def _row(name: str, meaning: Callable[..., Any], sketch: Any, shapes: tuple[Shape, ...]) -> Op:
    return Op(f"nn.{name}", meaning, sketch, lambda source: source.pick(shapes), family="attention")


ROWS = (
    _row(
        "scaled_dot_product_attention", _attention, _attention_sketch,
        ((2, 3), (3, 2), (1, 3), (2, 2), (3, 1), (2, 2, 2), (1, 1), (5, 2), (2, 3, 1), (4, 1, 2), (2, 1, 2)),
    ),
    _row("multi_head_attention", _multi_head, _multi_sketch, ((1, 2, 2), (2, 1, 2), (1, 3, 1), (2, 2, 1))),
    _row("rotary_embedding", _rotary, _rotary_sketch, ((2, 2), (3, 4), (1, 2), (2, 2, 2), (4, 2), (2, 6))),
)  # fmt: skip
