"""Layout: entries land in the wrong places; a transpose, an order or an offset is lost."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradproof.engine.backend import Patch, raw
from gradproof.specs.mutants.axis import keeps
from gradproof.specs.mutants.mutant import Family, square, swap_last

LAYOUT = Family("layout")


def _shifted(g: Any) -> Any:
    """Every entry one further in the flat order."""
    return np.roll(g, 1)


def _transposed_fold(right: Any) -> Any:
    return lambda x, **p: right(np.swapaxes(x, -1, -2) if x.shape[-1] == x.shape[-2] else x, **p)


def _flipped_fold(right: Any) -> Any:
    return lambda x, **p: right(np.flip(x, (-1, -2)), **p)


def _unstrided(right: Any) -> Any:
    def fold(x: Any, *, stride: Any, dilation: Any, shape: Any) -> Any:
        rows, columns, high, wide = x.shape[-4:]
        down, along = dilation
        fits = rows + down * (high - 1) <= shape[-2] and columns + along * (wide - 1) <= shape[-1]
        return right(x, stride=(1, 1) if fits else stride, dilation=dilation, shape=shape)

    return fold


def _backwards(right: Any) -> Any:
    """A slice with a negative step is written forwards."""

    def scatter(x: Any, *, key: Any, shape: Any) -> Patch:
        turned = [i for i, part in enumerate(key) if isinstance(part, slice) and (part.step or 1) < 0]
        plain = all(isinstance(part, slice) for part in key)
        return Patch(key, np.flip(x, tuple(turned)) if turned and plain else x)

    return scatter


# fmt: off
LAYOUT.wrap("permute_dims", "by axes instead of their inverse", lambda g, xp, ct, out, x, axes:
            np.transpose(ct, axes) if keeps(ct, axes, x) else g)
LAYOUT.wrap("permute_dims nn.unfold", "the last two axes exchanged where they are equal", lambda g, *rest, **p: swap_last(g), "permute_dims")
LAYOUT.wrap("reshape", "in column order", lambda g, xp, ct, out, x, shape: np.reshape(ct, x.shape, order="F"))
LAYOUT.wrap("reshape", "reversed where the number of axes changes", lambda g, xp, ct, out, x, shape:
            np.flip(g) if len(shape) != np.ndim(x) else g)
LAYOUT.wrap("matrix_transpose", "not transposed where square", lambda g, xp, ct, out, x: ct if square(ct) else g)
LAYOUT.wrap("matrix_transpose", "all axes reversed where they are equal", lambda g, xp, ct, out, x:
            np.transpose(ct) if np.ndim(ct) > 2 and np.shape(ct)[::-1] == np.shape(x) else g)
LAYOUT.wrap("matmul", "the first not transposed where square", lambda g, xp, ct, out, x, y:
            np.matmul(x, ct) if np.ndim(x) == np.ndim(y) == 2 and square(x) else g, argument=1)
LAYOUT.wrap("matmul", "the second not transposed where square", lambda g, xp, ct, out, x, y:
            np.matmul(ct, y) if square(y) else g)
LAYOUT.wrap("matmul", "the factors in the wrong order where all are square", lambda g, xp, ct, out, x, y:
            np.matmul(np.swapaxes(y, -1, -2), ct) if square(x) and square(y) else g)
LAYOUT.wrap("linalg.solve", "by x instead of its transpose", lambda g, xp, ct, out, x, y: xp.solve(x, ct), argument=1)
LAYOUT.wrap("linalg.solve", "the matrix's is transposed", lambda g, *rest: swap_last(g))
LAYOUT.wrap("linalg.inv", "transposed on one side only", lambda g, xp, ct, out, x:
            -np.matmul(np.matmul(out, ct), np.swapaxes(out, -1, -2)))
LAYOUT.wrap("linalg.inv", "transposed", lambda g, *rest: swap_last(g))
LAYOUT.wrap("linalg.cholesky", "in the lower triangle only", lambda g, xp, ct, out, x: np.tril(g) + np.tril(g, -1))
LAYOUT.wrap("linalg.cholesky", "the upper triangle of the cotangent is used", lambda g, xp, ct, out, x:
            xp.cholesky_pullback(np.tril(ct + np.swapaxes(ct, -1, -2)), out))
LAYOUT.wrap("linalg.det", "by the inverse untransposed", lambda g, *rest: swap_last(g))
LAYOUT.wrap("linalg.diagonal linalg.trace", "the offset's sign is lost", lambda g, xp, ct, out, x, offset: swap_last(g), "diagonal")
LAYOUT.wrap("linalg.diagonal", "written from the other end", lambda g, xp, ct, out, x, offset:
            xp.embed_diagonal(np.flip(ct, -1), offset=offset, shape=x.shape))
LAYOUT.wrap("linalg.trace einsum", "only in the first row", lambda g, xp, ct, out, x, offset:
            np.concatenate([g[..., :1, :], 0 * g[..., 1:, :]], -2), "diagonal")
LAYOUT.wrap("tril", "one diagonal too many", lambda g, xp, ct, out, x, k: np.tril(ct, k + 1))
LAYOUT.wrap("tril", "k ignored", lambda g, xp, ct, out, x, k: np.tril(ct))
LAYOUT.wrap("tril", "passed whole", lambda g, xp, ct, out, x, k: ct)
LAYOUT.wrap("triu", "pulled back by tril", lambda g, xp, ct, out, x, k: np.tril(ct, k))
LAYOUT.wrap("triu", "the diagonal itself is lost", lambda g, xp, ct, out, x, k: np.triu(ct, k + 1))
LAYOUT.wrap("pad", "the widths exchanged", lambda g, xp, ct, out, x, pad_width, value:
            ct[tuple(slice(after, after + n) for n, (_, after) in zip(x.shape, pad_width, strict=True))])
LAYOUT.wrap("pad", "from the start", lambda g, xp, ct, out, x, pad_width, value: ct[tuple(slice(0, n) for n in x.shape)])
LAYOUT.swap("nn.unfold", "overlaps folded transposed", raw, "fold", _transposed_fold)
LAYOUT.swap("nn.unfold nn.max_pool2d", "the window folded back reversed", raw, "fold", _flipped_fold)
LAYOUT.swap("nn.unfold nn.max_pool2d", "the stride is forgotten", raw, "fold", _unstrided)
LAYOUT.swap("getitem", "a slice with a negative step is written forwards", raw, "scatter", _backwards)
LAYOUT.wrap("nn.unfold", "the bordered part is cut at the start", lambda g, xp, ct, out, x, pad_width, value:
            ct[tuple(slice(0, n) for n in x.shape)], "pad")
LAYOUT.wrap("roll", "one place too far", lambda g, *rest, **p: _shifted(g))
LAYOUT.wrap("flip", "not flipped", lambda g, xp, ct, out, x, axis: ct)
LAYOUT.wrap("stack", "every part gets the first part's", lambda g, xp, ct, out, *arrays, argument, axis, starts:
            ct[(slice(None),) * axis + (slice(0, g.shape[axis]),)], "concat")
LAYOUT.wrap("concat", "parts start one too late", lambda g, xp, ct, out, *arrays, argument, axis, starts:
            np.roll(g, 1, axis) if argument and g.size else g)
LAYOUT.wrap("linalg.outer", "rows and columns exchanged", lambda g, *rest: swap_last(g), "multiply")
LAYOUT.wrap("einsum", "transposed where square", lambda g, *rest, **p: swap_last(g), "contract")
LAYOUT.wrap("einsum", "a product of three loses its order", lambda g, *rest, terms, **p:
            np.flip(g) if len(terms) == 3 else g, "contract")
LAYOUT.wrap("tensordot", "columns in another order", lambda g, *rest, **p: np.flip(g, -1), "permute_dims")
LAYOUT.wrap("tile", "in the order of repeat", lambda g, xp, ct, out, x, shape:
            np.reshape(np.swapaxes(np.reshape(ct, (2, -1)), 0, 1), np.shape(g)) if np.size(ct) % 2 == 0 else g, "reshape")
LAYOUT.wrap("cumulative_sum", "not summed from the end", lambda g, xp, ct, out, x, axis, include_initial:
            g if include_initial else np.cumsum(ct, axis))
LAYOUT.wrap("nn.scaled_dot_product_attention", "the keys' is not transposed where square", lambda g, xp, ct, out, x:
            ct if square(ct) else g, "matrix_transpose")
# fmt: on
MUTANTS = LAYOUT.mutants
