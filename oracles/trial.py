"""The runs of one engine on one case: everything the properties look at, and nothing judged yet.

The graph is evaluated and pulled back, in one case of two twice; then it is evaluated at other inputs of the same shapes,
and what a pullback kept for itself must outlive that: the latest is asked with zeros and with the cotangent scaled by -2, in
either order (one shows what goes wrong in every second call, the other what does from the third on); if that is not -2 times
the gradient to the last bit, with the cotangent again. It knows of one more input, which no output uses. Results are copied
the moment they are seen, so that what an engine overwrites later shows. In one case of two, inputs and cotangents lie strided
in memory. A function that is given is put through all of it.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np

from gradproof.oracles.catalogue import op
from gradproof.oracles.engine import Capabilities, Engine
from gradproof.oracles.errors import Unsupported
from gradproof.oracles.formats import PARTS
from gradproof.oracles.graph import Array, Case, Graph, Node, evaluate

Arrays = list[Array]


def resolve(namespace: Any, name: str) -> Callable[..., Any]:
    """The function of a dotted op name in an engine's namespace.

    Raises: Unsupported if the namespace lacks it.
    """
    found = namespace
    for part in name.split("."):
        found = getattr(found, part, None)
        if found is None:
            raise Unsupported(f"the engine's namespace has no {name!r}")
    return found  # type: ignore[no-any-return]


def capabilities(engine: Engine) -> Capabilities:
    """What the engine declares, or the least an engine can be."""
    return getattr(engine, "capabilities", None) or Capabilities()


def supports(engine: Engine, name: str, dtype: str = "") -> bool:
    """Whether the engine has the op, in this dtype if one is named."""
    try:
        resolve(engine.namespace, name)
    except Unsupported:
        return False
    if dtype in PARTS and dtype not in capabilities(engine).dtypes:
        return False
    return not capabilities(engine).lacks(name, dtype)


def constants(engine: Engine, graph: Graph) -> dict[int, Any]:
    """The graph's constants as the engine's own arrays, by value id."""
    return {i: engine.from_numpy(np.array(leaf.data)) for i, leaf in enumerate(graph.leaves) if leaf.constant}


def function(engine: Engine, graph: Graph, fixed: dict[int, Any] | None = None) -> Callable[..., tuple[Any, ...]]:
    """The graph as a function of the engine's own arrays: one argument a primal, a tuple of outputs.

    ``fixed`` are the ``constants`` it reads, made anew if not given.
    """
    namespace = engine.namespace
    table = {node.op: (op(node.op), resolve(namespace, node.op)) for node in graph.nodes}
    fixed = constants(engine, graph) if fixed is None else fixed

    def call(node: Node, operands: list[Any]) -> Any:
        row, implementation = table[node.op]
        return row.apply(implementation, operands, node.params)

    def run(*primals: Any) -> tuple[Any, ...]:
        given = iter(primals)
        leaves = [fixed[i] if i in fixed else next(given) for i in range(len(graph.leaves))]
        values = evaluate(graph, call, leaves)
        return tuple(values[o] for o in graph.outputs)

    return run


@cache
def _spare(dtype: np.dtype[Any]) -> Array:
    return np.array([0.5, -1.5], dtype=dtype)


@dataclass
class Trial:
    """What an engine answered. ``crash`` is the exception that ended it, ``unsupported`` the one it declared.

    ``first``: the gradients; ``kept``: the same, read again after these; ``zero``, ``scaled`` and ``again``: for a zero
    cotangent, for -2 times the cotangent, and for the cotangent once more. These three end in the gradient of ``spare``, the
    input that nothing uses. ``doubled``: ``scaled`` is -2 times ``first`` exactly; then ``again`` is mostly not asked for.
    ``outputs_again`` are those of a second evaluation, if there was one. ``outputs_kept``: the first
    outputs, read again likewise. In a mode (``modes``) ``first`` is all there is, with ``beside`` it the answers for the
    examples around the case, and ``broken`` what is wrong with the form of the whole.
    """

    engine: Engine
    case: Case
    outputs: Arrays = field(default_factory=list)
    outputs_kept: Arrays = field(default_factory=list)
    first: Arrays = field(default_factory=list)
    outputs_again: Arrays | None = None
    again: Arrays | None = None
    kept: Arrays = field(default_factory=list)
    scaled: Arrays = field(default_factory=list)
    zero: Arrays = field(default_factory=list)
    doubled: bool = False
    spare: Array = field(default_factory=lambda: _spare(np.dtype(np.float64)))
    inputs_after: Arrays = field(default_factory=list)
    constants_after: Arrays = field(default_factory=list)
    cotangents_after: Arrays = field(default_factory=list)
    crash: BaseException | None = None
    unsupported: str = ""
    broken: str = ""
    beside: list[Trial] = field(default_factory=list)


@cache
def _name(dtype: np.dtype[Any]) -> str:
    """``dtype.name``, which NumPy works out anew each time."""
    return dtype.name


def _taken(engine: Engine, arrays: Any, what: str) -> Arrays:
    if not isinstance(arrays, tuple | list):
        raise TypeError(f"{what}s came back as {type(arrays).__name__}; expected a tuple or list of arrays, one for each")
    out = []
    for i, a in enumerate(arrays):
        if a is None:
            raise TypeError(f"{what} {i} is None; expected an array (zeros where nothing flows)")
        out.append(np.array(engine.to_numpy(a), copy=True))
    return out


def run(engine: Engine, case: Case, fn: Callable[..., tuple[Any, ...]] | None = None) -> Trial:
    """Put an engine through the runs of a trial; exceptions are caught and kept.

    ``fn``, a function of the engine's own arrays, runs in place of the case's graph, on arrays laid out as they were given.
    """
    trial = Trial(engine, case)
    bits = 0 if fn is not None else _bits(case.graph.primal_values)
    lay = strided if bits & 1 else np.array
    graph = case.graph
    try:
        if _name(graph.dtype) not in capabilities(engine).dtypes:
            raise Unsupported(f"the engine does not declare dtype {graph.dtype.name}")
        if fn is not None:
            _run(trial, engine, fn, lay, twice=True, again=True)
            trial.constants_after = [leaf.data for leaf in graph.leaves if leaf.constant]  # they are out of reach
            return trial
        for name in graph.ops:
            if capabilities(engine).lacks(name, _name(graph.dtype)):
                raise Unsupported(f"the engine declares {name} unsupported in {_name(graph.dtype)}")
        fixed = constants(engine, graph)
        _run(trial, engine, function(engine, graph, fixed), lay, twice=bool(bits & 2), scaled_first=bool(bits & 4))
        trial.constants_after = _taken(engine, list(fixed.values()), "constant")
    except Unsupported as why:
        trial.unsupported = str(why)
    except KeyboardInterrupt:
        raise
    except BaseException as crash:  # noqa: BLE001 - whatever an engine raises, SystemExit too, is its answer
        trial.crash = crash
    return trial


def _run(
    trial: Trial,
    engine: Engine,
    fn: Callable[..., tuple[Any, ...]],
    lay: Callable[[Array], Array],
    twice: bool,
    again: bool = False,
    scaled_first: bool = False,
) -> None:
    case, graph = trial.case, trial.case.graph
    count = len(graph.primals)
    primals = [engine.from_numpy(lay(v)) for v in graph.primal_values]
    cotangents = tuple([engine.from_numpy(lay(c)) for c in case.cotangents])
    trial.spare = _spare(graph.dtype)
    more = [*primals, engine.from_numpy(trial.spare.copy())]

    def with_spare(*given: Any) -> tuple[Any, ...]:
        return fn(*given[:-1])

    outputs, pullback = engine.vjp(fn, primals) if twice else engine.vjp(with_spare, more)
    trial.outputs = _taken(engine, outputs, "output")
    gradients = pullback(cotangents)
    trial.first = _taken(engine, gradients, "gradient")
    if twice:
        second, pullback = engine.vjp(with_spare, more)
        trial.outputs_again = _taken(engine, second, "output")
    _elsewhere(engine, fn, graph.primal_values)
    for factor in (-2, 0) if scaled_first else (0, -2):
        seeds = [c * c.dtype.type(-2) if factor else np.zeros_like(c) for c in case.cotangents]
        found = _taken(engine, pullback(tuple([engine.from_numpy(np.asarray(c)) for c in seeds])), "gradient")
        if factor:
            trial.scaled = found
        else:
            trial.zero = found
    trial.outputs_kept = _taken(engine, outputs, "output")
    trial.kept = _taken(engine, gradients, "gradient")
    if not twice:  # whether there is one more, is seen in the others
        trial.first, trial.kept = trial.first[:count], trial.kept[:count]
    trial.doubled = _doubled(trial.first, trial.scaled)
    if again or not trial.doubled:  # after that reading: it would write the same into what it may write again
        trial.again = _taken(engine, pullback(cotangents), "gradient")
    trial.inputs_after = _taken(engine, primals, "input")
    trial.cotangents_after = _taken(engine, cotangents, "cotangent")


def _doubled(first: Sequence[Array], scaled: Sequence[Array]) -> bool:
    """Whether each of ``scaled`` is -2 times its own of ``first``, without a rounding; a NaN is not."""
    return all(
        a.shape == b.shape and [-2.0 * x for x in a.ravel().tolist()] == b.ravel().tolist()
        for a, b in zip(first, scaled, strict=False)
    )


def strided(array: Array) -> Array:
    """A copy whose entries lie apart in memory, and in the order of reversed axes: any layout must give the same."""
    apart = np.zeros((*array.shape[::-1], 2), array.dtype)[..., 0].T
    apart[...] = array
    return apart


def _bits(arrays: Sequence[Array]) -> int:
    """Coins that fall by the content of a case: a replay lays its inputs out as the run did, and asks the same."""
    found = zlib.crc32(b"".join([a.tobytes() for a in arrays]))
    spread = found * 0x9E3779B1
    return found & 1 | spread >> 30 & 2 | spread >> 28 & 4  # of small whole numbers, the low bits of a checksum go together


def _elsewhere(engine: Engine, fn: Callable[..., tuple[Any, ...]], point: Sequence[Array]) -> None:
    """Evaluate at other inputs of the same shapes, on a tape of its own.

    The entries of each input come in reverse order: they are in the domain again, and a matrix turned by half a turn is
    as regular, and as positive definite, as before. An input that this leaves as it is, is halved instead.
    """
    moved = []
    for v in point:
        turned = np.ascontiguousarray(v.reshape(-1)[::-1]).reshape(v.shape)
        moved.append(engine.from_numpy(turned if turned.tobytes() != v.tobytes() else np.asarray(v * v.dtype.type(0.5))))
    with suppress(ArithmeticError, ValueError, RuntimeError):  # out of the domain by bad luck: its values do not matter
        engine.vjp(fn, moved)
