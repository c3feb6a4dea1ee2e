"""check_gradient on functions of float16 and bfloat16: in float64 where they take it, else in their own dtype or not at all."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from gradproof import GradientError, InconclusiveError, check_gradient, frameworks
from gradproof.failures import load

torch = pytest.importorskip("torch", reason="torch is not installed")
HALVES = ["float16", "bfloat16"]


class Double(torch.autograd.Function):  # type: ignore[misc]
    """sin, with a slope of 2 cos."""

    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        ctx.save_for_backward(x)
        return torch.sin(x)

    @staticmethod
    def backward(ctx: Any, ct: Any) -> Any:
        (x,) = ctx.saved_tensors
        return 2 * ct * torch.cos(x)


def only(dtype: Any, f: Any) -> Any:
    """``f``, refusing every other dtype."""

    def g(x: Any) -> Any:
        if x.dtype is not dtype:
            raise TypeError(f"a kernel of {dtype} alone")
        return f(x)

    return g


def point(name: str) -> Any:
    return torch.tensor([0.3, 0.7, -1.1], dtype=getattr(torch, name))


@pytest.mark.parametrize("name", HALVES)
def test_a_function_that_takes_float64_is_judged_there_at_the_rounded_inputs(name: str) -> None:
    verdict = check_gradient(torch.sin, point(name))
    assert f"judged in float64, given {name}" in verdict.evidence
    assert verdict.case.graph.leaves[0].data.tolist() == point(name).double().tolist()
    with pytest.raises(GradientError):
        check_gradient(Double.apply, point(name))


@pytest.mark.parametrize("name", HALVES)
def test_a_function_of_a_half_alone_is_judged_in_it_by_its_formula(name: str) -> None:
    dtype = getattr(torch, name)
    verdict = check_gradient(only(dtype, torch.sin), point(name), meaning=np.sin)
    assert f"judged in {name}" in verdict.evidence
    with pytest.raises(GradientError, match="3 of 3 entries outside 16 times the bound"):
        check_gradient(only(dtype, Double.apply), point(name), meaning=np.sin)


@pytest.mark.parametrize("name", HALVES)
def test_differences_that_cannot_tell_a_gradient_from_zero_do_not_pass_it(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frameworks.Torch, "traces", False)  # as if sin were not known
    with pytest.raises(InconclusiveError, match=r"could not tell this gradient from zero.*pass meaning="):
        check_gradient(only(getattr(torch, name), torch.sin), point(name))


@pytest.mark.parametrize("name", HALVES)
def test_what_a_failure_saves_is_the_half_itself(name: str, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(GradientError) as caught:
        check_gradient(Double.apply, point(name))
    (saved,) = load(next(tmp_path.glob("**/*.json")))
    assert saved.dtype.name == name
    lines = [line.strip() for line in str(caught.value).splitlines()]
    (given,) = [line for line in lines if line.startswith("x = np.array(")]
    scope: dict[str, Any] = {}
    exec("\n".join([line for line in lines if line.startswith("import ")] + [given]), scope)  # noqa: S102
    assert scope["x"].tobytes() == saved.tobytes()


def test_an_array_of_bfloat16_of_jax_is_taken_as_it_is() -> None:
    jax = pytest.importorskip("jax", reason="jax is not installed")
    x = jax.numpy.array([0.3, -1.1], dtype=jax.numpy.bfloat16)
    verdict = check_gradient(jax.numpy.sin, x)
    assert "judged in float64, given bfloat16" in verdict.evidence
