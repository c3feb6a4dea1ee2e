"""Pullbacks of decompositions and of functions of matrices.

A result that the matrix does not determine (eigenvectors of a repeated eigenvalue) has no derivative; what is computed from
it may have one. So a rule divides by a gap of zero only what the cotangent leaves there, which is nothing where all choices
of the result give the same value; where something is left, the rule refuses.
Source: Giles, Collected matrix derivative results, 2008; Seeger et al., Auto-differentiating linear algebra, 2017; for
pinv Golub and Pereyra, 1973; for expm the Frechet derivative as a block of a larger exponential (Mathias, 1996).
"""

from __future__ import annotations

import math
from typing import Any

from gradproof.engine.library import is_complex
from gradproof.engine.rules.rule import Table, rule

EIGH = (
    "eigh: two eigenvalues are equal to rounding, so their eigenvectors are one choice of many, and the cotangent depends on "
    "the choice: there is no gradient. Use eigenvalues alone, or what all choices share (the projection onto the whole "
    "space); of a function of a matrix, use the function itself (expm, inv, matrix_power, cholesky)."
)
SVD = (
    "svd: two singular values are equal to rounding, or one is 0, so their vectors are one choice of many, and the cotangent "
    "depends on the choice: there is no gradient. Use singular values alone, or what all choices share (U @ Vh at full rank)."
)
QR = "qr: the columns of the matrix are linearly dependent to rounding, so Q is one choice of many: there is no gradient."
LOGABSDET = "slogdet: the matrix is singular, where log |det| is -inf and has no gradient. Use det, whose gradient exists there."


def _T(xp: Any, x: Any) -> Any:
    return xp.matrix_transpose(x)


def _conj(xp: Any, x: Any) -> Any:
    return xp.conj(x) if is_complex(x.dtype) else x


def _real(xp: Any, x: Any) -> Any:
    return xp.real(x) if is_complex(x.dtype) else x


def _H(xp: Any, x: Any) -> Any:
    return _T(xp, _conj(xp, x))


def _over(xp: Any, left: Any, gap: Any, scale: Any, reach: Any, amount: Any, said: str) -> Any:
    """left / gap, and 0 where the gap is rounding and all that the cotangent leaves there, ``reach``, is too."""
    shut = xp.shut(gap, scale, reach, amount, said=said)
    return xp.where(shut, 0.0, left / xp.where(shut, 1.0, gap))


def _reach(xp: Any, odd: Any, even: Any, by_values: Any) -> Any:
    """What a cotangent leaves between two vectors: what turns them, and, where it reaches their values too, what mixes
    them. (In a function of a matrix the two belong together, and of equal values nothing tells how.)"""
    valued = (by_values[..., :, None] != 0) | (by_values[..., None, :] != 0)
    mixed = even - xp.embed_diagonal(xp.diagonal(even, offset=0), offset=0, shape=even.shape)
    return xp.abs(odd) + xp.where(valued, xp.abs(mixed), 0.0)


def _both(xp: Any, m: Any) -> Any:
    return m + _T(xp, m)


def _eigh(xp: Any, ct: Any, out: Any, x: Any) -> Any:
    w, v, by_w, by_v = _real(xp, out[..., 0, :]), out[..., 1:, :], _real(xp, ct[..., 0, :]), ct[..., 1:, :]
    inside = xp.matmul(_T(xp, v), by_v)
    odd, even = 0.5 * (inside - _H(xp, inside)), 0.5 * (inside + _H(xp, inside))
    amount = _both(xp, xp.matmul(xp.abs(_T(xp, v)), xp.abs(by_v)))
    size = xp.sum(xp.abs(w), axis=-1, keepdims=True)[..., None]
    gap = w[..., None, :] - w[..., :, None]
    turned = _over(xp, odd, gap, size, _reach(xp, odd, even, by_w), amount, EIGH)
    moved = turned + xp.embed_diagonal(by_w, offset=0, shape=turned.shape)
    return xp.matmul(xp.matmul(_conj(xp, v), moved), _T(xp, v))


def _svd(xp: Any, ct: Any, out: Any, x: Any) -> Any:
    """Of x = U diag(s) V^T, where V of complex numbers is the conjugate of what is else called so."""
    m, n = x.shape[-2:]
    u, s, v = out[..., :m, :], _real(xp, out[..., m, :]), out[..., m + 1 :, :]
    by_u, by_s, by_v = ct[..., :m, :], _real(xp, ct[..., m, :]), ct[..., m + 1 :, :]
    left, right = xp.matmul(_T(xp, u), by_u), _conj(xp, xp.matmul(_T(xp, v), by_v))
    odd_u, odd_v = left - _H(xp, left), right - _H(xp, right)
    plus, minus = 0.5 * (odd_u + odd_v), 0.5 * (odd_u - odd_v)  # where they turn together, and against each other
    amount = _both(xp, xp.matmul(xp.abs(_T(xp, u)), xp.abs(by_u)) + xp.matmul(xp.abs(_T(xp, v)), xp.abs(by_v)))
    row, size = s[..., None, :], xp.sum(s, axis=-1, keepdims=True)[..., None]
    even = left + right + _H(xp, left + right)
    turned = _over(xp, plus, row - s[..., :, None], size, _reach(xp, plus, even, by_s), amount, SVD)
    turned = turned + _over(xp, minus, row + s[..., :, None], size, xp.abs(minus), amount, SVD)
    moved = turned + xp.embed_diagonal(by_s, offset=0, shape=turned.shape)
    across, down = _conj(xp, u), _H(xp, v)
    found = xp.matmul(xp.matmul(across, moved), down)
    if m > n:  # what of U turns out of its own span
        found = found + xp.matmul(_outside(xp, by_u, across, left, row, size), down)
    if n > m:
        found = found + xp.matmul(across, _T(xp, _outside(xp, by_v, _conj(xp, v), _conj(xp, right), row, size)))
    return found


