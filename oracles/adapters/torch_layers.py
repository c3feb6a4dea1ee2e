"""Convolution, pooling and the patches of images in PyTorch, with every parameter explicit."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

Steps = tuple[int, ...]


def conv1d(x: Tensor, weight: Tensor, bias: Tensor | None = None, *, stride: Steps, padding: Steps, dilation: Steps, groups: int) -> Tensor:
    return F.conv1d(x, weight, bias, stride, padding, dilation, groups)


def conv2d(
    x: Tensor, weight: Tensor, bias: Tensor | None = None, *, stride: Steps, padding: Steps, dilation: Steps = (1, 1), groups: int = 1
) -> Tensor:
    return F.conv2d(x, weight, bias, stride, padding, dilation, groups)


def conv3d(x: Tensor, weight: Tensor, bias: Tensor | None = None, *, stride: Steps, padding: Steps, dilation: Steps, groups: int) -> Tensor:
    return F.conv3d(x, weight, bias, stride, padding, dilation, groups)


def conv_transpose1d(
    x: Tensor, weight: Tensor, bias: Tensor | None = None, *,
    stride: Steps, padding: Steps, output_padding: Steps, dilation: Steps, groups: int,
) -> Tensor:  # fmt: skip
    return F.conv_transpose1d(x, weight, bias, stride, padding, output_padding, groups, dilation)


def conv_transpose2d(
    x: Tensor, weight: Tensor, bias: Tensor | None = None, *,
    stride: Steps, padding: Steps, output_padding: Steps, dilation: Steps, groups: int,
) -> Tensor:  # fmt: skip
    return F.conv_transpose2d(x, weight, bias, stride, padding, output_padding, groups, dilation)


def conv_transpose3d(
    x: Tensor, weight: Tensor, bias: Tensor | None = None, *,
    stride: Steps, padding: Steps, output_padding: Steps, dilation: Steps, groups: int,
) -> Tensor:  # fmt: skip
    return F.conv_transpose3d(x, weight, bias, stride, padding, output_padding, groups, dilation)


def unfold(x: Tensor, window: Steps, stride: Steps, padding: Steps, dilation: Steps) -> Tensor:
    return F.unfold(x, window, dilation, padding, stride)


def fold(x: Tensor, size: Steps, window: Steps, stride: Steps, padding: Steps, dilation: Steps) -> Tensor:
    return F.fold(x, size, window, dilation, padding, stride)


def pixel_shuffle(x: Tensor, factor: int) -> Tensor:
    return F.pixel_shuffle(x, factor)


def pixel_unshuffle(x: Tensor, factor: int) -> Tensor:
    return F.pixel_unshuffle(x, factor)


def channel_shuffle(x: Tensor, groups: int) -> Tensor:
    return F.channel_shuffle(x, groups)


def max_pool1d(x: Tensor, window: Steps, stride: Steps, padding: Steps, dilation: Steps) -> Tensor:
    return F.max_pool1d(x, window, stride, padding, dilation)


def max_pool2d(x: Tensor, window: Steps, stride: Steps, padding: Steps = (0, 0), dilation: Steps = (1, 1)) -> Tensor:
    return F.max_pool2d(x, window, stride, padding, dilation)


def max_pool3d(x: Tensor, window: Steps, stride: Steps, padding: Steps, dilation: Steps) -> Tensor:
    return F.max_pool3d(x, window, stride, padding, dilation)


def avg_pool1d(x: Tensor, window: Steps, stride: Steps, padding: Steps, count_include_pad: bool) -> Tensor:
    return F.avg_pool1d(x, window, stride, padding, False, count_include_pad)


def avg_pool2d(x: Tensor, window: Steps, stride: Steps, padding: Steps, count_include_pad: bool) -> Tensor:
    return F.avg_pool2d(x, window, stride, padding, False, count_include_pad)


def avg_pool3d(x: Tensor, window: Steps, stride: Steps, padding: Steps, count_include_pad: bool) -> Tensor:
    return F.avg_pool3d(x, window, stride, padding, False, count_include_pad)


def lp_pool1d(x: Tensor, order: int, window: Steps, stride: Steps) -> Tensor:
    return F.lp_pool1d(x, order, window[0], stride[0])


def lp_pool2d(x: Tensor, order: int, window: Steps, stride: Steps) -> Tensor:
    return F.lp_pool2d(x, order, window, stride)


def adaptive_avg_pool1d(x: Tensor, size: Steps) -> Tensor:
    return F.adaptive_avg_pool1d(x, size)


def adaptive_avg_pool2d(x: Tensor, size: Steps) -> Tensor:
    return F.adaptive_avg_pool2d(x, size)


def adaptive_avg_pool3d(x: Tensor, size: Steps) -> Tensor:
    return F.adaptive_avg_pool3d(x, size)


def adaptive_max_pool1d(x: Tensor, size: Steps) -> Tensor:
    return F.adaptive_max_pool1d(x, size)


def adaptive_max_pool2d(x: Tensor, size: Steps) -> Tensor:
    return F.adaptive_max_pool2d(x, size)


def adaptive_max_pool3d(x: Tensor, size: Steps) -> Tensor:
    return F.adaptive_max_pool3d(x, size)
