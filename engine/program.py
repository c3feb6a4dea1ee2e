"""A program: the straight line of array operations that a traced function ran, as data.

Instructions name kernels, never code: a program prints, saves and simplifies, and ``run`` computes it exactly as the eager
engine did. ``gradproof.engine.trace`` makes programs, ``simplify`` shortens them, ``generate`` makes Python of them.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from gradproof.engine.backend import Patch, kernels, quiet
from gradproof.engine.errors import DtypeError, ShapeError
from gradproof.engine.library import FOREIGN, accept, is_narrow


class Ref(NamedTuple):
    """A variable of a program, by its number."""

    id: int


class Instruction(NamedTuple):
    """``out = op(*operands, **params)``. Operands are variables or Python numbers; a variable may also stand in a param."""

    op: str
    operands: tuple[Any, ...]
    params: Mapping[str, Any]
    out: int

    @property
    def reads(self) -> tuple[int, ...]:
        """The variables it reads, each as often as it does."""
        return tuple(refs((self.operands, self.params)))


def refs(value: Any) -> Iterator[int]:
    """The variables in operands or params, however nested."""
    kind = type(value)
    if kind is Ref:
        yield value.id
    elif kind is tuple or kind is list:
        for item in value:
            yield from refs(item)
    elif kind is dict:
        yield from refs(list(value.values()))
    elif kind is slice:
        yield from refs([value.start, value.stop, value.step])


def replaced(value: Any, change: Callable[[Ref], Any]) -> Any:
    """Operands or params with every variable replaced by what ``change`` makes of it."""
    kind = type(value)
    if kind is Ref:
        return change(value)
    if kind is tuple or kind is list:
        return kind(replaced(item, change) for item in value)
    if kind is dict:
        return {key: replaced(item, change) for key, item in value.items()}
    if kind is slice:
        return slice(*(replaced(item, change) for item in (value.start, value.stop, value.step)))
    return value


class Kind(NamedTuple):
    """What a variable holds: its shape, its dtype, and the order of its axes in memory (the slowest first)."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    order: tuple[int, ...] = ()

    @staticmethod
    def of(x: Any) -> Kind:
        """The kind of an array."""
        x = np.asarray(x)
        return Kind(x.shape, x.dtype, tuple(sorted(range(x.ndim), key=lambda a: -abs(x.strides[a]))))

    @property
    def narrow(self) -> bool:
        """Whether it is of NumPy's float16 or bfloat16, which are computed in float32 and rounded."""
        return is_narrow(self.dtype)

    @property
    def bytes(self) -> int:
        """Bytes of an array of this kind."""
        return int(np.prod(self.shape, dtype=np.int64)) * self.dtype.itemsize

    def __str__(self) -> str:
        return f"{SHORT.get(self.dtype.name, self.dtype.name)}[{','.join(map(str, self.shape))}]"


CHECKS = frozenset({"shut"})  # kernels that may raise: they stay in a program even where nothing reads what they give
SHORT = {"float64": "f64", "float32": "f32", "float16": "f16", "bfloat16": "bf16", "int64": "i64", "bool": "bool",
         "complex128": "c128", "complex64": "c64"}  # fmt: skip


@dataclass(frozen=True, eq=False)
class Program:
    """Variables by number, of which some are inputs and some constants, and the instructions that make the others.

    >>> import gradproof.engine as ge
    >>> program = ge.trace(lambda x: ge.sum(ge.sin(x) * x)).program(ge.as_array([0.0, 1.0]))
    >>> print(program)
    program(%0: f64[2]) -> %3
      %1: f64[2] = sin(%0)
      %2: f64[2] = multiply(%1, %0)
      %3: f64[] = sum(%2, axis=None, keepdims=False)
    >>> program.run([np.array([0.0, 1.0])])
    [array(0.84147098)]
    """

    kinds: tuple[Kind, ...]
    inputs: tuple[int, ...]
    constants: Mapping[int, Any]
    instructions: tuple[Instruction, ...]
    outputs: tuple[int, ...]

    def __str__(self) -> str:
        given = ", ".join(f"%{i}: {self.kinds[i]}" for i in self.inputs)
        lines = [f"program({given}) -> {', '.join(f'%{i}' for i in self.outputs)}"]
        lines += [f"  %{i}: {self.kinds[i]} = {_brief(value)}" for i, value in self.constants.items()]
        return "\n".join([*lines, *(f"  {self._line(one)}" for one in self.instructions)])

    def _line(self, one: Instruction) -> str:
        said = [_spelled(x) for x in one.operands]
        said += [f"{key}={_spelled(value)}" for key, value in one.params.items()]
        return f"%{one.out}: {self.kinds[one.out]} = {one.op}({', '.join(said)})"

    def check(self, arrays: Sequence[Any]) -> None:
        """The guards: the number, shapes and dtypes of the arguments are those it was traced with.

        Raises: ShapeError, DtypeError.
        """
        if len(arrays) != len(self.inputs):
            raise ShapeError(f"the program takes {len(self.inputs)} arrays, got {len(arrays)}. Trace the function again.")
        for i, (x, v) in enumerate(zip(arrays, self.inputs, strict=True)):
            kind = self.kinds[v]
            if x.shape != kind.shape:
                raise ShapeError(
                    f"argument {i} has shape {x.shape}, but the program was traced with {kind.shape}. Trace it again."
                )
            if x.dtype != kind.dtype:
                raise DtypeError(
                    f"argument {i} has dtype {x.dtype.name}, but the program was traced with {kind.dtype.name}. Trace it again."
                )

    def run(self, arrays: Sequence[Any]) -> list[Any]:
        """The outputs, instruction by instruction; a value is dropped after its last use.

        Raises: ShapeError, DtypeError for other arguments than it was traced with.
        """
        self.check(arrays)
        values: dict[int, Any] = dict(zip(self.inputs, map(accept, arrays), strict=True)) | dict(self.constants)
        last = self.last_uses()
        with quiet():
            for n, one in enumerate(self.instructions):
                values[one.out] = computed(one, values)
                for i in {*one.reads, one.out}:
                    if last.get(i, -1) == n:
                        del values[i]
        return [values[i] for i in self.outputs]

    def last_uses(self) -> dict[int, int]:
        """The last instruction that reads or makes a variable; outputs, inputs and constants have none."""
        last = {i: n for n, one in enumerate(self.instructions) for i in (one.out, *one.reads)}
        for i in (*self.outputs, *self.inputs, *self.constants):
            last.pop(i, None)
        return last


