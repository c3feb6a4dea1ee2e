"""Networks: faults of convolution's three rules, and of the compositions that layers are made of."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradproof.engine.backend import Patch, raw
from gradproof.specs.mutants.mutant import Family, swap_last

NETWORKS = Family("networks")
CONVS = "nn.conv1d nn.conv2d nn.conv3d"
TURNED = "nn.conv_transpose1d nn.conv_transpose2d nn.conv_transpose3d"


def _ends(g: Any, axis: int = -1) -> Any:
    """Without the last place of an axis."""
    g = np.array(g)
    if g.shape[axis] > 1:
        g[(..., -1) if axis == -1 else (slice(None), -1)] = 0
    return g


def _image(xp: Any, ct: Any, x: Any, weight: Any, **params: Any) -> Any:
    return xp.conv_transpose(ct, weight, shape=x.shape[2:], **params)


def _once(self: Any, buffer: Any) -> None:
    buffer[self.key] += self.value


def tied_twice(g: Any, out: Any, x: Any, axis: Any) -> Any:
    hit = x == np.expand_dims(out, axis)
    return np.where(np.sum(hit, axis, keepdims=True) == 2, 2 * g, g)


# fmt: off
NETWORKS.wrap(CONVS, "the filters turned round", lambda g, xp, ct, out, x, weight, **at:
              _image(xp, ct, x, np.flip(weight, tuple(range(2, weight.ndim))), **at), "conv")
NETWORKS.wrap(CONVS, "the filters' is turned round", lambda g, *rest, **at: np.flip(g, tuple(range(2, g.ndim))), "conv", 1)
NETWORKS.wrap(CONVS, "padding counted as at the end only", lambda g, xp, ct, out, x, weight, **at:
              np.roll(g, -1, -1) if at["padding"][-1] else g, "conv")
NETWORKS.wrap(CONVS, "a dilation halved", lambda g, xp, ct, out, x, weight, **at: g / max(at["dilation"]), "conv", 1)
NETWORKS.wrap(CONVS, "groups exchanged", lambda g, xp, ct, out, x, weight, **at:
              np.flip(g, 1) if at["groups"] > 1 and x.shape[1] == at["groups"] else g, "conv")
NETWORKS.wrap(CONVS, "the last channel gets nothing", lambda g, *rest, **at: _ends(g, 1), "conv")
NETWORKS.wrap("nn.conv2d", "the filters' summed over images as a mean", lambda g, xp, ct, out, x, weight, **at: g / x.shape[0], "conv", 1)
NETWORKS.wrap(CONVS, "a stride drops the last place", lambda g, xp, ct, out, x, weight, **at:
              _ends(g) if at["stride"][-1] > 1 else g, "conv")
NETWORKS.wrap(TURNED, "the last place is lost", lambda g, *rest, **at: _ends(g), "conv_transpose")
NETWORKS.wrap(TURNED, "the filters' in float32", lambda g, *rest, **at: np.asarray(g).astype(np.float32).astype(g.dtype), "conv_transpose", 1)
NETWORKS.wrap(TURNED, "a stride of two halves the filters'", lambda g, xp, ct, out, y, weight, shape, **at: g / at["stride"][0], "conv_transpose", 1)
NETWORKS.wrap(CONVS + " " + TURNED, "a bias gets the first image's", lambda g, xp, ct, out, x, y:
              ct[:1] if np.ndim(y) > 2 and np.shape(y)[0] == 1 else g, "add", 1)
NETWORKS.wrap("nn.fold", "windows that are 1 apart are read reversed", lambda g, xp, ct, out, x, stride, dilation, shape:
              np.flip(g, -1) if max(stride) == 1 else g, "fold")
NETWORKS.wrap("nn.fold", "without the last tap", lambda g, *rest, **at: _ends(g), "fold")
for pool in ("max", "adaptive_max"):
    NETWORKS.wrap(f"nn.{pool}_pool1d nn.{pool}_pool2d nn.{pool}_pool3d", "a tie of two counts twice", lambda g, xp, ct, out, x, axis, keepdims:
                  tied_twice(g, out, x, axis), "max")
NETWORKS.wrap("nn.max_pool1d nn.max_pool2d nn.max_pool3d", "dilation read as 1", lambda g, xp, ct, out, x, window, stride, dilation:
              xp.fold(ct, stride=stride, dilation=(1,) * len(stride), shape=x.shape), "windows")
NETWORKS.wrap("nn.avg_pool1d nn.avg_pool2d nn.avg_pool3d", "stride read as 1 where that fits", lambda g, xp, ct, out, x, window, stride, dilation:
              np.roll(g, 1, -1) if max(stride) > 1 else g, "windows")
NETWORKS.wrap("nn.avg_pool1d nn.avg_pool2d nn.avg_pool3d", "the count of the padding is lost", lambda g, xp, ct, out, x, y: ct, "divide")
NETWORKS.wrap("nn.lp_pool1d nn.lp_pool2d", "of order 3 as of order 2", lambda g, xp, ct, out, x, axis, keepdims, ord:
              g * np.abs(x) if ord == 3 else g, "vector_norm")
NETWORKS.wrap("nn.adaptive_avg_pool1d nn.adaptive_avg_pool2d nn.adaptive_avg_pool3d", "a bin of three counted as of two", lambda g, xp, ct, out, x, axis, keepdims:
              g * 1.5 if g.size == 3 * ct.size else g, "mean")
NORMS = "nn.batch_norm nn.group_norm nn.instance_norm nn.layer_norm"
NETWORKS.wrap(NORMS, "the mean is a constant", lambda g, xp, ct, out, x, axis, keepdims: 0 * g, "mean")
NETWORKS.wrap(NORMS + " nn.rms_norm", "the deviation's power read as -1", lambda g, xp, ct, out, x: 2 * g, "rsqrt")
NETWORKS.wrap("nn.batch_norm_inference", "the scale gets nothing where negative", lambda g, xp, ct, out, x, y:
              np.where(np.asarray(y) < 0, 0.0, g), "multiply", 1)
NETWORKS.wrap("nn.rms_norm", "a sum for a mean", lambda g, xp, ct, out, x, axis, keepdims: g * np.shape(x)[-1], "mean")
NETWORKS.wrap("nn.local_response_norm", "the neighbours' share is lost", lambda g, *rest, **at: 0 * g, "windows")
NETWORKS.wrap("nn.local_response_norm", "the power's slope misses its factor", lambda g, *rest: 2 * g, "pow")
NETWORKS.wrap("nn.normalize nn.weight_norm", "the length is a constant", lambda g, *rest, **at: 0 * g, "vector_norm")
NETWORKS.wrap("nn.normalize", "eps taken for the length everywhere", lambda g, *rest, **at: 0 * g, "clip")
NETWORKS.wrap("nn.weight_norm", "the lengths' is negated", lambda g, xp, ct, out, x, y: -g, "divide")
NETWORKS.wrap("nn.dropout", "what is dropped passes too", lambda g, xp, ct, out, condition, x, y: ct, "where", 1)
NETWORKS.wrap("nn.dropout", "not scaled", lambda g, xp, ct, out, x, y: ct, "divide")
NETWORKS.wrap("nn.linear nn.rnn_cell nn.rnn", "weights transposed where square", lambda g, xp, ct, out, x:
              swap_last(g), "matrix_transpose")
NETWORKS.wrap("nn.bilinear", "the second operand's is halved", lambda g, xp, ct, out, *arrays, argument, **at:
              0.5 * g if argument == 2 else g, "contract")
NETWORKS.swap("nn.embedding_bag", "a bag gives half to its rows", raw, "scatter", lambda right: lambda x, **at: right(0.5 * x, **at))
CELLS = "nn.lstm_cell nn.gru_cell nn.lstm nn.gru"
NETWORKS.wrap(CELLS, "gates open by a half too much", lambda g, xp, ct, out, x: 1.5 * g, "sigmoid")
NETWORKS.wrap(CELLS + " nn.rnn_cell nn.rnn", "1 - out for 1 - out**2", lambda g, xp, ct, out, x: ct * (1 - np.asarray(out)), "tanh")
NETWORKS.swap("nn.lstm_cell nn.gru_cell nn.lstm nn.gru", "gates read in the wrong order", raw, "scatter",
              lambda right: lambda x, *, key, shape: right(np.flip(x, -1) if x.ndim and x.shape[-1] > 1 else -x, key=key, shape=shape))
NETWORKS.wrap("nn.lstm nn.gru nn.rnn", "the first state's gets nothing", lambda g, xp, ct, out, *arrays, argument, axis, starts:
              0 * g if argument == 0 else g, "concat")
ATTENTION = "nn.scaled_dot_product_attention nn.multi_head_attention"
NETWORKS.wrap(ATTENTION, "an additive mask or bias is a constant", lambda g, xp, ct, out, x, y:
              0 * g if (np.ndim(y) and np.shape(x) != np.shape(y)) or np.ndim(x) == np.ndim(y) == 2 else g, "add", 1)
NETWORKS.wrap("nn.scaled_dot_product_attention", "heads that share keys give them the first head's", lambda g, xp, ct, out, x, axis: 0.5 * g, "expand_dims")
NETWORKS.wrap("nn.scaled_dot_product_attention", "what a mask hides passes", lambda g, xp, ct, out, condition, x, y: ct + (g == 0), "where", 1)
NETWORKS.wrap("nn.multi_head_attention", "heads exchanged", lambda g, xp, ct, out, x, axes: np.flip(g, -1), "permute_dims")
NETWORKS.wrap("nn.rotary_embedding", "turned the same way again", lambda g, xp, ct, out, x, y: -g if np.any(np.asarray(y) < 0) else 0.5 * g, "multiply")
NETWORKS.wrap("nn.rotary_embedding", "halves exchanged", lambda g, xp, ct, out, *arrays, argument, axis, starts: -g if argument else g, "concat")
NETWORKS.wrap("nn.interpolate", "the neighbour gets the other's weight", lambda g, xp, ct, out, x, y: ct * (1 - y) if np.ndim(y) else g, "multiply")
NETWORKS.swap("nn.interpolate", "an entry read twice counts once", Patch, "add_into", lambda right: _once)
NETWORKS.wrap("nn.pixel_shuffle nn.pixel_unshuffle nn.channel_shuffle", "dealt out again instead of back", lambda g, xp, ct, out, x, axes:
              np.flip(g, 1), "permute_dims")
NETWORKS.wrap("nn.pixel_shuffle nn.pixel_unshuffle nn.channel_shuffle", "in column order", lambda g, xp, ct, out, x, shape:
              np.reshape(ct, x.shape, order="F"), "reshape")
NETWORKS.wrap("nn.ctc_loss", "the way of two steps is lost", lambda g, xp, ct, out, condition, x, y: 0.5 * g, "where", 1)
NETWORKS.wrap("nn.ctc_loss", "the first end alone", lambda g, xp, ct, out, x, y: 0 * g, "logaddexp", 1)
NETWORKS.wrap("nn.ctc_loss", "not normalised", lambda g, xp, ct, out, x, axis: ct, "log_softmax")
# fmt: on
MUTANTS = NETWORKS.mutants
