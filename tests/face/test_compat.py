"""An existing test-suite switches to gradproof by one import: same signatures, same exceptions, and more faults found."""

from __future__ import annotations

import inspect
import sys
import textwrap
import warnings
from pathlib import Path
from typing import Any

import pytest

from gradproof import GradientError

torch = pytest.importorskip("torch", reason="PyTorch is not installed")

X = torch.linspace(-2, 2, 5, dtype=torch.float64)


def marked(*shape: int) -> Any:
    return torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(0)).requires_grad_()


TORCH_SUITE = """
    import pytest
    import torch
    from IMPORT import gradcheck, gradgradcheck

    class Cube(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            ctx.save_for_forward(x)
            return x**3

        @staticmethod
        def backward(ctx, g):
            return g * SLOPE * ctx.saved_tensors[0] ** 2

        @staticmethod
        def jvp(ctx, t):
            return t * 3 * ctx.saved_tensors[0] ** 2

    def inputs(*shape, dtype=torch.float64):
        return torch.randn(*shape, dtype=dtype, generator=torch.Generator().manual_seed(0)).requires_grad_()

    def test_first_order():
        assert gradcheck(Cube.apply, (inputs(4),), eps=1e-6, atol=1e-4, fast_mode=FAST)

    def test_second_order():
        assert gradgradcheck(Cube.apply, (inputs(4),), atol=1e-4)

    def test_forward_mode():
        assert gradcheck(Cube.apply, (inputs(3),), check_forward_ad=True, check_undefined_grad=False)

    def test_layer():
        layer = torch.nn.Linear(3, 2).double()
        assert gradcheck(layer, inputs(4, 3))

    def test_complex():
        assert gradcheck(lambda z: z * z.conj() + z.exp(), (inputs(3, dtype=torch.complex128),))

    def test_two_outputs_and_an_integer():
        assert gradcheck(lambda x, n: (x.sum() * n, x.sin()), (inputs(3), 2), raise_exception=True, nondet_tol=0.0)

    def test_a_wrong_one_is_refused():
        class Wrong(Cube):
            @staticmethod
            def backward(ctx, g):
                return g * 2 * ctx.saved_tensors[0] ** 2

        assert not gradcheck(Wrong.apply, (inputs(3),), raise_exception=False)
        with pytest.raises(RuntimeError):
            gradcheck(Wrong.apply, (inputs(3),))
        with pytest.raises(ValueError):
            gradcheck(Cube.apply, (inputs(3).detach(),))
"""

JAX_SUITE = """
    import jax
    import jax.numpy as jnp
    import pytest
    from IMPORT import check_grads

    @jax.custom_jvp
    def softplus(x):
        return jnp.logaddexp(x, 0.0)

    softplus.defjvp(lambda p, t: (softplus(*p), jax.nn.sigmoid(p[0]) * t[0]))

    def test_modes_and_orders():
        check_grads(softplus, (jnp.array([0.5, -1.0]),), order=2, modes=("fwd", "rev"), atol=1e-2, rtol=1e-2, eps=1e-3)
        check_grads(jnp.tanh, (0.5,), 1, ["rev"])

    def test_trees():
        check_grads(lambda p: p["w"] @ p["b"], ({"w": jnp.ones((2, 3)), "b": jnp.arange(3.0)},), 1, modes="rev", atol=1e-2, rtol=1e-2)

    def test_a_wrong_one_is_refused():
        @jax.custom_vjp
        def f(x):
            return x**3

        f.defvjp(lambda x: (x**3, x), lambda x, ct: (ct * 2 * x**2,))
        with pytest.raises(AssertionError):
            check_grads(f, (jnp.array([0.5, -1.0]),), order=1, modes=["rev"])
"""


def failing(suite: str, **words: str) -> set[str]:
    """Names of the tests that fail in the suite, with these words put in."""
    text = textwrap.dedent(suite)
    for word, value in words.items():
        text = text.replace(word, value)
    space: dict[str, Any] = {"__name__": "suite"}
    exec(compile(text, "suite", "exec"), space)  # noqa: S102 - the suite above
    failed = set()
    for name, test in list(space.items()):
        if name.startswith("test_"):
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    test()
            except Exception:  # noqa: BLE001 - whatever a test of theirs raises
                failed.add(name)
    return failed


