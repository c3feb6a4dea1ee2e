"""Engines by name: the entry-point group ``gradproof.engines``, or ``module:Class`` in any importable file."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from difflib import get_close_matches
from importlib import import_module
from importlib.metadata import entry_points
from importlib.util import find_spec
from typing import Any

from gradproof.oracles.engine import Capabilities, Engine
from gradproof.oracles.errors import EngineError

GROUP = "gradproof.engines"
PROCESS = "process:"
REQUIRED = ("name", "lineage", "namespace", "from_numpy", "to_numpy", "vjp")


def names() -> tuple[str, ...]:
    """Names of the registered engines, sorted; whether a framework is installed is seen only when it is asked for."""
    return tuple(sorted({point.name for point in entry_points(group=GROUP)}))


def engine(name: str) -> Engine:
    """The engine registered as ``name``, the class ``module:Class`` made with no arguments, or the program of ``process:COMMAND``.

    >>> engine("native").lineage
    'gradproof.engine'

    Raises: EngineError if there is no such engine, its framework is not installed, or it lacks part of the protocol.
    """
    if name.startswith(PROCESS):
        made: Engine = import_module("gradproof.oracles.adapters.process").ProcessEngine(name.removeprefix(PROCESS))
        return made
    if ":" in name:
        return _made(_loaded(name, name, outside=True), name)
    found = {point.name: point.value for point in entry_points(group=GROUP)}
    if name not in found:
        close = get_close_matches(name, found, n=3, cutoff=0.6)
        hint = f"Did you mean {' or '.join(map(repr, close))}? " if close else ""
        if _is_module(name):
            raise EngineError(f"no engine named {name!r}. That is a module: write {name}:Class, with the name of the engine's class.")
        raise EngineError(
            f"no engine named {name!r}. {hint}There are: {', '.join(sorted(found)) or 'none'}; "
            "an engine in a file of your own is named module:Class."
        )
    return _made(_loaded(name, found[name], outside=False), name)


def version(subject: Engine) -> str:
    """The engine's version, or ``unknown``."""
    return str(getattr(subject, "version", "unknown"))


def _loaded(name: str, target: str, outside: bool) -> Any:
    """The object that ``module:Class`` names; ``outside`` looks in the current directory first."""
    module, _, attribute = target.partition(":")
    if not all(part.isidentifier() for part in f"{module}.{attribute}".split(".")):
        raise EngineError(f"{target!r} names no engine; expected module:Class, for instance my_engine:Engine.")
    try:
        with _current_directory_on_path() if outside else nullcontext():
            found: Any = import_module(module)
    except ModuleNotFoundError as error:
        raise EngineError(_not_found(name, module, error.name or name, outside)) from error
    except Exception as error:  # a module of somebody's may raise anything
        raise EngineError(f"engine {name!r}: importing {module!r} failed: {_one_line(error)}") from error
    for part in attribute.split("."):
        if not hasattr(found, part):
            raise EngineError(f"module {module!r} has no {attribute!r}; check the class name in {target!r}.")
        found = getattr(found, part)
    return found


def _is_module(name: str) -> bool:
    """Whether a file on the import path, or in the current directory, has this name; nothing of it is run."""
    if not name.isidentifier():  # a dotted name would import its parents
        return False
    with _current_directory_on_path(), suppress(ValueError):
        found = find_spec(name)
        return found is not None and found.origin is not None
    return False


def _not_found(name: str, module: str, missing: str, outside: bool) -> str:
    if not outside:
        return f'engine {name!r} needs {missing!r}, which is not installed: pip install "gradproof[{name}]"'
    if f"{module}.".startswith(f"{missing}."):
        return f"no module named {missing!r} in {os.getcwd()} or on the import path; an engine is named module:Class."
    return f"engine {name!r} needs {missing!r}, which is not installed; install it in this environment."


def _made(found: Any, name: str) -> Engine:
    """An instance of the class, checked against the protocol."""
    try:
        subject = found() if isinstance(found, type) else found
    except Exception as error:  # so may its class
        raise EngineError(f"engine {name!r}: {found.__name__}() failed: {_one_line(error)}") from error
    try:
        parts = {attribute: getattr(subject, attribute, None) for attribute in (*REQUIRED, "capabilities")}
    except Exception as error:  # and its properties
        raise EngineError(f"engine {name!r}: reading its attributes failed: {_one_line(error)}") from error
    missing = [attribute for attribute in REQUIRED if parts[attribute] is None]
    if missing:
        raise EngineError(f"engine {name!r} lacks {', '.join(missing)}; an engine has {', '.join(REQUIRED)}.")
    for attribute, kind in (("name", str), ("lineage", str), ("capabilities", Capabilities)):
        found = parts[attribute]
        if found is not None and not isinstance(found, kind):
            raise EngineError(f"engine {name!r}: its {attribute} is {_short(found)}; expected a {kind.__name__}.")
    made: Engine = subject
    return made


def _short(value: object) -> str:
    text = repr(value).splitlines()[0]
    return text if len(text) <= 60 else f"{text[:60]}…"


def _one_line(error: Exception) -> str:
    return f"{type(error).__name__}: {(str(error).splitlines() or ['(no message)'])[0]}"


@contextmanager
def _current_directory_on_path() -> Iterator[None]:
    """The current directory first on the import path, and the path as it was afterwards."""
    before = list(sys.path)
    sys.path.insert(0, os.getcwd())
    try:
        yield
    finally:
        sys.path[:] = before
