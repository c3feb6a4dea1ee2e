"""Witnesses: oracles and engines of other lineages that vote on an engine's gradient. They never decide."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from gradproof.oracles import complex_step, dual, exact, finite
from gradproof.oracles.certificate import Certificate, certify
from gradproof.oracles.engine import Engine
from gradproof.oracles.finding import Finding, Verdict, Vote
from gradproof.oracles.graph import Array, Case
from gradproof.oracles.judge import K
from gradproof.oracles.large.linearised import is_large
from gradproof.oracles.selfcheck import self_check
from gradproof.oracles.trial import Trial
from gradproof.oracles.verdict import Kind
from gradproof.specs.limits import tried

WITNESSES = (
    ("differences", finite.LINEAGE, finite.vote),
    ("duals", dual.LINEAGE, dual.vote),
    ("complex step", complex_step.LINEAGE, complex_step.vote),
    ("exact rationals", exact.LINEAGE, exact.vote),
)


VOTED_ON = frozenset({Kind.AGREE, Kind.SUBGRADIENT, Kind.LOSSY, Kind.NAN_UNTAKEN, Kind.WRONG})


def votable(verdict: Verdict) -> bool:
    """Whether a verdict is the judge's decision on a gradient, which is what a witness can be for or against."""
    decided = any(f.property == "gradient" and f.kind in VOTED_ON for f in verdict.findings)
    return decided and all(f.property == "gradient" for f in verdict.findings if f.kind.fails)


def witnessed(
    verdict: Verdict,
    engine: Engine,
    references: Sequence[Engine],
    trial: Trial | None = None,
    certificate: Certificate | None = None,
) -> Verdict:
    """The verdict with the votes of every witness on the engine's gradient, after the judge's own self-check.

    There are none where the judge decided nothing of the gradient, or something else is what failed.
    ``trial`` and ``certificate`` of the same case and engine, if they are at hand, are not made again.
    """
    if certificate is None and is_large(verdict.case):
        return verdict  # a witness needs a certificate
    certificate = certificate or certify(verdict.case)
    broken = self_check(certificate)
    if broken:
        finding = Finding("gradient", Kind.ORACLE, broken)
        return replace(verdict, kind=Kind.ORACLE, findings=(finding,))
    if not votable(verdict):
        return verdict
    trial = trial or tried(engine, verdict.case)
    if not trial.first:
        return verdict
    g = np.concatenate([np.ravel(a) for a in trial.first]).astype(float)
    if g.size != len(certificate.slots):
        return verdict
    votes = [vote(verdict.case, g, certificate) for _, _, vote in WITNESSES]
    votes += [_framework(reference, verdict.case, g, certificate) for reference in references]
    return replace(verdict, votes=tuple(votes))


def _framework(reference: Engine, case: Case, g: Array, certificate: Certificate) -> Vote:
    """Another engine's gradient as a witness: within both bounds of the subject's?"""
    trial = tried(reference, case)
    if trial.crash is not None or trial.unsupported:
        return Vote(reference.name, reference.lineage, "abstains", trial.unsupported or f"raised {trial.crash}")
    if certificate.kinked:
        return Vote(reference.name, reference.lineage, "abstains", "on a kink conventions differ")
    theirs = np.concatenate([np.ravel(a) for a in trial.first]).astype(float)
    if theirs.shape != g.shape:
        return Vote(reference.name, reference.lineage, "abstains", "its gradients have other shapes")
    return dual.compare(reference.name, reference.lineage, g, theirs, 2 * K * np.array(certificate.bound))
