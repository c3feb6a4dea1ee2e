"""Work, counted: an array library to the native engine whose arrays compute as NumPy's and note every pass over memory.

A ``Counted`` array is a NumPy array, so kernels, rules and the sweep run the code they run on NumPy's own. Each operation on
one is an ``Event``. Bytes are those of operands and results. A kernel that only gives a view counts as if it had copied; one
that computes where NumPy's protocols do not reach (LAPACK, SciPy's routines) counts as one pass over its operands and result.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from math import prod
from types import SimpleNamespace
from typing import Any

import numpy as np

import gradproof.engine as ge
from gradproof.engine.backend import kernels, raw
from gradproof.engine.library import FOREIGN, Library
from gradproof.oracles.graph import Case
from gradproof.oracles.registry import engine as by_name
from gradproof.oracles.trial import function

TRANSCENDENTAL = 10
"""Flops that an exp, a sin or the like counts as: 8 to 20 instructions a number in vector libraries."""
_SLOW = frozenset(
    ["exp", "exp2", "expm1", "log", "log2", "log10", "log1p", "sin", "cos", "tan", "arcsin", "arccos", "arctan", "sinh", "cosh", "tanh", "arcsinh", "arccosh", "arctanh", "arctan2", "power", "float_power", "hypot", "logaddexp", "logaddexp2", "cbrt", "erf", "erfc", "erfinv", "gammaln", "psi", "zeta", "i0", "i1", "i0e", "i1e", "ndtr", "ndtri", "log_ndtr", "expit"]
)
_MOVES = frozenset(
    ["reshape", "broadcast_to", "transpose", "concatenate", "stack", "take", "copyto", "zeros_like", "empty_like", "full_like", "ones_like", "repeat", "tile", "flip", "roll", "expand_dims", "squeeze", "moveaxis", "swapaxes", "getitem", "setitem", "copy", "astype", "zeros", "empty", "full", "ascontiguousarray", "split", "matrix_transpose", "permute_dims", "concat", "flip", "tile", "meshgrid", "unstack", "take_along_axis", "diagonal"]
)

FACTORS = frozenset(["cholesky", "det", "inv", "solve", "eigh", "svd", "qr", "lstsq", "pinv", "slogdet", "expm", "triangular_solve", "matrix_power", "eigvalsh", "svdvals"])


@dataclass(frozen=True)
class Event:
    """One pass over memory: the operation, bytes read and written, flops, and bytes of new memory."""

    name: str
    read: int
    written: int
    flops: int
    allocated: int


@dataclass(frozen=True)
class Work:
    """What a computation did: array operations, flops, bytes touched, and bytes of new memory."""

    operations: int = 0
    flops: int = 0
    bytes: int = 0
    allocated: int = 0

    def __add__(self, other: Work) -> Work:
        return Work(
            self.operations + other.operations, self.flops + other.flops, self.bytes + other.bytes, self.allocated + other.allocated
        )


def total(events: Sequence[Event]) -> Work:
    """The sum of events."""
    return Work(
        len(events), sum(e.flops for e in events), sum(e.read + e.written for e in events), sum(e.allocated for e in events)
    )


_events: list[Event] = []


@contextmanager
def noted() -> Iterator[list[Event]]:
    """The events within, in a list that is whole afterwards. Not for several threads."""
    start = len(_events)
    found: list[Event] = []
    try:
        yield found
    finally:
        found += _events[start:]
        del _events[start:]


class Counted(np.ndarray):
    """A NumPy array that notes what is computed with it."""

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, out: Any = None, **options: Any) -> Any:
        plain = [_plain(x) for x in inputs]
        if out is not None:
            options["out"] = tuple(_plain(x) for x in out)
        result = getattr(ufunc, method)(*plain, **_plain(options))
        if method == "at":
            _note(f"{ufunc.__name__}.at", plain[1:], plain[2], plain[2].size if hasattr(plain[2], "size") else 1, new=False)
            return None
        first = result[0] if isinstance(result, tuple) else result
        size = max([np.size(first), *(np.size(x) for x in plain)]) if method != "__call__" else np.size(first)
        if ufunc is np.matmul:
            flops = 2 * np.size(first) * np.shape(plain[0])[-1]
        else:
            flops = size * (TRANSCENDENTAL if ufunc.__name__ in _SLOW else 1)
        _note(ufunc.__name__, plain, result, flops, new=out is None)
        return out[0] if out is not None and len(out) == 1 else _counted(result)

    def __array_function__(self, f: Any, types: Any, args: Any, kwargs: Any) -> Any:
        plain, named = _plain(args), _plain(kwargs)
        result = f(*plain, **named)
        _note(f.__name__, [plain, named], result, _flops(f.__name__, plain, result), new=True)
        return _counted(result)

    def __getitem__(self, key: Any) -> Any:
        result = np.ndarray.__getitem__(_plain(self), _plain(key))
        if isinstance(result, np.ndarray) and np.may_share_memory(result, self):
            return result.view(Counted)  # a view: the kernel counts it as a copy, the sweep's own use of it is none
        _note("getitem", [result], result, 0, new=True)
        return _counted(result)

    def __setitem__(self, key: Any, value: Any) -> None:
        plain, given = _plain(self), _plain(value)
        np.ndarray.__setitem__(plain, _plain(key), given)
        if not (isinstance(given, np.ndarray) and given.base is not None and np.may_share_memory(plain, given)):
            _note("setitem", [given], given, 0, new=False)  # the last step of ``x[key] += value`` moves nothing


def _method(name: str) -> Callable[..., Any]:
    plain_method = getattr(np.ndarray, name)

    def run(self: Counted, *args: Any, **kwargs: Any) -> Any:
        result = plain_method(_plain(self), *_plain(args), **_plain(kwargs))
        _note(name, [_plain(self), *args], result, _flops(name, [self, *args], result), new=True)
        return _counted(result)

    return run


for _name in ("astype", "copy", "take", "repeat", "cumsum", "cumprod", "argsort", "sort", "argmax", "argmin", "dot", "nonzero"):
    setattr(Counted, _name, _method(_name))


def _plain(x: Any) -> Any:
    kind = type(x)
    if kind is Counted:
        return x.view(np.ndarray)
    if kind in (tuple, list):
        return kind([_plain(item) for item in x])
    if kind is dict:
        return {key: _plain(value) for key, value in x.items()}
    return x


def _counted(x: Any) -> Any:
    if isinstance(x, tuple | list):
        return type(x)(*map(_counted, x)) if hasattr(x, "_fields") else type(x)(map(_counted, x))
    if isinstance(x, np.ndarray | np.generic):
        return np.asarray(x).view(Counted)
    return x


def _bytes(x: Any) -> int:
    if isinstance(x, np.ndarray | np.generic):
        return x.nbytes
    if isinstance(x, tuple | list):
        return sum(map(_bytes, x))
    return sum(map(_bytes, x.values())) if isinstance(x, dict) else 0


def _flops(name: str, operands: Any, result: Any) -> int:
    """Flops of a function of NumPy that is no ufunc."""
    arrays = [x for x in operands if isinstance(x, np.ndarray)]
    size = max([np.size(x) for x in (*arrays, *(result if isinstance(result, tuple | list) else [result]))], default=0)
    if name in _MOVES:
        return 0
    if name in FACTORS and arrays:
        return int(size * 2 * arrays[0].shape[-1])
    if name == "einsum" and isinstance(operands[0], str):
        lengths: dict[str, int] = {}
        for letters, x in zip(operands[0].replace(" ", "").split("->")[0].split(","), arrays, strict=False):
            lengths |= dict(zip(letters.replace("...", ""), x.shape[x.ndim - len(letters.replace("...", "")) :], strict=True))
        return len(arrays) * prod(lengths.values())
    if name in ("tensordot", "dot", "inner", "vdot") and len(arrays) > 1:
        shared = round((arrays[0].size * arrays[1].size / max(np.size(result), 1)) ** 0.5)
        return int(2 * int(np.size(result)) * shared)
    return int(size)


def _note(name: str, operands: Any, result: Any, flops: int, *, new: bool) -> None:
    written = _bytes(result)
    _events.append(Event(name, _bytes(operands), written, int(flops), written if new else 0))


# ---- the library


def _kernel(name: str) -> Callable[..., Any]:
    kernel = kernels[name]

    def run(*operands: Any, **params: Any) -> Any:
        before = len(_events)
        result = kernel(*operands, **params)
        if len(_events) == before or type(result) is not Counted:
            plain = _plain(list(operands))
            _note(name, plain, result, _unseen_flops(name, plain, result), new=True)
        return _counted(result)

    return run


def _unseen_flops(name: str, operands: Sequence[Any], result: Any) -> int:
    """Flops of a kernel that NumPy's protocols do not see into; a factorisation takes about 2 n operations an entry."""
    size = max([np.size(x) for x in (*operands, result)], default=0)
    if name in _MOVES:
        return 0
    return size * (2 * np.shape(operands[0])[-1] if name in FACTORS else TRANSCENDENTAL if name in _SLOW else 1)


