"""Pullbacks of windows and convolutions: each is one of its own kind."""

from __future__ import annotations

from gradproof.engine.rules.rule import Table, rule

# fmt: off
RULES: Table = {
    "windows": (rule("", lambda xp, ct, out, x, window, stride, dilation:
                     xp.fold(ct, stride=stride, dilation=dilation, shape=x.shape)),),
    "fold":    (rule("", lambda xp, ct, out, x, stride, dilation, shape:
                     xp.windows(ct, window=x.shape[-len(stride):], stride=stride, dilation=dilation)),),
    # Fused: three derivatives of one trilinear form keep x and the filters; windows and a product would keep every window.
    "conv":           (rule("weight", lambda xp, ct, out, x, weight, **at: xp.conv_transpose(ct, weight, shape=x.shape[2:], **at)),
                       rule("x", lambda xp, ct, out, x, weight, **at: xp.conv_filter(x, ct, window=weight.shape[2:], **at))),
    "conv_transpose": (rule("weight", lambda xp, ct, out, y, weight, shape, **at: xp.conv(ct, weight, **at)),
                       rule("y", lambda xp, ct, out, y, weight, shape, **at: xp.conv_filter(ct, y, window=weight.shape[2:], **at))),
    "conv_filter":    (rule("y", lambda xp, ct, out, x, y, window, **at: xp.conv_transpose(y, ct, shape=x.shape[2:], **at)),
                       rule("x", lambda xp, ct, out, x, y, window, **at: xp.conv(x, ct, **at))),
}
# fmt: on
