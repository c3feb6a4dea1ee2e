"""Historical defects as a user meets them: a function of PyTorch, JAX or NumPy with the rule as it was, and inputs one would try.

``ROWS``: owner/repository#number, what was wrong, the function, its arguments, options of ``check_gradient``, and the verdicts that are
due (None: not seen, with the reason as the option ``why``).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

TORCH, JAX, TF = "pytorch/pytorch#", "jax-ml/jax#", "tensorflow/tensorflow#"
RNG = np.random.default_rng(0)
X, Y = RNG.standard_normal((3, 4)), RNG.standard_normal((3, 4))
SQUARE = RNG.standard_normal((4, 4))
ROWS: list[tuple[str, str, Any, tuple[Any, ...], dict[str, Any], str | None]] = []


def t(x: Any, dtype: Any = torch.float64) -> Any:
    return torch.tensor(np.asarray(x), dtype=dtype)


def row(link: str, wrong: str, f: Any, *args: Any, verdict: str | None = "WRONG", **options: Any) -> None:
    ROWS.append((link, wrong, f, args, options, verdict))


def custom(forward: Any, backward: Any, jvp: Any = None, jvp_saves: bool = True, materialize: bool = True) -> Any:
    """A ``torch.autograd.Function``: ``backward(ct, out, *inputs)`` gives one gradient an input; ``jvp(out, inputs, *tangents)``."""

    class Custom(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, *xs: Any) -> Any:
            out = forward(*xs)
            ctx.set_materialize_grads(materialize)
            ctx.save_for_backward(*xs)
            ctx.save_for_forward(*xs)
            ctx.out = out.detach() if isinstance(out, torch.Tensor) else None
            return out

        @staticmethod
        def backward(ctx: Any, *cts: Any) -> Any:
            return backward(*cts, ctx.out, *ctx.saved_tensors)

    if jvp is not None:
        Custom.jvp = staticmethod(lambda ctx, *tangents: jvp(ctx.out, ctx.saved_tensors, *tangents))  # type: ignore[method-assign]
    return Custom.apply


# ---- rules of the first order
def isrlu(x: Any) -> Any:
    negative = torch.minimum(x, torch.zeros_like(x))
    return x * torch.rsqrt(1.0 + negative**2)


row(TORCH + "4355", "the cotangent is forgotten", custom(isrlu, lambda ct, out, x: torch.rsqrt(1 + torch.clamp(x, max=0) ** 2) ** 3), t(X))
row("SciSharp/TensorFlow.NET#787", "the operands in place of twice their difference", custom(lambda x, y: (x - y) ** 2, lambda ct, out, x, y: (x, y)), t(X), t(Y))


def huber(x: Any, y: Any) -> Any:
    d = x - y
    return torch.where(d.abs() < 1, 0.5 * d * d, d.abs() - 0.5).sum(1)


row("chainer/chainer#1175", "the cotangent is forgotten", custom(huber, lambda ct, out, x, y: ((x - y).clamp(-1, 1), (y - x).clamp(-1, 1))), t(X), t(Y))
row("BobMcDear/attorch#13", "the threshold compared with the signed difference", custom(
    lambda x, y: torch.nn.functional.smooth_l1_loss(x, y), lambda ct, out, x, y: (
        ct * torch.where(x - y < 1, x - y, 1.0) / x.numel(), -ct * torch.where(x - y < 1, x - y, 1.0) / x.numel())), t(3 * X), t(Y))  # fmt: skip
row(TORCH + "17447", "the parameter beta forgotten in the backward pass", custom(
    lambda x, y: torch.nn.functional.smooth_l1_loss(x, y, beta=0.25, reduction="none"), lambda ct, out, x, y: (
        ct * (x - y).clamp(-1, 1), ct * (y - x).clamp(-1, 1))), t(X), t(Y))  # fmt: skip
row(TORCH + "995", "-prod(x) gives the gradient of prod(x): the cotangent is forgotten", custom(torch.prod, lambda ct, out, x: out / x), t([2.0, 3.0, 0.5]))
row("HIPS/autograd (FINDINGS.md, 83)", "out / x at an entry of 0", custom(torch.prod, lambda ct, out, x: ct * out / x), t([2.0, 0.0, 0.5]))
row(TORCH + "1631", "an index that comes up twice: the last cotangent only", custom(
    lambda x: x[torch.tensor([0, 0, 1])], lambda ct, out, x: torch.zeros_like(x).index_copy(0, torch.tensor([1, 0]), ct[[2, 1]])), t([0.1, 0.7, 2.0]))
row("tenstorrent/tt-metal#52144", "2**x by the rule of x**2", custom(lambda x: 2.0**x, lambda ct, out, x: ct * 2 * x), t(X))
row(TORCH + "65466", "no gradient by the target", custom(
    lambda x, y: y * (torch.log(y) - x), lambda ct, out, x, y: (-ct * y, None)), t(X), t(np.abs(Y) + 0.1))
row(TORCH + "5871", "None for what was added in place", custom(lambda a, b: torch.cat([a[:1], a[1:] + b]), lambda ct, out, a, b: (ct, None)), t(X[0]), t(X[1, :1]))
row("minitorch/Module-1#2", "one gradient for two operands", custom(lambda a, b: (a < b) * a, lambda ct, out, a, b: ct * (a < b)), t(X), t(Y), verdict="CRASHED")
row("ml-explore/mlx#610", "looking at a value cuts it off", lambda x: (x + 1).detach() ** 2 + 0 * x, t(X))
row(TORCH + "26546", "in place after a view inside of a checkpoint: one input gets nothing", lambda x, y: torch.relu(x.detach()) * y, t(X), t(Y))
row(TORCH + "59584", "factors of long and short rows exchanged", custom(
    lambda x: torch.renorm(x, 2, 0, 1.5), lambda ct, out, x: ct * torch.where(x.norm(dim=1, keepdim=True) < 1.5, 1.5 / x.norm(dim=1, keepdim=True), 1.0)), t(X))
row(TORCH + "63314", "the stride of a transposed convolution ignored", custom(
    lambda x: torch.nn.functional.conv_transpose1d(x, torch.tensor([[[-0.7767]]], dtype=x.dtype), stride=2),
    lambda ct, out, x: -0.7767 * ct[..., : x.shape[-1]]), t(X[None, :1, :2]))  # fmt: skip
row("tracel-ai/burn#5604", "the last window of ceil_mode divided by the whole window", custom(
    lambda x: torch.nn.functional.avg_pool1d(x, 2, 2, ceil_mode=True), lambda ct, out, x: (ct / 2).repeat_interleave(2, -1)[..., : x.shape[-1]]), t(RNG.standard_normal((1, 1, 5))))
row("pytorch/pytorch.github.io#2135", "inverse without transposes", custom(torch.linalg.inv, lambda ct, out, x: -out @ ct @ out), t(SQUARE))
row(JAX + "15598", "x log(y): 0 by x at x = 0", custom(torch.xlogy, lambda ct, out, x, y: (torch.where(x == 0, 0.0, ct * torch.log(y)), ct * x / y)), t([0.0, 1.0, 2.0]), t([0.5, 0.25, 3.0]))
row(JAX + "2107", "softplus has slope 0 at 0", custom(torch.nn.functional.softplus, lambda ct, out, x: torch.where(x == 0, 0.0, ct * torch.sigmoid(x))), t([-1.0, 0.0, 1.0]))
row("PaddlePaddle/Paddle#18678", "the threshold compared with the result, not with x", custom(
    lambda x: torch.log1p(torch.exp(x.clamp(-2.0, 2.0))), lambda ct, out, x: torch.where((out > -2) & (out < 2), ct * torch.sigmoid(x), 0.0)), t([-3.0, -1.0, 0.5, 2.1, 4.0]))

# ---- NaN
row("HIPS/autograd#183", "exp(-|x|**2) at 0: x / |x|", lambda x: torch.exp(-(custom(torch.norm, lambda ct, out, x: ct * x / out)(x) ** 2)), t(np.zeros((2, 1))))
row(TORCH + "2421", "the norm at 0: NaN", custom(torch.norm, lambda ct, out, x: ct * x / out), t(np.zeros(3)))
row(TORCH + "37154", "distances of equal points: NaN", custom(
    lambda x, y: (x[:, None] - y[None]).norm(dim=-1), lambda ct, out, x, y: (
        (ct[..., None] * (x[:, None] - y[None]) / out[..., None]).sum(1), -(ct[..., None] * (x[:, None] - y[None]) / out[..., None]).sum(0))),
    t(X[:2]), t(np.stack([X[0], Y[0]])))  # fmt: skip
row(TORCH + "36493", "0 times infinity at one equal coordinate, p < 1", custom(
    lambda x: (x.abs() ** 0.5).sum() ** 2, lambda ct, out, x: ct * torch.sign(x) * x.abs() ** -0.5 * out**0.5), t([0.0, 1.0, 2.0]), verdict="INCONCLUSIVE,NAN_UNTAKEN", why="the slope is infinite there")
row("jeshraghian/snntorch#433", "inf / inf beyond 3.5 below the threshold, in float32", custom(
    lambda x: torch.sigmoid(25 * x), lambda ct, out, x: ct * 25 * torch.exp(-25 * x) / (torch.exp(-25 * x) + 1) ** 2), t([-5.0, 0.1, 1.0], torch.float32))
row("tinygrad/tinygrad#17852", "elu through where: NaN at large x", lambda x: torch.where(x > 0, x, torch.exp(x) - 1), t([-1.0, 2.0, 800.0]), verdict="WRONG,NAN_UNTAKEN")
row(TORCH + "10729", "clamp(exp(x), max=1) where exp(x) is inf", lambda x: torch.exp(x).clamp(max=1), t([-1.0, 2.0, 800.0]), verdict="WRONG,NAN_UNTAKEN")
row(TORCH + "68425", "where(x <= 0, exp(x), 1 + x) at a large x", lambda x: torch.where(x <= 0, torch.exp(x), 1 + x), t(800.0), verdict="WRONG,NAN_UNTAKEN")
row(TORCH + "17455", "log(exp(x) + 1) overwritten by 0", lambda x: torch.where(x > 1, torch.zeros_like(x), torch.log(torch.exp(x) + 1)), t([0.0, 1000.0]), verdict="WRONG,NAN_UNTAKEN")
row("Theano/Theano#1996", "sqrt(term)[0] where another term is 0", lambda a: torch.sqrt(t([4.0, 0.0]) + a * t([9.0, 0.0]))[0], t(1.0), verdict="NAN_UNTAKEN,WRONG")
row(TORCH + "31829", "logsumexp of -inf alone: NaN", custom(lambda x: torch.logsumexp(x, -1), lambda ct, out, x: ct[..., None] * torch.exp(x - out[..., None])), t(np.full((1, 2), -np.inf)),
    verdict="INCONCLUSIVE", why="f is not finite there, so no value shows a slope")
row(JAX + "8732", "the norm of a matrix through its svd, singular values equal: NaN", lambda x: torch.linalg.norm(_put_together(torch.linalg.svd(x, full_matrices=False))), t(np.diag([1.0, 1.0, 2.0, 3.0])))

# ---- conduct
row(TORCH + "81417", "backward adds to its cotangent in place", custom(lambda x: x.clone(), lambda ct, out, x: _bumped(ct)), t(X), verdict="CONTRACT")
row("linkedin/Liger-Kernel#254", "backward writes the gradient over its input", custom(lambda x: x * torch.sigmoid(x), lambda ct, out, x: _over(ct, x)), t(X), verdict="CONTRACT")
row(TORCH + "80839", "f writes its argument", lambda x: _filled(x), t([1.0, 1.0]), verdict="CONTRACT,WRONG")
row("karpathy/micrograd#102", "a second backward pass adds to the first", custom(torch.sin, lambda ct, out, x: _grown(ct * torch.cos(x))), t(X), verdict="CONTRACT,WRONG")
row(TORCH + "26076", "memory that was never written", custom(lambda x: torch.cat([x, x]), lambda ct, out, x: _uninitialised(ct[:3] + ct[3:])), t(X), verdict="CONTRACT,WRONG")
row(TORCH + "33138", "a result that nobody used has no cotangent: an error", custom(
    lambda x: (torch.sin(x), torch.cos(x)), lambda c1, c2, out, x: c1 * torch.cos(x) - c2 * torch.sin(x), materialize=False), t(X), verdict="CONTRACT")


def _put_together(parts: Any) -> Any:
    u, s, v = parts
    return (u * s) @ v


def _bumped(ct: Any) -> Any:
    ct += 1
    return ct - 1


def _over(ct: Any, x: Any) -> Any:
    s = torch.sigmoid(x)
    x.data.copy_(ct * (s + x * s * (1 - s)))
    return x.clone()


def _filled(x: Any) -> Any:
    with torch.no_grad():
        x.fill_(0.0)
    return x * 1.0


_BUFFER: dict[str, Any] = {}


def _grown(g: Any) -> Any:
    _BUFFER["g"] = _BUFFER.get("g", 0.0) + g
    return _BUFFER["g"]


def _uninitialised(g: Any) -> Any:
    out = torch.rand_like(g)
    out[:2] = g[:2]
    return out


# ---- layouts
def by_memory(x: Any) -> Any:
    """x read in the order of memory, as if it were contiguous."""
    try:
        return torch.as_strided(x, x.shape, torch.empty(x.shape).stride())
    except RuntimeError:  # beyond the end of what an expanded tensor holds
        return torch.full_like(x, 1e30)


row("torch/nn#345", "a cotangent taken for contiguous: transposed", custom(lambda x: x * 2, lambda ct, out, x: by_memory(ct) * 2), t(X), verdict="CONTRACT,WRONG")
row("ROCm/TransformerEngine#623", "a cotangent expanded from one number read as if it were whole", custom(torch.sin, lambda ct, out, x: (by_memory(ct) if 0 in ct.stride() else ct) * torch.cos(x)), t(X), verdict="CONTRACT,WRONG")
row(TORCH + "112006", "a cotangent in another order of axes", custom(torch.nn.functional.gelu, lambda ct, out, x: by_memory(ct) * torch.autograd.functional.vjp(torch.nn.functional.gelu, x, torch.ones_like(x))[1]), t(RNG.standard_normal((2, 2, 3))), verdict="CONTRACT,WRONG")
row(TORCH + "30303", "an input that is not contiguous", custom(torch.exp, lambda ct, out, x: ct * torch.exp(by_memory(x))), t(X), verdict="CONTRACT,WRONG")
row("Dao-AILab/flash-attention#355", "a cotangent of which the last axis is not the fastest", custom(lambda x, w: x @ w, lambda ct, out, x, w: (by_memory(ct) @ w.T, x.T @ by_memory(ct))), t(X), t(SQUARE), verdict="CONTRACT,WRONG")


# ---- dtypes
row(TORCH + "94086", "operands of two dtypes: an error", custom(lambda x, y: (x - y) ** 2, lambda ct, out, x, y: (_same(2 * ct * (x - y), x), _same(-2 * ct * (x - y), y))), t(X, torch.float32), t(Y), verdict="CRASHED")
row("tinygrad/tinygrad#17885", "the slope of sin as sin(pi/2 - x), in float32 at large x", custom(torch.sin, lambda ct, out, x: ct * torch.sin(torch.tensor(np.pi / 2, dtype=x.dtype) - x)), t([1.0, 1e6, 3e6], torch.float32), verdict=None,
    why="an input that moves by one rounding does as much")


def _same(g: Any, x: Any) -> Any:
    if g.dtype != x.dtype:
        raise RuntimeError("Found dtype Double but expected Float")
    return g


# ---- the second order
def intermediate() -> Any:
    class Kept(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            e = torch.exp(x)
            ctx.save_for_backward(e)
            return e * e

        @staticmethod
        def backward(ctx: Any, ct: Any) -> Any:
            return 2 * ct * ctx.saved_tensors[0] ** 2

    return Kept.apply


row(TORCH + "104040", "an intermediate kept for backward is a constant to the second derivative", intermediate(), t(X), order=2)
row(TORCH + "18619", "the result kept for backward is a constant to the second derivative", custom(lambda x: x.prod(-1), lambda ct, out, x: (ct * out)[..., None] / x), t(np.abs(X) + 0.5), order=2)
row(TF + "3767", "the Hessian of sigmoid takes the slope for a constant", custom(torch.sigmoid, lambda ct, out, x: ct * (out * (1 - out))), t(X), order=2)
row("PaddlePaddle/Paddle#52870", "double gradient without one of its terms", custom(lambda x, y: x * y, lambda ct, out, x, y: (ct * y.detach(), ct * x)), t(X), t(Y), order=2)
row(TORCH + "106789", "two zeros: the second derivative of prod is lost", custom(torch.prod, lambda ct, out, x: _products(ct, x)), t([2.0, 3.0, 0.0, 0.0]), order=2, verdict="INCONCLUSIVE,WRONG", why="at the second order f is a gradient of a program, whose kinks may cancel")
row(TORCH + "59477", "second derivative of a sum divided by n", custom(lambda x: (x**3).sum(), lambda ct, out, x: _thirds(ct, x)), t(X), order=2)
row("chainer/chainer#4114", "backward outside of the graph: no second derivative", custom(lambda x: x**3, lambda ct, out, x: torch.as_tensor(3 * x.detach().numpy() ** 2) * ct.detach()), t(X), order=2)
row("lab-cosmo/sphericart#61", "the second derivative by the cotangent is lost", custom(lambda x: x**3, lambda ct, out, x: 3 * x**2 * ct.detach()), t(X), order=2)
row(TORCH + "1712", "second derivative through the largest entry lost", custom(lambda x: x.max() ** 3, lambda ct, out, x: ct * 3 * (x.max() ** 2).detach() * torch.nn.functional.one_hot(x.flatten().argmax(), x.numel()).reshape(x.shape)), t(X), order=2)


def _products(ct: Any, x: Any) -> Any:
    others = torch.stack([torch.cat([x[:i], x[i + 1 :]]).prod() for i in range(len(x))])
    return ct * (others.detach() if (x == 0).sum() > 1 else others)


def _thirds(ct: Any, x: Any) -> Any:
    return ct * (3 * x.detach() ** 2 + (3 * x**2 - 3 * x.detach() ** 2) / x.numel())


# ---- forward mode
row("pytorch/functorch#207", "a jvp that forgets the tangent", custom(lambda x: x.clamp(min=0), lambda ct, out, x: ct * (x > 0), lambda out, xs, tx: (xs[0] > 0).to(xs[0].dtype)), t(X), verdict="CONTRACT,WRONG")
row(TORCH + "198017", "a jvp with the factors in the wrong order", custom(
    torch.linalg.inv, lambda ct, out, x: -out.T @ ct @ out.T, lambda out, xs, tx: -out @ out @ tx), t(SQUARE))
row(TF + "60736", "a jvp that gives nothing", custom(lambda x: torch.sin(x), lambda ct, out, x: ct * torch.cos(x), lambda out, xs, tx: torch.zeros_like(out)), t(X))
row(TORCH + "77975", "a jvp of x / |x| as if it were elementwise", custom(
    lambda x: x / x.norm(), lambda ct, out, x: (ct - out * (ct * out).sum()) / x.norm(), lambda out, xs, tx: tx / xs[0].norm() * (1 - out**2)), t(X[0]))

# ---- functions over NumPy arrays with their pullback
row("jax-ml/jax#8634", "segments out of range: clipped in the pullback, dropped in the sum", lambda x: _segments(x, np.array([0, 1, 5, 1])), X[:, 0][[0, 1, 2, 0]],
    vjp=lambda x, ct: ct[np.minimum([0, 1, 5, 1], 1)])
row("jax-ml/jax#7538", "a negative segment: the last one in the pullback, dropped in the sum", lambda x: _segments(x, np.array([0, -1, 1])), X[:3, 0], vjp=lambda x, ct: ct[[0, -1, 1]])
row("jax-ml/jax#9296", "products of segments: out / x, where a factor is 0", lambda x: np.array([x[0] * x[1], x[2]]), np.array([0.0, 2.0, 3.0]),
    vjp=lambda x, ct: ct[[0, 0, 1]] * np.array([x[0] * x[1], x[0] * x[1], x[2]]) / x)
row("HIPS/autograd#412", "the covariance of a normal density: the sign", lambda x, c: -0.5 * (x @ np.linalg.solve(c, x) + np.log(np.linalg.det(c))), X[0, :2],
    np.array([[2.0, 0.3], [0.3, 1.0]]), vjp=lambda x, c, ct: (-ct * np.linalg.solve(c, x), -ct * 0.5 * (np.outer(np.linalg.solve(c, x), np.linalg.solve(c, x)) - np.linalg.inv(c))))
row(TORCH + "913", "a broadcast operand: a gradient of the other shape", lambda x, y: x + y, X[:, :1, None], X[:, :2], vjp=lambda x, y, ct: (ct, ct), verdict="CONTRACT,CRASHED")
row("tensorflow/tfjs#8721", "a matrix for a whole stack: not summed over the stack", lambda a, b: a @ b, RNG.standard_normal((2, 2, 3)), RNG.standard_normal((3, 2)),
    vjp=lambda a, b, ct: (ct @ b.T, np.swapaxes(a, -1, -2) @ ct), verdict="WRONG,CONTRACT,CRASHED")
row("tensorflow/tfjs#7942", "gather with a batch: indices of the first alone", lambda x: np.take_along_axis(x, np.array([[0, 1], [2, 0]]), 1), X[:2, :3],
    vjp=lambda x, ct: np.array([[ct[0, 0] + ct[1, 0], ct[0, 1] + ct[1, 1], 0.0], [0.0, 0.0, 0.0]]))
row("apache/mxnet#18102", "einsum: exchanged axes where two have the same length", lambda a, b: np.einsum("bij,bjc->bic", a, b), RNG.standard_normal((2, 3, 3)), RNG.standard_normal((2, 3, 3)),
    vjp=lambda a, b, ct: (np.einsum("bic,bjc->bij", ct, b), np.einsum("bij,bic->bcj", a, ct)))
row(TF + "62556", "0 for an entry that is 0", lambda x: np.prod(x), np.array([0.0, 0.1, 0.2]), vjp=lambda x, ct: np.where(x == 0, 0.0, ct * np.array([0.02, x[0] * x[2], x[0] * x[1]])))
row(TF + "119430", "cumprod: 0 / 0 taken for 0", lambda x: np.cumprod(x), np.array([2.0, 0.0, 0.0, 3.0]),
    vjp=lambda x, ct: np.nan_to_num(np.cumsum((np.cumprod(x) * ct)[::-1])[::-1] / x))
row("pymc-devs/pytensor#1911", "cumprod: 0 / 0", lambda x: np.cumprod(x), np.array([2.0, 0.0, 3.0]), vjp=lambda x, ct: np.cumsum((np.cumprod(x) * ct)[::-1])[::-1] / x)
row("HIPS/autograd#42", "the norm's axis forgotten", lambda x: np.linalg.norm(x, axis=1), X, vjp=lambda x, ct: ct[:, None] * x / np.linalg.norm(x))
row("coin-or/CppAD#92", "x**1.875 at 0: NaN", lambda x: x**1.875, np.array([0.0, 1.0]), vjp=lambda x, ct: ct * 1.875 * x**1.875 / x, verdict="INCONCLUSIVE", why="the end of the domain: one side only has values")
row("sebgao/cTensor#3", "a mean over places in place of a sum", lambda x, w: np.convolve(x, w[::-1], "valid"), RNG.standard_normal(6), RNG.standard_normal(3),
    vjp=lambda x, w, ct: (np.convolve(ct, w), np.convolve(x, ct[::-1], "valid") / 4))


def _segments(x: Any, ids: Any) -> Any:
    keep = (ids >= 0) & (ids < 2)
    return np.bincount(ids[keep], x[keep], minlength=2)
