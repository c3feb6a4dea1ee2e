"""Losses of ``torch.nn.functional``, with every parameter explicit."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor


def l1(x: Tensor, y: Tensor, reduction: str) -> Tensor:
    return F.l1_loss(x, y, reduction=reduction)


def huber(x: Tensor, y: Tensor, delta: float, reduction: str) -> Tensor:
    return F.huber_loss(x, y, reduction=reduction, delta=delta)


def smooth_l1(x: Tensor, y: Tensor, beta: float, reduction: str) -> Tensor:
    return F.smooth_l1_loss(x, y, reduction=reduction, beta=beta)


def bce(x: Tensor, y: Tensor, reduction: str) -> Tensor:
    return F.binary_cross_entropy(x, y, reduction=reduction)


def bce_with_logits(x: Tensor, y: Tensor, reduction: str) -> Tensor:
    return F.binary_cross_entropy_with_logits(x, y, reduction=reduction)


def kl_div(x: Tensor, y: Tensor, log_target: bool, reduction: str) -> Tensor:
    return F.kl_div(x, y, reduction=reduction, log_target=log_target)


def nll(log_p: Tensor, labels: Tensor, reduction: str) -> Tensor:
    return F.nll_loss(log_p, labels, reduction=reduction)


def hinge_embedding(x: Tensor, labels: Tensor, margin: float, reduction: str) -> Tensor:
    return F.hinge_embedding_loss(x, labels.to(x.dtype), margin=margin, reduction=reduction)


def soft_margin(x: Tensor, labels: Tensor, reduction: str) -> Tensor:
    return F.soft_margin_loss(x, labels.to(x.dtype), reduction=reduction)


def margin_ranking(x: Tensor, y: Tensor, labels: Tensor, margin: float, reduction: str) -> Tensor:
    return F.margin_ranking_loss(x, y, labels.to(x.dtype), margin=margin, reduction=reduction)


def cosine_similarity(x: Tensor, y: Tensor, axis: int, eps: float) -> Tensor:
    return F.cosine_similarity(x, y, dim=axis, eps=eps)


def cosine_embedding(x: Tensor, y: Tensor, labels: Tensor, margin: float, reduction: str) -> Tensor:
    return F.cosine_embedding_loss(x, y, labels.to(x.dtype), margin=margin, reduction=reduction)


def poisson_nll(x: Tensor, y: Tensor, log_input: bool, eps: float, reduction: str) -> Tensor:
    return F.poisson_nll_loss(x, y, log_input=log_input, full=False, eps=eps, reduction=reduction)


def gaussian_nll(x: Tensor, y: Tensor, var: Tensor, eps: float, reduction: str) -> Tensor:
    bounded = var.clamp(min=eps)  # its own bound leaves the gradient alone, as its documentation says
    return F.gaussian_nll_loss(x, y, bounded, full=False, eps=eps, reduction=reduction)
