"""Saved tensor: the rule reads another value than it should, or takes a path for a constant."""

from __future__ import annotations

from typing import Any

import numpy as np

import gradproof.engine as ge
from gradproof.engine import tape
from gradproof.engine.functions import elementwise as el
from gradproof.engine.functions import nn, reduction
from gradproof.specs.mutants.mutant import Family, kept

SAVED = Family("saved tensor")


def _finite(x: Any) -> Any:
    """A denominator without its zeros."""
    return np.where(x == 0, 1.0, x)


# fmt: off
SAVED.rule("tanh", "from x instead of out", lambda xp, ct, out, x: ct * (1 - x * x))
SAVED.rule("multiply", "from its own argument", lambda xp, ct, out, x, y: ct * x)
SAVED.rule("multiply", "the second from its own argument", lambda xp, ct, out, x, y: ct * y, argument=1)
SAVED.rule("divide", "the second from x instead of out", lambda xp, ct, out, x, y: -ct * x / y, argument=1)
SAVED.rule("divide", "the first by x instead of y", lambda xp, ct, out, x, y: ct / _finite(x))
SAVED.rule("sqrt", "from x instead of out", lambda xp, ct, out, x: 0.5 * ct / _finite(x))
SAVED.rule("rsqrt", "from x instead of out", lambda xp, ct, out, x: -0.5 * ct / _finite(x * x * x))
SAVED.rule("reciprocal", "from x instead of out", lambda xp, ct, out, x: -ct * x * x)
SAVED.rule("exp", "from x instead of out", lambda xp, ct, out, x: ct * x)
SAVED.rule("expm1", "from out without the 1", lambda xp, ct, out, x: ct * out)
SAVED.rule("log", "from out instead of x", lambda xp, ct, out, x: ct / _finite(out))
SAVED.rule("log1p", "from x without the 1", lambda xp, ct, out, x: ct / _finite(x))
SAVED.rule("tan", "from x instead of out", lambda xp, ct, out, x: ct * (1 + x * x))
SAVED.rule("square", "from out instead of x", lambda xp, ct, out, x: 2 * ct * out)
SAVED.rule("sin", "from its result", lambda xp, ct, out, x: ct * np.cos(out))
SAVED.rule("cosh", "from its result", lambda xp, ct, out, x: ct * out)
SAVED.rule("sinh", "from its result", lambda xp, ct, out, x: ct * out)
SAVED.rule("asin", "from its result", lambda xp, ct, out, x: ct / np.sqrt(np.maximum(1 - out * out, 0.1)))
SAVED.rule("atan", "from its result", lambda xp, ct, out, x: ct / (1 + out * out))
SAVED.rule("asinh", "x where acosh has it", lambda xp, ct, out, x: ct / np.sqrt(np.abs(x * x - 1) + (x * x == 1)))
SAVED.rule("acosh", "x where asinh has it", lambda xp, ct, out, x: ct / np.hypot(x, 1.0))
SAVED.rule("nn.sigmoid nn.silu", "x where out should be", lambda xp, ct, out, x: ct * x * (1 - x), "sigmoid")
SAVED.rule("nn.softplus", "its result in the sigmoid", lambda xp, ct, out, x: ct * xp.sigmoid(out))
SAVED.rule("erf", "its result in the exponent", lambda xp, ct, out, x: ct * 1.1283791670955126 * np.exp(-out * out))
SAVED.rule("nn.relu", "where the cotangent is positive", lambda xp, ct, out, x: np.where(ct > 0, ct, 0.0) * (x > 0))
SAVED.rule("nn.elu", "its result instead of the exponential", lambda xp, ct, out, x, alpha: np.where(x > 0, ct, ct * out))
SAVED.rule("maximum", "the arguments exchanged", lambda xp, ct, out, x, y: np.where(x < y, ct, np.where(x == y, 0.5 * ct, 0.0)))
SAVED.rule("minimum", "the second as the first", lambda xp, ct, out, x, y:
           np.where(x < y, ct, np.where(x == y, 0.5 * ct, 0.0)), argument=1)
SAVED.rule("where", "the condition inverted", lambda xp, ct, out, c, x, y: np.where(c, 0.0, ct), argument=1)
SAVED.rule("hypot", "from the other argument", lambda xp, ct, out, x, y: ct * (y / _finite(out)))
SAVED.rule("atan2", "the arguments exchanged", lambda xp, ct, out, x, y: ct * (x / _finite(np.hypot(x, y))) / _finite(np.hypot(x, y)))
SAVED.rule("logaddexp", "the arguments exchanged", lambda xp, ct, out, x, y: ct * xp.sigmoid(y - x))
SAVED.rule("xlogy", "log of the wrong argument", lambda xp, ct, out, x, y: ct * np.log(np.abs(_finite(x))))
SAVED.rule("pow", "the result over the exponent's base, without the exponent", lambda xp, ct, out, x, y: ct * out / _finite(x))
SAVED.rule("pow", "the log of the exponent", lambda xp, ct, out, x, y: ct * out * np.log(np.abs(_finite(y))), argument=1)
SAVED.rule("copysign", "the sign of x forgotten", lambda xp, ct, out, x, y: ct * np.copysign(1.0, y))
SAVED.rule("clip", "where the result is inside, by zero", lambda xp, ct, out, x, min, max: np.where(out != 0, ct, 0.0))
SAVED.rule("nn.softmax", "from x", lambda xp, ct, out, x, axis: out * (ct - np.sum(ct * x, axis=axis, keepdims=True)))
SAVED.rule("nn.log_softmax nn.cross_entropy", "out instead of its exponential",
           lambda xp, ct, out, x, axis: ct - out * np.sum(ct, axis=axis, keepdims=True), "log_softmax")
