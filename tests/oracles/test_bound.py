"""The running-error bound holds for what NumPy computes, and the six modelling errors of the laboratory stay mended."""

from __future__ import annotations

import random

import numpy as np
import pytest
from answering import Bent, case, chain, with_ct

from gradproof.oracles import kinks
from gradproof.oracles.ball import arb
from gradproof.oracles.bound import Rounding
from gradproof.oracles.catalogue import CATALOGUE
from gradproof.oracles.certificate import certify
from gradproof.oracles.engine import Engine
from gradproof.oracles.graph import Graph, Leaf, Node
from gradproof.oracles.judge import judge
from gradproof.oracles.meaning import NUMPY
from gradproof.oracles.verdict import Kind
from gradproof.specs import build

ROUNDINGS = 4.0  # NumPy's functions err by up to four roundings where the standard model says one


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", sorted(CATALOGUE))
def test_numpy_stays_within_the_forward_bound(name: str, dtype: str) -> None:
    row = CATALOGUE[name]
    rnd = random.Random(name + dtype)
    for _ in range(12):
        one = build.single(name, rnd.randbytes(build.SINGLE_BYTES), dtype)
        certificate = certify(one)
        (node,) = one.graph.nodes
        with np.errstate(all="ignore"):
            out = row.meaning(NUMPY, *(one.graph.leaves[o].data for o in node.operands), **node.params)
        for y, v, error in zip(np.ravel(out).tolist(), certificate.value, certificate.value_error, strict=True):
            if v.is_finite() and abs(float(v)) < certificate.unit.largest and np.isfinite(y):
                lossy = 16 * 2 * certificate.unit.u  # softplus and gelu by NumPy lose digits in the tail
                assert abs(y - float(v)) <= ROUNDINGS * error + lossy * (name in ("nn.softplus", "nn.gelu", "nn.silu"))


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_a_sum_in_any_order_stays_within_the_bound(dtype: type) -> None:
    rng = np.random.default_rng(0)
    x = (rng.standard_normal(40) * 10.0 ** rng.uniform(-6, 6, 40)).astype(dtype)
    certificate = certify(case("sum", x, dtype=dtype, axis=None, keepdims=False))
    exact, bound = float(certificate.value[0]), certificate.value_error[0]
    for order in (x, x[::-1], np.sort(x), np.sort(x)[::-1], rng.permutation(x)):
        total = dtype(0)
        for term in order:
            total = dtype(total + term)
        assert abs(float(total) - exact) <= bound


def test_a_product_at_zero_is_allowed_the_product_of_its_errors() -> None:
    x = Leaf(np.array(0.1))
    graph = Graph((x, Leaf(np.array(0.3))), (
        Node("multiply", (0, 1)), Node("subtract", (2, 2)), Node("multiply", (3, 3)),
    ), (4,))  # fmt: skip
    assert certify(with_ct(graph)).value_error[0] > 1e-36


def test_the_bound_is_not_proportional_to_the_size_of_the_array() -> None:
    small = certify(case("exp", np.full(2, 0.5))).bound[0]
    large = certify(case("exp", np.full(60, 0.5))).bound[0]
    assert small == large


def test_float32_bounds_are_those_of_float32() -> None:
    wide, narrow = (certify(case("exp", np.array([0.5]), dtype=d)).bound[0] for d in (np.float64, np.float32))
    assert narrow / wide == pytest.approx(2.0**29, rel=0.1)
    assert Rounding.of(np.dtype(np.float32)).u == 2.0**-24


def test_error_1_a_zero_adjoint_passes_its_error_on() -> None:
    """Pruned, the bound was 0 where a softmax saturates or contributions cancel exactly."""
    x = Leaf(np.array([0.3]))
    cancels = Graph((x, Leaf(np.array([3.0]))), (
        Node("exp", (0,)), Node("multiply", (2, 1)), Node("divide", (3, 1)), Node("subtract", (4, 2)),
    ), (5,))  # fmt: skip
    certificate = certify(with_ct(cancels))
    assert abs(float(certificate.gradient[0])) < 1e-30
    assert certificate.bound[0] > 1e-17
    softmax = certify(case("nn.softmax", [0.0, 800.0], ct=[1.0, 1.0], axis=0))
    assert min(softmax.bound) > 0


