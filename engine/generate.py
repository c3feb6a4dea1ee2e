"""Straight-line Python made of a program: ufuncs that write into buffers which are kept from call to call.

The code computes what ``Program.run`` does, bit for bit: the same kernels on arrays laid out the same way. What it saves is
the look-up of kernels, the making of arrays, and copies that views and broadcasting ufuncs do without. Outputs are new arrays at
each call. ``source(program)`` shows the code.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from gradproof.engine.backend import Patch, quiet
from gradproof.engine.lower import empty, lowered
from gradproof.engine.program import Instruction, Kind, Program, Ref, function
from gradproof.engine.rows import LEAST, rows_of
from gradproof.engine.scalars import scalar_code
from gradproof.engine.simplify import FRESH

LOOK_BACK = ("meet", "over", "scale", "sigmoid")  # kernels that write into a buffer as ufuncs do, but may read their operands again after that
FAST_DTYPES = (np.dtype(np.float64), np.dtype(np.float32))


def compiled(program: Program, exact: bool = True) -> Callable[..., list[Any]]:
    """A function of the program's inputs, one argument each, that gives its outputs; threads may call it at once."""
    if any(kind.narrow for kind in program.kinds):
        return lambda *arrays: program.run(arrays)
    on_arrays = _on_arrays(program)
    return scalar_code(program, exact, on_arrays) or on_arrays


def _on_arrays(program: Program) -> Callable[..., list[Any]]:
    code = Writer(lowered(program))
    namespace = code.namespace
    exec(compile(code.text, "<traced program>", "exec"), namespace)  # noqa: S102 - text of our own making, from kernels by name
    line = namespace["line"]
    spare: list[tuple[Any, ...]] = []

    def run(*arrays: Any) -> list[Any]:
        buffers = spare.pop() if spare else tuple([empty(kind) for kind in code.buffers])
        try:
            with quiet():
                return line(buffers, *arrays)  # type: ignore[no-any-return]
        finally:
            spare.append(buffers)

    return run


def source(program: Program) -> str:
    """The code that replays a program."""
    return Writer(lowered(program)).text


def _add_into(buffer: Any, key: Any, value: Any) -> Any:
    Patch(key, value).add_into(buffer)
    return buffer


def _rows(value: Any, key: Any, shape: tuple[int, ...]) -> Any:
    """A value added into zeros at one array of integers: its rows, as the eager sweep gives them for a large table."""
    found = rows_of(Patch(key, value), shape, value.dtype)
    assert found is not None
    return found.merged()


