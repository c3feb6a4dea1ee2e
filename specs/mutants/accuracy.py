"""Epsilons, narrower dtypes, and formulas that are right on paper but cancel or overflow (accuracy only)."""

from __future__ import annotations

import math

import numpy as np

from gradproof.engine.backend import raw
from gradproof.specs.mutants.mutant import Family, axes_of, cast, kept
from gradproof.specs.mutants.singular import norm_pull

EPSILON, CAST, ACCURACY = Family("epsilon"), Family("down-cast"), Family("accuracy only")

# fmt: off
EPSILON.rule("log", "1e-12 in the denominator", lambda xp, ct, out, x: ct / (x + 1e-12))
EPSILON.rule("reciprocal", "1e-10 in the denominator", lambda xp, ct, out, x: -ct / (x * x + 1e-10))
EPSILON.rule("divide", "1e-12 in the denominator", lambda xp, ct, out, x, y: ct / (y + 1e-12))
EPSILON.rule("divide", "1e-8 in the second's denominator", lambda xp, ct, out, x, y: -ct * x / (y * y + 1e-8), argument=1)
EPSILON.rule("rsqrt", "1e-12 under the root", lambda xp, ct, out, x: -0.5 * ct * (x + 1e-12) ** -1.5)
EPSILON.rule("sqrt", "1e-9 in the denominator", lambda xp, ct, out, x: 0.5 * ct / (out + 1e-9))
EPSILON.rule("linalg.vector_norm", "1e-12 in the denominator", lambda xp, ct, out, x, axis, keepdims, ord:
             norm_pull(ct, out + 1e-12, x, axis, keepdims) if ord == 2 else kept(ct, x, axis, keepdims) * np.sign(x))
EPSILON.wrap("std", "1e-8 in the denominator", lambda g, xp, ct, out, x, axis, correction, keepdims:
             g if np.ndim(out) else g * (out / (out + 1e-8)))
EPSILON.rule("xlogy", "1e-10 in the denominator", lambda xp, ct, out, x, y: ct * x / (y + 1e-10), argument=1)
EPSILON.rule("log1p", "1 + 1e-10", lambda xp, ct, out, x: ct / (1 + 1e-10 + x))
EPSILON.rule("hypot", "1e-12 in the denominator", lambda xp, ct, out, x, y: ct * x / (out + 1e-12))
EPSILON.wrap("nn.layer_norm", "1e-9 more than eps", lambda g, xp, ct, out, x: g * (x / (x + 1e-9)), "rsqrt")
EPSILON.wrap("nn.softmax", "1e-10 in the sum", lambda g, *rest, **params: g / (1 + 1e-10))
EPSILON.wrap("atan2", "1e-10 in the denominator", lambda g, xp, ct, out, x, y: g * ((x * x + y * y) / (x * x + y * y + 1e-10)))
EPSILON.rule("asin", "1e-9 under the root", lambda xp, ct, out, x: ct / np.sqrt((1 - x) * (1 + x) + 1e-9))

for ops, primitive, argument in (
    ("exp", "exp", 0), ("sum", "sum", 0), ("matmul", "matmul", 0), ("flip", "flip", 0), ("sin", "sin", 0),
    ("nn.cross_entropy nn.log_softmax", "log_softmax", 0), ("mean", "mean", 0), ("multiply", "multiply", 1),
    ("reshape", "reshape", 0), ("linalg.solve", "solve", 1), ("cumulative_sum", "cumulative_sum", 0), ("concat", "concat", 0),
    ("where", "where", 1), ("nn.relu", "relu", 0), ("logaddexp", "logaddexp", 1), ("linalg.cholesky", "cholesky", 0),
    ("einsum", "contract", 0), ("pow", "pow", 0),
):
    CAST.wrap(ops, "through float32", cast(np.float32), primitive, argument)
CAST.wrap("add", "through float16", cast(np.float16), dtype="float32")
CAST.wrap("permute_dims", "through float16", cast(np.float16), dtype="float32")
CAST.wrap("tanh", "the cotangent alone through float32", lambda g, xp, ct, out, x:
          np.asarray(np.float32(1) * ct.astype(np.float32), ct.dtype) * xp.sech2(x))
CAST.wrap("exp", "beyond 64 entries through float32", lambda g, xp, ct, out, x:
          g.astype(np.float32).astype(float) if np.size(g) > 64 else g)
CAST.wrap("subtract", "handed back as float32", lambda g, *rest: np.asarray(g).astype(np.float32), argument=1)
CAST.swap("nn.unfold", "through float32", raw, "fold",
          lambda right: lambda x, **p: right(x.astype(np.float32), **p).astype(x.dtype))