def test_error_2_another_stable_algorithm_is_inside_the_bound() -> None:
    """exp(x - logsumexp(x)) at 1000 needs an input that may move; elimination in another order needs its factor."""
    x = np.array([1000.1, 1000.7, 999.3])
    certificate = certify(case("logsumexp", x, axis=None, keepdims=False))
    other = np.exp(x - (1000.7 + np.log(np.exp(x - 1000.7).sum())))
    exact = np.array([float(g) for g in certificate.gradient])
    assert (np.abs(other - exact) <= 16 * np.array(certificate.bound)).all()
    assert (np.array(certificate.bound) > 100 * 2.0**-53 * exact).all()  # of this program alone it would be ten
    a, b = np.array([[1e-3, 2.0, 1.0], [1.0, 1.5, -1.0], [2.0, 1e-2, 3.0]]), np.array([1.0, 2.0, 3.0])
    certificate = certify(case("linalg.solve", a, b))
    flipped = np.linalg.solve(a[::-1], b[::-1])
    values = np.array([float(v) for v in certificate.value])
    assert (np.abs(flipped - values) <= 16 * np.array(certificate.value_error)).all()


def test_error_3_results_below_the_smallest_normal_number_may_be_flushed() -> None:
    assert certify(case("nn.sigmoid", [-720.0])).value_error[0] >= 2.2e-308
    flushed = Bent(outputs=lambda outs: [np.where(np.abs(o) < 2.3e-308, 0.0, o) for o in outs],
                   gradients=lambda grads, cts, call: [np.where(np.abs(g) < 2.3e-308, 0.0, g) for g in grads])  # fmt: skip
    assert judge(case("nn.sigmoid", [-720.0, 0.5]), flushed).kind is Kind.AGREE


def test_error_4_the_hull_test_accepts_every_feasible_point() -> None:
    """Linear programming called 5 of 20,000 feasible points infeasible; least squares within limits must not."""
    x = np.array([[1.0, 1.0, 1.0], [2.0, 2.0, 0.0]])
    certificate = certify(case("max", x, ct=[1e8, -3e-8], axis=1, keepdims=False))
    assert len(certificate.ties) == 3
    vertices = np.array([[1e8, 0, 0], [0, 1e8, 0], [0, 0, 1e8]])
    rng = np.random.default_rng(0)
    for _ in range(300):
        first = rng.dirichlet([0.3, 0.3, 0.3]) @ vertices
        share = rng.uniform() ** 3
        g = np.array([*first, -3e-8 * share, -3e-8 * (1 - share), 0.0])
        assert kinks.in_hull(certificate, g, 16 * np.array(certificate.bound) + 1e-15 * np.abs(g))


def test_error_5_a_length_at_the_origin_is_marked_singular_and_its_curvature_never_asked() -> None:
    certificate = certify(case("linalg.vector_norm", [0.0, 0.0], axis=None, keepdims=False, ord=2))
    assert certificate.singular
    balls, bounds = certificate.enclosure()
    assert all(b.is_finite() and b.contains(arb(0)) for b in balls)
    assert all(np.isfinite(bounds))


@pytest.mark.parametrize("shape", [(0,), (0, 3), (2, 0)])
def test_error_6_arrays_of_size_0_reach_the_engine_as_plain_arrays(shape: tuple[int, ...], native: Engine) -> None:
    """torch.from_numpy gave stride 0, which torch's own gradcheck refused: a false alarm of the harness."""
    assert judge(chain(np.zeros(shape), "exp", ("sum", {"axis": None, "keepdims": False})), native).kind is Kind.AGREE
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    assert torch is not None
    from gradproof.oracles.registry import engine

    assert (
        judge(chain(np.zeros(shape), "exp", ("sum", {"axis": None, "keepdims": False})), engine("torch")).kind
        is Kind.AGREE
    )


