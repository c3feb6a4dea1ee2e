"""Reverse mode itself: variables, ``vjp`` and ``backward``. Every other transform is made of ``vjp`` (derivatives.py).

Nesting differentiates again: an inner transform records its own sweep exactly when its result depends on an outer
transform's variables. Which those are is a matter of age: a transform's variables are younger than all that was there before.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import numpy as np

from gradproof.engine import hooks, pytree
from gradproof.engine.array import Array, as_array
from gradproof.engine.backend import DIFFERENTIABLE, quiet, raw
from gradproof.engine.errors import DtypeError, ShapeError, TapeError, a_function
from gradproof.engine.functions.recorded import recorded
from gradproof.engine.library import full, name_of, private
from gradproof.engine.pytree import Structure
from gradproof.engine.tape import NEVER, Leaf, leaf, recording, state, sweep

Pullback = Callable[[Any], tuple[Any, ...]]


def variable(value: Any) -> Array:
    """A value to differentiate by: ``loss.backward()`` adds to its ``grad``. The array is shared, never written.

    >>> import gradproof.engine as ge
    >>> x = ge.variable([1.0, 2.0])
    >>> (x * x).sum().backward()
    >>> x.grad
    Array([2., 4.], dtype=float64)
    """
    return leaf(differentiable(value, "variable").data)


def stop_gradient(x: Any) -> Any:
    """The same value as a constant; a tree of them for a tree.

    >>> import gradproof.engine as ge
    >>> ge.grad(lambda x: x * ge.stop_gradient(x))(3.0)
    Array(3., dtype=float64)
    """
    return pytree.map(_constant, x)


def _constant(x: Any) -> Array:
    data = as_array(x).data
    return Array(data.of_all(_constant) if hasattr(data, "of_all") else data)  # within vmap: off the tape around it too


def no_grad() -> AbstractContextManager[None]:
    """Within, nothing is recorded (but inside a transform, its own function still is)."""
    return recording(False)


def differentiable(value: Any, where: str) -> Array:
    """The value as an Array that can be differentiated by.

    Raises: DtypeError that says where it stands.
    """
    x = as_array(value)
    if x.dtype not in DIFFERENTIABLE:
        raise DtypeError(
            f"{where} has dtype {name_of(x.dtype)}, which cannot be differentiated; expected {DIFFERENTIABLE}. "
            "Convert it first, or pass it as a constant."
        )
    return x


def array_of(value: Any, dtype: Any, like: Array | None = None) -> Array:
    """An Array; a Python number takes on ``dtype`` (and the library of ``like``), and a NumPy one keeps its own."""
    if type(value) not in (int, float, complex):
        return as_array(value)
    return Array(np.asarray(value, dtype) if like is None else full((), value, like.data))


def fitting(given: Any, out: Any, what: str) -> Array:
    """A cotangent as an Array, checked against the shape and dtype of ``out``."""
    ct = array_of(given, out.dtype, out)
    if ct.shape != out.shape:
        raise ShapeError(
            f"cotangent for {what} has shape {tuple(ct.shape)}, expected {tuple(out.shape)}. Reshape it; a cotangent is never broadcast."
        )
    if ct.dtype != out.dtype:
        raise DtypeError(f"cotangent for {what} has dtype {name_of(ct.dtype)}, expected {name_of(out.dtype)}. Cast it with astype.")
    return ct


def _output(value: Any, where: str) -> Array:
    x = as_array(value)
    if not isinstance(value, Array) and x.dtype.kind in "OSU":
        raise DtypeError(
            f"{where} is a {type(value).__name__}, expected an array or a tree of them (dict, list, tuple, dataclass, None)."
        )
    return x


def vjp(f: Callable[..., Any], *primals: Any, has_aux: bool = False) -> Any:
    """f(*primals), and the pullback from a cotangent of it to one gradient for each primal.

    Primals and the output may be trees of arrays (``pytree``): the cotangent has the structure of the output, each gradient
    that of its primal. The pullback may be called again. With ``has_aux``, f gives (output, aux), and aux comes as a third.

    Raises: DtypeError for a primal of a dtype that cannot be differentiated; ShapeError for a cotangent of another shape; TreeError
    for one of another structure.

    >>> import gradproof.engine as ge
    >>> out, pullback = ge.vjp(ge.multiply, 3.0, 4.0)
    >>> pullback(1.0)
    (Array(4., dtype=float64), Array(3., dtype=float64))
    >>> out, pullback = ge.vjp(lambda p: {"y": p["w"] * p["x"]}, {"w": 3.0, "x": 4.0})
    >>> pullback({"y": 1.0})
    ({'w': Array(4., dtype=float64), 'x': Array(3., dtype=float64)},)
    """
    a_function(f, "vjp")
    given, structure = pytree.flatten(primals)
    variables: list[Array] = []
    for place, x in enumerate(given):
        x = as_array(x)
        if x.dtype not in DIFFERENTIABLE:
            x = differentiable(x, names(structure, "primal")[place])
        if state.lift is not None:
            x = state.lift(x)
        variables.append(leaf(x.data, x.node))
    nodes = [x.node for x in variables]
    first, stop = (nodes[0].id, nodes[-1].id + 1) if nodes else (NEVER, NEVER)  # type: ignore[union-attr]
    with quiet(), recording(True, (*state.transforms, first)):
        result = f(*pytree.unflatten(structure, variables))
    if has_aux:
        if not (isinstance(result, tuple) and len(result) == 2):
            raise ShapeError(f"with has_aux the function must return (output, aux), but it returned a {type(result).__name__}.")
        result, aux = result
    leaves, shape = pytree.flatten(result)
    outs = [x if type(x) is Array else _output(x, names(shape, "output")[i]) for i, x in enumerate(leaves)]
    outside = any(x.node is not None and x.node.oldest < first for x in outs)

    def pullback(ct: Any) -> tuple[Any, ...]:
        cts = cotangents(ct, outs, shape)
        again = state.recording and (outside or any(c.node is not None for c in cts))
        seeds = [(x.node, c if again else c.data) for c, x in zip(cts, outs, strict=True) if x.node is not None]
        with quiet():
            found = sweep(seeds, recorded if again else raw, first=first, stop=stop)
        taken = {id(c.data) for c in cts}
        gradients = [_gradient(found, x, taken) for x in variables]
        return pytree.unflatten(structure, gradients)  # type: ignore[no-any-return]

    def outer(x: Any) -> Any:
        return x if type(x) is not Array or (x.node is not None and x.node.oldest < first) else Array(x.data)

    out = pytree.unflatten(shape, map(outer, outs))
    return (out, pullback, pytree.map(outer, aux)) if has_aux else (out, pullback)


def names(structure: Structure, what: str) -> list[str]:
    """What each leaf of the arguments or of an output is called in a message: ``primal 0['w']``, ``output 1``."""
    several = structure.kind in (tuple, list)
    return [name for i, child in enumerate(structure.children if several else (structure,)) for name in pytree.paths(child, f"{what} {i}")]


def cotangents(ct: Any, outs: list[Array], structure: Structure) -> list[Array]:
    """A cotangent for each output, checked."""
    given = pytree.flatten_like(structure, ct, "the cotangent")
    cts = [array_of(c, x.dtype, x) for c, x in zip(given, outs, strict=True)]
    if any(c.shape != x.shape or c.dtype != x.dtype for c, x in zip(cts, outs, strict=True)):
        return [fitting(c, x, what) for c, x, what in zip(cts, outs, names(structure, "output"), strict=True)]
    return cts


def _gradient(found: dict[int, Any], x: Array, taken: set[int]) -> Array:
    node = x.node
    assert node is not None
    slot = found.get(node.id)
    if slot is None:
        return Array(full(x.shape, 0.0, x.data))
    ct = hooks.run(node, slot.ct) if node.op.hooks else slot.ct
    if isinstance(ct, Array):
        return Array(private(ct.data, taken, node.dtype), ct.node)
    return Array(private(ct, taken, node.dtype))


def backward(x: Array, cotangent: Any, retain: bool) -> None:
    """What ``x.backward()`` does."""
    if x.node is None:
        raise TapeError(
            "backward of a value that is on no tape: it depends on no variable, or was computed under no_grad. "
            "Make its inputs with variable(array)."
        )
    if cotangent is None:
        scalar(x, "backward")
        cotangent = 1.0
    ct = fitting(cotangent, x, "the output").data
    with quiet():
        found = sweep([(x.node, ct)], raw, release=not retain)
    taken = {id(ct)}
    for slot in found.values():
        variable = slot.node
        assert isinstance(variable, Leaf)
        gradient = private(hooks.run(variable, slot.ct) if variable.op.hooks else slot.ct, taken, variable.dtype)
        before = variable.grad  # added up as a new array: a gradient handed out earlier does not change
        variable.grad = Array(gradient if before is None else before.data + gradient)


def scalar(x: Array, what: str) -> None:
    """Raise unless x has one entry and no axes."""
    if x.shape != ():
        raise ShapeError(
            f"{what} needs a scalar, but the value has shape {tuple(x.shape)}, expected (). "
            "Reduce it with sum, or pull a cotangent back with vjp."
        )
