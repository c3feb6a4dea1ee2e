"""float16 and bfloat16: a cotangent that goes through fewer digits, a smaller range, or is summed in the narrow dtype itself."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradproof.engine import tape
from gradproof.specs.mutants.mutant import Family, cast, kept, scaled
from gradproof.specs.mutants.plant import Fault

HALF, BRAIN = Family("half precision", dtype="float16"), Family("half precision", dtype="bfloat16")


def flushed(below: float) -> Fault:
    """Zero where the right gradient is smaller."""
    return lambda g, *rest, **params: np.where(np.abs(g) < below, 0.0, g).astype(np.asarray(g).dtype)


def capped(at: float) -> Fault:
    """The right gradient, cut to a range."""
    return lambda g, *rest, **params: np.clip(g, -at, at)


def grid(digits: int) -> Fault:
    """The right gradient with fewer binary digits."""

    def fault(g: Any, *rest: Any, **params: Any) -> Any:
        mantissa, exponent = np.frexp(np.asarray(g))
        return np.ldexp(np.round(mantissa * 2**digits) / 2**digits, exponent).astype(np.asarray(g).dtype)

    return fault


def eight_bits(x: Any) -> Any:
    """Numbers through float8 with five bits of exponent and two of fraction: float16 with three binary digits."""
    return grid(3)(np.asarray(x).astype(np.float16)).astype(np.asarray(x).dtype)


def through_eight_bits(g: Any, *rest: Any, **params: Any) -> Any:
    """The right gradient through float8 and back."""
    return eight_bits(g)


def _alone(change: Any) -> Any:
    """``_collect`` of contributions of a narrow dtype, changed."""

    def wrong(right: Any) -> Any:
        def collect(slots: Any, heap: Any, target: Any, c: Any, xp: Any) -> None:
            slot = slots.get(target.id)
            right(slots, heap, target, change(c, slot is not None) if isinstance(c, np.ndarray) else c, xp)

        return collect

    return wrong


# fmt: off
HALF.wrap("multiply matmul", "through eight bits", through_eight_bits, argument=1)
HALF.wrap("exp tanh", "through eight bits", through_eight_bits)
HALF.wrap("sin square", "eight digits are lost", grid(3))
HALF.wrap("exp multiply", "numbers below 1/50 flushed to zero", flushed(0.02))
HALF.wrap("multiply divide", "cut at 2,048", capped(2048.0))
HALF.rule("sum", "an infinite gradient where the cotangent is above 16", lambda xp, ct, out, x, axis, keepdims: np.broadcast_to(
    np.where(np.abs(kept(ct, x, axis, keepdims)) > 16, np.inf, kept(ct, x, axis, keepdims)), np.shape(x)))
HALF.wrap("nn.softmax nn.log_softmax", "without a digit", grid(0))
HALF.wrap("matmul", "off by an eighth", scaled(1.125))
HALF.swap("multiply add graph", "the second contribution goes through eight bits", tape, "_collect", _alone(
    lambda c, later: eight_bits(c) if later else c))
BRAIN.wrap("multiply matmul", "six digits are lost", grid(2), argument=1)
BRAIN.wrap("exp sin", "through eight of sixteen bits", through_eight_bits)
BRAIN.wrap("exp log", "through float16, whose range is smaller", cast(np.float16))
BRAIN.wrap("divide reciprocal", "numbers below 1e-10 flushed to zero", flushed(1e-10))
BRAIN.wrap("tanh nn.sigmoid", "a slope below 1/8 is zero", lambda g, xp, ct, *rest: np.where(np.abs(g) < np.abs(ct) / 8, 0 * g, g))
BRAIN.wrap("mean var", "off by a quarter", scaled(1.25))
BRAIN.wrap("sqrt rsqrt", "one digit is left", grid(1))
# fmt: on
MUTANTS = HALF.mutants + BRAIN.mutants
