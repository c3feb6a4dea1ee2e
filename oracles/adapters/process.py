"""An engine in any language, in a process of its own that answers JSON lines: docs/process-protocol.md."""

from __future__ import annotations

import json
import shlex
import subprocess
from collections.abc import Callable, Sequence
from contextlib import suppress
from contextvars import ContextVar
from dataclasses import dataclass
from functools import partial
from types import SimpleNamespace
from typing import Any

import numpy as np

from gradproof.oracles.adapters.numpy_names import grouped
from gradproof.oracles.codec import encode_param
from gradproof.oracles.engine import Capabilities, several
from gradproof.oracles.errors import EngineError, Unsupported
from gradproof.oracles.graph import Array

WAIT_S = 5.0  # for a process that was told to end


@dataclass(frozen=True, eq=False)
class Traced:
    """A value of the program that is being written down: the place of its step."""

    step: int


class Process:
    """The other side: one line asked, one line answered."""

    def __init__(self, command: str) -> None:
        self.command = command
        self._running: subprocess.Popen[str] | None = None

    def ask(self, request: dict[str, Any]) -> dict[str, Any]:
        """The answer to a request.

        Raises: Unsupported where it declines, EngineError where the process has died or its answer is no JSON object.
        """
        if self._running is None or self._running.poll() is not None:
            try:
                words = shlex.split(self.command)
                if not words:
                    raise ValueError("no command is given; expected for instance process:./my_engine")
                self._running = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)
            except (OSError, ValueError) as error:  # ValueError also where a quote is left open
                raise EngineError(f"engine 'process:{self.command}' does not start: {error}") from error
        running = self._running
        assert running.stdin is not None
        assert running.stdout is not None
        line = ""
        try:
            running.stdin.write(json.dumps(request) + "\n")
            running.stdin.flush()
            line = running.stdout.readline()
            answer = json.loads(line)
        except (OSError, ValueError) as error:
            self.close()
            ended = running.returncode
            state = "still runs" if ended is None else f"ended with {ended}"
            raise EngineError(f"process {self.command!r} answered {line[:80]!r} to {request['do']!r} and {state}; expected one JSON object") from error
        if not isinstance(answer, dict) or "error" in answer:
            raise EngineError(f"process {self.command!r}: {answer['error'] if isinstance(answer, dict) else 'no JSON object'}")
        if "unsupported" in answer:
            raise Unsupported(f"process {self.command!r}: {answer['unsupported']}")
        return answer

    def close(self) -> None:
        """End the process: its input is closed."""
        if self._running is not None:
            running, self._running = self._running, None
            for pipe in (running.stdin, running.stdout):
                with suppress(OSError):  # it has gone
                    pipe.close()  # type: ignore[union-attr]
            with suppress(subprocess.TimeoutExpired):
                running.wait(WAIT_S)


_PROGRAM: ContextVar[list[dict[str, Any]] | None] = ContextVar("program", default=None)


def _packed(array: Array) -> dict[str, Any]:
    if array.dtype.kind == "f":
        return {"dtype": str(array.dtype), "shape": list(array.shape), "data": [float(v).hex() for v in array.ravel()]}
    return {"dtype": str(array.dtype), "shape": list(array.shape), "data": array.ravel().tolist()}


def _unpacked(packed: dict[str, Any]) -> Array:
    flat = [float.fromhex(v) if isinstance(v, str) else v for v in packed["data"]]
    return np.array(flat, dtype=packed["dtype"]).reshape(packed["shape"])


def _step_of(program: list[dict[str, Any]], value: Any) -> int:
    """The place of a value in the program; an array becomes a constant."""
    if isinstance(value, Traced):
        return value.step
    program.append({"op": "constant", "value": _packed(np.asarray(value))})
    return len(program) - 1


def _step(op: str, *operands: Any, **params: Any) -> Traced:
    """One more step of the program: operands are the places of earlier steps."""
    program = _PROGRAM.get()
    assert program is not None
    given = [x for one in operands for x in (one if isinstance(one, list) else [one])]
    program.append({"op": op, "operands": [_step_of(program, x) for x in given], "params": {k: encode_param(v) for k, v in params.items()}})
    return Traced(len(program) - 1)


def _is_names(given: object) -> bool:
    return isinstance(given, list) and all(isinstance(name, str) for name in given)


def _start(answer: dict[str, Any]) -> str:
    """An answer as text, its first 80 characters."""
    return json.dumps(answer)[:80]


class ProcessEngine:
    """The engine that ``process:COMMAND`` names; what it can do it says itself, in answer to ``hello``."""

    def __init__(self, command: str) -> None:
        self.process = Process(command)
        hello = self.process.ask({"do": "hello", "protocol": 1})
        if not isinstance(hello.get("name"), str) or not _is_names(hello.get("ops")):
            self.process.close()
            raise EngineError(
                f"process {command!r} answered 'hello' with {_start(hello)}; expected its name and its ops, "
                'as in {"name": "mine", "ops": ["add", "exp"]} (docs/process-protocol.md).'
            )
        self.name: str = hello["name"]
        self.lineage: str = hello.get("lineage", self.name)
        self.version: str = hello.get("version", "unknown")
        ops = [op for op in hello["ops"] if op != "einsum"]  # its operands come last
        self.namespace: SimpleNamespace = grouped({op: partial(_step, op) for op in ops})
        self.capabilities = Capabilities(tuple(hello.get("dtypes", ["float64"])), at_kinks=hello.get("at_kinks", {}))

    def from_numpy(self, array: Array) -> Any:
        return np.array(array)

    def to_numpy(self, array: Any) -> Array:
        return np.array(array)

    def vjp(self, fn: Callable[..., Any], primals: Sequence[Any]) -> tuple[tuple[Any, ...], Callable[..., Sequence[Any]]]:
        """The function is written down as a program, which goes over with its primals; again, with cotangents, for a pullback."""
        program: list[dict[str, Any]] = [{"op": "primal", "place": i} for i in range(len(primals))]
        token = _PROGRAM.set(program)
        try:
            outputs = several(fn(*[Traced(i) for i in range(len(primals))]))
            steps = [_step_of(program, y) for y in outputs]
        finally:
            _PROGRAM.reset(token)
        request = {"program": program, "outputs": steps, "primals": [_packed(x) for x in primals]}
        values = tuple(_unpacked(y) for y in self.process.ask({"do": "value", **request})["outputs"])

        def pullback(cotangents: tuple[Any, ...]) -> Sequence[Any]:
            asked = {"do": "pullback", **request, "cotangents": [_packed(ct) for ct in cotangents]}
            return [_unpacked(g) for g in self.process.ask(asked)["gradients"]]

        return values, pullback
