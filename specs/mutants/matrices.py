"""Decompositions and functions of matrices: a term of the formula that is missing, an order or a sign of factors, a transpose."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradproof.engine.backend import raw
from gradproof.engine.rules import decompositions as rules
from gradproof.specs.mutants.mutant import Family, scaled
from gradproof.specs.mutants.second import _stopped, recorded

MATRICES, SECOND = Family("decompositions"), Family("second order only", order=2)


def _T(x: Any) -> Any:
    return np.swapaxes(np.asarray(x), -1, -2)


def _without(part: slice, primitive: str) -> Any:
    """The right gradient of a cotangent that is 0 in some rows of the packed results."""
    (right,) = (r.pull for r in rules.RULES[primitive] if r is not None)

    def pull(xp: Any, ct: Any, out: Any, x: Any) -> Any:
        ct = np.array(ct)
        ct[..., part, :] = 0.0
        return right(xp, ct, out, x)

    return pull


def _ungapped(g: Any, xp: Any, ct: Any, out: Any, x: Any) -> Any:
    """Eigenvectors turn by the sum of eigenvalues in place of their difference."""
    w, v = out[..., 0, :], out[..., 1:, :]
    inside = _T(v) @ ct[..., 1:, :]
    total = w[..., None, :] + w[..., :, None]
    turned = 0.5 * (inside - _T(inside)) / np.where(total == 0, 1.0, total)
    return v @ (turned + np.eye(v.shape[-1]) * ct[..., 0, None, :]) @ _T(v)


def _without_outside(g: Any, xp: Any, ct: Any, out: Any, x: Any) -> Any:
    """Only what stays in the span of the thin U."""
    m, n = x.shape[-2:]
    if m <= n:
        return g
    u = out[..., :m, :]
    return u @ (_T(u) @ g)


def _half_pinv(xp: Any, ct: Any, out: Any, x: Any) -> Any:
    turned = _T(out)
    return -(turned @ ct @ turned)


# fmt: off
MATRICES.wrap("linalg.eigh", "eigenvectors turn by the sum of the eigenvalues", _ungapped, "eigh")
MATRICES.rule("linalg.eigh", "the cotangent of the eigenvectors is lost", _without(slice(1, None), "eigh"), "eigh")
MATRICES.rule("linalg.eigvalsh linalg.eigh", "the cotangent of the eigenvalues is lost", _without(slice(0, 1), "eigh"), "eigh")
MATRICES.wrap("linalg.eigh linalg.eigvalsh", "only the lower triangle", lambda g, *rest: np.tril(g), "eigh")
MATRICES.wrap("linalg.eigh", "off by one in 1e8", scaled(1 + 1e-8), "eigh")
MATRICES.wrap("linalg.svd", "what of U turns out of its span is lost", _without_outside, "svd")
MATRICES.wrap("linalg.svd linalg.svdvals linalg.matrix_norm", "off by one in 1e8", scaled(1 + 1e-8), "svd")
MATRICES.swap("linalg.svd linalg.eigh", "the sign of a gap is lost", rules, "_over",
              lambda right: lambda xp, left, gap, *rest: right(xp, left, xp.abs(gap), *rest))
MATRICES.rule("linalg.svd", "the cotangent of V is lost", lambda xp, ct, out, x: _without(slice(x.shape[-2] + 1, None), "svd")(xp, ct, out, x), "svd")
MATRICES.wrap("linalg.qr", "off by one in 1e8", scaled(1 + 1e-8), "qr")
MATRICES.rule("linalg.qr", "the cotangent of Q is lost", lambda xp, ct, out, x: _without(slice(0, x.shape[-2]), "qr")(xp, ct, out, x), "qr")
MATRICES.rule("linalg.qr", "the cotangent of R is lost", lambda xp, ct, out, x: _without(slice(x.shape[-2], None), "qr")(xp, ct, out, x), "qr")
MATRICES.wrap("linalg.slogdet", "the inverse is not transposed", lambda g, *rest: _T(g), "logabsdet")
MATRICES.wrap("linalg.slogdet", "as of the determinant", lambda g, xp, ct, out, x: g * np.exp(out)[..., None, None], "logabsdet")
MATRICES.rule("linalg.pinv linalg.lstsq", "as of the inverse", _half_pinv, "pinv")
MATRICES.wrap("linalg.pinv linalg.lstsq", "doubled", scaled(2), "pinv")
MATRICES.wrap("linalg.expm", "as if x commuted with every change of it", lambda g, xp, ct, out, x: _T(out) @ ct, "expm")
MATRICES.wrap("linalg.expm", "x is not transposed", lambda g, *rest: _T(g), "expm")
MATRICES.swap("linalg.expm", "a large cotangent blurs x", raw, "row_scale", lambda right: lambda x: np.ones_like(right(x)))
MATRICES.wrap("linalg.triangular_solve linalg.cholesky_solve", "both triangles", lambda g, xp, ct, out, x, y, lower: g + (np.triu(np.ones(g.shape[-2:]), 1) if lower else np.tril(np.ones(g.shape[-2:]), -1)), "triangular_solve")
MATRICES.wrap("linalg.triangular_solve", "the matrix's is not negated", scaled(-1), "triangular_solve")
MATRICES.rule("linalg.triangular_solve linalg.cholesky_solve", "the matrix is not transposed", lambda xp, ct, out, x, y, lower: xp.triangular_solve(x, ct, lower=lower), "triangular_solve", argument=1)
for ops, primitive, what, wrong in (
    ("linalg.eigh linalg.eigvalsh", "eigh", "out", "its result is a constant"),
    ("linalg.svd linalg.svdvals", "svd", "out", "its result is a constant"),
    ("linalg.qr", "qr", "out", "its result is a constant"),
    ("linalg.slogdet", "logabsdet", "0", "the matrix is a constant"),
    ("linalg.pinv", "pinv", "out", "its result is a constant"),
    ("linalg.expm", "expm", "0", "the matrix is a constant"),
    ("linalg.triangular_solve", "triangular_solve", "out", "the solution is a constant"),
):
    SECOND.rule(ops, wrong, recorded(primitive, 0, _stopped(primitive, 0, what)), primitive)
MATRICES.wrap("linalg.cross", "the sign of a difference is lost", lambda g, *rest: abs(g), "subtract", argument=1)
MATRICES.wrap("linalg.cross", "off by one in 1e8", scaled(1 + 1e-8), "subtract")
MATRICES.wrap("linalg.kron", "blocks in the other order", lambda g, xp, ct, out, x, shape: np.reshape(np.swapaxes(g, -2, -3), g.shape) if np.ndim(g) > 3 and g.shape[-2] == g.shape[-3] else g, "reshape")
MATRICES.wrap("linalg.kron", "entries multiplied by themselves", lambda g, xp, ct, out, x, y: g * 1.5 if np.ndim(x) > 3 else g, "multiply")
MATRICES.wrap("linalg.matrix_power", "the left factor's is not transposed", lambda g, *rest: _T(g), "matmul")
MATRICES.wrap("linalg.matrix_power", "of negative powers with the other sign", scaled(-1), "inv")
# fmt: on
MUTANTS = MATRICES.mutants + SECOND.mutants
