"""What a command line selects: modes of differentiation, and the device."""

from __future__ import annotations

from collections.abc import Sequence

from gradproof.oracles.engine import Engine
from gradproof.oracles.errors import GradproofError
from gradproof.oracles.modes import COMPILED, MODES, REVERSE, VMAP, offered
from gradproof.oracles.trial import capabilities

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


def on_device(engine: Engine, device: str) -> None:
    """Raises: UsageError if there is no such device, or the engine does not declare it."""
    if device not in DEVICES:
        raise UsageError(f"no device named {device!r}; there are: {', '.join(DEVICES)}.")
    has = getattr(capabilities(engine), "devices", DEVICES[:1])
    if device not in has:
        raise UsageError(f"engine {engine.name!r} runs on {', '.join(has)} only here; leave out --device {device}.")
