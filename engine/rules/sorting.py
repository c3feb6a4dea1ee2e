"""Pullbacks of sorting: a cotangent goes back to where its entry came from; tied entries keep their order (C21)."""

from __future__ import annotations

from typing import Any

from gradproof.engine.rules.rule import Table, rule


def _sort(xp: Any, ct: Any, out: Any, x: Any, axis: int, descending: bool) -> Any:
    return xp.reorder(ct, xp.inverse(xp.order(x, axis=axis, descending=descending), axis=axis), axis=axis)


# fmt: off
RULES: Table = {
    "sort":    (rule("x", _sort),),  # C21
    "reorder": (rule("order", lambda xp, ct, out, x, order, axis: xp.reorder(ct, xp.inverse(order, axis=axis), axis=axis)), None),
}
# fmt: on
