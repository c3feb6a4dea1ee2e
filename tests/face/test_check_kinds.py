"""Every kind of function: the right one passes, and each of five planted faults is found."""

from __future__ import annotations

import dataclasses
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest

import gradproof.engine as ge
from gradproof import GradientError, check_gradient
from gradproof.oracles.errors import GradproofError
from gradproof.oracles.verdict import Kind

RNG = np.random.default_rng(0)
X, B = RNG.standard_normal((3, 4)), RNG.standard_normal(4)
ONE = np.zeros((3, 4))
ONE[1, 2] = 1.0
FAULTS = ("one entry", "below zero", "missing sum", "no cotangent", "NaN beside")


def value(x: Any, b: Any) -> Any:
    return x * x * x * b


def slopes(xp: Any, x: Any, b: Any, ct: Any, fault: str, array: Callable[[Any], Any] = lambda a: a) -> tuple[Any, Any]:
    """The pullback of ``value`` in any framework's functions, with a fault or without."""
    by_x, by_b = ct * 3.0 * x * x * b, xp.sum(ct * x * x * x, axis=0)
    if fault == "one entry":
        by_x = by_x * array(1 + 0.1 * ONE)
    if fault == "below zero":
        by_x = by_x * xp.where(x < 0, array(1.01 + 0 * ONE), array(1.0 + 0 * ONE))
    if fault == "missing sum":
        by_b = (ct * x * x * x)[0]
    if fault == "no cotangent":
        by_x = 3.0 * x * x * b
    if fault == "NaN beside":
        by_x = by_x + array(np.where(ONE, np.nan, 0.0))
    return by_x, by_b


def torch_function(fault: str) -> Callable[..., Any]:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")

    class Function(torch.autograd.Function):  # type: ignore[misc, name-defined]
        @staticmethod
        def forward(ctx: Any, x: Any, b: Any) -> Any:
            ctx.save_for_backward(x, b)
            return value(x, b)

        @staticmethod
        def backward(ctx: Any, ct: Any) -> Any:
            return slopes(torch, *ctx.saved_tensors, ct, fault, lambda a: torch.tensor(a, dtype=ct.dtype))

    return check(Function.apply, engine="torch")