ACCURACY.wrap("tanh", "1 - out**2", lambda g, xp, ct, out, x: ct * (1 - out * out))
ACCURACY.wrap("expm1", "out + 1", lambda g, xp, ct, out, x: ct * (out + 1))
ACCURACY.wrap("nn.sigmoid", "out (1 - out)", lambda g, xp, ct, out, x: ct * out * (1 - out))
ACCURACY.wrap("nn.softplus", "1 - exp(-out)", lambda g, xp, ct, out, x: ct * (1 - np.exp(-out)))
ACCURACY.wrap("cumulative_sum", "the total minus the rest", lambda g, xp, ct, out, x, axis, include_initial: g if include_initial else
              np.sum(ct, axis=axis, keepdims=True) - np.cumsum(ct, axis=axis) + ct)
ACCURACY.wrap("var", "the mean of squares less the square of the mean", lambda g, xp, ct, out, x, axis, correction, keepdims:
              g if np.ndim(x) != 1 else g + ((x * x).mean() - x.mean() ** 2 - np.var(x)) * g)
ACCURACY.rule("acosh", "by the square of x", lambda xp, ct, out, x: ct / np.sqrt(x * x - 1))
ACCURACY.rule("asinh", "by the square of x", lambda xp, ct, out, x: ct / np.sqrt(x * x + 1))
ACCURACY.rule("hypot", "by squares", lambda xp, ct, out, x, y: ct * x / np.sqrt(x * x + y * y + (out == 0)))
ACCURACY.rule("atan2", "by squares", lambda xp, ct, out, x, y: -ct * x / (x * x + y * y), argument=1)
ACCURACY.rule("divide", "x / y**2", lambda xp, ct, out, x, y: -ct * x / (y * y), argument=1)
ACCURACY.wrap("logsumexp", "not shifted", lambda g, xp, ct, out, x, axis, keepdims:
              kept(ct, x, axis, keepdims) * np.exp(x) / np.sum(np.exp(x), axis=axis, keepdims=True))
ACCURACY.rule("logaddexp", "exp(x - out), the other as 1 less it",
              lambda xp, ct, out, x, y: ct * (1 - np.exp(x - out)), argument=1)
ACCURACY.rule("nn.log_softmax nn.cross_entropy", "the softmax as a difference of sums", lambda xp, ct, out, x, axis:
              (ct + np.sum(ct, axis=axis, keepdims=True)) - np.sum(ct, axis=axis, keepdims=True)
              - np.exp(out) * np.sum(ct, axis=axis, keepdims=True), "log_softmax")
ACCURACY.rule("nn.softmax", "the product of ct and out in two halves", lambda xp, ct, out, x, axis:
              (1e6 * out * ct + out * ct) - 1e6 * out * ct - out * np.sum(ct * out, axis=axis, keepdims=True))
ACCURACY.rule("erfc nn.gelu", "by the difference of exponentials near 1", lambda xp, ct, out, x:
              -ct * (2 / math.sqrt(math.pi)) * ((1 + np.exp(-x * x)) - 1), "erfc")
ACCURACY.rule("cosh", "by the square of out", lambda xp, ct, out, x: ct * np.sign(x) * np.sqrt(out * out - 1))
ACCURACY.rule("cos", "by the root of 1 - out**2", lambda xp, ct, out, x:
              -ct * np.sign(np.sin(x)) * np.sqrt(np.maximum(1 - out * out, 0)))
ACCURACY.wrap("mean", "through the total of the cotangent", lambda g, xp, ct, out, x, axis, keepdims:
              (g + np.sum(ct)) - np.sum(ct))
ACCURACY.wrap("linalg.inv", "in the normal equations", lambda g, xp, ct, out, x: np.linalg.solve(
              np.matmul(np.swapaxes(x, -1, -2), x), np.matmul(np.matmul(np.swapaxes(x, -1, -2), x), g)) if x.size else g)
ACCURACY.wrap("linalg.vector_norm", "by the root of squares", lambda g, xp, ct, out, x, axis, keepdims, ord: g if ord != 2 or 0 in x.shape
              else kept(ct, x, axis, keepdims) * x / np.sqrt(np.sum(x * x, axis=axis if axis is None else axes_of(axis, x.ndim), keepdims=True)
                                                              + (kept(out, x, axis, keepdims) == 0)))
# fmt: on
MUTANTS = EPSILON.mutants + CAST.mutants + ACCURACY.mutants
