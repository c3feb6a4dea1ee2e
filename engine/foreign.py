"""``apply`` for arrays that are not NumPy's own: the same op, with the kernel and the rules of another library.

An op is lifted once per library; its rules then hand the library's own namespace to the pullback, and the sweep need not know.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from gradproof.engine.array import Array
from gradproof.engine.backend import quiet, raw
from gradproof.engine.errors import DtypeError, misfit
from gradproof.engine.library import FOREIGN, Library, accept, inexact
from gradproof.engine.rules import Rule
from gradproof.engine.tape import NEVER, Node, Op, op_of, stand_in, state
from gradproof.engine.tape import apply as apply_plainly

_NUMBERS = frozenset({float, int, bool, complex})
_lifted: dict[tuple[Op, str], Op] = {}


def apply(name: str, operands: Sequence[Any], params: Mapping[str, Any]) -> Array:
    """The value of a primitive at operands of which one at least is foreign."""
    operands = _lifted_into(operands)
    if state.cast is not None:
        operands = state.cast(name, operands)
        if not any(type(x.data) in FOREIGN if type(x) is Array else type(accept(x)) in FOREIGN for x in operands):
            return apply_plainly(name, operands, params)
    inputs = [x.node if type(x) is Array else None for x in operands]
    data = [x.data if type(x) is Array else x if type(x) in _NUMBERS else accept(x) for x in operands]
    library, like = _leader(name, data)
    data = [x if type(x) in FOREIGN else library.operand(x, like) for x in data]
    base = op_of(name, len(operands))
    op = _lift(base, library)
    try:
        with quiet():
            out = op.kernel(*data, **params)
    except np.linalg.LinAlgError:
        raise
    except ValueError as error:
        raise misfit(op.name, data, params, error) from error
    if type(out) not in FOREIGN:
        out = accept(out)
    if state.watch is not None:
        state.watch.computed(op, data, out)
    tracked = sum(1 << i for i, node in enumerate(inputs) if node is not None)
    if not tracked or not state.recording:
        return Array(out)
    oldest = min((node.oldest for node in inputs if node is not None), default=NEVER)
    keep_out, keep = base.plans.get(tracked) or base.plan(tracked)
    primals = tuple([x if kept else stand_in(x, n) for x, kept, n in zip(data, keep, inputs, strict=True)])
    return Array(out, Node(op, inputs, primals, out if keep_out else None, params, oldest, out.shape, out.dtype))


def _lifted_into(operands: Sequence[Any]) -> Sequence[Any]:
    """Operands of the innermost vmap among them: a value on a tape outside it goes in with its node, the same for all."""
    levels = [x.level for x in (x.data if type(x) is Array else x for x in operands) if hasattr(x, "level")]
    if not levels:
        return operands
    level = max(levels, key=lambda level: level.depth)
    return [level.lift(x) if type(x) is Array and x.node is not None else x for x in operands]


def _leader(name: str, data: Sequence[Any]) -> tuple[Library, Any]:
    """The library that computes, and an array of it: of the device's, if there is one."""
    found = {FOREIGN[type(x)]: x for x in reversed(data) if type(x) in FOREIGN}
    batched = next((library for library in found if library.name == "batched"), None)
    if batched is not None:
        return batched, found[batched]
    devices = [library for library in found if not isinstance(found[library], np.ndarray)]
    if len(devices) > 1:
        raise DtypeError(
            f"{name}: operands of {' and '.join(sorted(x.name for x in devices))}, expected one library. Convert one of them."
        )
    library = devices[0] if devices else next(iter(found))
    arrays = [x for x in data if FOREIGN.get(type(x)) is library]
    return library, next((x for x in arrays if inexact(x.dtype)), arrays[0])


def _lift(base: Op, library: Library) -> Op:
    op = _lifted.get((base, library.name))
    if op is None:
        rules = tuple(
            None if rule is None else Rule(rule.saves, _pull(base, i, library)) for i, rule in enumerate(base.rules)
        )
        op = _lifted[base, library.name] = Op(base.name, library.kernel(base.name), rules)
    return op


def _pull(base: Op, argument: int, library: Library) -> Callable[..., Any]:
    def pull(xp: Any, ct: Any, out: Any, *primals: Any, **params: Any) -> Any:
        rule = base.rules[argument]  # looked up when called: a fault may have been planted there
        assert rule is not None
        if xp is not raw:
            return rule.pull(xp, ct, out, *primals, **params)
        wide = library.wide
        return rule.pull(library.raw, wide(ct), wide(out), *[wide(x) for x in primals], **params)

    return pull
