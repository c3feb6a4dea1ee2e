"""A second look at a function that can be traced: its program as a formula, and so the certified judge beside differences."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from gradproof.oracles.callables.opaque import SMOOTH
from gradproof.oracles.callables.recorded import FormulaError
from gradproof.oracles.errors import GradproofError, Unsupported
from gradproof.oracles.finding import Verdict
from gradproof.oracles.graph import Array
from gradproof.oracles.verdict import Kind

ENTRIES_MAX = 2000  # a larger input would take the tape of scalars too long
MOVE = 2.0**-7  # how far inputs are moved to see whether a program follows


def beside(verdict: Verdict, trace: Callable[[], Callable[..., Any]], entries: int, certify: Callable[[Any], Verdict]) -> Verdict:
    """A verdict of differences, with what the traced program says: it may convict, acquit, and decide what differences cannot.

    Digits lost in a tail convict nobody here: a user who wants f held to them writes ``meaning``.
    """
    if entries > ENTRIES_MAX:
        return verdict
    try:
        formula = trace()
        found = certify(formula)
    except Unsupported as why:
        return replace(verdict, evidence=f"{verdict.evidence}; opaque: {why}")
    except (FormulaError, GradproofError, ArithmeticError, ValueError, TypeError, IndexError, KeyError) as error:
        return replace(verdict, evidence=f"{verdict.evidence}; opaque: the traced program gives no certificate ({type(error).__name__})")
    certified = f"{verdict.evidence}; certified balls, from the program that was traced"
    passed = verdict.kind in (Kind.AGREE, Kind.SUBGRADIENT)
    if passed and found.kind is Kind.NAN_UNTAKEN and not any(f.kind.fails for f in found.findings if f.property == "gradient"):
        return replace(verdict, evidence=f"{certified}; a cotangent of 0 gives NaN")  # which nobody sent
    if found.kind is Kind.SUBGRADIENT and verdict.reason.startswith(SMOOTH):
        return replace(verdict, evidence=certified)  # the slopes of the program's branches acquit a program, and no rule written by hand
    if found.kind in (Kind.AGREE, Kind.SUBGRADIENT):  # an acquittal too: where rounding of f makes its values tell nothing
        return replace(verdict if passed else found, evidence=certified)
    if found.kind in (Kind.WRONG, Kind.NAN_UNTAKEN):
        return replace(verdict if verdict.kind is Kind.WRONG else found, evidence=certified)
    return replace(verdict, evidence=f"{verdict.evidence}; the program that was traced: {found.kind}")


def frozen(program: Callable[..., Any], values: Callable[[Sequence[Array]], list[Array]], arrays: Sequence[Array]) -> bool:
    """Whether a traced program stands still, or goes another way, where the values of f move: it then certifies another function.

    A part of f that leaves the framework (``x.detach().numpy()``) is in the program as the number that it was.
    """
    moved = [(a * (1 + MOVE * np.cos(np.arange(a.size)).reshape(a.shape)) + MOVE**2).astype(a.dtype) for a in arrays]
    noise = max((float(np.finfo(a.dtype).eps) ** 0.5 for a in arrays), default=0.0)
    try:
        told = [np.asarray(y, float) for y in program(*moved)]
        before, after = values(arrays), values(moved)
    except Exception:  # noqa: BLE001 - f or its program may not be defined there: nothing is known then
        return False
    for x, y, z in zip(before, after, told, strict=False):
        off, way = np.abs(z - y), np.abs(y - x)
        if y.shape == z.shape and np.any(np.isfinite(off + way) & (off > 0.1 * way) & (off > noise * (1 + np.abs(y)))):
            return True
    return False
