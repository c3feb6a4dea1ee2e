"""A failing ``check_gradient`` in words: what is wrong, a file with the inputs, a call to copy, and a test to paste."""

from __future__ import annotations

import hashlib
import json
import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from gradproof.arguments import Arguments
from gradproof.oracles.codec import decode_array, encode_array
from gradproof.oracles.errors import GraphError
from gradproof.oracles.finding import Finding, Verdict, Worst
from gradproof.oracles.graph import Array
from gradproof.oracles.judge import K
from gradproof.oracles.verdict import Kind

VERSION = 1
COTANGENT_MAX = 12  # entries that are printed
ENTRIES_MAX = 100  # larger inputs are loaded from the file in the test to paste
TODO = {
    Kind.WRONG: "Fix the backward of f; the call below repeats the check.",
    Kind.CONTRACT: "Keep the rule that broke; the call below repeats the check.",
    Kind.CRASHED: "The error this one follows from has the traceback; the call below repeats the check.",
}


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


def name_of(f: Any) -> str:
    """What to call f in a report, whether or not it can be imported."""
    owner = getattr(f, "__self__", None)
    if isinstance(owner, type):
        return f"{owner.__name__}.{getattr(f, '__name__', '')}"
    return str(getattr(f, "__name__", type(f).__name__))


def path_of(f: Any) -> str | None:
    """``module.qualname`` of a function that can be imported, else None.

    >>> path_of(json.dumps)
    'json.dumps'
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


def doubted(verdict: Verdict, comparisons: Sequence[str]) -> Verdict:
    """The verdict where comparisons of the formula could go either way: right is on a kink, wrong is not decided."""
    which = ", ".join(sorted(set(comparisons)))
    reason = f"comparisons of the formula ({which}) could go either way within rounding"
    if verdict.kind is Kind.AGREE:
        kind = Kind.SUBGRADIENT
    elif verdict.kind in (Kind.WRONG, Kind.SPEC, Kind.LOSSY):
        kind = Kind.UNDECIDED
        reason += f", so this is not decided: {verdict.reason}"
    else:
        return verdict
    kept = tuple(f for f in verdict.findings if f.kind is Kind.AGREE)
    return replace(verdict, kind=kind, findings=(*kept, Finding("gradient", kind, reason)))


def report(verdict: Verdict, call: Call, arguments: Arguments, save: str | Path | None) -> str:
    """The text of a GradientError."""
    finding = verdict.decisive
    order = int(str(verdict.note.get("order", 1)))
    what = path_of(call.f) or name_of(call.f)
    lines = [
        f"{verdict.kind}: {'second-order ' if order == 2 else ''}gradient of {what} ({call.engine})",
        f"  reason     {named(finding.reason, arguments) or verdict.kind.meaning}",
    ]
    if finding.worst is not None and finding.property != "value":  # a value's reason says it all
        lines += _entry(finding, finding.worst, call, arguments)
        lines.append(f"  cotangent  {_cotangent(verdict, order)}")
    lines += [f"  also       {named(f.reason, arguments)}" for f in verdict.findings if f.kind.fails and f is not finding]
    lines.append(f"  evidence   {verdict.evidence}")
    lines.append(f"  what to do {TODO.get(verdict.kind, verdict.kind.what_to_do)}")
    path, saved = _saved(verdict, call, arguments, save)
    lines += [f"  saved      {saved}", "", *_replay(call, arguments, path), "", *_test(verdict, call, arguments, path)]
    return "\n".join(lines)


def entry(worst: Worst, arguments: Arguments) -> str:
    """Which entry of which argument, as the user would write it."""
    name = arguments.leaves[worst.input].name
    return f"{name} at {list(worst.index)}" if worst.index else name


def _entry(finding: Finding, worst: Worst, call: Call, arguments: Arguments) -> list[str]:
    error = abs(worst.got - worst.expected)
    relative = f" (relative {error / abs(worst.expected):.3g})" if worst.expected and np.isfinite(error) else ""
    times = f"; the error is {worst.units:.3g} times it" if np.isfinite(worst.units) else ""
    return [
        f"  worst      {entry(worst, arguments)}",
        f"  got        {worst.got!r}",
        f"  expected   {worst.expected!r} ± {worst.radius:.1e}",
        f"  error      {error:.3g}{relative}",
        f"  bound      {worst.bound:.3e}{times}, and {call.k:g} times is accepted",
    ]


def _cotangent(verdict: Verdict, order: int) -> str:
    """What got and expected are gradients of: f's outputs weighted by this."""
    given = verdict.case.cotangents
    f = "f" if order == 1 else f"f's derivative of order {order - 1}"
    if [c.tolist() for c in given] in ([1.0], [[1.0]]):
        return f"1.0: {f} is one number, and got and expected are its plain derivative"
    shown = ", ".join(_nested(c.tolist()) if c.ndim else _number(c.tolist()) for c in given)
    if sum(c.size for c in given) > COTANGENT_MAX:
        shown = f"random, of shape {', '.join(str(list(c.shape)) for c in given)}, in the file"
    return f"{shown}: got and expected are derivatives of sum(cotangent * {f})"


