"""Decompositions where the judge does not draw: repeated, clustered and singular, and what is refused there."""

from __future__ import annotations

import numpy as np
import pytest

import gradproof.engine as ge
from gradproof.engine.errors import NoGradient, ShapeError

Q = np.linalg.qr(np.random.default_rng(0).normal(size=(4, 4)))[0]
REPEATED = Q @ np.diag([1.0, 1.0, 3.0, 3.0]) @ Q.T
C = np.random.default_rng(1).normal(size=(4, 4))


def close(got: object, expected: object, off: float = 1e-12) -> None:
    np.testing.assert_allclose(np.asarray(got.numpy() if hasattr(got, "numpy") else got), expected, atol=off, rtol=0)


# ---- repeated eigenvalues


def test_the_sum_of_repeated_eigenvalues_has_the_gradient_of_the_trace() -> None:
    close(ge.grad(lambda x: ge.sum(ge.linalg.eigvalsh(x)))(REPEATED), np.eye(4))


def test_a_symmetric_function_of_repeated_eigenvalues_has_its_gradient() -> None:
    close(ge.grad(lambda x: ge.sum(ge.linalg.eigvalsh(x) * ge.linalg.eigvalsh(x)))(REPEATED), 2 * REPEATED)


def test_the_projection_onto_a_repeated_eigenspace_has_a_gradient() -> None:
    def onto_first_two(x: ge.Array) -> ge.Array:
        v = ge.linalg.eigh(x).eigenvectors[:, :2]
        return ge.sum(ge.matmul(v, v.mT) * C)

    p = Q[:, :2] @ Q[:, :2].T
    sym = (C + C.T) / 2
    expected = -0.5 * (p @ sym @ (np.eye(4) - p) + (np.eye(4) - p) @ sym @ p)  # dP = sum of p dA q / (1 - 3), both ways
    close(ge.grad(onto_first_two)(REPEATED), expected)


def test_eigenvectors_of_a_repeated_eigenvalue_are_refused() -> None:
    with pytest.raises(NoGradient, match="two eigenvalues are equal to rounding"):
        ge.grad(lambda x: ge.linalg.eigh(x).eigenvectors[0, 0])(REPEATED)


def test_a_function_of_a_matrix_spelled_by_repeated_eigenvalues_is_refused_and_not_wrong() -> None:
    def exponential(x: ge.Array) -> ge.Array:
        w, v = ge.linalg.eigh(x)
        return ge.sum(ge.matmul(v * ge.exp(w), v.mT) * C)

    with pytest.raises(NoGradient, match="use the function itself"):
        ge.grad(exponential)(REPEATED)
    simple = REPEATED + 0.3 * np.diag([0.0, 1.0, 2.0, 5.0])
    close(ge.grad(exponential)(simple), ge.grad(lambda x: ge.sum(ge.linalg.expm((x + x.mT) / 2.0) * C))(simple), 1e-10)


def test_the_largest_of_repeated_eigenvalues_has_a_subgradient() -> None:
    g = ge.grad(lambda x: ge.linalg.eigvalsh(x)[-1])(REPEATED).numpy()
    assert np.trace(g) == pytest.approx(1.0)  # v v' with a unit v of the space of 3
    close(Q[:, :2].T @ g, np.zeros((2, 4)))


@pytest.mark.parametrize("gap", [1e-3, 1e-6, 1e-9])
def test_clustered_eigenvalues_keep_the_digits_that_the_gap_leaves(gap: float) -> None:
    x = np.array([[1.0, 0.0], [0.0, 1.0 + gap]])
    g = ge.grad(lambda x: ge.linalg.eigh(x).eigenvectors[1, 0])(x).numpy()
    assert g[0, 1] == pytest.approx(-0.5 / gap, rel=1e-15 / gap * 10)


# ---- repeated and zero singular values


def test_the_nuclear_norm_at_repeated_singular_values_has_the_polar_factor_as_gradient() -> None:
    x = 2.0 * Q
    close(ge.grad(lambda x: ge.linalg.matrix_norm(x, "nuc"))(x), Q)


def test_the_polar_factor_at_repeated_singular_values_has_a_gradient() -> None:
    def polar(x: ge.Array) -> ge.Array:
        u, _, vh = ge.linalg.svd(x)
        return ge.sum(ge.matmul(u, vh) * C)

    skew = (Q.T @ C - C.T @ Q) / 2  # of U V' at 2 Q: the change of Q'dX that is skew, over 2 + 2, twice
    close(ge.grad(polar)(2.0 * Q), Q @ skew / 2.0)


def test_singular_vectors_of_repeated_singular_values_are_refused() -> None:
    with pytest.raises(NoGradient, match="two singular values are equal to rounding"):
        ge.grad(lambda x: ge.linalg.svd(x).U[0, 0])(2.0 * Q)


