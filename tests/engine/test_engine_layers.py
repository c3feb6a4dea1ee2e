"""Layers beyond what the judge draws: refusals, results by name, explicit randomness, magnitudes, and what is kept."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import gradproof.engine as ge
from gradproof.engine import nn
from gradproof.engine.errors import ShapeError


def ones(*shape: int) -> Any:
    return np.ones(shape)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: nn.conv1d(ones(1, 4, 5), ones(2, 3, 2), groups=2), "conv1d: x (1, 4, 5), weight (2, 3, 2), groups=2"),
        (lambda: nn.conv2d(ones(1, 1, 3, 3), ones(1, 1, 2, 2), dilation=3), "a window of 2 entries, 3 apart, does not fit 3 entries"),
        (lambda: nn.conv3d(ones(1, 1, 3, 3, 3), ones(1, 1, 2, 2, 2), stride=(1, 1)), "has 2 numbers, expected 3"),
        (lambda: nn.conv_transpose1d(ones(1, 1, 3), ones(1, 1, 2), stride=2, output_padding=2), "below the stride (2,)"),
        (lambda: nn.max_pool2d(ones(1, 1, 4, 4), 2, padding=2), "padding (2, 2) is more than half of the window"),
        (lambda: nn.adaptive_avg_pool2d(ones(1, 1, 4, 4), 0), "expected at least one entry and one bin an axis"),
        (lambda: nn.fold(ones(1, 5, 4), (3, 3), 2), "expected (N, C * 4, 4)"),
        (lambda: nn.group_norm(ones(1, 3, 2), groups=2), "3 channels in 2 groups"),
        (lambda: nn.pixel_shuffle(ones(1, 3, 2, 2), 2), "3 channels; expected a multiple of factor**2 = 4"),
        (lambda: nn.rotary_embedding(ones(2, 3)), "expected (..., L, D) with D even"),
        (lambda: nn.scaled_dot_product_attention(ones(3, 2, 2), ones(2, 2, 2), ones(2, 2, 2), grouped=True), "in a multiple"),
        (lambda: nn.multi_head_attention(ones(1, 2, 3), ones(9, 3), ones(9), ones(3, 3), ones(3), 2), "E a multiple"),
        (lambda: nn.gru(ones(2, 2), ones(1, 2), ones(6, 2), ones(6, 2)), "expected a sequence of one step or more"),
        (lambda: nn.ctc_loss(ones(3, 2, 2), np.ones((1, 1), int), (3,), (1,)), "ctc_loss: logits (3, 2, 2)"),
        (lambda: nn.interpolate(ones(1, 1), 2), "expected (N, C, ...)"),
    ],
)
def test_what_does_not_fit_is_refused_with_what_was_expected(call: Callable[[], Any], said: str) -> None:
    with pytest.raises(ShapeError) as error:
        call()
    assert said in str(error.value)


@pytest.mark.parametrize(
    "call",
    [
        lambda: nn.rnn_cell(ones(1, 2), ones(1, 2), ones(2, 2), ones(2, 2), nonlinearity="sine"),
        lambda: nn.lstm_cell(ones(1, 1), ones(1, 1), ones(1, 1), ones(4, 1), ones(4, 1), result="gate"),
        lambda: nn.interpolate(ones(1, 1, 2), 2, mode="cubic"),
        lambda: nn.dropout_mask(0, (2,), 1.0),
        lambda: nn.ctc_loss(ones(2, 1, 2), np.ones((1, 1), int), (2,), (1,), reduction="all"),
    ],
)
def test_a_word_that_means_nothing_is_refused(call: Callable[[], Any]) -> None:
    with pytest.raises(ValueError, match="expected"):
        call()


def test_an_lstm_gives_all_its_results_or_the_one_named() -> None:
    rng = np.random.default_rng(0)
    x, h, c, w, u = (rng.normal(size=s) for s in ((3, 1, 2), (1, 2), (1, 2), (8, 2), (8, 2)))
    output, cell = nn.lstm(x, h, c, w, u)
    assert np.array_equal(output.numpy(), nn.lstm(x, h, c, w, u, result="output").numpy())
    assert np.array_equal(cell.numpy(), nn.lstm(x, h, c, w, u, result="cell").numpy())
    hidden, _ = nn.lstm_cell(x[0], h, c, w, u)
    assert np.array_equal(hidden.numpy(), output[0].numpy())


def test_dropout_keeps_the_same_entries_for_the_same_key() -> None:
    mask = nn.dropout_mask(3, (1000,), 0.25)
    assert np.array_equal(mask, nn.dropout_mask(3, (1000,), 0.25))
    assert not np.array_equal(mask, nn.dropout_mask(4, (1000,), 0.25))
    assert 0.7 < mask.mean() < 0.8
    slope = ge.grad(lambda x: ge.sum(nn.dropout(x, mask, 0.25)))(ones(1000)).numpy()
    assert np.array_equal(slope, np.where(mask, 1 / 0.75, 0.0))


def test_ctc_keeps_its_digits_where_logits_are_large() -> None:
    """With no label there is one path, all blanks, so that the gradient is softmax less a unit vector: no logarithm rounds it."""
    logits = np.zeros((3, 1, 2))
    logits[1, 0, 0] = -1e7
    g = ge.grad(lambda x: nn.ctc_loss(x, np.zeros((1, 0), int), (3,), (0,), reduction="sum"))(logits).numpy()
    assert g[:, 0].tolist() == [[-0.5, 0.5], [-1.0, 1.0], [-0.5, 0.5]]


def test_a_convolution_keeps_its_operands_and_no_window() -> None:
    x, w = ge.variable(np.ones((2, 3, 8, 8))), ge.variable(np.ones((4, 3, 3, 3)))
    node = nn.conv2d(x, w, padding=1).node
    assert node is not None
    assert node.primals is not None
    assert sum(p.size for p in node.primals) == 2 * 3 * 8 * 8 + 4 * 3 * 3 * 3


@pytest.mark.parametrize("rank", [1, 2, 3])
def test_the_three_convolutions_are_one_trilinear_form(rank: int) -> None:
    """<y, conv(x, w)> = <x, conv_transpose(y, w)> = <w, conv_filter(x, y)>, whatever the steps."""
    rng = np.random.default_rng(rank)
    at: dict[str, Any] = {"stride": (2,) * rank, "padding": (1,) * rank, "dilation": (2,) * rank, "groups": 2}
    x, w = rng.normal(size=(2, 4, *(7,) * rank)), rng.normal(size=(6, 2, *(2,) * rank))
    kernel = ge.backend.kernels
    out = kernel["conv"](x, w, **at)
    y = rng.normal(size=out.shape)
    form = np.vdot(y, out)
    assert np.isclose(form, np.vdot(x, kernel["conv_transpose"](y, w, shape=x.shape[2:], **at)), rtol=1e-12)
    assert np.isclose(form, np.vdot(w, kernel["conv_filter"](x, y, window=w.shape[2:], **at)), rtol=1e-12)
