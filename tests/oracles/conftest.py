"""Fixtures of the oracle tests; makes ``tests/planting.py`` importable under importlib mode."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from gradproof.oracles.engine import Engine
from gradproof.oracles.registry import engine

HERE = str(Path(__file__).parent)
TESTS = str(Path(__file__).parent.parent)
sys.path.extend(folder for folder in (HERE, TESTS) if folder not in sys.path)


@pytest.fixture(scope="session")
def native() -> Engine:
    """The native engine as a guest."""
    return engine("native")
