"""Convolutions of any rank and their transposes, and the patches they read: unfold and fold."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import product
from typing import Any

import numpy as np

from gradproof.oracles.catalogue.row import Op, Shape, Sketch, Slot
from gradproof.oracles.catalogue.source import Source
from gradproof.oracles.graph import Param

Steps = tuple[int, ...]

LENGTHS: dict[int, tuple[Shape, ...]] = {
    1: ((4,), (3,), (5,), (2,), (1,), (6,)),
    2: ((3, 3), (3, 2), (2, 3), (4, 4), (2, 2), (1, 4), (2, 2), (2, 2)),
    3: ((2, 2, 2), (2, 1, 3), (3, 2, 2), (1, 2, 2), (2, 2, 1)),
}
FRONTS: tuple[Shape, ...] = ((1, 1), (1, 2), (2, 1), (1, 2), (1, 3), (1, 4), (3, 1))


def image_shape(source: Source, rank: int = 2) -> Shape:
    """A small batch of images: (N, C, *lengths)."""
    return (*source.pick(FRONTS), *source.pick(LENGTHS[rank]))


def span(window: Sequence[int], dilation: Sequence[int]) -> tuple[int, ...]:
    """How far a window with holes reaches."""
    return tuple(d * (k - 1) + 1 for k, d in zip(window, dilation, strict=True))


def every(step: Sequence[int]) -> tuple[slice, ...]:
    """Every step-th entry."""
    return tuple(slice(None, None, s) for s in step)


def spread(xp: Any, x: Any, axis: int, step: int) -> Any:
    """``step`` - 1 zeros between neighbours along an axis."""
    if step == 1:
        return x
    n = np.shape(x)[axis]
    apart = xp.pad(xp.expand_dims(x, axis + 1), tuple((0, step - 1 if i == axis + 1 else 0) for i in range(len(np.shape(x)) + 1)))
    shape = np.shape(x)
    merged = xp.reshape(apart, (*shape[:axis], n * step, *shape[axis + 1 :]))
    return merged[(slice(None),) * axis + (slice(0, (n - 1) * step + 1),)]


def bordered(xp: Any, x: Any, padding: Sequence[int]) -> Any:
    """Zeros on both sides of the axes after the first two."""
    return xp.pad(x, ((0, 0), (0, 0), *((p, p) for p in padding)))


def windowed(xp: Any, x: Any, window: Steps, stride: Steps, dilation: Steps) -> Any:
    """Every window over the axes after the first two: (N, C, *positions, *window)."""
    rank = len(window)
    view = xp.windows(x, span(window, dilation), axis=tuple(range(2, 2 + rank)))
    return view[(slice(None), slice(None), *every(stride), *every(dilation))]


def _conv(
    xp: Any, x: Any, weight: Any, bias: Any = None, *, stride: Steps, padding: Steps, dilation: Steps | None = None, groups: int = 1
) -> Any:
    rank = len(stride)
    window = np.shape(weight)[2:]
    view = windowed(xp, bordered(xp, x, padding), window, stride, dilation or (1,) * rank)
    places, taps = "xyz"[:rank], "ijk"[:rank]
    deep, wide = np.shape(weight)[1], np.shape(weight)[0] // groups
    parts = [
        xp.einsum(
            f"nc{places}{taps},oc{taps}->no{places}", view[:, g * deep : (g + 1) * deep], weight[g * wide : (g + 1) * wide]
        )
        for g in range(groups)
    ]
    out = parts[0] if groups == 1 else xp.concatenate(parts, axis=1)
    return out if bias is None else out + xp.reshape(bias, (1, -1, *(1,) * rank))


def _conv_transpose(
    xp: Any, x: Any, weight: Any, bias: Any = None, *,
    stride: Steps, padding: Steps, output_padding: Steps, dilation: Steps, groups: int,
) -> Any:  # fmt: skip
    """The convolution, with filters turned round, of the image with zeros between its entries and around it."""
    rank = len(stride)
    window = np.shape(weight)[2:]
    for i, step in enumerate(stride):
        x = spread(xp, x, 2 + i, step)
    reach = [s - 1 - p for s, p in zip(span(window, dilation), padding, strict=True)]
    if min(reach) < 0:
        raise ValueError(f"padding {padding} is larger than the window reaches")
    x = xp.pad(x, ((0, 0), (0, 0), *((r, r + o) for r, o in zip(reach, output_padding, strict=True))))
    deep, wide = np.shape(weight)[0] // groups, np.shape(weight)[1]
    turned = xp.swapaxes(xp.reshape(weight, (groups, deep, wide, *window)), 1, 2)
    turned = xp.flip(xp.reshape(turned, (groups * wide, deep, *window)), tuple(range(2, 2 + rank)))
    return _conv(xp, x, turned, bias, stride=(1,) * rank, padding=(0,) * rank, dilation=dilation, groups=groups)


def _unfold(xp: Any, x: Any, window: Steps, stride: Steps, padding: Steps, dilation: Steps) -> Any:
    view = xp.transpose(windowed(xp, bordered(xp, x, padding), window, stride, dilation), (0, 1, 4, 5, 2, 3))
    n, c, high, wide, rows, columns = np.shape(view)
    return xp.reshape(view, (n, c * high * wide, rows * columns))


def positions(lengths: Sequence[int], window: Steps, stride: Steps, padding: Steps, dilation: Steps) -> tuple[int, ...]:
    """How many windows fit along each axis."""
    return tuple(
        (n + 2 * p - s) // step + 1
        for n, p, s, step in zip(lengths, padding, span(window, dilation), stride, strict=True)
    )


def _fold(xp: Any, x: Any, size: Steps, window: Steps, stride: Steps, padding: Steps, dilation: Steps) -> Any:
    """Each tap's image, with zeros where the tap does not reach, all added."""
    n, flat = np.shape(x)[:2]
    places = positions(size, window, stride, padding, dilation)
    parts = xp.reshape(x, (n, flat // (window[0] * window[1]), *window, *places))
    whole = [m + 2 * p for m, p in zip(size, padding, strict=True)]
    total: Any = 0.0
    for tap in product(*map(range, window)):
        piece = parts[(slice(None), slice(None), *tap)]
        for axis, step in enumerate(stride):
            piece = spread(xp, piece, 2 + axis, step)
        starts = [i * d for i, d in zip(tap, dilation, strict=True)]
        ends = [w - s - m for w, s, m in zip(whole, starts, np.shape(piece)[2:], strict=True)]
        total = total + xp.pad(piece, ((0, 0), (0, 0), *zip(starts, ends, strict=True)))
    return total[(slice(None), slice(None), *(slice(p, p + m) for m, p in zip(size, padding, strict=True)))]


# ---- sketches


def draw_windows(source: Source, lengths: Sequence[int]) -> tuple[Steps, Steps, Steps, Steps]:
    """Window, stride, padding and dilation that fit an image."""
    rank = len(lengths)
    padding = source.pick(((0,) * rank, (1,) + (0,) * (rank - 1), (1,) * rank))
    window = [source.pick((2, 1, 3)) for _ in lengths]
    window = [min(k, n + 2 * p) for k, n, p in zip(window, lengths, padding, strict=True)]
    dilation = source.pick((*((1,) * rank,) * 6, (2,) * rank, (1,) * (rank - 1) + (2,)))
    fits = [d if d * (k - 1) + 1 <= n + 2 * p else 1 for d, k, n, p in zip(dilation, window, lengths, padding, strict=True)]
    stride = source.pick((*((1,) * rank,) * 3, (2,) + (1,) * (rank - 1), (2,) * rank, (3,) * rank))
    return tuple(window), stride, padding, tuple(fits)


def _conv_sketch(rank: int) -> Callable[[Source, Shape], Sketch | None]:
    def sketch(source: Source, shape: Shape) -> Sketch | None:
        if len(shape) != rank + 2 or 0 in shape:
            return None
        window, stride, padding, dilation = draw_windows(source, shape[2:])
        groups = source.pick([g for g in (1, 1, 2, shape[1]) if shape[1] % g == 0])
        filters = groups * source.pick((1, 2))
        operands = [Slot(shape), Slot((filters, shape[1] // groups, *window))]
        if source.flag(3):
            operands.append(Slot((filters,)))
        return Sketch(tuple(operands), {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups})

    return sketch


def _transpose_sketch(rank: int) -> Callable[[Source, Shape], Sketch | None]:
    def sketch(source: Source, shape: Shape) -> Sketch | None:
        if len(shape) != rank + 2 or 0 in shape:
            return None
        window = tuple(source.pick((2, 1, 3)) for _ in range(rank))
        stride = source.pick(((1,) * rank, (2,) * rank, (2,) + (1,) * (rank - 1), (3,) * rank))
        dilation = source.pick(((1,) * rank, (1,) * rank, (2,) * rank))
        wanted = source.pick(((0,) * rank, (1,) * rank))
        reach = span(window, dilation)
        whole = [(n - 1) * s + r for n, s, r in zip(shape[2:], stride, reach, strict=True)]
        padding = tuple(p if 2 * p < w and p < r else 0 for p, w, r in zip(wanted, whole, reach, strict=True))
        after = tuple(source.below(s) for s in stride)
        groups = source.pick([g for g in (1, 1, 2, shape[1]) if shape[1] % g == 0])
        each = source.pick((1, 2))
        operands = [Slot(shape), Slot((shape[1], each, *window))]
        if source.flag(3):
            operands.append(Slot((each * groups,)))
        params: dict[str, Param] = {"stride": stride, "padding": padding, "output_padding": after, "dilation": dilation, "groups": groups}
        return Sketch(tuple(operands), params)

    return sketch


def _unfold_sketch(source: Source, shape: Shape) -> Sketch | None:
    if len(shape) != 4 or 0 in shape:
        return None
    window, stride, padding, dilation = draw_windows(source, shape[2:])
    return Sketch((Slot(shape),), {"window": window, "stride": stride, "padding": padding, "dilation": dilation})


def _fold_sketch(source: Source, shape: Shape) -> Sketch | None:
    """The size that the windows came from is drawn first; of the shape only the number of images is kept."""
    if len(shape) != 3 or 0 in shape:
        return None
    size = source.pick(((3, 3), (2, 3), (4, 2), (2, 2)))
    window, stride, padding, dilation = draw_windows(source, size)
    places = positions(size, window, stride, padding, dilation)
    patches = (shape[0], source.pick((1, 2)) * int(np.prod(window)), int(np.prod(places)))
    params = {"size": size, "window": window, "stride": stride, "padding": padding, "dilation": dilation}
    return Sketch((Slot(patches),), params)


def _row(name: str, meaning: Callable[..., Any], sketch: Callable[[Source, Shape], Sketch | None], rank: int) -> Op:
    return Op(f"nn.{name}", meaning, sketch, lambda source: image_shape(source, rank), family="convolution")


ROWS = (
    *(_row(f"conv{rank}d", _conv, _conv_sketch(rank), rank) for rank in (1, 2, 3)),
    *(_row(f"conv_transpose{rank}d", _conv_transpose, _transpose_sketch(rank), rank) for rank in (1, 2, 3)),
    _row("unfold", _unfold, _unfold_sketch, 2),
    Op("nn.fold", _fold, _fold_sketch, lambda source: (source.pick((1, 2)), 1, 1), family="convolution"),
)
