"""PyTorch's own training loop: leaves, ``backward`` and ``torch.optim``, for loss curves to compare with."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch
from torch import Tensor

from gradproof.oracles.graph import Array

OPTIMISERS: dict[str, Callable[..., Any]] = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam, "adamw": torch.optim.AdamW}


def train(
    loss: Callable[..., Tensor],
    weights: Sequence[Array],
    batches: Iterable[Sequence[Array]],
    optimiser: str,
    **settings: Any,
) -> tuple[list[float], list[Array]]:
    """The loss before each step, and the weights after all. ``loss`` takes the list of weights, then a batch's arrays."""
    leaves = [torch.tensor(w, requires_grad=True) for w in weights]
    steps = OPTIMISERS[optimiser](leaves, **settings)
    losses = []
    for batch in batches:
        steps.zero_grad()
        value: Any = loss(leaves, *map(torch.tensor, batch))
        value.backward()
        steps.step()
        losses.append(value.item())
    return losses, [w.detach().numpy() for w in leaves]
