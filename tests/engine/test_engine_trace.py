"""Traced mode: programs equal to the eager engine bit for bit, their guards, and what cannot be traced."""

from __future__ import annotations

import json
import threading
from typing import Any

import numpy as np
import pytest

import gradproof.engine as ge
from gradproof.engine import archive, generate
from gradproof.engine.simplify import simplified
from gradproof.engine.tracer import Builder

X = np.random.default_rng(0).normal(size=(4, 3))
W = np.random.default_rng(1).normal(size=(3, 3))


def loss(x: Any, w: Any) -> Any:
    h = ge.nn.relu(ge.matmul(x, w)) + ge.sin(x)
    return ge.mean(ge.square(ge.nn.softmax(h, axis=-1) - h[:, :1]))


def same(a: Any, b: Any) -> bool:
    xs, s = ge.pytree.flatten(a)
    ys, t = ge.pytree.flatten(b)
    return s == t and all(np.asarray(x).tobytes() == np.asarray(y).tobytes() and x.shape == y.shape for x, y in zip(xs, ys, strict=True))


TRANSFORMED = {
    "value": loss,
    "value_and_grad": ge.value_and_grad(loss, (0, 1)),
    "vjp": lambda x, w: ge.vjp(lambda x: ge.matmul(x, w) * x, x)[1](ge.cos(x)),
    "jvp": lambda x, w: ge.jvp(loss, (x, w), (w[:1] + 0.0 * x, w)),
    "hvp": lambda x, w: ge.hvp(lambda w: loss(x, w), w, ge.exp(w)),
    "grad of grad": lambda x, w: ge.grad(lambda w: ge.sum(ge.grad(loss)(x, w) * x))(w),
    "jacobian": lambda x, w: ge.jacobian(lambda r: ge.tanh(ge.matmul(w, r)))(x[0]),
    "vmap": lambda x, w: ge.vmap(ge.grad(lambda r, w: ge.sum(ge.tanh(ge.matmul(w, r)))), in_axes=(0, None))(x, w),
    "checkpoint": ge.grad(lambda x, w: loss(ge.checkpoint(lambda x: ge.tanh(ge.exp(x)))(x), w)),
    "sorted": ge.grad(lambda x, w: ge.sum(ge.sort(x, axis=0) * ge.cumulative_sum(x, axis=0))),
}


@pytest.mark.parametrize("name", TRANSFORMED)
def test_a_program_equals_the_eager_engine_bit_for_bit_at_values_it_was_not_traced_at(name: str) -> None:
    f = TRANSFORMED[name]
    traced = ge.trace(f)
    traced(-X[::-1], W.T + 1.0)
    assert same(traced(ge.as_array(X), ge.as_array(W)), f(ge.as_array(X), ge.as_array(W)))
    assert same(traced(X, W), f(X, W))
    assert len(traced.programs) == 2  # plain arrays and Arrays: f may tell them apart


def test_what_is_interpreted_compiled_unsimplified_or_saved_is_the_same_program() -> None:
    f = ge.value_and_grad(loss, (0, 1))
    plain = ge.trace(f, simplify=False).program(X, W)
    short = simplified(plain)
    again = archive.loads(archive.dumps(short))
    assert len(short.instructions) < len(plain.instructions)
    outs = [p.run([X, W]) for p in (plain, short, again)] + [generate.compiled(p)(X, W) for p in (plain, short, again)]
    for out in outs[1:]:
        assert same(out, outs[0])
    assert str(again) == str(short)


def test_dead_code_common_subexpressions_and_constants_are_gone() -> None:
    def f(x: Any) -> Any:
        ge.exp(x)
        scale = ge.sin(ge.as_array(2.0)) * 3.0
        return ge.cos(x) * scale + ge.cos(x) * scale

    program = ge.trace(f).program(X)
    assert [one.op for one in program.instructions] == ["cos", "multiply", "add"]
    assert [c.item() for c in program.constants.values()] == [np.sin(2.0) * 3.0]


def test_a_program_prints_a_line_an_instruction() -> None:
    text = str(ge.trace(lambda x: ge.exp(x)[1:, ::2] * 2.0).program(X))
    assert text.splitlines() == [
        "program(%0: f64[4,3]) -> %3",
        "  %1: f64[4,3] = exp(%0)",
        "  %2: f64[3,2] = getitem(%1, key=(1:, ::2))",
        "  %3: f64[3,2] = multiply(%2, 2.0)",
    ]


