"""The frameworks' own checkers, pointed at the native engine: they pass it, see a plain fault, and not a sharp one."""

from __future__ import annotations

import numpy as np
import pytest

from gradproof.oracles.engine import Engine
from gradproof.oracles.registry import engine
from gradproof.specs.mutants import looks
from gradproof.specs.mutants.catalogue import named
from gradproof.specs.mutants.score import Budget, judged

pytest.importorskip("torch", reason="PyTorch is not installed")
pytest.importorskip("jax", reason="JAX is not installed")
TYPICAL = Budget(6, 2, inputs="typical")
NAMES = ("gradcheck", "gradcheck-fast", "check_grads")


@pytest.fixture(scope="module")
def native() -> Engine:
    return engine("native")


@pytest.mark.parametrize("name", NAMES)
def test_a_plain_fault_is_killed_and_a_sharp_one_is_not(name: str, native: Engine) -> None:
    oracle = looks.oracle(name)
    with np.errstate(all="ignore"):
        for fault in ("factor: exp: doubled", "factor: add: the second argument is negated"):
            assert judged(named(fault), native, oracle, TYPICAL).killed, fault
        sharp = judged(named("scale: matmul: times 1 + 1e-12"), native, oracle, TYPICAL)
    assert not sharp.killed
    assert not sharp.alarms


@pytest.mark.parametrize("name", NAMES)
def test_the_unmutated_engine_passes_on_typical_inputs(name: str, native: Engine) -> None:
    """So that a kill of a fault is by the fault: also for several inputs, 0-d results and arrays of size 0."""
    oracle = looks.oracle(name)
    from gradproof.specs.mutants.score import drawn

    with np.errstate(all="ignore"):
        for op in ("multiply", "sum", "linalg.solve", "concat", "nn.softmax", "linalg.cholesky"):
            stream = drawn(op, "float64", TYPICAL)
            assert all(oracle.look(next(stream), native).seen == looks.PASSES for _ in range(4)), op
        empty = next(c for c in drawn("flip", "float64", Budget()) if c.graph.primal_values[0].size == 0)
        assert oracle.look(empty, native).seen == looks.PASSES
