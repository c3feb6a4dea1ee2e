"""The scalar table against differences of its own values at 4,096 bits, and the float field against the ball field."""

from __future__ import annotations

import flint
import pytest

from gradproof.oracles.ball import precision
from gradproof.oracles.scalar import ARB, BINARY, FLOAT, UNARY
from gradproof.oracles.special import besseli

arb = flint.arb
REAL = (-700.0, -37.0, -3.3, -0.7, -1e-8, 1e-160, 0.3, 1.0, 2.5, 8.0, 30.0, 710.0)
ZERO = (*REAL, 0.0)
POSITIVE = (1e-160, 1e-8, 0.3, 1.0, 2.5, 1e12)
SIGNED = (-1e12, -2.5, -1e-8, 1e-160, 0.3, 7.0)
UNIT = (-1 + 2.0**-20, -0.6, -1e-8, 1e-160, 0.3, 1 - 2.0**-20)
POINTS = {
    **dict.fromkeys(
        ("exp", "expm1", "sin", "cos", "sinh", "cosh", "tanh", "erf", "erfc", "ndtr", "sigmoid", "softplus",
         "exp_tail", "sech2", "bell"), ZERO
    ),
    **dict.fromkeys(("square", "atan", "asinh"), (*ZERO, 1e12)),
    **dict.fromkeys(("log", "log2", "log10", "sqrt", "rsqrt"), POSITIVE),
    **dict.fromkeys(("asin", "acos", "atanh"), UNIT),
    "log1p": (-1 + 2.0**-20, -0.5, 1e-160, 1e-8, 0.3, 1e12),
    "acosh": (1 + 2.0**-20, 1.5, 40.0, 1e12),
    "tan": (-3.3, -1e-8, 0.0, 0.3, 1.57, 30.0),
    "reciprocal": SIGNED,
    "hazard": (-3.3, -0.7, -1e-8, 0.0, 0.3, 1.0, 2.5, 8.0, 30.0),  # further left floats lose its slope, a third one
    **dict.fromkeys(("exp2", "log_ndtr"), (-37.0, -3.3, -0.7, -1e-8, 0.0, 1e-160, 0.3, 1.0, 2.5, 8.0, 30.0)),
    **dict.fromkeys(("erfinv",), UNIT),
    **dict.fromkeys(("ndtri", "logit"), (1e-160, 1e-8, 0.3, 0.5, 0.7, 1 - 2.0**-20)),
    "cbrt": SIGNED,
    **dict.fromkeys(("lgamma", "digamma", *(f"polygamma{n}" for n in range(1, 7))), (1e-8, 0.3, 1.0, 1.4616, 2.0, 30.0, -0.6, -3.3)),
    **dict.fromkeys((f"i{n}" for n in range(7)), (-30.0, -0.7, -1e-8, 1e-8, 0.3, 2.5, 40.0)),
    **dict.fromkeys(("i0", "i1", "i2"), (-30.0, -1e-8, 0.0, 0.3)),
    **dict.fromkeys(("sinc", *(f"sinc{k}" for k in range(1, 7))), (-30.0, -0.7, -1e-8, 0.0, 1e-160, 0.3, 1.0, 2.5, 40.0)),
}
PLANE = tuple((a, b) for a in (-30.0, -0.7, 1e-8, 2.5) for b in (-700.0, -2.5, 1e-8, 0.3, 40.0))
PAIRS = {
    "divide": PLANE,
    "hypot": PLANE,
    "atan2": PLANE,
    "logaddexp": PLANE,
    "pow": tuple((a, b) for a in (1e-8, 0.3, 1.0, 900.0) for b in (-4.0, -0.5, 0.0, 1.0, 3.7)),
    "logaddexp2": PLANE,
    "xlog1py": tuple((a, b) for a in (-2.5, 1e-8, 3.0) for b in (-1 + 2.0**-20, -0.5, 1e-160, 0.3, 1e12)),
    "xlogy": tuple((a, b) for a in (-2.5, 1e-8, 3.0) for b in (1e-160, 0.3, 1.0, 1e12)),
}
BITS, STEP = 4096, arb(2) ** -400


def close(claimed: arb, difference: arb) -> bool:
    """Equal to 60 bits even far out in a tail; the step is 2**-400 of the point, so that h**2 is nothing."""
    return bool(abs(claimed - difference) <= abs(claimed) * arb(2) ** -60 + arb(2) ** -1500)


def test_every_row_of_the_table_has_points_here() -> None:
    assert {*POINTS, *PAIRS} == {*UNARY, *BINARY}


@pytest.mark.parametrize("name", sorted(UNARY))
def test_slopes_of_one_variable_are_the_differences_of_the_value(name: str) -> None:
    row = UNARY[name]
    with precision(BITS):
        for point in POINTS[name]:
            x, h = arb(point), STEP * (abs(point) or 1)
            f = lambda t: row.value(ARB, t)
            y = f(x)
            up, down = f(x + h), f(x - h)
            p = row.slope(ARB, x, y)
            assert close(p, (up - down) / (2 * h)), (point, p.str(8), ((up - down) / (2 * h)).str(8))
            q = row.second(ARB, x, y, p)
            assert close(q, (up - 2 * y + down) / (h * h)), (point, q.str(8), ((up - 2 * y + down) / (h * h)).str(8))


