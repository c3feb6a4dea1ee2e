"""Torch tensors, CuPy arrays and array-api-strict's as arrays of the engine, on whatever device they are.

Kernels are the engine's own over the library's array-API namespace; what the standard cannot say is in ``kernels/others.py``.
"""

from __future__ import annotations

from functools import partial
from importlib import import_module
from types import SimpleNamespace
from typing import Any

import numpy as np

from gradproof.engine.kernels import others, table
from gradproof.engine.kernels.indexing import add_at, patch
from gradproof.engine.kernels.kernel import lookup
from gradproof.engine.library import Library, Raw, inexact, missing

NAMESPACES = {
    "torch": "array_api_compat.torch",
    "cupy": "array_api_compat.cupy",
    "array_api_strict": "array_api_strict",
}


def device_library(name: str) -> Library:
    """The library of that name.

    Raises: ImportError if array-api-compat is not installed.
    """
    try:
        xp = import_module(NAMESPACES[name])
    except ImportError as error:
        raise ImportError(
            f"arrays of {name} need array-api-compat ({error}). Install gradproof[torch], [cuda12] or [cuda13]."
        ) from error
    kernels = table(xp)
    for owner, written in others.OTHERS.get(name, {}).items():
        namespace = import_module(owner)
        kernels |= {k: lookup(namespace, v) if isinstance(v, str) else partial(v, namespace) for k, v in written.items()}

    def astype(x: Raw, *, dtype: Any) -> Raw:
        own = isinstance(dtype, np.dtype | type | str)  # NumPy's, which this library may not read
        return xp.astype(x, getattr(xp, np.dtype(dtype).name) if own else dtype)

    kernels["astype"] = astype

    def kernel(op: str) -> Any:
        if op not in kernels:
            raise missing(op, name)
        return kernels[op]

    def operand(x: Any, like: Raw) -> Raw:
        """A NumPy array is copied to the device; a Python number is one of like's dtype, as it would be to NumPy."""
        if isinstance(x, np.ndarray):
            return xp.asarray(np.array(x, order="C"), device=like.device)
        weak = type(x) is not bool and inexact(like.dtype)
        return xp.asarray(x, dtype=like.dtype if weak else None, device=like.device)

    def full(shape: tuple[int, ...], value: float, dtype: Any, like: Raw) -> Raw:
        return xp.full(tuple(shape), value, dtype=dtype, device=like.device)

    def own(x: Raw, dtype: Any) -> Raw:
        return xp.asarray(x, copy=True) if x.dtype == dtype else xp.astype(x, dtype)

    raw = SimpleNamespace(**kernels | {"scatter": patch})
    add = partial(add_at, xp, add_flat=others.ADD_FLAT.get(name))
    return Library(name, raw, kernel, operand, lambda x: x, full, own, HOST[name], add)


def _from_strict(x: Raw) -> Any:
    xp = import_module("array_api_strict")
    return np.array(x.to_device(xp.Device("CPU_DEVICE")))


HOST = {
    "torch": lambda x: np.array(x.detach().cpu().numpy(), order="C"),
    "cupy": lambda x: x.get(),
    "array_api_strict": _from_strict,
}