class Writer:
    """Writes the code: a line an instruction, and which buffer each result goes into."""

    def __init__(self, program: Program) -> None:
        self.program, self.kinds = program, program.kinds
        self.namespace: dict[str, Any] = {"asarray": np.asarray, "array": np.array, "add_into": _add_into, "rows": _rows, "inf": math.inf, "nan": math.nan}
        self.buffers: list[Kind] = []
        self.free: dict[Kind, list[int]] = {}
        self.owner: dict[int, int] = {}  # a variable -> the buffer it was written into
        self.holds: dict[int, frozenset[int]] = {}  # a variable -> the variables with buffers that it may be a view of
        self.ends = _ends(program, self.holds)
        self.makers = {one.out: one.op for one in program.instructions}
        self.skipped: dict[int, Ref] = {}
        self.skipped = self._broadcasts()
        self.sparse = self._tables()
        self.lines: list[str] = []
        for i, value in program.constants.items():
            self.namespace[f"v{i}"] = value
        for n, one in enumerate(program.instructions):
            if one.out not in self.skipped and one.out not in self.sparse.values():
                self._write(n, one)
            self._release(n)
        outs = ", ".join(self._output(place) for place in range(len(program.outputs)))
        names = "".join(f", v{i}" for i in program.inputs)
        unpack = [f"    {', '.join(f'b{i}' for i in range(len(self.buffers)))}, = buffers"] if self.buffers else []
        self.text = "\n".join([f"def line(buffers{names}):", *unpack, *self.lines, f"    return [{outs}]", ""])

    def _broadcasts(self) -> dict[int, Ref]:
        """Results of broadcast_to that only ufuncs read, beside an operand of the full shape: each with what it is of."""
        spread = {one.out: one.operands[0] for one in self.program.instructions if one.op == "broadcast_to"}
        for one in self.program.instructions:
            into = self._into(one)
            shapes = [self.kinds[x.id].shape for x in one.operands if type(x) is Ref and x.id not in spread]
            if into is None or into[0] in ("matmul", "reduce_add") or self.kinds[one.out].shape not in shapes:
                for i in one.reads:
                    spread.pop(i, None)
        for i in self.program.outputs:
            spread.pop(i, None)
        return {i: x for i, x in spread.items() if type(x) is Ref}

    def _tables(self) -> dict[int, int]:
        """Outputs that are rows of large tables of zeros, which need not be made; each with the zeros it is added into."""
        reads = [i for one in self.program.instructions for i in one.reads]
        zeros = {one.out for one in self.program.instructions if one.op == "np.full" and one.params.get("fill_value") == 0.0}
        found = {}
        for one in self.program.instructions:
            if one.op != "added" or one.out not in self.program.outputs or one.out in reads:
                continue
            (table, value), key, kind = one.operands, one.params["key"], self.kinds[one.out]
            ids = self.kinds[key[0].id] if len(key) == 1 and type(key[0]) is Ref else None
            rows = ids is not None and ids.dtype.kind in "iu" and 0 not in ids.shape and len(kind.shape) > 1 and math.prod(kind.shape) >= LEAST
            alone = type(table) is Ref and table.id in zeros and reads.count(table.id) == 1 and table.id not in self.program.outputs
            if rows and alone and type(value) is Ref and self.kinds[value.id].dtype == kind.dtype:
                found[one.out] = table.id
        return found

    # ---- one instruction

    def _write(self, n: int, one: Instruction) -> None:
        into = self._into(one)
        if one.out in self.sparse:
            self.lines.append(f"    v{one.out} = rows({self._said(one.operands[1])}, {self._said(one.params['key'])}, {self.kinds[one.out].shape})")
            return
        if one.op == "added" and self._own(n, *one.operands):
            x, value = (self._said(y) for y in one.operands)
            self.lines.append(f"    v{one.out} = add_into({x}, {self._said(one.params['key'])}, {value})")
            return
        if into is None:
            self.lines.append(f"    v{one.out} = {self._plain(one)}")
            return
        name, said = into
        if one.out in self.ends and self.ends[one.out] < len(self.program.instructions):
            elementwise = name not in ("matmul", *LOOK_BACK) and not name.startswith("reduce")
            if elementwise:
                self._release(n, but=one.out)  # it may write over an operand that ends here
            b = self._take(self.kinds[one.out])
            self.owner[one.out] = b
            out = f"out=b{b}" if name in ("maximum", "minimum") else f"b{b}"  # NumPy takes a third operand of these amiss
            said = [*said, out] if not name.startswith("reduce") else [said[0], said[1], "None", out, said[2]]
        elif name.startswith("reduce"):
            said = [said[0], said[1], "None", "None", said[2]]
        self.lines.append(f"    v{one.out} = {name}({', '.join(said)})")

    def _own(self, n: int, x: Any, value: Any) -> bool:
        """Whether an operand is an array that nothing else holds and that ends here, so that a value may be added into it."""
        return (
            type(x) is Ref
            and (type(value) is not Ref or x.id not in {value.id} | self.holds.get(value.id, frozenset()))
            and self.ends.get(x.id) == n
            and self.makers.get(x.id) in ("added", "np.full", "np.copy")
            and x.id not in self.program.constants
        )

    def _into(self, one: Instruction) -> tuple[str, list[str]] | None:
        """The function and arguments of an operation that can write into a buffer; None for the others."""
        kind = self.kinds[one.out]
        if one.op == "sum" and type(one.operands[0]) is Ref and kind.dtype in FAST_DTYPES and self.kinds[one.operands[0].id].dtype == kind.dtype:
            self.namespace["reduce_add"] = np.add.reduce
            return "reduce_add", [self._said(one.operands[0]), repr(one.params.get("axis")), repr(one.params.get("keepdims", False))]
        f = function(one.op)
        ufunc = isinstance(f, np.ufunc) and f.nout == 1 and len(one.operands) == f.nin and not one.params
        if (ufunc or one.op in LOOK_BACK or one.op == "matmul") and kind.shape != ():
            self.namespace[one.op.replace(".", "_")] = f
            return one.op.replace(".", "_"), [self._said(x) for x in one.operands]
        return None

    def _plain(self, one: Instruction) -> str:
        x = self._said(one.operands[0]) if one.operands else ""
        params = one.params
        if one.op == "reshape":
            return f"{x}.reshape({params['shape']!r})"
        if one.op in ("expand_dims", "squeeze"):
            return f"{x}.reshape({self.kinds[one.out].shape!r})"
        if one.op == "permute_dims":
            return f"{x}.transpose({params['axes']!r})"
        if one.op == "matrix_transpose":
            return f"{x}.swapaxes(-1, -2)"
        name = one.op.replace(".", "_") if one.op.isidentifier() or one.op.startswith("np.") else f"f{one.out}"
        self.namespace[name] = function(one.op)
        said = [self._said(y) for y in one.operands]
        said += [f"{key}={self._said(value)}" for key, value in params.items()]
        return f"{name}({', '.join(said)})"

    def _said(self, value: Any) -> str:
        kind = type(value)
        if kind is Ref:
            return f"v{self.skipped.get(value.id, value).id}"
        if kind is tuple or kind is list:
            inside = ", ".join(map(self._said, value))
            return f"[{inside}]" if kind is list else f"({inside}{',' if len(value) == 1 else ''})"
        if kind is dict:
            return f"{{{', '.join(f'{key!r}: {self._said(item)}' for key, item in value.items())}}}"
        if kind is slice:
            return f"slice({self._said(value.start)}, {self._said(value.stop)}, {self._said(value.step)})"
        if value is None or kind in (bool, int, float, str):
            return repr(value)
        name = f"c{len(self.namespace)}"
        self.namespace[name] = value
        return name

    def _output(self, place: int) -> str:
        """An output, as an array that shares memory with no constant and no other output."""
        i = self.program.outputs[place]
        if i in self.sparse:
            return f"v{i}.merged()" if i in self.program.outputs[:place] else f"v{i}"
        others = {j for k, j in enumerate(self.program.outputs) if k < place}
        shared = {i} | self.holds.get(i, frozenset())
        if shared & (others.union(*(self.holds.get(j, frozenset()) for j in others)) | set(self.program.constants)):
            return f"array(v{i})"
        return f"asarray(v{i})"

    # ---- buffers

    def _take(self, kind: Kind) -> int:
        free = self.free.get(kind)
        if free:
            return free.pop()
        self.buffers.append(kind)
        return len(self.buffers) - 1

    def _release(self, n: int, but: int = -1) -> None:
        for i in [i for i in self.owner if self.ends[i] <= n and i != but]:
            b = self.owner.pop(i)
            self.free.setdefault(self.buffers[b], []).append(b)


def _ends(program: Program, holds: dict[int, frozenset[int]]) -> Mapping[int, int]:
    """The last instruction at which the memory of a variable is read, through whatever may be a view of it."""
    ends: dict[int, int] = {}
    for n, one in enumerate(program.instructions):
        held: frozenset[int] = frozenset()
        for i in one.reads:
            for j in (i, *holds.get(i, ())):
                ends[j] = n
            if one.op not in FRESH and not isinstance(function(one.op), np.ufunc):
                held |= {i} | holds.get(i, frozenset())
        holds[one.out] = held
        ends[one.out] = n
    never = len(program.instructions)
    for i in program.outputs:
        for j in (i, *holds.get(i, ())):
            ends[j] = never
    return ends
