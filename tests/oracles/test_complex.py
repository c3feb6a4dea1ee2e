"""Complex ops on pairs: values and gradients of the judge, both frameworks, planted faults, and the conventions at the border."""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from gradproof.oracles import complex_step, dual, exact, finite
from gradproof.oracles.catalogue import CATALOGUE, COMPLEX, op
from gradproof.oracles.catalogue.complexes import PREFIX
from gradproof.oracles.certificate import certify
from gradproof.oracles.codec import from_json, to_json
from gradproof.oracles.complex_number import joined, parted
from gradproof.oracles.export import to_script
from gradproof.oracles.graph import Case, Graph, Leaf, Node
from gradproof.oracles.judge import judge
from gradproof.oracles.meaning import NUMPY
from gradproof.oracles.registry import engine as by_name
from gradproof.oracles.trial import run, supports
from gradproof.oracles.verdict import Kind
from gradproof.specs import build
from gradproof.specs.tasks import PROFILES, of_dtype, selected, tasks

Z = np.array([0.75 - 1.25j, -0.5 + 0.25j, 1.5 + 2j])
GOOD = (Kind.AGREE, Kind.SUBGRADIENT)


def framework(name: str) -> Any:
    pytest.importorskip(name, reason=f"{name} is not installed")
    return by_name(name)


def one(name: str, *numbers: Any, ct: Any = None, **params: Any) -> Case:
    """One complex op on leaves that hold these numbers; the cotangent is signed and of no two equal entries."""
    leaves = tuple(Leaf(parted(np.asarray(z, complex))) for z in numbers)
    value = op(PREFIX + name).meaning(NUMPY, *(leaf.data for leaf in leaves), **params)
    seed = np.random.default_rng(3).uniform(-2, 2, np.shape(value)) if ct is None else np.asarray(ct, float)
    return Case(Graph(leaves, (Node(PREFIX + name, tuple(range(len(leaves))), params),), (len(leaves),)), (seed,))


@pytest.mark.parametrize("name", ["exp", "log", "sqrt", "sin", "cos", "sinh", "cosh", "tanh", "square", "reciprocal", "negative"])
def test_a_holomorphic_function_has_the_conjugate_of_its_slope_as_gradient_of_its_real_part(name: str) -> None:
    """d Re f / d(re, im) is the conjugate of f'(z) as a pair: f' here by an independent difference in the complex plane."""
    function = {"negative": np.negative}.get(name, getattr(np, name))
    h = 1e-5
    for z in Z:
        slope = (function(z + h) - function(z - h) + (function(z + 1j * h) - function(z - 1j * h)) / 1j) / (4 * h)
        got = [float(b) for b in certify(one(name, z, ct=[1.0, 0.0])).gradient]
        assert complex(*got) == pytest.approx(np.conj(slope), rel=1e-7)
        value = certify(one(name, z)).value
        assert complex(*map(float, value)) == pytest.approx(function(z), rel=1e-14)


@pytest.mark.parametrize("name", COMPLEX)
def test_every_complex_op_has_numpys_value_and_a_gradient_that_differences_confirm(name: str) -> None:
    rnd = random.Random(name)
    confirmed = 0
    for _ in range(12):
        case = build.single(name, rnd.randbytes(build.SINGLE_BYTES), "complex128")
        certificate = certify(case)
        g = np.array([float(b) for b in certificate.gradient])
        for vote in (finite.vote, dual.vote, complex_step.vote, exact.vote):
            said = vote(case, g, certificate)
            assert said.vote != "disagrees", (said, to_json(case))
            confirmed += said.vote == "agrees"
    assert confirmed >= 12


@pytest.mark.parametrize("engine", ["torch", "jax"])
def test_a_framework_is_right_on_every_complex_op(engine: str) -> None:
    subject = framework(engine)
    rnd = random.Random(5)
    for name in COMPLEX:
        for _ in range(8 if engine == "torch" else 2):
            verdict = judge(build.single(name, rnd.randbytes(build.SINGLE_BYTES), "complex128"), subject)
            if (engine, name) == ("jax", "complex.sinh") and verdict.kind is Kind.SPEC:
                continue  # (exp(z) - exp(-z)) / 2 loses the digits of a small z
            assert verdict.kind in GOOD or verdict.kind.skipped, verdict.report()


@pytest.mark.parametrize("dtype", ["complex128", "complex64"])
def test_torch_is_right_on_complex_graphs(dtype: str) -> None:
    subject, rnd = framework("torch"), random.Random(6)
    for _ in range(60):
        case = build.graph(rnd.randbytes(build.GRAPH_BYTES), tuple(COMPLEX), dtype)
        assert case.graph.dtype.name == {"complex128": "float64", "complex64": "float32"}[dtype]
        verdict = judge(case, subject)
        assert verdict.kind in GOOD or verdict.kind.skipped, verdict.report()


def _bent(**functions: Any) -> Any:
    """PyTorch with some complex functions replaced."""
    subject = framework("torch")
    complex_ops = SimpleNamespace(**{**vars(subject.namespace.complex), **functions})
    kept = {k: v for k, v in vars(subject.namespace).items() if not k.startswith("__")}

    class Bent(type(subject)):  # type: ignore[misc]
        namespace = SimpleNamespace(**{**kept, "complex": complex_ops})

    return Bent()


