"""Factor: a constant, a count or a sign that is missing, doubled or turned round."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from gradproof.engine.backend import raw
from gradproof.specs.mutants.mutant import Family, axes_of, count, kept, scaled

FACTOR = Family("factor")
LN2, LN10 = math.log(2.0), math.log(10.0)


def _merged(x: Any, axis: Any) -> int:
    """How many entries a reduction merges into one."""
    return count(tuple(np.shape(x)[a] for a in axes_of(axis, np.ndim(x))))


# fmt: off
for ops, primitive, argument, factor, wrong in (
    ("exp", "exp", 0, 2, "doubled"),
    ("square", "square", 0, 0.5, "without its 2"),
    ("var", "var", 0, 0.5, "without its 2"),
    ("subtract", "subtract", 1, -1, "the second argument is not negated"),
    ("negative", "negative", 0, -1, "not negated"),
    ("cos", "cos", 0, -1, "not negated"),
    ("cosh", "cosh", 0, -1, "negated, as cos is"),
    ("sin", "sin", 0, -1, "negated, as cos is"),
    ("acos", "acos", 0, -1, "not negated, as asin is"),
    ("atanh", "atanh", 0, -1, "negated"),
    ("log2", "log2", 0, LN2, "without 1/ln 2"),
    ("log2", "log2", 0, LN2 / LN10, "by ln 10"),
    ("log10", "log10", 0, LN10 * LN10, "times ln 10 instead of over it"),
    ("sqrt", "sqrt", 0, 2, "without its 1/2"),
    ("rsqrt", "rsqrt", 0, -1, "not negated"),
    ("rsqrt", "rsqrt", 0, 2, "without its 1/2"),
    ("reciprocal", "reciprocal", 0, -1, "not negated"),
    ("erf", "erf", 0, math.sqrt(math.pi) / 2, "without 2/sqrt(pi)"),
    ("erf", "erf", 0, 0.5, "by 1/sqrt(pi)"),
    ("erfc nn.gelu", "erfc", 0, -1, "not negated"),
    ("add", "add", 1, -1, "the second argument is negated"),
    ("divide", "divide", 1, -1, "the second argument is not negated"),
    ("multiply", "multiply", 1, 0.5, "the second argument is halved"),
    ("atan2", "atan2", 1, -1, "the second argument is not negated"),
    ("hypot", "hypot", 1, 2, "the second argument is doubled"),
    ("logaddexp", "logaddexp", 0, 0.5, "halved"),
    ("xlogy", "xlogy", 1, -1, "the second argument is negated"),
    ("copysign", "copysign", 0, -1, "the sign is turned round"),
    ("minimum", "minimum", 1, -1, "the second argument is negated"),
    ("where", "where", 2, -1, "the branch not chosen is negated"),
    ("matmul", "matmul", 1, -1, "the second argument is negated"),
    ("einsum", "contract", 0, 2, "doubled"),
    ("linalg.inv", "inv", 0, -1, "not negated"),
    ("linalg.solve", "solve", 0, -1, "the matrix's is not negated"),
    ("linalg.det", "det", 0, 2, "doubled"),
    ("linalg.cholesky", "cholesky", 0, 2, "the half of the symmetric part is missing"),
    ("sum", "sum", 0, 0.5, "halved"),
    ("cumulative_sum", "cumulative_sum", 0, -1, "negated"),
    ("nn.softmax nn.scaled_dot_product_attention", "softmax", 0, 2, "doubled"),
    ("logsumexp", "logsumexp", 0, -1, "negated"),
    ("linalg.vector_norm", "vector_norm", 0, 2, "as of the squared norm"),
    ("nn.sigmoid", "sigmoid", 0, 4, "without its 1/4"),
    ("nn.softplus", "softplus", 0, 0.5, "halved"),
    ("clip", "clip", 0, 2, "doubled inside"),
    ("nn.relu", "relu", 0, 2, "doubled"),
    ("abs", "abs", 0, 2, "doubled"),
    ("atan", "atan", 0, 0.5, "halved"),
    ("pad", "pad", 0, 2, "doubled"),
    ("linalg.diagonal linalg.trace", "diagonal", 0, 0.5, "halved"),
    ("maximum", "maximum", 0, 0.5, "halved everywhere, not only at ties"),
):
    FACTOR.wrap(ops, wrong, scaled(factor), primitive, argument)
FACTOR.swap("getitem take take_along_axis nn.embedding", "reading is pulled back doubled", raw, "scatter",
            lambda right: lambda x, **params: right(2 * x, **params))
FACTOR.swap("nn.unfold nn.max_pool2d", "windows are folded back halved", raw, "fold",
            lambda right: lambda x, **params: 0.5 * right(x, **params))
FACTOR.wrap("mean nn.mse", "not divided by the count", lambda g, xp, ct, out, x, axis, keepdims: g * _merged(x, axis), "mean")
FACTOR.wrap("mean", "divided by the count of all axes", lambda g, xp, ct, out, x, axis, keepdims:
            g * _merged(x, axis) / max(np.size(x), 1))
FACTOR.wrap("std", "the correction is ignored", lambda g, xp, ct, out, x, axis, correction, keepdims:
            g * (_merged(x, axis) - correction) / _merged(x, axis))
FACTOR.wrap("var", "always corrected by 1", lambda g, xp, ct, out, x, axis, correction, keepdims:
            g * (_merged(x, axis) - correction) / max(_merged(x, axis) - 1, 1))
FACTOR.wrap("std", "without 1/out", lambda g, xp, ct, out, x, axis, correction, keepdims: g * kept(out, x, axis, keepdims))
FACTOR.wrap("pow", "without the exponent", lambda g, xp, ct, out, x, y: np.where(np.asarray(y) == 0, g, g / np.where(y == 0, 1, y)))
FACTOR.wrap("pow", "the exponent's slope by log2", scaled(1 / LN2), argument=1)
FACTOR.wrap("nn.leaky_relu", "the slope is squared", lambda g, xp, ct, out, x, negative_slope:
            np.where(x > 0, g, g * negative_slope))
FACTOR.wrap("nn.elu", "alpha is squared", lambda g, xp, ct, out, x, alpha: np.where(x > 0, g, g * alpha))
FACTOR.wrap("nn.log_softmax nn.cross_entropy", "the sum of the cotangent is halved",
            lambda g, xp, ct, out, x, axis: ct + 0.5 * (g - ct), "log_softmax")
FACTOR.wrap("max", "a tie shares by the number of all entries", lambda g, xp, ct, out, x, axis, keepdims: g / _merged(x, axis))
FACTOR.wrap("concat stack", "the second part is doubled",
            lambda g, *rest, argument, **params: 2 * g if argument == 1 else g, "concat")
# fmt: on
MUTANTS = FACTOR.mutants
