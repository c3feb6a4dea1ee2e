"""The checkers that frameworks ship, pointed at the native engine: for the side-by-side table, and for nothing else.

Each is the framework's own function with its own defaults, in float64. PyTorch's differentiates a ``torch.autograd.Function``
that calls the native engine forwards and backwards. JAX's ``check_grads(f, args, order=1, modes=("rev",))`` is its
``check_vjp`` with ``jax.vjp``; it is given the native engine's ``vjp`` in that place, so that nothing is traced.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jax import test_util

from gradproof.oracles.adapters.jax import x64
from gradproof.oracles.engine import Engine
from gradproof.oracles.graph import Case
from gradproof.oracles.trial import function
from gradproof.specs.mutants.looks import FAILS, PASSES, Look

check_vjp: Any = test_util.check_vjp


def symmetric(case: Case, engine: Engine) -> Callable[..., tuple[Any, ...]]:
    """The case's graph as a function; what cholesky reads is made symmetric first, as suites written by hand do.

    The engine reads one triangle and spreads the gradient over both, so a step in one entry alone is no question to it.
    """
    graph, xp = case.graph, engine.namespace
    fn = function(engine, graph)
    read = {o for node in graph.nodes if node.op == "linalg.cholesky" for o in node.operands}
    halves = [primal in read for primal in graph.primals]
    if not any(halves):
        return fn

    def even(*xs: Any) -> tuple[Any, ...]:
        return fn(*(xp.multiply(xp.add(x, xp.matrix_transpose(x)), 0.5) if h else x for x, h in zip(xs, halves, strict=True)))

    return even


@dataclass(frozen=True)
class GradCheck:
    """``torch.autograd.gradcheck`` with its defaults, slow or fast."""

    fast: bool = False
    float64_only: bool = True

    @property
    def name(self) -> str:
        return "gradcheck-fast" if self.fast else "gradcheck"

    def look(self, case: Case, engine: Engine) -> Look:
        inputs = [torch.tensor(v.tolist(), dtype=torch.float64).reshape(v.shape) for v in case.graph.primal_values]
        for x in inputs:
            x.requires_grad_(True)
        torch.manual_seed(0)  # fast mode draws its directions
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                torch.autograd.gradcheck(_torch_function(case, engine), inputs, fast_mode=self.fast)
            except Exception as error:  # noqa: BLE001 - gradcheck raises whatever it finds, in many types
                return Look(FAILS, "gradcheck", type(error).__name__)
        return Look(PASSES, "gradcheck")


def _torch_function(case: Case, engine: Engine) -> Any:
    """The case's graph as a function of tensors, differentiated by the engine."""
    fn = symmetric(case, engine)

    class Native(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, *tensors: Any) -> Any:
            outputs, ctx.pullback = engine.vjp(fn, [t.detach().numpy().copy() for t in tensors])
            return tuple(torch.from_numpy(np.array(engine.to_numpy(y))) for y in outputs)

        @staticmethod
        def backward(ctx: Any, *cotangents: Any) -> Any:
            gradients = ctx.pullback(tuple(c.detach().numpy().copy() for c in cotangents))
            return tuple(torch.from_numpy(np.array(engine.to_numpy(g))) for g in gradients)

    return Native.apply


@dataclass(frozen=True)
class CheckGrads:
    """``jax.test_util.check_grads`` of order 1 in reverse mode, with its defaults."""

    name: str = "check_grads"
    float64_only: bool = True

    def look(self, case: Case, engine: Engine) -> Look:
        fn = symmetric(case, engine)

        def values(*xs: Any) -> tuple[Any, ...]:
            outputs, _ = engine.vjp(fn, [np.array(x, dtype=np.float64) for x in xs])
            return tuple(np.asarray(engine.to_numpy(y)) for y in outputs)

        def vjp(*xs: Any) -> tuple[tuple[Any, ...], Any]:
            outputs, pullback = engine.vjp(fn, [np.array(x) for x in xs])

            def pulled(cotangents: Sequence[Any]) -> tuple[Any, ...]:
                given = tuple(np.array(c, dtype=np.float64) for c in cotangents)
                return tuple(np.asarray(engine.to_numpy(g)) for g in pullback(given))

            return tuple(np.asarray(engine.to_numpy(y)) for y in outputs), pulled

        args = tuple(np.array(v) for v in case.graph.primal_values)
        with warnings.catch_warnings(), x64(True):
            warnings.simplefilter("ignore")
            try:
                check_vjp(values, vjp, args)
            except Exception as error:  # noqa: BLE001 - a failed assertion, or what the fault raised
                return Look(FAILS, "check_grads", type(error).__name__)
        return Look(PASSES, "check_grads")