def _full(shape: tuple[int, ...], value: float, dtype: Any, like: Any) -> Any:
    made = np.full(shape, value, dtype)
    _note("zeros", [], made, 0, new=True)
    return made.view(Counted)


def _own(x: Any, dtype: Any) -> Any:
    return _plain(x).astype(dtype).view(Counted)  # what a caller is given; the engine copies only what it shares


RAW = SimpleNamespace(**{name: _kernel(name) for name in kernels} | {"scatter": raw.scatter})
FOREIGN[Counted] = Library("counted", RAW, _kernel, lambda x, like: _counted(np.asarray(x)), lambda x: x, _full, _own, _plain)


# ---- what is counted with it


@dataclass(frozen=True)
class Counts:
    """The events of a forward pass with recording, and of its pullback."""

    forward: tuple[Event, ...]
    backward: tuple[Event, ...]
    gradients: tuple[Any, ...]

    @property
    def work(self) -> tuple[Work, Work]:
        """Forward and backward, summed."""
        return total(self.forward), total(self.backward)


def counts(f: Callable[..., Any], *primals: Any, cotangents: Sequence[Any] | None = None) -> Counts:
    """What the native engine does for f and its pullback, at NumPy arrays; f gives an Array or a tuple of them."""
    with noted() as forward:
        out, pull = ge.vjp(f, *[np.array(x).view(Counted) for x in primals])
    outs = out if isinstance(out, tuple) else (out,)
    seeds = [np.ones(y.shape, y.dtype) for y in outs] if cotangents is None else cotangents
    given = tuple(np.array(c).view(Counted) for c in seeds)
    with noted() as backward:
        gradients = pull(given if isinstance(out, tuple) else given[0])
    return Counts(tuple(forward), tuple(backward), tuple(np.asarray(_plain(g.data)) for g in gradients))


def case_counts(case: Case) -> Counts:
    """What the native engine does for a case."""
    return counts(function(by_name("native"), case.graph), *case.graph.primal_values, cotangents=case.cotangents)
