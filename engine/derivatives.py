"""Transforms made of ``vjp``: gradients, Jacobians, Hessians, and derivatives along a direction.

There are no forward rules. A pullback is linear in its cotangent, so the transpose of that linear map, which is the pullback's
own vjp, is the derivative along a direction (``linearize``): exact, of any order, and one table of rules less to be wrong. The
price is paid once a point, a recorded sweep; each further direction costs about one plain sweep (docs/engine.md has figures).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

import gradproof.engine.functions as fn
from gradproof.engine import pytree
from gradproof.engine.array import Array
from gradproof.engine.errors import DtypeError, ShapeError, TreeError, a_function
from gradproof.engine.library import beside, full, is_complex, name_of
from gradproof.engine.pytree import Structure
from gradproof.engine.transforms import array_of, differentiable, names, scalar, vjp

Argnums = int | Sequence[int]
LINEARIZE_COST = 4  # the sweeps that a recorded one is worth; a column then costs what a row does (docs/engine.md)


def value_and_grad(f: Callable[..., Any], argnums: Argnums = 0, has_aux: bool = False) -> Callable[..., tuple[Any, Any]]:
    """A function giving f's scalar value and its gradient by the arguments at ``argnums``, which may be trees.

    With ``has_aux``, f gives (value, aux), and so does the result in place of the value.

    >>> import gradproof.engine as ge
    >>> ge.value_and_grad(lambda x: x * x)(3.0)
    (Array(9., dtype=float64), Array(6., dtype=float64))
    """

    a_function(f, "grad")
    _integers(argnums)

    def value_and_gradient(*args: Any, **kwargs: Any) -> tuple[Any, Any]:
        out, pullback, *aux = _vjp_by(f, argnums, args, kwargs, has_aux)
        if not isinstance(out, Array):
            raise ShapeError(f"grad needs one scalar output, but the function returned a {type(out).__name__}.")
        scalar(out, "grad")
        if is_complex(out.dtype):
            raise DtypeError("grad of a complex value: one number cannot hold its derivative. Take real or imag of it, or use vjp.")
        gradients = pullback(full((), 1.0, out.data))
        return (out, *aux) if has_aux else out, gradients[0] if isinstance(argnums, int) else gradients

    return value_and_gradient


def _integers(argnums: Argnums) -> None:
    whole = isinstance(argnums, int) or (isinstance(argnums, tuple | list) and all(isinstance(i, int) for i in argnums))
    if not whole:
        raise TypeError(f"argnums={argnums!r}, expected the position of an argument, or a tuple of positions.")


def _places(argnums: Argnums, args: Sequence[Any]) -> tuple[int, ...]:
    places = (argnums,) if isinstance(argnums, int) else tuple(argnums)
    if any(not -len(args) <= place < len(args) for place in places):
        raise TypeError(f"argnums {argnums} names an argument that was not passed: there are {len(args)} by position.")
    if len({place % len(args) for place in places}) < len(places):
        raise TypeError(f"argnums {argnums} names an argument twice, expected each once. Leave one out.")
    return places


def _vjp_by(f: Any, argnums: Argnums, args: Sequence[Any], kwargs: dict[str, Any], has_aux: bool) -> Any:
    places = _places(argnums, args)

    def of_primals(*primals: Any) -> Any:
        full = list(args)
        for place, primal in zip(places, primals, strict=True):
            full[place] = primal
        return f(*full, **kwargs)

    return vjp(of_primals, *(args[place] for place in places), has_aux=has_aux)


def grad(f: Callable[..., Any], argnums: Argnums = 0, has_aux: bool = False) -> Callable[..., Any]:
    """The gradient of a scalar function by one argument, or a tuple of them by several. Each is a tree as its argument is.

    Raises: ShapeError if f's value is no scalar; DtypeError if the argument cannot be differentiated.

    >>> import gradproof.engine as ge
    >>> cube = lambda x: x * x * x
    >>> ge.grad(cube)(2.0), ge.grad(ge.grad(cube))(2.0)
    (Array(12., dtype=float64), Array(12., dtype=float64))
    """
    both = value_and_grad(f, argnums, has_aux)

    def gradient(*args: Any, **kwargs: Any) -> Any:
        value, found = both(*args, **kwargs)
        return (found, value[1]) if has_aux else found

    return gradient


# ---- along a direction


def linearize(f: Callable[..., Any], *primals: Any) -> tuple[Any, Callable[..., Any]]:
    """f(*primals), and its derivative there as a linear function of one tangent for each primal.

    >>> import gradproof.engine as ge
    >>> out, along = ge.linearize(lambda x: x * x, 3.0)
    >>> along(1.0), along(2.0)
    (Array(6., dtype=float64), Array(12., dtype=float64))
    """
    out, pullback = vjp(f, *primals)
    leaves, structure = pytree.flatten(out)
    # at ones and not at zeros: rules let nothing flow through an infinite slope where the cotangent is zero
    _, push = vjp(pullback, pytree.unflatten(structure, [full(x.shape, 1.0, x.data) for x in leaves]))

    def along(*tangents: Any) -> Any:
        return push(_tangents(primals, tangents))[0]

    return out, along


def jvp(f: Callable[..., Any], primals: Any, tangents: Any) -> tuple[Any, Any]:
    """f(*primals), and the directional derivative along the tangents.

    A tuple or list of primals is several arguments, with a tangent for each; anything else is the one argument, array or tree.

    >>> import gradproof.engine as ge
    >>> ge.jvp(ge.multiply, (3.0, 4.0), (1.0, 0.0))
    (Array(12., dtype=float64), Array(4., dtype=float64))
    """
    several = isinstance(primals, tuple | list) and not hasattr(primals, "_fields")
    xs, vs = _several(primals, tangents, "jvp") if several else ((primals,), (tangents,))
    checked = _tangents(xs, vs)
    out, along = linearize(f, *xs)
    return out, along(*checked)


def _several(primals: Any, tangents: Any, where: str) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    if not isinstance(tangents, tuple | list):
        raise TreeError(
            f"{where}: a {type(tangents).__name__} for {len(primals)} primals, expected a tuple of tangents, one for each. "
            "Or pass the one primal without a tuple."
        )
    return tuple(primals), tuple(tangents)


def _tangents(primals: tuple[Any, ...], tangents: tuple[Any, ...]) -> tuple[Any, ...]:
    if len(tangents) != len(primals):
        raise ShapeError(f"{len(tangents)} tangents for {len(primals)} primals. Pass one for each primal.")
    leaves, structure = pytree.flatten(primals)
    checked = []
    given = [v for x, t, i in zip(structure.children, tangents, range(len(primals)), strict=True)
             for v in pytree.flatten_like(x, t, f"tangent {i}")]  # fmt: skip
    for x, v, name in zip(leaves, given, names(structure, ""), strict=True):
        primal = differentiable(x, f"primal{name}")
        v = array_of(v, primal.dtype, primal)
        if v.shape != primal.shape or v.dtype != primal.dtype:
            kind = ShapeError if v.shape != primal.shape else DtypeError
            raise kind(
                f"tangent{name} is {name_of(v.dtype)}{v.shape}, expected {name_of(primal.dtype)}{primal.shape}, as its primal."
            )
        checked.append(v)
    return pytree.unflatten(structure, checked)  # type: ignore[no-any-return]


def hvp(f: Callable[..., Any], primals: Any, tangents: Any) -> Any:
    """The Hessian of a scalar function times a vector: the pullback of its gradient, as a Hessian is its own transpose.

    A tuple of primals is several arguments and gives a tuple; anything else is the one argument, array or tree.
    """
    several = isinstance(primals, tuple) and not hasattr(primals, "_fields")
    xs, vs = _several(primals, tangents, "hvp") if several else ((primals,), (tangents,))
    vs = _tangents(xs, vs)
    _, pullback = vjp(grad(f, tuple(range(len(xs)))), *xs)
    out = pullback(vs)
    return out if several else out[0]


# ---- Jacobians


def jacobian(f: Callable[..., Any], argnums: Argnums = 0, has_aux: bool = False, *, mode: str = "auto") -> Callable[..., Any]:
    """The derivative of every output entry by every input entry, of shape (*out.shape, *in.shape).

    ``mode`` "reverse" is a sweep for each output entry, "forward" one derivative along each input entry, and "auto" whichever
    is cheaper for the shapes. A tree of outputs gives that tree with, at each leaf, what one array gives: the tree of its
    derivatives by the argument, or the tuple of these by several.

    >>> import gradproof.engine as ge
    >>> ge.jacobian(lambda x: x * x)([1.0, 2.0])
    Array([[2., 0.],
           [0., 4.]], dtype=float64)
    """
    if mode not in ("auto", "reverse", "forward"):
        raise ValueError(f"jacobian: mode={mode!r}, expected 'auto', 'reverse' or 'forward'.")

    a_function(f, "jacobian")
    _integers(argnums)

    def entries(*args: Any, **kwargs: Any) -> Any:
        out, pullback, *aux = _vjp_by(f, argnums, args, kwargs, has_aux)
        outs, shape = pytree.flatten(out)
        ins, structure = pytree.flatten(tuple(args[place] for place in _places(argnums, args)))
        ins = [differentiable(x, "argument") for x in ins]
        tall = LINEARIZE_COST + sum(x.size for x in ins) < sum(x.size for x in outs)
        blocks = _columns if mode == "forward" or (mode == "auto" and tall) else _rows
        found = blocks(pullback, outs, shape, ins, structure)
        of_each = [pytree.unflatten(structure, row) for row in found]
        whole = pytree.unflatten(shape, [row[0] for row in of_each] if isinstance(argnums, int) else of_each)
        return (whole, *aux) if has_aux else whole

    return entries


def jacrev(f: Callable[..., Any], argnums: Argnums = 0, has_aux: bool = False) -> Callable[..., Any]:
    """``jacobian`` by rows: a sweep for each output entry."""
    return jacobian(f, argnums, has_aux, mode="reverse")


def jacfwd(f: Callable[..., Any], argnums: Argnums = 0, has_aux: bool = False) -> Callable[..., Any]:
    """``jacobian`` by columns: a derivative along each input entry."""
    return jacobian(f, argnums, has_aux, mode="forward")


def hessian(f: Callable[..., Any], argnums: Argnums = 0, has_aux: bool = False) -> Callable[..., Any]:
    """The second derivatives of a scalar function, of shape (*in.shape, *in.shape): the jacobian of its gradient.

    Trees and several arguments nest twice: ``hessian(f, (0, 1))(x, y)[i][j]`` is the derivative by i, then by j.
    """
    return jacobian(grad(f, argnums, has_aux), argnums, has_aux)


def _basis(arrays: list[Array], structure: Structure) -> list[list[Any]]:
    """For each array, the trees that are 1 at one of its entries and 0 elsewhere."""
    found = []
    for i, x in enumerate(arrays):
        ones = Array(beside(np.eye(x.size).reshape(x.size, *x.shape), x.data))
        zeros = [full(y.shape, 0.0, y.data) for y in arrays]
        found.append([pytree.unflatten(structure, [*zeros[:i], one, *zeros[i + 1 :]]) for one in ones])
    return found


def _stacked(parts: list[Any], axis: int, empty: tuple[int, ...], shape: tuple[int, ...], like: Array) -> Array:
    whole = fn.stack(parts, axis=axis) if parts else Array(full(empty, 0.0, like.data))
    return fn.reshape(whole, shape)


def _rows(pullback: Any, outs: list[Array], shape: Structure, ins: list[Array], structure: Structure) -> list[list[Array]]:
    blocks = []
    for out, seeds in zip(outs, _basis(outs, shape), strict=True):
        rows = [pytree.flatten(pullback(seed))[0] for seed in seeds]
        blocks.append([
            _stacked([row[i] for row in rows], 0, (0, *x.shape), (*out.shape, *x.shape), x) for i, x in enumerate(ins)
        ])
    return blocks


def _columns(pullback: Any, outs: list[Array], shape: Structure, ins: list[Array], structure: Structure) -> list[list[Array]]:
    _, push = vjp(pullback, pytree.unflatten(shape, [full(x.shape, 1.0, x.data) for x in outs]))
    along = [[pytree.flatten(push(tangent))[0] for tangent in tangents] for tangents in _basis(ins, structure)]
    return [
        [
            _stacked([c[i] for c in columns], -1, (*out.shape, 0), (*out.shape, *x.shape), out)
            for x, columns in zip(ins, along, strict=True)
        ]
        for i, out in enumerate(outs)
    ]
