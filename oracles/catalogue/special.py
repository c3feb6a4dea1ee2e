"""Special functions, and the elementwise functions of the array API standard that are flat between jumps."""

from __future__ import annotations

from typing import Any

from gradproof.oracles import domain as d
from gradproof.oracles.catalogue.elementwise import binary, unary


def _whole(name: str) -> Any:
    return unary(name, lambda xp, x: xp.step(name, x), domain=d.OFF_INTEGER, kinks="jumps")


ROWS = (
    *map(_whole, ("floor", "ceil", "trunc", "round")),
    unary("positive", lambda xp, x: x + 0.0),
    unary("exp2", domain=d.MODERATE, at_times=d.FAR),
    unary("cbrt", kinks="0 (infinite slope)", large=True),
    unary("erfinv", domain=d.UNIT),
    unary("lgamma", domain=d.OFF_GAMMA_POLE),
    unary("digamma", domain=d.OFF_GAMMA_POLE),
    unary(
        "polygamma",
        lambda xp, x, n: getattr(xp, f"polygamma{n}")(x),
        domain=d.OFF_GAMMA_POLE,
        params=lambda s: {"n": s.pick((1, 2))},
    ),
    unary("i0", domain=d.MODERATE),
    unary("i1", domain=d.MODERATE),
    unary("i0e", lambda xp, x: xp.exp(-xp.absolute(x)) * xp.i0(x), domain=d.MODERATE, kinks="0"),
    unary("i1e", lambda xp, x: xp.exp(-xp.absolute(x)) * xp.i1(x), domain=d.MODERATE),
    unary("ndtr"),
    unary("log_ndtr"),
    unary("ndtri", domain=d.PROBABILITY),
    unary("logit", domain=d.PROBABILITY),
    unary("sinc"),
    unary("entr", lambda xp, x: -xp.xlogy(x, x), domain=d.POSITIVE),
    binary("remainder", lambda xp, x, y: x - y * xp.quotient(x, y), second=d.SIGNED_BASE, kinks="x / y whole (a jump)"),
    binary("floor_divide", lambda xp, x, y: xp.quotient(x, y), second=d.SIGNED_BASE, kinks="x / y whole (a jump)"),
    binary("logaddexp2"),
    binary("xlog1py", second=d.ABOVE_MINUS_ONE),
    binary("rel_entr", lambda xp, x, y: x * xp.log(x / y), first=d.POSITIVE, second=d.POSITIVE),
)
