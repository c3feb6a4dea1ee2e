"""Functions with a pullback of the user's own: ``custom_vjp``, with JAX's signatures.

A call puts one node on the tape: an op made for that call, whose rules ask the user's pullback. What the user keeps for it may
depend on variables of outer transforms; it stays on their tapes, so that the user's pullback can itself be differentiated.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import accumulate
from math import prod
from typing import Any

import numpy as np

import gradproof.engine.functions as fn
from gradproof.engine import pytree
from gradproof.engine.array import Array, as_array
from gradproof.engine.backend import DIFFERENTIABLE
from gradproof.engine.batching import Batched, Level, vmap
from gradproof.engine.errors import CustomRuleError, TreeError, a_function
from gradproof.engine.hooks import lent, once
from gradproof.engine.library import full, name_of
from gradproof.engine.pytree import Structure
from gradproof.engine.rules import Rule
from gradproof.engine.tape import NEVER, NOTHING, Held, Node, Op, recording, state
from gradproof.engine.transforms import names

Kind = tuple[tuple[int, ...], Any] | None  # shape and dtype of a differentiable array; None for anything else


class CustomVjp:
    """A function, and the pullback to use in place of its own; made by ``custom_vjp``."""

    def __init__(self, f: Callable[..., Any], nondiff_argnums: Sequence[int] = ()) -> None:
        a_function(f, "custom_vjp")
        functools.update_wrapper(self, f)
        self.name = getattr(f, "__name__", "function")
        self.f, self.fixed, self.signature = f, frozenset(nondiff_argnums), inspect.signature(f)
        self.fwd: Callable[..., Any] | None = None
        self.bwd: Callable[..., Any] | None = None

    def defvjp(self, fwd: Callable[..., Any], bwd: Callable[..., Any]) -> None:
        """Set both halves: ``fwd(*args) -> (out, residuals)``, ``bwd(residuals, ct) -> a cotangent for each argument``.

        Arguments named by ``nondiff_argnums`` come first in ``bwd``, and get no cotangent. None is a cotangent of zero.
        """
        a_function(fwd, f"fwd of '{self.name}'")
        a_function(bwd, f"bwd of '{self.name}'")
        self.fwd, self.bwd = fwd, bwd

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        bound = self.signature.bind(*args, **kwargs)
        bound.apply_defaults()
        args = bound.args
        fixed = tuple(x for i, x in enumerate(args) if i in self.fixed)
        leaves, structure = pytree.flatten(tuple(x for i, x in enumerate(args) if i not in self.fixed))
        levels = [x.data.level for x in leaves if type(x) is Array and type(x.data) is Batched]
        if levels:  # what is on a tape around the innermost vmap goes into it with its node
            level = max(levels, key=lambda level: level.depth)
            leaves = [level.lift(x) if type(x) is Array else x for x in leaves]
        nodes = [x.node if type(x) is Array else None for x in leaves]
        if not state.recording or not any(nodes):
            return self._over_a_batch(level, leaves, structure, fixed, len(args)) if levels and state.recording else self.f(*args)
        if self.fwd is None or self.bwd is None:
            raise CustomRuleError(f"custom_vjp '{self.name}' has no pullback. Give it one: {self.name}.defvjp(fwd, bwd).")
        # this node serves the innermost transform; fwd is a part of those outside it, and recorded only for them
        *outside, first = state.transforms or (0,)
        linked = [Array(x.data) if n is not None and n.oldest >= first else x for x, n in zip(leaves, nodes, strict=True)]
        with recording(True, tuple(outside)):
            out, kept = self._forward(self._merged(pytree.unflatten(structure, linked), fixed, len(args)))
        values, packed = pytree.flatten(kept)
        results, shape = pytree.flatten(out)
        outs = [as_array(x) for x in results]
        self._closed([*outs, *(x for x in values if type(x) is Array)], linked)
        kinds = tuple(_kind(x) for x in leaves)
        call = _Call(self.name, self.bwd, fixed, structure, kinds, shape, tuple(_kind(x) for x in outs), packed)
        return pytree.unflatten(shape, call.recorded(outs, nodes, Held(values)))

    def _over_a_batch(
        self, level: Level, leaves: list[Any], structure: Structure, fixed: tuple[Any, ...], count: int
    ) -> Any:
        """The call within vmap, where the tape may be around it: one call for all examples, both halves under a vmap."""
        places = [i for i, x in enumerate(leaves) if type(x) is Array]
        inside = [leaves[i].data for i in places]
        examples = [x.inner if x.batched else fn.broadcast_to(x.inner, (level.size, *x.shape)) for x in inside]

        def args(*arrays: Array) -> list[Any]:
            full = list(leaves)
            for i, x in zip(places, arrays, strict=True):
                full[i] = x
            return self._merged(pytree.unflatten(structure, full), fixed, count)

        def fwd(*arrays: Array) -> Any:
            out, kept = self._forward(args(*arrays))
            return out, (kept, arrays)

        def bwd(kept: Any, ct: Any) -> tuple[Array, ...]:
            assert self.bwd is not None
            found = _leaves(self.name, structure, self.bwd(*fixed, kept[0], ct))
            return tuple(fn.zeros_like(x) if found[i] is None else found[i] for i, x in zip(places, kept[1], strict=True))

        whole = CustomVjp(vmap(lambda *arrays: self.f(*args(*arrays))))
        whole.name = self.name
        whole.defvjp(vmap(fwd), vmap(bwd))
        return pytree.map(lambda x: Array(Batched(level, x, True)), whole(*examples))

    def _merged(self, free: tuple[Any, ...], fixed: tuple[Any, ...], count: int) -> list[Any]:
        of_free, of_fixed = iter(free), iter(fixed)
        return [next(of_fixed if i in self.fixed else of_free) for i in range(count)]

    def _forward(self, args: list[Any]) -> tuple[Any, Any]:
        assert self.fwd is not None
        given = self.fwd(*args)
        if not (isinstance(given, tuple) and len(given) == 2):
            raise CustomRuleError(
                f"fwd of '{self.name}' returned a {type(given).__name__}, expected the pair (out, residuals). "
                "Residuals are whatever bwd needs, or None."
            )
        return given

    def _closed(self, made: list[Array], linked: list[Any]) -> None:
        """Raise if what fwd made is on the tape by another way than its arguments: that gradient would be lost."""
        oldest = min((x.node.oldest for x in linked if type(x) is Array and x.node is not None), default=NEVER)
        if any(x.node is not None and x.node.oldest < oldest for x in made):
            raise CustomRuleError(
                f"custom_vjp '{self.name}' uses a value on a tape that is none of its arguments, whose gradient its "
                "pullback cannot give. Pass it as an argument, or use stop_gradient."
            )


def custom_vjp(f: Callable[..., Any], nondiff_argnums: Sequence[int] = ()) -> CustomVjp:
    """f with a pullback of the user's own, set by ``defvjp``. Arguments and output may be trees.

    Raises: CustomRuleError when called without a pullback, or when that gives the wrong number, shapes or dtypes.

    >>> import gradproof.engine as ge
    >>> @ge.custom_vjp
    ... def log1pexp(x):
    ...     return ge.log(1.0 + ge.exp(x))
    >>> log1pexp.defvjp(lambda x: (log1pexp(x), x), lambda x, ct: (ct * ge.nn.sigmoid(x),))
    >>> ge.grad(log1pexp)(800.0), ge.grad(ge.grad(log1pexp))(0.0)
    (Array(1., dtype=float64), Array(0.25, dtype=float64))
    """
    return CustomVjp(f, nondiff_argnums)


def _kind(x: Any) -> Kind:
    if type(x) in (int, bool):
        return None
    kind = as_array(x)
    return (kind.shape, kind.dtype) if kind.dtype in DIFFERENTIABLE else None


def _cast(x: Array, dtype: Any) -> Array:
    return x if x.dtype == dtype else fn.astype(x, dtype)


def _leaves(name: str, arguments: Structure, given: Any) -> list[Any]:
    """The cotangents that a pullback returned, one for each leaf of the arguments; None for one of zero."""
    count = len(arguments.children)
    if not isinstance(given, tuple | list) or len(given) != count:
        returned = f"{len(given)} cotangents" if isinstance(given, tuple | list) else f"a {type(given).__name__}"
        raise CustomRuleError(
            f"bwd of '{name}' returned {returned}, expected a tuple of {count}. "
            "Return one for each argument, and None for one of zero."
        )
    try:
        return [
            leaf
            for i, (part, child) in enumerate(zip(given, arguments.children, strict=True))
            for leaf in pytree.flatten_like(child, part, f"what bwd of '{name}' returned for argument {i}", none=True)
        ]
    except TreeError as error:
        raise CustomRuleError(str(error)) from error


@dataclass(frozen=True)
class _Call:
    """One call on the tape: what its rules need to know besides what the user keeps."""

    name: str
    bwd: Callable[..., Any]
    fixed: tuple[Any, ...]
    arguments: Structure
    kinds: tuple[Kind, ...]  # of the arguments' leaves
    output: Structure
    results: tuple[Kind, ...]  # of the output's leaves
    packed: Structure  # of what is kept

    def recorded(self, outs: list[Array], nodes: list[Node | None], held: Held) -> list[Array]:
        """The outputs on the tape: one node for all that can be differentiated, in a row if they are several."""
        some = [i for i, kind in enumerate(self.results) if kind is not None]
        if not some:
            return outs
        plain = [Array(x.data) for x in outs]
        whole = plain[some[0]] if len(some) == 1 else fn.concat([fn.reshape(plain[i], (-1,)) for i in some])
        pulled = once(self.gradients, nodes)

        def pull(xp: Any, ct: Any, kept: Held, *_: Any, argument: int) -> Any:
            return pulled(argument, ct, kept)[argument]

        rules = tuple(Rule(frozenset(), partial(pull, argument=i)) for i in range(len(nodes)))
        op = Op(f"custom_vjp {self.name}", lambda *_: None, rules)
        oldest = min(n.oldest for n in nodes if n is not None)
        node = Node(op, nodes, tuple(nodes), held, NOTHING, oldest, whole.shape, whole.dtype)
        for i, x in zip(some, self._split(Array(whole.data, node)), strict=True):
            plain[i] = x
        return plain

    def _split(self, whole: Array) -> list[Array]:
        kinds = [kind for kind in self.results if kind is not None]
        if len(kinds) == 1:
            return [whole]
        ends = list(accumulate(prod(shape) for shape, _ in kinds))
        parts = [whole[start:end] for start, end in zip([0, *ends], ends, strict=False)]
        return [_cast(fn.reshape(x, shape), dtype) for x, (shape, dtype) in zip(parts, kinds, strict=True)]

    def gradients(self, ct: Any, held: Held) -> list[Any]:
        """What the user's pullback gives for each leaf of the arguments, checked."""
        again = type(ct) is Array
        whole = ct if again else Array(np.asarray(ct) if isinstance(ct, np.generic) else ct)
        of_float = iter(self._split(whole))
        cts = [None if kind is None else next(of_float) for kind in self.results]
        kept = [Array(x.data, x.node if again else None) if type(x) is Array else x for x in held.values]
        given = self.bwd(*self.fixed, pytree.unflatten(self.packed, kept), pytree.unflatten(self.output, cts))
        paths = names(self.arguments, "argument")
        found = [
            self._fitting(g, kind, path, whole) for g, kind, path in zip(_leaves(self.name, self.arguments, given), self.kinds, paths, strict=True)
        ]
        return [g if g is None else Array(lent(g.data), g.node) if again else lent(g.data) for g in found]

    def _fitting(self, given: Any, kind: Kind, path: str, whole: Array) -> Array | None:
        if kind is None:
            return None
        shape, dtype = kind
        if given is None:
            return _cast(Array(full(shape, 0.0, whole.data)), dtype)
        ct = _cast(Array(full((), given, whole.data)), dtype) if type(given) in (int, float) else as_array(given)
        if ct.shape != shape or ct.dtype != dtype:
            raise CustomRuleError(
                f"bwd of '{self.name}' returned {name_of(ct.dtype)}{tuple(ct.shape)} for {path}, expected {name_of(dtype)}{tuple(shape)}. "
                "A cotangent has the shape and dtype of its argument."
            )
        return ct