@pytest.mark.parametrize("fault", ["no conjugate", "real part alone", "transposed convention", "slope of abs doubled"])
def test_a_fault_in_a_complex_rule_is_wrong(fault: str) -> None:
    torch = pytest.importorskip("torch", reason="torch is not installed")
    from gradproof.oracles.adapters.torch_complex import _joined, _parted

    class Exp(torch.autograd.Function):  # type: ignore[misc]
        @staticmethod
        def forward(ctx: Any, z: Any) -> Any:
            ctx.save_for_backward(out := torch.exp(z))
            return out

        @staticmethod
        def backward(ctx: Any, ct: Any) -> Any:
            (out,) = ctx.saved_tensors
            if fault == "no conjugate":
                return ct * out
            if fault == "transposed convention":
                return (ct * out.conj()).conj()
            return ct * out.real

    class Abs(torch.autograd.Function):  # type: ignore[misc]
        @staticmethod
        def forward(ctx: Any, z: Any) -> Any:
            ctx.save_for_backward(z)
            return torch.abs(z)

        @staticmethod
        def backward(ctx: Any, ct: Any) -> Any:
            (z,) = ctx.saved_tensors
            return 2 * ct * torch.sgn(z)

    subject = _bent(exp=lambda x: _parted(Exp.apply(_joined(x))), abs=lambda x: Abs.apply(_joined(x)))
    name = "abs" if fault.startswith("slope") else "exp"
    assert judge(one(name, Z), framework("torch")).kind is Kind.AGREE
    verdict = judge(one(name, Z), subject)
    assert verdict.kind is Kind.WRONG, verdict.report()


def test_vecdot_conjugates_its_first_vector() -> None:
    x, y = Z, Z[::-1] * 1j
    case = one("vecdot", x, y, axis=-1)
    assert complex(*map(float, certify(case).value)) == pytest.approx(np.vecdot(x, y))


def test_the_two_conventions_for_gradients_of_complex_leaves_are_those_that_are_documented() -> None:
    """specs/conventions.md: for L = Re f, PyTorch gives dL/dre + i dL/dim, JAX's vjp its conjugate."""
    torch = pytest.importorskip("torch", reason="torch is not installed")
    jax = pytest.importorskip("jax", reason="jax is not installed")
    z = complex(Z[0])
    re, im = (float(b) for b in certify(one("exp", z, ct=[1.0, 0.0])).gradient)
    leaf = torch.tensor(z, dtype=torch.complex128, requires_grad=True)
    torch.exp(leaf).real.backward()
    assert leaf.grad.item() == pytest.approx(complex(re, im))
    _, pull = jax.vjp(lambda w: jax.numpy.real(jax.numpy.exp(w)), jax.numpy.complex64(z))
    assert complex(pull(jax.numpy.float32(1))[0]) == pytest.approx(complex(re, -im), rel=1e-5)


def test_operands_are_off_the_branch_cuts_and_poles_by_construction() -> None:
    rnd = random.Random(8)
    for name in ("log", "sqrt", "reciprocal", "divide"):
        for _ in range(150):
            case = build.single(PREFIX + name, rnd.randbytes(build.SINGLE_BYTES), "complex64")
            z = joined(case.graph.leaves[-1].data)
            assert (z != 0).all()
            assert name in ("reciprocal", "divide") or not ((z.imag == 0) & (z.real < 0)).any()


def test_a_complex_dtype_draws_complex_ops_and_no_other_dtype_does() -> None:
    assert set(of_dtype(tuple(CATALOGUE), "complex64")) == set(COMPLEX)
    assert of_dtype(selected("exp,sin"), "complex64") == ("complex.exp", "complex.sin")
    assert of_dtype(selected("complex.conj"), "complex128") == ("complex.conj",)
    assert of_dtype(selected("complex.conj"), "float64") == ()
    assert of_dtype(tuple(CATALOGUE), "float32") == tuple(CATALOGUE)
    subject = framework("torch")
    drawn = tasks(subject, PROFILES["quick"], 0, tuple(CATALOGUE))
    assert not any(t.op.startswith(PREFIX) for t in drawn)
    assert supports(subject, "complex.exp", "complex64")
    assert supports(by_name("native"), "complex.exp", "complex64")


@pytest.mark.parametrize("engine", ["torch", "jax"])
def test_a_complex_graph_is_saved_replayed_and_written_as_a_script(engine: str, tmp_path: Path) -> None:
    subject = framework(engine)
    case = one("multiply", Z, 2 - 1j)
    back = from_json(to_json(case))
    assert back.graph.nodes == case.graph.nodes
    path = tmp_path / "script.py"
    path.write_text(to_script(back, engine))
    said = subprocess.run([sys.executable, "-I", str(path)], capture_output=True, text=True, check=True).stdout
    for i, gradient in enumerate(run(subject, case).first):
        assert f"gradient of v{i}: " in said
        assert str(gradient.tolist()) in said
