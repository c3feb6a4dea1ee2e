"""Singular points, and the NaN of an untaken branch: infinite slopes, the origin, and what must stay zero beside them."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradproof.specs.mutants.mutant import Family, kept

SINGULAR = Family("singular point")
UNTAKEN = Family("NaN in the untaken branch")


def norm_pull(ct: Any, out: Any, x: Any, axis: Any, keepdims: bool) -> Any:
    """The pullback of the norm by ``out`` itself, which is NaN where that is 0."""
    return kept(ct, x, axis, keepdims) * (x / kept(out, x, axis, keepdims))


# fmt: off
SINGULAR.rule("sqrt", "an epsilon of 1e-12 in the denominator", lambda xp, ct, out, x: 0.5 * ct / (out + 1e-12))
SINGULAR.rule("sqrt", "slope 0 at 0", lambda xp, ct, out, x: np.where(x == 0, 0.0, 0.5 * ct / np.where(x == 0, 1, out)))
SINGULAR.wrap("asin", "slope 0 at the ends", lambda g, xp, ct, out, x: np.where(np.abs(x) == 1, 0.0, g))
SINGULAR.wrap("acos", "minus the slope at -1", lambda g, xp, ct, out, x: np.where(x == -1, -g, g))
SINGULAR.wrap("acosh", "slope 1e300 at 1", lambda g, xp, ct, out, x: np.where(x == 1, 1e300 * ct, g))
SINGULAR.rule("hypot", "NaN at the origin", lambda xp, ct, out, x, y: ct * (x / out))
SINGULAR.rule("hypot", "a slope of 2 at the origin", lambda xp, ct, out, x, y: np.where(out == 0, 2 * ct, ct * (x / np.where(out == 0, 1, out))))
SINGULAR.rule("linalg.vector_norm", "NaN at zero", lambda xp, ct, out, x, axis, keepdims, ord: norm_pull(ct, out, x, axis, keepdims)
              if ord == 2 else kept(ct, x, axis, keepdims) * np.sign(x))
SINGULAR.wrap("linalg.vector_norm", "the cotangent passes whole at zero", lambda g, xp, ct, out, x, axis, keepdims, ord:
              np.where(kept(out, x, axis, keepdims) == 0, kept(ct, x, axis, keepdims) * (2.0 + 0 * x), g))
SINGULAR.wrap("std", "NaN for constants", lambda g, xp, ct, out, x, axis, correction, keepdims:
              np.where(kept(out, x, axis, keepdims) == 0, np.nan, g))
SINGULAR.wrap("std", "the cotangent passes whole for constants", lambda g, xp, ct, out, x, axis, correction, keepdims:
              np.where(kept(out, x, axis, keepdims) == 0, kept(ct, x, axis, keepdims), g))
SINGULAR.wrap("pow", "slope 0 at 0 to the 1", lambda g, xp, ct, out, x, y: np.where(x == 0, 0.0, g))
SINGULAR.wrap("pow", "slope 1 at 0 to the 2", lambda g, xp, ct, out, x, y: np.where((x == 0) & (y == 2), ct, g))
SINGULAR.wrap("pow", "NaN at 0 to the 0", lambda g, xp, ct, out, x, y: np.where((x == 0) & (y == 0), np.nan, g))
SINGULAR.wrap("xlogy", "no slope at x = 0", lambda g, xp, ct, out, x, y: np.where(x == 0, 0.0, g))
SINGULAR.wrap("xlogy", "the second slope is 1 / y at x = 0", lambda g, xp, ct, out, x, y: np.where(x == 0, ct / y, g), argument=1)
SINGULAR.wrap("atan2", "no slope on the axis", lambda g, xp, ct, out, x, y: np.where(y == 0, 0.0, g), argument=1)
SINGULAR.wrap("atan2", "the first has no slope where the second is 0", lambda g, xp, ct, out, x, y: np.where(y == 0, ct, g))
SINGULAR.wrap("prod", "NaN where a factor is 0", lambda g, xp, ct, out, x, y: np.where(np.asarray(y) == 0, np.nan, g), "multiply")
SINGULAR.wrap("prod", "0 where the product is 0", lambda g, xp, ct, out, x, y: np.where(out == 0, 0.0, g), "multiply")
SINGULAR.rule("linalg.det", "by the inverse, singular matrices too", lambda xp, ct, out, x:
              ct[..., None, None] * out[..., None, None] * np.swapaxes(np.linalg.inv(x + 1e-200 * np.eye(x.shape[-1])), -1, -2))
SINGULAR.wrap("linalg.det", "0 where the determinant is 0", lambda g, xp, ct, out, x: np.where(out[..., None, None] == 0, 0.0, g))
SINGULAR.wrap("asin", "slope capped at 300", lambda g, xp, ct, out, x: np.sign(g) * np.minimum(np.abs(g), 300 * np.abs(ct)))
SINGULAR.wrap("atanh", "slope capped at 1000", lambda g, xp, ct, out, x: np.sign(g) * np.minimum(np.abs(g), 1000 * np.abs(ct)))
SINGULAR.wrap("log", "slope capped at 1e6", lambda g, xp, ct, out, x: np.sign(g) * np.minimum(np.abs(g), 1e6 * np.abs(ct)))
SINGULAR.wrap("reciprocal", "slope capped at 1e12", lambda g, xp, ct, out, x: np.sign(g) * np.minimum(np.abs(g), 1e12 * np.abs(ct)))
SINGULAR.wrap("rsqrt", "slope capped at 1e9", lambda g, xp, ct, out, x: np.sign(g) * np.minimum(np.abs(g), 1e9 * np.abs(ct)))

UNTAKEN.rule("sqrt", "a zero cotangent through an infinite slope", lambda xp, ct, out, x: ct * (0.5 / out))
UNTAKEN.rule("nn.elu", "the exponential of the other side", lambda xp, ct, out, x, alpha:
             ct * (x > 0) + ct * (alpha * np.exp(x)) * (x <= 0))
UNTAKEN.rule("nn.softplus", "exp(x) / (1 + exp(x))", lambda xp, ct, out, x: ct * (np.exp(x) / (1 + np.exp(x))))
UNTAKEN.rule("nn.sigmoid", "exp(-x) over its square", lambda xp, ct, out, x: ct * (np.exp(-x) / np.square(1 + np.exp(-x))))
UNTAKEN.rule("tanh", "1 / cosh**2 by a quotient of exponentials", lambda xp, ct, out, x:
             ct * (4 * np.exp(2 * x) / np.square(np.exp(2 * x) + 1)))
UNTAKEN.rule("logaddexp", "exp(x) / (exp(x) + exp(y))", lambda xp, ct, out, x, y: ct * (np.exp(x) / (np.exp(x) + np.exp(y))))
UNTAKEN.rule("logsumexp", "exp(x) over its sum", lambda xp, ct, out, x, axis, keepdims:
             kept(ct, x, axis, keepdims) * (np.exp(x) / np.sum(np.exp(x), axis=axis, keepdims=True)))
UNTAKEN.rule("where", "the condition times a NaN", lambda xp, ct, out, c, x, y: np.where(c, ct, np.nan * ct) if np.ndim(x) == 0 else
             np.where(c, ct, 0.0), argument=1)
UNTAKEN.rule("where", "the other branch's own value over itself", lambda xp, ct, out, c, x, y:
             np.where(c, 0.0, 1.0) * ct * (y / y), argument=2)
UNTAKEN.rule("nn.relu", "out / x", lambda xp, ct, out, x: ct * (out / x))
UNTAKEN.rule("abs linalg.vector_norm", "x / |x|", lambda xp, ct, out, x: ct * (x / out), "abs")
UNTAKEN.rule("maximum", "by the difference over itself", lambda xp, ct, out, x, y: ct * (0.5 + 0.5 * (x - y) / np.abs(x - y)))
UNTAKEN.rule("prod", "the product over the factor", lambda xp, ct, out, x, y: ct * (out / x), "multiply")
UNTAKEN.rule("pow", "the exponent's slope by log(0)", lambda xp, ct, out, x, y: ct * (y * out / x))
UNTAKEN.rule("xlogy", "x / y by the logarithm's own x", lambda xp, ct, out, x, y: ct * (x / y) * (x / x), argument=1)
UNTAKEN.rule("nn.leaky_relu", "out / x", lambda xp, ct, out, x, negative_slope: ct * (out / x))
UNTAKEN.rule("copysign", "out / x", lambda xp, ct, out, x, y: ct * (out / x))
UNTAKEN.rule("clip", "an infinite bound times zero", lambda xp, ct, out, x, min, max:
             np.where(x == out, ct, 0.0) + 0.0 * (np.inf if min is None else 1.0))
UNTAKEN.rule("divide", "out over x", lambda xp, ct, out, x, y: ct * (out / x))
UNTAKEN.rule("atan2", "at the origin of a broadcast", lambda xp, ct, out, x, y: ct * (y / (x * x + y * y)))
# fmt: on
MUTANTS = SINGULAR.mutants + UNTAKEN.mutants
