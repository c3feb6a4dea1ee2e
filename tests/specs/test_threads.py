"""Workers are started with one thread a library."""

from __future__ import annotations

import os

import pytest

from gradproof.specs import threads
from gradproof.specs.worker import apart

ENVIRONMENT = "dict(__import__('os').environ)"  # a worker imports no test


def test_a_worker_has_one_thread_a_library_unless_the_user_said_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in threads.NAMES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    environment = apart("native", eval, ENVIRONMENT)
    assert {name: environment.get(name) for name in threads.NAMES} == {**dict.fromkeys(threads.NAMES, "1"), "OMP_NUM_THREADS": "3"}
    assert "MKL_NUM_THREADS" not in os.environ  # here nothing is changed
