"""Linear layers and recurrent cells in PyTorch: what its modules call."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def linear(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    return F.linear(x, weight, bias)


def bilinear(x: Tensor, y: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    return F.bilinear(x, y, weight, bias)


def embedding_bag(table: Tensor, indices: Tensor, mode: str) -> Tensor:
    return F.embedding_bag(indices, table, mode=mode)


def rnn_cell(
    x: Tensor, h: Tensor, w: Tensor, u: Tensor, b: Tensor | None = None, a: Tensor | None = None, *, nonlinearity: str
) -> Tensor:
    return (torch.rnn_tanh_cell if nonlinearity == "tanh" else torch.rnn_relu_cell)(x, h, w, u, b, a)


def lstm_cell(
    x: Tensor, h: Tensor, c: Tensor, w: Tensor, u: Tensor, b: Tensor | None = None, a: Tensor | None = None, *, result: str
) -> Tensor:
    return torch.lstm_cell(x, (h, c), w, u, b, a)[result == "cell"]


def gru_cell(x: Tensor, h: Tensor, w: Tensor, u: Tensor, b: Tensor | None = None, a: Tensor | None = None) -> Tensor:
    return torch.gru_cell(x, h, w, u, b, a)


def rnn(x: Tensor, h: Tensor, *weights: Tensor, nonlinearity: str) -> Tensor:
    run = torch.rnn_tanh if nonlinearity == "tanh" else torch.rnn_relu
    return run(x, h[None], weights, len(weights) == 4, 1, 0.0, False, False, False)[0]


def lstm(x: Tensor, h: Tensor, c: Tensor, *weights: Tensor, result: str) -> Tensor:
    output, _, cell = torch.lstm(x, (h[None], c[None]), weights, len(weights) == 4, 1, 0.0, False, False, False)
    return cell[0] if result == "cell" else output


def gru(x: Tensor, h: Tensor, *weights: Tensor) -> Tensor:
    return torch.gru(x, h[None], weights, len(weights) == 4, 1, 0.0, False, False, False)[0]