def computed(one: Instruction, values: Mapping[int, Any]) -> Any:
    """The result of one instruction, as an array."""
    operands = [values[x.id] if type(x) is Ref else x for x in one.operands]
    params = replaced(dict(one.params), lambda ref: values[ref.id]) if one.params else {}
    library = next((FOREIGN[type(x)] for x in operands if type(x) in FOREIGN), None)  # NumPy's half precisions
    f = library.kernel(one.op) if library is not None and one.op in kernels else function(one.op)
    return accept(f(*operands, **params))


def function(op: str) -> Callable[..., Any]:
    """What an instruction's name stands for: a kernel of the engine, or one of a fixed list of NumPy functions.

    Raises: KeyError for any other name.
    """
    if op in kernels:
        return kernels[op]
    if op in PLAIN:
        return PLAIN[op]
    raise KeyError(f"no kernel named {op!r}. A program may name kernels of the engine and {', '.join(sorted(PLAIN))}.")


def _put(x: Any, value: Any, *, key: Any) -> Any:
    """x with a value in place of what is at a key, as a new array."""
    out = np.array(x)
    out[key] = value
    return out


def _added(x: Any, value: Any, *, key: Any) -> Any:
    """x with a value added at a key, as a new array."""
    out = np.array(x)
    Patch(key, value).add_into(out)
    return out


_NUMPY = """absolute all amax amin any arccos arccosh arcsin arcsinh arctan arctan2 arctanh argmax argmin argsort bincount
    bitwise_and bitwise_or bitwise_xor broadcast_to cbrt ceil clip concatenate conjugate copy copysign count_nonzero cumprod cumsum
    diff divide dot einsum equal exp2 expand_dims flip floor floor_divide fmax fmin fmod full full_like greater greater_equal heaviside
    imag inner invert isfinite isinf isnan ldexp less less_equal lexsort logical_and logical_not logical_or logical_xor matmul
    max maximum mean min minimum moveaxis nan_to_num nextafter not_equal ones_like outer positive power prod ravel real remainder repeat
    reshape rint roll searchsorted signbit sort spacing squeeze stack sum swapaxes take take_along_axis tile transpose tril triu
    trunc where zeros_like""".split()  # noqa: SIM905
PLAIN: dict[str, Callable[..., Any]] = {f"np.{name}": getattr(np, name) for name in _NUMPY}
PLAIN |= {"added": _added, "put": _put, "**": operator.pow, "np.astype": lambda x, dtype: np.asarray(x).astype(dtype)}
PLAIN |= {"widen": lambda x: np.asarray(x).astype(np.float32)}


def _spelled(value: Any) -> str:
    kind = type(value)
    if kind is Ref:
        return f"%{value.id}"
    if kind is tuple or kind is list:
        inside = ", ".join(map(_spelled, value))
        return f"[{inside}]" if kind is list else f"({inside}{',' if len(value) == 1 else ''})"
    if kind is slice:
        parts = (value.start, value.stop, value.step)[: 2 if value.step is None else 3]
        return ":".join("" if part is None else _spelled(part) for part in parts)
    if value is Ellipsis:
        return "..."
    return _brief(value) if isinstance(value, np.ndarray) else str(value) if isinstance(value, np.dtype) else repr(value)


def _brief(value: Any) -> str:
    value = np.asarray(value)
    return repr(value.tolist()) if value.size <= 4 else f"constant of {value.size} entries"
