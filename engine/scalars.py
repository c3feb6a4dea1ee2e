"""Programs on numbers alone, as Python's: an operation is then 30 times cheaper than on a NumPy array of no axes.

Sums, products, quotients and roots are those of NumPy bit for bit. ``math`` and NumPy may differ in the last digit of an exp or a
sin, so ``math`` is used only where the trace was asked for (``trace(f, exact=False)``). Else a program with an exp or a sin runs
the kernels on NumPy's own numbers, half as fast and five times faster than arrays.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from gradproof.engine.backend import kernels, quiet
from gradproof.engine.program import Program, Ref

EXACT = {
    "add": "{0} + {1}", "subtract": "{0} - {1}", "multiply": "{0} * {1}", "divide": "{0} / {1}", "negative": "-{0}", "abs": "abs({0})",
    "square": "{0} * {0}", "sqrt": "sqrt({0})", "reciprocal": "1.0 / {0}", "rsqrt": "1.0 / sqrt({0})",
    "where": "({1} if {0} else {2})", "np.greater": "{0} > {1}", "np.less": "{0} < {1}", "np.greater_equal": "{0} >= {1}",
    "np.less_equal": "{0} <= {1}", "np.equal": "{0} == {1}", "np.not_equal": "{0} != {1}", "np.bitwise_and": "{0} and {1}",
    "over": "({0} if {0} == 0.0 and {1} == 0.0 else {0} / {1})",
    "meet": "(0.0 if not isfinite({0} * {1}) and ({0} == 0.0 or {1} == 0.0) else {0} * {1})",
    "scale": "({0} if {0} == 0.0 and not isfinite({1}) else {0} * {1})", "isfinite": "isfinite({0})", "zeros_like": "0.0",
    **dict.fromkeys(("reshape", "broadcast_to", "sum", "np.copy", "expand_dims", "squeeze"), "{0}"),
}  # fmt: skip
_SAME = ("exp", "expm1", "log", "log1p", "log2", "log10", "sin", "cos", "tan", "sinh", "cosh", "tanh", "asinh", "erf", "erfc")
CLOSE = {
    **{name: f"{name}({{0}})" for name in _SAME},
    "asin": "asin({0})", "acos": "acos({0})", "atan": "atan({0})", "hypot": "hypot({0}, {1})", "atan2": "atan2({0}, {1})",
    "pow": "pow({0}, {1})", "softplus": "(max({0}, 0.0) + log1p(exp(-abs({0}))))",
    "sech2": "4.0 * exp(-2.0 * abs({0})) / (1.0 + exp(-2.0 * abs({0}))) ** 2",
    "sigmoid_slope": "exp(-abs({0})) / (1.0 + exp(-abs({0}))) ** 2", "sigmoid": "(1.0 if {0} >= 0.0 else exp({0})) / (1.0 + exp(-abs({0})))",
    "relu": "({0} if {0} > 0.0 or {0} != {0} else 0.0)",
}  # fmt: skip
KERNELS = {name: f"kernel_{name}({{0}}{', {1}' if '{1}' in text else ''})" for name, text in CLOSE.items()}
_NAMES = {name: getattr(math, name) for name in dir(math) if not name.startswith("_")} | {"array": np.array}
_NAMES |= {f"kernel_{name}": kernels[name] for name in CLOSE}
FLOAT64, BOOL = np.dtype(np.float64), np.dtype(np.bool_)


def scalar_code(program: Program, exact: bool, otherwise: Callable[..., list[Any]]) -> Callable[..., list[Any]] | None:
    """The program on Python floats; None if it is not of float64 numbers alone, or names an operation that has no such form.

    Where Python raises and NumPy gives inf or nan (a division by 0, an exp too large), ``otherwise`` answers.
    """
    table = EXACT | (KERNELS if exact else CLOSE)
    read = [*program.inputs, *program.constants, *(one.out for one in program.instructions)]
    if any(program.kinds[i].shape or program.kinds[i].dtype not in (FLOAT64, BOOL) for i in read):
        return None
    if any(one.op not in table or (one.op == "pow" and int in map(type, one.operands)) for one in program.instructions):
        return None
    if any(program.kinds[i].dtype != FLOAT64 for i in (*program.inputs, *program.outputs)):
        return None
    text = scalar_source(program, table)
    of_numpy = exact and any(one.op in KERNELS for one in program.instructions)
    namespace = dict(_NAMES)
    exec(compile(text, "<traced program>", "exec"), namespace)  # noqa: S102 - of the two tables above and our own numbers
    line = namespace["line"]

    def run(*arrays: Any) -> list[Any]:
        try:
            if of_numpy:
                with quiet():
                    return line(*[x[()] for x in arrays])  # type: ignore[no-any-return]
            return line(*[x.item() for x in arrays])  # type: ignore[no-any-return]
        except (ZeroDivisionError, OverflowError, ValueError):
            return otherwise(*arrays)

    return run


def scalar_source(program: Program, table: Mapping[str, str]) -> str:
    """The code: a line an operation, every variable a local."""
    lines = [f"    v{i} = {_number(value.item())}" for i, value in program.constants.items()]
    for one in program.instructions:
        said = [f"v{x.id}" if type(x) is Ref else _number(x) for x in one.operands]
        lines.append(f"    v{one.out} = {table[one.op].format(*said)}")
    outs = ", ".join(f"array(v{i})" for i in program.outputs)
    return "\n".join([f"def line({', '.join(f'v{i}' for i in program.inputs)}):", *lines, f"    return [{outs}]", ""])


def _number(x: Any) -> str:
    return f"({x!r})"  # inf and nan are names of math
