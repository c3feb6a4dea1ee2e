"""Convolution, pooling, patches and normalisation in PyTorch, with every parameter explicit."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

Steps = Any  # a tuple of so many ints; PyTorch counts them by type


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


def layer_norm(x: Tensor, weight: Tensor, bias: Tensor, eps: float) -> Tensor:
    return F.layer_norm(x, x.shape[-1:], weight, bias, eps)


def batch_norm(x: Tensor, weight: Tensor, bias: Tensor, eps: float) -> Tensor:
    return F.batch_norm(x, None, None, weight, bias, True, 0.1, eps)


def batch_norm_inference(x: Tensor, mean: Tensor, variance: Tensor, weight: Tensor, bias: Tensor, eps: float) -> Tensor:
    return F.batch_norm(x, mean, variance, weight, bias, False, 0.1, eps)


def group_norm(x: Tensor, weight: Tensor, bias: Tensor, groups: int, eps: float) -> Tensor:
    return F.group_norm(x, groups, weight, bias, eps)


def instance_norm(x: Tensor, weight: Tensor, bias: Tensor, eps: float) -> Tensor:
    return F.instance_norm(x, None, None, weight, bias, True, 0.1, eps)


def rms_norm(x: Tensor, weight: Tensor, eps: float) -> Tensor:
    return F.rms_norm(x, x.shape[-1:], weight, eps)


def local_response_norm(x: Tensor, size: int, alpha: float, beta: float, k: float) -> Tensor:
    return F.local_response_norm(x, size, alpha, beta, k)


def normalize(x: Tensor, axis: int, eps: float) -> Tensor:
    return F.normalize(x, 2.0, axis, eps)


def weight_norm(v: Tensor, g: Tensor) -> Tensor:
    return torch._weight_norm(v, g, 0)
