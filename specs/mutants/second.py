"""Second order only: a rule that is right on raw arrays, and wrong when the sweep that calls it is itself recorded.

Most are what such faults are in the wild: a saved value, or the cotangent, that is a constant to the outer derivative.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gradproof.engine as ge
from gradproof.engine.array import Array
from gradproof.engine.backend import raw
from gradproof.specs.mutants.mutant import Family, scaled
from gradproof.specs.mutants.plant import Fault, right_pull

SECOND = Family("second order only", order=2)


def _still(x: Any) -> Any:
    """The same value, as a constant to every derivative."""
    return ge.stop_gradient(x) if isinstance(x, Array) else x


def recorded(primitive: str, argument: int, pull: Fault) -> Fault:
    """The right rule on raw arrays, ``pull`` where the sweep is recorded."""
    right = right_pull(primitive, argument)

    def rule(xp: Any, ct: Any, *rest: Any, **params: Any) -> Any:
        return (right if xp is raw else pull)(xp, ct, *rest, **params)

    return rule


def _stopped(primitive: str, argument: int, what: str) -> Fault:
    """The right rule with its cotangent, its result, or the primals of these positions as constants."""
    right = right_pull(primitive, argument)

    def pull(xp: Any, ct: Any, out: Any, *primals: Any, **params: Any) -> Any:
        ct, out = _still(ct) if "ct" in what else ct, _still(out) if "out" in what else out
        return right(xp, ct, out, *(_still(p) if str(i) in what else p for i, p in enumerate(primals)), **params)

    return pull


def _changed(primitive: str, argument: int, change: Callable[[Any], Any]) -> Fault:
    right = right_pull(primitive, argument)
    return lambda *args, **params: change(right(*args, **params))


def _times(factor: float) -> Callable[[Any], Any]:
    return lambda g: g * factor


def _where(primitive: str, region: Callable[[Any], Any]) -> Fault:
    """Of an elementwise rule, a constant where ``region`` of its first primal."""
    right = right_pull(primitive)

    def pull(xp: Any, ct: Any, out: Any, *primals: Any, **params: Any) -> Any:
        g = right(xp, ct, out, *primals, **params)
        return xp.where(region(primals[0].data), _still(g), g)

    return pull


# fmt: off
for ops, primitive, argument, what, wrong in (
    ("exp", "exp", 0, "out", "its result is a constant"),
    ("sin", "sin", 0, "0", "x is a constant"),
    ("cosh", "cosh", 0, "0", "x is a constant"),
    ("atan", "atan", 0, "0", "x is a constant"),
    ("asinh", "asinh", 0, "0", "x is a constant"),
    ("tanh", "tanh", 0, "0", "x is a constant"),
    ("erf", "erf", 0, "0", "x is a constant"),
    ("log", "log", 0, "0", "x is a constant"),
    ("tan", "tan", 0, "out", "its result is a constant"),
    ("sqrt", "sqrt", 0, "out", "its result is a constant"),
    ("square", "square", 0, "0", "x is a constant"),
    ("reciprocal", "reciprocal", 0, "0 out", "everything saved is a constant"),
    ("rsqrt", "rsqrt", 0, "out", "its result is a constant, x is not"),
    ("nn.sigmoid nn.silu", "sigmoid", 0, "0", "x is a constant"),
    ("nn.softplus", "softplus", 0, "0", "x is a constant"),
    ("nn.elu", "elu", 0, "0", "x is a constant"),
    ("multiply", "multiply", 0, "1", "y is a constant"),
    ("multiply", "multiply", 1, "0", "x is a constant"),
    ("divide", "divide", 1, "out", "its result is a constant"),
    ("divide", "divide", 0, "1", "y is a constant"),
    ("pow", "pow", 0, "1", "the exponent is a constant"),
    ("pow", "pow", 1, "out", "its result is a constant"),
    ("hypot", "hypot", 0, "out", "its result is a constant"),
    ("atan2", "atan2", 1, "0", "the first argument is a constant"),
    ("logaddexp", "logaddexp", 0, "1", "the second argument is a constant"),
    ("xlogy", "xlogy", 0, "1", "y is a constant"),
    ("matmul", "matmul", 1, "0", "the left matrix is a constant"),
    ("linalg.inv", "inv", 0, "out", "its result is a constant"),
    ("linalg.solve", "solve", 0, "out", "the solution is a constant"),
    ("linalg.det", "det", 0, "0", "the matrix is a constant"),
    ("linalg.cholesky", "cholesky", 0, "out", "the factor is a constant"),
    ("std", "std", 0, "out", "its result is a constant"),
    ("var", "var", 0, "0", "the differences from the mean are constants"),
    ("linalg.vector_norm", "vector_norm", 0, "out", "its result is a constant"),
    ("logsumexp", "logsumexp", 0, "0", "the weights are constants"),
    ("nn.softmax nn.scaled_dot_product_attention", "softmax", 0, "out", "its result is a constant"),
    ("nn.log_softmax nn.cross_entropy", "log_softmax", 0, "out", "its result is a constant"),
    ("nn.conv1d nn.conv2d", "conv", 0, "1", "the filters are constants"),
    ("nn.conv2d nn.conv3d", "conv", 1, "0", "the image is a constant"),
    ("nn.conv_transpose2d", "conv_transpose", 0, "ct", "the cotangent is a constant"),
    ("sinh", "sinh", 0, "ct", "the cotangent is a constant"),
    ("sum", "sum", 0, "ct", "the cotangent is a constant"),
    ("reshape", "reshape", 0, "ct", "the cotangent is a constant"),
):
    SECOND.rule(ops, wrong, recorded(primitive, argument, _stopped(primitive, argument, what)),
                primitive, argument)
for ops, primitive, argument, factor, wrong in (
    ("expm1", "expm1", 0, 1 + 1e-9, "a factor of 1 + 1e-9"),
    ("cos", "cos", 0, -1.0, "the sign is turned round"),
    ("log1p", "log1p", 0, 0.5, "halved"),
    ("acos", "acos", 0, 1 + 1e-6, "a factor of 1 + 1e-6"),
):
    SECOND.rule(ops, wrong, recorded(primitive, argument, _changed(primitive, argument, _times(factor))),
                primitive, argument)
SECOND.wrap("nn.conv1d nn.conv2d", "the filters' own image is halved", scaled(0.5), "conv_filter")  # met by a second sweep alone
SECOND.wrap("nn.conv1d nn.conv2d", "the filters' own cotangent is turned round", scaled(-1.0), "conv_filter", 1)
SECOND.rule("log sqrt", "its quotient's own slope is turned round", lambda xp, ct, out, x, y: xp.meet(ct, xp.over(out, y)), "over", 1)
SECOND.rule("log acos", "its quotient's own slope is halved",
            lambda xp, ct, out, x, y: -0.5 * xp.meet(ct, xp.over(out, y)), "over", 1)
SECOND.rule("cbrt acos", "zero times an infinite slope is no number", lambda xp, ct, out, x, y: -(ct * out) / y, "over", 1)
SECOND.rule("xlogy pow", "the slope by which a cotangent is scaled is a constant", lambda xp, ct, out, x, y: xp.zeros_like(ct), "scale", 1)
SECOND.rule("reciprocal rsqrt", "twice what its product passes on", lambda xp, ct, out, x, y: 2.0 * xp.meet(ct, y), "scale", 0)
SECOND.rule("sinh", "a constant where x < 0", recorded("sinh", 0, _where("sinh", lambda x: x < 0)))
SECOND.rule("erfc", "a constant where |x| > 3", recorded("erfc", 0, _where("erfc", lambda x: abs(x) > 3)))
SECOND.rule("log2", "a constant where x > 10", recorded("log2", 0, _where("log2", lambda x: x > 10)))
# fmt: on
MUTANTS = SECOND.mutants
