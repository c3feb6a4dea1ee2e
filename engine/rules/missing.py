"""Pullbacks for missing entries: nothing goes back to one."""

from __future__ import annotations

from gradproof.engine.rules.rule import Table, rule

# fmt: off
RULES: Table = {
    "fill_missing": (rule("x", lambda xp, ct, out, x, value: xp.where(xp.isnan(x), 0.0, ct)),),
    "present":      (rule("", lambda xp, ct, out, x: xp.zeros_like(ct)),),
}
# fmt: on
