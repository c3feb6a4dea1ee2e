"""Dataclasses to and from plain JSON values: every field checked against its declared type, none unknown."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from functools import cache
from types import UnionType
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from gradproof.oracles.verdict import Kind


def to_plain(value: Any) -> Any:
    """Dataclasses, mappings and tuples as JSON's own types, in field order; non-finite floats as strings."""
    if is_dataclass(value) and not isinstance(value, type):
        return {f.name: to_plain(getattr(value, f.name)) for f in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): to_plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [to_plain(item) for item in value]
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else str(float(value))
    return str(value) if isinstance(value, str) else value


def to_text(value: Any) -> str:
    """A dataclass as JSON with one line for each item of its lists, so that two files can be compared by eye."""
    parts = [f"{_dumps(key)}: {_lines(item)}" for key, item in to_plain(value).items()]
    return "{\n" + ",\n".join(parts) + "\n}\n"


def _lines(value: Any) -> str:
    if isinstance(value, list) and value:
        return "[\n " + ",\n ".join(map(_dumps, value)) + "\n]"
    return _dumps(value)


def _dumps(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


class Damage(Exception):
    """Where plain values break the declared types, and how."""


T = TypeVar("T")


@cache
def _hints(cls: Any) -> dict[str, Any]:
    return get_type_hints(cls)


def build(cls: type[T], data: Any, where: str = "") -> T:
    """A dataclass from a JSON object: every field checked, none unknown."""
    if not isinstance(data, dict):
        raise Damage(f"{where or 'the top'}: expected an object, found {type(data).__name__}")
    declared: Any = cls
    hints = _hints(declared)
    unknown = sorted(set(data) - set(hints))
    if unknown:
        raise Damage(f"{where}.{unknown[0]}".lstrip(".") + ": no such field in this schema")
    values = {name: _value(hints[name], item, f"{where}.{name}".lstrip(".")) for name, item in data.items()}
    try:
        return cls(**values)
    except TypeError as error:
        raise Damage(f"{where or 'the top'}: {str(error).rpartition('__init__() ')[2]}") from None


def _value(hint: Any, item: Any, where: str) -> Any:
    """One JSON value as the type its field declares."""
    if isinstance(hint, UnionType):
        return None if item is None else _value(get_args(hint)[0], item, where)
    origin = get_origin(hint)
    if origin is tuple and isinstance(item, list):
        return tuple(_value(get_args(hint)[0], part, f"{where}[{i}]") for i, part in enumerate(item))
    if origin is Mapping and isinstance(item, dict):
        inner = get_args(hint)[1]
        if where.rpartition(".")[2] == "counts":
            _check_kinds(item, where)
        return item if inner is Any else {key: _value(inner, part, f"{where}.{key}") for key, part in item.items()}
    if is_dataclass(hint) and isinstance(hint, type):
        return build(hint, item, where)
    if hint is Kind and isinstance(item, str):
        _check_kinds([item], where)
        return Kind(item)
    if hint is float and ((isinstance(item, int | float) and not isinstance(item, bool)) or item in _NOT_FINITE):
        try:
            return float(item)
        except OverflowError:
            raise Damage(f"{where}: a whole number of {item.bit_length()} bits is beyond the range of a float") from None
    if isinstance(hint, type) and type(item) is hint:
        return item
    raise Damage(f"{where}: expected {getattr(hint, '__name__', hint)}, found {type(item).__name__}")


_NOT_FINITE = ("inf", "-inf", "nan")


def _check_kinds(names: Any, where: str) -> None:
    for name in names:
        if name not in Kind._value2member_map_:
            raise Damage(f"{where}: no verdict is named {name!r}")
