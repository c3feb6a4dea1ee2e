"""Attention: by products of queries and keys, of many heads, and rotary positions. All composed."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from gradproof.engine.array import Array, as_array, raw_of
from gradproof.engine.errors import ShapeError
from gradproof.engine.functions import elementwise as el
from gradproof.engine.functions import shape
from gradproof.engine.functions.products import matmul
from gradproof.engine.functions.recurrent import linear
from gradproof.engine.tape import apply

__all__ = ["multi_head_attention", "rotary_embedding", "scaled_dot_product_attention"]


def scaled_dot_product_attention(
    q: Any, k: Any, v: Any, mask: Any = None, causal: bool = False, scale: float | None = None, grouped: bool = False
) -> Array:
    """softmax(q @ k.T * scale) @ v, where a causal query sees keys up to its own position, and a mask says which else.

    A boolean mask is True where a key is seen (each query must see one); any other is added to the scores. Grouped: several
    heads of queries, next to each other, share one of keys and values.

    Shapes: q (..., L, D), k (..., S, D), v (..., S, E), mask (L, S) or with leading axes, result (..., L, E); grouped: q
    (..., H, L, D), k (..., G, S, D), v (..., G, S, E), with H a multiple of G.
    """
    q, k, v = as_array(q), as_array(k), as_array(v)
    heads = q.shape[-3:-2]
    if grouped:
        if min(q.ndim, k.ndim, v.ndim) < 3 or q.shape[-3] % k.shape[-3]:
            raise ShapeError(
                f"scaled_dot_product_attention: {q.shape} queries of groups {k.shape}; expected heads of the one, axis -3, in a "
                "multiple of the other's."
            )
        q = shape.reshape(q, (*q.shape[:-3], k.shape[-3], -1, *q.shape[-2:]))
        k, v = shape.expand_dims(k, -3), shape.expand_dims(v, -3)
    scores = matmul(q, shape.matrix_transpose(k)) * (q.shape[-1] ** -0.5 if scale is None else scale)
    if causal:
        scores = el.where(np.tri(q.shape[-2], k.shape[-2], dtype=bool), scores, -math.inf)
    if mask is not None:
        if grouped and np.ndim(raw_of(mask)) > 2:
            raise ShapeError("scaled_dot_product_attention: a mask of grouped heads has the shape (L, S), one for all heads.")
        boolean = "bool" in str(as_array(mask).dtype)
        scores = el.where(mask, scores, -math.inf) if boolean else el.add(scores, mask)
    out = matmul(apply("softmax", (scores,), {"axis": -1}), v)
    return shape.reshape(out, (*out.shape[:-4], *heads, *out.shape[-2:])) if grouped else out


def multi_head_attention(x: Any, w_in: Any, b_in: Any, w_out: Any, b_out: Any, heads: int) -> Array:
    """Self-attention: queries, keys and values by one linear layer, attention in each head, and another linear layer.

    Shapes: x (N, L, E), w_in (3 * E, E), b_in (3 * E,), w_out (E, E), b_out (E,).
    """
    x = as_array(x)
    if x.ndim != 3 or x.shape[-1] % heads:
        raise ShapeError(f"multi_head_attention: x of shape {x.shape}, {heads} heads; expected (N, L, E), E a multiple of them.")
    n, length, wide = x.shape
    apart = shape.reshape(linear(x, w_in, b_in), (n, length, 3, heads, wide // heads))
    q, k, v = (shape.permute_dims(apart[:, :, i], (0, 2, 1, 3)) for i in range(3))
    met = shape.permute_dims(scaled_dot_product_attention(q, k, v), (0, 2, 1, 3))
    return linear(shape.reshape(met, (n, length, wide)), w_out, b_out)


def rotary_embedding(x: Any, base: float = 10000.0, offset: int = 0) -> Array:
    """Pairs (x[i], x[i + D / 2]) turned by an angle that grows with the position, the slower the larger i is.

    Shapes: x (..., L, D) with D even; the first position is ``offset``.
    """
    x = as_array(x)
    if x.ndim < 2 or x.shape[-1] % 2:
        raise ShapeError(f"rotary_embedding: x of shape {x.shape}; expected (..., L, D) with D even.")
    length, half = x.shape[-2], x.shape[-1] // 2
    angles = np.arange(offset, offset + length)[:, None] * base ** (-np.arange(half) / half)
    cos, sin = el.beside(x, np.cos(angles)), el.beside(x, np.sin(angles))
    a, b = x[..., :half], x[..., half:]
    return shape.concat([a * cos - b * sin, b * cos + a * sin], axis=-1)
