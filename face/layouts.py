"""The same gradient from arrays laid out in another way: strides are no part of a value, yet rules get them wrong.

PyTorch hands a backward whatever cotangent the next op made: ``x.sum().backward()`` sends one number, expanded, with
strides of 0; a transpose after f sends a transposed one.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from gradproof.oracles.engine import Engine
from gradproof.oracles.formats import FORMATS
from gradproof.oracles.graph import Array

Arrays = Sequence[Array]


def apart(x: Any) -> Any:
    """A copy of a tensor with its axes in reversed order in memory, and a gap after each entry."""
    import torch

    back = tuple(reversed(range(x.ndim)))
    out = torch.zeros((*x.permute(back).shape, 2), dtype=x.dtype)[..., 0].permute(back)
    return out.copy_(x)


def expanded(x: Any) -> Any:
    """Ones of this shape: one number, repeated by strides of 0."""
    return x.new_ones(()).expand(x.shape)


def torch_layouts(
    engine: Engine, fn: Callable[..., Any], primals: Arrays, cotangents: Arrays, arguments: Sequence[bool]
) -> tuple[str, str]:
    """What is broken, and what f does not take: of inputs and cotangents in other layouts, beside plain ones of the same values.

    Only ``arguments`` are laid out anew: a module lays out its parameters itself.
    """
    import torch

    def plain(arrays: Arrays) -> list[Any]:
        return [engine.from_numpy(np.ascontiguousarray(a).reshape(a.shape)) for a in arrays]

    def gradients(inputs: list[Any], cts: list[Any]) -> tuple[list[Array], float]:
        """The gradients, and the rounding of <ct, f> that they may show where their own terms cancel."""
        outputs, pullback = engine.vjp(fn, inputs)
        terms = sum(float((c * y.detach()).abs().double().sum()) for c, y in zip(cts, outputs, strict=True))
        return [np.asarray(engine.to_numpy(g), float) for g in pullback(tuple(cts))], terms

    def moved(inputs: list[Any]) -> list[Any]:
        return [apart(x) if argument else x for x, argument in zip(inputs, arguments, strict=True)]

    ones = [torch.ones_like(c) for c in plain(cotangents)]
    refused = ""
    laid_plainly: dict[bool, tuple[list[Array], float]] = {}
    for what, lay_input, lay_cotangent, of_ones in (
        ("a cotangent of expanded ones, as sum().backward() sends", list, lambda cts: [expanded(c) for c in cts], True),
        ("a cotangent in another memory order", list, lambda cts: [apart(c) for c in cts], False),
        ("inputs in another memory order", moved, list, False),
    ):
        cts = ones if of_ones else plain(cotangents)
        if of_ones not in laid_plainly:
            laid_plainly[of_ones] = gradients(plain(primals), cts)
        try:
            found, _ = gradients(lay_input(plain(primals)), lay_cotangent(cts))
        except Exception as error:  # noqa: BLE001 - loud, so nobody is misled
            refused = refused or f"with {what} f raises {type(error).__name__}"
            continue
        expected, terms = laid_plainly[of_ones]
        largest = max((float(np.max(np.abs(g), initial=0.0, where=np.isfinite(g))) for g in expected), default=0.0)
        for i, (a, b, x) in enumerate(zip(expected, found, primals, strict=True)):
            u = FORMATS[x.dtype.name].u
            size = float(np.max(np.abs(x), initial=0.0)) or 1.0
            # sums in another order, at conditions up to the root of u
            allowed = np.sqrt(u) * largest + 1024 * u * terms / size
            off = np.argwhere(~(np.abs(a - b) <= allowed) & np.isfinite(a))
            if len(off):
                at = tuple(int(n) for n in off[0])
                return (
                    f"gradient {i} at {list(at)} is {b[at]:.6g} for {what}, and {a[at]:.6g} for the same values laid out plainly",
                    refused,
                )
    return "", refused


def torch_jvp(fn: Callable[..., Any], primals: Sequence[Any], tangents: Sequence[Any]) -> tuple[tuple[Any, ...], list[Any]]:
    """Outputs and tangents by dual tensors, which an ``autograd.Function`` with a ``jvp`` takes; inputs require grad, as a user's do."""
    import torch
    import torch.autograd.forward_ad as duals

    make: Callable[..., Any] = duals.make_dual
    unpack: Callable[..., Any] = duals.unpack_dual
    with duals.dual_level(), torch.enable_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of PyTorch's own decompositions
        given = [make(x.detach().requires_grad_(), t) for x, t in zip(primals, tangents, strict=True)]
        pairs = [unpack(y) for y in fn(*given)]
        along = [torch.zeros_like(y) if t is None else t.detach().clone() for y, t in pairs]
        return tuple(y.detach().clone() for y, _ in pairs), along
