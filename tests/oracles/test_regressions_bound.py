"""What the bound once demanded of sound engines and must not: each fact found by putting PyTorch or JAX on trial."""

from __future__ import annotations

import numpy as np
import pytest
from answering import chain

from gradproof.oracles.adapters.native import NativeEngine
from gradproof.oracles.certificate import Certificate, certify
from gradproof.oracles.engine import Engine
from gradproof.oracles.graph import Case, Graph, Leaf, Node
from gradproof.oracles.judge import judge
from gradproof.oracles.selfcheck import self_check
from gradproof.oracles.verdict import Kind

K = 16.0


def _case(op: str, leaves: list[np.ndarray], cotangent: np.ndarray, **params: object) -> Case:
    count = len(leaves)
    node = Node(op, tuple(range(count)), params)  # type: ignore[arg-type]
    return Case(Graph(tuple(map(Leaf, leaves)), (node,), (count,)), (cotangent,))


def _tolerance(certificate: Certificate) -> np.ndarray:
    return K * np.array(certificate.bound)


def test_the_variance_of_a_constant_may_be_the_square_of_a_rounding() -> None:
    x = np.full((2, 2, 3), -0.7, dtype=np.float32)
    certificate = certify(_case("var", [x], np.zeros((), np.float32), axis=None, correction=1, keepdims=False))
    mean = np.float32(-0.7) * (1 + 2.0**-24 * x.size)  # a mean off by a rounding an entry
    assert float(certificate.value[0]) == 0.0
    assert K * certificate.value_error[0] >= (mean - x.flat[0]) ** 2


def test_the_bound_of_a_variance_away_from_constants_stays_tight() -> None:
    x = np.array([1.0, 2.0, 4.0])
    certificate = certify(_case("var", [x], np.ones(()), axis=None, correction=0, keepdims=False))
    assert K * certificate.value_error[0] < 1e-13


def test_a_cholesky_gradient_may_mix_the_roundings_of_one_matrix() -> None:
    """The level-3 formula multiplies whole matrices: an entry that is exactly zero gets the rounding of the largest."""
    a = np.array([[5.0, 1.0, -1.0], [1.0, 6.0, -2.0], [-1.0, -2.0, 6.0]])
    ct = np.zeros((3, 3))
    ct[2, 0] = -1e5
    certificate = certify(_case("linalg.cholesky", [a], ct))
    low = np.linalg.cholesky(a)
    inner = np.tril(low.T @ ct) - np.diag(np.diag(low.T @ ct)) / 2
    gradient = np.linalg.solve(low.T, np.linalg.solve(low.T, (inner + inner.T).T).T) / 2
    exact = np.array([float(g) for g in certificate.gradient])
    assert exact[1] == 0.0
    assert (np.abs(gradient.ravel() - exact) <= _tolerance(certificate)).all()
    assert _tolerance(certificate).max() < 1e-10 * np.abs(exact).max()
    assert not self_check(certificate)


def test_matrices_of_one_batch_do_not_share_a_pool() -> None:
    a = np.stack([np.diag([4.0, 9.0]), np.diag([4.0, 9.0])])
    ct = np.stack([np.diag([1e8, 1.0]), np.eye(2)])
    tolerance = _tolerance(certify(_case("linalg.cholesky", [a], ct))).reshape(2, 4)
    assert tolerance[0].min() > 1e-8
    assert tolerance[1].max() < 1e-12


def test_a_determinant_gradient_may_mix_the_roundings_of_one_matrix() -> None:
    """det times the inverse, by LU on rows of very different size: PyTorch's formula."""
    a = np.array([[0.1252839411535321, -0.9299189859728589], [0.0019117722359645345, 9.401145962647448]])
    certificate = certify(_case("linalg.det", [a], np.asarray(0.3619036531438876)))
    exact = np.array([float(g) for g in certificate.gradient])
    assert exact[1] == -a[1, 0] * 0.3619036531438876
    assert (_tolerance(certificate) >= 2.0**-53 * np.abs(exact).max()).all()
    assert _tolerance(certificate).max() < 1e-11 * np.abs(exact).max()


