"""Gradients of real workloads on arrays too large for the tape of scalars."""

from __future__ import annotations

import numpy as np
import pytest

from gradproof.oracles.blame import blame
from gradproof.oracles.large.judge import judge_large
from gradproof.oracles.large.projections import Locality
from gradproof.oracles.verdict import Kind
from gradproof.specs.conformance import Conformance
from gradproof.specs.known import reason
from gradproof.specs.workloads import WORKLOADS

ENTRIES = 20_000
BUDGET_S = 2.0
PROMISE = 1e-6  # of the RMS of its block, at which any one wrong entry would have been caught, 99 times in 100


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("workload", WORKLOADS)
def test_gradients_of_large_arrays_are_right(workload: str, dtype: str, conformance: Conformance) -> None:
    """Along fresh directions the whole gradient lies within the derived bound; in float64 one wrong entry would have shown."""
    case = WORKLOADS[workload](ENTRIES, np.random.default_rng(conformance.seed), np.dtype(dtype))
    verdict = judge_large(case, conformance.subject, budget_s=BUDGET_S)
    if verdict.kind is Kind.UNSUPPORTED:
        pytest.skip(f"UNSUPPORTED: {verdict.reason}")
    assert verdict.kind.decided, verdict.report()
    if verdict.kind.fails:
        told = reason(conformance.name, blame(verdict, conformance.subject))
        assert verdict.kind.declarable, verdict.report()
        assert told, verdict.report()
        return
    promised = verdict.note["locality"]
    assert isinstance(promised, Locality)
    assert dtype != "float64" or promised.single < PROMISE, verdict.report()
