"""Special functions, activations and losses: tails against Arb, what is chosen at kinks, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import flint
import numpy as np
import pytest

import gradproof.engine as ge
from gradproof.engine import ShapeError, nn

arb = flint.arb
U = 2.0**-53


@pytest.fixture(autouse=True)
def _bits() -> Any:
    before, flint.ctx.prec = flint.ctx.prec, 400
    yield
    flint.ctx.prec = before


def hazard(x: arb) -> arb:
    return (-x * x / 2).exp() / (2 * arb.pi()).sqrt() / ((-x / arb(2).sqrt()).erfc() / 2)


def off(f: Callable[[Any], Any], x: float, order: int, exact: arb) -> float:
    """The relative error of a derivative at x, in unit roundoffs."""
    for _ in range(order):
        f = ge.grad(f)
    return float(abs(arb(f(x).item()) - exact) / abs(exact)) / U


@pytest.mark.parametrize("x", [-1e8, -300.0, -30.0, -5.0, -2.5, -0.5, 0.0, 3.0, 30.0])
def test_log_ndtr_keeps_the_digits_of_its_slopes_in_both_tails(x: float) -> None:
    h = hazard(arb(x)) if x > -1e4 else -arb(x) + 1 / (-arb(x) + 2 / (-arb(x) + 3 / -arb(x)))
    grown = 4 * (1 + x * x) if x > 0 else 16  # of exp(-x**2 / 2) with x moved by a rounding
    assert off(ge.log_ndtr, x, 1, h) < grown
    assert off(ge.log_ndtr, x, 2, -h * (arb(x) + h)) < 4 * grown


@pytest.mark.parametrize("x", [1e-160, 1e-8, 0.3, 0.63, 1.7, 40.5, 1e12])
def test_sinc_keeps_the_digits_of_its_slopes_near_0_and_at_whole_numbers(x: float) -> None:
    t = arb.pi() * arb(x)
    small = -arb.pi() ** 2 * arb(x) / 3
    slope = small if x < 1e-6 else (t * t.cos() - t.sin()) / (t * arb(x))
    assert off(ge.sinc, x, 1, slope) < (64 if x < 40 else 8 * x)
    assert ge.grad(ge.sinc)(x).item() != 0


def test_slopes_of_sinc_of_every_order_at_0_are_those_of_its_series() -> None:
    third = ge.grad(ge.grad(ge.grad(ge.sinc)))
    assert ge.sinc(0.0).item() == 1.0
    assert ge.grad(ge.sinc)(0.0).item() == 0.0
    assert ge.grad(ge.grad(ge.sinc))(0.0).item() == pytest.approx(-np.pi**2 / 3, rel=1e-15)
    assert third(0.0).item() == 0.0
    assert ge.grad(third)(0.0).item() == pytest.approx(np.pi**4 / 5, rel=1e-15)


@pytest.mark.parametrize("x", [1e-300, 1e-30, 1e-3, 0.24, 0.26, 0.5, 0.74, 0.999])
def test_the_slope_of_ndtri_is_one_over_the_density_in_its_tails_too(x: float) -> None:
    y = -arb(2).sqrt() * (2 * arb(x)).erfcinv()
    assert off(ge.ndtri, x, 1, (2 * arb.pi()).sqrt() * (y * y / 2).exp()) < 32


@pytest.mark.parametrize("x", [-1 + 2.0**-40, -0.51, -0.49, 1e-8, 0.9, 1 - 2.0**-50])
def test_the_slope_of_erfinv_keeps_its_digits_beside_1(x: float) -> None:
    y = arb(x).erfinv()
    assert off(ge.erfinv, x, 1, arb.pi().sqrt() / 2 * (y * y).exp()) < 32


@pytest.mark.parametrize("logit", [-900.0, -40.0, 40.0, 900.0])
def test_binary_cross_entropy_of_a_sure_prediction_keeps_its_slope(logit: float) -> None:
    right = 1.0 if logit > 0 else 0.0
    slope = ge.grad(lambda x: nn.bce_with_logits(x, right, reduction="sum"))(logit).item()
    exact = -float(arb(1) / (1 + arb(abs(logit)).exp())) * (1 if logit > 0 else -1)
    assert slope == pytest.approx(exact, rel=1e-14)


def test_soft_margin_neither_overflows_nor_loses_its_slope() -> None:
    value, slope = ge.value_and_grad(lambda x: nn.soft_margin(x, np.array([-1]), reduction="sum"))([800.0])
    assert value.item() == 800.0
    assert slope.data.tolist() == [1.0]


@pytest.mark.parametrize(
    ("function", "x", "slope"),
    [
        (nn.hardtanh, 1.0, 1.0), (nn.hardtanh, -1.0, 1.0), (nn.relu6, 0.0, 1.0), (nn.relu6, 6.0, 1.0),
        (nn.hard_sigmoid, -3.0, 1 / 6), (nn.hardswish, 3.0, 1.5), (nn.hardswish, -3.0, -0.5), (nn.selu, 0.0, 1.7580993408473766),
        (nn.celu, 0.0, 1.0), (nn.softsign, 0.0, 1.0), (nn.softshrink, 0.5, 0.0), (nn.hardshrink, -0.5, 0.0),
        (ge.floor, 2.0, 0.0), (ge.round, 0.5, 0.0), (ge.cbrt, 0.0, np.inf),
        (lambda x: ge.remainder(x, 2.0), 4.0, 1.0), (lambda y: ge.remainder(-3.0, y), 2.0, 2.0),
    ],
)  # fmt: skip
def test_the_slope_chosen_at_a_kink_is_that_of_the_conventions(function: Any, x: float, slope: float) -> None:
    assert ge.grad(function)(x).item() == pytest.approx(slope, rel=1e-15)


def test_smooth_l1_of_width_0_is_the_distance() -> None:
    x, y = np.array([1.0, -2.0]), np.array([0.5, 3.0])
    assert nn.smooth_l1(x, y, beta=0.0, reduction="none").data.tolist() == [0.5, 5.0]


def test_batchmean_divides_by_the_first_axis() -> None:
    x, y = np.zeros((2, 3)), np.ones((2, 3))
    assert nn.kl_div(x - 1.0, y, reduction="batchmean").item() == 3.0


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: nn.glu(np.ones((2, 3)), axis=-1), "odd length"),
        (lambda: nn.prelu(np.ones((2, 3)), np.ones(2)), r"weight \(1,\)"),
        (lambda: nn.prelu(np.ones(3), np.ones(3)), "prelu"),
        (lambda: nn.nll(np.ones((2, 3)), np.zeros(3, dtype=int)), r"\(N, C\)"),
    ],
)
def test_shapes_that_do_not_fit_are_refused_and_named(call: Callable[[], Any], said: str) -> None:
    with pytest.raises(ShapeError, match=said):
        call()


def test_an_unknown_reduction_is_refused() -> None:
    with pytest.raises(ValueError, match="'batchmean' or 'none'"):
        nn.huber(np.ones(2), np.zeros(2), reduction="average")
