"""The table of properties: what is claimed of every engine, for all graphs, inputs and cotangents.

``judge`` evaluates them all on one case in one go, because they share its runs; a row here is a column of the matrix.
The docstring of each function is the spec.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Property:
    """A universally quantified claim."""

    name: str
    statement: str


STATEMENTS = {
    "value": "Outputs lie within the forward rounding bound of the op's NumPy meaning.",
    "gradient": "Every gradient entry lies within K times the derived bound of the exact gradient, or, on a kink, of the "
    "accepted set.",
    "linear": "The pullback is linear, and outlives a run at other inputs: -2 times the cotangent, asked after one, gives "
    "-2 times the gradient.",
    "zero": "A zero cotangent pulls back to zeros.",
    "shape_and_dtype": "Each gradient has the shape and dtype of its primal, each output those that the op means.",
    "repeatable": "Two runs on the same inputs agree bit for bit.",
    "preserved": "A gradient once returned is not overwritten by later calls.",
    "untouched": "Inputs and cotangents are never written.",
    "unused_is_zero": "The gradient of an input that no output uses is zeros of its shape.",
}

PROPERTIES: tuple[Property, ...] = tuple(Property(name, text) for name, text in STATEMENTS.items())
