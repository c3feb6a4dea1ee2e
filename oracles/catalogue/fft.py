"""Fourier transforms on pairs: the sum by its definition, with the powers of the root of unity as constants.

They are of 190 digits, and count as rounded: an engine computes with rounded ones. The fast transform makes fewer roundings than the sum.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import flint
import numpy as np

from gradproof.oracles.catalogue.frames import BITS
from gradproof.oracles.catalogue.row import Op, Shape, Sketch, Slot
from gradproof.oracles.catalogue.source import Source
from gradproof.oracles.complex_number import Complex, joined, parted
from gradproof.oracles.graph import Array, Param

NORMS = ("backward", "ortho", "forward")


def _root(like: Any, k: int, n: int) -> Complex:
    """exp(2 pi i k / n), a constant beside the scalar ``like``."""
    before, flint.ctx.prec = flint.ctx.prec, BITS
    turn = flint.arb(2 * (k % n)) / n
    parts = turn.cos_pi().mid(), turn.sin_pi().mid()
    flint.ctx.prec = before
    return Complex(*(like.lift(part) for part in parts))


def _scaled(z: Any, like: Any, n: int, norm: str, inverse: bool) -> Any:
    """Divided by n, by its root, or as it is."""
    if norm == "ortho":
        return z / like.lift(float(n)).apply("sqrt")
    return z / n if (norm == "backward") is inverse else z


def _sums(z: Array, axis: int, norm: str, inverse: bool, count: int | None = None) -> Any:
    """The first ``count`` sums along an axis of complex scalars."""
    moved = np.moveaxis(z, axis, -1)
    n = moved.shape[-1]
    like = moved.flat[0].re
    roots = [_root(like, k if inverse else -k, n) for k in range(n)]
    out = np.empty((*moved.shape[:-1], n if count is None else count), dtype=object)
    for i in np.ndindex(*moved.shape[:-1]):
        for j in range(out.shape[-1]):
            total: Any = 0
            for k in range(n):
                total = moved[(*i, k)] * roots[j * k % n] + total
            out[(*i, j)] = _scaled(total, like, n, norm, inverse)
    return np.moveaxis(out, -1, axis)


def _fitted(z: Any, lengths: Sequence[int] | None, axes: Sequence[int]) -> Any:
    """Cut to the lengths along the axes, or filled up with zeros."""
    for axis, n in zip(axes, lengths or [z.shape[a] for a in axes], strict=True):
        moved = np.moveaxis(z, axis, 0)
        if len(moved) < n:
            zero = np.zeros((n - len(moved), *moved.shape[1:]), complex)
            if z.dtype == object:
                like = moved.flat[0].re
                zero = np.frompyfunc(lambda v, like=like: Complex(like.lift(0.0), like.lift(0.0)), 1, 1)(zero)
            moved = np.concatenate([moved, zero])
        z = np.moveaxis(moved[:n], 0, axis)
    return z


def _pairs(x: Any) -> Any:
    """A real array as complex numbers."""
    zero = np.zeros(np.shape(x)) if np.asarray(x).dtype != object else np.frompyfunc(lambda v: v.lift(0.0), 1, 1)(x)
    return joined(np.stack((x, zero), axis=-1))


def _over(z: Any, s: Any, axes: Any, norm: Any, inverse: bool) -> Any:
    z = _fitted(z, s, axes)
    if z.dtype != object:
        return (np.fft.ifftn if inverse else np.fft.fftn)(z, axes=axes, norm=norm)
    for axis in axes:
        z = _sums(z, axis, norm, inverse)
    return z


def _half(x: Any, s: Any, axes: Any, norm: Any) -> Any:
    z = _over(_pairs(x), s, axes, norm, inverse=False)
    n = z.shape[axes[-1]]
    return np.moveaxis(np.moveaxis(z, axes[-1], 0)[: n // 2 + 1], 0, axes[-1])


def _from_half(z: Any, s: Any, axes: Any, norm: Any) -> Any:
    """The other half is the mirror image of this one; of what is its own image, only the real part is read."""
    *others, last = axes
    n = s[-1]
    z = _fitted(z, (*s[:-1], n // 2 + 1), axes)
    if z.dtype != object:
        return np.fft.irfftn(z, s=s, axes=axes, norm=norm)
    if others:
        z = _over(z, None, others, norm, inverse=True)
    moved = np.moveaxis(z, last, 0)
    own = np.frompyfunc(lambda v: Complex(v.re, v.re.lift(0.0)), 1, 1)
    turned = np.frompyfunc(lambda v: v.conjugate(), 1, 1)
    half = [own(v) if 2 * k in (0, n) else v for k, v in enumerate(moved)]
    whole = np.stack([*half, *(turned(half[n - k]) for k in range(n // 2 + 1, n))])
    found = _sums(np.moveaxis(whole, 0, last), last, norm, inverse=True)
    return np.frompyfunc(lambda v: v.re, 1, 1)(found)


def _one(inverse: bool) -> Any:
    return lambda xp, x, n, axis, norm: parted(_over(joined(x), (n,), (axis,), norm, inverse))


def _shifted(sign: int) -> Any:
    def meaning(xp: Any, x: Any, axes: tuple[int, ...]) -> Any:
        z = joined(x)
        return parted(np.roll(z, tuple(sign * z.shape[a] // 2 if sign > 0 else -(z.shape[a] // 2) for a in axes), axes))

    return meaning


# ---- how to sample them

SHAPES: tuple[Shape, ...] = ((2,), (3,), (4,), (2, 3), (3, 2), (1,), (5,), (2, 2, 2), (6,), (1, 3), (2, 4))


def _paired_shape(source: Source) -> Shape:
    return (*source.pick(SHAPES), 2)


def _real_shape(source: Source) -> Shape:
    return source.pick(SHAPES)


def _length(source: Source, n: int) -> int:
    return source.pick((n, n, n + 1, n + 2, max(1, n - 1), 2, 1))


def _sketch(several: bool, real: bool = False, half: bool = False, shift: bool = False) -> Any:
    """``real``: the operand is real; ``half``: it is the half of a transform, and the lengths are those of the result."""

    def sketch(source: Source, shape: Shape) -> Sketch | None:
        inner = shape if real else shape[:-1]
        if not inner or 0 in inner or (not real and shape[-1:] != (2,)):
            return None
        ndim = len(inner)
        count = 1 + source.below(ndim) if several or shift else 1
        order = sorted(range(ndim), key=lambda i: (source.byte(), i))[:count]
        axes = tuple(a - ndim if source.flag() else a for a in order)
        if shift:
            return Sketch((Slot(shape),), {"axes": axes})
        lengths = tuple(_length(source, inner[a]) for a in axes)
        if half:
            lengths = (*lengths[:-1], max(1, 2 * (inner[axes[-1]] - 1) + source.pick((0, 1, 2, -1))))
        norm: Param = source.pick(NORMS)
        where: dict[str, Param] = {"s": lengths, "axes": axes} if several else {"n": lengths[0], "axis": axes[0]}
        return Sketch((Slot(shape),), {**where, "norm": norm})

    return sketch


def _row(name: str, meaning: Any, sketch: Any, real: bool = False) -> Op:
    return Op(f"complex.fft.{name}", meaning, sketch, _real_shape if real else _paired_shape, family="complex")


ROWS = (
    _row("fft", _one(False), _sketch(False)),
    _row("ifft", _one(True), _sketch(False)),
    _row("fftn", lambda xp, x, s, axes, norm: parted(_over(joined(x), s, axes, norm, False)), _sketch(True)),
    _row("ifftn", lambda xp, x, s, axes, norm: parted(_over(joined(x), s, axes, norm, True)), _sketch(True)),
    _row("rfft", lambda xp, x, n, axis, norm: parted(_half(x, (n,), (axis,), norm)), _sketch(False, real=True), real=True),
    _row("rfftn", lambda xp, x, s, axes, norm: parted(_half(x, s, axes, norm)), _sketch(True, real=True), real=True),
    _row("irfft", lambda xp, x, n, axis, norm: _from_half(joined(x), (n,), (axis,), norm), _sketch(False, half=True)),
    _row("irfftn", lambda xp, x, s, axes, norm: _from_half(joined(x), s, axes, norm), _sketch(True, half=True)),
    _row("fftshift", _shifted(1), _sketch(False, shift=True)),
    _row("ifftshift", _shifted(-1), _sketch(False, shift=True)),
)
