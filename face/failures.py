"""A failing ``check_gradient`` in words: what is wrong, and a file with the inputs; ``paste`` has the rest."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from gradproof.arguments import Arguments
from gradproof.oracles.codec import decode_array, encode_array
from gradproof.oracles.errors import GraphError
from gradproof.oracles.finding import Finding, Verdict, Worst
from gradproof.oracles.report import evidence
from gradproof.oracles.verdict import Kind
from gradproof.paste import Call, label_of, name_of, nested, number, path_of, regression_test, replay

VERSION = 1
COTANGENT_MAX = 12  # entries that are printed
TODO = {
    Kind.WRONG: "Fix the backward of f; the call below repeats the check.",
    Kind.CONTRACT: "Mend f or its backward so that what the reason names no longer happens; the call below repeats the check.",
    Kind.CRASHED: "The error this one follows from has the traceback; the call below repeats the check.",
}


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
        f"{verdict.kind}: {'second-order ' if order == 2 else ''}gradient of {what} ({call.engine}){' in forward mode' if verdict.note.get('mode') == 'forward' else ''}",
        f"  reason     {named(finding.reason, arguments) or verdict.kind.meaning}",
    ]
    if finding.worst is not None and finding.property != "value":  # a value's reason says it all
        lines += _entry(finding, finding.worst, call, arguments)
        lines.append(f"  cotangent  {_cotangent(verdict, order)}")
    lines += [f"  also       {named(f.reason, arguments)}" for f in verdict.findings if f.kind.fails and f is not finding]
    lines.append(f"  evidence   {evidence(verdict)}")
    lines.append(f"  what to do {TODO.get(verdict.kind, verdict.kind.what_to_do)}")
    path, saved = _saved(verdict, call, arguments, save)
    lines += [f"  saved      {saved}", "", *replay(call, arguments, path), "", *regression_test(call, arguments, path)]
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
    shown = ", ".join(nested(c.tolist()) if c.ndim else number(c.tolist()) for c in given)
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
    return tuple(_read(path)[0])


def keywords(path: str | Path) -> dict[str, Any]:
    """The named arguments (``kwargs=``) in such a file."""
    return _read(path)[1]


def _read(path: str | Path) -> tuple[list[Any], dict[str, Any]]:
    try:
        item = json.loads(Path(path).read_text(encoding="utf-8"))
        if item["gradproof"] != "check" or item["version"] > VERSION:
            raise GraphError(f"{path} is no check of this version; expected version {VERSION}. Upgrade gradproof.")
        return [_decode(v) for v in item["arguments"]], _decode(item.get("keywords", {"dict": []}))
    except GraphError:
        raise
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise GraphError(f"cannot read {path}: {type(error).__name__}: {error}. Save it again.") from error


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
        "arguments": [_encode(v, arguments) for v in filled[:-2]],
        "keywords": _encode(filled[-2], arguments),
        "parameters": [_encode(v, arguments) for v in filled[-1]],
        "cotangents": [encode_array(np.asarray(c)) for c in verdict.case.cotangents],
    }
    text = json.dumps(item, indent=1) + "\n"
    path = Path(save) / f"{label_of(call.f)}-{hashlib.sha256(text.encode()).hexdigest()[:8]}.json"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        return None, f"nowhere: {error}"
    return path, f"{path} (inputs and cotangents as hex floats)"
