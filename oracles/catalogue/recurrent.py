"""Linear layers, and cells with a state: plain, LSTM and GRU, one step or a whole sequence."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from gradproof.oracles.catalogue.indexing import indices
from gradproof.oracles.catalogue.row import Op, Shape, Sketch, Slot
from gradproof.oracles.catalogue.shapes import full_shape
from gradproof.oracles.catalogue.source import Source
from gradproof.oracles.domain import Domain
from gradproof.oracles.graph import Param

Weights = tuple[Any, ...]
GENTLE = Domain("small, so that gates stay open", lambda x, room: 0.5 * x / (1.0 + np.abs(x)), (("tanh", "sin", "tanh"),))
"""Digits that a saturated gate loses are those of its sigmoid and tanh, which are ops of their own."""


def _linear(xp: Any, x: Any, weight: Any, bias: Any = None) -> Any:
    out = xp.matmul(x, xp.swapaxes(weight, -1, -2))
    return out if bias is None else out + bias


def _bilinear(xp: Any, x: Any, y: Any, weight: Any, bias: Any = None) -> Any:
    out = xp.einsum("...i,oij,...j->...o", x, weight, y)
    return out if bias is None else out + bias


def _embedding_bag(xp: Any, table: Any, ids: Any, mode: str) -> Any:
    total = xp.sum(xp.take(table, ids, axis=0), 1)
    return total / np.shape(ids)[1] if mode == "mean" else total


def _both(xp: Any, x: Any, h: Any, weights: Weights) -> tuple[Any, Any]:
    """What the input and the state give to all gates, with the biases, if there are any."""
    (w, u), biases = weights[:2], weights[2:]
    a, b = _linear(xp, x, w), _linear(xp, h, u)
    return (a + biases[0], b + biases[1]) if biases else (a, b)


def _gates(x: Any, count: int) -> list[Any]:
    width = np.shape(x)[-1] // count
    return [x[..., i * width : (i + 1) * width] for i in range(count)]


def _rnn_step(xp: Any, x: Any, h: Any, weights: Weights, nonlinearity: str) -> Any:
    a, b = _both(xp, x, h, weights)
    return xp.tanh(a + b) if nonlinearity == "tanh" else xp.select(a + b, 0.0, a + b, 0.0)


def _lstm_step(xp: Any, x: Any, h: Any, c: Any, weights: Weights) -> tuple[Any, Any]:
    a, b = _both(xp, x, h, weights)
    enter, keep, new, show = _gates(a + b, 4)
    c = xp.sigmoid(keep) * c + xp.sigmoid(enter) * xp.tanh(new)
    return xp.sigmoid(show) * xp.tanh(c), c


def _gru_step(xp: Any, x: Any, h: Any, weights: Weights) -> Any:
    a, b = (_gates(part, 3) for part in _both(xp, x, h, weights))
    reset, keep = xp.sigmoid(a[0] + b[0]), xp.sigmoid(a[1] + b[1])
    new = xp.tanh(a[2] + reset * b[2])
    return new + keep * (h - new)


def _rnn_cell(xp: Any, x: Any, h: Any, *weights: Any, nonlinearity: str) -> Any:
    return _rnn_step(xp, x, h, weights, nonlinearity)


def _lstm_cell(xp: Any, x: Any, h: Any, c: Any, *weights: Any, result: str) -> Any:
    return _lstm_step(xp, x, h, c, weights)[result == "cell"]


def _gru_cell(xp: Any, x: Any, h: Any, *weights: Any) -> Any:
    return _gru_step(xp, x, h, weights)


def _rnn(xp: Any, x: Any, h: Any, *weights: Any, nonlinearity: str) -> Any:
    states = []
    for t in range(np.shape(x)[0]):
        h = _rnn_step(xp, x[t], h, weights, nonlinearity)
        states.append(h)
    return xp.stack(states, axis=0)


def _lstm(xp: Any, x: Any, h: Any, c: Any, *weights: Any, result: str) -> Any:
    states = []
    for t in range(np.shape(x)[0]):
        h, c = _lstm_step(xp, x[t], h, c, weights)
        states.append(h)
    return c if result == "cell" else xp.stack(states, axis=0)


def _gru(xp: Any, x: Any, h: Any, *weights: Any) -> Any:
    states = []
    for t in range(np.shape(x)[0]):
        h = _gru_step(xp, x[t], h, weights)
        states.append(h)
    return xp.stack(states, axis=0)


# ---- sketches


def _linear_sketch(source: Source, shape: Shape) -> Sketch | None:
    if not shape or 0 in shape:
        return None
    wide = source.pick((2, 1, 3))
    bias = (Slot((wide,)),) if source.flag() else ()
    return Sketch((Slot(shape), Slot((wide, shape[-1])), *bias))


def _bilinear_sketch(source: Source, shape: Shape) -> Sketch | None:
    if len(shape) < 2 or 0 in shape:
        return None
    wide, other = source.pick((2, 1, 3)), source.pick((2, 1, 3))
    bias = (Slot((wide,)),) if source.flag() else ()
    return Sketch((Slot(shape), Slot((*shape[:-1], other)), Slot((wide, shape[-1], other)), *bias))


def _bag_sketch(source: Source, shape: Shape) -> Sketch | None:
    if len(shape) != 2 or 0 in shape:
        return None
    ids = np.abs(indices(source, shape[0], source.pick(((2, 2), (1, 3), (3, 1), (2, 3))))) % shape[0]
    return Sketch((Slot(shape), ids), {"mode": source.pick(("sum", "mean"))})


Draw = Callable[[Source], dict[str, Param]]


def _cell(gates: int, states: int, ndim: int, params: Draw) -> Callable[[Source, Shape], Sketch | None]:
    """A sketch of a cell: x (N, I), or (T, N, I) of a sequence, states (N, H), weights and biases for so many gates."""

    def sketch(source: Source, shape: Shape) -> Sketch | None:
        if len(shape) != ndim or 0 in shape:
            return None
        batch, wide = shape[-2:]
        hidden = source.pick((1, 2))
        shapes = [shape, *((batch, hidden),) * states, (gates * hidden, wide), (gates * hidden, hidden)]
        if not source.flag(3):
            shapes += [(gates * hidden,)] * 2
        return Sketch(tuple(Slot(s, GENTLE) for s in shapes), params(source))

    return sketch


def _step_shape(source: Source) -> Shape:
    return source.pick(((1, 2), (2, 1), (2, 2), (1, 1), (3, 1), (1, 3)))


def _sequence_shape(source: Source) -> Shape:
    return source.pick(((2, 1, 2), (3, 1, 1), (2, 2, 1), (1, 2, 2), (3, 1, 2)))


def _nonlinearity(source: Source) -> dict[str, Param]:
    return {"nonlinearity": source.pick(("tanh", "relu"))}


def _nothing(source: Source) -> dict[str, Param]:
    return {}


def _row(name: str, meaning: Callable[..., Any], sketch: Any, shape: Callable[[Source], Shape], kinks: str = "") -> Op:
    return Op(f"nn.{name}", meaning, sketch, shape, kinks, family="recurrent")


def _table_shape(source: Source) -> Shape:
    return source.pick(((2, 3), (3, 2), (1, 3), (2, 2), (3, 1), (1, 1), (5, 2)))


ROWS = (
    _row("linear", _linear, _linear_sketch, full_shape),
    _row("bilinear", _bilinear, _bilinear_sketch, lambda s: s.pick(((2, 3), (1, 2), (2, 1), (2, 2, 2), (3, 2)))),
    _row("embedding_bag", _embedding_bag, _bag_sketch, _table_shape),
    _row("rnn_cell", _rnn_cell, _cell(1, 1, 2, _nonlinearity), _step_shape, "0 with relu"),
    _row("lstm_cell", _lstm_cell, _cell(4, 2, 2, lambda s: {"result": s.pick(("hidden", "cell"))}), _step_shape),
    _row("gru_cell", _gru_cell, _cell(3, 1, 2, _nothing), _step_shape),
    _row("rnn", _rnn, _cell(1, 1, 3, _nonlinearity), _sequence_shape, "0 with relu"),
    _row("lstm", _lstm, _cell(4, 2, 3, lambda s: {"result": s.pick(("output", "cell"))}), _sequence_shape),
    _row("gru", _gru, _cell(3, 1, 3, _nothing), _sequence_shape),
)
