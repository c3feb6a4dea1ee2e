"""Witnesses agree with the certificate on right gradients, and each can catch a planted error."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from answering import case, chain

from gradproof.oracles import complex_step, dual, exact, finite
from gradproof.oracles.catalogue import CATALOGUE
from gradproof.oracles.certificate import Certificate, certify
from gradproof.oracles.finding import Vote
from gradproof.oracles.graph import Array, Case
from gradproof.specs import build

Witness = Callable[[Case, Array, Certificate], Vote]
WITNESSES: dict[str, Witness] = {
    "differences": finite.vote,
    "duals": dual.vote,
    "complex step": complex_step.vote,
    "exact rationals": exact.vote,
}
FEWEST = {"differences": 60, "duals": 150, "complex step": 60, "exact rationals": 40}  # cases that it must judge


def drawn(count: int, graphs: int) -> Iterator[Case]:
    rnd = random.Random(1)
    for name in sorted(CATALOGUE):
        for _ in range(count):
            yield build.single(name, rnd.randbytes(build.SINGLE_BYTES))
    for _ in range(graphs):
        yield build.graph(rnd.randbytes(build.GRAPH_BYTES), tuple(CATALOGUE))


CERTIFIED = [(c, certify(c)) for c in drawn(3, 60)]


def usable(certificate: Certificate) -> bool:
    """Judged cases with a gradient that rounding leaves alone."""
    return (
        bool(certificate.slots)
        and not certificate.kinked
        and not certificate.forward.jumps
        and certificate.largest() < 1e100
        and all(v.is_finite() for v in (*certificate.gradient, *certificate.value))
        and all(b < 1e-6 * abs(float(g)) + 1e-300 for g, b in zip(certificate.gradient, certificate.bound, strict=True))
    )


@pytest.mark.parametrize("name", WITNESSES)
def test_a_witness_never_disagrees_with_the_exact_gradient(name: str) -> None:
    votes: Counter[str] = Counter()
    for one, certificate in CERTIFIED:
        if usable(certificate):
            g = np.array([float(b) for b in certificate.gradient])
            with np.errstate(all="ignore"):
                vote = WITNESSES[name](one, g, certificate)
            votes[vote.vote] += 1
            assert vote.vote != "disagrees", vote
    assert votes["agrees"] >= FEWEST[name], votes


@pytest.mark.parametrize(("name", "error", "least"), [
    ("differences", 1e-9, 10), ("differences", 1e-3, 60), ("duals", 1e-9, 120), ("complex step", 1e-9, 50),
    ("exact rationals", 1e-9, 40),
])  # fmt: skip
def test_a_witness_catches_a_relative_error(name: str, error: float, least: int) -> None:
    caught = 0
    for one, certificate in CERTIFIED:
        if usable(certificate) and any(float(b) != 0 for b in certificate.gradient):
            g = np.array([float(b) for b in certificate.gradient]) * (1 + error)
            with np.errstate(all="ignore"):
                caught += WITNESSES[name](one, g, certificate).vote == "disagrees"
    assert caught >= least


def test_every_witness_sees_a_planted_1e_9_in_the_case_made_for_it() -> None:
    one = case("multiply", [1.5, -0.75], [0.25, 3.0], ct=[1.0, 2.0])
    certificate = certify(one)
    g = np.array([float(b) for b in certificate.gradient])
    for name, witness in WITNESSES.items():
        assert witness(one, g, certificate).vote == "agrees", name
        assert witness(one, g * (1 + 1e-9), certificate).vote == "disagrees", name


@pytest.mark.parametrize("name", WITNESSES)
def test_every_witness_abstains_on_a_kink(name: str) -> None:
    one = case("abs", [0.0])
    assert WITNESSES[name](one, np.array([0.0]), certify(one)).vote == "abstains"


def test_the_complex_step_abstains_as_soon_as_something_compares() -> None:
    one = case("nn.relu", [1.0])
    assert complex_step.vote(one, np.array([1.0]), certify(one)).vote == "abstains"


def test_exact_rationals_abstain_where_the_graph_is_not_rational() -> None:
    one = chain([0.5], "exp")
    assert exact.vote(one, np.array([np.exp(0.5)]), certify(one)).vote == "abstains"


def test_differences_trust_no_stencil_that_crosses_a_branch() -> None:
    one = case("abs", [1e-9, 1.0], ct=[1.0, 1.0])
    vote = finite.vote(one, np.array([1.0, 1.0]), certify(one))
    assert vote.vote in ("agrees", "abstains")


def test_differences_estimate_their_own_error() -> None:
    for f, slope in ((np.exp, 1.0), (np.sin, 1.0), (lambda t: t**3 + 2 * t, 2.0), (lambda t: np.tanh(5 * t), 5.0)):
        estimate = finite.derivative(lambda t, f=f: (float(f(t)), ()))
        assert abs(estimate.value - slope) <= 10 * estimate.error
        assert estimate.error < 1e-6


def test_a_gradient_of_nan_agrees_with_no_witness() -> None:
    one = case("multiply", [1.5], [0.25])
    for name, witness in WITNESSES.items():
        assert witness(one, np.array([np.nan, np.nan]), certify(one)).vote == "disagrees", name