def _outside(xp: Any, by_u: Any, u: Any, left: Any, row: Any, size: Any) -> Any:
    rest = by_u - xp.matmul(u, left)
    amount = xp.abs(by_u) + xp.matmul(xp.abs(u), xp.abs(left))
    return _over(xp, rest, row, size, xp.abs(rest), amount, SVD)


def _qr(xp: Any, ct: Any, out: Any, x: Any) -> Any:
    """The conjugate of a cotangent is what the formulas of a complex matrix are written in."""
    m, n = x.shape[-2:]
    q, r = out[..., :m, :], _T(xp, out[..., m:, :])
    ct = _conj(xp, ct)
    by_q, by_r = ct[..., :m, :], xp.triu(_T(xp, ct[..., m:, :]), k=0)  # below, R is 0: an infinity there is nobody's
    beside = None
    if n > m:  # the columns beyond the square are Q times those of R
        beside = xp.matmul(q, by_r[..., m:])
        by_q = by_q + xp.matmul(xp.matmul(q, r[..., m:]), _H(xp, by_r[..., m:]))
        r, by_r = r[..., :m], by_r[..., :m]
    inside = xp.matmul(r, _H(xp, by_r)) - xp.matmul(_H(xp, by_q), q)
    below = xp.tril(inside, k=-1)
    middle = _real(xp, xp.diagonal(inside, offset=0))
    right = by_q + xp.matmul(q, below + xp.embed_diagonal(middle, offset=0, shape=inside.shape) + _H(xp, below))
    pivots, sizes = xp.diagonal(r, offset=0), xp.sum(xp.abs(r), axis=-2)
    xp.shut(xp.abs(pivots), sizes, xp.sum(xp.abs(right), axis=(-2, -1), keepdims=True)[..., 0], xp.zeros_like(sizes), said=QR)
    found = _H(xp, xp.triangular_solve(r, _H(xp, right), lower=False))
    return _conj(xp, found if beside is None else _padded(xp, found, 0, n - m) + _padded(xp, beside, m, 0))


def _padded(xp: Any, x: Any, before: int, after: int) -> Any:
    return xp.pad(x, pad_width=((0, 0),) * (len(x.shape) - 1) + ((before, after),), value=0.0)


def _logabsdet(xp: Any, ct: Any, out: Any, x: Any) -> Any:
    xp.shut(xp.where(out == -math.inf, xp.zeros_like(ct), 1.0), 0.0 * ct, xp.abs(ct), 0.0 * ct, said=LOGABSDET)
    return ct[..., None, None] * _T(xp, xp.inv(x))


def _signdet(xp: Any, ct: Any, out: Any, x: Any) -> Any:
    """Of a complex matrix, exp(i t) with t the imaginary part of log det; of a real one it is flat."""
    turn = _real(xp, ct * out * 1j)
    return (turn * -1j)[..., None, None] * _T(xp, xp.inv(x))


def _pinv(xp: Any, ct: Any, out: Any, x: Any) -> Any:  # C19: as long as the rank stays
    ct = _conj(xp, ct)
    turned, back = _H(xp, out), _H(xp, ct)
    found = -xp.matmul(xp.matmul(turned, ct), turned)
    beyond_rows = xp.matmul(back, xp.matmul(out, turned))
    beyond_columns = xp.matmul(xp.matmul(turned, out), back)
    return _conj(xp, found + (beyond_rows - xp.matmul(xp.matmul(x, out), beyond_rows)) + (
        beyond_columns - xp.matmul(beyond_columns, xp.matmul(out, x))
    ))


def _expm(xp: Any, ct: Any, out: Any, x: Any) -> Any:
    """The corner of exp([[x', ct], [0, x']]). It is linear in ct, so ct is brought to size 1: a large one would blur x."""
    n = x.shape[-1]
    turned = _T(xp, x)
    scale = xp.row_scale(xp.reshape(ct, shape=(*ct.shape[:-2], n * n)))[..., None]
    last = ((0, 0),) * (len(x.shape) - 2)
    block = (
        xp.pad(turned, pad_width=(*last, (0, n), (0, n)), value=0.0)
        + xp.pad(turned, pad_width=(*last, (n, 0), (n, 0)), value=0.0)
        + xp.pad(scale * ct, pad_width=(*last, (0, n), (n, 0)), value=0.0)
    )
    return xp.expm(block)[..., :n, n:] / scale


def _triangular_y(xp: Any, ct: Any, out: Any, x: Any, y: Any, lower: bool) -> Any:
    return xp.triangular_solve(_T(xp, x), ct, lower=not lower)


def _triangular_x(xp: Any, ct: Any, out: Any, x: Any, y: Any, lower: bool) -> Any:
    found = -xp.matmul(_triangular_y(xp, ct, out, x, y, lower), _T(xp, out))
    return xp.tril(found, k=0) if lower else xp.triu(found, k=0)


# fmt: off
RULES: Table = {
    "eigh":      (rule("out", _eigh),),  # C18
    "svd":       (rule("out", _svd),),  # C18
    "qr":        (rule("out", _qr),),
    "logabsdet": (rule("x out", _logabsdet),),
    "signdet":   (rule("x out", _signdet),),
    "pinv":      (rule("x out", _pinv),),  # C19
    "expm":      (rule("x", _expm),),
    "triangular_solve": (rule("x out", _triangular_x),
                         rule("x", _triangular_y)),
}
# fmt: on
