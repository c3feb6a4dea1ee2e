"""Correct gradients never alarm: smooth, kinked, badly scaled, cancelling; and what cannot be told is said so."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import gradproof.engine as ge
from gradproof import GradientError, InconclusiveError, check_gradient, frameworks
from gradproof.oracles.errors import GradproofError
from gradproof.oracles.verdict import Kind

RNG = np.random.default_rng(1)


def normal(*shape: int) -> Any:
    return RNG.standard_normal(shape)


SQUARE = np.eye(4) + sum(np.outer(v, v) for v in normal(4, 4))
ILL = 1 / (np.arange(5)[:, None] + np.arange(5) + 1.0)  # Hilbert's matrix

SMOOTH = "smooth"
KINKED = "kinked"

# name: (function of the torch module, inputs, what the verdict must be)
TORCH: dict[str, tuple[Callable[..., Any], tuple[Any, ...], str]] = {
    "sin of 1e-8": (lambda t, x: t.sin(x), (normal(5) * 1e-8,), SMOOTH),
    "sin of 1e6": (lambda t, x: t.sin(x), (normal(5) * 1e6,), SMOOTH),
    "fast sin": (lambda t, x: t.sin(1e8 * x), (normal(5) * 1e-8,), SMOOTH),
    "exp": (lambda t, x: t.exp(x), (normal(5) * 10,), SMOOTH),
    "exp near the end of the range": (lambda t, x: t.exp(-x) * 1e300, (np.array([700.0, 600.0]),), SMOOTH),
    "log of 1e-8": (lambda t, x: t.log(x), (np.abs(normal(5)) * 1e-8,), SMOOTH),
    "sqrt over decades": (lambda t, x: t.sqrt(x), (np.array([1e-8, 1, 1e6]),), SMOOTH),
    "rsqrt over decades": (lambda t, x: t.rsqrt(x), (np.array([1e-8, 1, 1e6]),), SMOOTH),
    "square of 1e6": (lambda t, x: (x**2).sum(), (normal(30) * 1e6,), SMOOTH),
    "softmax": (lambda t, x: t.softmax(x, -1), (normal(3, 4) * 5,), SMOOTH),
    "softmax at 1e6": (lambda t, x: t.softmax(x, -1), (normal(3, 4) + 1e6,), SMOOTH),
    "logsumexp, saturated": (lambda t, x: t.logsumexp(x, -1), (normal(3, 4) * 300,), SMOOTH),
    "norm": (lambda t, x: t.linalg.vector_norm(x), (normal(4),), SMOOTH),
    "1 - cos, cancelling": (lambda t, x: (1 - t.cos(x)) / x**2, (np.array([1e-7, 1e-4, 1e-8, 0.3]),), SMOOTH),
    "(x + 1e8) - 1e8": (lambda t, x: (x + 1e8) - 1e8, (normal(4),), SMOOTH),
    "solve": (lambda t, a, b: t.linalg.solve(a, b), (SQUARE, normal(4)), SMOOTH),
    "det": (lambda t, a: t.linalg.det(a), (SQUARE,), SMOOTH),
    "cholesky": (lambda t, a: t.linalg.cholesky(a @ a.T), (SQUARE,), SMOOTH),
    "inverse of Hilbert's matrix": (lambda t, a: t.linalg.inv(a), (ILL,), SMOOTH),
    "tan at a pole": (lambda t, x: t.tan(x), (np.array([1.5707, 1.57, 0.2]),), SMOOTH),
    "product with a zero": (lambda t, x: x.prod(), (np.array([0.0, 2, 3]),), SMOOTH),
    "cube at 0": (lambda t, x: x**3, (np.array([0.0, 1e-9, 2]),), SMOOTH),
    "cumprod": (lambda t, x: t.cumprod(x, 0), (normal(6),), SMOOTH),
    "layer norm": (lambda t, x: t.nn.functional.layer_norm(x, (5,)), (normal(3, 5),), SMOOTH),
    "layer norm of near constants": (
        lambda t, x: t.nn.functional.layer_norm(x, (5,)),
        (1 + 1e-9 * normal(2, 5),),
        SMOOTH,
    ),
    "conv2d": (lambda t, x, w: t.nn.functional.conv2d(x, w), (normal(1, 2, 4, 4), normal(2, 2, 3, 3)), SMOOTH),
    "sigmoid, saturated": (lambda t, x: t.sigmoid(x), (np.array([40.0, -40, 700, -700, 0]),), SMOOTH),
    "variance near 1e6": (lambda t, x: x.var(), (1e6 + normal(6),), SMOOTH),
    "scalars": (lambda t, a, b: t.atan2(a, b), (0.3, -2.0), SMOOTH),
    "float32 inside": (lambda t, x: (x.float() ** 2).double(), (normal(5),), SMOOTH),
    "only float32": (lambda t, x: x @ t.eye(3), (normal(2, 3).astype(np.float32),), SMOOTH),
    "unused input": (lambda t, x, y: 2 * x, (normal(3), normal(3)), SMOOTH),
    "constant": (lambda t, x: 0 * x + 1, (normal(3),), SMOOTH),
    "size 0": (lambda t, x: x.sum(), (np.zeros((0, 3)),), SMOOTH),
    "slopes over 24 decades": (lambda t, x: x * t.tensor([1e-12, 1.0, 1e12]), (normal(3),), SMOOTH),
    "an integer argument": (lambda t, x, i: x[i], (normal(5), np.array([1, 1, 2])), SMOOTH),
    "sqrt at 0": (lambda t, x: t.sqrt(x), (np.array([0.0, 1]),), SMOOTH),
    "round": (lambda t, x: t.round(x), (normal(5),), SMOOTH),
    "relu off its kink": (lambda t, x: t.relu(x), (normal(20),), SMOOTH),
    "large": (lambda t, x: (t.tanh(x) ** 2).sum(), (normal(1000),), SMOOTH),
    "relu at 0": (lambda t, x: t.relu(x), (np.array([0.0, 1, -1, 0]),), KINKED),
    "abs at 0": (lambda t, x: t.abs(x), (np.array([0.0, 1, -1]),), KINKED),
    "max with ties": (lambda t, x: t.max(x), (np.array([1.0, 1, 0]),), KINKED),
    "max along an axis with ties": (lambda t, x: t.max(x, 1)[0], (np.array([[1.0, 1, 0], [2, 3, 4]]),), KINKED),
    "difference of relus at 0": (lambda t, a, b: t.relu(a) - t.relu(b), (np.zeros(6), np.zeros(6)), KINKED),
    "clamp at its bounds": (lambda t, x: x.clamp(-1, 1), (np.array([-1.0, 1, 0.3]),), KINKED),
    "norm at 0": (lambda t, x: t.linalg.vector_norm(x), (np.zeros(3),), KINKED),
}


@pytest.mark.parametrize("seed", [1, 102])
def test_an_oscillation_sampled_too_coarsely_is_not_taken_for_small(seed: int) -> None:
    x = np.array([-2.07580103e-09, -6.96317636e-09, 2.74886362e-09, 1.46894472e-09, 1.74064630e-08])
    assert check_gradient(lambda x: ge.sin(1e8 * x), x, seed=seed, save=None).kind is Kind.AGREE


def test_steps_of_rounding_that_keep_time_with_the_points_are_still_noise() -> None:
    x = np.array([1e-7, 1e-4, 1e-8, 0.3])
    with pytest.raises(InconclusiveError, match="too noisy"):
        check_gradient(lambda x: (1.0 - ge.cos(x)) / (x * x), x, seed=19, save=None)


@pytest.mark.parametrize("name", TORCH)
def test_a_correct_torch_function_does_not_alarm(name: str) -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    function, inputs, expected = TORCH[name]
    verdict = check_gradient(lambda *xs: function(torch, *xs), *inputs, engine="torch", save=None)
    assert verdict.kind is (Kind.SUBGRADIENT if expected is KINKED else Kind.AGREE)


NATIVE: dict[str, tuple[Callable[..., Any], tuple[Any, ...], str]] = {
    "a sum of products": (lambda x, y: ge.sum(ge.sin(x) * y), (normal(6), normal(6)), SMOOTH),
    "softmax": (lambda x: ge.nn.softmax(x, axis=-1), (normal(3, 4),), SMOOTH),
    "matmul": (ge.matmul, (normal(3, 4), normal(4, 2)), SMOOTH),
    "log of 1e-8": (ge.log, (np.abs(normal(5)) * 1e-8,), SMOOTH),
    "a number": (lambda x: ge.exp(x) * x, (0.5,), SMOOTH),
    "a tuple of outputs": (lambda x: (ge.sin(x), ge.sum(x)), (normal(4),), SMOOTH),
    "a dict of parameters": (lambda p, x: ge.matmul(x, p["w"]) + p["b"], ({"w": normal(3, 2), "b": normal(2)}, normal(4, 3)), SMOOTH),
    "relu at 0": (ge.nn.relu, (np.array([0.0, 1.0, -1.0]),), KINKED),
    "abs at 0": (ge.abs, (np.array([0.0, 1.0, -1.0]),), KINKED),
    "maximum with ties": (ge.maximum, (np.zeros(3), np.zeros(3)), KINKED),
}  # fmt: skip


@pytest.mark.parametrize("name", NATIVE)
def test_a_correct_native_function_does_not_alarm(name: str) -> None:
    function, inputs, expected = NATIVE[name]
    verdict = check_gradient(function, *inputs, save=None)
    assert verdict.kind is (Kind.SUBGRADIENT if expected is KINKED else Kind.AGREE)


def test_correct_jax_functions_do_not_alarm() -> None:
    jax = pytest.importorskip("jax", reason="JAX is not installed")
    np_, params = jax.numpy, {"w": normal(3, 4), "b": normal(4)}
    layer: Callable[..., Any] = lambda p, x: np_.tanh(x @ p["w"] + p["b"]).sum()
    assert check_gradient(layer, params, normal(2, 3), engine="jax").kind is Kind.AGREE
    assert check_gradient(np_.max, np.array([1.0, 1.0, 0.0]), engine="jax").kind is Kind.SUBGRADIENT
    half = check_gradient(jax.nn.softmax, np_.array([0.1, -0.5, 0.7], dtype=np_.bfloat16))
    assert half.kind is Kind.AGREE
    assert "judged in float64" in half.evidence


def test_control_flow_that_jax_cannot_compile_is_run_eagerly() -> None:
    jax = pytest.importorskip("jax", reason="JAX is not installed")

    @jax.custom_vjp
    def branching(x: Any) -> Any:
        return x * x if float(x[0]) > 0 else -x

    branching.defvjp(lambda x: (branching(x), x), lambda x, ct: (ct * 2 * x if float(x[0]) > 0 else -ct,))
    assert check_gradient(branching, np.array([1.0, 2.0]), engine="jax").kind is Kind.AGREE


def test_a_module_is_judged_by_its_inputs_and_parameters_and_left_as_it_was() -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    module = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4), torch.nn.GELU())
    before = {name: value.clone() for name, value in module.state_dict().items()}
    random, threads = torch.random.get_rng_state(), torch.get_num_threads()
    verdict = check_gradient(module, torch.ones(2, 3) * torch.tensor([[1.0], [-2.0]]))
    assert verdict.kind is Kind.AGREE
    assert "30 of 30 entries" in verdict.evidence  # 6 inputs, 12 + 4 + 4 + 4 parameters
    assert all(torch.equal(value, before[name]) for name, value in module.state_dict().items())
    assert torch.equal(random, torch.random.get_rng_state())
    assert torch.get_num_threads() == threads


@pytest.mark.parametrize("engine", ["native", "torch", "jax"])
def test_second_order_is_checked_by_every_engine(engine: str) -> None:
    x = np.array([0.3, -1.2, 2.0])
    if engine == "native":
        f: Callable[..., Any] = lambda x: ge.sum(ge.sin(x) * x)
    else:
        module = pytest.importorskip(engine, reason=f"{engine} is not installed")
        space = module.numpy if engine == "jax" else module
        f = lambda x: (space.sin(x) * x).sum()
    verdict = check_gradient(f, x, engine=engine, order=2)
    assert verdict.kind is Kind.AGREE
    assert "order 2: differences" in verdict.evidence


def test_what_differences_cannot_tell_is_inconclusive() -> None:
    with pytest.raises(InconclusiveError, match=r"RANGE.*not finite"):
        check_gradient(ge.log, np.array([0.0]))
    with pytest.raises(InconclusiveError, match=r"UNDECIDED.*meaning="):
        check_gradient(lambda x: x * ge.sqrt(x), np.array([0.0]), directions=1)


def test_the_evidence_says_what_it_rests_on() -> None:
    verdict = check_gradient(lambda x: ge.sum(ge.tanh(x)), normal(400), coordinates=32)
    assert verdict.evidence.startswith("differences, 36 directions (32 of 400 entries and 4 random)")
    assert "smallest relative error it would have seen about" in verdict.evidence


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: check_gradient(ge.sin, 1.0, order=4), "order 4"),
        (lambda: check_gradient(ge.sin, 1.0, order="2"), "order '2'"),  # type: ignore[arg-type]
        (lambda: check_gradient(ge.sin, 1.0, seed=-1), "seed -1 cannot be; expected a whole number from 0 on"),
        (lambda: check_gradient(ge.sin, 1.0, k=0), "k 0 cannot be"),
        (lambda: check_gradient(ge.sin, 1.0, directions=-1), "directions -1 cannot be"),
        (lambda: check_gradient(ge.sin, 1.0, coordinates=0), "coordinates 0 cannot be; expected a whole number from 1 on"),
        (lambda: check_gradient(1.0, ge.sin), "f is float; expected a function"),  # type: ignore[arg-type]
        (lambda: check_gradient(ge.sin, 1.0, meaning=3), "meaning is int"),  # type: ignore[arg-type]
        (lambda: check_gradient(ge.sin, 1.0, argnums="x"), "argnums 'x' is no position"),  # type: ignore[arg-type]
        (lambda: check_gradient(ge.sin), "no argument can be differentiated"),
        (lambda: check_gradient(ge.sin, 1), "no argument can be differentiated"),
        (lambda: check_gradient(ge.sin, 1.0, argnums=2), "argnums 2"),
        (lambda: check_gradient(ge.sin, 1.0, engine="torhc"), "Did you mean 'torch'"),
        (lambda: check_gradient(ge.sin, np.array([1j])), "complex"),
        (lambda: check_gradient(lambda x: "text", 1.0), "no float array"),
    ],
)
def test_a_call_that_cannot_work_says_why(call: Callable[[], Any], message: str) -> None:
    with pytest.raises(Exception, match=message):
        call()


def test_an_error_of_the_users_own_function_is_the_users_to_see() -> None:
    def broken(x: Any) -> Any:
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        check_gradient(broken, 1.0)


CHOICES: dict[str, tuple[Callable[..., Any], Any]] = {
    "kinks that cancel": (lambda x: ge.nn.relu(x) - ge.nn.relu(-x), np.array([0.0, 1.0, -2.0])),
    "kinks that cancel in one number": (lambda x: ge.nn.relu(x) - ge.nn.relu(-x), 0.0),
    "kinks that cancel in part": (lambda x: ge.nn.relu(x) - 0.5 * ge.nn.relu(-x), np.array([0.0, 1.0])),
    "ties of a largest and a smallest": (lambda x: ge.max(x) + ge.min(x), np.ones(3)),
    "few entries of many": (lambda x: ge.sum(ge.nn.relu(x) - ge.nn.relu(-x)), np.concatenate([np.zeros(3), normal(500)])),
}


@pytest.mark.parametrize("name", CHOICES)
def test_a_sound_choice_at_a_kink_that_values_do_not_show_is_not_called_wrong(name: str) -> None:
    f, x = CHOICES[name]
    with pytest.raises(InconclusiveError, match=r"got .* where the values of f show .*meaning="):
        check_gradient(f, x, coordinates=16)


def test_the_formula_decides_what_values_cannot() -> None:
    f, x = CHOICES["kinks that cancel"]
    verdict = check_gradient(f, x, meaning=lambda x: np.maximum(x, 0) - np.maximum(-x, 0))
    assert verdict.kind is Kind.SUBGRADIENT


def test_a_function_of_a_framework_given_numpy_is_told_so() -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    with pytest.raises(TypeError) as raised:
        check_gradient(torch.sin, np.ones(2))
    assert any('name that: engine="torch"' in note for note in raised.value.__notes__)
    with pytest.raises(GradproofError, match="f returned a NumPy array; expected tensors"):
        check_gradient(lambda x: x.detach().numpy(), torch.ones(2))


def test_a_nan_where_the_values_say_nothing_is_never_passed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The known trap: where(x > 0, sqrt(x), 0) has the gradient 0 times infinity at 0; it passed, as "undecided directions"."""
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    x = torch.tensor([0.0, 4.0], dtype=torch.float64)
    f: Callable[[Any], Any] = lambda x: torch.where(x > 0, torch.sqrt(x), torch.zeros_like(x))
    with pytest.raises(GradientError, match="NAN_UNTAKEN"):
        check_gradient(f, x, save=None)
    monkeypatch.setattr(frameworks.Torch, "traces", False)  # by values alone
    with pytest.raises(InconclusiveError, match=r"x at \[0\]: got nan.*1 of 2 entries.*pass meaning="):
        check_gradient(f, x)
