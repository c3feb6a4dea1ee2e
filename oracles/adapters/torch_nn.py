"""``nn`` of the PyTorch namespace: ``torch.nn.functional`` with every parameter explicit."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from gradproof.oracles.adapters.torch_activations import *
from gradproof.oracles.adapters.torch_layers import *
from gradproof.oracles.adapters.torch_losses import *
from gradproof.oracles.adapters.torch_recurrent import *

relu = F.relu
sigmoid = torch.sigmoid
silu = F.silu


def gelu(x: Tensor, approximate: str) -> Tensor:
    return F.gelu(x, approximate=approximate)


def softplus(x: Tensor) -> Tensor:
    return F.softplus(x, threshold=40.0)  # the default, 20, gives x for log(1 + exp(x)): off by 2e-9 in float64


def leaky_relu(x: Tensor, negative_slope: float) -> Tensor:
    return F.leaky_relu(x, negative_slope)


def elu(x: Tensor, alpha: float) -> Tensor:
    return F.elu(x, alpha)


def softmax(x: Tensor, axis: int) -> Tensor:
    return F.softmax(x, axis)


def log_softmax(x: Tensor, axis: int) -> Tensor:
    return F.log_softmax(x, axis)


def cross_entropy(logits: Tensor, labels: Tensor, reduction: str) -> Tensor:
    return F.cross_entropy(logits, labels, reduction=reduction)


def mse(x: Tensor, y: Tensor, reduction: str) -> Tensor:
    return F.mse_loss(x, y, reduction=reduction)


def embedding(table: Tensor, indices: Tensor) -> Tensor:
    return F.embedding(indices, table)
