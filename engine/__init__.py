"""An eager reverse-mode differentiation engine over NumPy.

Functions carry the names of the Python array API; transforms have JAX's signatures; the tape can be seen directly.

>>> import gradproof.engine as ge
>>> ge.grad(lambda x: ge.sum(ge.sin(x)))([0.0])
Array([1.], dtype=float64)
"""

from gradproof.engine import functions
from gradproof.engine.array import Array, as_array
from gradproof.engine.errors import DtypeError, EngineError, MissingRule, ShapeError, TapeError
from gradproof.engine.functions import *
from gradproof.engine.functions import linalg, nn
from gradproof.engine.transforms import (
    grad,
    hessian,
    hvp,
    jacobian,
    jvp,
    no_grad,
    stop_gradient,
    value_and_grad,
    variable,
    vjp,
)

__all__ = [
    "Array",
    "DtypeError",
    "EngineError",
    "MissingRule",
    "ShapeError",
    "TapeError",
    "as_array",
    "grad",
    "hessian",
    "hvp",
    "jacobian",
    "jvp",
    "linalg",
    "nn",
    "no_grad",
    "stop_gradient",
    "value_and_grad",
    "variable",
    "vjp",
]
__all__ += functions.__all__
