"""The catalogue: one row an op, and no derivative anywhere."""

from __future__ import annotations

import difflib

from gradproof.oracles.catalogue import (
    activations,
    alignment,
    attention,
    complexes,
    convolution,
    decompositions,
    elementwise,
    fft,
    indexing,
    linalg,
    losses,
    matrix_functions,
    missing,
    nn,
    normalisation,
    pieces,
    pooling,
    recurrent,
    reduction,
    sampling,
    scans,
    scatter,
    shape,
    sorting,
    special,
)
from gradproof.oracles.catalogue.row import Op, Sketch, Slot
from gradproof.oracles.catalogue.source import Source
from gradproof.oracles.errors import UnknownOp

CATALOGUE: dict[str, Op] = {
    row.name: row
    for module in (
        elementwise, special, activations, losses, reduction, shape, indexing, linalg, decompositions,
        matrix_functions, nn, convolution, pooling, normalisation, recurrent, attention, sampling, alignment,
        sorting, scans, missing, pieces, scatter,
    )
    for row in module.ROWS
}

COMPLEX: dict[str, Op] = {row.name: row for row in (*complexes.ROWS, *fft.ROWS)}  # drawn for complex dtypes only
_ALL = {**CATALOGUE, **COMPLEX}


def op(name: str) -> Op:
    """The row of an op.

    Raises: UnknownOp, naming close matches.
    """
    try:
        return _ALL[name]
    except KeyError:
        near = ", ".join(difflib.get_close_matches(name, _ALL, 3)) or "see `gradproof ops`"
        raise UnknownOp(f"unknown op {name!r}. Did you mean: {near}?") from None


__all__ = ["CATALOGUE", "COMPLEX", "Op", "Sketch", "Slot", "Source", "op"]
