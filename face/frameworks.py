"""What ``check_gradient`` needs of each framework beyond an engine; it is imported by its adapter, on first use."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from gradproof.oracles.engine import Engine
from gradproof.oracles.errors import EngineError, GradproofError, Unsupported
from gradproof.oracles.graph import Array
from gradproof.oracles.registry import engine as engine_by_name
from gradproof.oracles.trial import capabilities
from gradproof.ownership import framework_of

Function = Callable[..., tuple[Any, ...]]


class Framework:
    """An engine, and the few things that differ between frameworks."""

    widens = True  # its float64 is one, so that float32 is judged in that as well
    floats = True  # floats of Python are differentiated, as arrays without axes
    traces = False  # ``traced`` gives the program of a function
    forward = False  # its gradients are made of tangents

    def __init__(self, engine: Engine) -> None:
        self.engine = self.reverse = engine  # where forward mode is on trial, ``engine`` is that

    def to_numpy(self, value: Any) -> Array | None:
        """The user's array as a NumPy copy in a float, integer or boolean dtype; None if it is no array."""
        if isinstance(value, np.ndarray | np.generic):
            return np.array(value, copy=True)
        return self._to_numpy(value)

    def _to_numpy(self, value: Any) -> Array | None:
        if framework_of(value) != self.engine.name or not hasattr(value, "dtype"):
            return None
        return np.array(self.engine.to_numpy(value), copy=True)

    def takes_numbers(self, f: Any) -> bool:
        """Whether a float of Python must stay one: f has a signature that says so."""
        return False

    def traced(self, fn: Function, arrays: Sequence[Array]) -> Callable[..., Any]:
        """The program of ``fn`` as a NumPy formula.

        Raises: Unsupported if it cannot be traced, or uses what is not known.
        """
        raise Unsupported("its program cannot be traced")

    def wants_gradient(self, value: Any) -> bool:
        """Whether the user marked this array for differentiation."""
        return False

    def gradient(self, fn: Function, cotangents: Sequence[Array]) -> Function:
        """The gradient of ``fn`` for fixed cotangents, as a function that the framework can differentiate again."""
        if "reverse over reverse" not in capabilities(self.engine).modes:
            raise GradproofError(f"engine {self.engine.name!r} declares no double backward; expected order=1.")
        engine, seeds = self.reverse, tuple(self.engine.from_numpy(np.array(c, copy=True)) for c in cotangents)
        return lambda *xs: tuple(engine.vjp(fn, xs)[1](seeds))

    def pullback(self, fn: Function, primals: Sequence[Any]) -> Function:
        """The pullback of ``fn`` at these arrays, as a function of its cotangents that the framework can differentiate."""
        return lambda *cts: tuple(self.reverse.vjp(fn, primals)[1](cts))

    def by_hand(self, f: Any) -> bool:
        """Whether the gradient of ``f`` is one rule written by hand, so that no kinks of a program's parts can cancel in it."""
        return False

    def has_own_jvp(self, fn: Function, arrays: Sequence[Array]) -> bool:
        """Whether forward mode has a rule of the user's own, so that nothing is known of it from reverse mode."""
        return False

    def opened(self, f: Callable[..., Any]) -> tuple[Callable[..., Any], list[tuple[str, Array, bool]]]:
        """``f`` as a function of its arguments, a dict of named ones and a tuple of its own parameters; and those: name, data, primal."""
        return (lambda *args: f(*args[:-2], **args[-2])), []

    def jvp(self) -> Any:
        """``jvp(fn, primals, tangents)``; None where the framework has no forward mode."""
        return getattr(self.engine, "jvp", None)

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

    def _to_numpy(self, value: Any) -> Array | None:
        return np.array(value.data, copy=True) if framework_of(value) == "native" else None

    def gradient(self, fn: Function, cotangents: Sequence[Array]) -> Function:
        import gradproof.engine as ge

        return lambda *xs: tuple(ge.vjp(fn, *xs)[1](tuple(cotangents)))


