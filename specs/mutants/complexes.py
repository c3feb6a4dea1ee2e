"""Complex numbers and Fourier transforms: the other convention, a part that is lost, a conjugate too many, a weight or a norm."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradproof.specs.mutants.mutant import Family, scaled
from gradproof.specs.mutants.second import _stopped, recorded

COMPLEX, SECOND = Family("complex"), Family("second order only", order=2)
PAIRS = "complex.exp complex.multiply complex.fft.fft"  # every op on pairs passes through complex, real and imag


def _conjugated(g: Any, *rest: Any, **params: Any) -> Any:
    return np.conj(g)


def _mirrored(g: Any, xp: Any, ct: Any, out: Any, x: Any, n: int, axis: int, norm: str) -> Any:
    """Frequencies that stand for two counted once."""
    back: Any = {"backward": "forward", "forward": "backward"}.get(norm, norm)
    return np.fft.rfft(ct, axis=axis, norm=back).conj()


def _even(g: Any, xp: Any, ct: Any, out: Any, x: Any, n: int, axis: int, norm: str) -> Any:
    """The last frequency of an even length counted twice."""
    if n % 2 or n < 2:
        return g
    g = np.moveaxis(np.array(g), axis, 0)
    g[-1] *= 2
    return np.moveaxis(g, 0, axis)


def _inverse(name: str) -> Any:
    def pull(xp: Any, ct: Any, out: Any, x: Any, axes: Any, norm: str) -> Any:
        return getattr(np.fft, name)(ct, axes=axes, norm=norm)

    return pull


# fmt: off
COMPLEX.wrap(PAIRS, "the real part's cotangent is turned", lambda g, *rest: 1j * g, "complex")
COMPLEX.wrap(PAIRS, "the imaginary part's cotangent has the other sign", scaled(-1), "complex", argument=1)
COMPLEX.wrap(PAIRS, "the imaginary part pulls back in the other convention", scaled(-1), "imag")
COMPLEX.wrap(PAIRS, "the imaginary part pulls back nothing", scaled(0), "imag")
COMPLEX.wrap(PAIRS, "the real part pulls back doubled", scaled(2), "real")
COMPLEX.wrap("complex.conj complex.vecdot", "pulls back as it is", _conjugated, "conj")
COMPLEX.wrap("complex.conj complex.vecdot", "off by one in 1e9", scaled(1 + 1e-9), "conj")
COMPLEX.wrap("complex.abs", "in the other convention", _conjugated, "modulus")
COMPLEX.wrap("complex.abs", "of the real part alone", lambda g, *rest: np.real(g) + 0j, "modulus")
COMPLEX.wrap("complex.exp", "conjugated, as in the other convention", _conjugated, "exp")
COMPLEX.wrap("complex.matmul", "the other matrix is conjugated", lambda g, xp, ct, out, x, y: ct @ np.conj(np.swapaxes(y, -1, -2)), "matmul")
for name in ("inv", "det", "solve"):
    COMPLEX.wrap(f"complex.linalg.{name}", "conjugated, as in the other convention", _conjugated, name)
COMPLEX.wrap("complex.cumulative_prod", "conjugated", _conjugated, "cumulative_prod")
COMPLEX.rule("complex.fft.fft complex.fft.fftn", "pulls back by the inverse", _inverse("ifftn"), "fftn")
COMPLEX.wrap("complex.fft.fftn complex.fft.fft", "conjugated", _conjugated, "fftn")
COMPLEX.rule("complex.fft.ifft complex.fft.ifftn", "pulls back by the transform", _inverse("fftn"), "ifftn")
COMPLEX.rule("complex.fft.ifft complex.fft.ifftn", "the norm is forgotten", lambda xp, ct, out, x, axes, norm: np.fft.ifftn(ct, axes=axes), "ifftn")
COMPLEX.wrap("complex.fft.rfft complex.fft.rfftn", "halved, as if the other half were there too", scaled(0.5), "rfft")
COMPLEX.wrap("complex.fft.rfft complex.fft.rfftn", "the imaginary part of the cotangent is lost", lambda g, xp, ct, out, x, axis, norm: np.real(np.fft.fft(np.real(ct), n=x.shape[axis], axis=axis, norm=norm)), "rfft")
COMPLEX.wrap("complex.fft.irfft complex.fft.irfftn", "what stands for two frequencies is counted once", _mirrored, "irfft")
COMPLEX.wrap("complex.fft.irfft complex.fft.irfftn", "the last frequency of an even length is counted twice", _even, "irfft")
COMPLEX.wrap("complex.fft.irfft complex.fft.irfftn", "not conjugated", _conjugated, "irfft")
for op, primitive, argument in (("reciprocal", "reciprocal", 0), ("square", "square", 0), ("sqrt", "sqrt", 0), ("log", "log", 0),
                                ("sin", "sin", 0), ("cosh", "cosh", 0), ("tanh", "tanh", 0), ("divide", "divide", 0),
                                ("multiply", "multiply", 1), ("matmul", "matmul", 1), ("subtract", "subtract", 1), ("sum", "sum", 0)):
    COMPLEX.wrap(f"complex.{op}", f"argument {argument} in the other convention", _conjugated, primitive, argument)
COMPLEX.wrap("complex.divide", "the divisor's slope is of the real part alone", lambda g, *rest: np.real(g) + 0j, "divide", 1)
COMPLEX.wrap("complex.multiply complex.mean", "through complex64", lambda g, *rest, **params: np.asarray(g).astype(np.complex64).astype(np.complex128), "real")
COMPLEX.rule("complex.square", "the slope is 2 |x|", lambda xp, ct, out, x: 2 * ct * np.abs(x), "square")
COMPLEX.rule("complex.fft.fft complex.fft.fftn", "the norm is forgotten", lambda xp, ct, out, x, axes, norm: np.fft.fftn(ct, axes=axes), "fftn")
COMPLEX.wrap("complex.log", "on the cut, of the other side", lambda g, xp, ct, out, x: np.where(np.real(x) < 0, np.conj(g), g), "log")
COMPLEX.wrap("complex.sqrt", "negated in the left half", lambda g, xp, ct, out, x: np.where(np.real(x) < 0, -g, g), "sqrt")
SECOND.rule("complex.abs", "the number is a constant", recorded("modulus", 0, _stopped("modulus", 0, "0")), "modulus")
SECOND.rule("complex.exp", "its result is a constant", recorded("exp", 0, _stopped("exp", 0, "out")), "exp")
SECOND.rule("complex.abs", "its result is a constant", recorded("modulus", 0, _stopped("modulus", 0, "out")), "modulus")
# fmt: on
MUTANTS = COMPLEX.mutants + SECOND.mutants
