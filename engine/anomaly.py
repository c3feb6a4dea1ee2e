"""``detect_anomaly``: the first value or cotangent that is inf or nan, and the user's line it comes from.

While a thread detects, two functions of the tape have stand-ins that look at what they make: ``compute``, where values are
made, and the counter of node ids, which notes the user's line beside each id. Otherwise nothing is asked on the way forward,
and a sweep looks once whether it is watched.
"""

from __future__ import annotations

import linecache
import os
import sys
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from gradproof.engine import tape
from gradproof.engine.array import Array
from gradproof.engine.backend import Patch
from gradproof.engine.errors import NonFiniteError
from gradproof.engine.tape import Node, Op, state

_HERE = os.path.dirname(__file__) + os.sep
_plain_compute, _plain_id = tape.compute, tape._next_id
_lock = threading.Lock()
_watching = 0  # threads, and blocks within blocks


@contextmanager
def detect_anomaly(allow_inf: bool = False) -> Iterator[None]:
    """Within, the first value or cotangent of this thread that is not finite raises NonFiniteError: op, node, argument, line.

    ``allow_inf`` lets infinities pass and stops at the first nan, for programs that mask with -inf.

    >>> import gradproof.engine as ge
    >>> try:
    ...     with ge.detect_anomaly():
    ...         _ = ge.grad(ge.sqrt)(0.0)
    ... except ge.NonFiniteError as error:
    ...     print(error.phase, error.op, error.argument)
    backward sqrt 0
    """
    before = state.watch
    state.watch = Watch(allow_inf)
    _count(1)
    try:
        yield
    finally:
        _count(-1)
        state.watch = before


def _count(change: int) -> None:
    global _watching
    with _lock:
        _watching += change
        tape.compute, tape._next_id = (_compute, _id) if _watching else (_plain_compute, _plain_id)


def _compute(op: Op, data: Sequence[Any], params: Any) -> Any:
    out = _plain_compute(op, data, params)
    if state.watch is not None:
        state.watch.computed(op, data, out)
    return out


def _id() -> int:
    new = _plain_id()
    if state.watch is not None:
        state.watch.lines[new] = _user_line()
    return new


Line = tuple[str, int, str]


def _user_line() -> Line:
    """File, line number and function of the innermost frame that is not the engine's."""
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_HERE):
        frame = frame.f_back
    return frame.f_code.co_filename, frame.f_lineno, frame.f_code.co_name


class Watch:
    """What one thread looks at within ``detect_anomaly``."""

    def __init__(self, allow_inf: bool) -> None:
        self.allow_inf = allow_inf
        self.lines: dict[int, Line] = {}
        self.sweeps = 0

    def computed(self, op: Op, data: Sequence[Any], out: Any) -> None:
        """A value was made. Within a sweep a rule may pass infinities by on its way to a finite cotangent."""
        if self.sweeps or not (found := self.bad(out)):
            return
        node, line = tape._next_id(), _user_line()  # the id it would have had
        for i, x in enumerate(data):
            if given := self.bad(x):
                text = f"argument {i} of '{op.name}' was given {given}"
                raise self._error("forward", f"{text}, and so is its result", op.name, node, i, np.shape(x), line)
        raise self._error("forward", f"'{op.name}' gave {found} of finite operands", op.name, node, None, np.shape(out), line)

    @contextmanager
    def sweeping(self, seeds: Iterable[tuple[Node, Any]]) -> Iterator[None]:
        """A sweep begins with these cotangents."""
        for node, ct in seeds:
            if found := self.bad(ct):
                raise self._backward(f"the cotangent given for '{node.op.name}' is {found}", node, None, node.shape)
        self.sweeps += 1
        try:
            yield
        finally:
            self.sweeps -= 1

    def arrived(self, node: Node, ct: Any) -> None:
        """All contributions to a node's cotangent are in."""
        if found := self.bad(ct):
            raise self._backward(f"finite contributions to the cotangent of '{node.op.name}' add up to {found}", node, None, node.shape)

    def pulled(self, node: Node, argument: int, ct: Any) -> None:
        """A rule gave an argument's cotangent."""
        if found := self.bad(ct):
            target = node.inputs[argument]
            shape = node.shape if target is None else target.shape
            said = f"the rule of '{node.op.name}' for argument {argument} gave {found} of a finite cotangent"
            raise self._backward(said, node, argument, shape)

    def bad(self, x: Any) -> str:
        """What is not finite in an array, in words; empty if nothing is."""
        x = x.value if type(x) is Patch else x
        x = np.asarray((x if type(x) is Array else Array(x)).numpy()) if hasattr(x, "shape") else np.asarray(x)
        try:
            wrong = np.isnan(x) if self.allow_inf else ~np.isfinite(x)
        except TypeError:  # neither numbers nor truth values
            return ""
        count = np.count_nonzero(wrong)
        if not count:
            return ""
        first = tuple(int(i) for i in np.argwhere(wrong)[0])
        return f"{x[first]}" + (f" in {count} of {x.size} entries, first at {list(first)}" if x.ndim else "")

    def _backward(self, said: str, node: Node, argument: int | None, shape: tuple[int, ...]) -> NonFiniteError:
        return self._error("backward", said, node.op.name, node.id, argument, shape, self.lines.get(node.id))

    def _error(
        self, phase: str, said: str, op: str, node: int, argument: int | None, shape: tuple[int, ...], line: Line | None
    ) -> NonFiniteError:
        source, where = "", "before detect_anomaly began: move its forward pass inside to see the line"
        if line is not None:
            source = f"{line[0]}:{line[1]}"
            where = f"at {source}, in {line[2]}: {linecache.getline(line[0], line[1]).strip()}"
        text = f"{phase}: {said} (node %{node}, shape {shape}).\n  value made {where}"
        return NonFiniteError(text, phase, op, node, argument, shape, source)
