"""One engine, many array libraries: what needs no NumPy, what is refused, and that nothing is copied to the host unasked."""

from __future__ import annotations

import sys
from importlib.metadata import entry_points
from subprocess import run

import numpy as np
import pytest

import gradproof.engine as ge
from gradproof.engine import backend, library
from gradproof.engine.kernels import FAMILIES, others

torch = pytest.importorskip("torch", reason="needs torch")
strict = pytest.importorskip("array_api_strict", reason="needs array-api-strict")
compat = pytest.importorskip("array_api_compat.torch", reason="needs array-api-compat")

SECOND = strict.Device("device1")


def on_strict(x):
    return strict.asarray(x, device=SECOND)


def loss(x):
    y = ge.nn.softmax(ge.matmul(x, ge.matrix_transpose(x)), axis=-1) + ge.sum(x[:, ::-1], axis=1)
    return ge.mean(y * 2.0) + ge.sum(x[np.array([0, 0, 1])] ** 3)


X = np.linspace(0.2, 1.5, 6).reshape(2, 3)


@pytest.mark.parametrize("given", [torch.tensor, on_strict], ids=["torch", "array-api-strict"])
def test_values_gradients_and_hessian_products_stay_in_the_library_of_the_input(given) -> None:
    x = given(X)
    (value, gradient), along = ge.value_and_grad(loss)(x), ge.hvp(loss, x, x)
    for found in (value, gradient, along):
        assert type(found.data) is type(x)
        assert found.data.device == x.device
    assert float(value) == pytest.approx(float(loss(X)), rel=1e-14)
    np.testing.assert_allclose(gradient.numpy(), ge.grad(loss)(X).numpy(), rtol=1e-13)
    np.testing.assert_allclose(along.numpy(), ge.hvp(loss, X, X).numpy(), rtol=1e-13)


@pytest.mark.parametrize("given", [torch.tensor, on_strict], ids=["torch", "array-api-strict"])
def test_jacobians_by_rows_and_by_columns_run_in_the_library(given) -> None:
    for jacobian in (ge.jacrev, ge.jacfwd):
        found = jacobian(lambda x: ge.sum(x * x, axis=0))(given(X))
        np.testing.assert_allclose(found.numpy(), ge.jacrev(lambda x: ge.sum(x * x, axis=0))(X).numpy())


def test_the_tape_collects_gradients_of_tensors_over_backwards() -> None:
    x = ge.variable(torch.tensor(X))
    for _ in range(2):
        loss(x).backward()
    np.testing.assert_allclose(x.grad.numpy(), 2 * ge.grad(loss)(X).numpy(), rtol=1e-13)
    assert torch.equal(x.data, torch.tensor(X))


def test_a_tensor_on_a_tape_of_torchs_own_is_taken_off_it() -> None:
    x = torch.tensor(X, requires_grad=True)
    gradient = ge.grad(loss)(x)
    assert not gradient.data.requires_grad
    assert x.grad is None


def test_a_hidden_copy_to_the_host_is_an_error_of_array_api_strict() -> None:
    with pytest.raises(RuntimeError, match="Can't convert array on"):
        np.asarray(on_strict(X))


def test_operands_of_two_libraries_are_refused_by_name() -> None:
    with pytest.raises(ge.DtypeError, match="add: operands of array_api_strict and torch, expected one library"):
        ge.add(torch.tensor(X), on_strict(X))


def test_a_kernel_that_the_library_has_not_is_named() -> None:
    with pytest.raises(ge.MissingKernel, match="no kernel for 'erf' on array_api_strict arrays"):
        ge.erf(on_strict(X))


def test_what_array_api_strict_lacks_is_exactly_the_list() -> None:
    library.library_of(on_strict(X))
    has = {name for family in FAMILIES for name in family.KERNELS}
    assert backend.kernels.keys() - has == others.LACKING


def test_torch_and_cupy_have_a_kernel_for_every_op() -> None:
    """CuPy's are compared by name alone: the names in its tables are those of torch's."""
    tensors = library.library_of(torch.tensor(X))
    missing = [name for name in backend.kernels if not hasattr(tensors.raw, name)]
    assert missing == []
    names = {name: {k for table in tables.values() for k in table} for name, tables in others.OTHERS.items()}
    assert names["torch"] == names["cupy"] >= others.LACKING


def test_numpys_path_imports_no_other_library() -> None:
    code = "import gradproof.engine as ge, sys; ge.grad(lambda x: ge.sum(x * x))([1.0]); print(*sys.modules)"
    loaded = run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"torch", "cupy", "array_api_compat", "array_api_strict", "ml_dtypes"} & set(loaded)


def test_the_suite_has_engines_for_both_libraries() -> None:
    names = {e.name for e in entry_points(group="gradproof.engines")}
    assert {"native-torch", "native-strict"} <= names


@pytest.mark.parametrize(
    "key",
    [(0,), (-1, slice(None)), (slice(None), slice(2, None)), (None, ..., 1), (slice(None), slice(None, None, -1)),
     (np.array([1, -1, 1]),), (slice(None), np.array([[2, 0], [0, 0]])), (X > 0.7,)],
)  # fmt: skip
@pytest.mark.parametrize("given", [torch.tensor, on_strict], ids=["torch", "array-api-strict"])
def test_every_kind_of_key_reads_and_writes_as_numpy(given, key) -> None:
    f = lambda x: ge.sum(x[key] ** 2)
    np.testing.assert_allclose(ge.grad(f)(given(X)).numpy(), ge.grad(f)(X).numpy())


@pytest.mark.parametrize("key", [(2,), (0, 3), (np.array([2]),), (0, 0, 0)])
def test_an_index_out_of_bounds_is_an_index_error(key) -> None:
    with pytest.raises(IndexError):
        ge.getitem(torch.tensor(X), key)


@pytest.mark.gpu
def test_tensors_on_a_cuda_device_give_the_gradient_of_the_host() -> None:
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device here: the CUDA path is run on one by gradproof verify native --device cuda")
    found = ge.grad(loss)(torch.tensor(X, device="cuda"))
    assert found.data.device.type == "cuda"
    np.testing.assert_allclose(found.numpy(), ge.grad(loss)(X).numpy(), rtol=1e-12)
