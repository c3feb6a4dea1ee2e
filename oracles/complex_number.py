"""Complex numbers of recorded parts: a pair of tape scalars (or duals), on object arrays of which a meaning runs unchanged.

Every function is written in real scalar functions of the table, so that its derivative comes from there alone. All are
off their branch cuts here; a cut is the edge of a domain (specs/conventions.md).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from gradproof.oracles.ball import POOL


class Complex:
    """re + i im, of two real numbers that record what is done to them."""

    __slots__ = ("im", "re")

    def __init__(self, re: Any, im: Any) -> None:
        self.re, self.im = re, im

    def lift(self, other: Any) -> Complex:
        """``other`` as a complex number beside this one."""
        return other if type(other) is Complex else Complex(self.re.lift(other), self.re.lift(0.0))

    def __add__(self, other: Any) -> Complex:
        if isinstance(other, np.ndarray):
            return NotImplemented
        other = self.lift(other)
        return Complex(self.re + other.re, self.im + other.im)

    __radd__ = __add__

    def __sub__(self, other: Any) -> Complex:
        if isinstance(other, np.ndarray):
            return NotImplemented
        other = self.lift(other)
        return Complex(self.re - other.re, self.im - other.im)

    def __rsub__(self, other: Any) -> Complex:
        return self.lift(other) - self

    def __mul__(self, other: Any) -> Complex:
        if isinstance(other, np.ndarray):
            return NotImplemented
        if type(other) is not Complex:
            return Complex(self.re * other, self.im * other)
        a, b, c, d = self.re, self.im, other.re, other.im
        return Complex(a * c - b * d, a * d + b * c)

    __rmul__ = __mul__

    def __truediv__(self, other: Any) -> Complex:
        if isinstance(other, np.ndarray):
            return NotImplemented
        if type(other) is not Complex:
            return Complex(self.re / other, self.im / other)
        a, b, c, d = self.re, self.im, other.re, other.im
        size = c * c + d * d
        return Complex((a * c + b * d) / size, (b * c - a * d) / size)

    def __rtruediv__(self, other: Any) -> Complex:
        return self.lift(other) / self

    def __neg__(self) -> Complex:
        return Complex(-self.re, -self.im)

    def __abs__(self) -> Any:
        return self.re.apply("hypot", self.im)

    def pooled(self, entries: Any, factor: float = 1.0, backward: Any = None) -> Any:
        """A matrix of complex numbers read as one pool of their parts; ``backward`` is asked for the error of a complex matrix."""

        def of_parts(parts: Any) -> Any:
            return np.broadcast_to(backward(parts[0] + 1j * parts[1]), parts.shape)

        parts = np.array([[z.re for z in entries.flat], [z.im for z in entries.flat]], dtype=object).reshape(2, *entries.shape)
        re, im = self.re.pooled(parts, factor, backward and of_parts)
        return np.asarray(np.frompyfunc(Complex, 2, 1)(re, im), dtype=object)

    def conjugate(self) -> Complex:
        return Complex(self.re, -self.im)

    def apply(self, name: str) -> Complex:
        """The function ``name`` at this number.

        Raises: AttributeError if it has no complex form here.
        """
        return getattr(self, f"_{name}")()  # type: ignore[no-any-return]

    def _square(self) -> Complex:
        return Complex((self.re - self.im) * (self.re + self.im), self.re * self.im * 2)

    def _reciprocal(self) -> Complex:
        size = self.re * self.re + self.im * self.im
        return Complex(self.re / size, -self.im / size)

    def _exp(self) -> Complex:
        size = self.re.apply("exp")
        return Complex(size * self.im.apply("cos"), size * self.im.apply("sin"))

    def _log(self) -> Complex:
        return Complex(abs(self).apply("log"), self.im.apply("atan2", self.re))

    def _sqrt(self) -> Complex:
        """The root in the right half-plane; the formula is chosen by the sign of re, and both agree where it is 0."""
        if float(self.re) >= 0:
            root = ((abs(self) + self.re) / 2).apply("sqrt")
            return Complex(root, self.im / (root * 2))
        sign = 1.0 if float(self.im) >= 0 else -1.0
        root = ((abs(self) - self.re) / 2).apply("sqrt") * sign
        return Complex(self.im / (root * 2), root)

    def _sin(self) -> Complex:
        a, b = self.re, self.im
        return Complex(a.apply("sin") * b.apply("cosh"), a.apply("cos") * b.apply("sinh"))

    def _cos(self) -> Complex:
        a, b = self.re, self.im
        return Complex(a.apply("cos") * b.apply("cosh"), -(a.apply("sin") * b.apply("sinh")))

    def _sinh(self) -> Complex:
        a, b = self.re, self.im
        return Complex(a.apply("sinh") * b.apply("cos"), a.apply("cosh") * b.apply("sin"))

    def _cosh(self) -> Complex:
        a, b = self.re, self.im
        return Complex(a.apply("cosh") * b.apply("cos"), a.apply("sinh") * b.apply("sin"))

    def _tanh(self) -> Complex:
        sinh, cosh, sin, cos = (self.re.apply("sinh"), self.re.apply("cosh"), self.im.apply("sin"), self.im.apply("cos"))
        size = sinh * sinh + cos * cos
        return Complex(sinh * cosh / size, sin * cos / size)


def joined(pairs: Any) -> Any:
    """An array of pairs (..., 2) as an array of complex numbers: NumPy's own for floats, ``Complex`` for recorded ones."""
    pairs = np.asarray(pairs)
    if pairs.dtype != object:
        return pairs[..., 0] + 1j * pairs[..., 1]
    return np.asarray(np.frompyfunc(_whole, 2, 1)(pairs[..., 0], pairs[..., 1]), dtype=object)


def _whole(re: Any, im: Any) -> Complex:
    """One complex number, read by complex arithmetic."""
    return Complex(*_pooled(re, im))


def _pooled(re: Any, im: Any) -> tuple[Any, Any]:
    """The two parts as a pool: complex arithmetic knows values and adjoints to the rounding of their modulus."""
    tape = getattr(re, "tape", None)
    if tape is None or re is im:
        return re, im
    first = len(tape.rows)
    tape.moduli.update((first, first + 1))
    return tape.record(POOL, (re.index, first), re.value), tape.record(POOL, (im.index, first), im.value)


def parted(numbers: Any) -> Any:
    """``joined`` undone; what has no imaginary part gets 0 for it."""
    numbers = np.asarray(numbers)
    if numbers.dtype != object:
        return np.stack((np.real(numbers), np.imag(numbers)), axis=-1)
    out = np.empty((*numbers.shape, 2), dtype=object)
    for index, z in np.ndenumerate(numbers):
        out[index] = _pooled(z.re, z.im) if type(z) is Complex else (z, 0.0)
    return out
