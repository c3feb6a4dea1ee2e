"""Lengths and deviations of one entry: the first may round, the second is 0 and smooth."""

from __future__ import annotations

import numpy as np

from gradproof.oracles.certificate import Certificate, certify
from gradproof.oracles.graph import Case, Graph, Leaf, Node


def _certified(op: str, x: np.ndarray, cotangent: np.ndarray, **params: object) -> Certificate:
    return certify(Case(Graph((Leaf(x),), (Node(op, (0,), params),), (1,)), (cotangent,)))  # type: ignore[arg-type]


def test_the_length_of_one_entry_may_round() -> None:
    certificate = _certified("linalg.vector_norm", np.array([[-0.3], [5.0]]), np.ones(2), axis=1, keepdims=False, ord=2)
    assert [float(g) for g in certificate.gradient] == [-1.0, 1.0]
    assert min(certificate.bound) >= 2.0**-53
    assert not certificate.kinked


def test_the_length_of_one_zero_is_a_singular_point() -> None:
    certificate = _certified("linalg.vector_norm", np.zeros(1), np.ones(()), axis=0, keepdims=False, ord=2)
    assert certificate.singular


def test_the_deviation_of_one_entry_has_gradient_zero_and_no_kink() -> None:
    certificate = _certified("std", np.array([590.1]), np.ones(()), axis=None, correction=0, keepdims=False)
    assert not certificate.kinked
    assert [float(g) for g in certificate.gradient] == [0.0]
