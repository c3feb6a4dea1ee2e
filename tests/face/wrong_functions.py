"""Functions of PyTorch whose backward is wrong in one way each, importable as a user's would be."""

from __future__ import annotations

from typing import Any

import torch


class Fault(torch.autograd.Function):
    """tanh(x) x, until a subclass breaks it."""

    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        ctx.save_for_backward(x)
        return torch.tanh(x) * x

    @staticmethod
    def slope(x: Any) -> Any:
        return torch.tanh(x) + x / torch.cosh(x) ** 2


class Right(Fault):
    @staticmethod
    def backward(ctx: Any, ct: Any) -> Any:
        return ct * Fault.slope(*ctx.saved_tensors)


class WrongSign(Fault):
    @staticmethod
    def backward(ctx: Any, ct: Any) -> Any:
        return -ct * Fault.slope(*ctx.saved_tensors)


class WrongFactor(Fault):
    @staticmethod
    def backward(ctx: Any, ct: Any) -> Any:
        (x,) = ctx.saved_tensors
        return ct * (torch.tanh(x) + 2 * x / torch.cosh(x) ** 2)


class OneEntry(Fault):
    """Off by a part ``off`` in one entry."""

    off = 0.01

    @staticmethod
    def backward(ctx: Any, ct: Any) -> Any:
        slope = Fault.slope(*ctx.saved_tensors).clone()
        slope.view(-1)[3] *= 1 + OneEntry.off
        return ct * slope


class MissingTerm(Fault):
    """x is used twice, and only one use is added up."""

    @staticmethod
    def backward(ctx: Any, ct: Any) -> Any:
        return ct * torch.tanh(ctx.saved_tensors[0])


class ReturnsNone(Fault):
    @staticmethod
    def backward(ctx: Any, ct: Any) -> Any:
        return None


class WrongShape(Fault):
    @staticmethod
    def backward(ctx: Any, ct: Any) -> Any:
        return (ct * Fault.slope(*ctx.saved_tensors))[:-1]


class Transposed(Fault):
    """A square gradient comes back transposed: the shape is right."""

    @staticmethod
    def backward(ctx: Any, ct: Any) -> Any:
        return (ct * Fault.slope(*ctx.saved_tensors)).T


class Rectified(Fault):
    """Not linear in the cotangent: its negative entries are lost."""

    @staticmethod
    def backward(ctx: Any, ct: Any) -> Any:
        return torch.relu(ct) * Fault.slope(*ctx.saved_tensors)


class Clipped(Fault):
    """Not linear in the cotangent: large entries are clipped."""

    @staticmethod
    def backward(ctx: Any, ct: Any) -> Any:
        return ct.clamp(-1.6, 1.6) * Fault.slope(*ctx.saved_tensors)


class Rounded(Fault):
    """The backward pass works in float32."""

    @staticmethod
    def backward(ctx: Any, ct: Any) -> Any:
        return (ct.float() * Fault.slope(ctx.saved_tensors[0].float())).to(ct.dtype)


class Biased(Fault):
    """A constant is added: a zero cotangent gives no zeros."""

    @staticmethod
    def backward(ctx: Any, ct: Any) -> Any:
        return ct * Fault.slope(*ctx.saved_tensors) + 1e-9


class Random(Fault):
    @staticmethod
    def backward(ctx: Any, ct: Any) -> Any:
        return ct * Fault.slope(*ctx.saved_tensors) * (1 + 1e-12 * torch.rand((), dtype=ct.dtype))


class Stale(Fault):
    """One buffer for all gradients: the second call overwrites the first."""

    buffer: Any = None

    @staticmethod
    def backward(ctx: Any, ct: Any) -> Any:
        slope = ct * Fault.slope(*ctx.saved_tensors)
        if Stale.buffer is None or Stale.buffer.shape != slope.shape:
            Stale.buffer = torch.empty_like(slope)
        return Stale.buffer.copy_(slope)


class Writes(torch.autograd.Function):
    """The forward pass writes its input."""

    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        ctx.save_for_backward(x.clone())
        y = torch.tanh(x) * x
        x.data.mul_(0.5)
        return y

    @staticmethod
    def backward(ctx: Any, ct: Any) -> Any:
        return ct * Fault.slope(*ctx.saved_tensors)


class WritesCotangent(Fault):
    @staticmethod
    def backward(ctx: Any, ct: Any) -> Any:
        return ct.data.mul_(Fault.slope(*ctx.saved_tensors))


class Raises(Fault):
    @staticmethod
    def backward(ctx: Any, ct: Any) -> Any:
        raise ZeroDivisionError("backward")


class LostAtZero(torch.autograd.Function):
    """The classic product: prod / x is nan where x is 0."""

    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        ctx.save_for_backward(x)
        return x.prod()

    @staticmethod
    def backward(ctx: Any, ct: Any) -> Any:
        (x,) = ctx.saved_tensors
        return ct * x.prod() / x


class OutsideTheKink(torch.autograd.Function):
    """relu whose slope at 0 is -1: no slope between left and right."""

    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        ctx.save_for_backward(x)
        return torch.relu(x)

    @staticmethod
    def backward(ctx: Any, ct: Any) -> Any:
        (x,) = ctx.saved_tensors
        return ct * torch.where(x == 0, -1.0, (x > 0).to(x.dtype))


class FirstOrderOnly(Fault):
    """The slope is right, but its own graph is cut."""

    @staticmethod
    def backward(ctx: Any, ct: Any) -> Any:
        return ct * Fault.slope(ctx.saved_tensors[0].detach())
