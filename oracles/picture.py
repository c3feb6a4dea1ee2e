"""A case as one drawing: the graph with the exact value of everything, and the exact cotangent that comes back to it."""

from __future__ import annotations

from typing import Any

from gradproof.oracles.certificate import certify
from gradproof.oracles.draw import draw
from gradproof.oracles.graph import Case
from gradproof.oracles.rewrite import adjoint, forward_values


def picture(case: Case) -> str:
    """An SVG text. A cotangent that is not finite, or not known, is left out."""
    values = forward_values(certify(case))
    cotangents: dict[int, Any] = dict(zip(case.graph.outputs, case.cotangents, strict=True))
    for value in range(len(values)):
        if value not in cotangents and values[value].dtype == case.graph.dtype:
            found = adjoint(case, values, value)
            if found is not None:
                cotangents[value] = found
    return draw(case.graph, values=values, cotangents=cotangents)