class Torch(Framework):
    """PyTorch."""

    traces = True

    def traced(self, fn: Function, arrays: Sequence[Array]) -> Callable[..., Any]:
        from gradproof.oracles.adapters.torch_import import imported
        from gradproof.traced import frozen

        program = imported(fn, [self.engine.from_numpy(a) for a in arrays])
        if frozen(program, lambda moved: [self.engine.to_numpy(y.detach()) for y in self.plain(fn, moved)], arrays):
            raise Unsupported("what f computes outside of PyTorch is a constant to its trace")
        return program

    def _to_numpy(self, value: Any) -> Array | None:
        if framework_of(value) != "torch" or not hasattr(value, "detach"):
            return None
        return self.engine.to_numpy(value.detach().cpu())

    def takes_numbers(self, f: Any) -> bool:
        return type(f).__module__.startswith(("torch._library", "torch._ops"))

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
            return torch.func.functional_call(module, own, tuple(args[:-2]), args[-2])

        return call, [(n, a, primal) for n, t, primal in named if (a := self._to_numpy(t)) is not None]

    def jvp(self) -> Any:
        from gradproof.layouts import torch_jvp

        return torch_jvp

    def pullback(self, fn: Function, primals: Sequence[Any]) -> Function:
        from gradproof.beyond import torch_pulled

        return lambda *cts: torch_pulled(fn, [x.detach().requires_grad_() for x in primals], cts)

    def by_hand(self, f: Any) -> bool:
        import torch

        owner = getattr(f, "__self__", None)
        return isinstance(owner, type) and issubclass(owner, torch.autograd.Function)

    def has_own_jvp(self, fn: Function, arrays: Sequence[Array]) -> bool:
        from gradproof.beyond import torch_own_jvp

        return torch_own_jvp(fn, [self.engine.from_numpy(a) for a in arrays])

    def plain(self, fn: Function, arrays: Sequence[Array]) -> tuple[Any, ...]:
        try:
            return fn(*(self.engine.from_numpy(a) for a in arrays))
        except Exception as error:  # noqa: BLE001 - f may raise what it likes, without gradients too
            try:
                return super().plain(fn, arrays)  # f may differentiate by its inputs itself
            except Exception:  # noqa: BLE001 - then the first error is the one to tell
                raise error from None

    def gradient(self, fn: Function, cotangents: Sequence[Array]) -> Function:
        from gradproof.beyond import torch_pulled

        seeds = [self.engine.from_numpy(c) for c in cotangents]
        return lambda *xs: torch_pulled(fn, [x if x.requires_grad else x.detach().requires_grad_() for x in xs], seeds)

    def layouts(
        self, fn: Function, primals: Sequence[Array], cotangents: Sequence[Array], arguments: Sequence[bool]
    ) -> tuple[str, str]:
        from gradproof.beyond import torch_unused
        from gradproof.layouts import torch_layouts

        broken, refused = torch_layouts(self.engine, fn, primals, cotangents, arguments)
        return broken or torch_unused(self.engine, fn, primals, cotangents), refused

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

    traces = True

    def traced(self, fn: Function, arrays: Sequence[Array]) -> Callable[..., Any]:
        from gradproof.oracles.adapters.jax_import import imported

        return imported(fn, arrays)

    def by_hand(self, f: Any) -> bool:
        import jax

        return isinstance(f, jax.custom_vjp)

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


class Mlx(Framework):
    """MLX, whose sin, exp and others in float64 are right to single precision only (FINDINGS.md)."""

    widens = False

    def to_numpy(self, value: Any) -> Array | None:
        found = super().to_numpy(value)
        return found.astype(np.float32) if found is not None and found.dtype == np.float64 else found


_KINDS: dict[str, type[Framework]] = {"native": Native, "torch": Torch, "jax": Jax, "mlx": Mlx}


def framework(name: str) -> Framework:
    """The framework of an engine's name; other engines get what the engine protocol offers.

    Raises: EngineError if there is no such engine or its framework is not installed.
    """
    return _KINDS.get(name, Framework)(engine_by_name(name))
