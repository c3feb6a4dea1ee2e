"""Inputs that true defects of PyTorch and JAX were found on, and that the generator must go on drawing."""

from __future__ import annotations

import random

import numpy as np
import pytest

from gradproof.oracles.graph import Array
from gradproof.specs import build


def _leaves(op: str, dtype: str, count: int = 200) -> list[Array]:
    rnd = random.Random(0)
    cases = [build.single(op, rnd.randbytes(build.SINGLE_BYTES), dtype) for _ in range(count)]
    return [case.graph.leaves[-1].data for case in cases if case.graph.leaves[-1].data.size]


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("op", ["divide", "hypot", "atan2"])
def test_squares_leave_the_range(op: str, dtype: str) -> None:
    info = np.finfo(dtype)
    sizes = [np.abs(data[data != 0]).astype(float) for data in _leaves(op, dtype)]
    assert any(size.size and size.max() > np.sqrt(float(info.max)) for size in sizes)
    assert any(size.size and size.min() < np.sqrt(float(info.tiny)) for size in sizes)
    assert all(np.isfinite(size).all() for size in sizes)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("op", ["asinh", "acosh"])
def test_squares_overflow(op: str, dtype: str) -> None:
    assert any(np.abs(data).max() > np.sqrt(float(np.finfo(dtype).max)) for data in _leaves(op, dtype))


def test_some_determinants_are_exactly_zero() -> None:
    exact = [m for data in _leaves("linalg.det", "float64") for m in data.reshape(-1, *data.shape[-2:])]
    doubled = [m for m in exact if len(m) > 1 and (m[-1] == 2 * m[0]).all()]
    assert {len(m) for m in doubled} >= {2, 3, 5}


def test_a_graph_always_has_an_output() -> None:
    from gradproof.oracles.catalogue import CATALOGUE
    from gradproof.specs.tasks import Task, cases

    for dtype in ("float64", "float32"):
        assert all(case.graph.outputs for _, case in cases(Task("native", "graph", dtype, 1000, 500, 6001, tuple(CATALOGUE))))
