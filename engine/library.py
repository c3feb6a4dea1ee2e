"""Other array libraries: what tells their arrays from NumPy's, and what the tape asks of one.

The tape runs on NumPy arrays of float32, float64 and the complex types directly. Every other kind of array has a ``Library``,
found by the type of the array (``FOREIGN``), never asked for where that type is ``np.ndarray``:

- torch tensors, CuPy arrays and array-api-strict's, on whatever device they are: ``library_of`` makes theirs at first sight;
- NumPy's float16 and bfloat16, which are ``Half`` arrays here (``engine/half.py``).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np

from gradproof.engine.errors import MissingKernel

Raw = Any


@dataclass(frozen=True, eq=False)
class Library:
    """What the tape asks of a kind of arrays.

    ``raw`` is the namespace a rule is handed, ``kernel(name)`` a bound kernel. ``operand(x, like)`` makes a NumPy array or a
    Python number an array beside ``like``. ``wide(x)`` is what rules compute on, and sums of cotangents collect in.
    ``full(shape, value, dtype, like)`` is a new array beside ``like``, ``own(x, dtype)`` a copy, ``to_numpy(x)`` one on the host.
    """

    name: str
    raw: SimpleNamespace
    kernel: Callable[[str], Callable[..., Raw]]
    operand: Callable[[Any, Raw], Raw]
    wide: Callable[[Any], Any]
    full: Callable[[tuple[int, ...], float, Any, Raw], Raw]
    own: Callable[[Raw, Any], Raw]
    to_numpy: Callable[[Raw], Any]
    add_at: Callable[[Raw, tuple[Any, ...], Raw], None] | None = None  # where NumPy's way of adding at a key is not


FOREIGN: dict[type, Library] = {}
_MODULES = ("torch", "cupy", "array_api_strict")


def library_of(x: Any) -> Library | None:
    """The library of a foreign array; None for whatever NumPy reads."""
    kind = type(x)
    if kind in FOREIGN:
        return FOREIGN[kind]
    if kind.__module__.partition(".")[0] not in _MODULES or not hasattr(x, "dtype") or not hasattr(x, "shape"):
        return None
    from gradproof.engine.device import device_library  # only those who bring such an array pay for its import

    return FOREIGN.setdefault(kind, device_library(kind.__module__.partition(".")[0]))


def accept(x: Any) -> Raw:
    """What the tape holds of anything given for an array: a NumPy array, a Half array, or a foreign one as it is."""
    if type(x) is not np.ndarray:
        library = library_of(x)
        if library is not None:
            return x if not hasattr(x, "detach") else _known(x.detach())  # a torch tensor may be on a tape of its own
        x = np.asarray(x)
    return x if x.dtype.itemsize != 2 else narrow(x)


def _known(x: Raw) -> Raw:
    library_of(x)
    return x


def interpreted(x: Any) -> bool:
    """Whether an array is a trace's or a vmap's: one that stands for others, with no entries of its own."""
    library = FOREIGN.get(type(x))
    return library is not None and library.name in ("traced", "batched")


def narrow(x: Any) -> Any:
    """A NumPy array of float16 or bfloat16 as a ``Half`` array; any other as it is."""
    if not is_narrow(x.dtype):
        return x
    from gradproof.engine.half import Half

    return x.view(Half)


def is_narrow(dtype: Any) -> bool:
    """Whether a dtype is NumPy's float16 or bfloat16 (which has no kind of its own, and is not np.floating)."""
    return isinstance(dtype, np.dtype) and dtype.itemsize == 2 and dtype.name in ("float16", "bfloat16")


def name_of(dtype: Any) -> str:
    """The name that every library gives a dtype."""
    return dtype.name if isinstance(dtype, np.dtype) else str(dtype).rpartition(".")[2]


COMPLEX = frozenset({np.dtype(np.complex64), np.dtype(np.complex128)})


def is_complex(dtype: Any) -> bool:
    """Whether a dtype of any library is a complex one."""
    return dtype in COMPLEX if isinstance(dtype, np.dtype) else "complex" in name_of(dtype)


def inexact(dtype: Any) -> bool:
    """Whether a dtype of any library is a floating or complex one."""
    name = name_of(dtype)
    return "float" in name or "complex" in name


def to_numpy(x: Raw) -> Any:
    """A plain NumPy array: a copy on the host if the array is foreign."""
    library = FOREIGN.get(type(x))
    return x if library is None else library.to_numpy(x)


def buffer(shape: tuple[int, ...], dtype: Any, like: Raw) -> Raw:
    """Zeros beside ``like`` that cotangents of ``dtype`` are added into: of float32 for the narrow ones."""
    library = FOREIGN.get(type(like))
    if library is not None:
        return library.wide(library.full(shape, 0.0, dtype, like))
    return np.zeros(shape, np.float32 if is_narrow(dtype) else dtype)


def copied(x: Raw) -> Raw:
    """A copy of a cotangent to add into."""
    library = FOREIGN.get(type(x))
    return np.array(x) if library is None else library.wide(library.own(x, x.dtype))


def full(shape: tuple[int, ...], value: float, like: Raw) -> Raw:
    """An array of one value, of the dtype and library of ``like``."""
    library = FOREIGN.get(type(like))
    return np.full(shape, value, like.dtype) if library is None else library.full(shape, value, like.dtype, like)


def beside(values: Any, like: Raw) -> Raw:
    """NumPy's values as an array of the dtype and library of ``like``."""
    library = FOREIGN.get(type(like))
    if library is None or isinstance(like, np.ndarray):
        return accept(values.astype(like.dtype))
    return library.operand(values.astype(name_of(like.dtype)), like)


def wide(x: Raw) -> Raw:
    """The array that sums of x collect in: of float32 for a ``Half`` array."""
    library = FOREIGN.get(type(x))
    return x if library is None else library.wide(x)


def private(ct: Any, taken: set[int], dtype: Any) -> Any:
    """A gradient as an array of its own: not a view, not a seed, not another gradient's buffer."""
    library = FOREIGN.get(type(ct))
    if library is not None:
        return library.own(ct, dtype)
    ct = np.asarray(ct)
    if ct.dtype != dtype:  # parts of a narrow gradient, collected in float32
        return accept(ct.astype(dtype))
    if ct.base is not None or id(ct) in taken:
        ct = ct.copy()
    taken.add(id(ct))
    return ct


def missing(name: str, library: str) -> MissingKernel:
    """The error for an op that a library has no kernel for."""
    return MissingKernel(
        f"no kernel for '{name}' on {library} arrays. Add one in engine/kernels (KERNELS if the array API can say it, else in "
        "others.py), or compute that part on NumPy arrays."
    )
