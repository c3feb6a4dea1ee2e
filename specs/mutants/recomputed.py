"""What is computed again, and derivatives along directions: checkpoints, programs in few bytes, forward mode and linearizations.

A fault of these shows where they are used: in the setting of its name (``settings``), or in forward modes.
"""

from __future__ import annotations

from dataclasses import replace
from importlib import import_module
from typing import Any

import numpy as np

import gradproof.engine as ge
import gradproof.engine.functions as fn
from gradproof.engine import derivatives, recompute
from gradproof.specs.mutants.mutant import Family, Patch, Swap, Together
from gradproof.specs.mutants.offered import exchanged, narrowed, result

checkpoint = import_module("gradproof.engine.checkpoint")  # the package has a function of that name
CHECKPOINTS = Family("recomputed", setting="checkpoints")
FORWARD = Family("directions", modes=("forward",))
LINEAR = Family("directions", modes=("forward",), setting="linearization")
BUDGET = Family("recomputed", modes=("compiled reverse", "compiled forward"), setting="budget")


def _one_for_both(found: Any) -> Any:
    """The first of two that are alike stands for both."""
    found = list(found)
    for i in range(1, len(found)):
        if found[i] is not None and found[i - 1] is not None and found[i].shape == found[i - 1].shape:
            found[i] = found[i - 1]
    return found


# ---- checkpoints


def _residuals(change: Any) -> Any:
    """``residuals(self, node)`` with other primals: ``change(primals)``."""

    def wrong(right: Any) -> Any:
        def residuals(self: Any, node: Any) -> Any:
            primals, out = right(self, node)
            return change(primals), out

        return residuals

    return wrong


def _out_changed(right: Any) -> Any:
    def residuals(self: Any, node: Any) -> Any:
        primals, out = right(self, node)
        return primals, narrowed(out)

    return residuals


def _at_first(right: Any) -> Any:
    """What was run again is kept for the node, whatever the sweep is at."""

    def residuals(self: Any, node: Any) -> Any:
        return _KEPT.setdefault((node.op.name, node.shape), right(self, node))

    return residuals


_KEPT: dict[Any, Any] = {}


def _forgetful() -> tuple[Patch, ...]:
    _KEPT.clear()
    return (Swap(checkpoint.Segment, "residuals", _at_first),)


def _rounded_again(right: Any) -> Any:
    """Run again on inputs that went through float32."""

    def made(self: Any, again: Any, inputs: Any) -> None:
        def rounded() -> Any:
            before = [(x, x.data) for x in inputs if type(x.data) is np.ndarray]
            for x, data in before:
                x.data = narrowed(data)
            try:
                return again()
            finally:
                for x, data in before:
                    x.data = data

        right(self, rounded, inputs)

    return made


def _crossed(right: Any) -> Any:
    """Nodes of one op and shape that were run again stand for each other."""

    def restore(self: Any) -> None:
        right(self)
        alike = [i for i in range(1, len(self.restored)) if self.restored[i][1].shape == self.restored[i - 1][1].shape
                 and self.restored[i][1].op is self.restored[i - 1][1].op]  # fmt: skip
        for i in alike:
            (a, x), (b, y) = self.restored[i - 1], self.restored[i]
            self.restored[i - 1], self.restored[i] = (a, y), (b, x)

    return restore


CHECKPOINTS.swap("sin exp multiply", "run again on inputs through float32", checkpoint.Segment, "__init__", _rounded_again)
CHECKPOINTS.swap("sin multiply matmul", "residuals through float32", checkpoint.Segment, "residuals", _residuals(
    lambda primals: tuple(narrowed(x) for x in primals)))
CHECKPOINTS.swap("exp tanh nn.softmax", "results through float32", checkpoint.Segment, "residuals", _out_changed)
CHECKPOINTS.swap("divide matmul pow", "of two residuals of one shape the first for both", checkpoint.Segment, "residuals", _residuals(
    lambda primals: tuple(_one_for_both(primals)) if all(hasattr(x, "shape") for x in primals) else primals))
CHECKPOINTS.add("sin multiply square", "what the first run left is given to every node of its kind", Together(_forgetful))
CHECKPOINTS.swap("graph", "nodes of one op and shape are given each other's residuals", checkpoint.Segment, "_restore", _crossed)


# ---- directions


def _tangents(change: Any) -> Any:
    """``_tangents(primals, tangents)`` giving others: ``change(list)``."""
    return lambda right: lambda primals, tangents: tuple(change(list(right(primals, tangents))))


