"""Pullbacks of activations whose formula would lose digits that the slope has."""

from __future__ import annotations

from gradproof.engine.rules.rule import Table, rule

# fmt: off
RULES: Table = {
    "softsign":   (rule("x", lambda xp, ct, out, x: ct / xp.square(1.0 + xp.abs(x))),),
    "tanhshrink": (rule("x", lambda xp, ct, out, x: ct * xp.square(xp.tanh(x))),),
}
# fmt: on
