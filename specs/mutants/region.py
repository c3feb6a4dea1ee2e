"""Rare regions: a rule that is right on ordinary values and wrong beyond a threshold, at a point, or for some parameters."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradproof.engine.backend import Patch, raw
from gradproof.engine.kernels.convolution import taps
from gradproof.specs.mutants.mutant import Family

REGION = Family("rare region")


def beyond(limit: float) -> Any:
    return lambda x: np.abs(x) > limit


def above(limit: float) -> Any:
    return lambda x: x > limit


def below(limit: float) -> Any:
    return lambda x: x < limit


def at(point: float) -> Any:
    return lambda x: x == point


def negated(g: Any, ct: Any, x: Any) -> Any:
    return -g


def lost(g: Any, ct: Any, x: Any) -> Any:
    return 0 * g


def doubled(g: Any, ct: Any, x: Any) -> Any:
    return 2 * g


def halved(g: Any, ct: Any, x: Any) -> Any:
    return 0.5 * g


def passed(g: Any, ct: Any, x: Any) -> Any:
    return ct


def _tiny(limit: float) -> Any:
    return lambda x: np.abs(x) < limit


# fmt: off
for ops, wrong, region, change in (
    ("sin", "negated beyond 30", beyond(30), negated), ("sin", "slope 1 below 1e-4", _tiny(1e-4), passed),
    ("cos", "slope 1 at exactly 0", at(0), passed), ("tan", "doubled beyond 3", beyond(3), doubled),
    ("nn.softplus", "slope 1 above 20", above(20), passed), ("nn.softplus", "slope 0 below -30", below(-30), lost),
    ("erfc nn.gelu", "slope 0 above 4", beyond(4), lost), ("erf", "slope 0 beyond 5", beyond(5), lost),
    ("log1p", "slope 1 near 0", _tiny(1e-3), passed), ("exp", "slope 0 at exactly 0", at(0), lost),
    ("exp", "slope 0 below -30", below(-30), lost), ("expm1", "slope 1 near 0", _tiny(1e-4), passed),
    ("expm1", "slope 0 below -20", below(-20), lost), ("asinh", "slope 1 beyond 1e6", beyond(1e6), passed),
    ("acosh", "halved near 1", below(1.001), halved), ("asin", "halved near 1", beyond(0.9999), halved),
    ("acos", "negated for negative x", below(0), negated), ("atanh", "slope 1 near 0", _tiny(1e-3), passed),
    ("atan", "lost beyond 1e6", beyond(1e6), lost), ("atan", "negated for negative x", below(0), negated),
    ("log", "halved below 1e-6", below(1e-6), halved), ("log2", "doubled above 1000", above(1000), doubled),
    ("log10", "halved at exactly 1", at(1), halved), ("cosh", "negated on the negative side", below(0), negated),
    ("sinh", "slope 1 at exactly 0.5", at(0.5), passed), ("rsqrt", "doubled above 10", above(10), doubled),
    ("reciprocal", "positive for negative x", below(0), negated), ("sqrt", "halved above 100", above(100), halved),
    ("square", "slope 1 below 1e-100", _tiny(1e-100), passed), ("square", "lost above 1e5", beyond(1e5), lost),
    ("nn.sigmoid", "flat beyond 15", beyond(15), lost), ("tanh", "flat beyond 10", beyond(10), lost),
    ("nn.relu", "passes below -10", below(-10), passed), ("abs", "positive below -3", below(-3), negated),
    ("copysign", "negated for negative x", below(0), negated), ("negative", "lost at exactly 1", at(1), lost),
    ("nn.silu", "the gate flat beyond 20", beyond(20), lost), ("nn.elu", "negated below -20", below(-20), negated),
):
    REGION.where(ops, wrong, region, change, "sigmoid" if ops == "nn.silu" else "")
for ops, wrong, region, change, argument in (
    ("atan2", "negated for x < 0", below(0), negated, 1), ("divide", "lost by exactly 1", at(1), lost, 1),
    ("divide", "negated by a negative number", below(0), negated, 1), ("pow", "lost at exactly 2", at(2), lost, 1),
    ("multiply", "negated by exactly -1", at(-1), negated, 1), ("maximum", "halved above 3", above(3), halved, 1),
    ("subtract", "lost at exactly 0", at(0), lost, 1), ("hypot", "negated for negative y", below(0), negated, 1),
    ("xlogy", "halved for y below 1e-3", below(1e-3), halved, 1), ("logaddexp", "halved above 30", above(30), halved, 1),
    ("add", "doubled at exactly 0.5", at(0.5), doubled, 1), ("minimum", "lost below -10", below(-10), lost, 1),
    ("where", "lost at exactly 0", at(0), lost, 2),
):
    REGION.where(ops, wrong, region, change, argument=argument)
REGION.where("pow", "the base's slope lost at exponent 3", at(3), lost, by=1)
REGION.where("divide", "halved for a denominator above 1e3", beyond(1e3), halved, by=1)
REGION.where("matmul", "an entry of exactly 0 gives nothing", at(0), lost)
REGION.where("cumulative_sum", "an entry of exactly -1 gives nothing", at(-1), lost)
REGION.where("max", "a negative maximum is negated", below(0), negated)
REGION.where("nn.max_pool2d", "a maximum above 2 is lost", above(2), lost, "max")
REGION.where("nn.softmax", "entries below -15 get nothing", below(-15), lost)
REGION.where("nn.log_softmax nn.cross_entropy", "entries below -20 pass the cotangent whole", below(-20), doubled, "log_softmax")
REGION.where("var", "an entry of exactly 0 gives nothing", at(0), lost)
REGION.where("prod", "a factor of exactly 1 gives nothing", at(1), lost, "multiply")
REGION.where("nn.layer_norm", "entries beyond 10 give nothing", beyond(10), lost, "square")
REGION.where("nn.mse", "errors beyond 5 are clipped, as in the Huber loss", beyond(5), halved, "square")
REGION.wrap("logaddexp", "even beyond 30 apart", lambda g, xp, ct, out, x, y: np.where(np.abs(x - y) > 30, 0.5 * ct, g))
REGION.wrap("nn.leaky_relu", "slope 0 means 0.01", lambda g, xp, ct, out, x, negative_slope:
            np.where((x < 0) & (negative_slope == 0), 0.01 * ct, g))
REGION.wrap("nn.elu", "alpha is taken for 1", lambda g, xp, ct, out, x, alpha: np.where(x < 0, g / alpha, g))
REGION.wrap("clip", "lost without a lower bound", lambda g, xp, ct, out, x, min, max: 0 * g if min is None else g)
REGION.wrap("logsumexp", "overflows above 709", lambda g, xp, ct, out, x, axis, keepdims: np.where(np.abs(x) > 709, np.nan, g))
REGION.wrap("matmul", "a matrix times a stack is reversed", lambda g, xp, ct, out, x, y:
            np.flip(g, -1) if np.ndim(x) == 2 and np.ndim(y) == 3 else g)
REGION.wrap("matmul", "a vector on the right is doubled", lambda g, xp, ct, out, x, y: 2 * g if np.shape(y)[-1] == 1 else g, argument=1)
REGION.wrap("linalg.vector_norm", "of order 1 or inf, negated below -1", lambda g, xp, ct, out, x: np.where(x < -1, -g, g), "abs")
REGION.wrap("linalg.vector_norm", "with keepdims halved", lambda g, xp, ct, out, x, axis, keepdims, ord: g / 2 if keepdims else g)
REGION.wrap("linalg.det", "negated for negative determinants", lambda g, xp, ct, out, x: np.where(out[..., None, None] < 0, -g, g))
REGION.wrap("linalg.inv", "symmetric part only, for matrices of two rows", lambda g, xp, ct, out, x:
            0.5 * (g + np.swapaxes(g, -1, -2)) if np.shape(x)[-1] == 2 else g)
REGION.wrap("linalg.solve", "a vector's is doubled", lambda g, xp, ct, out, x, y: 2 * g if np.shape(y)[-1] == 1 else g, argument=1)
REGION.wrap("linalg.cholesky", "the off-diagonal doubled in stacks", lambda g, xp, ct, out, x:
            g if np.ndim(x) == 2 else 2 * g - g * np.eye(np.shape(x)[-1]))
REGION.wrap("linalg.diagonal linalg.trace", "a negative offset is doubled", lambda g, xp, ct, out, x, offset:
            2 * g if offset < 0 else g, "diagonal")
REGION.wrap("pad", "a border of another value is passed too", lambda g, xp, ct, out, x, pad_width, value:
            g + np.sum(ct) - np.sum(g) if value else g)
REGION.wrap("var", "a correction of 1 counts twice", lambda g, xp, ct, out, x, axis, correction, keepdims: g * (1 + correction / 8))
REGION.wrap("nn.unfold", "padding in one direction only is dropped", lambda g, xp, ct, out, x, pad_width, value:
            0.5 * g if pad_width[-1] != pad_width[-2] else g, "pad")
REGION.wrap("std", "negated where out is below 1e-3", lambda g, xp, ct, out, x, axis, correction, keepdims: np.where(np.min(out, initial=9) < 1e-3, -g, g))


# ---- repeated and negative indices
def _negative_from_0(x: Any, *, key: Any, shape: Any) -> Patch:
    plain = len(key) <= len(shape) and not any(k is None or k is Ellipsis for k in key)
    if not plain:
        return Patch(key, x)
    return Patch(tuple(np.abs(k) % n if isinstance(k, np.ndarray) else k for k, n in zip(key, shape, strict=False)), x)


def _overwriting(x: Any, *, stride: Any, dilation: Any, shape: Any) -> Any:
    out = np.zeros(shape, x.dtype)
    for tap, key in taps(x.shape[-2:], x.shape[-4:-2], stride, dilation):
        place: tuple[Any, ...] = (..., *key)
        out[place] = x[(..., *tap)]
    return out


def _set(self: Any, buffer: Any) -> None:
    buffer[self.key] = self.value


def _once_each(self: Any, buffer: Any) -> None:
    """Adds, but an entry that an index array names twice is added once."""
    buffer[self.key] += self.value


INDEXED = "getitem take take_along_axis nn.embedding"
REGION.swap(INDEXED, "the last of a repeated index wins", Patch, "add_into", lambda right: _set)
REGION.swap(INDEXED, "a repeated index adds once", Patch, "add_into", lambda right: _once_each)
REGION.swap("getitem take", "a negative index counts from 0", raw, "scatter", lambda right: _negative_from_0)
REGION.swap("nn.max_pool2d nn.unfold", "windows that overlap overwrite", raw, "fold", lambda right: _overwriting)
REGION.wrap("multiply add", "the same operand twice counts once", lambda g, xp, ct, out, x, y: 0 * g if x is y else g, argument=1)
# fmt: on
MUTANTS = REGION.mutants
