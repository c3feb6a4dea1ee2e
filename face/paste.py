"""What a failing ``check_gradient`` lets its user paste: the call again, and a regression test."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from gradproof.arguments import Arguments
from gradproof.oracles.graph import Array
from gradproof.oracles.judge import K
from gradproof.oracles.verdict import Kind
from gradproof.trees import flat

ENTRIES_MAX = 100  # larger inputs are not printed: the test to paste loads them from the file


@dataclass(frozen=True)
class Call:
    """A call of ``check_gradient``, as the user made it."""

    f: Callable[..., Any]
    args: Sequence[Any]
    engine: str
    order: int
    meaning: Callable[..., Any] | None
    argnums: int | Sequence[int] | None
    seed: int
    k: float
    allow: frozenset[Kind] = frozenset()
    vjp: Callable[..., Any] | None = None
    modes: tuple[str, ...] = ("reverse",)
    keywords: bool = False


def name_of(f: Any) -> str:
    """What to call f in a report, whether or not it can be imported."""
    owner = getattr(f, "__self__", None)
    if isinstance(owner, type):
        return f"{owner.__name__}.{getattr(f, '__name__', '')}"
    return str(getattr(f, "__name__", type(f).__name__))


def path_of(f: Any) -> str | None:
    """``module.qualname`` of a function that can be imported, else None.

    >>> path_of(np.sinc)
    'numpy.sinc'
    """
    owner = getattr(f, "__self__", None)
    module, name = getattr(f, "__module__", None), getattr(f, "__qualname__", None)
    if isinstance(owner, type):  # a class method, such as apply of an autograd function
        module, name = owner.__module__, f"{owner.__qualname__}.{f.__name__}"
    if name is None and hasattr(f, "__wrapped__"):
        return path_of(f.__wrapped__)
    for inside in (name, getattr(f, "__name__", None)):
        found: Any = sys.modules.get(module or "")
        for part in (inside or "").split("."):
            found = getattr(found, part, None)
        if found is not None and module != "__main__" and (found is f or found == f):
            return f"{module}.{inside}"
    return None


def label_of(f: Any) -> str:
    """A name for files and tests: lower case, letters and digits."""
    words = name_of(f).removesuffix(".apply")
    return "".join(c if c.isalnum() else "_" for c in words).strip("_").lower()


def given(arguments: Arguments) -> tuple[Any, ...]:
    """The user's arguments as NumPy, without named ones and a module's parameters."""
    return arguments.filled([leaf.data for leaf in arguments.leaves])[:-2]


def _imported(f: Any, fallback: str) -> tuple[str, str]:
    """An import line, and the expression that then names f."""
    path = path_of(f)
    if path is None:
        return f"{fallback} = ...  # your function", fallback
    module = path.rpartition(".")[0]
    while module not in sys.modules:
        module = module.rpartition(".")[0]
    inside = path.removeprefix(module + ".")
    return f"from {module} import {inside.split('.')[0]}", inside


def _options(call: Call, arguments: Arguments) -> str:
    text = f', engine="{call.engine}"' if call.vjp is None else f", vjp={_imported(call.vjp, 'vjp')[1]}"
    if call.order != 1:
        text += f", order={call.order}"
    if call.meaning is not None:
        text += f", meaning={_imported(call.meaning, 'meaning')[1]}"
    marked = call.argnums if call.argnums is not None else _marked(call, arguments)
    if marked is not None:
        text += f", argnums={marked!r}"
    if call.seed:
        text += f", seed={call.seed}"
    if call.k != K:
        text += f", k={call.k!r}"
    if call.modes != ("reverse",):
        text += f", modes={call.modes!r}"
    if call.allow:
        text += f", allow={sorted(map(str, call.allow))!r}"
    return text


def _marked(call: Call, arguments: Arguments) -> tuple[int, ...] | None:
    """Positions of the arguments differentiated, where the user marked some: a saved array has no mark."""
    if not any(leaf.marked for leaf in arguments.leaves):
        return None
    chosen = []
    for i in range(len(call.args)):
        flags = arguments.filled([leaf.primal for leaf in arguments.leaves])[i]
        if any(flag is True for flag in flat(flags)):
            chosen.append(i)
    return tuple(chosen)


def _headers(call: Call) -> tuple[list[str], list[str], str]:
    """Import lines, lines to fill in by hand, and the expression for f."""
    header, expression = _imported(call.f, "f")
    lines = [header]
    if call.meaning is not None:
        lines.append(_imported(call.meaning, "meaning")[0])
    if call.vjp is not None:
        lines.append(_imported(call.vjp, "vjp")[0])
    lines = list(dict.fromkeys(lines))
    return [x for x in lines if x.startswith("from ")], [x for x in lines if not x.startswith("from ")], expression


def replay(call: Call, arguments: Arguments, path: Path | None) -> list[str]:
    if path is None:
        if sum(x.data.size for x in arguments.leaves) > ENTRIES_MAX:
            return ["to replay: call check_gradient again with save= a folder, which keeps the inputs"]
        return ["to replay: run the test below"]
    imports, blanks, expression = _headers(call)
    return [
        "to replay:",
        "    from gradproof import check_gradient",
        f"    from gradproof.failures import {'keywords, ' if call.keywords else ''}load",
        *(f"    {line}" for line in (*imports, *blanks)),
        f"    check_gradient({expression}, *load({str(path)!r}){_keywords(call, path)}{_options(call, arguments)})",
    ]


def _keywords(call: Call, path: Path | None) -> str:
    return f", kwargs=keywords({str(path)!r})" if call.keywords else ""


def number(value: Any) -> str:
    return repr(value) if not isinstance(value, float) or np.isfinite(value) else f"float({str(value)!r})"


def nested(data: Any) -> str:
    return "[" + ", ".join(map(nested, data)) + "]" if isinstance(data, list) else number(data)


def _array(data: Array) -> str:
    name = "ml_dtypes.bfloat16" if data.dtype.name == "bfloat16" else repr(data.dtype.name)
    dtype = "" if name in ("'float64'", "'bool'", "'int64'") else f", dtype={name}"
    if not data.size:
        return f"np.zeros({data.shape!r}, dtype={name})"
    return f"np.array({nested(data.tolist())}{dtype})"


def _literal(value: Any) -> str:
    """Python source of an argument; floats by repr, which is exact."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{k!r}: {_literal(v)}" for k, v in value.items()) + "}"
    if type(value) is list:
        return "[" + ", ".join(map(_literal, value)) + "]"
    if type(value) is tuple:
        return "(" + ", ".join(map(_literal, value)) + (",)" if len(value) == 1 else ")")
    return _array(value) if isinstance(value, np.ndarray) else repr(value)