def torch_module(fault: str) -> Callable[..., Any]:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    apply = torch_function(fault).f  # type: ignore[attr-defined]

    class Layer(torch.nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.b = torch.nn.Parameter(torch.tensor(B))
            self.register_buffer("count", torch.zeros(()))

        def forward(self, x: Any) -> Any:
            self.count += 1
            return apply(x, self.b)

    layer = Layer()

    def run() -> Any:
        found = check_gradient(layer, X, save=None)
        assert float(layer.count) == 0.0
        return found

    return run


def torch_custom_op(fault: str) -> Callable[..., Any]:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    schema = "(Tensor x, Tensor b) -> Tensor"
    op = torch.library.custom_op(f"gradproof_test::f{FAULTS.index(fault) if fault else ''}", value, mutates_args=(), schema=schema)
    op.register_autograd(
        lambda ctx, ct: slopes(torch, *ctx.saved_tensors, ct, fault, lambda a: torch.tensor(a, dtype=ct.dtype)),
        setup_context=lambda ctx, inputs, output: ctx.save_for_backward(*inputs),
    )
    return check(op)


def jax_vjp(fault: str) -> Callable[..., Any]:
    jax = pytest.importorskip("jax", reason="JAX is not installed")

    @jax.custom_vjp
    def f(tree: Any) -> Any:
        return {"y": value(tree["x"], tree["b"][0])}

    def bwd(tree: Any, ct: Any) -> Any:
        x, b = slopes(jax.numpy, tree["x"], tree["b"][0], ct["y"], fault)
        return ({"x": x, "b": (b,)},)

    f.defvjp(lambda tree: (f(tree), tree), bwd)
    return lambda: check_gradient(jax.jit(f), {"x": X, "b": (B,)}, engine="jax", save=None)


def jax_jvp(fault: str) -> Callable[..., Any]:
    jax = pytest.importorskip("jax", reason="JAX is not installed")

    @jax.custom_jvp
    def f(x: Any, b: Any) -> Any:
        return value(x, b)

    @f.defjvp
    def push(primals: Any, tangents: Any) -> Any:
        x, b = primals
        by_x, _ = slopes(jax.numpy, x, b, tangents[0], fault)
        by_b = (tangents[1][0] if fault == "missing sum" else tangents[1]) * x * x * x
        return value(x, b), by_x + by_b

    return check(f, engine="jax", modes=("reverse", "forward"))


def numpy_pair(fault: str) -> Callable[..., Any]:
    return check(value, vjp=lambda x, b, ct: slopes(np, x, b, ct, fault))


def native_vjp(fault: str) -> Callable[..., Any]:
    f = ge.custom_vjp(value)
    f.defvjp(lambda x, b: (value(x, b), (x, b)), lambda kept, ct: slopes(ge, *kept, ct, fault))
    return check(f)


def tensorflow_gradient(fault: str) -> Callable[..., Any]:
    tf = pytest.importorskip("tensorflow", reason="TensorFlow is not installed")
    space = type("tf", (), {"sum": staticmethod(tf.reduce_sum), "where": staticmethod(tf.where)})
    f = tf.custom_gradient(lambda x, b: (value(x, b), lambda ct: slopes(space, x, b, ct, fault)))
    return lambda: check_gradient(f, tf.constant(X), tf.constant(B), save=None)


def autograd_primitive(fault: str) -> Callable[..., Any]:
    anp = pytest.importorskip("autograd.numpy", reason="autograd is not installed")
    from autograd.extend import defvjp, primitive

    f = primitive(value)
    defvjp(f, lambda y, x, b: lambda ct: slopes(anp, x, b, ct, fault)[0], lambda y, x, b: lambda ct: slopes(anp, x, b, ct, fault)[1])
    return check(f)


def mlx_function(fault: str) -> Callable[..., Any]:
    mx = pytest.importorskip("mlx.core", reason="MLX is not installed")
    f = mx.custom_function(value)
    f.vjp(lambda primals, ct, y: slopes(mx, *primals, ct, fault, lambda a: mx.array(a.astype(np.float32))))
    return lambda: check_gradient(f, mx.array(X.astype(np.float32)), mx.array(B.astype(np.float32)), save=None)


def check(f: Callable[..., Any], **options: Any) -> Callable[..., Any]:
    def run() -> Any:
        return check_gradient(f, X, B, save=None, **({"engine": "torch"} if type(f).__module__.startswith("torch.") else {}), **options)

    run.f = f  # type: ignore[attr-defined]
    return run


KINDS = (
    torch_function, torch_module, torch_custom_op, jax_vjp, jax_jvp, numpy_pair, native_vjp, tensorflow_gradient, autograd_primitive,
    mlx_function,
)  # fmt: skip


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_a_right_one_of_each_kind_passes_with_all_its_entries(kind: Callable[[str], Callable[..., Any]]) -> None:
    verdict = kind("")()
    assert verdict.kind is Kind.AGREE
    assert verdict.entries in (16, 32)
    assert verdict.undecided == 0


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_each_fault_is_found_in_each_kind(kind: Callable[[str], Callable[..., Any]], fault: str) -> None:
    if kind is jax_jvp and fault == "missing sum":
        pytest.skip("a tangent is not summed")
    with pytest.raises(GradientError) as raised:
        kind(fault)()
    if fault == "one entry":
        assert raised.value.verdict.worst is not None
        assert raised.value.verdict.worst.index == (1, 2)


class Point(NamedTuple):
    x: Any
    b: Any


@dataclasses.dataclass(frozen=True)
class Record:
    x: Any
    b: Any
    name: str = "kept"


@pytest.mark.parametrize("make", [Point, Record, lambda x, b: OrderedDict(x=x, b=[b, None])], ids=["named tuple", "dataclass", "OrderedDict"])
@pytest.mark.parametrize("engine", ["native", "torch", "jax"])
def test_trees_of_any_kind_are_opened_and_named(engine: str, make: Callable[..., Any]) -> None:
    pytest.importorskip(engine if engine != "native" else "numpy", reason=f"{engine} is not installed")

    def f(tree: Any) -> Any:
        assert type(tree) in (Point, Record, OrderedDict)
        x, b = (tree["x"], tree["b"][0]) if isinstance(tree, OrderedDict) else (tree.x, tree.b)
        return Point(value(x, b), {"more": x})

    assert check_gradient(f, make(X, B), engine=engine, save=None).entries == 16
    with pytest.raises(GradientError, match=r"worst      tree(\.x|\['x'\]) at \[1, 2\]"):
        check_gradient(f, make(X, B), vjp=lambda tree, ct: (make(slopes(np, X, B, ct[0], "one entry")[0] + ct[1]["more"], slopes(np, X, B, ct[0], "")[1]),), save=None)


def test_a_class_that_jax_knows_is_opened_as_jax_opens_it() -> None:
    jax = pytest.importorskip("jax", reason="JAX is not installed")

    class Own:
        def __init__(self, x: Any, power: int) -> None:
            self.x, self.power = x, power

    jax.tree_util.register_pytree_node(Own, lambda o: ((o.x,), o.power), lambda power, x: Own(x[0], power))
    assert check_gradient(lambda o: o.x**o.power, Own(jax.numpy.array(B), 3), save=None).entries == 4


def test_named_arguments_are_passed_and_differentiated() -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    x = torch.tensor(X)
    linear, keywords = torch.nn.functional.linear, {"weight": x * 2, "bias": x[:, 0].clone()}
    assert check_gradient(linear, x, kwargs=keywords, save=None).entries == 12 + 12 + 3
    assert check_gradient(torch.softmax, x, kwargs={"dim": -1}, save=None).entries == 12
    assert check_gradient(torch.nn.Linear(4, 2), kwargs={"input": x.float()}, save=None).entries == 12 + 10
    verdict = check_gradient(linear, x, kwargs=keywords, meaning=lambda x, weight, bias: x @ weight.T + bias, save=None)
    assert verdict.evidence.startswith("certified balls")


def test_a_failure_with_named_arguments_can_be_pasted_and_loaded(tmp_path: Any) -> None:
    from gradproof.failures import keywords, load

    with pytest.raises(GradientError) as raised:
        check_gradient(value, X, kwargs={"b": B}, vjp=lambda x, ct, b: slopes(np, x, b, ct, "one entry")[0], save=tmp_path)
    (saved,) = tmp_path.glob("*.json")
    assert np.array_equal(load(saved)[0], X)
    assert np.array_equal(keywords(saved)["b"], B)
    assert "kwargs=kwargs" in str(raised.value)


def test_forward_mode_is_judged_apart_and_unasked_where_it_has_a_rule_of_its_own() -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")

    class Function(torch.autograd.Function):  # type: ignore[misc, name-defined]
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            ctx.save_for_backward(x)
            ctx.save_for_forward(x)
            return torch.sin(x)

        @staticmethod
        def backward(ctx: Any, ct: Any) -> Any:
            return ct * torch.cos(ctx.saved_tensors[0])

        @staticmethod
        def jvp(ctx: Any, tangent: Any) -> Any:
            return tangent * torch.cos(ctx.saved_tensors[0]) * 1.001

    x = torch.tensor(B)
    assert check_gradient(Function.apply, x, modes=("reverse",), save=None).kind is Kind.AGREE
    for asked in ({"modes": ("reverse", "forward")}, {}, {"meaning": np.sin}):
        with pytest.raises(GradientError, match=r"WRONG: gradient of .* \(torch\) in forward mode"):
            check_gradient(lambda x: Function.apply(x) * 1.0, x, **asked, save=None)


def test_a_tangent_that_is_not_linear_breaks_the_contract() -> None:
    jax = pytest.importorskip("jax", reason="JAX is not installed")
    f = jax.custom_jvp(lambda x: jax.numpy.sin(x))
    f.defjvp(lambda p, t: (f(*p), jax.numpy.cos(p[0]) * jax.numpy.maximum(t[0], 0.0)))
    with pytest.raises(GradientError, match=r"CONTRACT.*\n.*not linear in the tangent"):
        check_gradient(f, jax.numpy.array(B), modes=("forward",), save=None)


@pytest.mark.parametrize("engine", ["native", "torch", "jax"])
def test_both_modes_at_the_second_order(engine: str) -> None:
    pytest.importorskip(engine if engine != "native" else "numpy", reason=f"{engine} is not installed")
    verdict = check_gradient(value, X[0], B, engine=engine, order=2, modes=("forward", "reverse"), save=None)
    assert verdict.kind is Kind.AGREE
    assert verdict.evidence.count("forward mode") == 2


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: check_gradient(ge.sin, B, modes=("sideways",)), "modes .* are not offered"),
        (lambda: check_gradient(ge.sin, B, modes="forward"), "modes 'forward' are not offered"),
        (lambda: check_gradient(ge.sin, np.ones(300), modes=("forward",)), "up to 256 entries"),
        (lambda: check_gradient(value, X, B, vjp=lambda x, b, ct: slopes(np, x, b, ct, ""), order=2), "cannot be differentiated again"),
        (lambda: check_gradient(value, X, B, vjp=lambda x, b, ct: ct, save=None), "for each argument"),
    ],
)
def test_what_cannot_be_done_is_said(call: Callable[[], Any], message: str) -> None:
    with pytest.raises((GradproofError, ValueError), match=message):
        call()


def test_the_fixture_of_the_plugin_is_check_gradient(check_gradient: Callable[..., Any]) -> None:
    assert check_gradient(ge.sin, B).kind is Kind.AGREE
    with pytest.raises(GradientError, match="WRONG"):
        check_gradient(np.sin, B, vjp=lambda x, ct: ct * np.sin(x), save=None)
