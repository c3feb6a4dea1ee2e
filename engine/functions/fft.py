"""``gradproof.engine.fft``: discrete Fourier transforms. An operand that is not of length n is cut, or zeros are added.

``norm`` says where the division by the length stands: "backward" in the inverse, "forward" in the transform, "ortho" its
root in both.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gradproof.engine.array import Array, as_array
from gradproof.engine.errors import ShapeError
from gradproof.engine.functions.shape import pad, roll
from gradproof.engine.tape import apply

__all__ = ["fft", "fftn", "fftshift", "ifft", "ifftn", "ifftshift", "irfft", "irfftn", "rfft", "rfftn"]

NORMS = ("backward", "ortho", "forward")
Lengths = Sequence[int] | None


def fft(x: Any, n: int | None = None, axis: int = -1, norm: str = "backward") -> Array:
    """The transform along one axis: the sum over k of x_k exp(-2 pi i j k / n)."""
    return fftn(x, None if n is None else (n,), (axis,), norm)


def ifft(x: Any, n: int | None = None, axis: int = -1, norm: str = "backward") -> Array:
    """The inverse transform along one axis."""
    return ifftn(x, None if n is None else (n,), (axis,), norm)


def fftn(x: Any, s: Lengths = None, axes: Sequence[int] | None = None, norm: str = "backward") -> Array:
    """The transform along several axes."""
    x, over = _fitted(x, s, axes, norm)
    return apply("fftn", (x,), {"axes": over, "norm": norm})


def ifftn(x: Any, s: Lengths = None, axes: Sequence[int] | None = None, norm: str = "backward") -> Array:
    """The inverse transform along several axes."""
    x, over = _fitted(x, s, axes, norm)
    return apply("ifftn", (x,), {"axes": over, "norm": norm})


def rfft(x: Any, n: int | None = None, axis: int = -1, norm: str = "backward") -> Array:
    """The first n // 2 + 1 entries of the transform of a real array: the others are their conjugates."""
    return rfftn(x, None if n is None else (n,), (axis,), norm)


def irfft(x: Any, n: int | None = None, axis: int = -1, norm: str = "backward") -> Array:
    """The real array of length n whose ``rfft`` is x; n is even unless given."""
    return irfftn(x, None if n is None else (n,), (axis,), norm)


def rfftn(x: Any, s: Lengths = None, axes: Sequence[int] | None = None, norm: str = "backward") -> Array:
    """``rfft`` along the last of the axes, then ``fftn`` along the others."""
    x, (*rest, last) = _fitted(x, s, axes, norm)
    half = apply("rfft", (x,), {"axis": last, "norm": norm})
    return apply("fftn", (half,), {"axes": tuple(rest), "norm": norm}) if rest else half


def irfftn(x: Any, s: Lengths = None, axes: Sequence[int] | None = None, norm: str = "backward") -> Array:
    """``ifftn`` along all axes but the last of them, then ``irfft`` along that."""
    x = as_array(x)
    places = _places(x, s, axes)
    n = 2 * (x.shape[places[-1]] - 1) if s is None else s[-1]
    halved = None if s is None else (*s[:-1], n // 2 + 1)
    x, (*rest, last) = _fitted(x, halved, axes, norm)
    if rest:
        x = apply("ifftn", (x,), {"axes": tuple(rest), "norm": norm})
    return apply("irfft", (x,), {"n": n, "axis": last, "norm": norm})


def fftshift(x: Any, axes: Sequence[int] | int | None = None) -> Array:
    """The frequency 0 moved from the front to the middle."""
    return _rolled(x, axes, lambda n: n // 2)


def ifftshift(x: Any, axes: Sequence[int] | int | None = None) -> Array:
    """``fftshift`` undone."""
    return _rolled(x, axes, lambda n: -(n // 2))


def _rolled(x: Any, axes: Sequence[int] | int | None, shift: Any) -> Array:
    x = as_array(x)
    over = tuple(range(x.ndim)) if axes is None else (axes,) if isinstance(axes, int) else tuple(axes)
    return roll(x, tuple(shift(x.shape[a]) for a in over), over)


def _places(x: Array, s: Lengths, axes: Sequence[int] | None) -> tuple[int, ...]:
    """The axes counted from the front."""
    over = tuple(range(x.ndim)) if axes is None and s is None else tuple(range(-len(s or ()), 0)) if axes is None else tuple(axes)
    if not over or any(not -x.ndim <= a < x.ndim for a in over) or len({a % x.ndim for a in over}) < len(over):
        raise ShapeError(f"fft: axes {over} of an operand of shape {x.shape}; expected its own axes, each once.")
    return tuple(a % x.ndim for a in over)


def _fitted(x: Any, s: Lengths, axes: Sequence[int] | None, norm: str) -> tuple[Array, tuple[int, ...]]:
    """x with the lengths s along the axes, and the axes counted from the front."""
    x = as_array(x)
    places = _places(x, s, axes)
    if norm not in NORMS:
        raise ValueError(f"fft: norm={norm!r}, expected {', '.join(map(repr, NORMS))}.")
    lengths = dict(zip(places, s if s is not None else [x.shape[a] for a in places], strict=True))
    if any(n < 1 for n in lengths.values()):
        raise ShapeError(f"fft: lengths {tuple(lengths.values())} along the axes {places}; expected at least 1.")
    if any(x.shape[a] > n for a, n in lengths.items()):
        x = x[tuple(slice(0, min(n, lengths.get(a, n))) for a, n in enumerate(x.shape))]
    if any(x.shape[a] < n for a, n in lengths.items()):
        x = pad(x, [(0, lengths.get(a, n) - n) for a, n in enumerate(x.shape)])
    return x, places
