"""What a row of the tables beside it is, and how a defect is planted in the native engine."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, NamedTuple

import numpy as np

import gradproof.engine as ge
from gradproof.specs.mutants.mutant import Mutant, Patch, Rewrite, Swap, Wrap, kept
from gradproof.specs.mutants.second import recorded

JAX, TORCH, TF = "jax-ml/jax#", "pytorch/pytorch#", "tensorflow/tensorflow#"
SECOND = ("reverse over reverse",)


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


def spread(ct: Any, x: Any, axis: Any, keepdims: bool = False) -> Any:
    return np.broadcast_to(kept(ct, x, axis, keepdims), np.shape(x)) if np.ndim(x) else ct


def fitted(g: Any, x: Any) -> Any:
    """g summed to the shape of x."""
    shape = np.shape(x)
    g = np.sum(g, axis=tuple(range(np.ndim(g) - len(shape))))
    return np.sum(g, axis=tuple(i for i, n in enumerate(shape) if n == 1 and np.shape(g)[i] > 1), keepdims=True).reshape(shape)
