"""Errors the engine raises on purpose: each says what, where, what was expected, and what to do."""


class EngineError(Exception):
    """Base of every error of the engine."""


class ShapeError(EngineError, ValueError):
    """Operands that do not fit together, or a cotangent whose shape is not its output's."""


class DtypeError(EngineError, TypeError):
    """A primal that cannot be differentiated, or a cotangent whose dtype is not its output's."""


class MissingRule(EngineError, NotImplementedError):
    """An op has no pullback for an argument that a gradient must flow through."""


class TapeError(EngineError, RuntimeError):
    """A value that is not on a tape, or a tape whose residuals were dropped by an earlier backward."""
