"""``--device cuda``: the engine that runs there takes the place of the one named, or the line says why none can."""

from __future__ import annotations

import sys
from subprocess import run

import pytest

from gradproof.oracles.adapters import native_cuda
from gradproof.selection import UsageError, on_device


def test_the_cpu_is_every_engines_own() -> None:
    assert on_device("nobody", "cpu") == "nobody"


def test_without_a_device_the_line_says_what_was_looked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(native_cuda, "library", lambda: "")
    with pytest.raises(UsageError, match="'native-cuda' cannot run: torch and CuPy find no CUDA device, or are not installed"):
        on_device("native", "cuda")
    with pytest.raises(RuntimeError, match="no CUDA device"):
        native_cuda.NativeCuda().from_numpy(None)


@pytest.mark.parametrize("library", ["torch", "cupy"])
def test_with_a_device_native_is_the_engine_on_it(monkeypatch: pytest.MonkeyPatch, library: str) -> None:
    monkeypatch.setattr(native_cuda, "library", lambda: library)
    assert on_device("native", "cuda") == "native-cuda"


@pytest.mark.gpu
def test_the_op_suite_on_a_cuda_device() -> None:
    if not native_cuda.library():
        pytest.skip("no CUDA device here; torch and CuPy were asked")
    line = [sys.executable, "-m", "gradproof", "verify", "native", "--device", "cuda", "--cases", "5", "--graphs", "20"]
    assert run(line, check=False).returncode == 0
