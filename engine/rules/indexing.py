"""Pullbacks of indexing: reading at a key and adding at a key are each other's transpose."""

from __future__ import annotations

from gradproof.engine.rules.rule import Table, rule

# fmt: off
RULES: Table = {
    "getitem": (rule("", lambda xp, ct, out, x, key: xp.scatter(ct, key=key, shape=x.shape)),),
    "scatter": (rule("", lambda xp, ct, out, x, key, shape: xp.getitem(ct, key=key)),),
}
# fmt: on
