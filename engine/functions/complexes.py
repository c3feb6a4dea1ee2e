"""Complex numbers: their parts, and what is made of them. Of a real array each is what the real number is.

The other functions take complex arrays as they take real ones, where they have a complex derivative or are linear.
"""

from __future__ import annotations

from typing import Any

from gradproof.engine.array import Array, as_array, raw_of
from gradproof.engine.functions import elementwise
from gradproof.engine.library import is_complex
from gradproof.engine.tape import binary, unary

__all__ = ["angle", "complex", "conj", "imag", "real"]


def complex(re: Any, im: Any) -> Array:
    """re + i im.

    >>> import gradproof.engine as ge
    >>> ge.grad(lambda x: ge.abs(ge.complex(x, 4.0)))(3.0)
    Array(0.6, dtype=float64)
    """
    return binary("complex", as_array(re), as_array(im))


def real(x: Any) -> Array:
    """The real part."""
    return unary("real", x) if is_complex(raw_of(as_array(x)).dtype) else as_array(x)


def imag(x: Any) -> Array:
    """The imaginary part."""
    return unary("imag", x) if is_complex(raw_of(as_array(x)).dtype) else elementwise.zeros_like(as_array(x))


def conj(x: Any) -> Array:
    """The complex conjugate."""
    return unary("conj", x) if is_complex(raw_of(as_array(x)).dtype) else as_array(x)


def angle(x: Any) -> Array:
    """The argument, between -pi and pi."""
    return elementwise.atan2(imag(x), real(x))
