"""Transforms: signatures, structure, nesting, and every error message."""

from __future__ import annotations

import doctest
import re
import warnings

import numpy as np
import pytest

import gradproof.engine as ge
from gradproof.engine.functions import elementwise


@pytest.mark.parametrize("module", [ge, *(vars(ge)[m] for m in ("array", "transforms", "derivatives", "pytree", "custom", "hooks", "anomaly", "optim", "functions", "nn", "linalg")), elementwise])
def test_every_docstring_example_runs(module) -> None:
    assert doctest.testmod(module).failed == 0


def test_grad_takes_one_or_several_arguments_and_leaves_the_others() -> None:
    f = lambda x, y, n: x * x * y + n
    assert ge.grad(f)(3.0, 2.0, 7).item() == 12.0
    assert ge.grad(f, argnums=1)(3.0, 2.0, 7).item() == 9.0
    both = ge.grad(f, argnums=(1, 0))(3.0, 2.0, 7)
    assert [g.item() for g in both] == [9.0, 12.0]
    assert ge.grad(f, argnums=-2)(3.0, 2.0, 7).item() == 9.0
    with pytest.raises(TypeError, match="argnums 5 names an argument that was not passed"):
        ge.grad(f, argnums=5)(3.0, 2.0, 7)


def test_vjp_keeps_the_structure_of_the_output() -> None:
    out, pullback = ge.vjp(lambda x, y: [x * y, x + y, 5.0], 3.0, np.array(4.0))
    assert [o.item() for o in out] == [12.0, 7.0, 5.0]
    assert [g.item() for g in pullback([1.0, 10.0, 1.0])] == [14.0, 13.0]
    with pytest.raises(ge.ShapeError, match="the cotangent has 2 entries, expected 3 entries"):
        pullback([1.0, 1.0])


def test_unused_inputs_and_constant_outputs_get_zeros_of_their_shape_and_dtype() -> None:
    x, y = np.ones((2, 0, 3), np.float32), np.ones(4)
    _, pullback = ge.vjp(lambda a, b: b * 2.0, x, y)
    gx, _ = pullback(np.ones(4))
    assert (gx.shape, gx.dtype) == ((2, 0, 3), np.float32)
    assert np.array_equal(ge.grad(lambda b: 3.0)(y).data, np.zeros(4))
    assert np.array_equal(ge.grad(lambda b: ge.sum(ge.stop_gradient(b)))(y).data, np.zeros(4))


def test_a_function_returning_its_input_gives_the_cotangent_as_a_copy() -> None:
    ct = np.ones(3)
    (g,) = ge.vjp(lambda x: x, np.zeros(3))[1](ct)
    assert np.array_equal(g.data, ct)
    assert not np.shares_memory(g.data, ct)
    a, b = ge.vjp(lambda x, y: x + y, np.zeros(3), np.zeros(3))[1](ct)
    assert not np.shares_memory(a.data, b.data)


@pytest.mark.parametrize(
    ("ct", "error", "message"),
    [
        (np.ones(3), ge.ShapeError, "cotangent for output 0 has shape (3,), expected (3, 1). Reshape it; a cotangent is never"),
        (np.ones((3, 1), np.float32), ge.DtypeError, "cotangent for output 0 has dtype float32, expected float64. Cast it"),
        (np.ones((3, 1), int), ge.DtypeError, "cotangent for output 0 has dtype int64, expected float64"),
    ],
)
def test_a_cotangent_must_have_its_outputs_shape_and_dtype(ct, error, message) -> None:
    with pytest.raises(error, match=re.escape(message)):
        ge.vjp(lambda x: x * 2.0, np.ones((3, 1)))[1](ct)


@pytest.mark.parametrize("bad", [np.arange(3), True, 3])
def test_a_primal_must_be_of_a_floating_dtype(bad) -> None:
    with pytest.raises(ge.DtypeError, match=r"primal 0 has dtype .* expected float64, float32"):
        ge.grad(lambda x: ge.sum(x * 1.0))(bad)
    with pytest.raises(ge.DtypeError, match="variable has dtype"):
        ge.variable(bad)


def test_grad_needs_a_real_value() -> None:
    with pytest.raises(ge.DtypeError, match="grad of a complex value: one number cannot hold its derivative"):
        ge.grad(lambda x: ge.sum(x * 1.0))(np.ones(2, np.complex128))