def test_guards_trace_again_for_other_shapes_dtypes_structures_and_fixed_values() -> None:
    calls: list[int] = []

    def f(tree: Any, power: int = 2) -> Any:
        calls.append(1)
        return {"out": tree["x"] ** power}

    traced = ge.trace(f)
    x = ge.as_array(X)
    for _ in range(3):
        assert same(traced({"x": x}), {"out": x**2})
    assert len(calls) == 1
    assert same(traced({"x": x}, power=3), {"out": x**3})
    traced({"x": ge.as_array(X[:2])})
    traced({"x": ge.as_array(X.astype(np.float32))})
    assert len(calls) == 4
    program = traced.program({"x": x})
    with pytest.raises(ge.ShapeError, match=r"argument 0 has shape \(2, 3\), but the program was traced with \(4, 3\)"):
        program.run([X[:2]])
    with pytest.raises(ge.DtypeError, match="argument 0 has dtype float32, but the program was traced with float64"):
        program.run([X.astype(np.float32)])
    with pytest.raises(ge.ShapeError, match="takes 1 arrays, got 2"):
        program.run([X, X])


LOOKS = {
    "bool": lambda x: x * 2.0 if ge.sum(x) > 0 else x,
    "float": lambda x: x * float(ge.sum(x)),
    "item": lambda x: x * ge.sum(x).item(),
    "int": lambda x: x[int(ge.sum(x))],
    "numpy": lambda x: x * ge.sum(x).numpy(),
    "asarray": lambda x: x * np.asarray(ge.sum(x)),
    "mask": lambda x: x[x > 0],
    "while": lambda x: [x := x * 0.5 for _ in iter(lambda: bool(ge.sum(x) > 1), False)][-1],
}


@pytest.mark.parametrize("how", LOOKS)
@pytest.mark.parametrize("within", ["trace", "trace of grad", "vmap"])
def test_looking_at_a_value_is_an_error_that_says_what_to_do(how: str, within: str) -> None:
    f: Any = LOOKS[how]
    if within == "trace of grad":
        f = ge.grad(lambda x: ge.sum(LOOKS[how](x)))
    with pytest.raises((ge.TraceError, ge.TapeError), match=r"Use|where|x\.numpy\(\) to leave"):
        (ge.vmap(f) if within == "vmap" else ge.trace(f))(ge.as_array(np.abs(X)))


def test_a_closed_over_variable_is_an_error_and_a_constant_is_baked_in() -> None:
    w = ge.variable(W)
    with pytest.raises(ge.TraceError, match=r"closes over .op 'matmul'.. Pass the variable as an argument"):
        ge.trace(lambda x: ge.matmul(x, w))(X)
    traced = ge.trace(lambda x: ge.matmul(x, W))
    assert same(traced(X), ge.matmul(X, W))


def test_a_traced_function_within_transforms_is_itself() -> None:
    traced = ge.trace(lambda x: ge.sum(ge.sin(x) * x))
    traced(ge.as_array(X))

    def plain(x: Any) -> Any:
        return ge.sum(ge.sin(x) * x)

    assert same(ge.grad(traced)(X), ge.grad(plain)(X))
    assert same(ge.vmap(ge.grad(traced))(X), ge.vmap(ge.grad(plain))(X))
    assert same(ge.trace(ge.grad(ge.trace(plain)))(X), ge.grad(plain)(X))
    x = ge.variable(X)
    traced(x).backward()
    assert same(x.grad, ge.grad(plain)(X))


def test_outputs_are_new_at_each_call_and_share_memory_with_nothing() -> None:
    traced = ge.trace(lambda x: (ge.exp(x), ge.exp(x), ge.exp(x).T, ge.zeros_like(x) + 2.0, x * 1.0 + 0.0))
    first = traced(ge.as_array(X))
    kept = [np.array(y.data) for y in first]
    second = traced(ge.as_array(-X))
    arrays = [y.data for y in (*first, *second)]
    assert all(not np.shares_memory(a, b) for i, a in enumerate(arrays) for b in arrays[:i])
    assert all(np.array_equal(y.data, k) for y, k in zip(first, kept, strict=True))
    third = traced(ge.as_array(X))
    first[3].data[...] = 7.0
    assert same(traced(ge.as_array(X)), third)


def test_threads_may_call_a_program_at_once() -> None:
    traced = ge.trace(ge.grad(lambda x: ge.sum(ge.sin(x) * ge.exp(x))))
    xs = [np.full(1000, float(i)) for i in range(8)]
    expected = [ge.grad(lambda x: ge.sum(ge.sin(x) * ge.exp(x)))(x) for x in xs]
    traced(xs[0])
    wrong: list[int] = []

    def work(i: int) -> None:
        for _ in range(50):
            if not same(traced(xs[i]), expected[i]):
                wrong.append(i)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not wrong


def test_slices_of_one_array_pull_back_into_one_buffer() -> None:
    f = ge.grad(lambda v: ge.sum(ge.concat([v[i : i + 1] * float(i) for i in range(20)])))
    x = np.ones((20, 3))
    assert same(ge.trace(f)(x), f(x))


