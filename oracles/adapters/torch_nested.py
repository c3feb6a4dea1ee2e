"""``torch.func``: the transforms of PyTorch that nest. The plain reverse mode stays that of ``torch.autograd``."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from gradproof.oracles.errors import Unsupported

DECLINED = re.compile(
    r"derivative for .* is not implemented|derivative for .* has not been implemented|does not support.* it because"
    r"|forward AD.* (not support|is not implemented)|not implemented.* forward (AD|mode)|[Bb]atching rule not implemented"
    r"|vmap: .*(not supported|not possible|not able)",
    re.DOTALL,
)


@contextmanager
def declining() -> Iterator[None]:
    """A derivative, of an order or in a mode, that PyTorch says it has not is unsupported; every other error is an answer."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except RuntimeError as error:  # NotImplementedError too
        if DECLINED.search(str(error)):
            raise Unsupported(f"PyTorch: {str(error).splitlines()[0]}") from error
        raise


def tupled(fn: Callable[..., Any]) -> Callable[..., tuple[Tensor, ...]]:
    """``fn`` with a tuple of results."""

    def outputs_of(*xs: Tensor) -> tuple[Tensor, ...]:
        result = fn(*xs)
        return tuple(result) if isinstance(result, tuple | list) else (result,)

    return outputs_of


def vjp(
    fn: Callable[..., Any], primals: Sequence[Tensor]
) -> tuple[tuple[Tensor, ...], Callable[[tuple[Tensor, ...]], tuple[Tensor, ...]]]:
    """``fn(*primals)``, and a pullback that an outer transform differentiates."""
    with declining():
        outputs, pull, *_ = torch.func.vjp(tupled(fn), *primals)

    def pullback(cotangents: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        with declining():
            return tuple(pull(tuple(cotangents)))

    return outputs, pullback


def jvp(
    fn: Callable[..., Any], primals: Sequence[Tensor], tangents: Sequence[Tensor]
) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
    """``fn(*primals)`` and its tangents along those of the primals."""
    with declining():
        outputs, along, *_ = torch.func.jvp(tupled(fn), tuple(primals), tuple(tangents))
    return tuple(outputs), tuple(along)


def vmap(fn: Callable[..., Any], in_axes: Any = 0) -> Callable[..., tuple[Tensor, ...]]:
    """``fn`` over an axis of every argument and the first of every result.

    (With ``out_dims`` other than 0, PyTorch 2.13 reads memory of somebody else for a result that does not depend on the batch.)
    """

    def mapped(*xs: Tensor) -> tuple[Tensor, ...]:
        if not all(x.numel() or x.shape[axis] for x, axis in _along(xs, in_axes)):
            raise Unsupported("PyTorch: vmap over a batch of no examples, for which many of its batching rules raise")
        with declining():
            return tuple(torch.func.vmap(tupled(fn), in_axes)(*xs))

    return mapped


def _along(xs: Sequence[Tensor], in_axes: Any) -> Iterator[tuple[Tensor, int]]:
    """Each batched argument with the axis of its batch."""
    axes = in_axes if isinstance(in_axes, tuple) else (in_axes,) * len(xs)
    return ((x, axis) for x, axis in zip(xs, axes, strict=True) if axis is not None)