def test_grad_needs_one_scalar_output() -> None:
    with pytest.raises(ge.ShapeError, match=r"grad needs a scalar, but the value has shape \(3,\), expected \(\)"):
        ge.grad(lambda x: x * 2.0)(np.ones(3))
    with pytest.raises(ge.ShapeError, match="one scalar output, but the function returned a tuple"):
        ge.grad(lambda x: (x, x))(1.0)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: ge.add(np.ones(2), np.ones(3)), "add: operands of shape (2,), (3,) do not fit"),
        (lambda: ge.matmul(np.ones((2, 3)), np.ones((2, 3))), "matmul: operands of shape (2, 3), (2, 3) do not fit"),
        (lambda: ge.matmul(np.ones((2, 3)), np.ones(())), "expected at least one axis each"),
        (lambda: ge.reshape(np.ones(6), (4, 2)), "reshape: operands of shape (6,) with shape=(4, 2) do not fit"),
        (lambda: ge.concat([np.ones(2), np.ones((2, 2))]), "different numbers of axes"),
        (lambda: ge.concat([np.ones(2)], axis=1), "concat: axis 1 is out of range"),
        (lambda: ge.concat([]), "no arrays were given"),
        (lambda: ge.tensordot(np.ones((2, 3)), np.ones((2, 3)), 1), "tensordot: operands of shape (2, 3), (2, 3) differ"),
        (lambda: ge.einsum("ij,jk->ik", np.ones((2, 3))), "names 2 operands, but 1 were given"),
        (lambda: ge.einsum("ijk->i", np.ones((2, 3))), "term 'ijk' of 'ijk->i' does not fit"),
        (lambda: ge.einsum("ii->i", np.ones((2, 3))), "letter 'i' names axes of lengths 2, 3"),
        (lambda: ge.linalg.outer(np.ones((2, 3)), np.ones(3)), "outer: operands of shape (2, 3), (3,); expected vectors"),
        (lambda: ge.nn.cross_entropy(np.ones((2, 3)), np.zeros(3, int)), "cross_entropy: logits (2, 3), labels (3,)"),
        (lambda: ge.nn.conv2d(np.ones((1, 2, 3, 3)), np.ones((1, 1, 2, 2))), "conv2d: x (1, 2, 3, 3), weight (1, 1, 2, 2)"),
        (lambda: ge.nn.max_pool2d(np.ones((2, 2)), (3, 3), (1, 1)), "a window of 3 x 3 does not fit an image of shape (2, 2)"),
    ],
)
def test_operands_that_do_not_fit_are_named(call, message) -> None:
    with pytest.raises(ge.ShapeError, match=re.escape(message)):
        call()


def test_an_argument_without_a_rule_is_named() -> None:
    with pytest.raises(ge.MissingRule, match=r"no vjp for 'where' \(argument 0\)\. Add one in engine/rules"):
        ge.grad(lambda c: ge.sum(ge.where(c, 1.0, 2.0)))(np.ones(2))


def test_third_derivatives_come_by_nesting() -> None:
    third = ge.grad(ge.grad(ge.grad(lambda x: ge.tanh(x))))
    assert third(0.0).item() == -2.0
    assert third(0.5).item() == pytest.approx(-2 * (1 - np.tanh(0.5) ** 2) * (1 - 3 * np.tanh(0.5) ** 2))


def test_an_inner_gradient_reaches_what_its_function_closes_over() -> None:
    # d/dx [x * d/dy (x * y**2)] = d/dx [x * 2 x y] = 4 x y
    mixed = ge.grad(lambda x: x * ge.grad(lambda y: x * y * y)(5.0))
    assert mixed(3.0).item() == 60.0
    confusion = ge.grad(lambda x: x * ge.grad(lambda y: x + y)(1.0))
    assert confusion(2.0).item() == 1.0


def test_a_transforms_gradient_stays_on_the_tape_of_variables() -> None:
    w = ge.variable(3.0)
    slope = ge.grad(lambda x: w * x * x)(2.0)
    (slope * slope).backward()  # (2 w x)**2, by w: 8 w x**2
    assert w.grad.item() == 96.0
    x = ge.variable(2.0)
    value, gradient = ge.value_and_grad(lambda v: v**3)(x)
    (value + gradient).backward()
    assert x.grad.item() == 12.0 + 12.0


