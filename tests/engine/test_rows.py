"""Row-sparse gradients: what a gather pulls back to a large table is its rows, and everything else sees the dense array."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import gradproof.engine as ge
from gradproof.engine.kernels.indexing import merged
from gradproof.engine.rows import RowSparse

RNG = np.random.default_rng(5)
TABLE = RNG.standard_normal((4096, 16))
IDS = RNG.integers(-4096, 4096, (40, 3))


def gathered(table: Any) -> Any:
    return ge.sum(ge.square(ge.nn.embedding(table, IDS)))


def expected(ids: Any = IDS, table: Any = TABLE) -> Any:
    out = np.zeros_like(table)
    np.add.at(out, ids, 2.0 * table[ids])
    return out


def test_the_gradient_of_a_gather_is_its_rows_and_equals_the_dense_one() -> None:
    gradient = ge.grad(gathered)(TABLE)
    assert type(gradient.data) is RowSparse
    assert len(gradient.data.ids) == len(np.unique(IDS % 4096))
    assert gradient.data.nbytes < TABLE.nbytes / 10
    assert gradient.shape == TABLE.shape
    assert gradient.dtype == TABLE.dtype
    np.testing.assert_allclose(gradient.numpy(), expected(), rtol=1e-14)
    np.testing.assert_array_equal(np.asarray(gradient), gradient.numpy())


@pytest.mark.parametrize("ids", [np.array([], int), np.array([7]), np.zeros(50, int), np.arange(30) % 3, np.array([[2, 1], [1, 2]])])
def test_rows_of_the_same_id_add_up_however_many_there_are(ids: Any) -> None:
    rows = RNG.integers(-9, 9, (ids.size, 16)).astype(float)  # whole numbers: every order of addition gives the same
    dense = np.zeros((8, 16))
    np.add.at(dense, ids.reshape(-1), rows)
    found, total = merged(ids.reshape(-1), rows)
    assert list(found) == sorted(set(ids.reshape(-1).tolist()))
    np.testing.assert_array_equal(total, dense[found])
    gradient = ge.grad(lambda t: ge.sum(ge.nn.embedding(t, ids) * rows.reshape(*ids.shape, 16)))(dense)
    np.testing.assert_array_equal(gradient.numpy(), dense)  # a table this small gets a dense gradient


def test_gathers_of_one_table_stay_rows_and_a_dense_use_makes_them_dense() -> None:
    twice = ge.grad(lambda t: gathered(t) + gathered(t))(TABLE)
    assert type(twice.data) is RowSparse
    np.testing.assert_allclose(twice.numpy(), 2.0 * expected(), rtol=1e-14)
    for tied in (lambda t: gathered(t) + ge.sum(t), lambda t: ge.sum(t) + gathered(t), lambda t: ge.sum(t[3:]) + gathered(t)):
        gradient = ge.grad(tied)(TABLE)
        assert type(gradient.data) is np.ndarray
        ones = np.ones_like(TABLE)
        ones[:3] = gradient.numpy()[:3] - expected()[:3]
        np.testing.assert_allclose(gradient.numpy(), expected() + ones, rtol=1e-13, atol=1e-13)


def test_a_table_that_was_computed_gets_a_dense_cotangent() -> None:
    gradient = ge.grad(lambda t: gathered(2.0 * t))(TABLE)
    np.testing.assert_allclose(gradient.numpy(), 4.0 * expected(), rtol=1e-14)


def test_second_order_through_a_gather() -> None:
    direction = RNG.standard_normal(TABLE.shape)
    curved = ge.grad(lambda t: ge.sum(ge.grad(lambda u: ge.sum(ge.nn.embedding(u, IDS) ** 3))(t) * direction))(TABLE)
    count = np.zeros(4096)
    np.add.at(count, IDS, 1.0)
    np.testing.assert_allclose(curved.numpy(), 6.0 * TABLE * direction * count[:, None], rtol=1e-13)


def test_ops_operators_and_hooks_see_the_dense_gradient() -> None:
    gradient = ge.grad(gathered)(TABLE)
    np.testing.assert_array_equal((gradient * 2.0 + 1.0).numpy(), gradient.numpy() * 2.0 + 1.0)
    np.testing.assert_array_equal(gradient == gradient.numpy(), np.ones(TABLE.shape, bool))
    np.testing.assert_array_equal(gradient[5].numpy(), gradient.numpy()[5])
    assert ge.grad(lambda w: ge.sum(gradient * w))(np.ones(16)).shape == (16,)
    clipped, norm = ge.clip_by_global_norm({"t": gradient}, 1.0)
    np.testing.assert_allclose(norm.item(), np.linalg.norm(gradient.numpy()), rtol=1e-13)
    assert clipped["t"].shape == TABLE.shape
    x = ge.variable(TABLE)
    x.register_hook(lambda ct: 3.0 * ct)
    gathered(x).backward()
    assert x.grad is not None
    np.testing.assert_allclose(x.grad.numpy(), 3.0 * expected(), rtol=1e-14)


def test_backward_adds_rows_to_rows_and_rows_to_a_dense_gradient() -> None:
    x = ge.variable(TABLE)
    gathered(x).backward()
    first = x.grad
    gathered(x).backward()
    assert x.grad is not None
    assert first is not None
    assert type(x.grad.data) is RowSparse
    np.testing.assert_allclose(first.numpy(), expected(), rtol=1e-14)  # handed out earlier: not changed
    np.testing.assert_allclose(x.grad.numpy(), 2.0 * expected(), rtol=1e-14)
    ge.sum(x).backward()
    np.testing.assert_allclose(x.grad.numpy(), 2.0 * expected() + 1.0, rtol=1e-13)
    gathered(x).backward()
    np.testing.assert_allclose(x.grad.numpy(), 3.0 * expected() + 1.0, rtol=1e-13, atol=1e-15)


@pytest.mark.parametrize(
    "optimizer",
    [ge.optim.sgd(lr=0.1), ge.optim.sgd(lr=0.1, momentum=0.9), ge.optim.sgd(lr=0.1, weight_decay=0.1), ge.optim.adam(), ge.optim.adamw()],
)
def test_optimisers_take_a_row_sparse_gradient_for_the_dense_one(optimizer: ge.optim.Optimizer) -> None:
    sparse, dense = TABLE, TABLE
    states = [optimizer.init(TABLE), optimizer.init(TABLE)]
    for _ in range(3):
        gradient = ge.grad(gathered)(sparse)
        sparse, states[0] = optimizer.update(sparse, gradient, states[0])
        dense, states[1] = optimizer.update(dense, gradient.numpy(), states[1])
        np.testing.assert_array_equal(ge.as_array(sparse).numpy(), ge.as_array(dense).numpy())


def test_anomalies_in_rows_are_found() -> None:
    table = TABLE.copy()
    table[3] = 0.0
    with ge.detect_anomaly(), pytest.raises(ge.NonFiniteError):
        ge.grad(lambda t: ge.sum(ge.sqrt(ge.nn.embedding(t, np.array([3, 4000])) ** 2)))(table * 0.0)
    with ge.detect_anomaly():
        assert ge.grad(gathered)(TABLE).shape == TABLE.shape


def test_other_dtypes_keep_theirs() -> None:
    for dtype in (np.float32, np.float16, np.complex64):
        table = TABLE.astype(dtype)
        gradient = ge.grad(lambda t: ge.sum(ge.real(ge.nn.embedding(t, IDS)) * 2.0))(table)
        assert gradient.dtype == dtype
        assert gradient.numpy().dtype == dtype
        assert np.count_nonzero(np.any(gradient.numpy() != 0, axis=1)) == len(np.unique(IDS % 4096))
