"""Factorisations: the bound holds whatever backward-stable algorithm an engine uses, and whatever the condition."""

from __future__ import annotations

import numpy as np
import pytest
from answering import case
from flint import arb, arb_mat, ctx

from gradproof.oracles.adapters.native import NativeEngine
from gradproof.oracles.catalogue.elimination import backward_cholesky, backward_lu
from gradproof.oracles.certificate import certify
from gradproof.oracles.graph import Array
from gradproof.oracles.judge import judge
from gradproof.oracles.verdict import Kind

U = 2.0**-53


def spread(rng: np.random.Generator, n: int, condition: float) -> Array:
    """A matrix of this condition, with rows or columns of different size now and then."""
    left, right = (np.linalg.qr(rng.standard_normal((n, n)))[0] for _ in range(2))
    matrix = left @ np.diag(np.geomspace(1.0, 1 / condition, n)) @ right if n > 1 else left
    kind = rng.integers(3)
    scale = 10.0 ** rng.uniform(-2, 2, (n, 1) if kind == 1 else (1, n))
    return np.asarray(matrix * scale if kind else matrix)


def positive(rng: np.random.Generator, n: int, condition: float) -> Array:
    turn = np.linalg.qr(rng.standard_normal((n, n)))[0]
    matrix = turn @ np.diag(np.geomspace(1.0, 1 / condition, n)) @ turn.T
    return np.asarray((matrix + matrix.T) / 2)


def exactly(a: Array, e: Array) -> arb_mat:
    """A + u E, exactly."""
    return arb_mat(a.tolist()) + arb_mat(e.tolist()) * arb(U)


def moved(rng: np.random.Generator, most: Array) -> Array:
    """A backward error of the size allowed: random signs, at the limit or anywhere below it."""
    signs = rng.choice([-1.0, 1.0], most.shape)
    return np.asarray(most * signs * (rng.uniform(0, 1, most.shape) if rng.random() < 0.5 else 1.0))


def factor(a: arb_mat) -> list[arb]:
    """The Cholesky factor, row by row."""
    n = a.nrows()
    low = [[arb(0)] * n for _ in range(n)]
    for j in range(n):
        for k in range(j + 1):
            rest = a[j, k] - sum((low[j][m] * low[k][m] for m in range(k)), arb(0))
            low[j][k] = rest.sqrt() if j == k else rest / low[k][k]
    return [x for row in low for x in row]


def near(found: list[arb], exact: list[arb], bound: list[float]) -> bool:
    """Within the bound, to first order."""
    return all(abs(a - b) <= arb(1.001 * e) for a, b, e in zip(found, exact, bound, strict=True))


@pytest.mark.parametrize("n", [1, 2, 3, 5, 9])
def test_solving_a_matrix_that_is_off_by_the_backward_error_of_lu_stays_within_the_bound(n: int) -> None:
    """Values, and gradients with one backward error in the solve and another in the solve with the transpose."""
    rng = np.random.default_rng(n)
    for trial in range(12):
        a = np.eye(n)[rng.permutation(n)] if trial == 0 else spread(rng, n, 10.0 ** rng.uniform(0, 6))
        b, ct = rng.standard_normal((n, 1)), rng.standard_normal((n, 1))
        certificate = certify(case("linalg.solve", a, b, ct=ct))
        before, ctx.prec = ctx.prec, 300
        try:
            most = backward_lu(a)
            x = exactly(a, moved(rng, most)).solve(arb_mat(b.tolist()))
            assert near(x.entries(), certificate.value, certificate.value_error)
            y = exactly(a, moved(rng, most)).transpose().solve(arb_mat(ct.tolist()))
            gradient = [-y[i, 0] * x[j, 0] for i in range(n) for j in range(n)] + y.entries()
            assert near(gradient, certificate.gradient, [2 * e for e in certificate.bound])
        finally:
            ctx.prec = before


@pytest.mark.parametrize("n", [1, 2, 3, 5, 9])
def test_a_determinant_off_by_the_backward_error_of_lu_stays_within_the_bound(n: int) -> None:
    rng = np.random.default_rng(10 + n)
    for _ in range(12):
        a = spread(rng, n, 10.0 ** rng.uniform(0, 6))
        certificate = certify(case("linalg.det", a))
        before, ctx.prec = ctx.prec, 300
        try:
            off = exactly(a, moved(rng, backward_lu(a)))
            assert near([off.det()], certificate.value, certificate.value_error)
            cofactors = (off.inv().transpose() * off.det()).entries()
            assert near(cofactors, certificate.gradient, certificate.bound)
        finally:
            ctx.prec = before


@pytest.mark.parametrize("n", [1, 2, 3, 5, 9])
def test_a_factor_off_by_the_backward_error_of_cholesky_stays_within_the_bound(n: int) -> None:
    rng = np.random.default_rng(20 + n)
    for _ in range(12):
        a = positive(rng, n, 10.0 ** rng.uniform(0, 6))
        certificate = certify(case("linalg.cholesky", a))
        before, ctx.prec = ctx.prec, 300
        try:
            e = moved(rng, backward_cholesky(a))
            low = factor(exactly(a, (e + e.T) / 2))
            assert near(low, certificate.value, certificate.value_error)
        finally:
            ctx.prec = before


@pytest.mark.parametrize("op", ["linalg.solve", "linalg.inv", "linalg.det", "linalg.cholesky"])
def test_the_native_engine_is_never_wrong_up_to_a_condition_of_1e12(op: str) -> None:
    rng = np.random.default_rng(3)
    for _ in range(40):
        n, condition = int(rng.integers(1, 9)), 10.0 ** rng.uniform(0, 12)
        a = positive(rng, n, condition) if op == "linalg.cholesky" else spread(rng, n, condition)
        operands = (a, rng.standard_normal((n, 2))) if op == "linalg.solve" else (a,)
        ct = rng.standard_normal(() if op == "linalg.det" else operands[-1].shape)
        verdict = judge(case(op, *operands, ct=ct), NativeEngine())
        assert verdict.kind in (Kind.AGREE, Kind.ILL_CONDITIONED), verdict.report()
        assert verdict.units <= 1.0
