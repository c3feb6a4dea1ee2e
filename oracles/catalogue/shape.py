"""Ops that move entries and compute nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from gradproof.oracles.catalogue.row import Op, Shape, Sketch, Slot
from gradproof.oracles.catalogue.shapes import any_shape, array_shape, one_axis, size
from gradproof.oracles.catalogue.source import Source
from gradproof.oracles.graph import Param

Params = dict[str, Param]


def _one(draw: Callable[[Source, Shape], Params | None]) -> Callable[[Source, Shape], Sketch | None]:
    """A sketch with one operand, from a draw of the parameters."""

    def sketch(source: Source, shape: Shape) -> Sketch | None:
        params = draw(source, shape)
        return None if params is None else Sketch((Slot(shape),), params)

    return sketch


def _reshape(source: Source, shape: Shape) -> Params:
    n = size(shape)
    targets: list[Shape] = [(n,), (1, n), shape[::-1], (n, 1)]
    if n == 1:
        targets.append(())
    targets += [(k, n // k) for k in (2, 3) if n and n % k == 0]
    if n:
        targets.append((-1,))
    return {"shape": source.pick(targets)}


def _permute(source: Source, shape: Shape) -> Params:
    keys = [(source.byte(), i) for i in range(len(shape))]
    ndim, mask = len(shape), source.byte() if source.flag() else 0
    return {"axes": tuple(i - ndim if mask >> i & 1 else i for _, i in sorted(keys))}


def _expand(source: Source, shape: Shape) -> Params:
    return {"axis": source.below(2 * len(shape) + 2) - len(shape) - 1}


def _squeeze(source: Source, shape: Shape) -> Params | None:
    ones = [i for i, n in enumerate(shape) if n == 1]
    if not ones:
        return None
    if source.flag():
        return {"axis": tuple(ones)}
    return {"axis": source.pick(ones) - (len(shape) if source.flag() else 0)}


def _broadcast(source: Source, shape: Shape) -> Params:
    inner = tuple(source.pick((2, 3, 1)) if n == 1 else n for n in shape)
    front = source.pick(((), (2,), (1, 2), (0,)))
    return {"shape": (*front, *inner) if len(inner) < 3 else inner}


def _flip(source: Source, shape: Shape) -> Params:
    ndim = len(shape)
    if not ndim or source.flag(3):
        return {"axis": None}
    if ndim > 1 and source.flag(3):
        return {"axis": (0, -1)}
    return {"axis": one_axis(source, ndim)}


def _roll(source: Source, shape: Shape) -> Params:
    ndim = len(shape)
    shift = source.pick((1, -1, 2, -5, 0))
    if not ndim or source.flag(3):
        return {"shift": shift, "axis": None}
    if ndim > 1 and source.flag(3):
        return {"shift": (shift, 1), "axis": (0, -1)}
    return {"shift": shift, "axis": one_axis(source, ndim)}


def _tile(source: Source, shape: Shape) -> Params:
    return {"repetitions": source.pick(((2,), (1, 2), (2, 1), (1,), (2, 2), (3, 1, 1)))[: max(1, 4 - len(shape))]}


def _repeat(source: Source, shape: Shape) -> Params:
    axis = one_axis(source, len(shape)) if shape and not source.flag(3) else None
    return {"repeats": source.pick((2, 1, 3, 0)), "axis": axis}


def _pad(source: Source, shape: Shape) -> Params | None:
    if not shape:
        return None
    widths = tuple((source.pick((1, 0, 2)), source.pick((0, 1, 2))) for _ in shape)
    return {"pad_width": widths, "value": source.pick((0.0, 1.5))}


def _band(source: Source, shape: Shape) -> Params | None:
    return {"k": source.pick((0, 1, -1, 2, -3))} if len(shape) >= 2 else None


def _offset(source: Source, shape: Shape) -> Params | None:
    return {"offset": source.pick((0, 1, -1, 2, -2))} if len(shape) >= 2 else None


def matrix_shape(source: Source) -> Shape:
    return source.pick(
        ((2, 3), (3, 2), (2, 2), (3, 3), (2, 2, 2), (1, 3), (3, 1), (2, 3, 3), (2, 0), (1, 1), (2, 2, 3))
    )


def cubic_shape(source: Source) -> Shape:
    """Often equal lengths: a cyclic permutation then keeps the shape, and only the values tell it from its inverse."""
    return (2, 2, 2) if source.flag(3) else array_shape(source)


def with_ones(source: Source) -> Shape:
    return source.pick(((1,), (1, 3), (2, 1), (1, 1), (2, 1, 3), (1, 0), (1, 2, 1, 2)))


def _join_sketch(stacking: bool) -> Callable[[Source, Shape], Sketch | None]:
    def sketch(source: Source, shape: Shape) -> Sketch | None:
        ndim = len(shape)
        count = source.pick((2, 1, 3, 4))
        if stacking:
            return Sketch((Slot(shape),) * count, {"axis": source.below(2 * ndim + 2) - ndim - 1})
        if not ndim:
            return None
        if source.flag(4):
            return Sketch((Slot(shape), Slot((2,) * ndim)), {"axis": None})
        axis = one_axis(source, ndim)
        shapes = [shape]
        for _ in range(count - 1):
            other = list(shape)
            other[axis] = source.pick((shape[axis], 1, 0, 2))
            shapes.append(tuple(other))
        return Sketch(tuple(map(Slot, shapes)), {"axis": axis})

    return sketch


def _concat(xp: Any, *arrays: Any, axis: int | None) -> Any:
    return xp.concatenate([np.ravel(a) for a in arrays] if axis is None else arrays, axis=axis or 0)


def _pad_meaning(xp: Any, x: Any, pad_width: tuple[tuple[int, int], ...], value: float) -> Any:
    return xp.pad(x, pad_width, constant_values=value)


def _band_meaning(keep: Callable[..., Any]) -> Callable[..., Any]:
    def meaning(xp: Any, x: Any, k: int) -> Any:
        mask = keep(np.ones(np.shape(x)[-2:], dtype=bool), k)
        return xp.where(mask, x, np.zeros((), dtype=np.asarray(x).dtype))

    return meaning


ROWS = (
    *(
        Op(name, meaning, sketch, shape, family="shape")
        for name, meaning, sketch, shape in (
            ("reshape", lambda xp, x, shape: xp.reshape(x, shape), _one(_reshape), any_shape),
            ("permute_dims", lambda xp, x, axes: xp.transpose(x, axes), _one(_permute), cubic_shape),
            (
                "matrix_transpose",
                lambda xp, x: xp.swapaxes(x, -1, -2),
                _one(lambda s, shape: {} if len(shape) >= 2 else None),
                matrix_shape,
            ),
            ("expand_dims", lambda xp, x, axis: xp.expand_dims(x, axis), _one(_expand), any_shape),
            ("squeeze", lambda xp, x, axis: xp.squeeze(x, axis), _one(_squeeze), with_ones),
            ("broadcast_to", lambda xp, x, shape: xp.broadcast_to(x, shape), _one(_broadcast), any_shape),
            ("flip", lambda xp, x, axis: xp.flip(x, axis), _one(_flip), any_shape),
            ("roll", lambda xp, x, shift, axis: xp.roll(x, shift, axis), _one(_roll), any_shape),
            ("tile", lambda xp, x, repetitions: xp.tile(x, repetitions), _one(_tile), any_shape),
            ("repeat", lambda xp, x, repeats, axis: xp.repeat(x, repeats, axis), _one(_repeat), any_shape),
            ("pad", _pad_meaning, _one(_pad), array_shape),
            ("tril", _band_meaning(np.tril), _one(_band), matrix_shape),
            ("triu", _band_meaning(np.triu), _one(_band), matrix_shape),
            ("linalg.diagonal", lambda xp, x, offset: xp.diagonal(x, offset, -2, -1), _one(_offset), matrix_shape),
        )
    ),
    Op("concat", _concat, _join_sketch(False), array_shape, call="list", family="shape"),
    Op("stack", lambda xp, *a, axis: xp.stack(a, axis), _join_sketch(True), any_shape, call="list", family="shape"),
)
