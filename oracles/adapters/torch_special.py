# mypy: disable-error-code="no-any-return"
"""Special functions in PyTorch, and the elementwise functions that are flat between jumps."""

from __future__ import annotations

import torch
from torch import Tensor

ceil = torch.ceil
digamma = torch.digamma
entr = torch.special.entr
erfinv = torch.erfinv
exp2 = torch.exp2
floor = torch.floor
i0 = torch.special.i0
i0e = torch.special.i0e
i1 = torch.special.i1
i1e = torch.special.i1e
lgamma = torch.lgamma
log_ndtr = torch.special.log_ndtr
logaddexp2 = torch.logaddexp2
logit = torch.logit
ndtr = torch.special.ndtr
ndtri = torch.special.ndtri
positive = torch.positive
remainder = torch.remainder
round = torch.round
sinc = torch.sinc
trunc = torch.trunc
xlog1py = torch.special.xlog1py


def floor_divide(x: Tensor, y: Tensor) -> Tensor:
    return torch.div(x, y, rounding_mode="floor")


def polygamma(x: Tensor, n: int) -> Tensor:
    return torch.polygamma(n, x)