SAVED.rule("logsumexp", "the exponential of x, not shifted by out", lambda xp, ct, out, x, axis, keepdims:
           kept(ct, x, axis, keepdims) * np.exp(np.minimum(x, 50.0)))
SAVED.rule("linalg.vector_norm", "x without the norm", lambda xp, ct, out, x, axis, keepdims, ord: kept(ct, x, axis, keepdims) * x)
SAVED.rule("linalg.inv", "from x", lambda xp, ct, out, x: -np.matmul(np.matmul(np.swapaxes(x, -1, -2), ct), np.swapaxes(x, -1, -2)))
SAVED.wrap("linalg.det", "the result twice", lambda g, xp, ct, out, x: g * out[..., None, None])
SAVED.rule("linalg.cholesky", "from x", lambda xp, ct, out, x: xp.cholesky_pullback(ct, x))
SAVED.wrap("linalg.solve", "the right side instead of the solution", lambda g, xp, ct, out, x, y:
           -np.matmul(xp.solve(np.swapaxes(x, -1, -2), ct), np.swapaxes(np.broadcast_to(y, np.shape(out)), -1, -2)))
SAVED.wrap("var", "x not centred", lambda g, xp, ct, out, x, axis, correction, keepdims: g + kept(ct, x, axis, keepdims) * np.mean(x))
SAVED.wrap("max", "where x is least", lambda g, xp, ct, out, x, axis, keepdims: -np.where(g == 0, kept(ct, x, axis, keepdims), 0.0))
SAVED.swap("multiply divide pow atan2 matmul", "what is saved for one operand is saved for the other", tape.Op, "plan",
           lambda right: lambda self, tracked: right(self, {1: 2, 2: 1}.get(tracked, tracked) if len(self.rules) == 2 else tracked))
SAVED.rule("sign", "the cotangent passes, as in a straight-through estimator", lambda xp, ct, out, x: ct)
SAVED.rule("copysign", "the second has the magnitude's slope", lambda xp, ct, out, x, y: ct * np.sign(out), argument=1)

# ---- a path of a composed op taken for a constant
still = ge.stop_gradient
SAVED.swap("nn.layer_norm", "the mean is a constant", nn, "layer_norm", lambda right: lambda x, weight, bias, eps: _normed(
    x, still(reduction.mean(x, axis=-1, keepdims=True)), weight, bias, eps))
SAVED.swap("nn.layer_norm", "the scale is a constant", nn, "layer_norm", lambda right: lambda x, weight, bias, eps: _normed(
    x, reduction.mean(x, axis=-1, keepdims=True), weight, bias, eps, cut=True))
SAVED.swap("nn.silu", "the gate is a constant", nn, "silu", lambda right: lambda x: el.multiply(x, still(nn.sigmoid(x))))
SAVED.swap("nn.gelu", "the distribution is a constant", nn, "gelu", lambda right: lambda x, approximate:
           el.multiply(x, still(0.5 * el.erfc(x * -(0.5**0.5)))) if approximate == "none" else right(x, approximate))
SAVED.swap("nn.mse", "the target is a constant", nn, "mse", lambda right: lambda x, y, reduction: right(x, still(y), reduction))
SAVED.swap("nn.scaled_dot_product_attention", "the values alone are differentiated", nn, "scaled_dot_product_attention",
           lambda right: lambda q, k, v, *mask, **at: right(still(q), still(k), v, *mask, **at))
SAVED.swap("nn.scaled_dot_product_attention", "the keys are constants", nn, "scaled_dot_product_attention",
           lambda right: lambda q, k, v, *mask, **at: right(q, still(k), v, *mask, **at))
SAVED.swap("nn.conv2d", "the filters are constants", nn, "conv2d",
           lambda right: lambda x, weight, *bias, **at: right(x, still(weight), *bias, **at))
SAVED.swap("vecdot", "the second vector is a constant", ge, "vecdot", lambda right: lambda x, y, axis: right(x, still(y), axis))
SAVED.swap("tensordot", "the second operand is a constant", ge, "tensordot", lambda right: lambda x, y, axes: right(x, still(y), axes))
SAVED.swap("linalg.outer", "the first vector is a constant", ge.linalg, "outer", lambda right: lambda x, y: right(still(x), y))
SAVED.swap("stack", "the last array is a constant", ge, "stack",
           lambda right: lambda arrays, axis: right([*arrays[:-1], still(arrays[-1])], axis=axis))
# fmt: on


def _normed(x: Any, mean: Any, weight: Any, bias: Any, eps: float, cut: bool = False) -> Any:
    centred = el.subtract(x, mean)
    scale = el.rsqrt(reduction.mean(el.square(centred), axis=-1, keepdims=True) + eps)
    return el.add(el.multiply(el.multiply(centred, still(scale) if cut else scale), weight), bias)


MUTANTS = SAVED.mutants