def test_a_determinant_whose_only_zero_pivot_comes_early_is_judged() -> None:
    certificate = certify(_case("linalg.det", [np.diag([1.0, 2.0, 0.0, 5.0])], np.ones(())))
    assert [float(g) for g in certificate.gradient] == [0.0] * 10 + [10.0] + [0.0] * 5
    assert _tolerance(certificate).max() < 1e-10


def test_the_sign_of_a_value_that_is_not_finite_has_no_verdict() -> None:
    nodes = (Node("acos", (0,)), Node("tan", (1,)), Node("sign", (2,)))
    pole = Case(Graph((Leaf(np.array(0.0)),), nodes, (3,)), (np.array(1.0),))
    assert judge(pole, NativeEngine()).kind is Kind.ILL_CONDITIONED


def test_a_square_at_the_end_of_the_range_does_not_make_the_judge_raise() -> None:
    assert judge(_case("square", [np.array(1e171)], np.array(1.0)), NativeEngine()).kind is not Kind.CRASHED


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("count", range(2, 9))
def test_shares_of_an_entry_taken_several_times_may_round(count: int, dtype: str) -> None:
    """An engine that splits a tie k ways adds k shares of 1/k, each rounded, where the exact gradient is the cotangent."""
    x, index = Leaf(np.array([0.3, -1.5, 0.7], dtype=dtype)), Leaf(np.array([1] * count), constant=True)
    nodes = (Node("take", (0, 1), {"axis": 0}), Node("min", (2,), {"axis": None, "keepdims": False}))
    for cotangent in (0.1, 0.7, 1 / 3):
        case = Case(Graph((x, index), nodes, (3,)), (np.array(cotangent, dtype=dtype),))
        assert judge(case, NativeEngine()).kind is Kind.AGREE
        tolerance = _tolerance(certify(case))
        assert (tolerance <= 2 * K * count * cotangent * np.finfo(dtype).eps).all()
        assert (tolerance[[0, 2]] == 0).all()


def test_a_tangent_of_what_overflowed_does_not_make_the_judge_raise() -> None:
    """``math.cos`` of infinity raises (float32 graph 159 of seed 7)."""
    case = Case(
        Graph((Leaf(np.array(1e200)),), (Node("square", (0,), {}), Node("tan", (1,), {})), (2,)), (np.array(1.0),)
    )
    assert judge(case, NativeEngine()).kind is Kind.RANGE


def test_a_slope_below_the_range_of_floats_still_carries_an_error_that_is_large(native: Engine) -> None:
    x = np.array([1.5691587747006983])  # tan 610, exp 1.6e265, and the slope of rsqrt there is 7e-399
    certificate = certify(chain(x, "tan", "exp", "rsqrt"))
    assert certificate.value_error[0] > 1e-13 * float(certificate.value[0])
    assert not judge(chain(x, "tan", "exp", "rsqrt"), native).kind.fails


def test_where_the_first_balls_are_wide_the_bound_is_that_of_the_narrow_ones(native: Engine) -> None:
    certificate = certify(chain([64.89915019521037], "sinh", "square", "cos"))
    assert certificate.bits > 128
    assert certificate.value_error[0] > 1
    assert not judge(chain([64.89915019521037], "sinh", "square", "cos"), native).kind.fails


def test_a_sign_may_be_computed_by_a_quotient() -> None:
    """The rule g * x / |x| of abs rounds twice, and was WRONG by one of them; a relative error of 1e-14 still is."""
    x, ct = np.random.default_rng(0).normal(size=(2, 20))
    by_quotient = ct * x / np.abs(x)
    assert (by_quotient != ct * np.sign(x)).any()
    certificate = certify(_case("abs", [x], ct))
    exact = np.array([float(g) for g in certificate.gradient])
    assert (np.abs(by_quotient - exact) <= _tolerance(certificate)).all()
    assert (np.abs(by_quotient * (1 + 1e-14) - exact) > _tolerance(certificate)).all()
