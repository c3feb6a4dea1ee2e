"""NumPy's float16 and bfloat16: stored narrow, computed in float32, rounded once an op.

An array of either dtype is a ``Half`` on the tape. NumPy alone would sum bfloat16 in bfloat16 (4,096 times 0.01 gives 4), make
float32 of ``x * 2.0`` and refuse ``einsum``; here each kernel is the one of float32 and its result is rounded back. So is each
rule's, once for the cotangent that it hands on; cotangents that meet are added up in float32.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from gradproof.engine.backend import kernels, quiet, raw
from gradproof.engine.kernels import shape
from gradproof.engine.library import FOREIGN, Library, is_narrow

_MOVES = (shape.KERNELS.keys() | shape.NUMPY.keys() | {"getitem"}) - {"scatter"}  # entries as they are: nothing to round


class Half(np.ndarray):
    """A NumPy array of float16 or bfloat16. Operators on it compute in float32 and round back."""

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, out: Any = None, **options: Any) -> Any:
        wide = [widen(x) for x in inputs]
        if out is not None:
            return getattr(ufunc, method)(*wide, out=out, **options)
        return rounded(getattr(ufunc, method)(*wide, **options), inputs)


def widen(x: Any) -> Any:
    """A Half array in float32; anything else as it is."""
    return np.asarray(x).astype(np.float32) if type(x) is Half else x


def rounded(out: Any, operands: Sequence[Any]) -> Any:
    """A float32 result in the narrow dtype of its operands, if they have one and the same and none is wider."""
    if out.dtype != np.float32:
        return out
    dtypes = {x.dtype for x in operands if hasattr(x, "dtype") and (x.dtype.kind in "fc" or is_narrow(x.dtype))}
    (dtype, *others) = dtypes
    return out if others or not is_narrow(dtype) else _cast(out, dtype)


def _cast(x: Any, dtype: Any) -> Any:
    with quiet():  # what is too large becomes inf
        cast = np.asarray(x).astype(dtype)
    return cast.view(Half) if is_narrow(cast.dtype) else cast


def _kernel(name: str) -> Callable[..., Any]:
    kernel = kernels[name]

    def moved(*data: Any, **params: Any) -> Any:
        out = kernel(*[np.asarray(x) for x in data], **params)
        return np.asarray(out).view(Half) if is_narrow(out.dtype) else out

    def computed(*data: Any, **params: Any) -> Any:
        return rounded(kernel(*[widen(x) for x in data], **params), data)

    def cast(x: Any, *, dtype: Any) -> Any:
        return _cast(x, dtype)

    return cast if name == "astype" else moved if name in _MOVES else computed


def _full(shape: tuple[int, ...], value: float, dtype: Any, like: Any) -> Any:
    return np.full(shape, value, dtype).view(Half)


FOREIGN[Half] = Library(
    "NumPy half-precision", raw, _kernel, lambda x, like: x, widen, _full, _cast, lambda x: np.asarray(x)
)
