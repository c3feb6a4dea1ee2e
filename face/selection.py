"""What a command line selects: how much is drawn, modes of differentiation, and the device."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from gradproof.oracles.engine import Engine
from gradproof.oracles.errors import GradproofError
from gradproof.oracles.formats import FORMATS, PARTS, dtype_named
from gradproof.oracles.modes import COMPILED, MODES, REVERSE, VMAP, offered
from gradproof.oracles.registry import engine as by_name
from gradproof.oracles.trial import capabilities
from gradproof.specs import run

ALL = "all"
DEVICES = ("cpu", "cuda")


class UsageError(GradproofError):
    """The command line asks for something that does not exist."""


def known_modes(names: Sequence[str], order: int | None) -> None:
    """Raises: UsageError for a name that is no mode, or is of a higher order than asked for."""
    for name in names:
        if name not in MODES and name not in (REVERSE, ALL):
            plain = ", ".join((REVERSE, *(mode.name for mode in MODES.values() if not mode.around)))
            raise UsageError(
                f"no mode named {name!r}; there are: {ALL}, {plain}, and each after {VMAP.strip()!r} or {COMPILED.strip()!r}."
            )
        if order is not None and name in MODES and MODES[name].order > order:
            raise UsageError(f"mode {name!r} is of order {MODES[name].order}; leave out --order {order}.")


def modes_of(engine: Engine, names: Sequence[str], order: int | None) -> tuple[str, ...]:
    """The modes to judge beside reverse: those named, or all that the engine offers up to the order.

    A mode that is named and not offered is judged UNSUPPORTED, and so counted.
    """
    if not names and (order is None or order == 1):
        return ()
    if not names or ALL in names:
        return offered(engine, MODES, order or max(mode.order for mode in MODES.values()))
    return tuple(name for name in MODES if name in names)


def on_device(name: str, device: str) -> str:
    """The name of the engine that is the named one on a device.

    Raises: UsageError if there is no device of that name, the engine does not declare it, or this machine has none.
    """
    if device not in DEVICES:
        raise UsageError(f"no device named {device!r}; there are: {', '.join(DEVICES)}.")
    if device == DEVICES[0]:
        return name
    engine = by_name(name)
    there = capabilities(engine).devices.get(device)
    if there is None:
        raise UsageError(f"engine {engine.name!r} runs on cpu only here; leave out --device {device}.")
    absent = getattr(by_name(there), "absent", str)()
    if absent:
        raise UsageError(f"engine {there!r} cannot run: {absent}.")
    return there


def profile_of(name: str, graphs: int | None, cases: int | None, dtypes: tuple[str, ...] | None) -> run.Profile:
    """The profile of this name with what was asked for in its place.

    Raises: UsageError for a profile or a dtype that does not exist.
    """
    if name not in run.PROFILES:
        raise UsageError(f"no profile named {name!r}; there are: {', '.join(run.PROFILES)}.")
    for dtype in dtypes or ():
        if dtype not in (*FORMATS, *PARTS):
            raise UsageError(f"dtype {dtype!r} is not judged; there are: {', '.join((*FORMATS, *PARTS))}.")
        dtype_named(dtype)  # bfloat16 needs a package of its own: say so before anything runs
    chosen = run.PROFILES[name]
    if dtypes is not None:
        chosen = replace(chosen, dtypes=dtypes, asked=True)
    if graphs is not None:
        chosen = replace(chosen, graphs=graphs)
    return replace(chosen, cases=cases) if cases is not None else chosen
