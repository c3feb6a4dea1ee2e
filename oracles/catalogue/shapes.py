"""Shapes, axes and broadcasts to sample: small, and nasty where array rules go wrong (docs/judge.md 4)."""

from __future__ import annotations

from gradproof.oracles.catalogue.row import Shape
from gradproof.oracles.catalogue.source import Source

SHAPES: tuple[Shape, ...] = (
    (), (2,), (3,), (1,), (2, 3), (3, 2), (2, 2), (3, 3), (1, 3), (3, 1), (2, 2, 2), (2, 1, 3), (2, 3, 2), (0,),
    (2, 0), (0, 3), (1, 1), (4,), (1, 2, 1, 2), (3, 2, 1), (2, 2, 0), (2, 2, 3), (1, 4), (3, 3, 1), (9, 2), (131,), (), (),
    (1, 2, 2, 2), (2, 1, 1, 2, 2),
)  # fmt: skip
ARRAYS = tuple(s for s in SHAPES if s)
FULL = tuple(s for s in ARRAYS if 0 not in s)


def any_shape(source: Source) -> Shape:
    return source.pick(SHAPES)


def array_shape(source: Source) -> Shape:
    """At least one axis."""
    return source.pick(ARRAYS)


def full_shape(source: Source) -> Shape:
    """At least one axis, none empty."""
    return source.pick(FULL)


def partner(source: Source, shape: Shape) -> Shape:
    """A shape that broadcasts with ``shape``: equal, scalar, fewer axes, ones inside, or more axes in front
    (which now and then stretches the ones behind them too)."""
    kind = source.below(8)
    if kind <= 2:
        return shape
    if not shape:
        return source.pick(((), (2,), (2, 3), (1,), (0,)))
    if kind == 3:
        return ()
    if kind == 4:
        return shape[source.below(len(shape)) :]
    if kind == 5:
        mask = source.byte()
        return tuple(1 if mask >> i & 1 else n for i, n in enumerate(shape))
    if kind == 6 and len(shape) <= 2:
        front = source.pick((2, 1, 3))
        return (front, *(2 if n == 1 and front == 3 else n for n in shape))
    return tuple(source.pick((2, 3)) if n == 1 else n for n in shape)


def within(source: Source, shape: Shape) -> Shape:
    """A shape that broadcasts to ``shape`` without enlarging it."""
    kind = source.below(4)
    if kind <= 1 or not shape:
        return shape
    if kind == 2:
        return shape[source.below(len(shape) + 1) :]
    mask = source.byte()
    return tuple(1 if mask >> i & 1 else n for i, n in enumerate(shape))


def axis_or_none(source: Source, ndim: int) -> int | tuple[int, ...] | None:
    """None, an int of either sign, or a tuple of mixed signs."""
    kind = source.below(5)
    if kind == 0 or ndim == 0:
        return None
    if kind in (1, 2):
        return one_axis(source, ndim)
    order = [(source.byte(), i) for i in range(ndim)]
    count = 1 + source.below(ndim)
    mask = source.byte()
    return tuple(i - ndim if mask >> i & 1 else i for _, i in sorted(order)[:count])


def one_axis(source: Source, ndim: int) -> int:
    """An axis of either sign."""
    return source.below(2 * ndim) - ndim


def size(shape: Shape) -> int:
    count = 1
    for n in shape:
        count *= n
    return count
