"""An engine of one's own in a CI, as the README says."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent


def test_the_conformance_run_of_an_engine_of_float64_alone_passes_and_counts_what_it_has_not() -> None:
    command = [sys.executable, "-m", "pytest", "--pyargs", "gradproof.specs", "-q", "-rs", "-p", "no:cacheprovider",
               "--gradproof-engine", "my_engine:Engine", "--gradproof-references", "", "-k", "graphs and 0 or sin-"]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, cwd=HERE, check=False)
    assert done.returncode == 0, done.stdout
    assert "UNSUPPORTED: my_engine:Engine does not declare float32; counted in the record" in done.stdout
