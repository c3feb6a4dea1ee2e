"""The loss of a sequence of labels whose places are not known (CTC), by dynamic programming over logarithms."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np

from gradproof.oracles.catalogue.row import Op, Shape, Sketch, Slot
from gradproof.oracles.catalogue.source import Source
from gradproof.oracles.graph import Param


def _one(xp: Any, log_p: Any, labels: list[int], blank: int) -> Any:
    """-log of the sum over all paths, of log_p (T, C); states that no path reaches are not there, so there is no infinity."""
    states = [blank]
    for label in labels:
        states += [label, blank]
    found = {s: log_p[0, states[s]] for s in range(min(2, len(states)))}
    for t in range(1, np.shape(log_p)[0]):
        reached = {}
        for s, state in enumerate(states):
            jump = s > 1 and state not in (blank, states[s - 2])
            ways = [found[r] for r in (s, s - 1, *((s - 2,) if jump else ())) if r in found]
            if ways:
                total = ways[0]
                for way in ways[1:]:
                    total = xp.logaddexp(total, way)
                reached[s] = total + log_p[t, state]
        found = reached
    ends = [found[s] for s in (len(states) - 1, len(states) - 2) if s in found]
    return -(ends[0] if len(ends) == 1 else xp.logaddexp(*ends))


def _ctc_loss(
    xp: Any, logits: Any, targets: Any, input_lengths: tuple[int, ...], target_lengths: tuple[int, ...], blank: int, reduction: str
) -> Any:
    shifted = logits - xp.frozen(xp.max(logits, -1, True))
    log_p = shifted - xp.log(xp.sum(xp.exp(shifted), -1, True))
    losses = xp.stack(
        [
            xp.reshape(_one(xp, log_p[:frames, i], targets[i, :n].tolist(), blank), ())
            for i, (frames, n) in enumerate(zip(input_lengths, target_lengths, strict=True))
        ],
        axis=0,
    )
    if reduction == "none":
        return losses
    if reduction == "sum":
        return xp.sum(losses)
    return xp.sum(losses / np.maximum(target_lengths, 1).astype(float)) / len(input_lengths)


def _ctc_sketch(source: Source, shape: Shape) -> Sketch | None:
    if len(shape) != 3 or 0 in shape or shape[2] < 2:
        return None
    steps, batch, classes = shape
    blank = source.pick((0, classes - 1))
    others = [c for c in range(classes) if c != blank]
    longest = min(2, steps)
    targets = np.array([source.pick(others) for _ in range(batch * longest)], dtype=np.int64).reshape(batch, longest)
    frames, lengths = [], []
    for row in targets.tolist():
        n = source.pick((longest, 1, 0))
        needed = n + sum(a == b for a, b in pairwise(row[:n])) if n else 1
        if needed > steps:
            n = needed = 1
        lengths.append(n)
        frames.append(needed + source.below(steps - needed + 1) if source.flag(3) else steps)
    if max(frames) < steps:  # PyTorch wants the longest to be all of it
        frames[0] = steps
    params: dict[str, Param] = {
        "input_lengths": tuple(frames), "target_lengths": tuple(lengths), "blank": blank,
        "reduction": source.pick(("none", "mean", "sum")),
    }  # fmt: skip
    return Sketch((Slot(shape), targets), params)


def _ctc_shape(source: Source) -> Shape:
    return source.pick(((3, 1, 3), (2, 2, 2), (3, 2, 2), (4, 1, 2), (1, 1, 2), (2, 1, 3), (3, 1, 2)))


ROWS = (Op("nn.ctc_loss", _ctc_loss, _ctc_sketch, _ctc_shape, family="alignment"),)
