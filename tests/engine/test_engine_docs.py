"""docs/engine.md is one session of Python, and says what it gives; node ids there count from a fresh process."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "engine.md"


def test_the_page_on_the_engine_runs_as_printed() -> None:
    ran = subprocess.run([sys.executable, "-m", "doctest", str(PAGE)], capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stdout) == (0, ""), ran.stdout + ran.stderr


def test_the_page_names_every_file_of_the_engine_and_none_is_over_400_lines() -> None:
    text, engine = PAGE.read_text(encoding="utf-8"), PAGE.parents[1] / "engine"
    assert [p.name for p in sorted(engine.glob("*.py")) if p.name != "__init__.py" and p.name not in text] == []
    assert [p.name for p in sorted(engine.rglob("*.py")) if len(p.read_text(encoding="utf-8").splitlines()) > 400] == []
