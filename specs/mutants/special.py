"""Faults of special functions, activations and losses: they count in the families whose kind they are.

Ops that are compositions have no rule of their own; their faults give the right values with another function's gradient.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import special

import gradproof.engine as ge
from gradproof.engine import nn
from gradproof.specs.mutants.mutant import Family
from gradproof.specs.mutants.ordered import bent
from gradproof.specs.mutants.region import above, at, below, beyond, doubled, halved, lost, negated
from gradproof.specs.mutants.second import _stopped, recorded

FACTOR, SAVED, TIES, REGION, ACCURACY, EPSILON, SECOND = (
    Family("factor"), Family("saved tensor"), Family("ties"), Family("rare region"), Family("accuracy only"),
    Family("epsilon"), Family("second order only", order=2),
)  # fmt: skip
LN2 = float(np.log(2.0))


def instead(wrong: Any) -> Any:
    """A composition with the gradient of ``wrong``, which is called as the right one is."""
    return lambda right: lambda *xs, **params: bent(right(*xs, **params), wrong(*xs, **params))


def altered(wrong: Any) -> Any:
    """The same, where ``wrong(right, *xs, **params)`` calls the right one itself."""
    return lambda right: lambda *xs, **params: bent(right(*xs, **params), wrong(right, *xs, **params))


def scaled_by(factor: float) -> Any:
    """A composition whose gradient has a factor too much."""
    return lambda right: lambda *xs, **params: bent(right(*xs, **params), ge.multiply(right(*xs, **params), factor))


# fmt: off
# ---- flat between jumps
for name in ("floor", "ceil", "trunc", "round"):
    FACTOR.rule(name, "straight through", lambda xp, ct, out, x: ct)
    REGION.rule(name, "straight through near whole numbers", lambda xp, ct, out, x: np.where(np.abs(x - np.rint(x)) < 0.01, ct, 0.0 * ct))
FACTOR.rule("floor_divide", "as divide", lambda xp, ct, out, x, y: ct / y)
FACTOR.rule("floor_divide", "the second as divide's", lambda xp, ct, out, x, y: -ct * out / y, argument=1)
FACTOR.wrap("remainder", "the quotient is not negated", lambda g, *rest: -g, argument=1)
SAVED.rule("remainder", "the quotient is not made whole", lambda xp, ct, out, x, y: -ct * x / y, argument=1)
REGION.rule("remainder", "truncated, as fmod has it", lambda xp, ct, out, x, y: -ct * np.trunc(x / y), argument=1)
REGION.where("remainder", "lost for a negative first argument", below(0), lost)

# ---- special functions
for ops, primitive, factor, wrong in (
    ("exp2", "exp2", 1 / LN2, "without ln 2"), ("cbrt", "cbrt", 3.0, "without its 1/3"), ("erfinv", "erfinv", 2.0, "without its 1/2"),
    ("lgamma", "lgamma", -1.0, "negated"), ("digamma polygamma", "polygamma", -1.0, "negated"), ("ndtri", "ndtri", 0.5**0.5, "by sqrt(pi)"),
    ("i0 i1", "bessel_i", -1.0, "negated, as that of J is"), ("logit", "logit", -1.0, "negated"), ("log_ndtr", "log_ndtr", -1.0, "negated"),
    ("sinc", "sinc_term", 1 / np.pi, "by pi"), ("logaddexp2", "logaddexp2", LN2, "times ln 2"), ("xlog1py", "xlog1py", -1.0, "negated"),
    ("nn.softsign", "softsign", -1.0, "negated"), ("nn.tanhshrink", "tanhshrink", -1.0, "negated"),
):
    FACTOR.wrap(ops, wrong, lambda g, *rest, factor=factor, **params: g * factor, primitive)
FACTOR.wrap("xlog1py", "the second is halved", lambda g, *rest: 0.5 * g, argument=1)
FACTOR.wrap("logaddexp2", "the second is negated", lambda g, *rest: -g, argument=1)
FACTOR.swap("positive", "negated", ge, "positive", scaled_by(-1.0))
FACTOR.swap("ndtr", "as erf", ge, "ndtr", instead(lambda x: ge.erf(x)))
FACTOR.swap("entr", "without the term of log's own slope", ge, "entr", instead(lambda x: ge.multiply(x, -ge.log(ge.stop_gradient(x)))))
FACTOR.swap("rel_entr", "without the slope of the quotient", ge, "rel_entr",
            instead(lambda x, y: ge.multiply(x, ge.log(ge.divide(ge.stop_gradient(x), y)))))
SAVED.rule("exp2", "from x instead of out", lambda xp, ct, out, x: ct * LN2 * x)
SAVED.rule("cbrt", "from x instead of out", lambda xp, ct, out, x: ct / (3 * np.where(x == 0, 1.0, x * x)))
SAVED.rule("erfinv", "from x instead of out", lambda xp, ct, out, x: ct * 0.886226925452758 * np.exp(x * x))
SAVED.rule("ndtri", "from x instead of out", lambda xp, ct, out, x: ct * 2.5066282746310002 * np.exp(0.5 * x * x))
SAVED.rule("logit", "from out, as sigmoid has it", lambda xp, ct, out, x: ct * special.expit(out) * special.expit(-out))
SAVED.rule("lgamma", "of the next number", lambda xp, ct, out, x: ct * special.digamma(x + 1))
SAVED.rule("polygamma digamma", "of its own order", lambda xp, ct, out, x, n: ct * out)
SAVED.rule("i0", "of its own order", lambda xp, ct, out, x, order: ct * out, "bessel_i")
SAVED.rule("log_ndtr", "the density alone", lambda xp, ct, out, x: ct * np.exp(-0.5 * x * x) / 2.5066282746310002)
SAVED.rule("logaddexp2", "the arguments exchanged", lambda xp, ct, out, x, y: ct * special.expit(LN2 * (y - x)))
SAVED.rule("logaddexp2", "by e instead of 2", lambda xp, ct, out, x, y: ct * special.expit(x - y))
SAVED.rule("xlog1py", "without the 1", lambda xp, ct, out, x, y: ct * x / np.where(y == 0, 1.0, y), argument=1)
FACTOR.rule("i1e", "the factor's own slope is left out", lambda xp, ct, out, x, order: ct * 0.5 * (
    xp.bessel_ie(x, order=order - 1) + xp.bessel_ie(x, order=order + 1)), "bessel_ie")
SAVED.rule("i0e", "the sign of x is left out", lambda xp, ct, out, x, order: ct * (xp.bessel_ie(x, order=1) - out), "bessel_ie")
REGION.where("i0e i1e", "halved below 0", below(0), halved, "bessel_ie")
REGION.where("erfinv", "halved beyond 0.999", beyond(0.999), halved)
REGION.where("cbrt", "negated for negative x", below(0), negated)
REGION.where("lgamma", "lost at exactly 1", at(1), lost)
REGION.where("digamma", "doubled below 0", below(0), doubled, "polygamma")
REGION.where("i1", "negated for negative x", below(0), negated, "bessel_i")
REGION.where("log_ndtr", "flat above 5", above(5), lost)
REGION.where("sinc", "negated at whole numbers", lambda x: (x == np.rint(x)) & (x != 0), negated, "sinc_term")
REGION.where("logit", "doubled below 1e-6", below(1e-6), doubled)
REGION.where("ndtri", "halved below 1e-6", below(1e-6), halved)
REGION.where("nn.softsign", "flat beyond 100", beyond(100), lost)
ACCURACY.rule("sinc", "the quotient that cancels near 0", lambda xp, ct, out, x, k:
              ct * np.where(x == 0, 0.0, (np.cos(np.pi * x) - out) / np.where(x == 0, 1.0, x)), "sinc_term")
ACCURACY.rule("erfinv", "1e-9 more than 1", lambda xp, ct, out, x: ct * 0.886226925452758 * np.exp(out * out) * (1 + 1e-9))
ACCURACY.rule("log_ndtr", "the density over ndtr, which underflow", lambda xp, ct, out, x:
              ct * np.exp(-0.5 * x * x) / 2.5066282746310002 / special.ndtr(x))
ACCURACY.rule("lgamma", "by differences", lambda xp, ct, out, x: ct * (special.gammaln(x + 1e-6) - special.gammaln(x - 1e-6)) / 2e-6)
ACCURACY.rule("nn.tanhshrink", "1 - sech**2", lambda xp, ct, out, x: ct * (1 - xp.sech2(x)) * (1 + 1e-10))
EPSILON.rule("cbrt", "1e-12 in the denominator", lambda xp, ct, out, x: ct / (3 * out * out + 1e-12))
EPSILON.rule("logit", "1e-12 in the denominator", lambda xp, ct, out, x: ct / (x * (1 - x) + 1e-12))
EPSILON.rule("xlog1py", "1e-10 in the denominator", lambda xp, ct, out, x, y: ct * x / (1 + 1e-10 + y), argument=1)
for ops, primitive, what, wrong in (
    ("exp2", "exp2", "out", "its result is a constant"), ("cbrt", "cbrt", "out", "its result is a constant"),
    ("erfinv", "erfinv", "out", "its result is a constant"), ("lgamma", "lgamma", "0", "x is a constant"),
    ("digamma polygamma", "polygamma", "0", "x is a constant"), ("i0", "bessel_i", "0", "x is a constant"),
    ("log_ndtr", "log_ndtr", "0", "x is a constant"), ("logit", "logit", "0", "x is a constant"),
    ("sinc", "sinc_term", "0", "x is a constant"), ("logaddexp2", "logaddexp2", "0", "x is a constant"),
    ("xlog1py", "xlog1py", "1", "y is a constant"), ("nn.tanhshrink", "tanhshrink", "0", "x is a constant"),
    ("nn.softsign", "softsign", "0", "x is a constant"),
):
    SECOND.rule(ops, wrong, recorded(primitive, 0, _stopped(primitive, 0, what)), primitive)
SECOND.wrap("log_ndtr", "the slope of its slope is not negated", lambda g, *rest: -g, "hazard")
SECOND.rule("log_ndtr", "x + h, which cancels on the left", lambda xp, ct, out, x: -ct * out * (x + out), "hazard")

# ---- activations
FACTOR.swap("nn.log_sigmoid", "as the sigmoid itself", nn, "log_sigmoid", instead(lambda x: nn.sigmoid(x)))
FACTOR.swap("nn.selu", "unscaled", nn, "selu", scaled_by(1 / 1.0507009873554805))
FACTOR.swap("nn.celu", "as elu", nn, "celu", instead(lambda x, alpha: nn.elu(x, alpha)))
FACTOR.swap("nn.mish", "without the slope of softplus", nn, "mish", instead(lambda x: ge.multiply(x, ge.tanh(nn.softplus(ge.stop_gradient(x))))))
FACTOR.swap("nn.hardtanh", "passes everywhere", nn, "hardtanh", instead(lambda x: ge.multiply(x, 1.0)))
FACTOR.swap("nn.relu6", "as relu", nn, "relu6", instead(lambda x: nn.relu(x)))
FACTOR.swap("nn.hard_sigmoid", "by a sixth in single precision", nn, "hard_sigmoid", scaled_by(float(np.float32(1 / 6)) * 6))
FACTOR.swap("nn.hardswish", "the gate is a constant", nn, "hardswish", instead(lambda x: ge.multiply(x, ge.stop_gradient(nn.hard_sigmoid(x)))))
FACTOR.swap("nn.softshrink", "passes everywhere", nn, "softshrink", instead(lambda x, lambd: ge.multiply(x, 1.0)))
FACTOR.swap("nn.hardshrink", "passes everywhere", nn, "hardshrink", instead(lambda x, lambd: ge.multiply(x, 1.0)))
FACTOR.swap("nn.threshold", "passes everywhere", nn, "threshold", instead(lambda x, threshold, value: ge.multiply(x, 1.0)))
FACTOR.swap("nn.prelu", "the weight is a constant", nn, "prelu", altered(lambda right, x, w: right(x, ge.stop_gradient(w))))
FACTOR.swap("nn.prelu", "the weight's is halved", nn, "prelu", altered(
            lambda right, x, w: right(x, ge.add(ge.multiply(w, 0.5), ge.stop_gradient(ge.multiply(w, 0.5))))))
FACTOR.swap("nn.glu", "the gate is a constant", nn, "glu", altered(lambda right, x, axis: right(_gate_fixed(x, axis), axis)))
FACTOR.swap("nn.softmin", "not negated", nn, "softmin", scaled_by(-1.0))
TIES.swap("nn.hardtanh", "doubled at its bounds", nn, "hardtanh", instead(
          lambda x: ge.where(np.abs(np.asarray(ge.stop_gradient(x))) == 1, ge.multiply(x, 2.0), ge.clip(x, -1.0, 1.0))))

# ---- losses
for name, factor, wrong in (
    ("l1", -1.0, "negated"), ("huber", 2.0, "without its 1/2"), ("smooth_l1", 2.0, "without its 1/2"), ("bce", -1.0, "not negated"),
    ("bce_with_logits", -1.0, "negated"), ("kl_div", -1.0, "negated"), ("nll", -1.0, "not negated"), ("hinge_embedding", 0.5, "halved"),
    ("soft_margin", -1.0, "negated"), ("margin_ranking", -1.0, "negated"), ("cosine_similarity", 0.5, "halved"),
    ("cosine_embedding", -1.0, "negated"), ("poisson_nll", 2.0, "doubled"), ("gaussian_nll", 2.0, "without its 1/2"),
):
    FACTOR.swap(f"nn.{name}", wrong, nn, name, scaled_by(factor))
FACTOR.swap("nn.huber", "delta is taken for 1", nn, "huber", altered(lambda right, x, y, delta, reduction: right(x, y, 1.0, reduction)))
FACTOR.swap("nn.smooth_l1", "as huber", nn, "smooth_l1", instead(lambda x, y, beta, reduction: nn.huber(x, y, beta, reduction)))
FACTOR.swap("nn.bce", "the target is a constant", nn, "bce", altered(lambda right, x, y, reduction: right(x, ge.stop_gradient(y), reduction)))
FACTOR.swap("nn.kl_div", "the target is a constant", nn, "kl_div", altered(
            lambda right, x, y, log_target, reduction: right(x, ge.stop_gradient(y), log_target, reduction)))
FACTOR.swap("nn.cosine_similarity", "lengths are constants", nn, "cosine_similarity", instead(lambda x, y, axis, eps: _lengths_fixed(x, y, axis, eps)))
FACTOR.swap("nn.gaussian_nll", "the variance is a constant", nn, "gaussian_nll", altered(
            lambda right, x, y, var, eps, reduction: right(x, y, ge.stop_gradient(var), eps, reduction)))
ACCURACY.swap("nn.bce_with_logits", "by softplus(x) - x y", nn, "bce_with_logits", instead(
              lambda x, y, reduction: nn._reduce(ge.subtract(nn.softplus(x), ge.multiply(x, y)), reduction)))
EPSILON.swap("nn.cosine_similarity", "eps is taken for 0.1", nn, "cosine_similarity", altered(
             lambda right, x, y, axis, eps: right(x, y, axis, 0.1)))
# fmt: on


def _gate_fixed(x: Any, axis: int) -> Any:
    """The operand of glu, whose second half passes nothing back."""
    count = np.shape(x)[axis]
    return ge.concat([_part(x, axis, 0, count // 2), ge.stop_gradient(_part(x, axis, count // 2, count))], axis=axis)


def _part(x: Any, axis: int, start: int, stop: int) -> Any:
    key = [slice(None)] * np.ndim(x)
    key[axis] = slice(start, stop)
    return ge.getitem(x, tuple(key))


def _lengths_fixed(x: Any, y: Any, axis: int, eps: float) -> Any:
    lengths = [ge.maximum(ge.linalg.vector_norm(ge.stop_gradient(v), axis=axis, keepdims=False, ord=2), eps) for v in (x, y)]
    return ge.divide(ge.sum(ge.multiply(x, y), axis=axis), ge.multiply(*lengths))


MUTANTS = [
    mutant for family in (FACTOR, SAVED, TIES, REGION, ACCURACY, EPSILON, SECOND) for mutant in family.mutants
]
