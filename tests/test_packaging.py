"""The wheel holds what the tree holds: packages by hand in pyproject.toml, compared with the folders."""

from __future__ import annotations

import tomllib
from importlib.metadata import entry_points
from pathlib import Path

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
SETUPTOOLS = PROJECT["tool"]["setuptools"]


def folder_of(package: str) -> Path:
    """Where setuptools finds a package, by the longest mapped prefix."""
    mapping = SETUPTOOLS["package-dir"]
    parts = package.split(".")
    for length in range(len(parts), 0, -1):
        prefix = ".".join(parts[:length])
        if prefix in mapping:
            return ROOT.joinpath(mapping[prefix], *parts[length:])
    raise AssertionError(package)


def test_every_folder_with_an_init_is_listed_as_a_package() -> None:
    listed = {folder_of(p).relative_to(ROOT).as_posix() for p in SETUPTOOLS["packages"]}
    found = {
        init.parent.relative_to(ROOT).as_posix()
        for top in ("face", "engine", "oracles", "specs", "reports")
        for init in (ROOT / top).rglob("__init__.py")
    }
    assert found == listed


def test_every_data_file_is_covered_by_package_data() -> None:
    missing = []
    for package in SETUPTOOLS["packages"]:
        folder = folder_of(package)
        patterns = SETUPTOOLS["package-data"].get(package, [])
        for path in folder.iterdir():
            if path.is_file() and path.suffix != ".py" and not any(path.match(p) for p in patterns):
                missing.append(path.relative_to(ROOT).as_posix())
    assert not missing


def test_the_installed_entry_points_are_those_of_the_project() -> None:
    names = {e.name: e.value for e in entry_points(group="gradproof.engines")}
    assert PROJECT["project"]["entry-points"]["gradproof.engines"].items() <= names.items()
