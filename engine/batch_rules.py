"""Where the batch goes: a rule for each primitive, by family. The batch is the first axis of a result, always.

A rule is given the operands, each with whether the batch is its first axis, and calls the primitive on all examples at once.
What has no rule is run example by example, and is named in ``LOOPED`` with the reason.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

import gradproof.engine.functions as fn
from gradproof.engine.array import Array, as_array
from gradproof.engine.library import inexact
from gradproof.engine.rules import activations, elementwise, missing, special

Call = Callable[..., Array]
Params = dict[str, Any]


class Operand(NamedTuple):
    """An operand inside the batch: an Array (or a number), and whether it has the batch as its first axis."""

    value: Any
    batched: bool

    @property
    def ndim(self) -> int:
        """The axes of one example."""
        return len(getattr(self.value, "shape", ())) - self.batched


def looped(call: Call, name: str, xs: Sequence[Operand], params: Params, size: int) -> Array:
    """The primitive example by example."""
    if size == 0:
        raise ValueError(f"vmap of {name}, which has no batching rule, over a batch of no examples. Its result has no shape.")
    rows = []
    for i in range(size):
        own = {k: tuple(_example(part, i) for part in v) if k == "key" else v for k, v in params.items()}
        rows.append(call(name, *(_example(x, i) for x in xs), **own))
    if inexact(rows[0].dtype):
        return fn.stack(rows)
    return Array(np.stack([row.data for row in rows]))


def _example(x: Any, i: int) -> Any:
    return x if type(x) is not Operand else fn.getitem(x.value, i) if x.batched else x.value


# ---- families


def aligned(call: Call, name: str, xs: Sequence[Operand], params: Params, size: int) -> Array:
    """Elementwise: examples of fewer axes get axes of length 1 behind the batch, so that they broadcast as they did alone."""
    return call(name, *_aligned(xs), **params)


def of_the_first(call: Call, name: str, xs: Sequence[Operand], params: Params, size: int) -> Array:
    """Elementwise, with a result of the shape of the first operand, so that must have the batch."""
    first, *others = xs
    return aligned(call, name, (first if first.batched else Operand(_spread(first, size), True), *others), params, size)


def _aligned(xs: Sequence[Operand]) -> list[Any]:
    ndim = max(x.ndim for x in xs)
    return [_widened(x, ndim - x.ndim) for x in xs]


def _widened(x: Operand, missing: int) -> Any:
    if not x.batched or not missing:
        return x.value
    lengths = x.value.shape
    return _reshaped(x.value, (lengths[0], *(1,) * missing, *lengths[1:]))


def _reshaped(x: Array, shape: tuple[int, ...]) -> Array:
    return fn.reshape(x, shape)


def along(call: Call, name: str, xs: Sequence[Operand], params: Params, size: int) -> Array:
    """Along axes that are a param: one further back if counted from the front; None is every axis but the batch."""
    axis, ndim = params["axis"], xs[0].ndim
    moved = tuple(range(1, ndim + 1)) if axis is None else _moved(axis)
    return call(name, *_full(xs, size), **params | {"axis": moved})


def _moved(axis: Any) -> Any:
    if isinstance(axis, tuple):
        return tuple(map(_moved, axis))
    return axis + 1 if axis >= 0 else axis


def _full(xs: Sequence[Operand], size: int) -> list[Any]:
    """Every operand with the batch as its first axis."""
    return [x.value if x.batched else _spread(x, size) for x in xs]


def _spread(x: Operand, size: int) -> Array:
    value = as_array(x.value)
    return fn.broadcast_to(value, (size, *value.shape))


def along_axes(call: Call, name: str, xs: Sequence[Operand], params: Params, size: int) -> Array:
    return call(name, xs[0].value, **params | {"axes": _moved(tuple(params["axes"]))})


def rolled(call: Call, name: str, xs: Sequence[Operand], params: Params, size: int) -> Array:
    (x,) = xs
    if params["axis"] is not None:
        return along(call, name, xs, params, size)
    flat = call("roll", fn.reshape(x.value, (size, int(np.prod(x.value.shape[1:])))), shift=params["shift"], axis=1)
    return fn.reshape(flat, x.value.shape)


def reshaped(call: Call, name: str, xs: Sequence[Operand], params: Params, size: int) -> Array:
    shape, lengths = params["shape"], xs[0].value.shape[1:]
    if -1 in shape:
        known = int(np.prod([n for n in shape if n != -1]))
        shape = tuple(int(np.prod(lengths)) // known if n == -1 else n for n in shape)
    return call(name, xs[0].value, shape=(size, *shape))


def spread(call: Call, name: str, xs: Sequence[Operand], params: Params, size: int) -> Array:
    shape = params["shape"]
    return call(name, _widened(xs[0], len(shape) - xs[0].ndim), shape=(size, *shape))


def permuted(call: Call, name: str, xs: Sequence[Operand], params: Params, size: int) -> Array:
    return call(name, xs[0].value, axes=(0, *(a % xs[0].ndim + 1 for a in params["axes"])))


def within(call: Call, name: str, xs: Sequence[Operand], params: Params, size: int) -> Array:
    """On the last axes, whatever is before them."""
    return call(name, *_full(xs, size), **params)


def shaped(call: Call, name: str, xs: Sequence[Operand], params: Params, size: int) -> Array:
    """On the last axes, into an array of a given shape."""
    return call(name, *_full(xs, size), **params | {"shape": (size, *params["shape"])})


def padded(call: Call, name: str, xs: Sequence[Operand], params: Params, size: int) -> Array:
    return call(name, xs[0].value, **params | {"pad_width": ((0, 0), *params["pad_width"])})


def stacked(call: Call, name: str, xs: Sequence[Operand], params: Params, size: int) -> Array:
    """On stacks of matrices: what is before the last two axes broadcasts."""
    ndim = max(x.ndim for x in xs)
    return call(name, *[_widened_stack(x, ndim) for x in xs], **params)


def _widened_stack(x: Operand, ndim: int) -> Any:
    return _widened(x, ndim - x.ndim)


def contracted(call: Call, name: str, xs: Sequence[Operand], params: Params, size: int) -> Array:
    letters = "".join(params["terms"]) + params["result"]
    batch = next(c for c in "zyxwvutsrqponmlkjihgfedcbaZYXWVUTSRQPONMLKJIHGFEDCBA" if c not in letters)
    terms = tuple(batch + term if x.batched else term for x, term in zip(xs, params["terms"], strict=True))
    return call(name, *(x.value for x in xs), terms=terms, result=batch + params["result"])


def of_images(call: Call, name: str, xs: Sequence[Operand], params: Params, size: int) -> Array:
    """Convolutions of images by filters that are the same for all: the batch and the images are one axis."""
    images, filters = xs
    if filters.batched:
        return looped(call, name, xs, params, size)
    lengths = images.value.shape
    out = call(name, fn.reshape(images.value, (size * lengths[1], *lengths[2:])), filters.value, **params)
    return fn.reshape(out, (size, lengths[1], *out.shape[1:]))


def unbatched(call: Call, name: str, xs: Sequence[Operand], params: Params, size: int) -> Array:
    """What reads the kind of its operand only, and is the same for all."""
    return _spread(Operand(call(name, xs[0].value, **params), False), size)


def concatenated(call: Call, name: str, xs: Sequence[Operand], params: Params, size: int) -> Array:
    return call(name, *_full(xs, size), **params | {"axis": params["axis"] + 1})


# ---- indexing


def indexed(call: Call, name: str, xs: Sequence[Operand], params: Params, size: int) -> Array:
    """At a key; index arrays that are apart put their axes first, before the batch, and are brought back."""
    key = params["key"]
    (x,) = xs
    if any(type(part) is Operand for part in key):
        where, order = _gathering(key, x.ndim, size)
        values = x.value if x.batched else _spread(x, size)
        return fn.permute_dims(call(name, values, key=where), order)
    out = call(name, x.value, key=(slice(None), *key))
    front = _front(key)
    return fn.permute_dims(out, (front, *range(front), *range(front + 1, out.ndim))) if front else out


def scattered(call: Call, name: str, xs: Sequence[Operand], params: Params, size: int) -> Array:
    """The transpose of ``indexed``."""
    key, shape = params["key"], (size, *params["shape"])
    (x,) = xs
    values = x.value if x.batched else _spread(x, size)
    if any(type(part) is Operand for part in key):
        where, order = _gathering(key, len(params["shape"]), size)
        back = tuple(order.index(i) for i in range(len(order)))
        return call(name, fn.permute_dims(values, back), key=where, shape=shape)
    front = _front(key)
    if front:
        values = fn.permute_dims(values, (*range(1, front + 1), 0, *range(front + 1, values.ndim)))
    return call(name, values, key=(slice(None), *key), shape=shape)


def _is_advanced(part: Any) -> bool:
    return type(part) is Operand or isinstance(part, np.ndarray) or hasattr(part, "dtype")


def _front(key: tuple[Any, ...]) -> int:
    """How many axes of index arrays come first in the result: none if the arrays and ints beside them stand together."""
    if not any(map(_is_advanced, key)):
        return 0
    places = [i for i, part in enumerate(key) if _is_advanced(part) or isinstance(part, int)]
    if places == list(range(places[0], places[-1] + 1)):
        return 0
    return _ndim_of_indices(key)


def _ndim_of_indices(key: tuple[Any, ...]) -> int:
    shapes = [np.shape(part) if part.dtype != bool else (1,) for part in key if isinstance(part, np.ndarray)]
    return len(np.broadcast_shapes(*shapes))


def _gathering(key: tuple[Any, ...], ndim: int, size: int) -> tuple[tuple[Any, ...], tuple[int, ...]]:
    """A key that differs between examples, with the batch as an index array beside the others, and where its axes belong."""
    named = sum(part is not None and part is not Ellipsis for part in key)
    at = next((i for i, part in enumerate(key) if part is Ellipsis), len(key))
    key = (*key[:at], *(slice(None),) * (ndim - named), *key[at + 1 :])
    arrays = [part for part in key if _is_advanced(part)]
    depth = max(part.ndim if type(part) is Operand else np.ndim(part) for part in arrays)
    where: list[Any] = [np.arange(size).reshape((size, *(1,) * depth))]
    for part in key:
        if type(part) is Operand:
            where.append(_widened(part, depth - part.ndim).data if part.batched else part.value.data)
        else:
            where.append(part)
    places = [i for i, part in enumerate(key) if _is_advanced(part) or isinstance(part, int)]
    together = places == list(range(places[0], places[-1] + 1))
    before = sum(not isinstance(part, int) for part in key[: places[0]]) if together else 0
    free = sum(part is None or isinstance(part, slice) for part in key)
    rest = list(range(1 + depth, 1 + depth + free))
    return tuple(where), (0, *rest[:before], *range(1, 1 + depth), *rest[before:])


# ---- the table

_ELEMENTWISE = {*elementwise.RULES, *special.RULES, *activations.RULES, *missing.RULES}


def _each(names: str, rule: Callable[..., Array]) -> dict[str, Callable[..., Array]]:
    return dict.fromkeys(names.split(), rule)


RULES: dict[str, Callable[..., Array]] = {
    **dict.fromkeys(_ELEMENTWISE, aligned),
    **_each("< <= > >= == != & | ^ ~ % // isfinite isnan zeros_like bucket sigmoid_slope", aligned), "shut": of_the_first,
    **_each("""sum mean max min var std logsumexp vector_norm softmax log_softmax cumulative_sum ties extreme_pullback centred flip cumulative_prod
        cumulative_max cumulative_min logcumsumexp linear_recurrence shifted sort order inverse reorder expand_dims squeeze rfft irfft""", along),
    **_each("matrix_transpose tril triu diagonal windows row_scale cholesky_pullback eigh svd qr logabsdet signdet pinv", within),
    **_each("embed_diagonal fold", shaped),
    **_each("matmul solve inv det cholesky triangular_solve", stacked),
    **_each("conj imag real complex modulus", aligned), "fftn": along_axes, "ifftn": along_axes,
    "reshape": reshaped, "broadcast_to": spread, "permute_dims": permuted, "pad": padded, "roll": rolled,
    "concat": concatenated, "beside": unbatched, "getitem": indexed, "scatter": scattered, "contract": contracted, "conv": of_images, "conv_transpose": of_images,
}  # fmt: skip


LOOPED: dict[str, str] = {
    "expm": "its scaling is by the norm of the whole stack, so a small example would be squared too often beside a large one",
    "conv_filter": "the sum over images is part of it, so a batch of them is no batch of images",
}
"""Primitives that are run example by example, and why."""
