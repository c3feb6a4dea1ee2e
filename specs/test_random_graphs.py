"""Every property, for random graphs over all the ops that the subject has."""

from __future__ import annotations

import pytest

from gradproof.oracles.catalogue import CATALOGUE
from gradproof.oracles.verdict import Kind
from gradproof.specs.conformance import BATCHES, Conformance


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("batch", range(BATCHES))
def test_every_property_holds_on_random_graphs(batch: int, dtype: str, conformance: Conformance) -> None:
    """For all graphs, inputs and cotangents: value, gradient, and the contract of a pullback."""
    if conformance.undrawn(dtype):
        pytest.skip(conformance.undrawn(dtype))
    result = conformance.graphs(batch, dtype, tuple(CATALOGUE))
    assert not conformance.dodged(result), conformance.dodged(result)
    if result.overall.total() == result.overall[Kind.UNSUPPORTED]:
        pytest.skip(f"UNSUPPORTED: {conformance.name} does not declare {dtype}; counted in the record")
    decided = sum(n for kind, n in result.overall.items() if kind.decided)
    assert decided, "no graph was decided: the spec proved nothing"
    failures = conformance.unexplained(result)
    assert not failures, "\n\n".join(v.report() for v in failures)
    assert not conformance.excess(result), conformance.excess(result)
