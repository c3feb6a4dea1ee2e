"""Pullbacks of indexing: reading at a key and adding at a key are each other's transpose."""

from __future__ import annotations

from gradproof.engine.rules.rule import Table, rule

# fmt: off
RULES: Table = {
    "getitem": (rule("", lambda xp, ct, out, x, key: xp.scatter(ct, key=key, shape=x.shape)),),
    "scatter": (rule("", lambda xp, ct, out, x, key, shape: xp.getitem(ct, key=key)),),
    "windows": (rule("", lambda xp, ct, out, x, window, stride: xp.fold(ct, stride=stride, shape=x.shape)),),
    "fold":    (rule("", lambda xp, ct, out, x, stride, shape: xp.windows(ct, window=x.shape[-2:], stride=stride)),),
}
# fmt: on