def named(reason: str, arguments: Arguments) -> str:
    """A reason with the user's names for the inputs in it, in place of their numbers."""
    names = [leaf.name for leaf in arguments.leaves if leaf.primal]

    def name(found: re.Match[str]) -> str:
        i = int(found[2])
        return f"{'the gradient of ' if found[1] == 'gradient' else 'input '}{names[i]}" if i < len(names) else found[0]

    return re.sub(r"\b(gradient|input) (\d+)\b", name, reason)


# ---- the file


def _encode(value: Any, arguments: Arguments) -> Any:
    if isinstance(value, dict):
        return {"dict": [[k, _encode(v, arguments)] for k, v in value.items()]}
    if type(value) in (tuple, list):
        return {type(value).__name__: [_encode(v, arguments) for v in value]}
    if isinstance(value, np.ndarray):
        return {"array": encode_array(value)}
    if value is None or isinstance(value, bool | int | str):
        return {"value": value}
    return {"lost": repr(value)}


def _decode(item: Any) -> Any:
    ((kind, value),) = item.items()
    if kind == "dict":
        return {k: _decode(v) for k, v in value}
    if kind in ("tuple", "list"):
        found = [_decode(v) for v in value]
        return tuple(found) if kind == "tuple" else found
    if kind == "array":
        return decode_array(value)
    if kind == "value":
        return value
    raise GraphError(f"the file does not hold an argument that was {value}; pass it by hand.")


def load(path: str | Path) -> tuple[Any, ...]:
    """The arguments that a failing ``check_gradient`` saved, as NumPy arrays.

    Raises: GraphError if the file cannot be read, is damaged, or is of a newer version.
    """
    try:
        item = json.loads(Path(path).read_text(encoding="utf-8"))
        if item["gradproof"] != "check" or item["version"] > VERSION:
            raise GraphError(f"{path} is no check of this version; expected version {VERSION}. Upgrade gradproof.")
        return tuple(_decode(v) for v in item["arguments"])
    except GraphError:
        raise
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise GraphError(f"cannot read {path}: {type(error).__name__}: {error}. Save it again.") from error


def _given(arguments: Arguments) -> tuple[Any, ...]:
    """The user's arguments as NumPy, without a module's parameters."""
    return arguments.filled([leaf.data for leaf in arguments.leaves])[:-1]


def _saved(
    verdict: Verdict, call: Call, arguments: Arguments, save: str | Path | None
) -> tuple[Path | None, str]:
    """Write the file; its path, and what to say of it."""
    if save is None:
        return None, "nowhere (save=None)"
    filled = arguments.filled([leaf.data for leaf in arguments.leaves])
    item = {
        "gradproof": "check",
        "version": VERSION,
        "function": path_of(call.f) or "",
        "engine": call.engine,
        "order": call.order,
        "seed": call.seed,
        "verdict": str(verdict.kind),
        "names": [leaf.name for leaf in arguments.leaves],
        "arguments": [_encode(v, arguments) for v in filled[:-1]],
        "parameters": [_encode(v, arguments) for v in filled[-1]],
        "cotangents": [encode_array(np.asarray(c)) for c in verdict.case.cotangents],
    }
    text = json.dumps(item, indent=1) + "\n"
    path = Path(save) / f"{_label(call.f)}-{hashlib.sha256(text.encode()).hexdigest()[:8]}.json"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        return None, f"nowhere: {error}"
    return path, f"{path} (inputs and cotangents as hex floats)"


def _label(f: Any) -> str:
    """A name for files and tests: lower case, letters and digits."""
    words = name_of(f).removesuffix(".apply")
    return "".join(c if c.isalnum() else "_" for c in words).strip("_").lower()


