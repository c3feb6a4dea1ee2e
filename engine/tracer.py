"""The tracer: an array that computes as NumPy's own and writes down every operation it takes part in.

It is a library of arrays like any other to the tape (``engine/library.py``), so whatever runs on the tape, backward sweeps and
nested transforms included, is written down too. Its entries are known only to kernels: Python cannot branch on them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import Any

import numpy as np

from gradproof.engine.array import Array
from gradproof.engine.backend import constant, kernels, quiet
from gradproof.engine.errors import TraceError
from gradproof.engine.kernels.indexing import patch
from gradproof.engine.library import FOREIGN, Library, accept, is_narrow, wide
from gradproof.engine.program import PLAIN, Instruction, Kind, Program, Ref, computed, function, refs


class Builder:
    """A program being written, and the values of its variables at the arguments it is traced with."""

    def __init__(self) -> None:
        self.values: dict[int, Any] = {}
        self.inputs: list[int] = []
        self.constants: dict[int, Any] = {}
        self.instructions: list[Instruction] = []
        self._known: dict[int, tuple[int, Any]] = {}

    def input(self, value: Any) -> Tracer:
        """A new input."""
        tracer = self._tracer(accept(value))
        self.inputs.append(tracer.id)
        return tracer

    def record(self, op: str, operands: tuple[Any, ...], params: Mapping[str, Any]) -> Tracer:
        """An instruction, computed and written down."""
        one = Instruction(op, self.refer(operands), self.refer(dict(params)), len(self.values))
        if any(i not in self.constants and self.values[i].dtype == bool for i in refs(one.params.get("key"))):
            raise TraceError(
                f"{op} at a mask that depends on traced values: the shape of the result would depend on them. Use where instead."
            )
        with quiet():
            tracer = self._tracer(computed(one, self.values))
        self.instructions.append(one)
        return tracer

    def refer(self, value: Any) -> Any:
        """Tracers as variables, and arrays as constants; numbers stay as they are. Index arrays in a key are constants too."""
        kind = type(value)
        if kind is Tracer:
            if value.builder is not self:
                raise TraceError(
                    "a value of another trace is used here. Return it from the function that was traced, or pass it as an argument."
                )
            return Ref(value.id)
        if kind is tuple or kind is list:
            return kind(self.refer(item) for item in value)
        if kind is dict:
            return {key: self.refer(item) for key, item in value.items()}
        if kind is slice:
            return slice(self.refer(value.start), self.refer(value.stop), self.refer(value.step))
        if isinstance(value, np.ndarray | np.generic):
            return self.constant(value)
        return value

    def constant(self, value: Any) -> Ref:
        """An array as a variable; one array is one variable."""
        if id(value) not in self._known:
            tracer = self._tracer(accept(value))
            self.constants[tracer.id] = self.values[tracer.id]
            self._known[id(value)] = tracer.id, value  # held, so that no other array takes its id
        return Ref(self._known[id(value)][0])

    def lifted(self, x: Array) -> Array:
        """An Array as a traced one: a constant of the program."""
        if type(x.data) is Tracer:
            return x
        if type(x.data) in FOREIGN and not is_narrow(x.dtype):
            raise TraceError(
                f"an array of {FOREIGN[type(x.data)].name} within a trace of NumPy arrays. Pass it as an argument: f is then run eagerly."
            )
        number = self.constant(x.data).id
        return Array(Tracer(self, number, x.shape, x.dtype), x.node)

    def _tracer(self, value: Any) -> Tracer:
        tracer = Tracer(self, len(self.values), value.shape, value.dtype)
        self.values[tracer.id] = value
        return tracer

    def finished(self, outputs: list[Any]) -> Program:
        """The program that gives these."""
        found = tuple(self.refer(x).id for x in outputs)
        kinds = tuple(Kind.of(self.values[i]) for i in range(len(self.values)))
        return Program(kinds, tuple(self.inputs), self.constants, tuple(self.instructions), found)


def _refusal(what: str) -> Callable[..., Any]:
    def refuse(self: Tracer, *args: Any, **kwargs: Any) -> Any:
        raise TraceError(
            f"{what} of a traced value of shape {self.shape}: the program would be right for this value alone. Use where, clip, "
            "maximum or stop tracing here; pass what only steers Python (flags, counts) as plain Python values, which are fixed."
        )

    return refuse


def _operator(op: str) -> Callable[..., Any]:
    def run(self: Tracer, *others: Any) -> Any:
        if others and type(others[0]) is Array:
            return NotImplemented  # an Array takes it from here
        return self.builder.record(op, (self, *others), {})

    return run


def _swapped(op: str) -> Callable[..., Any]:
    def run(self: Tracer, other: Any) -> Any:
        if type(other) is Array:
            return NotImplemented
        return self.builder.record(op, (other, self), {})

    return run


def _method(op: str) -> Callable[..., Any]:
    def run(self: Tracer, *args: Any, **kwargs: Any) -> Any:
        return self.builder.record(op, (self, *args), kwargs)

    return run


class Tracer:
    """A variable of the program being written; it has a shape and a dtype as an array has, and no entries to look at."""

    __slots__ = ("builder", "dtype", "id", "shape")
    __array_priority__ = 900
    __hash__ = None  # type: ignore[assignment]
    base = None
    device = "cpu"

    def __init__(self, builder: Builder, number: int, shape: tuple[int, ...], dtype: Any) -> None:
        self.builder, self.id, self.shape, self.dtype = builder, number, shape, dtype

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """The number of entries."""
        return int(np.prod(self.shape, dtype=np.int64))

    def __len__(self) -> int:
        return self.shape[0]

    def __iter__(self) -> Any:
        return (self[i] for i in range(len(self)))

    def __repr__(self) -> str:
        return f"Tracer(%{self.id}, shape={self.shape}, dtype={self.dtype.name})"

    def __getitem__(self, key: Any) -> Any:
        return self.builder.record("getitem", (self,), {"key": key if isinstance(key, tuple) else (key,)})

    def add_at(self, key: Any, value: Any) -> None:
        """Add a value at a key in place: from here on this is the variable that has it added."""
        self.id = self.builder.record("added", (self, value), {"key": key}).id

    def __setitem__(self, key: Any, value: Any) -> None:
        self.id = self.builder.record("put", (self, value), {"key": key if isinstance(key, tuple) else (key,)}).id

    def astype(self, dtype: Any, copy: bool = True) -> Any:
        """The same entries in another dtype."""
        return self.builder.record("np.astype", (self,), {"dtype": np.dtype(dtype)})

    def reshape(self, *shape: Any) -> Any:
        """The same entries in another shape."""
        lengths = shape[0] if len(shape) == 1 and not isinstance(shape[0], int) else shape
        return self.builder.record("reshape", (self,), {"shape": tuple(lengths)})

    @property
    def T(self) -> Any:
        """All axes reversed."""
        return self.builder.record("permute_dims", (self,), {"axes": tuple(range(self.ndim))[::-1]})

    # ---- NumPy's functions

    def __array_ufunc__(self, ufunc: Any, method: str, *operands: Any, **kwargs: Any) -> Any:
        out = kwargs.pop("out", None)
        name = _name(ufunc)
        if method == "at":
            if ufunc is not np.add:
                raise TraceError(f"np.{ufunc.__name__}.at on a traced value has no functional form. Use where or take.")
            operands[0].add_at(operands[1] if isinstance(operands[1], tuple) else (operands[1],), operands[2])
            return None
        if method != "__call__" or name is None:
            raise TraceError(f"np.{ufunc.__name__}.{method} cannot be traced. Use a function of gradproof.engine.")
        result = _builder(operands).record(name, operands, kwargs)
        if out is None:
            return result
        if type(out[0]) is not Tracer:
            raise TraceError(f"np.{ufunc.__name__} of a traced value into a plain array. Leave out= out.")
        out[0].id = result.id
        return out[0]

    def __array_function__(self, f: Any, types: Any, args: Any, kwargs: Any) -> Any:
        if f in STATIC:
            return STATIC[f](args[0])
        name = _name(f)
        if name is None:
            raise TraceError(f"np.{f.__name__} cannot be traced. Use a function of gradproof.engine.")
        return _builder([args, kwargs]).record(name, tuple(args), kwargs)

    # ---- what would look at the entries

    __bool__ = _refusal("bool()")
    __float__ = _refusal("float()")
    __int__ = _refusal("int()")
    __index__ = _refusal("an index")
    __complex__ = _refusal("complex()")
    __array__ = _refusal("a NumPy copy")
    item = _refusal(".item()")
    tolist = _refusal(".tolist()")
    numpy = _refusal(".numpy()")
    tobytes = _refusal(".tobytes()")


_SAME = {"add": "add", "sub": "subtract", "mul": "multiply", "truediv": "divide", "matmul": "matmul", "pow": "**"}
_SAME |= {"floordiv": "np.floor_divide", "mod": "np.remainder", "and": "np.bitwise_and", "or": "np.bitwise_or", "xor": "np.bitwise_xor"}
for _word, _op in _SAME.items():
    setattr(Tracer, f"__{_word}__", _operator(_op))
    setattr(Tracer, f"__r{_word}__", _swapped(_op))
for _word, _op in {"lt": "less", "le": "less_equal", "gt": "greater", "ge": "greater_equal", "eq": "equal", "ne": "not_equal"}.items():
    setattr(Tracer, f"__{_word}__", _operator(f"np.{_op}"))
for _word, _op in {"neg": "negative", "abs": "abs", "invert": "np.invert", "pos": "np.positive"}.items():
    setattr(Tracer, f"__{_word}__", _operator(_op))
for _word in ("sum", "mean", "max", "min", "any", "all", "argsort", "argmax", "argmin", "copy", "ravel", "swapaxes", "transpose",
              "squeeze", "clip", "take", "repeat", "prod", "cumsum", "cumprod", "conjugate"):  # fmt: skip
    setattr(Tracer, _word, _method(f"np.{_word}"))


STATIC: dict[Any, Callable[[Any], Any]] = {
    np.ndim: lambda x: len(x.shape), np.shape: lambda x: x.shape, np.size: lambda x: x.size, np.iscomplexobj: lambda x: x.dtype.kind == "c",
}  # fmt: skip
"""What NumPy can ask of an array without looking at its entries."""
_NAMES: dict[Any, str] = {}
for _table, _prefix in ((PLAIN, ""), (kernels, "")):
    for _key, _f in _table.items():
        try:
            _NAMES[_f] = _prefix + _key
        except TypeError:  # pragma: no cover - not hashable
            continue


def _name(f: Any) -> str | None:
    return _NAMES.get(f)


def _builder(values: Any) -> Builder:
    found = _find(values)
    assert found is not None
    return found


def _find(values: Any) -> Builder | None:
    for x in values.values() if isinstance(values, dict) else values:
        if type(x) is Tracer:
            return x.builder
        if isinstance(x, tuple | list | dict):
            found = _find(x)
            if found is not None:
                return found
    return None


# ---- the library


def _kernel(name: str) -> Callable[..., Any]:
    function(name)  # says so at once if there is none

    def record(*operands: Any, **params: Any) -> Any:
        found = _find([operands, params])
        return constant(name, *operands, **params) if found is None else found.record(name, operands, params)

    return record


def _operand(x: Any, like: Any) -> Any:
    return x


def _wide(x: Any) -> Any:
    if type(x) is not Tracer:
        return wide(x)  # a constant may be an array of half precision
    return x.builder.record("widen", (x,), {}) if is_narrow(x.dtype) else x


def _full(shape: tuple[int, ...], value: float, dtype: Any, like: Tracer) -> Tracer:
    return like.builder.record("np.full", (), {"shape": tuple(shape), "fill_value": value, "dtype": np.dtype(dtype)})


def _own(x: Tracer, dtype: Any) -> Tracer:
    return x.builder.record("np.copy", (x,), {}) if x.dtype == dtype else x.astype(dtype)


def _to_numpy(x: Tracer) -> Any:
    return x.numpy()


RAW = SimpleNamespace(**{name: _kernel(name) for name in kernels} | {"scatter": patch})
FOREIGN[Tracer] = Library(
    "traced", RAW, _kernel, _operand, _wide, _full, _own, _to_numpy, Tracer.add_at
)
