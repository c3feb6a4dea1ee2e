"""Cases follow from the seed alone, in every process."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

DRAW = """
import hashlib
from gradproof.oracles.catalogue import CATALOGUE
from gradproof.oracles.codec import to_json
from gradproof.specs.tasks import Task, cases

ops = tuple(CATALOGUE)
for op in (*ops, "graph"):
    drawn = cases(Task("native", op, "float64", 0, 12, 0, ops if op == "graph" else ()))
    print(op, hashlib.sha256("".join(str(to_json(case)) for _, case in drawn).encode()).hexdigest())
"""


@pytest.fixture(scope="module")
def drawn() -> list[str]:
    seeds = ("1", "2")
    runs = [
        subprocess.run(
            [sys.executable, "-c", DRAW], env={**os.environ, "PYTHONHASHSEED": s}, capture_output=True, text=True, check=True
        )
        for s in seeds
    ]
    return [run.stdout for run in runs]


def test_cases_are_the_same_whatever_the_hash_seed_of_python(drawn: list[str]) -> None:
    first, second = (dict(line.split() for line in out.splitlines()) for out in drawn)
    assert len(first) > 90
    assert {op for op in first if first[op] != second[op]} == set()
