"""Directions that are zero where a slope is infinite: nothing flows there, in whatever order the modes are nested."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import flint
import numpy as np
import pytest

import gradproof.engine as ge

ENDS = [
    (ge.sqrt, 0.0), (ge.cbrt, 0.0), (ge.rsqrt, 0.0), (ge.reciprocal, 0.0), (ge.log, 0.0), (ge.log1p, -1.0), (ge.acos, -1.0), (ge.asin, 1.0),
    (ge.acosh, 1.0), (ge.atanh, 1.0), (ge.erfinv, 1.0), (ge.ndtri, 0.0), (ge.logit, 0.0), (ge.lgamma, 0.0), (lambda x: ge.pow(x, 0.5), 0.0),
    (lambda x: ge.divide(1.0, x), 0.0), (lambda x: ge.xlogy(1.0, x), 0.0),
]  # fmt: skip


def forward(f: Callable[[Any], Any], along: float) -> Callable[[Any], Any]:
    return lambda x: ge.jvp(f, (x,), (np.full(x.shape, along),))[1]


def reverse(f: Callable[[Any], Any], ct: float) -> Callable[[Any], Any]:
    return lambda x: ge.vjp(f, x)[1](np.full(x.shape, ct))[0]


@pytest.mark.parametrize("way", [lambda f: f, ge.trace, lambda f: lambda x: ge.vmap(f)(x[None])[0]])
@pytest.mark.parametrize("directions", [(0.0, 0.0), (0.0, 1.0), (1.0, 0.0)])
@pytest.mark.parametrize("modes", [(forward, forward), (forward, reverse), (reverse, forward), (reverse, reverse)])
@pytest.mark.parametrize(("f", "end"), ENDS)
def test_what_meets_a_direction_of_zero_is_zero(f: Any, end: float, modes: Any, directions: Any, way: Any) -> None:
    inner, outer = modes
    x = np.full(2, end)
    np.testing.assert_array_equal(way(outer(inner(f, directions[0]), directions[1]))(x).numpy(), 0.0)


def test_a_traced_second_derivative_is_the_eager_one_bit_for_bit() -> None:
    x = np.random.default_rng(0).uniform(0.1, 0.9, 50)
    for f in (ge.log, ge.sqrt, ge.asin, ge.erfinv, ge.logit, lambda x: ge.divide(x, 1.0 + x), lambda x: ge.pow(x, x)):
        twice = forward(reverse(f, 1.3), 0.7)
        np.testing.assert_array_equal(ge.trace(twice)(x).numpy(), twice(ge.as_array(x)).numpy())


def test_a_direction_of_zero_passes_no_slope_that_overflowed() -> None:
    x, y, zero = np.float64(1.18e-155), np.float64(1.36e-155), np.float64(0.0)

    def along(x: Any, y: Any) -> Any:
        return ge.jvp(ge.atan2, (x, y), (zero, zero))[1]

    assert ge.jvp(along, (x, y), (zero, zero))[1].item() == 0.0


def test_the_slope_of_the_normal_hazard_keeps_its_digits_where_its_formula_changes() -> None:
    for v in np.linspace(-2.5, -2.0, 51):
        with flint.ctx.workprec(200):
            z, root = flint.arb(float(v)), flint.arb(2).sqrt()
            hazard = (2 / flint.arb.pi()).sqrt() / ((z * z / 2).exp() * (-z / root).erfc())
            second = -float(hazard * (z + hazard))
        found = ge.grad(ge.grad(ge.log_ndtr))(float(v)).item()
        assert abs(found - second) < 40 * 2.0**-53 * abs(second)
