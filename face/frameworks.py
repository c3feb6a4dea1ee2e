"""What ``check_gradient`` needs of each framework beyond an engine: whose array is it, and how to ask for more.

A framework is imported by its adapter, on first use; guessing one looks only at what is already imported.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from gradproof.oracles.engine import Engine
from gradproof.oracles.errors import EngineError, GradproofError
from gradproof.oracles.graph import Array
from gradproof.oracles.registry import engine as engine_by_name

Function = Callable[..., tuple[Any, ...]]


def framework_of(value: Any) -> str | None:
    """The framework whose array (or function, or module) this is, without importing any.

    >>> framework_of(np.ones(3)) is None
    True
    """
    torch, jax = sys.modules.get("torch"), sys.modules.get("jax")
    if torch is not None:
        owner = getattr(value, "__self__", None)
        if isinstance(value, torch.Tensor | torch.nn.Module):
            return "torch"
        if isinstance(owner, type) and issubclass(owner, torch.autograd.Function):
            return "torch"
    if jax is not None and (isinstance(value, jax.Array) or type(value).__module__.partition(".")[0] == "jax"):
        return "jax"
    return "native" if type(value).__module__.startswith("gradproof.engine") else None


def guess(f: Any, leaves: Sequence[Any]) -> str:
    """The engine that the function and its arguments belong to; NumPy arrays and floats alone mean native.

    Raises: GradproofError if they belong to several.
    """
    found = {name for name in map(framework_of, (f, *leaves)) if name}
    if len(found) > 1:
        raise GradproofError(
            f"the arguments belong to {' and '.join(sorted(found))}; expected one framework. Name it: engine=\"torch\"."
        )
    return found.pop() if found else "native"


class Framework:
    """An engine, and the few things that differ between frameworks."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def to_numpy(self, value: Any) -> Array | None:
        """The user's array as a NumPy copy in a float, integer or boolean dtype; None if it is no array."""
        if isinstance(value, np.ndarray | np.generic):
            return np.array(value, copy=True)
        return self._to_numpy(value)

    def _to_numpy(self, value: Any) -> Array | None:
        return np.array(value.data, copy=True) if framework_of(value) == self.engine.name else None

    def wants_gradient(self, value: Any) -> bool:
        """Whether the user marked this array for differentiation."""
        return False

    def gradient(self, fn: Function, cotangents: Sequence[Array]) -> Function:
        """The gradient of ``fn`` for fixed cotangents, as a function that the framework can differentiate again."""
        raise GradproofError(f"engine {self.engine.name!r} has no double backward here; expected order=1.")

    def opened(self, f: Callable[..., Any]) -> tuple[Callable[..., Any], list[tuple[str, Array, bool]]]:
        """``f`` as a function of its arguments and, last, a tuple of its own parameters; and those: name, data, primal."""
        return (lambda *args: f(*args[:-1])), []

    def plain(self, fn: Function, arrays: Sequence[Array]) -> tuple[Any, ...]:
        """``fn`` once, so that a call which fails for the user's own reasons fails in the user's own words."""
        return self._outputs(fn, arrays)

    def _outputs(self, fn: Function, arrays: Sequence[Array]) -> tuple[Any, ...]:
        """``fn`` by the engine's own vjp, which may be anybody's.

        Raises: EngineError if it does not return outputs and a pullback.
        """
        answer = self.engine.vjp(fn, [self.engine.from_numpy(a) for a in arrays])
        if not isinstance(answer, tuple | list) or len(answer) != 2 or not callable(answer[1]):
            raise EngineError(
                f"vjp of engine {self.engine.name!r} returned {type(answer).__name__}; expected (outputs, pullback), a "
                "tuple of its arrays and a function of a tuple of cotangents."
            )
        return tuple(answer[0])

    def values(self, fn: Function) -> Callable[[Sequence[Array]], list[Array]]:
        """``fn`` over NumPy arrays."""
        return lambda arrays: [self.engine.to_numpy(y) for y in self._outputs(fn, arrays)]

    def layouts(
        self, fn: Function, primals: Sequence[Array], cotangents: Sequence[Array], arguments: Sequence[bool]
    ) -> tuple[str, str]:
        """What breaks where arrays are laid out in another way, and what is refused; empty where nothing, or without strides."""
        return "", ""

    @contextmanager
    def untouched(self) -> Iterator[None]:
        """Leave the framework's global state (random numbers, threads) as it was."""
        yield


class Native(Framework):
    """Our own engine."""

    def gradient(self, fn: Function, cotangents: Sequence[Array]) -> Function:
        import gradproof.engine as ge

        return lambda *xs: tuple(ge.vjp(fn, *xs)[1](tuple(cotangents)))


