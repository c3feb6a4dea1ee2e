"""The namespace of a recorded rule: every function of the engine by its last name, as ``backend.raw`` has every kernel."""

from __future__ import annotations

from types import FunctionType, SimpleNamespace

from gradproof.engine.functions import elementwise, indexing, linalg, nn, reduction, shape

recorded = SimpleNamespace(
    **{
        name: function
        for module in (elementwise, indexing, linalg, nn, reduction, shape)
        for name, function in vars(module).items()
        if isinstance(function, FunctionType) and not name.startswith("_")
    }
)
