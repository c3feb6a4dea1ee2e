"""Higher-order closure: the sweep, or a rule, does not carry the tape on when it is itself recorded."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradproof.engine import tape, transforms
from gradproof.engine.array import Array
from gradproof.engine.backend import raw
from gradproof.engine.functions.recorded import recorded as namespace
from gradproof.specs.mutants.mutant import Family, scaled
from gradproof.specs.mutants.second import _changed, _still, recorded

CLOSURE = Family("higher-order closure", order=2)
THIRD = Family("higher-order closure", modes=("reverse over reverse over reverse",))


def _unlinked(right: Any) -> Any:
    """Saved arrays come back as constants."""
    return lambda value, node, first: Array(value) if type(value) is np.ndarray else value


def _unrecorded(right: Any) -> Any:
    """An inner sweep is never recorded: its result is a constant."""

    def sweep(seeds: Any, xp: Any, **rest: Any) -> Any:
        plain = [(node, ct.data if isinstance(ct, Array) else ct) for node, ct in seeds]
        return right(plain, raw, **rest)

    return sweep


def _stopped(right: Any) -> Any:
    """What a function of the recorded namespace gives is a constant."""
    return lambda *args, **params: _still(right(*args, **params))


# fmt: off
CLOSURE.swap("multiply sin exp", "saved values are constants to the outer sweep", tape, "_relink", _unlinked)
CLOSURE.swap("multiply sin exp", "an inner sweep is never recorded", transforms, "sweep", _unrecorded)
CLOSURE.swap("add multiply where", "un-broadcasting loses the tape", tape, "unbroadcast", lambda right:
             lambda xp, ct, shape: _still(right(xp, ct, shape)) if isinstance(ct, Array) else right(xp, ct, shape))
for ops, primitive, argument in (
    ("exp", "exp", 0), ("nn.sigmoid", "sigmoid", 0), ("multiply", "multiply", 0), ("matmul", "matmul", 0),
    ("divide", "divide", 1), ("linalg.solve", "solve", 0), ("logsumexp", "logsumexp", 0),
):
    CLOSURE.rule(ops, "its gradient comes off the tape", recorded(primitive, argument, _changed(primitive, argument, _still)),
                 primitive, argument)
    CLOSURE.rule(ops, "its gradient is a NumPy array", recorded(primitive, argument, _changed(primitive, argument, np.asarray)),
                 primitive, argument)
for name, ops in (("sech2", "tanh nn.sigmoid"), ("power_slope", "pow"), ("centred", "std var"), ("cholesky_pullback", "linalg.cholesky"),
                  ("hypot", "asinh atan2"), ("over", "log divide"), ("softmax", "logsumexp")):
    CLOSURE.swap(ops, f"what {name} gives a recorded rule is a constant", namespace, name, _stopped)
for argument in (0, 1):
    THIRD.wrap("log sqrt reciprocal", f"argument {argument} of a product of slopes passes on twice", scaled(2.0), "meet", argument)
# fmt: on
MUTANTS = CLOSURE.mutants + THIRD.mutants
