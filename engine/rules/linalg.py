"""Pullbacks of linear algebra on stacks of matrices. Vectors are made matrices by the functions, not here."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from gradproof.engine.rules.rule import Table, rule


def _matmul_y(xp: Any, ct: Any, out: Any, x: Any, y: Any) -> Any:
    if len(y.shape) == 2 and len(x.shape) > 2:  # one matrix for a whole stack: one product, not a stack to be summed
        x = xp.reshape(x, shape=(math.prod(x.shape[:-1]), x.shape[-1]))
        ct = xp.reshape(ct, shape=(x.shape[0], ct.shape[-1]))
    return xp.matmul(xp.matrix_transpose(x), ct)


def _solve_y(xp: Any, ct: Any, out: Any, x: Any, y: Any) -> Any:
    transposed = xp.matrix_transpose(x)
    scale = xp.row_scale(transposed)  # exact; without it a badly scaled column of x misleads the choice of pivots
    return xp.solve(scale * transposed, scale * ct)


def _solve_x(xp: Any, ct: Any, out: Any, x: Any, y: Any) -> Any:
    return -xp.matmul(_solve_y(xp, ct, out, x, y), xp.matrix_transpose(out))


def _inv(xp: Any, ct: Any, out: Any, x: Any) -> Any:
    transposed = xp.matrix_transpose(out)
    return -xp.matmul(xp.matmul(transposed, ct), transposed)


def _det(xp: Any, ct: Any, out: Any, x: Any) -> Any:
    n = x.shape[-1]
    if n > 8:  # minors cost n**5; beyond here the inverse, which a singular matrix has not
        return ct[..., None, None] * (out[..., None, None] * xp.matrix_transpose(xp.inv(x)))
    others = np.array([[j for j in range(n) if j != i] for i in range(n)], dtype=np.int64).reshape(n, max(n - 1, 0))
    minors = xp.getitem(x, key=(..., others[:, None, :, None], others[None, :, None, :]))  # right for singular matrices too
    signs = (-1.0) ** np.add.outer(np.arange(n), np.arange(n))
    return ct[..., None, None] * (xp.det(minors) * xp.beside(x, values=signs))


def _contract(xp: Any, ct: Any, out: Any, *operands: Any, argument: int, terms: tuple[str, ...], result: str) -> Any:
    others = [i for i in range(len(terms)) if i != argument]
    swapped = (result, *(terms[i] for i in others))
    return xp.contract(ct, *(operands[i] for i in others), terms=swapped, result=terms[argument])


# fmt: off
RULES: Table = {
    "matmul":   (rule("y", lambda xp, ct, out, x, y: xp.matmul(ct, xp.matrix_transpose(y))),
                 rule("x", _matmul_y)),
    "solve":    (rule("x out", _solve_x),
                 rule("x", _solve_y)),
    "inv":      (rule("out", _inv),),
    "det":      (rule("x out", _det),),
    "cholesky": (rule("out", lambda xp, ct, out, x: xp.cholesky_pullback(ct, out)),),  # C14
}
VARIADIC: Table = {"contract": (rule("others", _contract),)}
# fmt: on
