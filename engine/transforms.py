"""Transforms of functions: each takes a function of arrays and gives one that computes derivatives.

All are made of ``vjp``. Nesting them differentiates again: an inner transform records its own sweep exactly when its
result depends on an outer transform's variables.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any

import numpy as np

import gradproof.engine.functions as fn
from gradproof.engine.array import Array, as_array
from gradproof.engine.backend import DIFFERENTIABLE, quiet, raw
from gradproof.engine.errors import DtypeError, ShapeError, TapeError
from gradproof.engine.functions.recorded import recorded
from gradproof.engine.tape import Leaf, Node, leaf, private, recording, state, sweep

Pullback = Callable[[Any], tuple[Array, ...]]


def variable(value: Any) -> Array:
    """A value to differentiate by: ``loss.backward()`` adds to its ``grad``. The array is shared, never written.

    >>> import gradproof.engine as ge
    >>> x = ge.variable([1.0, 2.0])
    >>> (x * x).sum().backward()
    >>> x.grad
    Array([2., 4.], dtype=float64)
    """
    return leaf(_primal(value, "variable").data)


def stop_gradient(x: Any) -> Array:
    """The same value as a constant."""
    return Array(as_array(x).data)


def no_grad() -> AbstractContextManager[None]:
    """Within, nothing is recorded (but inside a transform, its own function still is)."""
    return recording(False)


def _primal(value: Any, where: str) -> Array:
    x = as_array(value)
    if x.dtype not in DIFFERENTIABLE:
        raise DtypeError(
            f"{where} has dtype {x.dtype.name}, which cannot be differentiated; expected float32 or float64. "
            "Convert it first, or pass it as a constant."
        )
    return x


def _array_of(value: Any, dtype: Any) -> Array:
    """An Array; a Python number takes on ``dtype``, and a NumPy one keeps its own."""
    return Array(np.asarray(value, dtype)) if type(value) in (int, float) else as_array(value)


def _cotangent(given: Any, out: Array, where: str) -> Array:
    ct = _array_of(given, out.dtype)
    if ct.shape != out.shape:
        raise ShapeError(
            f"cotangent for {where} has shape {ct.shape}, expected {out.shape}. Reshape it; a cotangent is never broadcast."
        )
    if ct.dtype != out.dtype:
        raise DtypeError(f"cotangent for {where} has dtype {ct.dtype.name}, expected {out.dtype.name}. Cast it with astype.")
    return ct


def vjp(f: Callable[..., Any], *primals: Any) -> tuple[Any, Pullback]:
    """f(*primals), and the pullback from a cotangent of it to one gradient for each primal.

    f may return a tuple or list of arrays; the cotangent is then one too. The pullback may be called again.

    Raises: DtypeError for a primal that is not float32 or float64; ShapeError for a cotangent of another shape.

    >>> import gradproof.engine as ge
    >>> out, pullback = ge.vjp(ge.multiply, 3.0, 4.0)
    >>> pullback(1.0)
    (Array(4., dtype=float64), Array(3., dtype=float64))
    """
    given = [_primal(x, f"primal {i}") for i, x in enumerate(primals)]
    variables = [leaf(x.data, x.node) for x in given]
    nodes = [x.node for x in variables]
    with quiet(), recording(True):
        result = f(*variables)
    several = isinstance(result, tuple | list)
    outs = [as_array(x) for x in (result if several else (result,))]
    if not variables:
        return result, lambda ct: ()
    first = nodes[0].id  # type: ignore[union-attr]
    stop = first + len(variables)
    outside = any(x.node is not None and x.node.oldest < first for x in outs)

    def pullback(ct: Any) -> tuple[Array, ...]:
        given_cts = ct if several else (ct,)
        if len(given_cts) != len(outs):
            raise ShapeError(f"{len(given_cts)} cotangents for {len(outs)} outputs. Pass one for each output.")
        cts = [_cotangent(c, x, f"output {i}") for i, (c, x) in enumerate(zip(given_cts, outs, strict=True))]
        again = state.recording and (outside or any(c.node is not None for c in cts))
        seeds = [(x.node, c if again else c.data) for c, x in zip(cts, outs, strict=True) if x.node is not None]
        with quiet():
            found = sweep(seeds, recorded if again else raw, first=first, stop=stop)
        taken = {id(c.data) for c in cts}
        return tuple(_gradient(found, node, taken) for node in nodes)  # type: ignore[arg-type]

    detached = [x if x.node is not None and x.node.oldest < first else Array(x.data) for x in outs]
    return (type(result)(detached) if several else detached[0]), pullback


def _gradient(found: dict[int, Any], node: Node, taken: set[int]) -> Array:
    slot = found.get(node.id)
    if slot is None:
        return Array(np.zeros(node.shape, node.dtype))
    if isinstance(slot.ct, Array):
        return Array(private(slot.ct.data, taken), slot.ct.node)
    return Array(private(slot.ct, taken))


def backward(x: Array, cotangent: Any, retain: bool) -> None:
    """What ``x.backward()`` does."""
    if x.node is None:
        raise TapeError(
            "backward of a value that is on no tape: it depends on no variable, or was computed under no_grad. "
            "Make its inputs with variable(array)."
        )
    if cotangent is None:
        _scalar(x, "backward")
        cotangent = 1.0
    ct = _cotangent(cotangent, x, "the output").data
    with quiet():
        found = sweep([(x.node, ct)], raw, release=not retain)
    taken = {id(ct)}
    for slot in found.values():
        variable = slot.node
        assert isinstance(variable, Leaf)
        gradient = private(slot.ct, taken)
        before = variable.grad  # added up as a new array: a gradient handed out earlier does not change
        variable.grad = Array(gradient if before is None else before.data + gradient)


def _scalar(x: Array, what: str) -> None:
    if x.shape != ():
        raise ShapeError(
            f"{what} needs a scalar, but the value has shape {x.shape}, expected (). "
            "Reduce it with sum, or pull a cotangent back with vjp."
        )


def value_and_grad(f: Callable[..., Any], argnums: int | Sequence[int] = 0) -> Callable[..., tuple[Array, Any]]:
    """A function giving f's scalar value and its gradient by the arguments at ``argnums``.

    >>> import gradproof.engine as ge
    >>> ge.value_and_grad(lambda x: x * x)(3.0)
    (Array(9., dtype=float64), Array(6., dtype=float64))
    """

    def value_and_gradient(*args: Any, **kwargs: Any) -> tuple[Array, Any]:
        out, pullback = _vjp_by(f, argnums, args, kwargs)
        if not isinstance(out, Array):
            raise ShapeError(f"grad needs one scalar output, but the function returned a {type(out).__name__}.")
        _scalar(out, "grad")
        gradients = pullback(np.ones((), out.dtype))
        return out, gradients[0] if isinstance(argnums, int) else gradients

    return value_and_gradient


def _vjp_by(f: Any, argnums: int | Sequence[int], args: Sequence[Any], kwargs: dict[str, Any]) -> tuple[Any, Pullback]:
    places = (argnums,) if isinstance(argnums, int) else tuple(argnums)
    if any(not -len(args) <= place < len(args) for place in places):
        raise TypeError(f"argnums {argnums} names an argument that was not passed: there are {len(args)}.")

    def of_primals(*primals: Any) -> Any:
        full = list(args)
        for place, primal in zip(places, primals, strict=True):
            full[place] = primal
        return f(*full, **kwargs)

    return vjp(of_primals, *(args[place] for place in places))


def grad(f: Callable[..., Any], argnums: int | Sequence[int] = 0) -> Callable[..., Any]:
    """The gradient of a scalar function by one argument, or a tuple of them by several.

    Raises: ShapeError if f's value is no scalar; DtypeError if the argument is not float32 or float64.

    >>> import gradproof.engine as ge
    >>> cube = lambda x: x * x * x
    >>> ge.grad(cube)(2.0), ge.grad(ge.grad(cube))(2.0)
    (Array(12., dtype=float64), Array(12., dtype=float64))
    """
    both = value_and_grad(f, argnums)
    return lambda *args, **kwargs: both(*args, **kwargs)[1]


def jacobian(f: Callable[..., Any], argnums: int | Sequence[int] = 0) -> Callable[..., Any]:
    """The derivative of every output entry by every input entry, of shape (*out.shape, *in.shape): a sweep a row.

    >>> import gradproof.engine as ge
    >>> ge.jacobian(lambda x: x * x)([1.0, 2.0])
    Array([[2., 0.],
           [0., 4.]], dtype=float64)
    """

    def rows(*args: Any, **kwargs: Any) -> Any:
        out, pullback = _vjp_by(f, argnums, args, kwargs)
        basis = np.eye(out.size, dtype=out.dtype).reshape(out.size, *out.shape)
        swept = [pullback(seed) for seed in basis]
        places = (argnums,) if isinstance(argnums, int) else tuple(argnums)
        blocks = []
        for i, place in enumerate(places):
            x = as_array(args[place])
            stacked = fn.stack([row[i] for row in swept]) if swept else Array(np.zeros((0, *x.shape), x.dtype))
            blocks.append(fn.reshape(stacked, (*out.shape, *x.shape)))
        return blocks[0] if isinstance(argnums, int) else tuple(blocks)

    return rows


def hessian(f: Callable[..., Any], argnums: int = 0) -> Callable[..., Any]:
    """The second derivatives of a scalar function, of shape (*in.shape, *in.shape): the jacobian of its gradient."""
    return jacobian(grad(f, argnums), argnums)


def hvp(f: Callable[..., Any], primals: Any, tangents: Any) -> Any:
    """The Hessian of a scalar function times a vector: the gradient of <grad f, tangents>.

    A tuple or list of primals gives a tuple; a single array gives an array.
    """
    several = isinstance(primals, tuple | list)
    xs, vs = (tuple(primals), tuple(tangents)) if several else ((primals,), (tangents,))
    vs = _tangents(xs, vs)
    places = tuple(range(len(xs)))

    def slope(*inner: Any) -> Any:
        return _dot(grad(f, places)(*inner), vs)

    out = grad(slope, places)(*xs)
    return out if several else out[0]


def jvp(f: Callable[..., Any], primals: Sequence[Any], tangents: Sequence[Any]) -> tuple[Any, Any]:
    """f(*primals), and the directional derivative along the tangents.

    A pullback is linear in its cotangent u, so the transpose of that linear map, d<pullback(u), v>/du, is the jvp: the
    second backward sweep replaces a table of forward rules, at the price of recording the first one.
    """
    out, pullback = vjp(f, *primals)
    tangents = _tangents(tuple(primals), tuple(tangents))
    several = isinstance(out, tuple | list)
    outs = [as_array(x) for x in (out if several else (out,))]

    def paired(*cts: Any) -> Any:
        return _dot(pullback(cts if several else cts[0]), tangents)

    along = grad(paired, tuple(range(len(outs))))(*(np.ones(x.shape, x.dtype) for x in outs))
    return out, type(out)(along) if several else along[0]


def _tangents(primals: tuple[Any, ...], tangents: tuple[Any, ...]) -> tuple[Array, ...]:
    if len(tangents) != len(primals):
        raise ShapeError(f"{len(tangents)} tangents for {len(primals)} primals. Pass one for each primal.")
    checked = []
    for i, (x, v) in enumerate(zip(primals, tangents, strict=True)):
        primal = _primal(x, f"primal {i}")
        v = _array_of(v, primal.dtype)
        if v.shape != primal.shape or v.dtype != primal.dtype:
            kind = ShapeError if v.shape != primal.shape else DtypeError
            raise kind(
                f"tangent {i} is {v.dtype.name}{v.shape}, expected {primal.dtype.name}{primal.shape}, as its primal."
            )
        checked.append(v)
    return tuple(checked)


def _dot(xs: Sequence[Any], ys: Sequence[Any]) -> Any:
    total = fn.sum(fn.multiply(xs[0], ys[0]))
    for x, y in zip(xs[1:], ys[1:], strict=True):
        total = total + fn.sum(fn.multiply(x, y))
    return total
