"""``check_gradient`` with a formula takes arrays far too large for scalars, and names the one entry that is wrong."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import gradproof.engine as ge
from gradproof import GradientError, check_gradient
from gradproof.oracles.verdict import Kind


@pytest.fixture(autouse=True)
def _quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gradproof.setting.LARGE_S", 0.5)


def test_a_large_function_is_judged_by_its_formula() -> None:
    x = np.linspace(-3, 3, 20_000)
    found = check_gradient(lambda x: ge.sin(x) * x, x, meaning=lambda x: np.sin(x) * x)
    assert found.kind is Kind.AGREE
    assert found.evidence.startswith("blocked projections")
    assert found.evidence.endswith("from the NumPy formula given")
    assert "locality" in found.report()


def test_one_wrong_entry_of_twenty_thousand_is_named() -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")

    class Sine(torch.autograd.Function):  # type: ignore[misc, name-defined]
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            ctx.save_for_backward(x)
            return torch.sin(x)

        @staticmethod
        def backward(ctx: Any, ct: Any) -> Any:
            (x,) = ctx.saved_tensors
            slope = torch.cos(x)
            slope[777] *= 1 + 1e-6
            return ct * slope

    x = torch.linspace(-3, 3, 20_000, dtype=torch.float64)
    with pytest.raises(GradientError, match=r"x at \[777\]"):
        check_gradient(Sine.apply, x, meaning=np.sin, save=None)
