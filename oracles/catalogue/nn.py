"""What networks need: softmax and friends, losses, attention."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from gradproof.oracles.catalogue.indexing import indices
from gradproof.oracles.catalogue.reduction import centred, exp_shifted
from gradproof.oracles.catalogue.row import Op, Shape, Sketch, Slot
from gradproof.oracles.catalogue.shapes import full_shape, one_axis
from gradproof.oracles.catalogue.source import Source
from gradproof.oracles.domain import MASKED, REAL

REDUCTIONS = ("mean", "sum", "none")


def _axis_sketch(source: Source, shape: Shape) -> Sketch | None:
    if not shape or 0 in shape:
        return None
    return Sketch((Slot(shape),), {"axis": one_axis(source, len(shape))})


def _softmax_sketch(source: Source, shape: Shape) -> Sketch | None:
    """Now and then with entries of minus infinity, as a mask puts them, and a number beside each."""
    sketch = _axis_sketch(source, shape)
    if sketch is None or not source.flag(5):
        return sketch
    axis: Any = sketch.params["axis"]
    return Sketch((Slot(shape, MASKED if shape[axis] > 1 else REAL),), sketch.params)


def softmax(xp: Any, x: Any, axis: int) -> Any:
    e = exp_shifted(xp, x, xp.frozen(xp.max(x, axis, True)))
    return e / xp.sum(e, axis, True)


def _log_softmax(xp: Any, x: Any, axis: int) -> Any:
    shifted = x - xp.frozen(xp.max(x, axis, True))
    return shifted - xp.log(xp.sum(xp.exp(shifted), axis, True))


def _layer_norm_sketch(source: Source, shape: Shape) -> Sketch | None:
    if not shape or 0 in shape:
        return None
    n = shape[-1:]
    return Sketch((Slot(shape), Slot(n), Slot(n)), {"eps": source.pick((2.0**-10, 2.0**-17, 0.5, 2.0**-40))})


def _layer_norm(xp: Any, x: Any, weight: Any, bias: Any, eps: float) -> Any:
    c = centred(xp, x, -1)
    variance = xp.sum(xp.square(c), -1, True) / np.shape(x)[-1]
    return c * xp.rsqrt(variance + eps) * weight + bias


def _reduced(xp: Any, losses: Any, reduction: str) -> Any:
    if reduction == "none":
        return losses
    total = xp.sum(losses)
    return total / np.size(losses) if reduction == "mean" else total


def _cross_entropy_sketch(source: Source, shape: Shape) -> Sketch | None:
    if len(shape) != 2 or 0 in shape:
        return None
    labels = np.abs(indices(source, shape[1], shape[:1])) % shape[1]
    return Sketch((Slot(shape), labels), {"reduction": source.pick(REDUCTIONS)})


def _cross_entropy(xp: Any, logits: Any, labels: Any, reduction: str) -> Any:
    """Not of logits less the chosen one: a direction that all share would leave no rounding there, and does in any other sound order."""
    chosen = xp.take_along_axis(_log_softmax(xp, logits, -1), labels[:, None], axis=-1)
    return _reduced(xp, -np.reshape(chosen, np.shape(labels)), reduction)


def _mse_sketch(source: Source, shape: Shape) -> Sketch | None:
    return None if 0 in shape else Sketch((Slot(shape), Slot(shape)), {"reduction": source.pick(REDUCTIONS)})


def _embedding_sketch(source: Source, shape: Shape) -> Sketch | None:
    if len(shape) != 2 or not shape[0]:
        return None
    ids = np.abs(indices(source, shape[0], source.pick(((3,), (2, 2), (1,), (), (0,))))) % shape[0]
    return Sketch((Slot(shape), ids))


def _matrix_like(source: Source) -> Shape:
    return source.pick(((2, 3), (3, 2), (1, 3), (2, 2), (3, 1), (2, 2, 2), (1, 1), (5, 2)))


def _row(
    name: str,
    meaning: Callable[..., Any],
    sketch: Callable[[Source, Shape], Sketch | None],
    shape: Callable[[Source], Shape],
    kinks: str = "",
) -> Op:
    return Op(f"nn.{name}", meaning, sketch, shape, kinks, family="nn")


ROWS = (
    _row("softmax", softmax, _softmax_sketch, full_shape),
    _row("log_softmax", _log_softmax, _axis_sketch, full_shape),
    _row("layer_norm", _layer_norm, _layer_norm_sketch, full_shape),
    _row("cross_entropy", _cross_entropy, _cross_entropy_sketch, _matrix_like),
    _row("mse", lambda xp, x, y, reduction: _reduced(xp, xp.square(x - y), reduction), _mse_sketch, full_shape),
    _row("embedding", lambda xp, table, ids: xp.take(table, ids, axis=0), _embedding_sketch, _matrix_like),
)
