"""Programs as JSON: kernels by name, numbers as hex floats, nothing that is code."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from gradproof.engine.errors import TraceError
from gradproof.engine.library import accept
from gradproof.engine.program import Instruction, Kind, Program, Ref, function, refs

VERSION = 1


def dumps(program: Program) -> str:
    """The program as JSON.

    Raises: TraceError for a parameter that is no number, text, slice, dtype or tuple of them.

    >>> import gradproof.engine as ge
    >>> text = dumps(ge.trace(lambda x: ge.exp(x) * 0.1).program(ge.as_array([0.0, 1.0])))
    >>> dumps(loads(text)) == text
    True
    """
    data = {
        "version": VERSION,
        "kinds": [[list(k.shape), k.dtype.name, list(k.order)] for k in program.kinds],
        "inputs": list(program.inputs),
        "constants": {str(i): _array(value) for i, value in program.constants.items()},
        "instructions": [
            [one.op, _put(one.operands), {key: _put(value) for key, value in one.params.items()}, one.out]
            for one in program.instructions
        ],
        "outputs": list(program.outputs),
    }
    return json.dumps(data)


def loads(text: str) -> Program:
    """The program of a JSON text. Nothing in it is run; every kernel it names must be one of the engine.

    Raises: TraceError if it is no program of this version, names an unknown kernel, or reads what is not yet made.
    """
    try:
        data = json.loads(text)
        if data["version"] != VERSION:
            raise TraceError(f"a program of version {data['version']}, expected {VERSION}. Trace the function again.")
        program = Program(
            tuple(Kind(tuple(shape), np.dtype(_dtype(name)), tuple(order)) for shape, name, order in data["kinds"]),
            tuple(data["inputs"]),
            {int(i): _taken_array(value) for i, value in data["constants"].items()},
            tuple(
                Instruction(op, _take(operands), {key: _take(value) for key, value in params.items()}, out)
                for op, operands, params, out in data["instructions"]
            ),
            tuple(data["outputs"]),
        )
        _check(program)
    except (KeyError, IndexError, ValueError, TypeError, AttributeError) as error:
        if isinstance(error, TraceError):
            raise
        raise TraceError(f"not a saved program: {error}") from error
    return program


def save(program: Program, path: str | Path) -> None:
    """Write a program to a file."""
    Path(path).write_text(dumps(program), encoding="utf-8")


def load(path: str | Path) -> Program:
    """Read a program from a file. Call ``run`` with a list of arrays, or ``generate.compiled`` it."""
    return loads(Path(path).read_text(encoding="utf-8"))


def _check(program: Program) -> None:
    known = {*program.inputs, *program.constants}
    for one in program.instructions:
        function(one.op)
        missing = [i for i in refs((one.operands, dict(one.params))) if i not in known]
        if missing or not isinstance(one.out, int) or not 0 <= one.out < len(program.kinds):
            raise TraceError(f"not a saved program: {one.op} reads variable {missing} before it is made.")
        known.add(one.out)
    if not known.issuperset(program.outputs):
        raise TraceError("not a saved program: an output is never made.")


def _dtype(name: str) -> Any:
    if name == "bfloat16":
        from ml_dtypes import bfloat16

        return bfloat16
    return name


def _array(value: Any) -> Mapping[str, Any]:
    order = Kind.of(value).order
    flat = value.transpose(order).reshape(-1)
    if flat.dtype.kind == "c":
        numbers: list[Any] = [[float(v.real).hex(), float(v.imag).hex()] for v in flat]
    elif flat.dtype.kind in "bui":
        numbers = [int(v) for v in flat]
    else:
        numbers = [float(v).hex() for v in flat]
    return {"shape": list(value.shape), "dtype": value.dtype.name, "order": list(order), "values": numbers}


def _taken_array(data: Mapping[str, Any]) -> Any:
    dtype, shape, order = np.dtype(_dtype(data["dtype"])), data["shape"], data["order"]
    numbers = data["values"]
    if dtype.kind == "c":
        flat = np.array([complex(float.fromhex(re), float.fromhex(im)) for re, im in numbers], dtype)
    elif dtype.kind in "bui":
        flat = np.array(numbers, dtype)
    else:
        flat = np.array([float.fromhex(v) for v in numbers]).astype(dtype)
    return accept(flat.reshape([shape[a] for a in order]).transpose(np.argsort(order)) if shape else flat.reshape(()))


def _put(value: Any) -> Any:
    """A value of a parameter as JSON: what JSON has not is a list with a word for its kind first."""
    kind = type(value)
    if value is None or kind in (bool, int, str):
        return value
    if kind is float:
        return ["float", value.hex()]
    if kind is complex:
        return ["complex", value.real.hex(), value.imag.hex()]
    if kind is Ref:
        return ["variable", value.id]
    if kind is tuple or kind is list:
        return [kind.__name__, *map(_put, value)]
    if kind is slice:
        return ["slice", _put(value.start), _put(value.stop), _put(value.step)]
    if value is Ellipsis:
        return ["..."]
    if isinstance(value, np.dtype) or (isinstance(value, type) and issubclass(value, np.generic)):
        return ["dtype", np.dtype(value).name]
    raise TraceError(f"a parameter of type {kind.__name__} cannot be saved. Pass it as an array, a number or text.")


def _take(data: Any) -> Any:
    if not isinstance(data, list):
        return data
    word, *rest = data
    if word == "float":
        return float.fromhex(rest[0])
    if word == "complex":
        return complex(float.fromhex(rest[0]), float.fromhex(rest[1]))
    if word == "variable":
        return Ref(int(rest[0]))
    if word in ("tuple", "list"):
        items = [_take(item) for item in rest]
        return tuple(items) if word == "tuple" else items
    if word == "slice":
        return slice(*map(_take, rest))
    if word == "...":
        return Ellipsis
    if word == "dtype":
        return np.dtype(_dtype(rest[0]))
    raise TraceError(f"not a saved program: a value of kind {word!r}.")
