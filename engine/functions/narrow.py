"""Compositions on float16 and bfloat16: computed in float32 throughout and rounded once, as one kernel would be."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

import numpy as np

from gradproof.engine.array import Array, raw_of
from gradproof.engine.functions.elementwise import astype
from gradproof.engine.library import is_narrow


def in_float32(f: Callable[..., Array]) -> Callable[..., Array]:
    """f, whose steps would lose a narrow dtype's few digits, or leave its range, where its result does not."""

    @wraps(f)
    def wide(*args: Any, **params: Any) -> Array:
        dtypes = {raw_of(x).dtype for x in args if isinstance(x, Array | np.ndarray) and is_narrow(raw_of(x).dtype)}
        if not dtypes:
            return f(*args, **params)
        out = f(*[astype(x, np.float32) if isinstance(x, Array | np.ndarray) and is_narrow(raw_of(x).dtype) else x
                  for x in args], **params)  # fmt: skip
        return astype(out, dtypes.pop()) if len(dtypes) == 1 and out.dtype == np.float32 else out

    return wide
