"""What the judge does not compute again would have come out the same: on drawn cases, for right and for bent gradients."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest
from answering import Bent, case

from gradproof.oracles import kinks
from gradproof.oracles.ball import arb
from gradproof.oracles.catalogue import CATALOGUE
from gradproof.oracles.certificate import Certificate, certify
from gradproof.oracles.engine import Engine
from gradproof.oracles.graph import Case
from gradproof.oracles.judge import judge, weigh
from gradproof.oracles.trial import Trial, run
from gradproof.specs.mutants.catalogue import MUTANTS
from gradproof.specs.tasks import GRAPH, Task, cases

OPS = tuple(CATALOGUE)
KINKED = ("abs", "maximum", "max", "nn.relu", "clip", "sort", "nn.max_pool1d", "median", "hypot", "linalg.vector_norm")


def drawn() -> Iterator[Case]:
    for dtype in ("float64", "float32"):
        yield from (one for _, one in cases(Task("native", GRAPH, dtype, 0, 40, 11, OPS)))
        for name in KINKED:
            yield from (one for _, one in cases(Task("native", name, dtype, 0, 6, 11)))


@cache
def certified() -> tuple[tuple[Case, Certificate], ...]:
    return tuple((case, certify(case)) for case in drawn())


def said(trial: Trial, certificate: Certificate) -> Any:
    verdict = weigh(trial, certificate)
    return verdict.kind, [(f.property, f.kind, f.units, f.entries, f.undecided) for f in verdict.findings]


def bent(trial: Trial, factor: float) -> Trial:
    """The trial with another gradient, as linear in the cotangent as before."""
    kind = trial.case.graph.dtype.type
    return replace(trial, **{name: [np.asarray(a * kind(factor)) for a in getattr(trial, name)] for name in ("first", "kept", "scaled")})


@pytest.mark.parametrize("factor", [1.0, 0.5, 1 + 1e-6])
def test_a_doubled_gradient_weighed_again_gets_the_same_finding(native: Engine, factor: float) -> None:
    seen = 0
    with np.errstate(all="ignore"):
        for case, certificate in certified():
            trial = bent(run(native, case), factor)
            if trial.doubled:
                seen += 1
                long = replace(trial, doubled=False, again=[*trial.first, trial.spare * 0])
                assert said(trial, certificate) == said(long, certificate)
    assert seen > 150


def test_a_sweep_that_is_kept_is_that_of_a_fresh_certificate() -> None:
    kinked = 0
    for _, certificate in certified():
        fresh = replace(certificate, swept={})
        for now, then in ((certificate.sweep()[:2], fresh.sweep()[:2]), (certificate.enclosure(), fresh.enclosure())):
            assert [str(a) for a in now[0]] == [str(a) for a in then[0]]
            assert now[1] == then[1]
        kinked += certificate.kinked
    assert kinked > 20


@pytest.mark.parametrize("share", [0.0, 0.25, 0.5, 1.0])
def test_one_choice_of_weights_lies_in_the_hull_and_keeps_the_mass(share: float) -> None:
    seen = 0
    for _, certificate in certified():
        if not certificate.ties or certificate.singular:
            continue
        balls, _, _ = certificate.sweep(dict.fromkeys(certificate.ties, arb(share)))
        g, tolerance = np.array([float(b) for b in balls]), 16 * np.array(certificate.enclosure()[1])
        if not (np.isfinite(g).all() and np.isfinite(tolerance).all()):
            continue
        seen += 1
        assert kinks.is_choice(certificate, g, tolerance, balls)
        assert kinks.in_hull(certificate, g, tolerance)
        assert kinks.keeps_mass(certificate, g, tolerance)
    assert seen > 20


def test_planted_faults_of_state_are_seen_in_every_case_that_meets_them(native: Engine) -> None:
    """A residual that another evaluation overwrites: there is such an evaluation in every trial, and not in some."""
    shared = next(m for m in MUTANTS if m.wrong == "residuals of one shape share a buffer")
    met = [case for _, case in cases(Task("native", shared.ops[0], "float64", 0, 30, 11)) if max(a.size for a in case.graph.primal_values) > 1]
    with np.errstate(all="ignore"):
        for case in met:
            certificate = certify(case)
            with shared.plant():
                planted = run(native, case)
            right = run(native, case)
            if weigh(right, certificate).units and any((a != 0).any() for a in right.first):
                assert weigh(planted, certificate).kind is not weigh(right, certificate).kind, case


@pytest.mark.parametrize("wrong", [lambda call: call % 2 == 0, lambda call: call >= 3], ids=["every second", "from the third on"])
def test_a_call_of_a_pullback_that_is_wrong_by_its_number_is_seen_in_some_of_few_cases(wrong: Callable[[int], bool]) -> None:
    """Zeros show no factor, so that the order they are asked in decides which call is looked at."""
    points = np.random.default_rng(0).standard_normal((24, 3))
    seen = [judge(case("sin", x), Bent(gradients=lambda g, ct, call: [a * (2 if wrong(call) else 1) for a in g])).kind.fails for x in points]
    assert 4 <= sum(seen) <= 20
