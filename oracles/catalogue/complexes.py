"""Complex ops, on arrays of pairs (..., 2) of a real and an imaginary part: the meaning is the real op's own, on complex numbers.

A gradient of a pair is what any real gradient is: the derivative of <cotangent, f> by the real and by the imaginary part.
So no convention of an engine for complex gradients enters a comparison; it is what the engine's own way from pairs to
complex numbers and back must get right (specs/conventions.md).
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from gradproof.oracles.catalogue import elementwise, indexing, linalg, reduction, scans, shape
from gradproof.oracles.catalogue.row import Op, Shape, Sketch, Slot
from gradproof.oracles.catalogue.shapes import any_shape
from gradproof.oracles.catalogue.source import Source
from gradproof.oracles.complex_number import Complex, joined, parted
from gradproof.oracles.domain import MODERATE, REAL, Domain, Room
from gradproof.oracles.graph import Array

PREFIX = "complex."
TINY = 2.0**-40


def _away(x: Array, room: Room) -> Array:
    """Pairs away from 0: one that is 0, or tiny, becomes 1."""
    found = np.array(x)
    found[np.hypot(x[..., 0], x[..., 1]) < TINY] = (1.0, 0.0)
    return found


def _off_cut(x: Array, room: Room) -> Array:
    """Pairs off the negative real axis, where log and sqrt are cut, and off 0."""
    found = _away(x, room)
    found[(found[..., 1] == 0) & (found[..., 0] < 0), 0] *= -1
    return found


def _strip(x: Array, room: Room) -> Array:
    """Pairs whose real part is at most 1: beyond, 1 - tanh(z)^2 loses the digits that tanh'(z) has."""
    return np.clip(x, (-1.0, -room.growth), (1.0, room.growth))


ROW_MAX = 32.0  # of the parts of an entry in HEAVY


def _heavy(x: Array, room: Room) -> Array:
    """Square matrices whose diagonal outweighs the rest of its row, and whose rows are of like size.

    Rows of 1e7 beside rows of 1 are known as well as the algorithm picks its pivots: one that factorises the transpose, or minors
    (native's det up to 8 x 8), is off by 200 bounds there, and no rule of it is wrong.
    """
    found, n = np.clip(x, -ROW_MAX, ROW_MAX), x.shape[-2]
    found[..., range(n), range(n), 0] += 1.0 + np.sum(np.hypot(found[..., 0], found[..., 1]), axis=-1)
    return found


HEAVY = Domain("complex, a heavy diagonal", _heavy)
STRIP = Domain("complex, not in the tails of tanh", _strip)
NONZERO = Domain("complex, not 0", _away)
OFF_CUT = Domain("complex, off the negative real axis", _off_cut)
DOMAINS = {"reciprocal": (NONZERO,), "divide": (REAL, NONZERO), "log": (OFF_CUT,), "sqrt": (OFF_CUT,), "tanh": (STRIP,)}
DOMAINS |= dict.fromkeys(("linalg.solve", "linalg.inv", "linalg.det"), (HEAVY,))
GROWING = ("exp", "sin", "cos", "sinh", "cosh")


def _vecdot(xp: Any, x: Any, y: Any, axis: int) -> Any:
    """The first vector is conjugated, as the array API standard has it."""
    return xp.sum(_conjugated(x) * y, axis)


def _conjugated(x: Any) -> Any:
    x = np.asarray(x)
    return np.frompyfunc(lambda z: z.conjugate() if type(z) is Complex else z, 1, 1)(x) if x.dtype == object else np.conj(x)


def _part(name: str) -> Callable[..., Any]:
    return lambda xp, x: x[..., 0] if name == "real" else x[..., 1]


def _paired(row: Op, meaning: Callable[..., Any] | None = None, real: bool = False) -> Op:
    """A real op's row for pairs; ``real``: its result is real."""
    inner = meaning or row.meaning
    short = row.name

    def over_pairs(xp: Any, *operands: Any, **params: Any) -> Any:
        found = inner(xp, *map(joined, operands), **params)
        return found if real else parted(found)

    over_pairs.__signature__ = inspect.signature(inner)  # type: ignore[attr-defined]

    def sketch(source: Source, shape: Shape) -> Sketch | None:
        if not shape or shape[-1] != 2:
            return None
        found = row.sketch(source, shape[:-1])
        if found is None:
            return None
        rest = (REAL,) * len(found.operands)
        domains = (*DOMAINS[short], *rest) if short in DOMAINS else (MODERATE if short in GROWING else REAL,) * len(found.operands)
        return Sketch(
            tuple(
                replace(o, shape=(*o.shape, 2), domain=d, scale=0, matrix="") if isinstance(o, Slot) else o
                for o, d in zip(found.operands, domains, strict=False)
            ),
            found.params,
        )

    kinks = {"abs": "0", "log": "the negative real axis (a jump)", "sqrt": "the negative real axis (a jump)"}
    return Op(
        PREFIX + short, over_pairs, sketch, lambda source: (*row.shape(source), 2), kinks.get(short, ""), row.call,
        row.factorises, family="complex",
    )  # fmt: skip


def _plain(name: str, meaning: Callable[..., Any]) -> Op:
    def sketch(source: Source, shape: Shape) -> Sketch | None:
        return Sketch((Slot(shape),)) if shape and shape[-1] == 2 else None

    return Op(PREFIX + name, meaning, sketch, lambda source: (*any_shape(source), 2), family="complex")


_REAL = {row.name: row for module in (elementwise, reduction, linalg, shape, indexing, scans) for row in module.ROWS}
_SAME = (
    "add", "subtract", "multiply", "divide", "negative", "reciprocal", "square", "exp", "log", "sqrt", "sin", "cos", "sinh",
    "cosh", "tanh", "sum", "mean", "prod", "matmul",
)  # fmt: skip
MORE = (  # in an adapter the framework's own function as it is for real arrays, on complex ones
    "reshape", "permute_dims", "matrix_transpose", "expand_dims", "squeeze", "broadcast_to", "flip", "roll", "tile", "repeat",
    "pad", "tril", "triu", "concat", "stack", "getitem", "linalg.diagonal", "linalg.trace", "linalg.outer", "tensordot", "einsum",
    "cumulative_sum", "cumulative_prod", "diff", "linalg.solve", "linalg.inv", "linalg.det",
)  # fmt: skip
ROWS = (
    *(_paired(_REAL[name]) for name in (*_SAME, *MORE)),
    _paired(_REAL["vecdot"], _vecdot),
    _paired(_REAL["abs"], real=True),
    _plain("conj", lambda xp, x: parted(_conjugated(joined(x)))),
    _plain("real", _part("real")),
    _plain("imag", _part("imag")),
)
