"""Historical defects of rules, planted in the native engine: the report, the op, what was wrong, the rule as it was, the verdict due.

A rule is ``rule(g, xp, ct, out, *primals, **params)`` with the right gradient g first; ``whole`` gives an op that is composed here
one pullback as a whole, as the frameworks have it. Some are re-created from the report alone: what was wrong and where is theirs,
the formula may be ours. A verdict of None is a defect that the suite does not see, and why.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, NamedTuple

import numpy as np

import gradproof.engine as ge
from gradproof.engine import nn, tape
from gradproof.engine.backend import raw
from gradproof.oracles.adapters.native import NativeEngine
from gradproof.specs.mutants.mutant import Mutant, Patch, Rewrite, Swap, Wrap, axes_of, kept
from gradproof.specs.mutants.plant import right_pull
from gradproof.specs.mutants.second import recorded

JAX, TORCH, TF = "jax-ml/jax#", "pytorch/pytorch#", "tensorflow/tensorflow#"
SECOND, FORWARD = ("reverse over reverse",), ("forward",)
FORWARD_OVER_REVERSE = ("forward over reverse",)


class Row(NamedTuple):
    """One defect: GitHub's owner/repository#number, the catalogue's op, what was wrong, how it is planted, and the verdict due."""

    link: str
    op: str
    wrong: str
    patch: Patch
    verdict: str | None = "WRONG"
    modes: tuple[str, ...] = ()
    dtype: str = "float64"
    why: str = ""
    also: tuple[str, ...] = ()  # ops made of the same rule

    @property
    def mutant(self) -> Mutant:
        return Mutant("historical", tuple(self.op.split()), f"{self.link}: {self.wrong}", self.patch, self.dtype, modes=self.modes)

    def plant(self) -> AbstractContextManager[None]:
        return self.patch.plant()


def wrap(primitive: str, fault: Callable[..., Any], argument: int = 0) -> Wrap:
    return Wrap(primitive, fault, argument)


def rule(primitive: str, pull: Callable[..., Any], argument: int = 0) -> Rewrite:
    return Rewrite(primitive, pull, argument)


def second(primitive: str, pull: Callable[..., Any], argument: int = 0) -> Rewrite:
    """The rule as it was, where the sweep is recorded for a derivative of it; on raw arrays the right one."""
    return Rewrite(primitive, recorded(primitive, argument, pull), argument)


def whole(owner: Any, name: str, pull: Callable[..., Any], count: int = 1) -> Swap:
    """``pull(g, ct, out, *primals, **params)`` as the pullback of a composed op with ``count`` primals; g: the right gradients."""

    def change(right: Callable[..., Any]) -> Callable[..., Any]:
        def op(*args: Any, **params: Any) -> Any:
            def f(*xs: Any) -> Any:
                return right(*xs, *args[count:], **params)

            def fwd(*xs: Any) -> Any:
                return f(*xs), xs

            def bwd(xs: Any, ct: Any) -> Any:
                out, back = ge.vjp(f, *xs)
                found = pull(back(ct), ct, out, *xs, **params)
                return found if isinstance(found, tuple) else (found,)

            one = ge.custom_vjp(lambda *xs: f(*xs))
            one.defvjp(fwd, bwd)
            return one(*args[:count])

        return op

    return Swap(owner, name, change)


# ---- what several rules share


def spread(ct: Any, x: Any, axis: Any, keepdims: bool = False) -> Any:
    return np.broadcast_to(kept(ct, x, axis, keepdims), np.shape(x)) if np.ndim(x) else ct


def overwritten(right: Any) -> Any:
    """What is scattered to one place twice replaces what was there."""

    def scatter(x: Any, *, key: Any, shape: Any) -> Any:
        out = np.zeros(shape, np.asarray(x).dtype)
        out[key] = x
        return out

    return scatter


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


def norm_of_all(g: Any, xp: Any, ct: Any, out: Any, x: Any, axis: Any, keepdims: bool, ord: float) -> Any:
    return spread(ct, x, axis, keepdims) * x / np.sqrt(np.sum(x * x)) if ord == 2 else g


def minors_forgotten(xp: Any, ct: Any, out: Any, x: Any) -> Any:
    return ct[..., None, None] * (out[..., None, None] * np.swapaxes(np.linalg.pinv(x), -1, -2))


def both_triangles(g: Any) -> Any:
    return g + np.swapaxes(g, -1, -2) - g * np.eye(np.shape(g)[-1])


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


def eye_in_gap(xp: Any, ct: Any, out: Any, x: Any) -> Any:
    """1 / (gap + I) - I, where I is lost beside eigenvalues above 2**53; and no care for equal ones."""
    w, v, by_w, by_v = out[..., 0, :], out[..., 1:, :], ct[..., 0, :], ct[..., 1:, :]
    eye = np.eye(x.shape[-1])
    gap = w[..., None, :] - w[..., :, None]
    inside = np.swapaxes(v, -1, -2) @ by_v
    moved = (1.0 / (gap + eye) - eye) * inside + by_w[..., None, :] * eye
    return v @ moved @ np.swapaxes(v, -1, -2)


def svd_by_squares(g: Any, xp: Any, ct: Any, out: Any, x: Any) -> Any:
    """1 / (s_i**2 - s_j**2): equal singular values give NaN, whatever is asked of them."""
    s = out[..., np.shape(x)[-2], :]
    gap = s[..., None, :] ** 2 - s[..., :, None] ** 2 + np.eye(s.shape[-1])
    return g + 0.0 * np.sum(np.sum(1.0 / gap, -1), -1)[..., None, None]


def signed_threshold(limit: str) -> Callable[..., Any]:
    """Quadratic wherever the signed difference is below the threshold."""

    def pull(gs: Any, ct: Any, out: Any, x: Any, y: Any, reduction: str, **params: Any) -> Any:
        d, at = np.asarray(x) - np.asarray(y), params[limit]
        slope = np.where(d < at, d / (at if limit == "beta" else 1), np.sign(d) * (at if limit == "delta" else 1.0))
        g = np.asarray(ct) * slope / (d.size if reduction == "mean" else 1)
        return fitted(g, x), fitted(-g, y)

    return pull


def still(primitive: str) -> Callable[..., Any]:
    """The right rule, with a result that is a constant."""
    right = right_pull(primitive)
    return lambda *args, **params: ge.stop_gradient(right(*args, **params))


def ones_sent(gs: Any, ct: Any, x: Any, axis: Any, keepdims: bool) -> Any:
    """The gradients that cotangents of 1 would give."""
    sent = spread(np.asarray(ct), x, axis, keepdims)
    return np.where(sent == 0, gs[0], np.asarray(gs[0]) / np.where(sent == 0, 1.0, sent))


def no_sum_alone(right: Any) -> Any:
    """einsum, whose pullback raises where a letter stands in one operand alone."""

    def raising(kept: Any, ct: Any) -> Any:
        raise IndexError("arrays used as indices must be of integer type")

    def einsum(subscripts: str, *operands: Any) -> Any:
        terms, _, result = subscripts.partition("->")
        if not any(c.isalpha() and c not in result and sum(c in t for t in terms.split(",")) == 1 for c in terms):
            return right(subscripts, *operands)
        f = ge.custom_vjp(lambda *xs: right(subscripts, *xs))
        f.defvjp(lambda *xs: (right(subscripts, *xs), None), raising)
        return f(*operands)

    return einsum


def fitted(g: Any, x: Any) -> Any:
    """g summed to the shape of x."""
    shape = np.shape(x)
    g = np.sum(g, axis=tuple(range(np.ndim(g) - len(shape))))
    return np.sum(g, axis=tuple(i for i, n in enumerate(shape) if n == 1 and np.shape(g)[i] > 1), keepdims=True).reshape(shape)


def as_in_training(gs: Any, ct: Any, out: Any, x: Any, mean: Any, variance: Any, weight: Any, bias: Any, eps: float) -> Any:
    """The mean of the cotangent taken off, as if the statistics were the batch's."""
    g = np.asarray(gs[0])
    axes = (0, *range(2, g.ndim))
    return (g - np.mean(g, axis=axes, keepdims=True), *gs[1:]) if g.size else gs