@pytest.mark.parametrize(
    ("ops", "at"),
    [
        (("nn.softplus", "exp", "acosh"), -18.0),
        (("nn.sigmoid", "atanh"), 18.0),
        (("nn.sigmoid", "acos"), 18.0),
        (("nn.sigmoid", "asin"), 18.0),
        (("nn.sigmoid", "negative", "log1p"), 18.0),
    ],
)
def test_no_verdict_where_rounding_may_carry_a_value_over_the_edge_of_a_domain(
    ops: tuple[str, ...], at: float, native: Engine
) -> None:
    """Seven of 24,000 graphs: float32 rounds 1 - 1e-8 to 1, and then acosh, atanh and acos have infinite slopes."""
    verdict = judge(chain([at], *ops, dtype=np.float32), native)
    assert verdict.kind is Kind.ILL_CONDITIONED
    assert judge(chain([at / 4], *ops, dtype=np.float32), native).kind is Kind.AGREE


def test_an_edge_that_a_leaf_is_near_is_no_excuse() -> None:
    """Leaves are exact: acosh just above 1 has a certified gradient, and a wrong one is called wrong."""
    near = case("acosh", [1 + 2.0**-40])
    assert judge(near, Bent()).kind is Kind.AGREE
    wrong = Bent(gradients=lambda grads, cts, call: [g * (1 + 1e-2) for g in grads])
    assert judge(near, wrong).kind is Kind.WRONG  # an input that moves by one rounding moves the slope by 6e-5


@pytest.mark.parametrize("op", ["nn.relu", "abs", ("clip", {"min": -1.0, "max": 0.5})])
def test_the_deviation_of_a_constant_is_a_number_to_what_compares_it(op: object, native: Engine) -> None:
    """hypot of balls around 0 was NaN, and relu(NaN) was 0 with an error of 0: four of 24,000 graphs."""
    x = np.full((2, 3), -0.841333270072937)
    std = ("std", {"axis": None, "correction": 0, "keepdims": False})
    verdict = judge(chain(x, "nn.silu", std, op, dtype=np.float32), native)
    assert verdict.kind in (Kind.AGREE, Kind.SUBGRADIENT)


def test_the_variance_of_equal_variances_may_be_the_square_of_a_rounding(native: Engine) -> None:
    """Found in 24,000 graphs: the engine's 1.1e-16 is (1.5e-8)**2 / 2, and the bound was 0 to first order."""
    x = np.array([[[2.0], [0.0]], [[1.0], [-1.0]], [[2.0], [-1.0]]])
    var = ("var", {"axis": 0, "keepdims": True, "correction": 0})
    again = ("var", {"axis": None, "keepdims": False, "correction": 0})
    assert judge(chain(x, var, again, dtype=np.float32), native).kind is Kind.AGREE


def test_the_determinant_of_one_entry_may_round() -> None:
    """det times inverse is off by a rounding where the exact formula is a plain move."""
    one = case("linalg.det", [[-1.813567074107489]], ct=-1.5)
    assert judge(one, Bent(gradients=lambda g, c, n: [x * (1 - 2.0**-52) for x in g])).kind is Kind.AGREE
    assert judge(one, Bent(gradients=lambda g, c, n: [x * (1 - 1e-12) for x in g])).kind is Kind.WRONG


@pytest.mark.parametrize("constant", [40.0, -40.0, 300.0, -300.0])
def test_a_constant_that_a_slope_subtracts_may_move_by_a_rounding(constant: float, native: Engine) -> None:
    """sigmoid(x - 300) is off by 300 roundings; the bound once knew only those of x, and native was 5 bounds off."""
    leaves = (Leaf(np.array([0.1, -0.48426711321768723])), Leaf(np.array([constant, constant]), constant=True))
    verdict = judge(with_ct(Graph(leaves, (Node("logaddexp", (0, 1)),), (2,))), native)
    assert verdict.kind is Kind.AGREE
    assert verdict.units <= 2
