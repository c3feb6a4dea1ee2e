"""Pullbacks of elementwise ops. Each slope is written so that it keeps its digits in the tails."""

from __future__ import annotations

import math
from typing import Any

from gradproof.engine.library import is_complex
from gradproof.engine.rules.rule import Table, rule

LN2, LN10 = math.log(2.0), math.log(10.0)
ERF = 2.0 / math.sqrt(math.pi)

# fmt: off
RULES: Table = {
    "abs":        (rule("x", lambda xp, ct, out, x: ct * xp.sign(x)),),  # C1
    "acos":       (rule("x", lambda xp, ct, out, x: -xp.over(ct, xp.sqrt((1.0 - x) * (1.0 + x)))),),
    "acosh":      (rule("x", lambda xp, ct, out, x: xp.over(ct, xp.sqrt(x - 1.0) * xp.sqrt(x + 1.0))),),
    "asin":       (rule("x", lambda xp, ct, out, x: xp.over(ct, xp.sqrt((1.0 - x) * (1.0 + x)))),),
    "asinh":      (rule("x", lambda xp, ct, out, x: ct / (xp.sqrt(1.0 + x * x) if is_complex(x.dtype) else xp.hypot(x, 1.0))),),
    "astype":     (rule("", lambda xp, ct, out, x, dtype: ct),),  # the sweep casts back
    "atan":       (rule("x", lambda xp, ct, out, x: ct / (1.0 + x * x)),),
    "atanh":      (rule("x", lambda xp, ct, out, x: xp.over(ct, (1.0 - x) * (1.0 + x))),),
    "cos":        (rule("x", lambda xp, ct, out, x: -ct * xp.sin(x)),),
    "cosh":       (rule("x", lambda xp, ct, out, x: ct * xp.sinh(x)),),
    "erf":        (rule("x", lambda xp, ct, out, x: ct * (ERF * xp.exp(-(x * x)))),),
    "erfc":       (rule("x", lambda xp, ct, out, x: ct * (-ERF * xp.exp(-(x * x)))),),
    "exp":        (rule("out", lambda xp, ct, out, x: ct * out),),
    "expm1":      (rule("x", lambda xp, ct, out, x: ct * xp.exp(x)),),  # out + 1 has no digits left below -37
    "log":        (rule("x", lambda xp, ct, out, x: xp.over(ct, x)),),
    "log10":      (rule("x", lambda xp, ct, out, x: xp.over(ct, x * LN10)),),
    "log1p":      (rule("x", lambda xp, ct, out, x: xp.over(ct, 1.0 + x)),),
    "log2":       (rule("x", lambda xp, ct, out, x: xp.over(ct, x * LN2)),),
    "negative":   (rule("", lambda xp, ct, out, x: -ct),),
    "reciprocal": (rule("x out", lambda xp, ct, out, x: -xp.scale(xp.scale(ct, out), out)),),
    "rsqrt":      (rule("x out", lambda xp, ct, out, x: -0.5 * xp.over(xp.scale(ct, out), x)),),
    "sech2":      (rule("x out", lambda xp, ct, out, x: -2.0 * (ct * out) * xp.tanh(x)),),
    "sign":       (rule("", lambda xp, ct, out, x: xp.zeros_like(ct)),),  # C2
    "sin":        (rule("x", lambda xp, ct, out, x: ct * xp.cos(x)),),
    "sinh":       (rule("x", lambda xp, ct, out, x: ct * xp.cosh(x)),),
    "sqrt":       (rule("out", lambda xp, ct, out, x: 0.5 * xp.over(ct, out)),),  # C3
    "square":     (rule("x", lambda xp, ct, out, x: 2.0 * ct * x),),
    "tan":        (rule("out", lambda xp, ct, out, x: ct * (1.0 + out * out)),),
    "tanh":       (rule("x", lambda xp, ct, out, x: ct * xp.sech2(x)),),

    "relu":       (rule("out", lambda xp, ct, out, x: xp.where(out > 0, ct, 0.0)),),  # C4
    "leaky_relu": (rule("x", lambda xp, ct, out, x, negative_slope: xp.where(x > 0, ct, negative_slope * ct)),),  # C5
    "elu":        (rule("x", lambda xp, ct, out, x, alpha:
                        xp.where(x > 0, ct, ct * (alpha * xp.exp(xp.where(x > 0, 0.0, x))))),),  # C5
    "sigmoid":    (rule("x", lambda xp, ct, out, x: ct * xp.sigmoid_slope(x)),),
    "softplus":   (rule("x", lambda xp, ct, out, x: ct * xp.sigmoid(x)),),
    "clip":       (rule("x out", lambda xp, ct, out, x, min, max: xp.where(x == out, ct, 0.0)),),  # C6

    "add":        (rule("", lambda xp, ct, out, x, y: ct),
                   rule("", lambda xp, ct, out, x, y: ct)),
    "subtract":   (rule("", lambda xp, ct, out, x, y: ct),
                   rule("", lambda xp, ct, out, x, y: -ct)),
    "multiply":   (rule("y", lambda xp, ct, out, x, y: ct * y),
                   rule("x", lambda xp, ct, out, x, y: ct * x)),
    "divide":     (rule("y", lambda xp, ct, out, x, y: xp.over(ct, y)),
                   rule("y out", lambda xp, ct, out, x, y: -xp.over(xp.scale(ct, out), y))),
    # Products and quotients of pullbacks: a cotangent of 0 stays 0 at an infinite slope (C3). What a pullback's own pullback
    # meets is another cotangent, so there a 0 on either side does.
    "over":       (rule("y", lambda xp, ct, out, x, y: xp.over(ct, y)),
                   rule("y out", lambda xp, ct, out, x, y: -xp.meet(xp.over(ct, y), out))),
    "scale":      (rule("y", lambda xp, ct, out, x, y: xp.meet(ct, y)),
                   rule("x", lambda xp, ct, out, x, y: xp.meet(ct, x))),
    "meet":       (rule("y", lambda xp, ct, out, x, y: xp.meet(ct, y)),
                   rule("x", lambda xp, ct, out, x, y: xp.meet(ct, x))),

    "pow":        (rule("x y", lambda xp, ct, out, x, y: xp.scale(ct, xp.power_slope(x, y))),
                   rule("x out", lambda xp, ct, out, x, y:  # C7
                        xp.where(x == 0, 0.0, ct * (out * xp.log(xp.where(x == 0, 1.0, x)))))),
    "power_slope": (rule("x y", lambda xp, ct, out, x, y:  # at 0**0 an exponent in range: 0 times infinity is no number
                         xp.scale(ct, y * xp.power_slope(x, xp.where(x == 0, xp.where(y == 0, 1.0, y - 1.0), y - 1.0)))),
                    rule("x y", lambda xp, ct, out, x, y: xp.where(x == 0, xp.where(y == 1, ct, 0.0),
                         ct * xp.pow(x, y - 1.0) * (1.0 + y * xp.log(xp.where(x == 0, 1.0, x)))))),
    "maximum":    (rule("x y", lambda xp, ct, out, x, y: xp.where(x > y, ct, xp.where(x == y, 0.5 * ct, 0.0))),  # C8
                   rule("x y", lambda xp, ct, out, x, y: xp.where(y > x, ct, xp.where(x == y, 0.5 * ct, 0.0)))),
    "minimum":    (rule("x y", lambda xp, ct, out, x, y: xp.where(x < y, ct, xp.where(x == y, 0.5 * ct, 0.0))),
                   rule("x y", lambda xp, ct, out, x, y: xp.where(y < x, ct, xp.where(x == y, 0.5 * ct, 0.0)))),
    "hypot":      (rule("x out", lambda xp, ct, out, x, y: ct * (x / xp.where(out == 0, 1.0, out))),  # C9
                   rule("y out", lambda xp, ct, out, x, y: ct * (y / xp.where(out == 0, 1.0, out)))),
    "atan2":      (rule("x y", lambda xp, ct, out, x, y: _turned(xp, ct, y, x)),
                   rule("x y", lambda xp, ct, out, x, y: -_turned(xp, ct, x, y))),
    "copysign":   (rule("x y", lambda xp, ct, out, x, y: ct * (xp.sign(x) * xp.copysign(1.0, y))),  # C1
                   rule("", lambda xp, ct, out, x, y: xp.zeros_like(ct))),
    "logaddexp":  (rule("x y", lambda xp, ct, out, x, y: ct * xp.sigmoid(x - y)),
                   rule("x y", lambda xp, ct, out, x, y: ct * xp.sigmoid(y - x))),
    "xlogy":      (rule("y", lambda xp, ct, out, x, y: xp.scale(ct, xp.log(y))),
                   rule("x y", lambda xp, ct, out, x, y: xp.over(ct * x, y))),  # C10
    "where":      (None,
                   rule("condition", lambda xp, ct, out, condition, x, y: xp.where(condition, ct, 0.0)),
                   rule("condition", lambda xp, ct, out, condition, x, y: xp.where(condition, 0.0, ct))),
}
# fmt: on


def _turned(xp: Any, ct: Any, a: Any, b: Any) -> Any:
    """ct a / (a*a + b*b) without overflow or underflow, of its own slopes too; 0 at the origin."""  # C11
    h = xp.hypot(a, b)
    h = xp.where(h == 0, 1.0, h)
    return xp.over(xp.scale(ct, a / h), h)  # the cotangent first: 1 / h**2, which a slope by itself has a slope of, may overflow
