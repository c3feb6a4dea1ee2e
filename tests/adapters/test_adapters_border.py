"""NumPy in, NumPy out: what holds at the border of every engine, whatever the framework behind it."""

import subprocess
import sys

import numpy as np
import pytest

from gradproof.oracles.graph import Case, Graph, Leaf, Node
from gradproof.oracles.trial import run


def pulled(engine, fn, *arrays, cotangent=None):
    (out,), pullback = engine.vjp(fn, [engine.from_numpy(x) for x in arrays])
    ct = np.ones_like(engine.to_numpy(out)) if cotangent is None else cotangent
    return [engine.to_numpy(g) for g in pullback((engine.from_numpy(ct),))]


BASE = np.arange(12.0).reshape(3, 4)
READ_ONLY = np.arange(3.0)
READ_ONLY.flags.writeable = False
ARRAYS = {
    "0-d": np.array(1.5),
    "float32": BASE.astype(np.float32),
    "size-0": np.zeros((2, 0, 3)),
    "transposed": BASE.T,
    "every other": BASE[:, ::2],
    "negative strides": BASE[::-1, ::-1],
    "zero strides": np.broadcast_to(np.array(2.0), (2, 3)),
    "read-only": READ_ONLY,
    "integers": np.array([[1, -2]]),
    "booleans": np.array([True, False]),
    "subnormal": np.array([5e-324, -0.0, np.inf]),
}


@pytest.mark.parametrize("array", ARRAYS.values(), ids=ARRAYS)
def test_a_round_trip_keeps_shape_dtype_and_every_bit(engine, array):
    back = engine.to_numpy(engine.from_numpy(array))
    assert (back.shape, back.dtype) == (array.shape, array.dtype)
    assert back.tobytes() == array.tobytes()


@pytest.mark.parametrize("name", ["torch_engine", "jax_engine"])
def test_a_framework_has_memory_of_its_own(request, name):
    engine = request.getfixturevalue(name)
    array = np.arange(4.0)
    theirs = engine.from_numpy(array)
    array[:] = 7
    back = engine.to_numpy(theirs)
    assert back.tolist() == [0, 1, 2, 3]
    back[:] = 9
    assert engine.to_numpy(theirs).tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize("array", [ARRAYS["0-d"], ARRAYS["size-0"], ARRAYS["negative strides"]], ids=np.shape)
def test_awkward_inputs_get_a_gradient_of_their_shape(engine, array):
    (gradient,) = pulled(engine, engine.namespace.square, array)
    assert gradient.shape == array.shape
    np.testing.assert_array_equal(gradient, 2 * array)


def test_a_pullback_can_be_called_again(engine):
    x = engine.from_numpy(np.array([0.5, 2.0]))
    _, pullback = engine.vjp(engine.namespace.exp, [x])
    once, double, again = (
        engine.to_numpy(pullback((engine.from_numpy(np.array([k, k])),))[0]) for k in (1.0, 2.0, 1.0)
    )
    np.testing.assert_array_equal(once, again)
    np.testing.assert_array_equal(2 * once, double)


def test_an_unused_input_gets_zeros(engine):
    used, unused = pulled(engine, lambda x, y: engine.namespace.exp(x), np.zeros(2), np.ones((3, 1)))
    assert used.tolist() == [1, 1]
    assert (unused.shape, unused.dtype, unused.any()) == ((3, 1), np.float64, False)


def test_an_output_that_no_input_reaches_gives_zeros(engine):
    constant = engine.from_numpy(np.ones(3))
    (gradient,) = pulled(engine, lambda x: constant, np.ones((2, 2)), cotangent=np.ones(3))
    assert gradient.tolist() == [[0, 0], [0, 0]]


def test_an_input_may_be_an_output_and_an_output_may_repeat(engine):
    def fn(x):
        y = engine.namespace.square(x)
        return x, y, y

    outputs, pullback = engine.vjp(fn, [engine.from_numpy(np.array([3.0]))])
    assert len(outputs) == 3
    (gradient,) = pullback(tuple(engine.from_numpy(np.array([k])) for k in (1.0, 10.0, 100.0)))
    assert engine.to_numpy(gradient).tolist() == [1 + 60 + 600]


def test_integer_constants_stay_integers(engine):
    indices = engine.from_numpy(np.array([2, 0, -1]))
    assert engine.to_numpy(indices).dtype == np.int64
    (gradient,) = pulled(engine, lambda x: engine.namespace.take(x, indices, axis=0), np.ones(3))
    assert gradient.tolist() == [1, 0, 2]


def test_torch_is_left_as_it_was(torch_engine):
    torch = pytest.importorskip("torch", reason="torch is not installed")

    def state():
        rng = torch.get_rng_state().tolist()
        return torch.get_default_dtype(), torch.get_num_threads(), torch.is_grad_enabled(), rng

    with torch.no_grad():
        before = state()
        assert pulled(torch_engine, torch_engine.namespace.exp, np.zeros(2))[0].tolist() == [1, 1]
        assert state() == before


def test_jax_is_left_in_32_bits(jax_engine):
    jax = pytest.importorskip("jax", reason="jax is not installed")
    assert pulled(jax_engine, jax_engine.namespace.exp, np.ones(2))[0].dtype == np.float64
    assert jax.numpy.ones(1).dtype == np.float32


def test_no_framework_is_imported_before_it_is_asked_for():
    code = "import sys; from gradproof.oracles import registry, export; registry.names(); print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"torch", "jax", "gradproof.engine"} & set(loaded)


def test_jax_declines_the_convolutions_whose_gradient_aborts_the_process() -> None:
    jax_engine = pytest.importorskip("gradproof.oracles.adapters.jax", reason="jax is not installed").JaxEngine()
    node = Node("nn.conv2d", (0, 1), {"stride": (2, 2), "padding": (1, 1)})
    leaves = (Leaf(np.ones((1, 1, 1, 4))), Leaf(np.ones((1, 1, 2, 2))))
    case = Case(Graph(leaves, (node,), (2,)), (np.ones((1, 1, 1, 3)),))
    assert "aborts" in run(jax_engine, case).unsupported
