"""An eager reverse-mode differentiation engine over NumPy.

Functions carry the names of the Python array API; transforms have JAX's signatures; the tape can be seen directly.

>>> import gradproof.engine as ge
>>> ge.grad(lambda x: ge.sum(ge.sin(x)))([0.0])
Array([1.], dtype=float64)
"""

from gradproof.engine import functions, optim, pytree
from gradproof.engine.anomaly import detect_anomaly
from gradproof.engine.array import Array, as_array
from gradproof.engine.batching import vmap
from gradproof.engine.checkpoint import checkpoint, checkpoint_chain, checkpoint_within
from gradproof.engine.clip import clip_by_global_norm, clip_by_norm, clip_by_value, global_norm
from gradproof.engine.custom import custom_vjp
from gradproof.engine.derivatives import grad, hessian, hvp, jacfwd, jacobian, jacrev, jvp, linearize, value_and_grad
from gradproof.engine.errors import (
    CheckpointError,
    CustomRuleError,
    DtypeError,
    EngineError,
    MissingKernel,
    MissingRule,
    NonFiniteError,
    ShapeError,
    TapeError,
    TraceError,
    TreeError,
)
from gradproof.engine.flow import flow
from gradproof.engine.functions import *
from gradproof.engine.functions import fft, linalg, nn
from gradproof.engine.hooks import hook
from gradproof.engine.memory import saved_bytes
from gradproof.engine.precision import LossScale, autocast
from gradproof.engine.rows import RowSparse
from gradproof.engine.trace import trace
from gradproof.engine.transforms import no_grad, stop_gradient, variable, vjp

__all__ = [
    "Array",
    "CheckpointError",
    "CustomRuleError",
    "DtypeError",
    "EngineError",
    "LossScale",
    "MissingKernel",
    "MissingRule",
    "NonFiniteError",
    "RowSparse",
    "ShapeError",
    "TapeError",
    "TraceError",
    "TreeError",
    "as_array",
    "autocast",
    "checkpoint",
    "checkpoint_chain",
    "checkpoint_within",
    "clip_by_global_norm",
    "clip_by_norm",
    "clip_by_value",
    "custom_vjp",
    "detect_anomaly",
    "fft",
    "flow",
    "global_norm",
    "grad",
    "hessian",
    "hook",
    "hvp",
    "jacfwd",
    "jacobian",
    "jacrev",
    "jvp",
    "linalg",
    "linearize",
    "nn",
    "no_grad",
    "optim",
    "pytree",
    "saved_bytes",
    "stop_gradient",
    "trace",
    "value_and_grad",
    "variable",
    "vjp",
    "vmap",
]
__all__ += functions.__all__
