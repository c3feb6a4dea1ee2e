"""Array-API names for a module that follows NumPy's: what an adapter of such an engine has left to say are its exceptions."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np

Function = Callable[..., Any]

_SAME = """abs add cos cosh divide exp expm1 hypot log log10 log1p log2 logaddexp maximum minimum multiply negative reciprocal sign
    sin sinh sqrt square subtract tan tanh where copysign sum prod max min mean reshape expand_dims squeeze broadcast_to stack flip
    roll repeat tril triu take take_along_axis matmul tensordot einsum outer trace diagonal
    floor ceil trunc round exp2 cbrt sinc remainder floor_divide logaddexp2"""
RENAMED = {
    "acos": "arccos", "acosh": "arccosh", "asin": "arcsin", "asinh": "arcsinh", "atan": "arctan", "atanh": "arctanh",
    "atan2": "arctan2", "pow": "power", "concat": "concatenate", "permute_dims": "transpose",
}  # fmt: skip
LINALG = ("cholesky", "det", "inv", "solve")
IN_LINALG = ("outer", "trace", "diagonal")  # the standard keeps them there


def namespace(module: Any, linalg: Any = None, /, **exceptions: Function) -> SimpleNamespace:
    """The functions that ``module`` has under NumPy's names, by the standard's; ``exceptions`` by dotted name with ``__`` for the dot.

    A name that the module lacks is left out: such an op is unsupported.
    """
    found = {name: getattr(module, name, None) for name in _SAME.split()}
    found |= {name: getattr(module, numpys, None) for name, numpys in RENAMED.items()}
    found |= {f"linalg.{name}": getattr(linalg, name, None) for name in LINALG}
    found |= {f"linalg.{name}": found.pop(name, None) for name in IN_LINALG}
    found |= {name.replace("__", "."): function for name, function in exceptions.items()}
    return grouped({name: function for name, function in found.items() if function is not None})


def grouped(functions: Mapping[str, Any], base: Any = None) -> SimpleNamespace:
    """A namespace from functions by dotted name, over those of another namespace.

    >>> grouped({"exp": 1, "nn.relu": 2}).nn.relu
    2
    """
    groups: dict[str, dict[str, Any]] = {"": {}}
    for name, value in vars(base).items() if base is not None else ():
        if isinstance(value, SimpleNamespace):
            groups[name] = dict(vars(value))
        else:
            groups[""][name] = value
    for name, function in functions.items():
        group, _, last = name.rpartition(".")
        groups.setdefault(group, {})[last] = function
    return SimpleNamespace(**groups.pop(""), **{group: SimpleNamespace(**inner) for group, inner in groups.items()})


def key_of(key: Sequence[Any], array: Function = np.asarray) -> tuple[Any, ...]:
    """A static indexing key for an engine: tuples of indices, or of a mask, become its arrays."""
    return tuple(array(_index(part)) if isinstance(part, tuple) else part for part in key)


def mixed(key: Sequence[Any]) -> bool:
    """Whether an integer stands beside an index array: NumPy broadcasts it with the array, PyTorch and its kin select by it first."""
    return any(isinstance(part, tuple) for part in key) and any(isinstance(part, int) for part in key)


def _index(part: tuple[Any, ...]) -> Any:
    return np.array(part, dtype=bool if part and type(part[0]) is bool else np.int64)
