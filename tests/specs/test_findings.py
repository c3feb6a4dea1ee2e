"""Every script of docs/findings that names ``got`` and ``expected`` still shows its defect, where its engine is installed in that release."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = sorted((ROOT / "docs" / "findings").glob("*.md"))
PACKAGES = {"pytorch": ("torch",), "jax": ("jax",), "tensorflow": ("tensorflow", "tensorflow-cpu"), "mlx": ("mlx",), "paddle": ("paddlepaddle",)}
DIGITS = {"mlx": 1e-5}  # the engines that are tried in float32 may round at 1e-7
RUNNER = """
import contextlib, io, json, sys, warnings
import numpy as np
warnings.simplefilter("ignore")
right = []
for title, code, tolerance in json.load(sys.stdin):
    names = {}
    with contextlib.redirect_stdout(io.StringIO()):
        exec(compile(code, title, "exec"), names)
    got, expected = names["got"], names["expected"]
    if isinstance(got, str):
        continue
    got, expected = np.asarray(got, float), np.asarray(expected, float)
    if got.shape == expected.shape and bool(np.all(np.abs(got - expected) <= tolerance * np.abs(expected))):
        right.append(title)
print(json.dumps(right))
"""


def scripts(page: Path) -> list[tuple[str, str, float]]:
    """The title and the text of every script that names both values, and how near they would count as equal."""
    found = re.findall(r"^### (.*?)\n\n```python\n(.*?)```", page.read_text(), re.DOTALL | re.MULTILINE)
    return [
        (title, code, 1e-10 if "float64" in code else DIGITS.get(page.stem, 1e-10))
        for title, code in found
        if re.search(r"^\s*got = ", code, re.MULTILINE) and re.search(r"^expected = ", code, re.MULTILINE)
    ]


def installed(page: Path) -> str:
    """The release of the page's engine that is installed, or an empty string."""
    for package in PACKAGES.get(page.stem, (page.stem,)):
        try:
            return version(package).partition("+")[0]
        except PackageNotFoundError:
            continue
    return ""


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_script_still_shows_its_defect(page: Path) -> None:
    """Run in one process of its own, with the engine alone; a release that is right now takes its finding off the list."""
    recorded = page.read_text().partition("\n")[0].split()[-1]
    found = installed(page)
    if found != recorded:
        pytest.skip(f"the findings are of {page.stem} {recorded}; {found or 'no release'} is installed")
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "TF_CPP_MIN_LOG_LEVEL": "3"}
    run = subprocess.run(
        [sys.executable, "-c", RUNNER],
        check=False,
        input=json.dumps(scripts(page)),
        capture_output=True,
        text=True,
        timeout=600,
        env=environment,
    )
    assert run.returncode == 0, run.stderr[-2000:]
    assert json.loads(run.stdout.splitlines()[-1]) == []


def test_the_comparison_can_fail() -> None:
    """A script whose engine is right is named."""
    sound = [("right", "got, expected = 1.0, 1.0", 1e-10), ("wrong", "got, expected = 2.0, 1.0", 1e-10)]
    run = subprocess.run([sys.executable, "-c", RUNNER], check=False, input=json.dumps(sound), capture_output=True, text=True, timeout=60)
    assert json.loads(run.stdout) == ["right"]


def test_the_list_and_the_pages_agree() -> None:
    """FINDINGS.md lists every number that a page has, and no page has a number that it does not list."""
    listed = set(re.findall(r"^\| (\d+) \|", (ROOT / "FINDINGS.md").read_text(), re.MULTILINE))
    numbered = {n for page in PAGES for head in re.findall(r"^### ([\d, ]+)\. ", page.read_text(), re.MULTILINE) for n in re.findall(r"\d+", head)}
    assert numbered == listed
