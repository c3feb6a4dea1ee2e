"""Products of matrices and vectors, einsum, and solutions by elimination; leading axes broadcast."""

from __future__ import annotations

import string
from collections.abc import Sequence
from typing import Any

from gradproof.engine.array import Array, as_array, raw_of
from gradproof.engine.backend import constant
from gradproof.engine.errors import ShapeError
from gradproof.engine.functions import reduction
from gradproof.engine.functions.complexes import conj, real
from gradproof.engine.functions.elementwise import multiply
from gradproof.engine.functions.shape import (
    diagonal,
    embed_diagonal,
    expand_dims,
    matrix_transpose,
    permute_dims,
    reshape,
    squeeze,
    tril,
)
from gradproof.engine.tape import apply


def matmul(x: Any, y: Any) -> Array:
    """The matrix product; an operand of one axis is a row on the left, a column on the right."""
    x, y = as_array(x), as_array(y)
    if x.ndim == 0 or y.ndim == 0:
        raise ShapeError(f"matmul: operands of shape {x.shape}, {y.shape}; expected at least one axis each. Use multiply.")
    if x.ndim > 1 and y.ndim > 1:
        return apply("matmul", (x, y))
    left = x if x.ndim > 1 else expand_dims(x, 0)
    right = y if y.ndim > 1 else expand_dims(y, 1)
    drop = tuple(axis for axis, operand in ((-2, x), (-1, y)) if operand.ndim == 1)
    return squeeze(apply("matmul", (left, right)), drop)


def tensordot(x: Any, y: Any, axes: int | Sequence[Sequence[int]] = 2) -> Array:
    """The sum of products over pairs of axes. Composed: both operands are made matrices."""
    x, y = as_array(x), as_array(y)
    if isinstance(axes, int):
        over_x, over_y = tuple(range(x.ndim - axes, x.ndim)), tuple(range(axes))
    else:
        over_x, over_y = (tuple(a % n.ndim for a in part) for n, part in zip((x, y), axes, strict=True))
    summed = [x.shape[a] for a in over_x]
    if summed != [y.shape[a] for a in over_y]:
        raise ShapeError(
            f"tensordot: operands of shape {x.shape}, {y.shape} differ along the paired axes {over_x}, {over_y}; "
            "expected equal lengths. Check axes."
        )
    free_x = tuple(i for i in range(x.ndim) if i not in over_x)
    free_y = tuple(i for i in range(y.ndim) if i not in over_y)
    rows, columns = [x.shape[i] for i in free_x], [y.shape[i] for i in free_y]
    length, count_x, count_y = _size(summed), _size(rows), _size(columns)
    left = reshape(permute_dims(x, free_x + over_x), (count_x, length))
    right = reshape(permute_dims(y, over_y + free_y), (length, count_y))
    return reshape(apply("matmul", (left, right)), (*rows, *columns))


def _size(lengths: Sequence[int]) -> int:
    size = 1
    for n in lengths:
        size *= n
    return size


def vecdot(x: Any, y: Any, axis: int = -1) -> Array:
    """The sum of products along one axis of each operand; entries of a complex x are conjugated."""
    x, y = conj(x), as_array(y)
    if axis >= 0:
        x, y, axis = _last(x, axis), _last(y, axis), -1
    return reduction.sum(multiply(x, y), axis=axis)


def _last(x: Array, axis: int) -> Array:
    order = [i for i in range(x.ndim) if i != axis]
    return permute_dims(x, [*order, axis])


def outer(x: Any, y: Any) -> Array:
    """Every product of an entry of one vector with one of another."""
    x, y = as_array(x), as_array(y)
    if x.ndim != 1 or y.ndim != 1:
        raise ShapeError(f"outer: operands of shape {x.shape}, {y.shape}; expected vectors. Reshape to one axis.")
    return multiply(expand_dims(x, 1), expand_dims(y, 0))


def trace(x: Any, offset: int = 0) -> Array:
    """The sum of the offset-th diagonal."""
    return reduction.sum(diagonal(x, offset), axis=-1)


def solve(x: Any, y: Any) -> Array:
    """The z with x @ z = y; a y of one axis is a vector.

    Raises: numpy.linalg.LinAlgError if x is singular.
    """
    y = as_array(y)
    if y.ndim == 1:
        return squeeze(apply("solve", (x, expand_dims(y, 1))), -1)
    return apply("solve", (x, y))


def inv(x: Any) -> Array:
    """The inverse of each matrix.

    Raises: numpy.linalg.LinAlgError if one is singular.
    """
    return apply("inv", (x,))


