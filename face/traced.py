"""A second look at a function that can be traced: its program as a formula, and so the certified judge beside differences."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from gradproof.oracles.callables.opaque import SMOOTH
from gradproof.oracles.callables.recorded import FormulaError
from gradproof.oracles.errors import GradproofError, Unsupported
from gradproof.oracles.finding import Verdict
from gradproof.oracles.verdict import Kind

ENTRIES_MAX = 2000  # a larger input would take the tape of scalars too long


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
