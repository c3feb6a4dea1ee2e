"""Decompositions on the judge's scalars: to 40 digits, with gradients that fresh decompositions beside the point confirm."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from gradproof.oracles.ball import PRECISION, arb, precision
from gradproof.oracles.certificate import certify, record
from gradproof.oracles.graph import Case, Graph, Leaf, Node
from gradproof.oracles.registry import engine
from gradproof.oracles.verdict import Kind
from gradproof.specs.limits import verdict_of

RNG = np.random.default_rng(4)
SQUARE = np.round(RNG.normal(size=(3, 3)) * 64) / 64  # so that x + h d is exact
SYMMETRIC = SQUARE + SQUARE.T
TALL = np.round(RNG.normal(size=(4, 3)) * 64) / 64


def one(op: str, *operands: Any, ct: Any = None, note: Any = None, **params: Any) -> Case:
    leaves = tuple(Leaf(np.asarray(x, float)) for x in operands)
    graph = Graph(leaves, (Node(op, tuple(range(len(leaves))), params),), (len(leaves),))
    shape = record(graph).values[-1].shape
    seed = np.random.default_rng(5).normal(size=shape) if ct is None else np.asarray(ct, float)
    return Case(graph, (seed,), note or {})


def values(op: str, *operands: Any, **params: Any) -> Any:
    with precision(PRECISION):
        found = record(one(op, *operands, **params).graph).values[-1]
    out = np.empty(found.shape, dtype=object)
    out.reshape(-1)[:] = [scalar.value for scalar in found.flat]
    return out


def largest(x: Any) -> float:
    return max(float(abs(v)) for v in np.ravel(x))


def test_eigenvectors_solve_their_equation_to_thirty_digits() -> None:
    with precision(PRECISION):
        w = values("linalg.eigh", SYMMETRIC, result="eigenvalues")
        v = values("linalg.eigh", SYMMETRIC, result="eigenvectors")
        a = np.array([[arb(x) for x in row] for row in SYMMETRIC], dtype=object)
        assert largest(a @ v - v * w) < 1e-30
        assert largest(v.T @ v - np.eye(3, dtype=int)) < 1e-30


@pytest.mark.parametrize("x", [TALL, TALL.T, SQUARE])
def test_singular_vectors_make_up_the_matrix_to_thirty_digits(x: Any) -> None:
    with precision(PRECISION):
        u, s, vh = (values("linalg.svd", x, result=r) for r in ("U", "S", "Vh"))
        a = np.array([[arb(v) for v in row] for row in x], dtype=object)
        assert largest((u * s) @ vh - a) < 1e-30
        assert largest(u.T @ u - np.eye(u.shape[1], dtype=int)) < 1e-30


CASES = [
    ("linalg.eigh", (SYMMETRIC,), {"result": "eigenvectors"}),
    ("linalg.eigvalsh", (SYMMETRIC,), {}),
    ("linalg.svd", (TALL,), {"result": "U"}),
    ("linalg.svd", (TALL.T,), {"result": "Vh"}),
    ("linalg.svdvals", (SQUARE,), {}),
    ("linalg.qr", (TALL.T,), {"result": "R"}),
    ("linalg.qr", (TALL,), {"result": "Q"}),
    ("linalg.pinv", (TALL,), {}),
    ("linalg.lstsq", (TALL, TALL[:, :2]), {}),
    ("linalg.expm", (SQUARE,), {}),
    ("linalg.slogdet", (SQUARE,), {"result": "logabsdet"}),
    ("linalg.matrix_norm", (TALL,), {"ord": "nuc", "keepdims": False}),
]


@pytest.mark.parametrize(("op", "operands", "params"), CASES)
def test_a_gradient_is_that_of_fresh_decompositions_beside_the_point(op: str, operands: Any, params: Any) -> None:
    """Each with a frame of its own, so that an error of the expansion in a fixed frame would show."""
    case = one(op, *operands, **params)
    certificate = certify(case)
    h, steps = 2.0**-26, [np.round(np.random.default_rng(6).normal(size=x.shape) * 16) / 16 for x in operands]
    with precision(PRECISION):
        up, down = (values(op, *(x + s * h * d for x, d in zip(operands, steps, strict=True)), **params) for s in (1, -1))
        change = sum(arb(c) * d for c, d in zip(case.cotangents[0].ravel(), np.ravel(up - down), strict=True)) / (2 * arb(h))
        along = np.concatenate([d.ravel() for d in steps])
        claimed = sum((g * arb(d) for g, d in zip(certificate.gradient, along, strict=True)), arb(0))
        assert float(abs(change - claimed)) < 1e-11


def test_the_second_tangent_of_a_factor_is_known_as_well_as_the_worst_of_its_entries() -> None:
    """Closed formulas multiply by the inverse of the factor: an entry that is exactly 0 comes out as a rounding of the others."""
    a = [[6.57, 3.48, 2.56, 0.34, -1.31], [3.48, 4.89, 2.48, -1.67, -0.68], [2.56, 2.48, 5.94, -0.67, -2.18],
         [0.34, -1.67, -0.67, 4.65, 0.01], [-1.31, -0.68, -2.18, 0.01, 2.42]]  # fmt: skip
    v, w = np.zeros((5, 5)), np.zeros((5, 5))
    v[0, 1] = v[1, 0] = 0.56
    v[1, 1], v[2, 2], v[2, 3], v[3, 2], v[4, 4] = 0.096, 1.62, 0.805, 0.805, 2.16
    w[1, 4] = w[4, 1] = -0.493
    w[2, 2], w[2, 3], w[3, 2], w[3, 3] = 0.1475, 0.0754, 0.0754, 0.2468
    tangents = [[[float(x).hex() for x in d.ravel()]] for d in (v, w)]
    case = one("linalg.cholesky", a, note={"tangents": tangents})
    verdict = verdict_of(case, engine("native"), modes=("forward over forward",))
    assert verdict.kind is Kind.AGREE, verdict.report()
