"""Pullbacks of special functions. A family whose slopes are its own members needs no formula that could cancel."""

from __future__ import annotations

import math
from typing import Any

from gradproof.engine.rules.elementwise import LN2
from gradproof.engine.rules.rule import Table, rule

HALF_ROOT_PI, ROOT_2_PI, ROOT_2, ROOT_HALF = math.sqrt(math.pi) / 2.0, math.sqrt(2.0 * math.pi), math.sqrt(2.0), math.sqrt(0.5)

# fmt: off
RULES: Table = {
    "ceil":       (rule("", lambda xp, ct, out, x: xp.zeros_like(ct)),),  # C2
    "floor":      (rule("", lambda xp, ct, out, x: xp.zeros_like(ct)),),
    "round":      (rule("", lambda xp, ct, out, x: xp.zeros_like(ct)),),
    "trunc":      (rule("", lambda xp, ct, out, x: xp.zeros_like(ct)),),
    "floor_divide": (rule("", lambda xp, ct, out, x, y: xp.zeros_like(ct)),
                     rule("", lambda xp, ct, out, x, y: xp.zeros_like(ct))),
    "remainder":  (rule("", lambda xp, ct, out, x, y: ct),
                   rule("x y", lambda xp, ct, out, x, y: -ct * xp.floor_divide(x, y))),

    "bessel_i":   (rule("x", lambda xp, ct, out, x, order: ct * (xp.bessel_i(x, order=1) if order == 0 else  # of one sign
                        0.5 * (xp.bessel_i(x, order=order - 1) + xp.bessel_i(x, order=order + 1)))),),
    "bessel_ie":  (rule("x out", lambda xp, ct, out, x, order: ct * (_mean_of_neighbours(xp, x, order) - xp.sign(x) * out)),),  # C1
    "cbrt":       (rule("out", lambda xp, ct, out, x: xp.over(ct, 3.0 * out * out)),),  # C3
    "erfinv":     (rule("x out", lambda xp, ct, out, x: xp.scale(ct, _erfinv_slope(xp, out, x))),),  # C3
    "exp2":       (rule("out", lambda xp, ct, out, x: ct * (LN2 * out)),),
    "lgamma":     (rule("x", lambda xp, ct, out, x: xp.scale(ct, xp.polygamma(x, n=0))),),
    "log_ndtr":   (rule("x", lambda xp, ct, out, x: ct * xp.hazard(x)),),
    "hazard":     (rule("x out", lambda xp, ct, out, x: -(ct * out) * xp.excess(x)),),
    "excess":     (rule("x out", lambda xp, ct, out, x: ct * (1.0 - xp.hazard(x) * out)),),
    "logit":      (rule("x", lambda xp, ct, out, x: xp.over(ct, x * (1.0 - x))),),  # C3
    "ndtri":      (rule("x out", lambda xp, ct, out, x: xp.scale(ct, _ndtri_slope(xp, out, x))),),  # C3
    "polygamma":  (rule("x", lambda xp, ct, out, x, n: xp.scale(ct, xp.polygamma(x, n=n + 1))),),
    "sinc_term":  (rule("x", lambda xp, ct, out, x, k: ct * (x * xp.sinc_term(x, k=k + 1))),),

    "logaddexp2": (rule("x y", lambda xp, ct, out, x, y: ct * xp.sigmoid(LN2 * (x - y))),
                   rule("x y", lambda xp, ct, out, x, y: ct * xp.sigmoid(LN2 * (y - x)))),
    "xlog1py":    (rule("y", lambda xp, ct, out, x, y: xp.scale(ct, xp.log1p(y))),
                   rule("x y", lambda xp, ct, out, x, y: xp.over(ct * x, 1.0 + y))),  # C10
}
# fmt: on


def _mean_of_neighbours(xp: Any, x: Any, order: int) -> Any:
    if order == 0:
        return xp.bessel_ie(x, order=1)
    return 0.5 * (xp.bessel_ie(x, order=order - 1) + xp.bessel_ie(x, order=order + 1))


def _erfinv_slope(xp: Any, out: Any, x: Any) -> Any:
    """sqrt(pi) / 2 exp(y**2): of a large y the square loses digits that erfcx(y) / erfc(y), with erfc(y) = 1 - x, keeps."""
    near = xp.abs(x) < 0.5
    left = xp.where(near, 1.0, 1.0 - xp.abs(x))
    tail = ROOT_HALF / (xp.hazard(-ROOT_2 * xp.abs(xp.where(near | (left == 0), 1.0, out))) * left)
    return xp.where(near, HALF_ROOT_PI * xp.exp(xp.square(xp.where(near, out, 0.0))), tail)


def _ndtri_slope(xp: Any, out: Any, x: Any) -> Any:
    """sqrt(2 pi) exp(y**2 / 2), as above."""
    near = xp.abs(x - 0.5) < 0.25
    left = xp.where(near, 1.0, xp.minimum(x, 1.0 - x))
    tail = 1.0 / (xp.hazard(-xp.abs(xp.where(near | (left == 0), 1.0, out))) * left)
    return xp.where(near, ROOT_2_PI * xp.exp(0.5 * xp.square(xp.where(near, out, 0.0))), tail)
