"""vmap: a function over a batch, by rules that say where the batch axis of a result is.

Within ``vmap`` an array is ``Batched``: it looks as one example does and holds all of them, as an Array with the batch as its
first axis. It is a library of arrays like any other to the tape; its kernels are the engine's own functions on the Arrays inside,
chosen by ``batch_rules``. So a tape within the batch and a tape around it are both recorded, and nest in any order.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from functools import wraps
from itertools import count
from types import SimpleNamespace
from typing import Any

import numpy as np

import gradproof.engine.functions as fn
from gradproof.engine import pytree
from gradproof.engine.array import Array, as_array
from gradproof.engine.backend import constant, kernels
from gradproof.engine.batch_rules import RULES, Operand, looped
from gradproof.engine.errors import ShapeError, TraceError, a_function
from gradproof.engine.functions.recorded import recorded
from gradproof.engine.library import FOREIGN, Library, accept, inexact, is_narrow, wide
from gradproof.engine.rules import VARIADIC
from gradproof.engine.tape import OPS, apply, lifting
from gradproof.engine.tracer import STATIC

_depth = count(1).__next__
FALLBACKS: Counter[str] = Counter()
"""How often an op without a rule was run example by example; and why it has none, in ``batch_rules.LOOPED``."""


class Level:
    """One vmap under way: the size of its batch. Later ones lie within earlier ones."""

    __slots__ = ("depth", "size")

    def __init__(self, size: int) -> None:
        self.size, self.depth = size, _depth()

    def lift(self, x: Array) -> Array:
        """An Array as one of this vmap's: the same for every example, whatever tape it is on."""
        return x if type(x.data) is Batched and x.data.level is self else Array(Batched(self, x, False))


def _refusal(what: str) -> Callable[..., Any]:
    def refuse(self: Batched, *args: Any, **kwargs: Any) -> Any:
        raise TraceError(
            f"{what} of a value within vmap, of shape {self.shape} for each of {self.level.size} examples: they would not agree. Use "
            "where, clip or maximum, or leave this part out of the vmap."
        )

    return refuse


class Batched:
    """All examples of a value: ``inner`` has them along its first axis, or is the same for all."""

    __slots__ = ("batched", "dtype", "inner", "level", "shape")
    __array_ufunc__ = None
    __hash__ = None  # type: ignore[assignment]
    base = None
    device = "cpu"

    def __init__(self, level: Level, inner: Array, batched: bool) -> None:
        self.level, self.inner, self.batched = level, inner, batched
        self.shape = inner.shape[1:] if batched else inner.shape
        self.dtype = inner.dtype

    @property
    def ndim(self) -> int:
        """The number of axes of an example."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """The number of entries of an example."""
        return int(np.prod(self.shape, dtype=np.int64))

    def __len__(self) -> int:
        return self.shape[0]

    def __iter__(self) -> Any:
        return (self[i] for i in range(len(self)))

    def __repr__(self) -> str:
        return f"Batched({self.level.size} of shape {self.shape}, dtype={self.dtype.name})"

    def __array_function__(self, f: Any, types: Any, args: Any, kwargs: Any) -> Any:
        if f in STATIC:
            return STATIC[f](args[0])
        raise TraceError(f"np.{f.__name__} of a value within vmap. Use a function of gradproof.engine.")

    def __getitem__(self, key: Any) -> Any:
        return run("getitem", (self,), {"key": key if isinstance(key, tuple) else (key,)})

    def astype(self, dtype: Any, copy: bool = True) -> Any:
        """The same entries in another dtype."""
        return Batched(self.level, _cast(self.inner, dtype), self.batched)

    def reshape(self, *shape: Any) -> Any:
        """The same entries in another shape."""
        lengths = shape[0] if len(shape) == 1 and not isinstance(shape[0], int) else shape
        return run("reshape", (self,), {"shape": tuple(lengths)})

    def of_all(self, f: Callable[[Array], Array]) -> Batched:
        """f of the Array of all examples, whose shape it keeps: what concerns a tape around the vmap (stop_gradient, hooks)."""
        return Batched(self.level, f(self.inner), self.batched)

    @property
    def T(self) -> Any:
        """All axes reversed."""
        return run("permute_dims", (self,), {"axes": tuple(range(self.ndim))[::-1]})

    __bool__ = _refusal("bool()")
    __float__ = _refusal("float()")
    __int__ = _refusal("int()")
    __index__ = _refusal("an index")
    __complex__ = _refusal("complex()")
    __array__ = _refusal("a NumPy copy")
    item = _refusal(".item()")
    tolist = _refusal(".tolist()")
    numpy = _refusal(".numpy()")


def _cast(x: Array, dtype: Any) -> Array:
    return fn.astype(x, dtype) if inexact(x.dtype) else Array(x.data.astype(dtype))


def _operator(op: str, swapped: bool = False) -> Callable[..., Any]:
    def on(self: Batched, *others: Any) -> Any:
        if others and type(others[0]) is Array:
            return NotImplemented
        return run(op, (*others, self) if swapped else (self, *others), {})

    return on


_ARITHMETIC = {"add": "add", "sub": "subtract", "mul": "multiply", "truediv": "divide", "matmul": "matmul", "pow": "pow"}
_LOGIC = {"lt": "<", "le": "<=", "gt": ">", "ge": ">=", "eq": "==", "ne": "!=", "and": "&", "or": "|", "xor": "^", "mod": "%", "floordiv": "//"}
for _word, _op in (_ARITHMETIC | _LOGIC).items():
    setattr(Batched, f"__{_word}__", _operator(_op))
    setattr(Batched, f"__r{_word}__", _operator(_op, swapped=True))
for _word, _op in {"neg": "negative", "abs": "abs", "invert": "~"}.items():
    setattr(Batched, f"__{_word}__", _operator(_op))


# ---- kernels


def run(name: str, operands: Sequence[Any], params: dict[str, Any]) -> Batched:
    """A kernel's value at operands of which one is batched, by its rule, or example by example where it has none."""
    level = max((x.level for x in _batched([operands, params])), key=lambda level: level.depth)
    values, has = zip(*(_opened(x, level) for x in operands), strict=True) if operands else ((), ())
    key, within = params.get("key") or (), False
    if any(type(part) is Batched for part in key):
        within = any(_opened(part, level)[1] for part in key)
        if within and any(type(part) is Batched and part.dtype == bool for part in key):
            raise TraceError(f"{name} at a mask that differs between examples: so would their shapes. Use where instead.")
        params = params | {"key": tuple(_named(part, level) for part in key)}
    if not any(has) and not within:
        return Batched(level, call(name, *values, **params), False)
    rule = RULES.get(name)
    given = [Operand(x, b) for x, b in zip(values, has, strict=True)]
    if rule is None:
        FALLBACKS[name] += 1
        return Batched(level, looped(call, name, given, params, level.size), True)
    return Batched(level, rule(call, name, given, params, level.size), True)


