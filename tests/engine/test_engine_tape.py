"""The tape seen directly: accumulation, long chains, errors, and what is never written."""

from __future__ import annotations

import gc
import threading

import numpy as np
import pytest

import gradproof.engine as ge
from gradproof.engine import tape


def test_grad_adds_up_over_uses_and_over_calls_without_changing_what_it_gave_before() -> None:
    x = ge.variable([1.0, 2.0])
    (x * x + 3.0 * x).sum().backward()
    first = x.grad
    assert first is not None
    assert np.array_equal(first.data, [5.0, 7.0])
    (x * 2.0).sum().backward()
    assert np.array_equal(x.grad.data, [7.0, 9.0])
    assert np.array_equal(first.data, [5.0, 7.0])
    x.grad = None
    x.sum().backward()
    assert np.array_equal(x.grad.data, [1.0, 1.0])


def test_a_value_used_a_thousand_times_gets_every_contribution() -> None:
    x = ge.variable(np.arange(4.0))
    total = x * 0.0
    for i in range(1000):
        total = total + x * float(i)
    total.sum().backward()
    assert np.array_equal(x.grad.data, np.full(4, 499500.0))


def test_a_chain_of_100_000_nodes_is_swept_and_freed_without_recursion() -> None:
    x = ge.variable(1.0)
    y = x
    for _ in range(100_000):
        y = y + 1.0
    y.backward()
    assert x.grad.item() == 1.0
    del y
    out, pullback = ge.vjp(lambda v: [v := ge.negative(v) for _ in range(100_000)][-1], 2.0)
    assert pullback(1.0)[0].item() == 1.0
    del out, pullback
    gc.collect()


def test_slices_add_into_one_buffer_at_the_cost_of_one() -> None:
    made = []
    real = np.zeros
    x = np.ones((200, 3))
    f = ge.grad(lambda v: ge.sum(ge.concat([v[i : i + 1] * float(i) for i in range(200)])))
    try:
        tape.np.zeros = lambda *args, **kw: made.append(1) or real(*args, **kw)
        g = f(x)
    finally:
        tape.np.zeros = real
    assert np.array_equal(g.data, np.repeat(np.arange(200.0)[:, None], 3, axis=1))
    assert len(made) == 1


def test_backward_twice_is_an_error_unless_the_first_retains() -> None:
    x = ge.variable(2.0)
    y = ge.exp(x)
    y.backward(retain=True)
    y.backward()
    assert x.grad.item() == pytest.approx(2 * np.exp(2.0))
    with pytest.raises(ge.TapeError, match=r"earlier backward used up \(op 'exp'\).*retain=True"):
        y.backward()


def test_backward_drops_the_residuals_it_used() -> None:
    x = ge.variable(np.ones(3))
    y = ge.exp(x) * 2.0
    exp = y.node.inputs[0]
    assert exp.out is not None
    y.sum().backward()
    assert exp.out is None
    assert exp.primals is None


def test_only_what_a_rule_reads_is_saved() -> None:
    x, big = ge.variable(np.ones(3)), np.ones(3)
    assert all(not isinstance(p, np.ndarray) for p in (x + big).node.primals)
    saved = (x * big).node.primals
    assert saved[1] is big
    assert saved[0] is x.node
    assert ge.exp(x).node.primals == (x.node,)


@pytest.mark.parametrize("make", [lambda x: x.sum(), lambda x: x[0] * 1.0])
def test_backward_needs_a_tape_and_a_scalar(make) -> None:
    with pytest.raises(ge.TapeError, match=r"on no tape.*variable\(array\)"):
        make(ge.as_array(np.ones(3))).backward()
    with ge.no_grad():
        value = make(ge.variable(np.ones(3)))
    with pytest.raises(ge.TapeError, match="no_grad"):
        value.backward()
    with pytest.raises(ge.ShapeError, match=r"backward needs a scalar, but the value has shape \(3,\), expected \(\)"):
        (ge.variable(np.ones(3)) * 2.0).backward()


def test_backward_takes_a_cotangent_for_a_value_of_any_shape() -> None:
    x = ge.variable(np.ones(3))
    (x * 2.0).backward(np.array([1.0, 2.0, 3.0]))
    assert np.array_equal(x.grad.data, [2.0, 4.0, 6.0])


def test_only_a_variable_holds_a_gradient() -> None:
    x = ge.variable(1.0)
    assert (x + 1.0).grad is None
    with pytest.raises(ge.TapeError, match="only a variable holds a gradient"):
        (x + 1.0).grad = None


def test_no_grad_records_nothing_but_transforms_inside_still_work() -> None:
    x = ge.variable(3.0)
    with ge.no_grad():
        assert (x * x).node is None
        assert ge.grad(lambda v: v * v)(3.0).item() == 6.0
        assert ge.grad(lambda v: v * v)(x).node is None
    assert (x * x).node is not None


def test_no_grad_in_one_thread_leaves_another_recording() -> None:
    seen = []
    with ge.no_grad():
        worker = threading.Thread(target=lambda: seen.append(ge.exp(ge.variable(1.0)).node is not None))
        worker.start()
        worker.join()
    assert seen == [True]


def test_a_tracked_value_is_not_handed_to_numpy_silently() -> None:
    x = ge.variable(np.ones(3))
    with pytest.raises(ge.TapeError, match="handed to NumPy, which would lose its gradient"):
        np.asarray(x)
    with pytest.raises(TypeError, match="__array_ufunc__"):
        np.exp(x)
    assert np.array_equal(np.asarray(ge.stop_gradient(x)), np.ones(3))
    product = np.full(3, 2.0) * x
    assert isinstance(product, ge.Array)
    assert product.node is not None


def test_repr_shows_value_dtype_and_op() -> None:
    assert repr(ge.as_array(np.float32(1.5))) == "Array(1.5, dtype=float32)"
    assert repr(ge.exp(ge.variable([0.0]))) == "Array([1.], dtype=float64, op='exp')"


def test_array_behaves_like_a_sequence_of_rows() -> None:
    x = ge.variable(np.arange(6.0).reshape(2, 3))
    assert (x.shape, x.ndim, x.size, len(x), x.dtype) == ((2, 3), 2, 6, 2, np.float64)
    assert [row.shape for row in x] == [(3,), (3,)]
    assert x.T.shape == (3, 2)
    assert x.mT.reshape(-1).shape == (6,)
    assert float(x[1, 2]) == 5.0
    assert bool(x[0, 1] > 0.0)
    assert (x >= 1.0).sum() == 5
    assert (x.astype("float32").mean(axis=0)).dtype == np.float32


def test_residuals_survive_the_variable_and_user_arrays_are_shared_not_written() -> None:
    data, weights = np.ones(3), np.full(3, 2.0)
    data.flags.writeable = weights.flags.writeable = False
    x = ge.variable(data)
    y = (x * weights + x).sum()
    y.backward()
    y2 = (x * weights)[np.array([0, 0, 1])].sum() + x[0]
    y2.backward()
    assert np.array_equal(x.grad.data, [3 + 4 + 1, 3 + 2, 3])
    assert x.data is data