# ---- the call and the test


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
    text = f', engine="{call.engine}"'
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
    return text


def _marked(call: Call, arguments: Arguments) -> tuple[int, ...] | None:
    """Positions of the arguments differentiated, where the user marked some: a saved array has no mark."""
    if not any(leaf.marked for leaf in arguments.leaves):
        return None
    chosen = []
    for i in range(len(call.args)):
        flags = arguments.filled([leaf.primal for leaf in arguments.leaves])[i]
        if any(flag is True for flag in _leaves(flags)):
            chosen.append(i)
    return tuple(chosen)


def _leaves(value: Any) -> list[Any]:
    if isinstance(value, dict):
        value = tuple(value.values())
    return [leaf for v in value for leaf in _leaves(v)] if isinstance(value, tuple | list) else [value]


def _headers(call: Call) -> tuple[list[str], list[str], str]:
    """Import lines, lines to fill in by hand, and the expression for f."""
    header, expression = _imported(call.f, "f")
    lines = [header]
    if call.meaning is not None:
        lines.append(_imported(call.meaning, "meaning")[0])
    lines = list(dict.fromkeys(lines))
    return [x for x in lines if x.startswith("from ")], [x for x in lines if not x.startswith("from ")], expression


def _replay(call: Call, arguments: Arguments, path: Path | None) -> list[str]:
    if path is None:
        return ["to replay: run the test below"]
    imports, blanks, expression = _headers(call)
    return [
        "to replay:",
        "    from gradproof import check_gradient",
        "    from gradproof.failures import load",
        *(f"    {line}" for line in (*imports, *blanks)),
        f"    check_gradient({expression}, *load({str(path)!r}){_options(call, arguments)})",
    ]


def _number(value: Any) -> str:
    return repr(value) if not isinstance(value, float) or np.isfinite(value) else f"float({str(value)!r})"


def _nested(data: Any) -> str:
    return "[" + ", ".join(map(_nested, data)) + "]" if isinstance(data, list) else _number(data)


def _array(data: Array) -> str:
    name = "ml_dtypes.bfloat16" if data.dtype.name == "bfloat16" else repr(data.dtype.name)
    dtype = "" if name in ("'float64'", "'bool'", "'int64'") else f", dtype={name}"
    if not data.size:
        return f"np.zeros({data.shape!r}, dtype={name})"
    return f"np.array({_nested(data.tolist())}{dtype})"


def _literal(value: Any) -> str:
    """Python source of an argument; floats by repr, which is exact."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{k!r}: {_literal(v)}" for k, v in value.items()) + "}"
    if type(value) is list:
        return "[" + ", ".join(map(_literal, value)) + "]"
    if type(value) is tuple:
        return "(" + ", ".join(map(_literal, value)) + (",)" if len(value) == 1 else ")")
    return _array(value) if isinstance(value, np.ndarray) else repr(value)


def _test(verdict: Verdict, call: Call, arguments: Arguments, path: Path | None) -> list[str]:
    """A regression test, ready to paste."""
    imports, blanks, expression = _headers(call)
    given = _given(arguments)
    names = []
    for i, value in enumerate(given):
        leaf = next((x.name for x in arguments.leaves if isinstance(value, np.ndarray) and x.data is value), "")
        names.append(leaf if leaf.isidentifier() and leaf not in names else f"x{i}")
    large = sum(x.data.size for x in arguments.leaves) > ENTRIES_MAX and path is not None
    lines = ["from gradproof import check_gradient"]
    if large:
        lines.append("from gradproof.failures import load")
        body = [f"{', '.join(names)}{',' if len(names) == 1 else ''} = load({str(path)!r})  # keep this file"]
    else:
        body = [f"{name} = {_literal(value)}" for name, value in zip(names, given, strict=True)]
        if any("np." in line for line in body):
            lines.insert(0, "import numpy as np")
        if any("ml_dtypes." in line for line in body):
            lines.insert(0, "import ml_dtypes")
    lines += [*imports, "", "", f"def test_gradient_of_{_label(call.f)}():", *(f"    {line}" for line in (*blanks, *body))]
    lines.append(f"    check_gradient({', '.join((expression, *names))}{_options(call, arguments)})")
    return ["a regression test, ready to paste:", "", *(f"    {line}".rstrip() for line in lines)]