def call(name: str, *operands: Any, **params: Any) -> Array:
    """The engine's own function of a name, on Arrays that may be on a tape."""
    if name in OPS or name in VARIADIC:
        return apply(name, operands, params)
    if name in LOGIC:
        return as_array(LOGIC[name](*(x.data if type(x) is Array else x for x in operands)))  # of no axes: NumPy gives a scalar
    f = getattr(recorded, name, None)
    if f is not None:
        return as_array(f(*operands, **params))
    return as_array(constant(name, *(x.data if type(x) is Array else x for x in operands), **params))


LOGIC: dict[str, Callable[..., Any]] = {
    "<": lambda x, y: x < y, "<=": lambda x, y: x <= y, ">": lambda x, y: x > y, ">=": lambda x, y: x >= y, "==": lambda x, y: x == y,
    "!=": lambda x, y: x != y, "&": lambda x, y: x & y, "|": lambda x, y: x | y, "^": lambda x, y: x ^ y, "~": lambda x: ~x,
    "%": lambda x, y: x % y, "//": lambda x, y: x // y,
}  # fmt: skip


def _opened(x: Any, level: Level) -> tuple[Any, bool]:
    """An operand as an Array, and whether the batch is its first axis; a number stays one."""
    if type(x) is Batched and x.level is level:
        return x.inner, x.batched
    return (x if isinstance(x, int | float | complex | None | slice) or x is Ellipsis else as_array(x)), False


def _named(part: Any, level: Level) -> Any:
    """A part of a key: an Operand where it differs between examples, else what it is for all of them."""
    if type(part) is not Batched:
        return part
    value, batched = _opened(part, level)
    return Operand(value, True) if batched else value.data


def _batched(values: Any) -> list[Batched]:
    found: list[Batched] = []
    for x in values.values() if isinstance(values, dict) else values:
        if type(x) is Batched:
            found.append(x)
        elif isinstance(x, tuple | list | dict):
            found += _batched(x)
    return found


# ---- the library


def _kernel(name: str) -> Callable[..., Any]:
    def on(*operands: Any, **params: Any) -> Any:
        return run(name, operands, params) if _batched([operands, params]) else constant(name, *operands, **params)

    return on


def _full(shape: tuple[int, ...], value: float, dtype: Any, like: Batched) -> Batched:
    inner = like.inner.data
    library = FOREIGN.get(type(inner))
    made = accept(np.full(shape, value, dtype)) if library is None else library.full(shape, value, dtype, inner)
    return Batched(like.level, Array(made), False)


