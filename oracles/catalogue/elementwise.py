"""Elementwise ops: one argument, two that broadcast, clip and where."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from gradproof.oracles import domain as d
from gradproof.oracles.catalogue.row import Op, Shape, Sketch, Slot
from gradproof.oracles.catalogue.shapes import any_shape, partner, within
from gradproof.oracles.catalogue.source import Source
from gradproof.oracles.graph import Param

Meaning = Callable[..., Any]
Draw = Callable[[Source], dict[str, Param]]


def unary(
    name: str,
    meaning: Meaning | None = None,
    domain: d.Domain = d.REAL,
    kinks: str = "",
    params: Draw | None = None,
    large: bool = False,
    at_times: d.Domain | None = None,
) -> Op:
    """An op of one operand; the meaning defaults to the namespace's function of the same name.

    ``large``: it grows slowly, so that operands whose squares overflow are fair. ``at_times``: another domain, once in four.
    """
    function = meaning or (lambda xp, x: getattr(xp, name)(x))

    def sketch(source: Source, shape: Shape) -> Sketch:
        scale = int(large and source.flag(8))
        inside = at_times if at_times is not None and source.flag(4) else domain
        return Sketch((Slot(shape, inside, scale=scale),), params(source) if params else {})

    return Op(name, function, sketch, any_shape, kinks, family="elementwise")


def binary(
    name: str,
    meaning: Meaning | None = None,
    first: d.Domain = d.REAL,
    second: d.Domain = d.REAL,
    kinks: str = "",
    scales: bool = False,
) -> Op:
    """An op of two operands that broadcast; either may be the larger.

    ``scales``: it depends on ratios and lengths alone, so operands whose squares overflow or underflow are fair.
    """
    function = meaning or (lambda xp, x, y: getattr(xp, name)(x, y))

    def sketch(source: Source, shape: Shape) -> Sketch:
        other = partner(source, shape)
        scale = source.pick((0, 0, 0, 0, 0, 0, 1, -1)) if scales else 0
        return Sketch((Slot(shape, first, scale=scale), Slot(other, second, scale=scale)))

    return Op(name, function, sketch, any_shape, kinks, family="elementwise")


def _pow_sketch(source: Source, shape: Shape) -> Sketch:
    """A positive base with any exponent, a base of 0 with a positive one, or any base with small integer exponents held fixed
    (off 0 if one is negative)."""
    other = partner(source, shape)
    kind = source.below(7)
    if kind == 6:  # by the exponent 0**y has slope 0, where the formula has 0 times log(0)
        return Sketch((Slot(shape, d.BASE_OR_ZERO), Slot(other, d.UPWARD)))
    if kind == 4:
        exponents = np.array([source.pick((-1.0, -2.0, 3.0, 2.0, -3.0)) for _ in range(int(np.prod(other)))])
        return Sketch((Slot(shape, d.SIGNED_BASE), exponents.reshape(other)))
    if kind in (2, 5):
        zeros = source.flag()
        table = (0.0, 1.0, 2.0, 0.0, 3.0) if zeros else (2.0, 1.0, 3.0, 0.0, 4.0)  # 0 to the power 0 is where rules go wrong
        exponents = np.array([source.pick(table) for _ in range(int(np.prod(other)))])
        return Sketch((Slot(shape, d.ZEROS if zeros else d.REAL), exponents.reshape(other)))
    return Sketch((Slot(shape, d.WIDE_BASE), Slot(other, d.EXPONENT)))


def _clip_sketch(source: Source, shape: Shape) -> Sketch:
    low = source.pick((-1.0, 0.0, None, -0.5))
    return Sketch((Slot(shape),), {"min": low, "max": source.pick((1.0, 2.0, 0.5)) if low is not None else 1.0})


def _clip(xp: Any, x: Any, min: float | None, max: float | None) -> Any:
    if min is not None and max is not None and min > max:
        raise ValueError(f"min={min} is above max={max}: no array standard says what clip is then")
    if min is not None:
        x = xp.select(x, min, x, min)
    return xp.select(x, max, max, x) if max is not None else x


def _where_sketch(source: Source, shape: Shape) -> Sketch:
    other = partner(source, shape)
    condition_shape = within(source, np.broadcast_shapes(shape, other))
    mask = source.byte()
    count = int(np.prod(condition_shape))
    condition = np.array([bool(mask >> i % 8 & 1) for i in range(count)], dtype=bool).reshape(condition_shape)
    return Sketch((condition, Slot(shape), Slot(other)))


def _gelu(xp: Any, x: Any, approximate: str) -> Any:
    if approximate == "none":
        return x * xp.ndtr(x)
    return x * xp.sigmoid((x + x * x * x * 0.044715) * (2 * float(np.sqrt(2 / np.pi))))


def _elu(xp: Any, x: Any, alpha: float) -> Any:
    return xp.select(x, 0.0, x, xp.expm1(x) * alpha)


AT_ZERO = "0"
ROWS = (
    unary("abs", lambda xp, x: xp.absolute(x), kinks=AT_ZERO),
    unary("acos", domain=d.CLOSED_UNIT),
    unary("acosh", domain=d.ABOVE_ONE, large=True),
    unary("asin", domain=d.CLOSED_UNIT),
    unary("asinh", large=True),
    unary("atan"),
    unary("atanh", domain=d.UNIT),
    unary("cos"),
    unary("cosh", domain=d.MODERATE, at_times=d.FAR),
    unary("erf"),
    unary("erfc"),
    unary("exp", domain=d.MODERATE, at_times=d.FAR),
    unary("expm1", domain=d.MODERATE, at_times=d.FAR),
    unary("log", domain=d.POSITIVE, large=True),
    unary("log1p", domain=d.ABOVE_MINUS_ONE, large=True),
    unary("log2", domain=d.POSITIVE, large=True),
    unary("log10", domain=d.POSITIVE, large=True),
    unary("negative"),
    unary("reciprocal", domain=d.NONZERO),
    unary("rsqrt", domain=d.POSITIVE, large=True),
    unary("sign", domain=d.OFF_JUMP, kinks="0 (a jump)"),
    unary("sin"),
    unary("sinh", domain=d.MODERATE, at_times=d.FAR),
    unary("sqrt", domain=d.NONNEGATIVE, kinks="0 (infinite slope)", large=True),
    unary("square"),
    unary("tan", at_times=d.POLE),
    unary("tanh"),
    unary("nn.relu", lambda xp, x: xp.select(x, 0.0, x, 0.0), kinks=AT_ZERO),
    unary("nn.sigmoid", lambda xp, x: xp.sigmoid(x)),
    unary("nn.silu", lambda xp, x: x * xp.sigmoid(x)),
    unary("nn.gelu", _gelu, params=lambda s: {"approximate": s.pick(("none", "tanh"))}),
    unary("nn.softplus", lambda xp, x: xp.softplus(x)),
    unary(
        "nn.leaky_relu",
        lambda xp, x, negative_slope: xp.select(x, 0.0, x, x * negative_slope),
        kinks=AT_ZERO,
        params=lambda s: {"negative_slope": s.pick((0.25, 2.0**-7, 0.0, -0.5))},
    ),
    unary("nn.elu", _elu, kinks="0 where alpha is not 1", params=lambda s: {"alpha": s.pick((1.0, 0.5, 2.0))}),
    binary("add", lambda xp, x, y: x + y),
    binary("subtract", lambda xp, x, y: x - y),
    binary("multiply", lambda xp, x, y: x * y),
    binary("divide", lambda xp, x, y: x / y, second=d.NONZERO, scales=True),
    Op("pow", lambda xp, x, y: xp.pow(x, y), _pow_sketch, any_shape, "x = 0", family="elementwise"),
    binary("maximum", kinks="x = y"),
    binary("minimum", kinks="x = y"),
    binary("hypot", kinks="(0, 0)", scales=True),
    binary("atan2", first=d.NONZERO, kinks="(0, 0) (a jump)", scales=True),
    binary("copysign", second=d.NONZERO, kinks="x = 0; y = 0 (a jump)"),
    binary("logaddexp"),
    binary("xlogy", second=d.POSITIVE),
    Op("clip", _clip, _clip_sketch, any_shape, "x = min, x = max", family="elementwise"),
    Op("where", lambda xp, c, x, y: xp.where(c, x, y), _where_sketch, any_shape, family="elementwise"),
)
