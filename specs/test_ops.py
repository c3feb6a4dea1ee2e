"""Every property, for every op of the catalogue alone, at nasty shapes and values."""

from __future__ import annotations

import pytest

from gradproof.oracles.catalogue import CATALOGUE
from gradproof.oracles.verdict import Kind
from gradproof.specs.conformance import Conformance


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", CATALOGUE)
def test_every_property_holds_for(name: str, dtype: str, conformance: Conformance) -> None:
    """For all inputs of the op's domain and all cotangents: value, gradient, and the contract of a pullback."""
    if conformance.undrawn(dtype):
        pytest.skip(conformance.undrawn(dtype))
    result = conformance.op(name, dtype)
    assert not conformance.dodged(result), conformance.dodged(result)
    if result.overall.total() == result.overall[Kind.UNSUPPORTED]:
        pytest.skip(f"UNSUPPORTED: {conformance.name} has no {name}; counted in the record")
    decided = sum(n for kind, n in result.overall.items() if kind.decided)
    assert decided, f"no case of {name} was decided: the spec proved nothing"
    failures = conformance.unexplained(result)
    assert not failures, "\n\n".join(v.report() for v in failures)
    assert not conformance.excess(result), conformance.excess(result)