def _wide(x: Any) -> Any:
    if type(x) is not Batched:
        return wide(x)  # a constant may be an array of half precision
    return x.astype(np.float32) if is_narrow(x.dtype) else x


RAW = SimpleNamespace(**{name: _kernel(name) for name in kernels})
FOREIGN[Batched] = Library(
    name="batched",
    raw=RAW,
    kernel=_kernel,
    operand=lambda x, like: x,
    wide=_wide,
    full=_full,
    own=lambda x, dtype: x.astype(dtype) if x.dtype != dtype else x,
    to_numpy=lambda x: x.numpy(),
)


# ---- the transform


def vmap(f: Callable[..., Any], in_axes: Any = 0, out_axes: Any = 0) -> Callable[..., Any]:
    """f over a batch: an axis of each argument (None: the same for every example), stacked along an axis of each result.

    Axes are an int or None for all, or a tuple of them, one for each argument; those of a tree may be a tree of them.
    Arguments by keyword are taken along their first axis.

    Raises: ShapeError for batches of different sizes; TraceError where f looks at a value.

    >>> import gradproof.engine as ge
    >>> ge.vmap(ge.matmul, in_axes=(0, None))([[1.0, 2.0], [3.0, 4.0]], [10.0, 1.0])
    Array([12., 34.], dtype=float64)
    >>> ge.vmap(ge.grad(lambda x: x * x * x))([1.0, 2.0])
    Array([ 3., 12.], dtype=float64)
    """

    a_function(f, "vmap")

    @wraps(f)
    def over_the_batch(*args: Any, **kwargs: Any) -> Any:
        leaves, structure = pytree.flatten(args)
        named, keywords = pytree.flatten(kwargs)
        axes = [*_axes(in_axes, structure, "in_axes"), *[0] * len(named)]
        leaves = [*leaves, *named]
        arrays = [as_array(x) if axis is not None else x for x, axis in zip(leaves, axes, strict=True)]
        level = Level(_size(arrays, axes))
        inside = [
            Array(Batched(level, _to_front(x, axis), True)) if axis is not None else x for x, axis in zip(arrays, axes, strict=True)
        ]
        with lifting(level.lift):
            out = f(*pytree.unflatten(structure, inside[: structure.leaves]), **pytree.unflatten(keywords, inside[structure.leaves :]))
        outs, shape = pytree.flatten(out)
        places = _axes(out_axes, shape, "out_axes")
        return pytree.unflatten(shape, [_result(x, axis, level) for x, axis in zip(outs, places, strict=True)])

    return over_the_batch


def _axes(given: Any, structure: Any, name: str) -> list[int | None]:
    """An axis for each leaf: one for all, one for each part at the top, or a tree of them."""
    if given is None or isinstance(given, int):
        return [given] * structure.leaves
    if structure.kind is None or len(given) != len(structure.children):
        expected = len(structure.children) if structure.kind is not None else 1
        raise ShapeError(f"vmap: {name} has {len(given)} entries, expected {expected}. Give one for each part, or one for all.")
    parts = [given[key] for key in structure.keys] if isinstance(given, dict) else given
    return [axis for part, child in zip(parts, structure.children, strict=True) for axis in _axes(part, child, name)]


def _size(arrays: Sequence[Any], axes: Sequence[int | None]) -> int:
    sizes = []
    for i, (x, axis) in enumerate(zip(arrays, axes, strict=True)):
        if axis is not None:
            if not -x.ndim <= axis < x.ndim:
                raise ShapeError(f"vmap: argument {i} of shape {x.shape} has no axis {axis}. Change in_axes.")
            sizes.append(x.shape[axis])
    if len(set(sizes)) != 1:
        said = f"of sizes {sizes}" if sizes else "of no argument"
        raise ShapeError(f"vmap: batches {said}; expected one size. Change in_axes, or the arguments.")
    return int(sizes[0])


def _to_front(x: Array, axis: int) -> Array:
    axis %= x.ndim
    return x if axis == 0 else fn.permute_dims(x, (axis, *(i for i in range(x.ndim) if i != axis)))


def _result(x: Any, axis: int | None, level: Level) -> Any:
    if x is None:
        return None
    x = x if type(x) is Array else as_array(x)
    inner, batched = _opened(x.data, level) if type(x.data) is Batched else (x, False)
    if axis is None:
        if batched:
            raise ShapeError("vmap: out_axes is None for a result that differs between examples. Give the axis it is stacked along.")
        return inner
    if not batched:
        inner = fn.broadcast_to(inner, (level.size, *inner.shape))
    axis %= inner.ndim
    return inner if axis == 0 else fn.permute_dims(inner, (*range(1, axis + 1), 0, *range(axis + 1, inner.ndim)))
