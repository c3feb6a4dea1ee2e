"""Graph files: versioned JSON with values as hex floats, and the pretty print. Replayable with nothing but NumPy.

    {"gradproof": "graph", "version": 1, "leaves": [...], "nodes": [...], "outputs": [4], "cotangents": [...]}
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from gradproof.oracles.decode import decode_array, decode_node, integers, part, shown
from gradproof.oracles.errors import GraphError
from gradproof.oracles.formats import is_float
from gradproof.oracles.graph import FLOAT_NAMES, Array, Case, Graph, Leaf, Param
from gradproof.oracles.sound import check

__all__ = ["decode_array", "encode_array", "encode_param", "from_json", "load", "pretty", "save", "to_json"]
VERSION = 1
AGAIN = "Save it again from its run."


def _number(value: float) -> str:
    return float(value).hex() if np.isfinite(value) else repr(float(value))


def encode_array(data: Array) -> dict[str, Any]:
    """dtype, shape and flat data: floats as hex strings, integers and booleans as they are."""
    floating = is_float(data.dtype)
    flat = [_number(v) if floating else v for v in data.ravel().tolist()]
    return {"dtype": data.dtype.name, "shape": list(data.shape), "data": flat}


def encode_param(value: Param) -> Any:
    """A static parameter as JSON."""
    if isinstance(value, bool) or value is None or isinstance(value, int | str):
        return value
    if isinstance(value, float):
        return {"float": _number(value)}
    if isinstance(value, slice):
        return {"slice": [value.start, value.stop, value.step]}
    if value is Ellipsis:
        return {"ellipsis": True}
    if isinstance(value, tuple):
        return [encode_param(v) for v in value]
    raise GraphError(f"a parameter of type {type(value).__name__} has no place in a graph file; use int, float or tuple.")


def to_json(case: Case) -> dict[str, Any]:
    """A case as a JSON object."""
    graph = case.graph
    return {
        "gradproof": "graph",
        "version": VERSION,
        "leaves": [{**encode_array(leaf.data), "constant": leaf.constant} for leaf in graph.leaves],
        "nodes": [
            {
                "op": node.op,
                "operands": list(node.operands),
                "params": {k: encode_param(v) for k, v in node.params.items()},
                "results": node.results,
            }
            for node in graph.nodes
        ],
        "outputs": list(graph.outputs),
        "cotangents": [encode_array(c) for c in case.cotangents],
        "note": dict(case.note),
    }


def from_json(item: Any, where: str = "graph") -> Case:
    """The case of ``to_json``, checked whole: every field, the catalogue's signatures, every shape and dtype.

    Raises: GraphError if the object is damaged, of a newer version, or names an unknown op.
    """
    if isinstance(item, dict) and item.get("gradproof") == "check":
        raise GraphError(
            f"{where} is a file of check_gradient, which holds arguments and no graph. Load them with "
            f"gradproof.failures.load({where!r}) and call check_gradient(f, *arguments) again."
        )
    if not isinstance(item, dict) or item.get("gradproof") != "graph":
        raise GraphError(f'{where} is not a gradproof graph file; expected an object with "gradproof": "graph".')
    version = item.get("version")
    if type(version) is not int or version < 1:
        raise GraphError(f"{where} is damaged at version: expected 1 to {VERSION}, found {shown(version)}. {AGAIN}")
    if version > VERSION:
        raise GraphError(
            f"{where} has graph version {shown(version)}; this gradproof reads up to {VERSION}. "
            "Upgrade gradproof to read it."
        )
    try:
        case = _case(item)
    except GraphError as error:
        raise type(error)(f"{where} is damaged at {str(error).removesuffix('.')}. {AGAIN}") from error
    except RecursionError:
        raise GraphError(f"{where} is damaged: it is nested too deeply. {AGAIN}") from None
    try:
        check(case)
    except GraphError as error:
        raise type(error)(f"{where} holds no case to judge: {error} {AGAIN}") from error
    return case


def _case(item: dict[str, Any]) -> Case:
    """The parts of a graph file put together."""
    leaves = tuple(
        Leaf(decode_array(leaf, f"leaves[{i}]"), part(leaf, "constant", bool, f"leaves[{i}]"))
        for i, leaf in enumerate(part(item, "leaves", list))
    )
    nodes = tuple(decode_node(node, f"nodes[{i}]") for i, node in enumerate(part(item, "nodes", list)))
    graph = Graph(leaves, nodes, integers(part(item, "outputs", list), "outputs"))
    cotangents = (decode_array(ct, f"cotangents[{i}]") for i, ct in enumerate(part(item, "cotangents", list)))
    return Case(graph, tuple(cotangents), part(item, "note", dict) if "note" in item else {})


def save(case: Case, path: Path | str) -> None:
    """Write a graph file."""
    Path(path).write_text(json.dumps(to_json(case), indent=1) + "\n", encoding="utf-8")


def load(path: Path | str) -> Case:
    """Read a graph file.

    Raises: GraphError, naming the file, if it cannot be read, is damaged, or is of a newer version.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise GraphError(f"cannot read {path}: {error}.") from error
    try:
        item = json.loads(text)
    except (ValueError, RecursionError) as error:  # ValueError: not JSON, or a number with more digits than Python reads
        raise GraphError(f"{path} is damaged: not JSON ({error}). {AGAIN}") from error
    return from_json(item, str(path))


def _typed(shape: tuple[int, ...], dtype: str) -> str:
    return f"{FLOAT_NAMES.get(dtype, dtype)}[{', '.join(map(str, shape))}]"


def _plain(value: Param) -> str:
    if isinstance(value, slice):
        parts = ["" if v is None else str(v) for v in (value.start, value.stop, value.step)]
        return ":".join(parts if parts[2] else parts[:2])
    if value is Ellipsis:
        return "..."
    if isinstance(value, tuple):
        inner = ", ".join(map(_plain, value))
        return f"({inner},)" if len(value) == 1 else f"({inner})"
    return repr(value)


def pretty(case: Case, values: bool = True) -> str:
    """The case as numbered assignments, one value a line.

    >>> from gradproof.oracles.graph import Node
    >>> case = Case(Graph((Leaf(np.array([1.0, 2.0])),), (Node("exp", (0,)),), (1,)), (np.array([1.0, 0.5]),))
    >>> print(pretty(case))
    %0 = leaf([1.0, 2.0]) : f64[2]
    %1 = exp(%0)
    output %1, cotangent [1.0, 0.5]
    """
    lines = []
    for i, leaf in enumerate(case.graph.leaves):
        word = "constant" if leaf.constant else "leaf"
        shown = str(leaf.data.tolist()) if values and leaf.data.size <= 24 else ""
        lines.append(f"%{i} = {word}({shown}) : {_typed(leaf.data.shape, leaf.data.dtype.name)}")
    for value, node in case.graph.numbered():
        arguments = [f"%{o}" for o in node.operands] + [f"{k}={_plain(v)}" for k, v in node.params.items()]
        names = ", ".join(f"%{value + k}" for k in range(node.results))
        lines.append(f"{names} = {node.op}({', '.join(arguments)})")
    for output, cotangent in zip(case.graph.outputs, case.cotangents, strict=True):
        shown = str(cotangent.tolist()) if values and cotangent.size <= 24 else f"of shape {list(cotangent.shape)}"
        lines.append(f"output %{output}, cotangent {shown}")
    return "\n".join(lines)