def _only(which: Any) -> Any:
    return lambda found: [v if which(i, len(found)) else v * 0.0 for i, v in enumerate(found)]


def _outputs_exchanged(right: Any) -> Any:
    def linearize(f: Any, *primals: Any) -> Any:
        out, along = right(f, *primals)
        return out, lambda *tangents: tuple(exchanged(along(*tangents))) if isinstance(out, tuple) else along(*tangents)

    return linearize


def _remembered() -> tuple[Patch, ...]:
    """A linearization that gives its first direction's result for every further one."""

    def linearize(right: Any) -> Any:
        def made(f: Any, *primals: Any) -> Any:
            out, along = right(f, *primals)
            seen: list[Any] = []

            def again(*tangents: Any) -> Any:
                if not seen:
                    seen.append(along(*tangents))
                return seen[0]

            return out, again

        return made

    return (Swap(ge, "linearize", linearize),)


def _adding_up() -> tuple[Patch, ...]:
    """A linearization whose results add up over the directions it is asked for."""

    def linearize(right: Any) -> Any:
        def made(f: Any, *primals: Any) -> Any:
            out, along = right(f, *primals)
            total: list[Any] = []

            def again(*tangents: Any) -> Any:
                found = along(*tangents)
                total[:] = [tuple(a + b for a, b in zip(total[0], found, strict=True)) if total else found]
                return total[0]

            return out, again

        return made

    return (Swap(ge, "linearize", linearize),)


FORWARD.swap("multiply matmul atan2", "the first tangent alone", derivatives, "_tangents", _tangents(_only(lambda i, n: i == 0)))
FORWARD.swap("multiply matmul pow", "the last tangent is lost", derivatives, "_tangents", _tangents(_only(lambda i, n: i < n - 1 or n == 1)))
FORWARD.swap("divide matmul subtract", "of two tangents of one shape the first for both", derivatives, "_tangents", _tangents(_one_for_both))
FORWARD.swap("exp matmul sum", "tangents through float32", derivatives, "_tangents", _tangents(lambda found: [narrowed(v) for v in found]))
FORWARD.swap("exp sin", "tangents off by one in 1e9", derivatives, "_tangents", _tangents(lambda found: [v * (1 + 1e-9) for v in found]))
FORWARD.swap("exp reshape", "a tangent's first entry for all", derivatives, "_tangents", _tangents(
    lambda found: [fn.broadcast_to(fn.reshape(fn.reshape(v, (-1,))[:1], (1,) * v.ndim), v.shape) if v.size else v for v in found]))
FORWARD.swap("abs nn.relu", "negative tangents are cut off", derivatives, "_tangents", _tangents(lambda found: [fn.maximum(v, v * 0.0) for v in found]))
FORWARD.swap("graph", "outputs of one shape exchanged", derivatives, "linearize", _outputs_exchanged)
LINEAR.add("sin exp matmul", "the first direction's result for every further one", Together(_remembered))
LINEAR.add("sin multiply", "results add up over directions", Together(_adding_up))


# ---- programs within a budget


def _rerun(change: Any) -> Any:
    """The instructions run again, changed: ``change(instructions)``."""
    return result(lambda found: found if found is None else tuple(change(list(found))))


def _turned(again: list[Any]) -> list[Any]:
    """The last instruction's operands exchanged."""
    one = again[-1]
    return [*again[:-1], one._replace(operands=one.operands[::-1]) if len(one.operands) == 2 else one]


def _first_operand(again: list[Any]) -> list[Any]:
    """The last instruction reads its first operand twice."""
    one = again[-1]
    return [*again[:-1], one._replace(operands=(one.operands[0],) * 2) if len(one.operands) == 2 else one]


def _other_ops(right: Any) -> Any:
    """What is run again is another operation."""

    def again(program: Any, choice: Any) -> Any:
        ops = {"sin": "cos", "cos": "sin", "exp": "expm1", "tanh": "sin", "add": "subtract", "multiply": "add"}
        changed = tuple(one._replace(op=ops.get(one.op, one.op)) for one in choice.again)
        return right(program, replace(choice, again=changed))

    return again


BUDGET.swap("divide subtract graph", "what is run again has its operands exchanged", recompute, "_rerun", _rerun(_turned))
BUDGET.swap("divide multiply graph", "what is run again reads its first operand twice", recompute, "_rerun", _rerun(_first_operand))
BUDGET.swap("graph", "what is run again is another operation", recompute, "_again", _other_ops)
MUTANTS = CHECKPOINTS.mutants + FORWARD.mutants + LINEAR.mutants + BUDGET.mutants
