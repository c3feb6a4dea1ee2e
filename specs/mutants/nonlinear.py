"""Nonlinear in the cotangent: a rule that is right for the cotangents tests usually use (ones, or of ordinary size)."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradproof.specs.mutants.mutant import Family

NONLINEAR = Family("nonlinear in the cotangent")


def _first(ct: Any) -> Any:
    return np.ravel(ct)[0] if np.size(ct) else 1.0


# fmt: off
NONLINEAR.wrap("nn.sigmoid", "of its magnitude", lambda g, *rest: np.abs(g))
NONLINEAR.wrap("sum", "its positive part", lambda g, *rest, **p: np.maximum(g, 0))
NONLINEAR.wrap("tanh", "clipped at 1e3", lambda g, *rest: np.clip(g, -1e3, 1e3))
NONLINEAR.wrap("add", "flushed below 1e-6", lambda g, xp, ct, *rest: np.where(np.abs(ct) < 1e-6, 0, ct))
NONLINEAR.wrap("multiply", "nothing if its first entry is 0", lambda g, xp, ct, *rest: 0 * g if np.size(ct) > 1 and _first(ct) == 0 else g)
NONLINEAR.wrap("abs", "1e-30 is added", lambda g, *rest: g + 1e-30)
NONLINEAR.wrap("sin", "a zero gives NaN", lambda g, xp, ct, *rest: g + 0 * (1 / np.where(ct == 0, 0.0, 1.0)))
NONLINEAR.wrap("exp", "its sign alone", lambda g, xp, ct, out, *rest: np.sign(ct) * out)
NONLINEAR.rule("subtract", "one is assumed", lambda xp, ct, out, x, y: np.ones_like(ct))
NONLINEAR.rule("square", "one is assumed", lambda xp, ct, out, x: 2 * x + 0 * ct)
NONLINEAR.wrap("mean", "normed to length 1 where longer", lambda g, *rest, **p: g / np.maximum(1.0, np.sqrt(np.sum(g * g))))
NONLINEAR.wrap("matmul", "clipped to a standard deviation and a half", lambda g, *rest:
               np.clip(g, -1.5 * np.std(g), 1.5 * np.std(g)) if np.size(g) > 1 else np.clip(g, -1e6, 1e6))
NONLINEAR.wrap("nn.relu", "its square over itself plus 1e-20", lambda g, xp, ct, *rest: g * (ct * ct / (ct * ct + 1e-20)))
NONLINEAR.wrap("cos", "large ones are rounded to integers", lambda g, xp, ct, *rest: np.where(np.abs(ct) > 1e5, np.rint(g), g))
NONLINEAR.wrap("divide", "a negative one loses its sign in the second argument", lambda g, xp, ct, *rest: np.where(ct < 0, -g, g), argument=1)
NONLINEAR.wrap("maximum", "zeros are replaced by 1e-12", lambda g, xp, ct, *rest: np.where(ct == 0, 1e-12, g))
NONLINEAR.wrap("nn.softmax", "only its largest entry counts", lambda g, xp, ct, out, x, axis:
               np.where(np.abs(ct) < 1e-9 * np.max(np.abs(ct), initial=0.0), out * 0, g) if np.size(ct) else g)
NONLINEAR.wrap("negative", "a tenth of its mean is taken out", lambda g, *rest: g - 0.1 * np.mean(g) if np.size(g) else g)
NONLINEAR.wrap("reshape", "its positive part where all but one are 0", lambda g, xp, ct, *rest, **p:
               np.maximum(g, 0) if np.count_nonzero(ct) == 1 and np.size(ct) > 1 else g)
NONLINEAR.wrap("concat", "a part whose cotangent is 0 gets the next one's mean", lambda g, xp, ct, *rest, **p:
               g + np.mean(ct) * (not np.any(g)) if np.size(ct) else g)
NONLINEAR.wrap("linalg.solve", "rounded to 1e-6", lambda g, *rest: np.rint(g * 1e6) / 1e6, argument=1)
NONLINEAR.wrap("var", "beyond 1e4 by its square root", lambda g, *rest, **p:
               np.where(np.abs(g) > 1e4, np.sign(g) * 1e2 * np.sqrt(np.abs(g)), g))
# fmt: on
MUTANTS = NONLINEAR.mutants