class Torch(Framework):
    """PyTorch."""

    def _to_numpy(self, value: Any) -> Array | None:
        if framework_of(value) != "torch" or not hasattr(value, "detach"):
            return None
        return self.engine.to_numpy(value.detach().cpu())

    def wants_gradient(self, value: Any) -> bool:
        return bool(getattr(value, "requires_grad", False))

    def opened(self, f: Callable[..., Any]) -> tuple[Callable[..., Any], list[tuple[str, Array, bool]]]:
        """A module with its parameters and buffers given from outside, so that neither is ever written."""
        import torch

        if not isinstance(f, torch.nn.Module):
            return super().opened(f)
        module = f
        named: list[tuple[str, Any, bool]] = [(n, p, p.requires_grad) for n, p in module.named_parameters()]
        named += [(n, b, False) for n, b in module.named_buffers()]
        names = [name for name, _, _ in named]

        def call(*args: Any) -> Any:
            own = dict(zip(names, args[-1], strict=True))
            return torch.func.functional_call(module, own, tuple(args[:-1]))

        return call, [(n, a, primal) for n, t, primal in named if (a := self._to_numpy(t)) is not None]

    def plain(self, fn: Function, arrays: Sequence[Array]) -> tuple[Any, ...]:
        try:
            return fn(*(self.engine.from_numpy(a) for a in arrays))
        except Exception as error:  # noqa: BLE001 - f may raise what it likes, without gradients too
            try:
                return super().plain(fn, arrays)  # f may differentiate by its inputs itself
            except Exception:  # noqa: BLE001 - then the first error is the one to tell
                raise error from None

    def gradient(self, fn: Function, cotangents: Sequence[Array]) -> Function:
        import torch

        seeds = [self.engine.from_numpy(c) for c in cotangents]

        def pulled(*xs: Any) -> tuple[Any, ...]:
            inputs = [x if x.requires_grad else x.detach().requires_grad_() for x in xs]
            with torch.enable_grad():
                pairs = [(y, s) for y, s in zip(fn(*inputs), seeds, strict=True) if y.requires_grad]
                if not pairs:
                    return tuple(torch.zeros_like(x) for x in inputs)
                reached, given = zip(*pairs, strict=True)
                return torch.autograd.grad(
                    reached, inputs, given, create_graph=True, allow_unused=True, materialize_grads=True
                )

        return pulled

    def layouts(
        self, fn: Function, primals: Sequence[Array], cotangents: Sequence[Array], arguments: Sequence[bool]
    ) -> tuple[str, str]:
        from gradproof.layouts import torch_layouts

        return torch_layouts(self.engine, fn, primals, cotangents, arguments)

    @contextmanager
    def untouched(self) -> Iterator[None]:
        import torch

        threads = torch.get_num_threads()
        torch.set_num_threads(1)  # small arrays, many calls
        try:
            with torch.random.fork_rng(devices=[]):
                yield
        finally:
            torch.set_num_threads(threads)


class Jax(Framework):
    """JAX; values come from a compiled ``fn`` where it compiles, because eager dispatch is slow."""

    def _to_numpy(self, value: Any) -> Array | None:
        if framework_of(value) != "jax" or not hasattr(value, "dtype"):
            return None
        return np.array(value)

    def gradient(self, fn: Function, cotangents: Sequence[Array]) -> Function:
        import jax

        seeds = tuple(self.engine.from_numpy(c) for c in cotangents)
        return lambda *xs: tuple(jax.vjp(fn, *xs)[1](seeds))

    def values(self, fn: Function) -> Callable[[Sequence[Array]], list[Array]]:
        import jax

        from gradproof.oracles.adapters.jax import x64

        eager = super().values(fn)
        compiled = jax.jit(fn)
        usable: bool | None = None

        def run(arrays: Sequence[Array]) -> list[Array]:
            nonlocal usable
            if usable is False:
                return eager(arrays)
            try:
                with x64(True):
                    found = [np.array(y) for y in compiled(*arrays)]
            except Exception:  # whatever f raises under jit
                if usable:
                    raise
                usable = False  # control flow on values, say
                return eager(arrays)
            usable = True
            return found

        return run


_KINDS: dict[str, type[Framework]] = {"native": Native, "torch": Torch, "jax": Jax}


def framework(name: str) -> Framework:
    """The framework of an engine's name; other engines get what the engine protocol offers.

    Raises: EngineError if there is no such engine or its framework is not installed.
    """
    return _KINDS.get(name, Framework)(engine_by_name(name))
