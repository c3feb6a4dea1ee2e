"""The floating-point formats that are judged: one table by name. A format is never guessed from a dtype's kind.

bfloat16 is no NumPy type of its own: ``ml_dtypes`` brings it (JAX depends on it), imported only when it is asked for.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from gradproof.oracles.errors import MissingPackage


@dataclass(frozen=True)
class Format:
    """A format: a short name, the unit roundoff ``u``, the smallest normal number ``eta`` and the largest one."""

    name: str
    short: str
    u: float
    eta: float
    largest: float


FORMATS = {
    f.name: f
    for f in (
        Format("float64", "f64", 2.0**-53, 2.0**-1022, (2 - 2.0**-52) * 2.0**1023),
        Format("float32", "f32", 2.0**-24, 2.0**-126, (2 - 2.0**-23) * 2.0**127),
        Format("float16", "f16", 2.0**-11, 2.0**-14, (2 - 2.0**-10) * 2.0**15),
        Format("bfloat16", "bf16", 2.0**-8, 2.0**-126, (2 - 2.0**-7) * 2.0**127),
    )
}

PARTS = {"complex128": "float64", "complex64": "float32"}  # a complex number is a pair of parts of this dtype


@cache
def is_float(dtype: np.dtype[Any]) -> bool:
    """Whether it is one of the formats that are judged."""
    return dtype.name in FORMATS


@cache
def dtype_named(name: str) -> np.dtype[Any]:
    """The NumPy dtype of a name; ``bfloat16`` needs the package ml_dtypes.

    >>> dtype_named("float16")
    dtype('float16')

    Raises: MissingPackage if it is bfloat16 and ml_dtypes is not installed.
    """
    if name != "bfloat16":
        return np.dtype(name)
    try:
        import ml_dtypes
    except ModuleNotFoundError as error:
        raise MissingPackage(
            'bfloat16 needs the package ml_dtypes, which is not installed: pip install "gradproof[bfloat16]".'
        ) from error
    found: np.dtype[Any] = np.dtype(ml_dtypes.bfloat16)
    return found
