"""The loss of a sequence of labels whose places are not known (connectionist temporal classification)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from gradproof.engine.array import Array, as_array
from gradproof.engine.errors import ShapeError
from gradproof.engine.functions import elementwise as el
from gradproof.engine.functions import indexing, shape
from gradproof.engine.functions import reduction as red
from gradproof.engine.functions.narrow import in_float32
from gradproof.engine.tape import apply

__all__ = ["ctc_loss"]
NEVER = -1e15  # the logarithm of no path: finite, so that the sum of two has a slope, and far below any other


@in_float32
def ctc_loss(
    logits: Any, targets: Any, input_lengths: Sequence[int], target_lengths: Sequence[int], blank: int = 0, reduction: str = "mean"
) -> Array:
    """-log of the sum of softmax(logits) over all ways to lay the labels out in time, blanks between them. Composed.

    By the forward recursion over logarithms, for the whole batch at once. "mean" divides each loss by its number of labels.

    Shapes: logits (T, N, C), targets (N, S) of integers, both lengths (N,); each input must be long enough for its labels.
    Source: Graves et al., Connectionist temporal classification, 2006.
    """
    logits, labels = as_array(logits), np.asarray(indexing.indices_of(targets))
    frames, counts = np.asarray(input_lengths), np.asarray(target_lengths)
    if logits.ndim != 3 or labels.shape[:1] != logits.shape[1:2] or frames.shape != counts.shape or frames.shape != labels.shape[:1]:
        raise ShapeError(
            f"ctc_loss: logits {logits.shape}, targets {labels.shape}, lengths {frames.shape} and {counts.shape}; expected "
            "(T, N, C), (N, S), (N,) and (N,)."
        )
    if reduction not in ("none", "sum", "mean"):
        raise ValueError(f"reduction={reduction!r}, expected 'mean', 'sum' or 'none'.")
    batch, states = labels.shape[0], 2 * labels.shape[1] + 1
    extended = np.full((batch, states), blank, dtype=np.int64)
    extended[:, 1::2] = labels
    jumps = np.zeros((batch, states), dtype=bool)  # from a label to the next, where they differ
    jumps[:, 3::2] = labels[:, 1:] != labels[:, :-1]
    log_p = apply("log_softmax", (logits,), {"axis": -1})
    rows = np.arange(batch)[:, None]
    open_at_first = np.arange(states) < 2
    alpha = el.where(open_at_first, log_p[0][rows, extended], NEVER)
    for t in range(1, logits.shape[0]):
        near = el.logaddexp(alpha, _later(alpha, 1))  # in pairs: its second slope keeps the digits that a softmax's loses
        ways = el.logaddexp(near, el.where(jumps, _later(alpha, 2), NEVER))
        reached = el.add(ways, log_p[t][rows, extended])
        alpha = el.where((t < frames)[:, None], reached, alpha)
    every = np.arange(batch)
    last, before = alpha[every, 2 * counts], alpha[every, np.maximum(2 * counts - 1, 0)]
    before = el.where(counts > 0, before, NEVER)
    losses = el.negative(el.logaddexp(last, before))
    if reduction == "none":
        return losses
    if reduction == "sum":
        return red.sum(losses)
    return red.sum(el.divide(losses, el.beside(logits, np.maximum(counts, 1) * float(batch))))


def _later(alpha: Array, by: int) -> Array:
    """What the states before had, by so many places."""
    return shape.pad(alpha, ((0, 0), (by, 0)), NEVER)[:, : alpha.shape[1]]
