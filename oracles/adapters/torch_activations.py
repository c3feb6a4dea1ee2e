"""Activations of ``torch.nn.functional``, with every parameter explicit."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

hard_sigmoid = F.hardsigmoid
hardswish = F.hardswish
log_sigmoid = F.logsigmoid
mish = F.mish
prelu = F.prelu
relu6 = F.relu6
selu = F.selu
softsign = F.softsign
tanhshrink = F.tanhshrink


def celu(x: Tensor, alpha: float) -> Tensor:
    return F.celu(x, alpha)


def glu(x: Tensor, axis: int) -> Tensor:
    return F.glu(x, axis)


def hardshrink(x: Tensor, lambd: float) -> Tensor:
    return F.hardshrink(x, lambd)


def hardtanh(x: Tensor) -> Tensor:
    return F.hardtanh(x, -1.0, 1.0)


def softmin(x: Tensor, axis: int) -> Tensor:
    return F.softmin(x, axis)


def softshrink(x: Tensor, lambd: float) -> Tensor:
    return F.softshrink(x, lambd)


def threshold(x: Tensor, threshold: float, value: float) -> Tensor:
    return F.threshold(x, threshold, value)
