"""Pooling: the largest, the mean or the length of what is in each window, and of what is in each of so many bins."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import product
from typing import Any

import numpy as np

from gradproof.oracles.catalogue.convolution import Steps, bordered, draw_windows, image_shape, positions, windowed
from gradproof.oracles.catalogue.row import Op, Shape, Sketch, Slot
from gradproof.oracles.catalogue.source import Source
from gradproof.oracles.domain import BASE, REAL
from gradproof.oracles.graph import Param

Part = tuple[slice, ...]
Sketcher = Callable[[Source, Shape], Sketch | None]


def tiles(xp: Any, x: Any, parts: Sequence[Sequence[slice]], reduce: Callable[[Any], Any]) -> Any:
    """``reduce`` of every part of the axes after the first two: one slice of ``parts`` from each axis."""
    made = [reduce(x[(slice(None), slice(None), *key)]) for key in product(*parts)]
    return xp.reshape(xp.stack(made, axis=-1), (*np.shape(x)[:2], *map(len, parts)))


def last(rank: int) -> tuple[int, ...]:
    """The last axes."""
    return tuple(range(-rank, 0))


def inside(n: int, count: int, window: int, stride: int, padding: int, dilation: int) -> Iterator[slice]:
    """The part of each window that is not padding."""
    for i in range(count):
        start = i * stride - padding
        first = start if start >= 0 else start + dilation * -(start // dilation)
        yield slice(first, min(start + dilation * (window - 1) + 1, n), dilation)


def _max_pool(
    xp: Any, x: Any, window: Steps, stride: Steps, padding: Steps | None = None, dilation: Steps | None = None
) -> Any:
    rank = len(window)
    padding, dilation = padding or (0,) * rank, dilation or (1,) * rank
    if not any(padding):
        return xp.max(windowed(xp, x, window, stride, dilation), last(rank))
    lengths = np.shape(x)[2:]
    counts = positions(lengths, window, stride, padding, dilation)
    parts = [list(inside(*at)) for at in zip(lengths, counts, window, stride, padding, dilation, strict=True)]
    return tiles(xp, x, parts, lambda part: xp.max(part, last(rank)))


def _avg_pool(xp: Any, x: Any, window: Steps, stride: Steps, padding: Steps, count_include_pad: bool) -> Any:
    rank, ones = len(window), (1,) * len(window)
    totals = xp.sum(windowed(xp, bordered(xp, x, padding), window, stride, ones), last(rank))
    if count_include_pad or not any(padding):
        return totals / int(np.prod(window))
    lengths = np.shape(x)[2:]
    counts = positions(lengths, window, stride, padding, ones)
    parts = [list(inside(*at)) for at in zip(lengths, counts, window, stride, padding, ones, strict=True)]
    filled = [[s.stop - s.start for s in axis] for axis in parts]
    return totals / np.array([np.prod(sizes) for sizes in product(*filled)], dtype=float).reshape(counts)


def _lp_pool(xp: Any, x: Any, order: int, window: Steps, stride: Steps) -> Any:
    rank = len(window)
    view = windowed(xp, x, window, stride, (1,) * rank)
    if order == 2:
        return xp.fold_hypot(view, last(rank), False)
    return xp.pow(xp.sum(xp.pow(view, float(order)), last(rank)), 1.0 / order)


def bins(n: int, count: int) -> list[slice]:
    """``count`` bins that cover n entries; neighbours overlap where n is no multiple of count."""
    return [slice(i * n // count, -(-(i + 1) * n // count)) for i in range(count)]


def _adaptive_avg_pool(xp: Any, x: Any, size: Steps) -> Any:
    parts = [bins(n, count) for n, count in zip(np.shape(x)[2:], size, strict=True)]
    axes = last(len(size))
    return tiles(xp, x, parts, lambda part: xp.sum(part, axes) / int(np.prod(np.shape(part)[2:])))


def _adaptive_max_pool(xp: Any, x: Any, size: Steps) -> Any:
    parts = [bins(n, count) for n, count in zip(np.shape(x)[2:], size, strict=True)]
    return tiles(xp, x, parts, lambda part: xp.max(part, last(len(size))))


# ---- sketches


def _images(draw: Callable[[Source, Shape], Sketch]) -> Callable[[int], Sketcher]:
    """Sketches of images of a rank, none empty."""
    return lambda rank: lambda source, shape: draw(source, shape) if len(shape) == rank + 2 and 0 not in shape else None


def _narrow(padding: Steps, window: Steps) -> Steps:
    """No window may lie in the padding as a whole; half a window is what frameworks allow."""
    return tuple(p if 2 * p <= k else 0 for p, k in zip(padding, window, strict=True))


def _max_sketch(source: Source, shape: Shape) -> Sketch:
    window, stride, padding, dilation = draw_windows(source, shape[2:])
    padding = tuple(p if d <= n else 0 for p, d, n in zip(_narrow(padding, window), dilation, shape[2:], strict=True))
    fits = [n + 2 * p > d * (k - 1) for n, p, k, d in zip(shape[2:], padding, window, dilation, strict=True)]
    window = tuple(k if fit else 1 for k, fit in zip(window, fits, strict=True))
    padding = _narrow(padding, window)
    return Sketch((Slot(shape),), {"window": window, "stride": stride, "padding": padding, "dilation": dilation})


def _avg_sketch(source: Source, shape: Shape) -> Sketch:
    window, stride, padding, _ = draw_windows(source, shape[2:])
    padding = _narrow(padding, window)
    window = tuple(map(min, window, shape[2:]))  # PyTorch wants that much, whatever the padding
    padding = _narrow(padding, window)
    params: dict[str, Param] = {"window": window, "stride": stride, "padding": padding, "count_include_pad": source.flag()}
    return Sketch((Slot(shape),), params)


def _lp_sketch(source: Source, shape: Shape) -> Sketch:
    window = tuple(min(source.pick((2, 1, 3)), n) for n in shape[2:])
    stride = source.pick(((1,) * len(window), (2,) * len(window)))
    order = source.pick((2, 3))
    return Sketch((Slot(shape, REAL if order == 2 else BASE),), {"order": order, "window": window, "stride": stride})


def _adaptive_sketch(source: Source, shape: Shape) -> Sketch:
    return Sketch((Slot(shape),), {"size": tuple(source.pick((1, 2, 3, n)) for n in shape[2:])})


def _rows(name: str, meaning: Callable[..., Any], sketch: Callable[[Source, Shape], Sketch], ranks: Sequence[int], kinks: str = "") -> Iterator[Op]:
    for rank in ranks:
        yield Op(
            f"nn.{name}{rank}d", meaning, _images(sketch)(rank), lambda source, rank=rank: image_shape(source, rank),  # type: ignore[misc]
            kinks, family="pooling",
        )  # fmt: skip


ROWS = (
    *_rows("max_pool", _max_pool, _max_sketch, (1, 2, 3), "ties"),
    *_rows("avg_pool", _avg_pool, _avg_sketch, (1, 2, 3)),
    *_rows("lp_pool", _lp_pool, _lp_sketch, (1, 2), "0"),
    *_rows("adaptive_avg_pool", _adaptive_avg_pool, _adaptive_sketch, (1, 2, 3)),
    *_rows("adaptive_max_pool", _adaptive_max_pool, _adaptive_sketch, (1, 2, 3), "ties"),
)
