"""Contract checks (docs/judge.md 5): what any pullback must keep, whatever its values.

Each check takes a trial and returns what is broken, or an empty string. ``zero`` and ``scaled`` values are judged with
the gradient, in ``judge``; here is only what needs no reference.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gradproof.oracles.graph import Array
from gradproof.oracles.trial import Trial


def same_bits(a: Array, b: Array) -> bool:
    """Equal shape, dtype and bits; any NaN equals any NaN."""
    if a.shape != b.shape or a.dtype != b.dtype:
        return False
    if a.tobytes() == b.tobytes():
        return True
    return bool(np.array_equal(a, b, equal_nan=True) and np.array_equal(np.signbit(a), np.signbit(b)))


def _differing(before: Sequence[Array], after: Sequence[Array], what: str, why: str) -> str:
    for i, (a, b) in enumerate(zip(before, after, strict=False)):
        if not same_bits(a, b):
            return f"{what} {i} {why}: {_first_difference(a, b)}"
    return ""


def _first_difference(a: Array, b: Array) -> str:
    if a.shape != b.shape or a.dtype != b.dtype:
        return f"{a.dtype}{list(a.shape)} became {b.dtype}{list(b.shape)}"
    where = np.argwhere(~((a == b) | (np.isnan(a) & np.isnan(b))))
    if not len(where):
        return "signs of zeros differ"
    index = tuple(int(i) for i in where[0])
    return f"entry {list(index)} was {a[index]!r} and became {b[index]!r}"


def shape_and_dtype(trial: Trial) -> str:
    """One gradient a primal, each with the primal's shape and dtype."""
    primals = trial.case.graph.primal_values
    if len(trial.first) != len(primals):
        return f"{len(trial.first)} gradients for {len(primals)} primals; expected one each"
    for i, (x, g) in enumerate(zip(primals, trial.first, strict=True)):
        if g.shape != x.shape:
            return f"gradient {i} has shape {g.shape}, expected {x.shape}, the shape of its primal"
        if g.dtype != x.dtype:
            return f"gradient {i} has dtype {g.dtype}, expected {x.dtype}, the dtype of its primal"
    return ""


def output_shape_and_dtype(trial: Trial) -> str:
    """Outputs keep the shape of their cotangents and the dtype of the primals."""
    for i, (y, ct) in enumerate(zip(trial.outputs, trial.case.cotangents, strict=True)):
        if y.shape != ct.shape:
            return f"output {i} has shape {y.shape}, expected {ct.shape}"
        if y.dtype != ct.dtype:
            return f"output {i} has dtype {y.dtype}, expected {ct.dtype}, the dtype of the primals"
    return ""


def repeatable(trial: Trial) -> str:
    """Two runs on the same inputs agree bit for bit."""
    return _differing(trial.outputs, trial.outputs_again, "output", "differs between two runs") or _differing(
        trial.first, trial.again, "gradient", "differs between two runs"
    )


def preserved(trial: Trial) -> str:
    """A gradient once returned is not overwritten by later calls."""
    return _differing(trial.first, trial.kept, "gradient", "was overwritten by a later call")


def untouched(trial: Trial) -> str:
    """Inputs and cotangents are never written."""
    return _differing(
        trial.case.graph.primal_values, trial.inputs_after, "input", "was written by the engine"
    ) or _differing(trial.case.cotangents, trial.cotangents_after, "cotangent", "was written by the engine")


def unused_is_zero(trial: Trial) -> str:
    """The gradient of an input that no output uses is zeros of its shape."""
    if trial.unused is None:
        return "no gradient came back for an input that no output uses; expected zeros of its shape"
    if trial.unused.shape != (2,) or trial.unused.any():
        return f"the gradient of an input that no output uses is {trial.unused!r}, expected zeros of shape (2,)"
    return ""