def det(x: Any) -> Array:
    """The determinant of each matrix; up to 8 rows its gradient is right for singular ones too."""
    return apply("det", (as_array(x),))


def cholesky(x: Any) -> Array:
    """The lower triangle L with L @ L.T = x (its conjugate, of a complex x, which is Hermitian then); the gradient is symmetric, although only the lower triangle is read."""
    return apply("cholesky", (x,))


def row_scale(x: Any) -> Any:
    """Powers of two that even out the rows of x; a constant."""
    return constant("row_scale", raw_of(x))


def cholesky_pullback(ct: Any, out: Any) -> Array:
    """The cotangent of the matrix whose factor is ``out``, by the closed formula: differentiable in both."""
    upper = _adjoint(out)
    inner = tril(matmul(upper, tril(conj(ct))))
    inner = inner - embed_diagonal(diagonal(inner, 0) - 0.5 * real(diagonal(inner, 0)), 0, inner.shape)
    half = solve(upper, _adjoint(solve(upper, _adjoint(inner))))
    return conj(0.5 * (half + _adjoint(half)))


def _adjoint(x: Any) -> Array:
    return conj(matrix_transpose(x))


# ---- einsum


def einsum(subscripts: str, *operands: Any) -> Array:
    """Sums of products by subscripts, with "..." for leading axes and repeated letters for diagonals.

    >>> import gradproof.engine as ge
    >>> ge.einsum("ij,j->i", [[1.0, 2.0], [3.0, 4.0]], [1.0, 1.0])
    Array([3., 7.], dtype=float64)
    """
    arrays = [as_array(x) for x in operands]
    letters, result = _parse(subscripts, arrays)
    for i, term in enumerate(letters):
        arrays[i], letters[i] = _take_diagonals(arrays[i], term)
    for i, term in enumerate(letters):  # a letter of one operand alone is summed at once: the rule need not know it
        others = result + "".join(letters[:i] + letters[i + 1 :])
        alone = tuple(axis for axis, letter in enumerate(term) if letter not in others)
        if alone:
            arrays[i] = reduction.sum(arrays[i], axis=alone)
            letters[i] = "".join(letter for letter in term if letter in others)
    return contract(*arrays, terms=tuple(letters), result=result)


def contract(*operands: Any, terms: tuple[str, ...], result: str) -> Array:
    """einsum's primitive: no dots, no letter twice in a term, none that occurs in one term alone."""
    return apply("contract", operands, {"terms": terms, "result": result})


def _parse(subscripts: str, arrays: Sequence[Array]) -> tuple[list[str], str]:
    """The letters of each operand and of the result, with "..." spelled out and the result explicit."""
    left, arrow, result = subscripts.replace(" ", "").partition("->")
    terms = left.split(",")
    if len(terms) != len(arrays):
        raise ShapeError(f"einsum: '{subscripts}' names {len(terms)} operands, but {len(arrays)} were given.")
    spare = [letter for letter in string.ascii_letters if letter not in subscripts]
    depth = max(x.ndim - len(term.replace("...", "")) if "..." in term else 0 for x, term in zip(arrays, terms, strict=True))
    dots = "".join(spare[:depth])
    spelled = []
    for x, term in zip(arrays, terms, strict=True):
        named = len(term.replace("...", ""))
        if named > x.ndim or ("..." not in term and named != x.ndim):
            raise ShapeError(f"einsum: term '{term}' of '{subscripts}' does not fit an operand of shape {x.shape}.")
        spelled.append(term.replace("...", dots[depth - (x.ndim - named) :]))
    if not arrow:
        once = sorted(letter for letter in set(left) - set(".,") if left.count(letter) == 1)
        result = ("..." if depth else "") + "".join(once)
    return spelled, result.replace("...", dots)


def _take_diagonals(x: Array, term: str) -> tuple[Array, str]:
    """Repeated letters of a term reduced to one, by taking the diagonal of their axes."""
    for letter in sorted(set(term)):
        while term.count(letter) > 1:
            first = term.index(letter)
            second = term.index(letter, first + 1)
            if x.shape[first] != x.shape[second]:
                raise ShapeError(f"einsum: letter '{letter}' names axes of lengths {x.shape[first]}, {x.shape[second]}.")
            rest = [i for i in range(x.ndim) if i not in (first, second)]
            x = diagonal(permute_dims(x, [*rest, first, second]), 0)
            term = "".join(term[i] for i in rest) + letter
    return x, term