def test_left_vectors_beyond_the_rank_are_refused() -> None:
    with pytest.raises(NoGradient, match="or one is 0"):
        ge.grad(lambda x: ge.linalg.svd(x).U[2, 1])(np.array([[1.0, 0.0], [0.0, 0.0], [0.0, 0.0]]))


def test_singular_values_at_zero_have_a_subgradient() -> None:
    g = ge.grad(lambda x: ge.sum(ge.linalg.svdvals(x)))(np.array([[3.0, 0.0], [0.0, 0.0]])).numpy()
    assert g[0, 0] == pytest.approx(1.0)
    assert abs(g[1, 1]) <= 1.0


# ---- singular matrices


def test_slogdet_of_a_singular_matrix_is_minus_infinity_and_has_no_gradient() -> None:
    singular = np.array([[1.0, 2.0], [2.0, 4.0]])
    assert ge.linalg.slogdet(singular).logabsdet.item() == -np.inf
    with pytest.raises(NoGradient, match="Use det"):
        ge.grad(lambda x: ge.linalg.slogdet(x).logabsdet)(singular)
    close(ge.grad(ge.linalg.det)(singular), [[4.0, -2.0], [-2.0, 1.0]])


def test_slogdet_gives_the_sign_as_a_constant() -> None:
    sign, logabsdet = ge.linalg.slogdet(ge.variable([[0.0, 2.0], [3.0, 0.0]]))
    assert sign.node is None
    assert sign.item() == -1.0
    assert logabsdet.item() == pytest.approx(np.log(6.0))


def test_qr_of_dependent_columns_is_refused() -> None:
    with pytest.raises(NoGradient, match="linearly dependent"):
        ge.grad(lambda x: ge.linalg.qr(x).Q[0, 0])(np.array([[1.0, 0.0], [2.0, 0.0]]))


def test_the_pseudo_inverse_at_constant_rank_has_the_gradient_along_it() -> None:
    def of_factors(a: ge.Array, b: ge.Array) -> ge.Array:
        return ge.sum(ge.linalg.pinv(ge.matmul(a, b)) * C[:3, :4])

    rng = np.random.default_rng(2)
    a, b, da, db = (rng.normal(size=s) for s in ((4, 2), (2, 3), (4, 2), (2, 3)))  # a b has rank 2 wherever a and b go
    by_a, by_b = ge.grad(of_factors, (0, 1))(a, b)
    step = 1e-5
    moved = [of_factors(a + s * da, b + s * db).item() for s in (step, -step)]
    assert np.sum(by_a.numpy() * da) + np.sum(by_b.numpy() * db) == pytest.approx((moved[0] - moved[1]) / (2 * step), rel=1e-7)


# ---- what they are


def test_results_are_named_and_their_signs_are_fixed() -> None:
    x = np.random.default_rng(3).normal(size=(2, 4, 3))
    u, s, vh = ge.linalg.svd(x)
    close(ge.matmul(u * s[:, None, :], vh), x)
    weights = np.exp(-np.arange(4) / 3)
    assert (np.einsum("i,bij->bj", weights, u.numpy()) > 0).all()
    q, r = ge.linalg.qr(-x)
    close(ge.matmul(q, r), -x)
    assert (np.diagonal(r.numpy(), axis1=-2, axis2=-1) > 0).all()
    w, v = ge.linalg.eigh(REPEATED)
    close(ge.matmul(v * w, v.mT), REPEATED)


def test_the_exponential_pulls_back_a_large_cotangent_as_it_does_a_small_one() -> None:
    _, pullback = ge.vjp(ge.linalg.expm, C)
    (small,), (large,) = pullback(C), pullback(2.0**60 * C)
    assert (large.numpy() == 2.0**60 * small.numpy()).all()


def test_triangular_solve_never_reads_the_other_triangle() -> None:
    x, y = np.array([[2.0, np.nan], [1.0, 4.0]]), np.array([[2.0], [5.0]])
    close(ge.linalg.triangular_solve(x, y, lower=True), [[1.0], [1.0]])
    assert ge.grad(lambda x: ge.sum(ge.linalg.triangular_solve(x, y, lower=True)))(x).numpy()[0, 1] == 0.0


@pytest.mark.parametrize("call", [ge.linalg.eigh, ge.linalg.slogdet, ge.linalg.expm, lambda x: ge.linalg.matrix_power(x, 2)])
def test_a_matrix_that_is_not_square_is_named(call: object) -> None:
    with pytest.raises(ShapeError, match=r"\(2, 3\).*square"):
        call(np.ones((2, 3)))  # type: ignore[operator]


def test_empty_matrices_have_empty_results() -> None:
    assert ge.grad(lambda x: ge.sum(ge.linalg.eigvalsh(x)))(np.zeros((0, 0))).shape == (0, 0)
    assert ge.grad(lambda x: ge.sum(ge.linalg.svdvals(x)))(np.zeros((0, 3))).shape == (0, 3)
