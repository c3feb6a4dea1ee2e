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
    for i, (a, b) in enumerate(zip(before, after, strict=True)):
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


def _like(given: Sequence[Array], expected: Sequence[Array], what: str, of: str) -> str:
    """Whether these arrays are one for each expected one, each with its shape and dtype."""
    if len(given) != len(expected):
        return f"{len(given)} {what}s for {len(expected)} {of}s; expected one each"
    for i, (a, x) in enumerate(zip(given, expected, strict=True)):
        if a.shape != x.shape:
            return f"{what} {i} has shape {a.shape}, expected {x.shape}, the shape of its {of}"
        if a.dtype != x.dtype:
            return f"{what} {i} has dtype {a.dtype}, expected {x.dtype}, the dtype of its {of}"
    return ""


def output_shape_and_dtype(trial: Trial) -> str:
    """Every run gives one output a cotangent, with its shape and dtype."""
    for given, what in (
        (trial.outputs, "output"),
        (trial.outputs_again, "output of a second run"),
        (trial.outputs_kept, "output, read again,"),
    ):
        broken = _like(given, trial.case.cotangents, what, "cotangent") if given is not None else ""
        if broken:
            return broken
    return ""


def shape_and_dtype(trial: Trial) -> str:
    """Every pullback gives one gradient a primal, with the primal's shape and dtype, and one for the unused input."""
    primals = trial.case.graph.primal_values
    with_unused = (*primals, trial.spare)
    for given, expected, what in (
        (trial.first, primals, "gradient"),
        (trial.again, with_unused, "gradient of a second run"),
        (trial.scaled, with_unused, "gradient for a scaled cotangent"),
        (trial.zero, with_unused, "gradient for a zero cotangent"),
        (trial.kept, primals, "gradient, read again,"),
    ):
        broken = _like(given, expected, what, "primal") if given is not None else ""
        if broken:
            return broken
    return ""


def repeatable(trial: Trial) -> str:
    """Two runs on the same inputs agree bit for bit, as far as there were two; ``trial.doubled`` gradients do."""
    return _differing(trial.outputs, trial.outputs_again or trial.outputs, "output", "differs between two runs") or _differing(
        trial.first, trial.again[:-1] if trial.again is not None else trial.first, "gradient", "differs between two runs"
    )


def preserved(trial: Trial) -> str:
    """Outputs and gradients once returned are not overwritten by later calls."""
    why = "was overwritten by a later call"
    return _differing(trial.outputs, trial.outputs_kept, "output", why) or _differing(
        trial.first, trial.kept, "gradient", why
    )


def untouched(trial: Trial) -> str:
    """Inputs, constants and cotangents are never written."""
    graph, why = trial.case.graph, "was written by the engine"
    constants = [leaf.data for leaf in graph.leaves if leaf.constant]
    return (
        _differing(graph.primal_values, trial.inputs_after, "input", why)
        or _differing(constants, trial.constants_after, "constant", why)
        or _differing(trial.case.cotangents, trial.cotangents_after, "cotangent", why)
    )


def unused_is_zero(trial: Trial) -> str:
    """The gradient of an input that no output uses is zeros."""
    for given in (trial.again, trial.scaled, trial.zero):
        if given is not None and given[-1].any():
            return f"the gradient of an input that no output uses is {given[-1]!r}, expected zeros"
    return ""