@pytest.mark.parametrize("module", ["torch.autograd", "gradproof.compat"])
def test_a_suite_of_torch_passes_with_either_import(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module: str) -> None:
    monkeypatch.chdir(tmp_path)
    assert failing(TORCH_SUITE, IMPORT=module, SLOPE="3", FAST="False") == set()


def test_the_replacement_fails_the_tests_of_a_function_whose_backward_became_wrong(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    found = failing(TORCH_SUITE, IMPORT="gradproof.compat", SLOPE="3.000001", FAST="True")
    assert found == {"test_first_order", "test_forward_mode"}
    assert failing(TORCH_SUITE, IMPORT="torch.autograd", SLOPE="3.000001", FAST="True") == set()


@pytest.mark.parametrize("module", ["jax.test_util", "gradproof.compat"])
def test_a_suite_of_jax_passes_with_either_import(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module: str) -> None:
    pytest.importorskip("jax", reason="JAX is not installed")
    monkeypatch.chdir(tmp_path)
    assert failing(JAX_SUITE, IMPORT=module) == set()


def test_the_signatures_are_those_of_the_originals() -> None:
    from gradproof import compat

    for name in ("gradcheck", "gradgradcheck"):
        theirs, ours = (inspect.signature(getattr(m, name)).parameters for m in (sys.modules["torch.autograd.gradcheck"], compat))
        assert [(p.name, p.kind, p.default) for p in theirs.values()] == [(p.name, p.kind, p.default) for p in ours.values()]
    jax_util = pytest.importorskip("jax.test_util", reason="JAX is not installed")
    theirs, ours = (inspect.signature(m.check_grads).parameters for m in (jax_util, compat))
    assert list(theirs) == list(ours)


class OneEntryOfMany(torch.autograd.Function):  # type: ignore[misc, name-defined]
    """sin, with an entry whose slope is off by a tenth."""

    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        ctx.save_for_backward(x)
        return torch.sin(x)

    @staticmethod
    def backward(ctx: Any, ct: Any) -> Any:
        slope = torch.cos(ctx.saved_tensors[0])
        off = torch.zeros_like(slope)
        off.view(-1)[3] = 0.1
        return ct * slope * (1 + off)


class WrongSecond(torch.autograd.Function):  # type: ignore[misc, name-defined]
    """x**2, whose gradient by the cotangent of the gradient is lost."""

    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        ctx.save_for_backward(x)
        return x * x

    @staticmethod
    def backward(ctx: Any, ct: Any) -> Any:
        return 2 * ctx.saved_tensors[0] * ct.detach()


def test_a_fault_that_the_fast_mode_accepts_is_caught() -> None:
    from gradproof.compat import gradcheck

    x = marked(1000)
    assert torch.autograd.gradcheck(OneEntryOfMany.apply, (x,), fast_mode=True)
    with pytest.raises(GradientError, match=r"at \[3\]"):
        gradcheck(OneEntryOfMany.apply, (x,), fast_mode=True)


def test_a_gradient_by_the_cotangent_that_is_lost_is_caught_at_the_second_order() -> None:
    from gradproof.compat import gradgradcheck

    with pytest.raises(GradientError, match="WRONG"):
        gradgradcheck(WrongSecond.apply, (X.clone().requires_grad_(),))
    with pytest.raises(RuntimeError, match="WRONG"):
        gradgradcheck(WrongSecond.apply, (X.clone().requires_grad_(),), torch.ones(5, dtype=torch.float64))


def test_a_fault_that_jax_accepts_is_caught() -> None:
    jax = pytest.importorskip("jax", reason="JAX is not installed")
    from jax.test_util import check_grads as theirs

    from gradproof.compat import check_grads

    tenth = jax.numpy.ones(1000).at[3].set(1.1)
    f = jax.custom_vjp(jax.numpy.sin)
    f.defvjp(lambda x: (f(x), x), lambda x, ct: (ct * jax.numpy.cos(x) * tenth,))
    x = jax.numpy.linspace(-1.0, 1.0, 1000)
    theirs(f, (x,), order=1, modes=["rev"])
    with pytest.raises(GradientError, match=r"WRONG(.|\n)*at \[3\]"):
        check_grads(f, (x,), order=1, modes=["rev"])