@pytest.mark.parametrize("name", sorted(BINARY))
def test_slopes_of_two_variables_are_the_differences_of_the_value(name: str) -> None:
    row = BINARY[name]
    with precision(BITS):
        for point in PAIRS[name]:
            a, b = map(arb, point)
            h, k = (STEP * (abs(t) or 1) for t in point)
            f = lambda s, t: row.value(ARB, s, t)
            z = f(a, b)
            pa, pb = row.slopes(ARB, a, b, z)
            qaa, qab, qbb = row.seconds(ARB, a, b, z)
            assert close(pa, (f(a + h, b) - f(a - h, b)) / (2 * h)), point
            assert close(pb, (f(a, b + k) - f(a, b - k)) / (2 * k)), point
            assert close(qaa, (f(a + h, b) - 2 * z + f(a - h, b)) / (h * h)), point
            assert close(qbb, (f(a, b + k) - 2 * z + f(a, b - k)) / (k * k)), point
            mixed = f(a + h, b + k) - f(a + h, b - k) - f(a - h, b + k) + f(a - h, b - k)
            assert close(qab, mixed / (4 * h * k)), point


def within(x: float, ball: arb, slack: float) -> bool:
    size = float(abs(ball))
    return x == float(ball) or abs(x - float(ball)) <= slack + 64 * 2.0**-53 * size + 1e-300 or size > 1e300


@pytest.mark.parametrize("name", sorted(UNARY))
def test_floats_agree_with_balls_in_one_variable(name: str) -> None:
    row = UNARY[name]
    with precision(256):
        for point in POINTS[name]:
            y = row.value(ARB, arb(point))
            p = row.slope(ARB, arb(point), y)
            q = row.second(ARB, arb(point), y, p)
            mine = row.value(FLOAT, point)
            slope = row.slope(FLOAT, point, mine)
            shift = 64 * 2.0**-53 * abs(point)  # the float functions may see an input moved by a few roundings
            assert within(mine, y, shift * float(abs(p))), (point, mine, y.str(17))
            assert within(slope, p, shift * float(abs(q))), (point, slope, p.str(17))


@pytest.mark.parametrize("name", sorted(BINARY))
def test_floats_agree_with_balls_in_two_variables(name: str) -> None:
    row = BINARY[name]
    with precision(256):
        for point in PAIRS[name]:
            z = row.value(ARB, *map(arb, point))
            slopes = row.slopes(ARB, *map(arb, point), z)
            qaa, qab, qbb = (float(abs(q)) for q in row.seconds(ARB, *map(arb, point), z))
            mine = row.value(FLOAT, *point)
            a, b = (64 * 2.0**-53 * abs(t) for t in point)
            assert within(mine, z, a * float(abs(slopes[0])) + b * float(abs(slopes[1]))), (point, mine, z.str(17))
            for p, ball, slack in zip(
                row.slopes(FLOAT, *point, mine), slopes, (a * qaa + b * qab, a * qab + b * qbb), strict=True
            ):
                assert within(p, ball, slack), (point, p, ball.str(17))


def test_powers_at_zero_have_the_slopes_of_their_polynomials() -> None:
    zero = arb(0)
    for exponent, value, slope, second in ((0, 1, 0, 0), (1, 0, 1, 0), (2, 0, 0, 2), (3, 0, 0, 0)):
        y = arb(exponent)
        z = BINARY["pow"].value(ARB, zero, y)
        assert z == value
        assert BINARY["pow"].slopes(ARB, zero, y, z)[0] == slope
        assert BINARY["pow"].seconds(ARB, zero, y, z)[0] == second


def test_x_log_y_at_x_0_is_0_with_slope_log_y() -> None:
    z = BINARY["xlogy"].value(ARB, arb(0), arb(3))
    assert z == 0
    assert BINARY["xlogy"].slopes(ARB, arb(0), arb(3), z)[0].overlaps(arb(3).log())


def test_a_length_of_balls_around_zero_is_a_number() -> None:
    assert ARB.hypot(arb(0, 1e-30), arb(0, 1e-30)).is_finite()
    assert ARB.hypot(arb(3), arb(4)).overlaps(arb(5))


def test_only_functions_whose_slope_frameworks_lose_are_saturating() -> None:
    assert {n for n, row in UNARY.items() if row.saturating} == {
        "expm1", "tanh", "erf", "erfc", "ndtr", "sigmoid", "softplus", "exp_tail", "sech2", "bell",
        "log_ndtr", "hazard",
    }  # fmt: skip


@pytest.mark.parametrize("name", [n for n, row in UNARY.items() if row.slope_row])
def test_a_slope_that_is_a_row_of_the_table_is_that_row(name: str) -> None:
    row = UNARY[name]
    for point in POINTS[name]:
        x = arb(point)
        assert UNARY[row.slope_row].value(ARB, x).overlaps(row.slope(ARB, x, row.value(ARB, x))), point


@pytest.mark.parametrize("name", [n for n, row in UNARY.items() if row.edge])
def test_the_edge_of_a_function_is_where_its_slope_is_infinite(name: str) -> None:
    row = UNARY[name]
    assert row.edge is not None
    for point in POINTS[name]:
        distance = row.edge(point)
        assert distance >= 0
        if 0 < distance <= 1:  # a slope near a singularity grows at least like the inverse root of the distance
            y = row.value(ARB, arb(point))
            p = row.slope(ARB, arb(point), y)
            q = row.second(ARB, arb(point), y, p)
            assert float(abs(q)) * distance >= 0.1 * float(abs(p)) or distance > 0.1, point


def test_the_slope_of_i0_is_not_lost_at_tiny_numbers() -> None:
    """``scipy.special.iv(1, x)`` is 0 below about 1e-154, and a sound gradient was called wrong on large arrays."""
    assert besseli(1, -1e-200) == pytest.approx(-5e-201, rel=1e-14, abs=0)
