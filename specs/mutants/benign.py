"""Benign variants: equally accurate formulas, and other choices inside the accepted set at kinks. None may be flagged.

The choices are faults all the same in an engine that declares another: then they are mutants of "declared convention".
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np

from gradproof.specs.mutants.mutant import Family, Rewrite, Together, first_hit, kept

BENIGN = Family("benign", benign=True)
CHOICES = Family("benign", benign=True)
rule, choice = BENIGN.rule, CHOICES.rule


def _tie(first: float) -> tuple[Rewrite, ...]:
    """maximum gives a tie's first argument this share and its second the rest."""
    return (
        Rewrite("maximum", lambda xp, ct, out, x, y: np.where(x > y, ct, np.where(x == y, first * ct, 0.0))),
        Rewrite("maximum", lambda xp, ct, out, x, y: np.where(y > x, ct, np.where(x == y, (1 - first) * ct, 0.0)), 1),
    )


# fmt: off
rule("asin", "sqrt(1 - x*x)", lambda xp, ct, out, x: np.where(ct == 0, ct, ct / np.sqrt(1 - x * x)))
rule("atanh", "1 - x*x", lambda xp, ct, out, x: ct / (1 - x * x))
choice("abs linalg.vector_norm", "slope 1 at 0", lambda xp, ct, out, x: np.where(x >= 0, ct, -ct), "abs")
choice("abs", "slope -0.3 at 0", lambda xp, ct, out, x: np.where(x > 0, ct, np.where(x == 0, -0.3 * ct, -ct)))
choice("nn.relu graph", "slope 1 at 0", lambda xp, ct, out, x: np.where(x >= 0, ct, 0.0))
choice("nn.relu graph", "slope 1/2 at 0", lambda xp, ct, out, x: np.where(x > 0, ct, np.where(x == 0, ct / 2, 0)))
CHOICES.add("maximum graph", "a tie goes to the second", Together(lambda: _tie(0.0)))
CHOICES.add("maximum", "a tie goes to the first by a quarter", Together(lambda: _tie(0.25)))
choice("clip graph", "nothing passes at its bounds",
     lambda xp, ct, out, x, min, max: np.where((x == out) & (x != min) & (x != max), ct, 0.0))
choice("clip", "half passes at its bounds",
     lambda xp, ct, out, x, min, max: np.where((x == min) | (x == max), 0.5 * ct, np.where(x == out, ct, 0.0)))
choice("max graph linalg.vector_norm", "a tie goes to its first entry",
     lambda xp, ct, out, x, axis, keepdims: first_hit(ct, out, x, axis, keepdims))
choice("min", "a tie goes to its first entry", lambda xp, ct, out, x, axis, keepdims: first_hit(ct, out, x, axis, keepdims))
choice("nn.max_pool2d", "a tie goes to its first entry",
     lambda xp, ct, out, x, axis, keepdims: first_hit(ct, out, x, axis, keepdims), "max")
choice("nn.leaky_relu", "slope 1 at 0", lambda xp, ct, out, x, negative_slope: np.where(x >= 0, ct, negative_slope * ct))
choice("nn.elu", "slope 1 at 0", lambda xp, ct, out, x, alpha: np.where(x >= 0, ct, ct * alpha * np.exp(np.minimum(x, 0.0))))
choice("hypot", "slope 1/sqrt(2) at the origin",
     lambda xp, ct, out, x, y: np.where(out == 0, ct * 0.5**0.5, ct * (x / np.where(out == 0, 1, out))))
rule("nn.sigmoid", "out (1 - out) near 0 only",
     lambda xp, ct, out, x: np.where(np.abs(x) < 1, ct * out * (1 - out), ct * (0.25 * xp.sech2(0.5 * x))))
rule("square graph", "x + x", lambda xp, ct, out, x: ct * (x + x))
rule("tan", "1 / cos**2", lambda xp, ct, out, x: ct / np.cos(x) ** 2)
rule("tan", "1 + tan(x)**2", lambda xp, ct, out, x: ct * (1 + np.tan(x) ** 2))
rule("sqrt", "out / (2 x)", lambda xp, ct, out, x:
     np.where(ct == 0, ct, 0.5 * ct * np.where(x == 0, np.inf, out / np.where(x == 0, 1, x))))
rule("rsqrt", "out**3", lambda xp, ct, out, x: -0.5 * ct * out * out * out)
rule("log1p", "exp(-out) below 1", lambda xp, ct, out, x:  # of a large out it loses the digits that exp magnifies
     np.where(x < 1, ct * np.exp(-out), ct / (1 + x)))
rule("log10", "1 / x times a rounded constant", lambda xp, ct, out, x: (ct / x) * (1 / math.log(10.0)))
rule("exp", "computed again", lambda xp, ct, out, x: ct * np.exp(x))
rule("sinh", "half the sum of exponentials", lambda xp, ct, out, x: ct * (0.5 * (np.exp(x) + np.exp(-x))))
rule("cos", "by the half angle", lambda xp, ct, out, x: -ct * (2 * np.sin(0.5 * x) * np.cos(0.5 * x)))
rule("atan", "by hypot", lambda xp, ct, out, x: (ct / np.hypot(x, 1.0)) / np.hypot(x, 1.0))
rule("divide", "times the reciprocal", lambda xp, ct, out, x, y: ct * (1 / y))
rule("mean", "divided after spreading", lambda xp, ct, out, x, axis, keepdims:
     np.broadcast_to(kept(ct, x, axis, keepdims), x.shape) / (max(np.size(x), 1) / max(np.size(out), 1)))
rule("matmul", "by einsum", lambda xp, ct, out, x, y: np.einsum("...ij,...kj->...ik", ct, y))
rule("linalg.inv", "by two solves", lambda xp, ct, out, x: -np.linalg.solve(
     np.swapaxes(x, -1, -2), np.matmul(ct, np.swapaxes(out, -1, -2))))
rule("cumulative_sum", "by the transposed triangle", lambda xp, ct, out, x, axis, include_initial: _triangle(ct, x, axis, include_initial))
rule("logsumexp", "exp(x - out)", lambda xp, ct, out, x, axis, keepdims:
     kept(ct, x, axis, keepdims) * np.exp(x - kept(out, x, axis, keepdims)))
rule("nn.softmax", "out ct less out times the sum", lambda xp, ct, out, x, axis:
     out * ct - out * np.sum(out * ct, axis=axis, keepdims=True))
rule("logaddexp", "exp(x - out)", lambda xp, ct, out, x, y: ct * np.exp(x - out))
# fmt: on


def _triangle(ct: Any, x: Any, axis: int, include_initial: bool) -> Any:
    """Each entry's cotangent as one sum over those it went into."""
    moved = np.moveaxis(ct, axis, -1)
    n = np.shape(x)[axis]
    moved = moved[..., 1:] if include_initial else moved
    return np.moveaxis(np.matmul(moved, np.tri(n, dtype=ct.dtype)), -1, axis)


MUTANTS = CHOICES.mutants + BENIGN.mutants
UNDECLARED = [replace(m, family="declared convention", benign=False) for m in CHOICES.mutants]
