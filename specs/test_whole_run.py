"""The gate, last by its name: a whole run has drawn and compared something in every cell, and every spec file had tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from gradproof.oracles.catalogue import CATALOGUE
from gradproof.specs.conformance import Conformance
from gradproof.specs.gate import empty_cells, idle_properties

DTYPES = ("float64", "float32")


def whole(request: pytest.FixtureRequest) -> bool:
    """Whether every test of the suite was collected, and is run in this process."""
    if hasattr(request.config, "workerinput"):  # a worker of pytest-xdist sees a part
        return False
    wanted = {f"test_every_property_holds_for[{name}-{dtype}]" for name in CATALOGUE for dtype in DTYPES}
    return wanted <= {item.name for item in request.session.items}


def test_no_cell_of_the_run_is_empty(request: pytest.FixtureRequest, conformance: Conformance) -> None:
    """For every op that the subject has, every property and dtype: some case was drawn and compared."""
    if not whole(request):
        pytest.skip("only a part of the suite is run here: what it did not draw is no hole")
    results = conformance.results
    assert not idle_properties(results), "these properties compared nothing, so they showed nothing"
    cells = empty_cells(results, tuple(CATALOGUE), conformance.dtypes)
    assert not cells, "\n".join(map(str, cells))


def test_every_spec_file_has_tests(request: pytest.FixtureRequest) -> None:
    """A spec file that collects nothing claims nothing."""
    if not whole(request):
        pytest.skip("only a part of the suite is run here")
    here = Path(__file__).parent
    collected = {Path(item.path).name for item in request.session.items}
    assert {path.name for path in here.glob("test_*.py")} <= collected
