"""Ties: a kink's slope outside the accepted set, or shares that do not add up to one."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradproof.specs.mutants.mutant import Family, first_hit, kept, tied

TIES = Family("ties")


def _several(out: Any, x: Any, axis: Any, keepdims: bool) -> Any:
    return tied(out, x, axis, keepdims) > 1


# fmt: off
TIES.wrap("max", "every tied entry gets all of it", lambda g, xp, ct, out, x, axis, keepdims: g * tied(out, x, axis, keepdims))
TIES.wrap("max", "tied entries get nothing", lambda g, xp, ct, out, x, axis, keepdims: np.where(_several(out, x, axis, keepdims), 0, g))
TIES.wrap("max", "tied entries get a tenth too little", lambda g, xp, ct, out, x, axis, keepdims:
          np.where(_several(out, x, axis, keepdims), 0.9 * g, g))
TIES.wrap("max", "a tie of three shares as one of two", lambda g, xp, ct, out, x, axis, keepdims:
          np.where(tied(out, x, axis, keepdims) == 3, 1.5 * g, g))
TIES.wrap("max", "the first hit gets twice, the second minus once", lambda g, xp, ct, out, x, axis, keepdims:
          np.where(_several(out, x, axis, keepdims), 3 * first_hit(ct, out, x, axis, keepdims) - 2 * g, g))
TIES.wrap("min", "shares by the count squared", lambda g, xp, ct, out, x, axis, keepdims: g / tied(out, x, axis, keepdims))
TIES.wrap("min", "every tied entry gets all of it", lambda g, xp, ct, out, x, axis, keepdims: g * tied(out, x, axis, keepdims))
TIES.wrap("maximum", "both sides get all of it", lambda g, xp, ct, out, x, y: np.where(x == y, ct, g))
TIES.wrap("maximum", "both sides get nothing of a tie at 0", lambda g, xp, ct, out, x, y: np.where((x == y) & (x == 0), 0 * ct, g))
TIES.wrap("minimum", "a tie gives 0.75 and 0.5", lambda g, xp, ct, out, x, y: np.where(x == y, 0.75 * ct, g))
TIES.wrap("minimum", "a tie gives -1 to the second", lambda g, xp, ct, out, x, y: np.where(x == y, -ct, g), argument=1)
TIES.rule("abs linalg.vector_norm", "slope 2 at 0", lambda xp, ct, out, x: ct * np.where(x == 0, 2, np.sign(x)), "abs")
TIES.rule("abs", "slope -1.5 at 0", lambda xp, ct, out, x: ct * np.where(x == 0, -1.5, np.sign(x)))
TIES.rule("nn.relu", "slope -1 at 0", lambda xp, ct, out, x: np.where(x == 0, -ct, np.where(x > 0, ct, 0)))
TIES.rule("nn.relu", "slope 1.25 at 0", lambda xp, ct, out, x: np.where(x == 0, 1.25 * ct, np.where(x > 0, ct, 0)))
TIES.rule("clip", "doubled at its bounds", lambda xp, ct, out, x, min, max:
          np.where(x == out, np.where((x == min) | (x == max), 2 * ct, ct), 0))
TIES.rule("clip", "negated at the lower bound", lambda xp, ct, out, x, min, max: np.where(x == out, np.where(x == min, -ct, ct), 0))
TIES.wrap("nn.max_pool2d", "a tie counts twice", lambda g, xp, ct, out, x, axis, keepdims:
          g * np.where(_several(out, x, axis, keepdims), 2, 1), "max")
TIES.wrap("linalg.vector_norm", "the infinite norm gives every tied entry all of it", lambda g, xp, ct, out, x, axis, keepdims:
          g * tied(out, x, axis, keepdims), "max")
TIES.wrap("nn.leaky_relu", "slope 2 at 0", lambda g, xp, ct, out, x, negative_slope: np.where(x == 0, 2 * ct, g))
TIES.wrap("nn.leaky_relu", "slope 0 at 0 though the other is 0.25", lambda g, xp, ct, out, x, negative_slope:
          np.where((x == 0) & (negative_slope > 0), 0.0, g))
TIES.wrap("nn.elu", "slope alpha + 1 at 0", lambda g, xp, ct, out, x, alpha: np.where(x == 0, (alpha + 1) * ct, g))
TIES.wrap("nn.elu", "slope 0 at 0", lambda g, xp, ct, out, x, alpha: np.where(x == 0, 0.0, g))
TIES.wrap("copysign", "slope 3 at 0", lambda g, xp, ct, out, x, y: np.where(x == 0, 3 * ct, g))
TIES.wrap("hypot", "a slope of 1.5 at the origin", lambda g, xp, ct, out, x, y: np.where(out == 0, 1.5 * ct, g), argument=1)
TIES.wrap("max", "a size-1 axis gets half", lambda g, xp, ct, out, x, axis, keepdims:
          0.5 * g if np.size(out) == np.size(x) and np.ndim(x) else g)
TIES.wrap("max", "entries within 1e-7 of the maximum share", lambda g, xp, ct, out, x, axis, keepdims:
          np.where(np.abs(x - kept(out, x, axis, keepdims)) < 1e-7 * np.abs(x) + 1e-12, kept(ct, x, axis, keepdims), 0))
# fmt: on
MUTANTS = TIES.mutants