def _outline(value: Any) -> str:
    """An argument too large to print."""
    return f"{value.dtype.name} of shape {list(value.shape)}" if isinstance(value, np.ndarray) else type(value).__name__


def regression_test(call: Call, arguments: Arguments, path: Path | None) -> list[str]:
    """A regression test, ready to paste."""
    imports, blanks, expression = _headers(call)
    arrays = given(arguments)
    names = []
    for i, value in enumerate(arrays):
        leaf = next((x.name for x in arguments.leaves if isinstance(value, np.ndarray) and x.data is value), "")
        names.append(leaf if leaf.isidentifier() and leaf not in names else f"x{i}")
    large = sum(x.data.size for x in arguments.leaves) > ENTRIES_MAX
    lines = ["from gradproof import check_gradient"]
    if large and path is None:
        shapes = ", ".join(f"{name}: {_outline(value)}" for name, value in zip(names, arrays, strict=True))
        body = [f"{', '.join(names)} = ...  # the inputs ({shapes}): make them from a seed, or run again with save= and load the file"]
    elif large:
        lines.append(f"from gradproof.failures import {'keywords, ' if call.keywords else ''}load")
        body = [f"{', '.join(names)}{',' if len(names) == 1 else ''} = load({str(path)!r})  # keep this file"]
        body += [f"kwargs = keywords({str(path)!r})"] if call.keywords else []
    else:
        body = [f"{name} = {_literal(value)}" for name, value in zip(names, arrays, strict=True)]
        filled = arguments.filled([leaf.data for leaf in arguments.leaves])
        body += [f"kwargs = {_literal(filled[-2])}"] if call.keywords else []
        if any("np." in line for line in body):
            lines.insert(0, "import numpy as np")
        if any("ml_dtypes." in line for line in body):
            lines.insert(0, "import ml_dtypes")
    lines += [*imports, "", "", f"def test_gradient_of_{label_of(call.f)}():", *(f"    {line}" for line in (*blanks, *body))]
    named = ", kwargs=kwargs" if call.keywords else ""
    lines.append(f"    check_gradient({', '.join((expression, *names))}{named}{_options(call, arguments)})")
    return ["a regression test, ready to paste:", "", *(f"    {line}".rstrip() for line in lines)]
