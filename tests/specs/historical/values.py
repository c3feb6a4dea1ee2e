"""Historical defects of rules, planted in the native engine: the report, the op, what was wrong, the rule as it was, the verdict due.

A rule is ``rule(g, xp, ct, out, *primals, **params)`` with the right gradient g first; ``whole`` gives an op that is composed here
one pullback as a whole, as the frameworks have it. Some are re-created from the report alone: what was wrong and where is theirs,
the formula may be ours. A verdict of None is a defect that the suite does not see, and why.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from historical_row import JAX, SECOND, TF, TORCH, Row, rule, second, spread, whole, wrap

import gradproof.engine as ge
from gradproof.engine import nn, tape
from gradproof.engine.backend import raw
from gradproof.oracles.adapters.native import NativeEngine
from gradproof.specs.mutants.mutant import Swap, axes_of, kept
from gradproof.specs.mutants.plant import right_pull


def reversed_sum(t: Any, axis: int) -> Any:
    return np.flip(np.cumsum(np.flip(t, axis), axis), axis)


def by_division(lost: float) -> Callable[..., Any]:
    """cumsum(ct out) / x, and ``lost`` for 0 / 0."""

    def pull(xp: Any, ct: Any, out: Any, x: Any, axis: int, include_initial: bool) -> Any:
        if include_initial:
            key = (slice(None),) * (axis % np.ndim(x)) + (slice(1, None),)
            ct, out = ct[key], out[key]
        g = reversed_sum(ct * out, axis) / x
        return np.where(np.isnan(g), lost, g)

    return pull


def merged_leaves(right: Any) -> Any:
    """Leaves of equal values are one node: each gets the gradients of all."""

    def vjp(self: Any, fn: Any, primals: Any) -> Any:
        outputs, pull = right(self, fn, primals)

        def pullback(cotangents: Any) -> Any:
            gs = pull(cotangents)
            same = [[j for j, q in enumerate(primals) if q.size and np.array_equal(p, q)] for p in primals]
            return tuple(sum(gs[j] for j in js) if len(js) > 1 else g for g, js in zip(gs, same, strict=True))

        return outputs, pullback

    return vjp


def replaces(right: Any) -> Any:
    """A further contribution to a gradient replaces what is there."""

    def collect(slots: Any, heap: Any, target: Any, c: Any, xp: Any) -> None:
        slot = slots.get(target.id)
        right(slots, heap, target, c, xp)
        if slot is not None and not hasattr(c, "key"):
            slot.ct, slot.owned = c, False

    return collect


def still(primitive: str) -> Callable[..., Any]:
    """The right rule, with a result that is a constant."""
    right = right_pull(primitive)
    return lambda *args, **params: ge.stop_gradient(right(*args, **params))


def ones_sent(gs: Any, ct: Any, x: Any, axis: Any, keepdims: bool) -> Any:
    """The gradients that cotangents of 1 would give."""
    sent = spread(np.asarray(ct), x, axis, keepdims)
    return np.where(sent == 0, gs[0], np.asarray(gs[0]) / np.where(sent == 0, 1.0, sent))


# fmt: off
ROWS = [
    # ---- slopes at special points
    Row(JAX + "11466", "remainder", "by the divisor, the quotient is cut and not floored: wrong where the signs differ",
        rule("remainder", lambda xp, ct, out, x, y: -ct * np.trunc(x / y), 1)),
    Row(JAX + "2107", "logaddexp", "0 at equal operands, through max and abs", wrap("logaddexp", lambda g, xp, ct, out, x, y: np.where(np.equal(x, y), 0.0, g))),
    Row(JAX + "2107", "nn.softplus", "slope 0 at 0", wrap("softplus", lambda g, xp, ct, out, x: np.where(x == 0, 0.0, g))),
    Row(JAX + "6936", "sinc", "NaN at 0", wrap("sinc_term", lambda g, xp, ct, out, x, k: g + 0.0 / x)),
    Row(JAX + "5054", "sinc", "second derivative 0 at 0", second("sinc_term", lambda xp, ct, out, x, k:
        xp.where(x == 0, 0.0, ct * (x * xp.sinc_term(x, k=k + 1)))), modes=SECOND),
    Row(JAX + "18706", "i0", "NaN at 0, through abs(x)", wrap("bessel_i", lambda g, xp, ct, out, x, order: np.where(x == 0, np.nan, g))),
    Row(JAX + "15598", "xlogy", "0 by x at x = 0, where it is log(y)", wrap("xlogy", lambda g, xp, ct, out, x, y: np.where(np.equal(x, 0), 0.0, g))),
    Row(JAX + "15598", "xlogy", "NaN by y at x = 0 and y = 0", rule("xlogy", lambda xp, ct, out, x, y: ct * x / y, 1), None, why="y = 0 is not drawn"),
    Row(JAX + "12033", "pow", "mixed second derivative at exponent 0 by x**1 in place of x**-1", second("pow", lambda xp, ct, out, x, y:
        ct * (y * xp.pow(x, xp.where(y == 0, 1.0, y - 1.0)))), modes=SECOND),
    Row("HIPS/autograd#116", "pow", "x**(y - 1) at x = y = 0 times 0: NaN", rule("pow", lambda xp, ct, out, x, y: ct * (y * np.power(x, y - 1)))),
    Row("coin-or/CppAD#92", "pow", "NaN at base 0: exp(y log(x))", rule("pow", lambda xp, ct, out, x, y: ct * out * y / x)),
    Row("tinygrad/tinygrad#155", "pow", "NaN by the exponent at base 0", rule("pow", lambda xp, ct, out, x, y: ct * out * np.log(x), 1)),
    Row("tensorflow/tfjs#346", "pow", "NaN by the exponent at base 0", wrap("pow", lambda g, xp, ct, out, x, y: np.where(np.less_equal(x, 0), np.nan, g), 1)),
    Row(TORCH + "95180", "pow", "NaN second derivative by the exponent at base 0", second("pow", lambda xp, ct, out, x, y:
        ct * (out * xp.log(x)), 1), None, SECOND, why="the reference of the second order has no bound at base 0"),
    Row(TF + "35011", "pow", "NaN second derivative at base 0", second("pow", lambda xp, ct, out, x, y: ct * (y * (out / x))), "WRONG,NAN_UNTAKEN", SECOND),
    Row("tenstorrent/tt-metal#52144", "exp2", "the derivative of x**2", rule("exp2", lambda xp, ct, out, x: ct * 2 * x)),
    Row(TORCH + "2421", "linalg.vector_norm", "NaN at the origin", wrap("vector_norm", lambda g, xp, ct, out, x, axis, keepdims, ord:
        g + 0.0 / kept(out, x, axis, keepdims) if np.ndim(x) else g)),
    Row(JAX + "3058", "linalg.vector_norm", "NaN at the origin, in float32", wrap("vector_norm", lambda g, xp, ct, out, x, axis, keepdims, ord:
        spread(ct, x, axis, keepdims) * x / kept(out, x, axis, keepdims) if ord == 2 else g), dtype="float32"),
    Row(TORCH + "4320", "std", "NaN for equal entries", rule("std", lambda xp, ct, out, x, axis, correction, keepdims:
        kept(ct, x, axis, keepdims) * raw.centred(x, axis=axis) / (kept(out, x, axis, keepdims) * max(np.prod([x.shape[a] for a in axes_of(axis, x.ndim)]) - correction, 0)))),
    Row("Theano/Theano#1996", "sqrt", "0 / 0 at 0 under a cotangent of 0", rule("sqrt", lambda xp, ct, out, x: 0.5 * ct / out), "NAN_UNTAKEN"),
    Row(TORCH + "56734", "maximum", "all of a tie to the second operand, where halves are declared", rule("maximum", lambda xp, ct, out, x, y: np.where(np.less_equal(x, y), 0.0, ct))),
    Row(TORCH + "43519", "max", "the first of several gets all, where even shares are declared", wrap("max", lambda g, xp, ct, out, x, axis, keepdims:
        np.where(np.cumsum(np.ravel(g != 0)).reshape(g.shape) == 1, np.sum(g), 0.0) if axis is None and np.ndim(x) and np.size(x) else g)),
    Row("tinygrad/tinygrad#229", "max", "every one of several gets all", wrap("max", lambda g, xp, ct, out, x, axis, keepdims:
        np.where(x == kept(out, x, axis, keepdims), spread(ct, x, axis, keepdims), 0.0))),
    # ---- overflow, tails and digits
    Row("tinygrad/tinygrad#17852", "nn.elu", "NaN for large x: exp(x) of all entries, thrown away by where", rule("elu", lambda xp, ct, out, x, alpha:
        np.where(x > 0, ct, 0.0) + np.where(x > 0, 0.0, ct) * (alpha * np.exp(x))), "WRONG,NAN_UNTAKEN"),
    Row("tinygrad/tinygrad#17852", "nn.selu", "the same for selu", rule("elu", lambda xp, ct, out, x, alpha:
        np.where(x > 0, ct, 0.0) + np.where(x > 0, 0.0, ct) * (alpha * np.exp(x))), "WRONG,NAN_UNTAKEN", dtype="float32"),
    Row("tinygrad/tinygrad#17749", "asinh", "(1 + x / h) / (x + h) cancels at negative x", rule("asinh", lambda xp, ct, out, x:
        ct * (1 + x / np.sqrt(x * x + 1)) / (x + np.sqrt(x * x + 1)))),
    Row(JAX + "40634", "asinh", "0 where the square overflows", rule("asinh", lambda xp, ct, out, x: ct / np.sqrt(x * x + 1)), dtype="float32"),
    Row(JAX + "40634", "acosh", "0 where the square overflows", rule("acosh", lambda xp, ct, out, x: ct / np.sqrt(x * x - 1)), "WRONG,NAN_UNTAKEN", dtype="float32"),
    Row("jeshraghian/snntorch#433", "nn.sigmoid", "inf / inf far left", rule("sigmoid", lambda xp, ct, out, x: ct * np.exp(-x) / (np.exp(-x) + 1) ** 2), "WRONG,LOSSY"),
    Row(TF + "126060", "nn.sigmoid", "s (1 - s) has no digits right of 37", rule("sigmoid", lambda xp, ct, out, x: ct * out * (1 - out)), "LOSSY"),
    Row("tenstorrent/tt-metal#55724", "nn.sigmoid", "the same in float32", rule("sigmoid", lambda xp, ct, out, x: ct * out * (1 - out)), "LOSSY", dtype="float32"),
    Row(JAX + "764", "tanh", "1 - y**2 in the tails", rule("tanh", lambda xp, ct, out, x: ct * (1 - out * out)), "LOSSY"),
    Row(JAX + "764", "tanh", "1 / cosh(x)**2 overflows in float32", rule("tanh", lambda xp, ct, out, x: ct / np.cosh(x) ** 2), None, dtype="float32",
        why="0 stands for a number below the smallest normal one, which the bound allows"),
    Row(JAX + "40344", "nn.softmax", "p (1 - p) of the largest cancels", rule("softmax", lambda xp, ct, out, x, axis:
        out * (ct - np.sum(ct * out, axis=axis, keepdims=True))), None, why="backward stable by the bound; FINDINGS counts it as digits"),
    Row("tinygrad/tinygrad#17885", "sin", "cos(x) as sin(pi/2 - x): digits lost at large x", rule("sin", lambda xp, ct, out, x: ct * np.sin(np.pi / 2 - x)), None,
        why="no more than an input that moves by one rounding, which any sound engine may show"),
    Row(TORCH + "66441", "nn.log_sigmoid", "log(1 + e) for log1p(e): the slope 1 - s", whole(nn, "log_sigmoid", lambda gs, ct, out, x: ct * (1 - nn.sigmoid(x))), "LOSSY"),
    Row(TORCH + "195530", "nn.log_sigmoid", "second derivative 0 in the right tail", whole(nn, "log_sigmoid", lambda gs, ct, out, x:
        ct * (1.0 - nn.sigmoid(x))), "LOSSY,WRONG", SECOND),
    Row("tinygrad/tinygrad#12296", "max", "ties counted in float16: 65,536 of them are infinitely many", wrap("max", lambda g, xp, ct, out, x, axis, keepdims:
        g * 0 if np.size(x) > 65504 else g), None, dtype="float16", why="no case has so many entries; the judge of large arrays takes them, in float64"),
    # ---- products
    Row(TORCH + "995", "prod", "the cotangent is ignored", whole(ge, "prod", lambda gs, ct, out, x, axis, keepdims: ones_sent(gs, ct, x, axis, keepdims))),
    Row(TF + "62556", "prod", "0 for an entry that is 0", whole(ge, "prod", lambda gs, ct, out, x, axis, keepdims: np.where(np.asarray(x) == 0, 0.0, gs[0]))),
    Row("HIPS/autograd (FINDINGS.md, 83)", "prod", "NaN for an entry that is 0: out / x", whole(ge, "prod", lambda gs, ct, out, x, axis, keepdims:
        spread(np.asarray(ct), x, axis, keepdims) * spread(np.asarray(out), x, axis, keepdims) / np.asarray(x))),
    Row(TF + "119430", "cumulative_prod", "0 for an entry that is 0", rule("cumulative_prod", by_division(0.0))),
    Row("pymc-devs/pytensor#1911", "cumulative_prod", "NaN for an entry that is 0", rule("cumulative_prod", by_division(np.nan))),
    Row(TF + "61117", "prod", "second derivative 0 where an entry is 0", whole(ge, "prod", lambda gs, ct, out, x, axis, keepdims:
        ge.where(np.asarray(ge.stop_gradient(x)) == 0, ge.stop_gradient(gs[0]), gs[0])), modes=SECOND),
    Row(TORCH + "106789", "prod", "second derivative 0 where two entries are 0", whole(ge, "prod", lambda gs, ct, out, x, axis, keepdims:
        ge.stop_gradient(gs[0]) if np.sum(np.asarray(ge.stop_gradient(x)) == 0) > 1 else gs[0]), modes=SECOND),
    # ---- missing entries
    Row(JAX + "8140", "nanvar", "NaN to the entries that are missing", rule("fill_missing", lambda xp, ct, out, x, value: np.where(np.isnan(x), np.nan, ct)), "WRONG,NAN_UNTAKEN"),
    # ---- complex numbers
    Row(JAX + "979", "complex.imag", "the other convention for imag alone", rule("imag", lambda xp, ct, out, x: 1j * ct), dtype="complex128"),
    Row("HIPS/autograd#185", "complex.fft.fft", "the conjugate transform", rule("fftn", lambda xp, ct, out, x, axes, norm: np.conj(np.fft.fftn(np.conj(ct), axes=axes, norm=norm))), dtype="complex128"),
    Row("ml-explore/mlx#2178", "complex.multiply", "a conjugate too many", rule("multiply", lambda xp, ct, out, x, y: ct * np.conj(y)), dtype="complex128"),
    Row(TF + "12514", "complex.prod", "a conjugate too many", wrap("multiply", lambda g, *rest: np.conj(g), 1), dtype="complex128"),
    Row(TORCH + "46144", "complex.abs", "the slope of the real part alone", wrap("modulus", lambda g, *rest: np.real(g) + 0j), dtype="complex128"),
    Row(TORCH + "77975", "complex.abs", "second derivative by a slope of sgn that holds for real numbers only: 0", second("modulus", lambda xp, ct, out, x:
        ct * ge.stop_gradient(xp.conj(x) / xp.where(out == 0, 1.0, out))), modes=SECOND, dtype="complex128"),
    Row(TF + "2628", "complex.add", "a broadcast part is not summed", wrap("complex", lambda g, *rest: g * 1.0), None, dtype="complex128",
        why="the parts of a pair have one shape here: complex(re, im) is how pairs are handed over, and is no op of the catalogue"),
    # ---- the second order
    Row(TF + "3767", "nn.sigmoid", "a Hessian that takes the slope for a constant", second("sigmoid", lambda xp, ct, out, x: ct * ge.stop_gradient(0.25 * xp.sech2(0.5 * x))), modes=SECOND),
    Row(TORCH + "1712", "max", "second derivative through the places of the largest lost", second("max", still("max")), modes=SECOND),
    Row("PaddlePaddle/Paddle#52870", "multiply", "second derivative without the term of the other operand", second("multiply", lambda xp, ct, out, x, y: ct * ge.stop_gradient(y)), modes=SECOND),
    Row("chainer/chainer#4393", "matmul", "second derivative of a stack's product not transposed", second("matmul", lambda xp, ct, out, x, y:
        xp.matmul(ct, ge.stop_gradient(xp.matrix_transpose(y)))), modes=SECOND),
    Row("pymc-devs/pytensor#1772", "linear_recurrence", "derivatives of a loop beyond the second", second("linear_recurrence", lambda xp, ct, out, x, decay, axis, reverse: ge.stop_gradient(ct) * 1.0), modes=SECOND),
    # ---- what adds up
    Row("karpathy/micrograd#2", "graph", "a value used twice: its gradient replaced, not added to", Swap(tape, "_collect", replaces)),
    Row("apache/mxnet#9497", "graph multiply", "a further contribution replaces what is there", Swap(tape, "_collect", replaces)),
    Row("tinygrad/tinygrad#9597", "add multiply graph", "leaves of equal values are one", Swap(NativeEngine, "vjp", merged_leaves)),
]
# fmt: on