def one_bin_size(gs: Any, ct: Any, out: Any, x: Any, size: Any) -> Any:
    """Every bin taken for ceil(n / count) entries."""
    n, count = np.shape(x)[-1], size[-1]
    starts = [(i * n // count, -(-(i + 1) * n // count)) for i in range(count)]
    g = np.zeros(np.shape(x))
    for i, (a, b) in enumerate(starts):
        g[..., a:b] += np.asarray(ct)[..., i : i + 1] / -(-n // count)
    return g


def dilation_and_stride(g: Any, xp: Any, ct: Any, out: Any, y: Any, weight: Any, shape: Any, **at: Any) -> Any:
    at["stride"], at["dilation"] = at["dilation"], at["stride"]
    return xp.conv(ct, weight, **at)


def stride_ignored(g: Any, xp: Any, ct: Any, out: Any, y: Any, weight: Any, shape: Any, **at: Any) -> Any:
    """A filter of one entry: places side by side are read in place of those a stride apart."""
    if set(weight.shape[2:]) != {1} or max(at["stride"]) == 1:
        return g
    beside = xp.conv(ct, weight, **{**at, "stride": (1,) * len(shape)})
    return beside[(..., *(slice(0, n) for n in y.shape[2:]))]


def every_place(primitive: str, condition: Callable[..., bool], change: Callable[[Any], Any]) -> Wrap:
    return wrap(primitive, lambda g, xp, ct, out, *rest, **p: change(g) if condition(*rest, **p) else g)


def stateful(owner: Any, name: str) -> Swap:
    """A scale kept from one backward pass to the next."""

    def change(right: Any) -> Any:
        calls = [0]

        def pull(gs: Any, ct: Any, out: Any, *rest: Any, **params: Any) -> Any:
            calls[0] += 1
            return tuple(g * (1 + 1e-3 * (calls[0] % 2)) for g in gs)

        made: Any = whole(owner, name, pull, 5).change(right)
        return made

    return Swap(owner, name, change)


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
    # ---- shapes, axes, parameters
    Row(TORCH + "28993", "mean", "of all entries, not divided by their number", wrap("mean", lambda g, xp, ct, out, x, axis, keepdims: g * np.size(x) if axis is None else g)),
    Row(TORCH + "1813", "mean", "an axis of a 1-d array: an error", wrap("mean", lambda g, xp, ct, out, x, axis, keepdims:
        np.squeeze(g, 3) if np.ndim(x) == 1 and axis is not None else g), "CRASHED"),
    Row(TORCH + "913", "add multiply", "axes in front are not summed away: another shape", Swap(tape, "unbroadcast", lambda right: lambda xp, ct, shape:
        ct if len(ct.shape) > len(shape) and 1 in ct.shape else right(xp, ct, shape)), "CONTRACT,CRASHED,WRONG"),
    Row(TORCH + "1213", "concat", "a negative axis: the wrong slice", wrap("concat", lambda g, xp, ct, out, *arrays, argument, axis, starts:
        ct[tuple(slice(0, n) for n in arrays[argument].shape)])),
    Row("HIPS/autograd#42", "linalg.vector_norm", "the axis is forgotten", wrap("vector_norm", norm_of_all)),
    Row("Theano/Theano#602", "nn.conv2d", "wrong for strides of 3 and more", wrap("conv", lambda g, xp, ct, out, x, weight, **at:
        g * 0.5 if max(at["stride"]) > 2 else g)),
    Row(TORCH + "63314", "nn.conv_transpose2d", "a filter of one entry: the stride is ignored", wrap("conv_transpose", stride_ignored)),
    Row("huggingface/candle#2337", "nn.conv_transpose2d", "stride and dilation exchanged", wrap("conv_transpose", dilation_and_stride), "WRONG,CRASHED,CONTRACT"),
    Row("sebgao/cTensor#3", "nn.conv2d", "the filters' gradient is a mean over images and places", wrap("conv", lambda g, xp, ct, out, x, weight, **at:
        g / max(ct.size // ct.shape[1], 1), 1)),
    Row("PaddlePaddle/Paddle#74077", "nn.adaptive_avg_pool1d", "all bins taken for equal", whole(nn, "adaptive_avg_pool1d", one_bin_size)),
    Row("pytorch/xla#913", "nn.batch_norm_inference", "the formula of training", whole(nn, "batch_norm_inference", as_in_training, 5)),
    Row(TORCH + "586", "nn.batch_norm_inference", "the gradient changes from pass to pass", stateful(nn, "batch_norm_inference"), "CONTRACT,WRONG"),
    Row("apache/mxnet#18102", "einsum", "axes of length 1 come back in another order", wrap("contract",
        lambda g, xp, ct, out, *ops, argument, **p: np.reshape(np.transpose(g), np.shape(g)) if np.ndim(g) > 1 and 1 in np.shape(ct) else g)),
    Row("HIPS/autograd#242", "einsum", "a letter of one operand that is summed: an error", Swap(ge, "einsum", no_sum_alone), "CRASHED"),
    Row("HIPS/autograd#30", "linalg.trace", "beyond two axes, of the first two", whole(ge.linalg, "trace", lambda gs, ct, out, x, offset:
        np.swapaxes(gs[0], 0, -1) if np.ndim(x) > 2 and np.shape(x)[0] == np.shape(x)[-1] else gs[0])),
    # ---- places
    Row(TORCH + "1631", "take_along_axis", "an index that comes up twice: the last cotangent only", Swap(raw, "scatter", overwritten)),
    Row(TORCH + "1528", "getitem", "the same for x[indices]", Swap(raw, "scatter", overwritten)),
    Row("PaddlePaddle/Paddle#17662", "take", "the same for gather", Swap(raw, "scatter", overwritten)),
    Row("pymc-devs/pytensor#2242", "nn.embedding", "the same for rows of a table", Swap(raw, "scatter", overwritten)),
    Row(TF + "50075", "take", "along an axis beyond 1: of another axis", whole(ge, "take", lambda gs, ct, out, x, indices=None, axis=0:
        np.swapaxes(gs[0], 0, axis).reshape(np.shape(x)) if axis % max(np.ndim(x), 1) > 1 else gs[0])),
    Row("pymc-devs/pytensor#267", "at_set", "what is overwritten keeps its gradient", whole(ge, "at_set", lambda gs, ct, out, x, v, key: (ct, gs[1]), 2)),
    Row("apache/mxnet#15175", "masked_select", "the first entries get it, not the chosen", whole(ge, "masked_select", lambda gs, ct, out, x, mask=None:
        np.sort(np.ravel(gs[0]))[::-1].reshape(np.shape(x)))),
    # ---- products
    Row(TORCH + "995", "prod", "the cotangent is ignored", whole(ge, "prod", lambda gs, ct, out, x, axis, keepdims: ones_sent(gs, ct, x, axis, keepdims))),
    Row(TF + "62556", "prod", "0 for an entry that is 0", whole(ge, "prod", lambda gs, ct, out, x, axis, keepdims: np.where(np.asarray(x) == 0, 0.0, gs[0]))),
    Row("HIPS/autograd (np.prod)", "prod", "NaN for an entry that is 0: out / x", whole(ge, "prod", lambda gs, ct, out, x, axis, keepdims:
        spread(np.asarray(ct), x, axis, keepdims) * spread(np.asarray(out), x, axis, keepdims) / np.asarray(x))),
    Row(TF + "119430", "cumulative_prod", "0 for an entry that is 0", rule("cumulative_prod", by_division(0.0))),
    Row("pymc-devs/pytensor#1911", "cumulative_prod", "NaN for an entry that is 0", rule("cumulative_prod", by_division(np.nan))),
    Row(TF + "61117", "prod", "second derivative 0 where an entry is 0", whole(ge, "prod", lambda gs, ct, out, x, axis, keepdims:
        ge.where(np.asarray(ge.stop_gradient(x)) == 0, ge.stop_gradient(gs[0]), gs[0])), modes=SECOND),
    Row(TORCH + "106789", "prod", "second derivative 0 where two entries are 0", whole(ge, "prod", lambda gs, ct, out, x, axis, keepdims:
        ge.stop_gradient(gs[0]) if np.sum(np.asarray(ge.stop_gradient(x)) == 0) > 1 else gs[0]), modes=SECOND),
    # ---- matrices
    Row("pytorch/pytorch.github.io#2135", "linalg.inv", "no transposes", rule("inv", lambda xp, ct, out, x: -out @ ct @ out)),
    Row("HIPS/autograd#576", "linalg.eigh", "vectors: divided by the gap of the other sign", wrap("eigh", lambda g, xp, ct, out, x:
        eye_in_gap(xp, ct * np.array([1.0, *(-1.0,) * x.shape[-1]])[:, None], out, x) if x.shape[-1] > 1 else g)),
    Row(JAX + "40141", "linalg.eigh", "1 / (gap + I) - I: NaN, or no digits, for large eigenvalues", rule("eigh", eye_in_gap)),
    Row(JAX + "8732", "linalg.svd", "NaN for equal singular values", wrap("svd", svd_by_squares), None,
        why="a result by itself has no derivative there, so it is not drawn; functions of several are (functions.py)"),
    Row(JAX + "2311", "linalg.svdvals", "NaN for equal singular values, though they alone are asked for", wrap("svd", svd_by_squares), None, why="the same"),
    Row(TORCH + "192540", "linalg.det", "0 for a singular matrix", rule("det", minors_forgotten)),
    Row(TORCH + "137284", "linalg.cholesky", "both triangles added, the diagonal once", rule("cholesky", lambda xp, ct, out, x:
        both_triangles(xp.cholesky_pullback(ct, out)))),
    # ---- losses
    Row("BobMcDear/attorch#13", "nn.smooth_l1", "the threshold compared with the signed difference", whole(nn, "smooth_l1", signed_threshold("beta"), 2)),
    Row("BobMcDear/attorch#13", "nn.huber", "the threshold compared with the signed difference", whole(nn, "huber", signed_threshold("delta"), 2)),
    Row("chainer/chainer#1175", "nn.huber", "the cotangent is ignored", whole(nn, "huber", lambda gs, ct, out, x, y, **p:
        tuple(g / np.where(np.asarray(ct) == 0, 1, np.asarray(ct)) if np.ndim(ct) == 0 else g for g in gs), 2)),
    Row("SciSharp/TensorFlow.NET#787", "nn.mse", "the operands in place of their difference", whole(nn, "mse", lambda gs, ct, out, x, y, reduction: (ct * x if np.ndim(ct) == 0 else gs[0], gs[1]), 2)),
    Row(TORCH + "59477", "nn.bce", "second derivative halved for a sum", whole(nn, "bce", lambda gs, ct, out, x, y, reduction: (
        (0.5 * gs[0] + 0.5 * ge.stop_gradient(gs[0]), gs[1]) if reduction == "sum" else tuple(gs)), 2), modes=SECOND),
    Row(TORCH + "65466", "nn.kl_div", "no gradient by the target", whole(nn, "kl_div", lambda gs, ct, out, x, y, **p: (gs[0], 0 * gs[1]), 2)),
    Row(TORCH + "17447", "nn.smooth_l1", "a threshold of 1 in the backward pass alone", whole(nn, "smooth_l1", lambda gs, ct, out, x, y, beta, reduction:
        tuple(fitted(s * np.asarray(ct) * np.clip(np.asarray(x) - np.asarray(y), -1, 1) / (np.size(np.asarray(x) - np.asarray(y)) if reduction == "mean" else 1), z)
              for s, z in ((1, x), (-1, y))), 2)),
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
