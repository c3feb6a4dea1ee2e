"""Errors the engine raises on purpose: each says what, where, what was expected, and what to do."""

from collections.abc import Mapping, Sequence
from typing import Any


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


class TreeError(ShapeError):
    """A tree of arrays whose structure is not the one expected."""


class CustomRuleError(EngineError):
    """A function with a pullback of the user's own that breaks what was agreed."""


class TraceError(EngineError, TypeError):
    """What a trace cannot record: Python control flow that depends on the values of its arguments."""


class CheckpointError(EngineError, ValueError):
    """A checkpointed function that does not repeat, or a budget that no schedule fits."""


class MissingKernel(EngineError, NotImplementedError):
    """An op has no kernel for the library that its operands belong to."""


class NonFiniteError(EngineError, ArithmeticError):
    """The first value or cotangent that is inf or nan, within ``detect_anomaly``; its attributes say what the text says.

    ``phase`` is "forward" or "backward", ``source`` the user's line ("net.py:12") that made the value. ``argument`` is whose
    operand or cotangent it is, None for a result and for a sum of contributions.
    """

    def __init__(
        self, text: str, phase: str, op: str, node: int, argument: int | None, shape: tuple[int, ...], source: str
    ) -> None:
        super().__init__(text)
        self.phase, self.op, self.node, self.argument = phase, op, node, argument
        self.shape, self.source = shape, source


class NoGradient(EngineError, ArithmeticError):
    """A point where the gradient does not exist, and the cotangent asks for it."""


def a_function(f: Any, where: str) -> None:
    """Raise a TypeError unless f can be called."""
    if not callable(f):
        raise TypeError(f"{where}: a {type(f).__name__} in place of a function. Pass the function itself, not its value.")


def misfit(op: str, data: Sequence[Any], params: Mapping[str, Any], error: ValueError) -> ShapeError:
    """What a kernel's refusal means to a user."""
    shapes = ", ".join(str(tuple(getattr(x, "shape", ()))) for x in data)
    said = "; ".join(f"{key}={value!r}" for key, value in params.items())
    return ShapeError(
        f"{op}: operands of shape {shapes}{f' with {said}' if said else ''} do not fit: {error}. "
        "Reshape an operand or change the parameter."
    )


def missing_rule(op: str, argument: int, wholly: bool) -> MissingRule:
    """No rule for an argument, or none that holds for complex numbers."""
    if wholly:
        return MissingRule(f"no vjp for '{op}' (argument {argument}). Add one in engine/rules, or stop the gradient there.")
    return MissingRule(
        f"no vjp for '{op}' of complex numbers (argument {argument}). Split them with real and imag, or add what "
        "its rule lacks and name it in engine/rules/complex.py."
    )