def test_a_plain_result_is_off_the_tape() -> None:
    value, gradient = ge.value_and_grad(lambda x: x * x)(3.0)
    assert value.node is None
    assert gradient.node is None
    assert np.asarray(value) == 9.0


def test_jacobian_and_hessian_have_output_axes_first() -> None:
    a = np.arange(6.0).reshape(2, 3)
    assert np.array_equal(ge.jacobian(lambda x: ge.matmul(a, x))(np.ones(3)).data, a)
    first, second = ge.jacobian(lambda x, y: ge.linalg.outer(x, y), argnums=(0, 1))(np.ones(2), np.ones(3))
    assert (first.shape, second.shape) == ((2, 3, 2), (2, 3, 3))
    assert ge.jacobian(lambda x: x[:0])(np.ones(3)).shape == (0, 3)
    assert np.array_equal(ge.hessian(lambda x: ge.sum(x**3))(np.array([1.0, 2.0])).data, np.diag([6.0, 12.0]))


def test_hvp_is_the_hessian_times_a_vector() -> None:
    f = lambda x: ge.sum(ge.sin(x) * ge.prod(x))
    x, v = np.array([0.5, -1.0, 2.0]), np.array([1.0, 2.0, -1.0])
    h = ge.hessian(f)(x).data
    assert np.allclose(h, h.T, rtol=1e-14)
    assert np.allclose(ge.hvp(f, x, v).data, h @ v, rtol=1e-13)
    (again,) = ge.hvp(f, (x,), (v,))
    assert np.array_equal(again.data, ge.hvp(f, x, v).data)
    with pytest.raises(ge.ShapeError, match=r"tangent 0 is float64\(2,\), expected float64\(3,\)"):
        ge.hvp(f, x, np.ones(2))
    with pytest.raises(ge.ShapeError, match="2 tangents for 1 primals"):
        ge.jvp(f, (x,), (v, v))


def test_jvp_keeps_the_structure_of_the_output() -> None:
    out, along = ge.jvp(lambda x, y: (x * y, ge.sin(x)), (2.0, 3.0), (1.0, 0.5))
    assert [o.item() for o in out] == [6.0, np.sin(2.0)]
    assert [t.item() for t in along] == pytest.approx([4.0, np.cos(2.0)], rel=1e-15)


def test_overflow_division_and_invalid_operations_never_warn() -> None:
    hot = np.array([1e308, -1e308, 0.0, -1.0, 1000.0])
    with warnings.catch_warnings(), np.errstate(all="warn"):
        warnings.simplefilter("error")
        for f in (ge.exp, ge.log, ge.sqrt, ge.reciprocal, ge.square, ge.cosh, ge.acos, ge.log1p, ge.rsqrt, ge.tan, ge.prod):
            ge.grad(lambda x, f=f: ge.sum(f(x) * x))(hot)
            y = f(ge.variable(hot))
            ge.sum(y / y).backward()
        assert ge.mean(np.ones((0, 2))).shape == ()
        assert ge.var(np.ones((2, 0)), axis=1, correction=1).shape == (2,)
        assert np.geterr()["over"] == "warn"


def test_mixed_dtypes_follow_numpy_and_each_gradient_keeps_its_primals() -> None:
    x, y = np.ones(3, np.float32), np.ones(3)
    out, pullback = ge.vjp(ge.multiply, x, y)
    assert out.dtype == np.float64
    assert [g.dtype for g in pullback(np.ones(3))] == [np.float32, np.float64]
    assert ge.grad(lambda a: ge.sum(a * 0.1 + 1))(x).dtype == np.float32
    assert (ge.variable(np.float32(2.0)) * 0.1).dtype == np.float32
    assert ge.grad(lambda a: ge.astype(ge.sum(ge.astype(a, "float64")), "float32"))(x).dtype == np.float32


@pytest.mark.parametrize("argnums", [(0, 0), (1, -1)])
def test_an_argument_named_twice_is_refused(argnums: tuple[int, int]) -> None:
    with pytest.raises(TypeError, match="names an argument twice"):
        ge.grad(lambda x, y: x * y, argnums)(3.0, 4.0)
