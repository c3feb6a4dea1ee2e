"""One table for every op: operands, parameters and NumPy's meaning, at smooth points and awkward shapes."""

from __future__ import annotations

import runpy
from collections.abc import Callable
from dataclasses import dataclass
from operator import attrgetter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gradproof.oracles import registry
from gradproof.oracles.engine import Engine
from gradproof.oracles.errors import EngineError

ABSENT = {  # what a framework has no function of its own for: simply not in its namespace
    "torch": frozenset(["cbrt", "rel_entr", "nn.dropout", "nn.rotary_embedding"]),
    "jax": frozenset([
        "nn.tanhshrink", "nn.softshrink", "nn.hardshrink", "nn.threshold", "nn.prelu", "nn.softmin", "nn.l1",
        "nn.huber", "nn.smooth_l1", "nn.bce", "nn.bce_with_logits", "nn.kl_div", "nn.nll", "nn.hinge_embedding",
        "nn.soft_margin", "nn.margin_ranking", "nn.cosine_similarity", "nn.cosine_embedding", "nn.poisson_nll",
        "nn.gaussian_nll", "nn.fold", "nn.lp_pool1d", "nn.lp_pool2d", "nn.adaptive_avg_pool1d",
        "nn.adaptive_avg_pool2d", "nn.adaptive_avg_pool3d", "nn.adaptive_max_pool1d", "nn.adaptive_max_pool2d",
        "nn.adaptive_max_pool3d", "nn.batch_norm_inference", "nn.rms_norm", "nn.local_response_norm", "nn.normalize",
        "nn.weight_norm", "nn.dropout", "nn.embedding_bag", "nn.rnn_cell", "nn.lstm_cell", "nn.gru_cell", "nn.rnn",
        "nn.lstm", "nn.gru", "nn.multi_head_attention", "nn.rotary_embedding", "nn.pixel_shuffle",
        "nn.pixel_unshuffle", "nn.channel_shuffle", "nn.ctc_loss",
    ]),
}  # fmt: skip
HELD = {"nn.batch_norm_inference": (1, 2)}  # float operands that no framework differentiates


@dataclass(frozen=True)
class Row:
    """An op at one place: float operands are differentiated, others are constants."""

    op: str
    operands: tuple[Any, ...]
    params: dict[str, Any]
    meaning: Callable[..., Any]

    def __str__(self) -> str:
        return f"{self.op}-{'x'.join(str(np.shape(x)) for x in self.operands)}-{self.params}".replace(" ", "")

    def cast(self, dtype: Any) -> list[np.ndarray]:
        return [np.asarray(x).astype(dtype) if np.asarray(x).dtype == float else np.asarray(x) for x in self.operands]

    def floats(self, dtype: Any) -> list[int]:
        """The places of the operands that are differentiated."""
        return [i for i, x in enumerate(self.cast(dtype)) if x.dtype == dtype and i not in HELD.get(self.op, ())]

    def expected(self, operands: list[np.ndarray]) -> np.ndarray:
        return np.asarray(call(self.meaning, self.op, operands, self.params))


def call(fn: Any, op: str, operands: list[Any], params: dict[str, Any]) -> Any:
    """How every interpreter calls an op."""
    if op in ("concat", "stack"):
        return fn(operands, **params)
    if op == "einsum":
        return fn(params["subscripts"], *operands)
    return fn(*operands, **params)


@pytest.fixture(scope="session")
def outcome() -> Callable[..., tuple[np.ndarray, list[np.ndarray]]]:
    return _outcome


@pytest.fixture(scope="session")
def absent() -> dict[str, frozenset[str]]:
    return ABSENT


@pytest.fixture(scope="session")
def first_row() -> Callable[[str], Row]:
    return lambda op: next(row for row in ROWS if row.op == op)


def _outcome(engine: Engine, row: Row, dtype: Any) -> tuple[np.ndarray, list[np.ndarray]]:
    """The op's value and its gradients at a random cotangent, as NumPy arrays."""
    operands = row.cast(dtype)
    floats = row.floats(dtype)
    if row.op in ABSENT.get(engine.name, ()):
        pytest.skip(f"{engine.name} has no function of its own for {row.op}")
    given = [engine.from_numpy(x) for x in operands]

    def fn(*primals: Any) -> Any:
        values = list(given)
        for i, x in zip(floats, primals, strict=True):
            values[i] = x
        return call(attrgetter(row.op)(engine.namespace), row.op, values, row.params)

    (out,), pullback = engine.vjp(fn, [given[i] for i in floats])
    value = engine.to_numpy(out)
    ct = np.random.default_rng(7).uniform(-2, 2, value.shape).astype(dtype)
    return value, [engine.to_numpy(g) for g in pullback((engine.from_numpy(ct),))]


def engine_or_skip(name: str) -> Engine:
    """The engine, or a skip that says which framework is not installed; the native engine is never skipped."""
    try:
        return registry.engine(name)
    except EngineError as error:
        if name == "native" or "is not installed" not in str(error):
            raise
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def named() -> Callable[[str], Engine]:
    return engine_or_skip


@pytest.fixture(scope="session")
def rows() -> list[Row]:
    return ROWS


@pytest.fixture(scope="session")
def torch_engine() -> Engine:
    return engine_or_skip("torch")


@pytest.fixture(scope="session")
def jax_engine() -> Engine:
    return engine_or_skip("jax")


@pytest.fixture(params=["native", "torch", "jax"])
def engine(request: pytest.FixtureRequest) -> Engine:
    return engine_or_skip(request.param)


EARLY = {"getitem": 9, "matmul": 4, "einsum": 4, "linalg.solve": 4, "linalg.vector_norm": 2, "take": 2, "roll": 3}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """``row`` is every row; ``early_row`` the first of each op, or a few, for an engine that compiles each shape."""
    if "row" in metafunc.fixturenames:
        metafunc.parametrize("row", ROWS, ids=str)
    if "early_row" in metafunc.fixturenames:
        rows = [row for i, row in enumerate(ROWS) if sum(row.op == r.op for r in ROWS[:i]) < EARLY.get(row.op, 1)]
        metafunc.parametrize("early_row", rows, ids=str)


ROWS = [
    Row(op, operands, params, meaning)
    for file in ("rows_basic.py", "rows_order.py", "rows_networks.py", "rows_special.py", "rows_matrices.py")
    for op, meaning, operands, params in runpy.run_path(str(Path(__file__).with_name(file)))["ROWS"]
]
