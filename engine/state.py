"""What a thread is about: whether it records, within which transforms, and what else looks on."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from gradproof.engine.array import Array

if TYPE_CHECKING:
    from gradproof.engine.anomaly import Watch


class _State(threading.local):
    recording = True
    transforms: tuple[int, ...] = ()  # those under way, from the outermost in: the id of each one's first variable
    watch: Watch | None = None  # within detect_anomaly
    lift: Callable[[Array], Array] | None = None  # within trace and vmap: makes a value one of theirs
    cast: Callable[[str, Sequence[Any]], Sequence[Any]] | None = None  # within autocast: puts operands in the dtype of the op


state = _State()


@contextmanager
def recording(on: bool, transforms: tuple[int, ...] | None = None) -> Iterator[None]:
    """Turn recording on or off for this thread; within ``transforms``, if given."""
    before = state.recording, state.transforms
    state.recording = on
    if transforms is not None:
        state.transforms = transforms
    try:
        yield
    finally:
        state.recording, state.transforms = before


@contextmanager
def lifting(lift: Callable[[Array], Array] | None) -> Iterator[None]:
    """Begin a trace or a vmap: a transform within it takes ``lift`` of its primals for variables."""
    before = state.lift
    state.lift = lift
    try:
        yield
    finally:
        state.lift = before
