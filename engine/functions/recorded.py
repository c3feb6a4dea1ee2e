"""The namespace of a recorded rule: every function of the engine by its last name, as ``backend.raw`` has every kernel."""

from __future__ import annotations

from types import FunctionType, SimpleNamespace

from gradproof.engine.functions import (
    activations,
    complexes,
    convolution,
    decompositions,
    elementwise,
    fft,
    indexing,
    missing,
    nn,
    products,
    reduction,
    scans,
    shape,
    sorting,
    special,
)

recorded = SimpleNamespace(
    **{
        name: function
        for module in (
            nn, convolution, elementwise, indexing, products, decompositions, reduction, shape, sorting,
            scans, special, activations, missing, complexes, fft,
        )  # nn has names of primitives for its own
        for name, function in vars(module).items()
        if isinstance(function, FunctionType) and not name.startswith("_")
    }
)
