"""Linear layers, and cells with a state: one step, or a whole sequence. All composed.

Shapes of a cell: x (N, I), h and c (N, H), w_ih (gates * H, I), w_hh (gates * H, H), biases (gates * H,); of a sequence x is
(T, N, I) and the output (T, N, H). Gates are in the order input, forget, new, output of an LSTM; reset, update, new of a GRU.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gradproof.engine.array import Array, as_array
from gradproof.engine.errors import ShapeError
from gradproof.engine.functions import elementwise as el
from gradproof.engine.functions import indexing, reduction, shape
from gradproof.engine.functions.linalg import einsum, matmul
from gradproof.engine.tape import unary

__all__ = ["bilinear", "embedding_bag", "gru", "gru_cell", "linear", "lstm", "lstm_cell", "rnn", "rnn_cell"]


def linear(x: Any, weight: Any, bias: Any = None) -> Array:
    """x @ weight.T + bias. Shapes: x (..., I), weight (O, I), bias (O,)."""
    out = matmul(x, shape.matrix_transpose(weight))
    return out if bias is None else el.add(out, bias)


def bilinear(x: Any, y: Any, weight: Any, bias: Any = None) -> Array:
    """x @ weight[o] @ y for each o. Shapes: x (..., I), y (..., J), weight (O, I, J), bias (O,)."""
    out = einsum("...i,oij,...j->...o", x, weight, y)
    return out if bias is None else el.add(out, bias)


def embedding_bag(table: Any, indices: Any, mode: str = "mean") -> Array:
    """Rows of a table added up, or averaged. Shapes: table (V, D), indices (B, L), result (B, D)."""
    ids = indexing.indices_of(indices)
    if ids.ndim != 2 or mode not in ("sum", "mean"):
        raise ShapeError(f"embedding_bag: indices {ids.shape}, mode={mode!r}; expected (B, L) and 'sum' or 'mean'.")
    rows = indexing.take(table, ids, axis=0)
    return reduction.sum(rows, axis=1) if mode == "sum" else reduction.mean(rows, axis=1)


def rnn_cell(
    x: Any, h: Any, w_ih: Any, w_hh: Any, b_ih: Any = None, b_hh: Any = None, nonlinearity: str = "tanh"
) -> Array:
    """tanh, or relu, of what the input and the state give."""
    if nonlinearity not in ("tanh", "relu"):
        raise ValueError(f"rnn_cell: nonlinearity={nonlinearity!r}, expected 'tanh' or 'relu'.")
    return unary(nonlinearity, el.add(linear(x, w_ih, b_ih), linear(h, w_hh, b_hh)))


def lstm_cell(
    x: Any, h: Any, c: Any, w_ih: Any, w_hh: Any, b_ih: Any = None, b_hh: Any = None, result: str | None = None
) -> Any:
    """One step of an LSTM: (h, c), or the one that ``result`` names, "hidden" or "cell"."""
    enter, keep, new, show = _gates(el.add(linear(x, w_ih, b_ih), linear(h, w_hh, b_hh)), 4)
    kept = el.multiply(unary("sigmoid", keep), c)
    cell = el.add(kept, el.multiply(unary("sigmoid", enter), el.tanh(new)))
    hidden = el.multiply(unary("sigmoid", show), el.tanh(cell))
    return _named("lstm_cell", result, hidden=hidden, cell=cell)


def gru_cell(x: Any, h: Any, w_ih: Any, w_hh: Any, b_ih: Any = None, b_hh: Any = None) -> Array:
    """One step of a GRU; the state is reset after its product, and updated as new + update * (h - new)."""
    of_x, of_h = _gates(linear(x, w_ih, b_ih), 3), _gates(linear(h, w_hh, b_hh), 3)
    reset, keep = (unary("sigmoid", el.add(a, b)) for a, b in zip(of_x[:2], of_h[:2], strict=True))
    new = el.tanh(el.add(of_x[2], el.multiply(reset, of_h[2])))
    return el.add(new, el.multiply(keep, el.subtract(h, new)))


def rnn(x: Any, h: Any, *weights: Any, nonlinearity: str = "tanh") -> Array:
    """The states of rnn_cell along a sequence."""
    w_ih, w_hh, b_ih, b_hh = weights if len(weights) == 4 else (*weights, None, None)
    return _along("rnn", x, h, lambda part, state: rnn_cell(part, state, w_ih, w_hh, b_ih, b_hh, nonlinearity))


def gru(x: Any, h: Any, *weights: Any) -> Array:
    """The states of gru_cell along a sequence."""
    return _along("gru", x, h, lambda part, state: gru_cell(part, state, *weights))


def lstm(x: Any, h: Any, c: Any, *weights: Any, result: str | None = None) -> Any:
    """lstm_cell along a sequence: (states, last cell), or the one that ``result`` names, "output" or "cell"."""

    def step(part: Array, state: Any) -> Array:
        nonlocal c
        h, c = lstm_cell(part, state, c, *weights)
        return h  # type: ignore[no-any-return]

    output = _along("lstm", x, h, step)
    return _named("lstm", result, output=output, cell=c)


def _along(name: str, x: Any, h: Any, step: Callable[[Array, Any], Array]) -> Array:
    x = as_array(x)
    if x.ndim != 3 or not x.shape[0]:
        raise ShapeError(f"{name}: x of shape {x.shape}; expected a sequence of one step or more, (T, N, I).")
    states = []
    for t in range(x.shape[0]):
        h = step(x[t], h)
        states.append(h)
    return shape.stack(states, axis=0)


def _gates(x: Array, count: int) -> list[Array]:
    wide = x.shape[-1] // count
    return [x[..., i * wide : (i + 1) * wide] for i in range(count)]


def _named(name: str, result: str | None, **results: Array) -> Any:
    if result is None:
        return tuple(results.values())
    if result not in results:
        raise ValueError(f"{name}: result={result!r}, expected None, {' or '.join(map(repr, results))}.")
    return results[result]
