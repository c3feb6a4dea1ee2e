"""The layers: each folder imports only what lies below it, and frameworks only where they are needed."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ENGINES = ("torch", "jax", "tensorflow", "autograd", "mlx", "micrograd", "tinygrad", "pytensor", "paddle", "casadi", "array_api_strict")
FRAMEWORKS = set(ENGINES)
OURS = ("engine", "oracles", "reports", "specs")

ALLOWED = {
    "engine": {"gradproof.engine"},
    "oracles": {"gradproof.oracles"},
    "reports": {"gradproof.reports", "gradproof.oracles.draw", "gradproof.oracles.errors", "gradproof.oracles.verdict"},
    "specs": {"gradproof.specs", "gradproof.oracles"},
}
THIRD_PARTY = {
    "engine": {"numpy", "scipy", "ml_dtypes"},  # the last on use: tests/engine/test_engine_libraries.py
    "oracles": {"numpy", "scipy", "flint"},
    "reports": {"jinja2", "markupsafe"},  # markupsafe is the half of jinja2 that marks what is already HTML
    "specs": {"numpy", "scipy", "flint", "hypothesis"},
}
# What the docstrings of these files say they need beyond their layer.
MAY_ALSO = {
    "specs/mutants": {"gradproof.engine"},
    "specs/test_": {"pytest", "gradproof.engine"},
    "specs/claims": {"gradproof.engine"},
    "specs/depth.py": {"gradproof.engine"},
    "specs/footprint.py": {"gradproof.engine"},
    "specs/halves.py": {"gradproof.engine"},
    "specs/poison.py": {"gradproof.engine"},
    "specs/digits.py": {"gradproof.engine", "sklearn"},
    "specs/training.py": {"gradproof.engine"},
    "specs/walk.py": {"gradproof.engine"},
    "specs/cost": {"gradproof.engine"},
    "specs/counting.py": {"gradproof.engine"},
    "specs/bench/goals.py": {"gradproof.engine"},
    "specs/bench/ways.py": {"gradproof.engine", "torch", "jax"},
    "specs/mutants/checkers.py": {"gradproof.engine", "torch", "jax"},
    "oracles/adapters/native": {"gradproof.engine"},
    "oracles/adapters/native_strict.py": {"array_api_strict"},
    "oracles/adapters/native_torch.py": {"torch"},
    **{f"oracles/adapters/{name}": {name} for name in ENGINES},
    "oracles/formats.py": {"ml_dtypes"},
}


def imports(path: Path) -> set[str]:
    """Full names of the modules a file imports; type-checking imports too."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            module = node.module or ""
            found.update(f"{module}.{alias.name}" for alias in node.names)
    return found


def under(name: str, roots: set[str]) -> bool:
    return any(name == root or name.startswith(f"{root}.") for root in roots)


def python_files(folder: str) -> list[Path]:
    return sorted((ROOT / folder).rglob("*.py"))


@pytest.mark.parametrize("folder", OURS)
def test_a_folder_imports_only_what_lies_below_it(folder: str) -> None:
    breaches = []
    for path in python_files(folder):
        where = path.relative_to(ROOT).as_posix()
        extra = {name for prefix, names in MAY_ALSO.items() if where.startswith(prefix) for name in names}
        for name in imports(path):
            top = name.split(".")[0]
            if top in sys.stdlib_module_names:
                continue
            if not under(name, ALLOWED[folder] | THIRD_PARTY[folder] | extra):
                breaches.append(f"{where} imports {name}")
    assert not breaches, "\n".join(breaches)


def test_importing_gradproof_and_its_plugin_imports_no_framework_and_no_engine() -> None:
    code = (
        "import sys, gradproof, gradproof.pytest_plugin, gradproof.cli;"
        f"print(sorted(m for m in sys.modules if m.split('.')[0] in {FRAMEWORKS!r} or m == 'gradproof.engine'))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def test_the_verify_command_on_the_native_engine_imports_no_framework() -> None:
    code = (
        "import sys; sys.argv = ['gradproof', 'verify', '--ops', 'add', '--cases', '2', '--graphs', '2'];"
        "from gradproof.cli import app\n"
        "try: app()\n"
        "except SystemExit as e: assert e.code == 0, e.code\n"
        f"print('frameworks', sorted(m for m in sys.modules if m in {FRAMEWORKS!r}))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "frameworks []" in found.stdout
