"""What the tape computes with: the kernels of NumPy arrays, the raw namespace that rules are handed, and quiet errors.

Every op of the engine has its kernel in ``kernels/`` under the op's last name (``linalg.inv`` is ``inv``). A rule is handed
the namespace ``raw`` when it runs on plain arrays, and ``functions.recorded`` when it is itself recorded.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from contextvars import ContextVar
from functools import partial
from types import SimpleNamespace
from typing import Any

import numpy as np

from gradproof.engine.kernels import kernel, table
from gradproof.engine.kernels.indexing import Patch, patch
from gradproof.engine.kernels.kernel import Axis, Raw
from gradproof.engine.library import FOREIGN, name_of

__all__ = ["DIFFERENTIABLE", "IGNORE", "Axis", "Patch", "Raw", "constant", "error_state", "kernels", "quiet", "raw"]


class _Differentiable:
    """The dtypes of primals, of every array library: by name, since no two libraries share a dtype."""

    names = ("float64", "float32", "float16", "bfloat16", "complex128", "complex64")

    def __init__(self) -> None:
        self.known: dict[Any, bool] = {}

    def __contains__(self, dtype: Any) -> bool:
        if not isinstance(dtype, np.dtype):  # array-api-strict's own warns when it meets one of NumPy's in a dict
            return name_of(dtype) in self.names
        found = self.known.get(dtype)
        if found is None:
            found = self.known[dtype] = name_of(dtype) in self.names
        return found

    def __str__(self) -> str:
        return f"{', '.join(self.names[:-1])} or {self.names[-1]}"


DIFFERENTIABLE = _Differentiable()

# ---- floating-point errors are results here (inf, nan), never Python warnings


class _Quiet:
    """The error state set to IGNORE, and as it was after it."""

    __slots__ = ("token",)

    def __enter__(self) -> None:
        self.token = None if error_state.get() is IGNORE else error_state.set(IGNORE)

    def __exit__(self, *exc: object) -> None:
        if self.token is not None:
            error_state.reset(self.token)


try:  # np.errstate costs 0.8 us an op; setting its context variable directly costs 0.2
    from numpy._core import umath

    error_state: Any = umath._extobj_contextvar
    IGNORE: Any = umath._make_extobj(all="ignore")
    _quiet: Callable[[], AbstractContextManager[None]] = _Quiet
except (ImportError, AttributeError):  # pragma: no cover - a NumPy that keeps its error state elsewhere
    IGNORE = object()
    error_state = ContextVar("error_state", default=IGNORE)
    _quiet = partial(np.errstate, all="ignore")


def quiet() -> AbstractContextManager[None]:
    """Overflow, division by zero and invalid operations give inf and nan, without a warning."""
    return _quiet()


# ---- the namespaces

kernels = table(kernel.numpy)
raw = SimpleNamespace(**kernels | {"scatter": patch})


def constant(name: str, *operands: Raw, **params: Any) -> Raw:
    """A kernel's value as a plain array, on no tape, of whatever library the operands are."""
    library = next((FOREIGN[type(x)] for x in operands if type(x) in FOREIGN), None)
    return (kernels[name] if library is None else library.kernel(name))(*operands, **params)
