"""Linear layers, recurrent cells, attention, interpolation and CTC in PyTorch: what its modules call."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from gradproof.oracles.errors import Unsupported


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


def scaled_dot_product_attention(
    q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None = None, *, causal: bool, scale: float | None, grouped: bool = False
) -> Tensor:
    if causal and scale is not None and scale < 0:
        raise Unsupported("PyTorch's causal attention is NaN under a negative scale (FINDINGS.md, 267)")
    if not grouped:
        return F.scaled_dot_product_attention(q, k, v, mask, is_causal=causal, scale=scale)
    out = F.scaled_dot_product_attention(q[None], k[None], v[None], mask, is_causal=causal, scale=scale, enable_gqa=True)
    return out[0]


def multi_head_attention(x: Tensor, w_in: Tensor, b_in: Tensor, w_out: Tensor, b_out: Tensor, heads: int) -> Tensor:
    turned = x.transpose(0, 1)
    out, _ = F.multi_head_attention_forward(
        turned, turned, turned, x.shape[-1], heads, w_in, b_in, None, None, False, 0.0, w_out, b_out, training=False, need_weights=False
    )
    return out.transpose(0, 1)


def interpolate(x: Tensor, size: tuple[int, ...], mode: str, align_corners: bool) -> Tensor:
    if mode != "linear":
        return F.interpolate(x, size, mode=mode)
    return F.interpolate(x, size, mode="linear" if len(size) == 1 else "bilinear", align_corners=align_corners)


def ctc_loss(
    logits: Tensor, targets: Tensor, input_lengths: Any, target_lengths: Any, blank: int, reduction: str
) -> Tensor:
    return F.ctc_loss(F.log_softmax(logits, 2), targets, input_lengths, target_lengths, blank, reduction)
