"""Reading the parts of a graph file: every field is checked for its type before it is used."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from gradproof.oracles.errors import GraphError
from gradproof.oracles.formats import FORMATS, dtype_named, is_float
from gradproof.oracles.graph import Array, Node, Param

INTEGERS = ("bool", *(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)))
AXES_MAX = 32
TYPES = {str: "a string", bool: "true or false", int: "a whole number", list: "a list", dict: "an object"}


def part(item: Any, name: str, kind: type, where: str = "") -> Any:
    """The field ``name`` of a JSON object, of this type exactly."""
    path = f"{where}.{name}".lstrip(".")
    if not isinstance(item, dict):
        raise GraphError(f"{where or 'the top'}: expected an object, found {shown(item)}")
    if name not in item:
        raise GraphError(f"{path}: missing, expected {TYPES[kind]}")
    return typed(item[name], kind, path)


def typed(value: Any, kind: type, where: str) -> Any:
    """A JSON value of this type exactly: true is no number."""
    if type(value) is not kind:
        raise GraphError(f"{where}: expected {TYPES[kind]}, found {shown(value)}")
    return value


def integers(value: list[Any], where: str) -> tuple[int, ...]:
    """A list of whole numbers."""
    return tuple(typed(v, int, f"{where}[{i}]") for i, v in enumerate(value))


def decode_array(item: Mapping[str, Any], where: str = "array") -> Array:
    """The array of ``codec.encode_array``, bit for bit. Raises: GraphError."""
    name = part(item, "dtype", str, where)
    if name not in FORMATS and name not in INTEGERS:
        raise GraphError(f"{where}.dtype: expected one of {', '.join((*FORMATS, *INTEGERS))}, found {shown(name)}")
    shape = integers(part(item, "shape", list, where), f"{where}.shape")
    if any(n < 0 for n in shape) or len(shape) > AXES_MAX:
        raise GraphError(f"{where}.shape: expected at most {AXES_MAX} sizes from 0 on, found {shown(list(shape))}")
    data = part(item, "data", list, where)
    if len(data) != math.prod(shape):
        raise GraphError(f"{where}.data: expected {shown(math.prod(shape))} values for shape {shown(list(shape))}, found {len(data)}")
    dtype = dtype_named(name)
    read = _float if is_float(dtype) else _whole
    flat = [read(v, dtype, f"{where}.data[{i}]") for i, v in enumerate(data)]
    try:
        return np.array(flat, dtype=dtype).reshape(shape)
    except (ValueError, OverflowError, MemoryError) as error:  # a size beyond NumPy's own, beside a size 0
        raise GraphError(f"{where}: no array of shape {list(shape)}: {error}") from None


def _float(value: Any, dtype: np.dtype[Any], where: str) -> float:
    """A float as hex text (or a plain number), finite in its dtype if it is finite at all."""
    number = value if type(value) is float else _of_hex(value, where) if type(value) is str else None
    if number is None:
        number = _of_int(typed(value, int, where), where)
    if math.isfinite(number) and abs(number) > FORMATS[dtype.name].largest:
        raise GraphError(f"{where}: {number!r} is beyond the range of {dtype.name}")
    return number


def _of_hex(text: str, where: str) -> float:
    try:
        return float.fromhex(text)
    except (ValueError, OverflowError):
        raise GraphError(f"{where}: expected a float in hex, as 0x1.8p+1, found {shown(text)}") from None


def _of_int(value: int, where: str) -> float:
    try:
        return float(value)
    except OverflowError:
        raise GraphError(f"{where}: {shown(value)} is beyond the range of a float") from None


def _whole(value: Any, dtype: np.dtype[Any], where: str) -> int:
    """A whole number, or true or false, that fits its dtype."""
    if dtype.name == "bool":
        return int(typed(value, bool, where))
    number: int = typed(value, int, where)
    limits = np.iinfo(dtype)
    if not limits.min <= number <= limits.max:
        raise GraphError(f"{where}: {shown(number)} is beyond the range of {dtype.name}")
    return number


def decode_param(item: Any, where: str = "parameter") -> Param:
    """The parameter of ``codec.encode_param``. Raises: GraphError."""
    if item is None or type(item) in (bool, int, str):
        return item  # type: ignore[no-any-return]
    if type(item) is list:
        return tuple(decode_param(v, f"{where}[{i}]") for i, v in enumerate(item))
    if type(item) is dict and set(item) == {"float"}:
        return _of_hex(typed(item["float"], str, f"{where}.float"), f"{where}.float")
    if type(item) is dict and set(item) == {"slice"}:
        ends = typed(item["slice"], list, f"{where}.slice")
        if len(ends) == 3 and all(end is None or type(end) is int for end in ends):
            return slice(*ends)
        raise GraphError(f"{where}.slice: expected three whole numbers or nulls, found {shown(ends)}")
    if item == {"ellipsis": True}:
        return Ellipsis
    raise GraphError(f"{where}: no parameter of a graph file reads {shown(item)}; a float reads {{\"float\": \"0x1p+0\"}}")


def decode_node(item: Any, where: str) -> Node:
    """A node; whether its op is known is asked later. Raises: GraphError."""
    params = part(item, "params", dict, where)
    return Node(
        part(item, "op", str, where),
        integers(part(item, "operands", list, where), f"{where}.operands"),
        {name: decode_param(value, f"{where}.params.{name}") for name, value in params.items()},
        part(item, "results", int, where),
    )


def shown(value: Any) -> str:
    """A value of a file in few words, on one line."""
    if isinstance(value, int) and abs(value) >= 10**20:  # text of an int has a limit of digits, and is too long anyhow
        return f"a whole number of {value.bit_length()} bits"
    text = "nothing (null)" if value is None else ascii(value)
    return text if len(text) <= 40 else f"{text[:37]}..."