def test_numbers_as_python_floats_are_exact_where_asked_and_close_elsewhere() -> None:
    def f(x: Any) -> Any:
        for _ in range(5):
            x = ge.sqrt(x * x + 1.0) / (1.0 + ge.abs(x))
        return ge.where(x > 0.5, x * 2.0, x)

    g = ge.value_and_grad(f)
    point = np.asarray(0.7)
    exact = ge.trace(g)
    assert same(exact(point), g(point))
    h = ge.value_and_grad(lambda x: ge.sin(x) * ge.exp(x) + ge.nn.sigmoid(x) * ge.tanh(x))
    close = ge.trace(h, exact=False)(point)
    for got, true in zip(close, h(point), strict=True):
        assert abs(got.item() - true.item()) <= 8 * np.spacing(abs(true.item()))
    assert np.isinf(ge.trace(lambda x: 1.0 / x)(np.asarray(0.0)).item())  # where Python raises, NumPy answers
    assert np.isinf(ge.trace(ge.exp, exact=False)(np.asarray(1e4)).item())


def test_a_saved_program_names_kernels_only_and_damage_is_an_error() -> None:
    program = ge.trace(lambda x: ge.sum(x[np.array([0, 2])], axis=0)).program(X)
    data = json.loads(archive.dumps(program))
    assert same(archive.loads(json.dumps(data)).run([X]), program.run([X]))
    for damage in (
        {"version": 99},
        {"outputs": [50]},
        {"instructions": [["os.system", ["tuple", "echo"], {}, 1]]},
        {"instructions": [["exp", ["tuple", ["variable", 9]], {}, 1]]},
        {"instructions": [["exp", ["lambda", 1], {}, 1]]},
    ):
        with pytest.raises(ge.TraceError):
            archive.loads(json.dumps(data | damage))
    with pytest.raises(ge.TraceError):
        archive.loads("not JSON")


def test_constants_survive_saving_bit_for_bit() -> None:
    odd = np.array([[0.1, -0.0, np.inf], [np.nan, 5e-324, -1.5]]).T
    program = ge.trace(lambda x: x * odd + np.float32(0.1)).program(np.ones((3, 2)))
    again = archive.loads(archive.dumps(program))
    assert same(again.run([np.ones((3, 2))]), program.run([np.ones((3, 2))]))
    assert again.kinds == program.kinds


def test_generated_code_opens_formulas_writes_into_buffers_and_adds_slices_in_place() -> None:
    f = ge.grad(lambda x: ge.sum(ge.tanh(x[:, :2]) * ge.tanh(x[:, 1:])))
    program = ge.trace(f).program(X)
    text = generate.source(program)
    assert "sech2" not in text
    assert text.count("add_into") == 1  # the other slice is added into a copy of the zeros, which are a constant
    assert ", b0)" in text
    assert same(ge.trace(f)(X), f(X))
    assert same(program.run([X]), [f(X)])
    assert program.constants[next(iter(program.constants))].sum() == 0.0  # not written


def test_a_copy_of_a_copy_that_is_left_out_reads_what_the_first_was_made_from() -> None:
    builder = Builder()
    made = builder.record("sin", (builder.input(X),), {})
    for _ in range(2):
        made = builder.record("np.copy", (made,), {})
    program = simplified(builder.finished([builder.record("exp", (made,), {})]))
    assert [one.op for one in program.instructions] == ["sin", "exp"]
    assert same(program.run([X]), [np.exp(np.sin(X))])


@pytest.mark.parametrize("way", [ge.trace, lambda f: lambda *xs: tuple(g[0] for g in ge.vmap(f)(*(x[None] for x in xs)))])
def test_a_constant_cotangent_meets_indices_that_are_traced(way) -> None:
    ct = np.array([1.0, 2.0])

    def once(x: object, table: object) -> object:
        return ge.vjp(lambda x, table: ge.lookup(x, table, edges=(0.0,)), x, table)[1](ct)

    def twice(x: object, table: object) -> object:
        return ge.vjp(once, x, table)[1]((ct, ct))

    x, table = np.array([1.0, 0.0]), np.array([0.0, 1.0])
    for f, expected in ((once, [2.0, 1.0]), (twice, [0.0, 0.0])):
        np.testing.assert_array_equal(way(f)(x, table)[1], expected)


def test_an_einsum_that_only_reads_is_a_view_of_what_a_buffer_holds() -> None:
    """NumPy's einsum of one operand gives a view: its buffer is not free before the view is read."""

    def f(x: object) -> object:
        y = ge.einsum("i->i", ge.exp(x))
        z = ge.sin(ge.cos(x))
        return ge.sum(z * z) + ge.sum(y * ge.exp(z))

    x, other = np.linspace(0.1, 1.0, 5), np.linspace(-1.0, 0.3, 5)
    for way in (f, ge.grad(f), lambda x: ge.einsum("ij->ji", ge.complex(x[:4].reshape(2, 2), x[1:].reshape(2, 2)))):
        traced = ge.trace(way)
        traced(x)
        np.testing.assert_array_equal(traced(other).numpy(), way(ge.as_array(other)).numpy())
