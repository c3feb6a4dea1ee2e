"""JAX under array-API names: ``jax.numpy`` follows the standard, so most ops are its own functions.

The functions need nothing but NumPy and JAX, so that a saved graph exports to a script with only what it uses.
``abs``, ``sum``, ``max``, ``min`` and ``pow`` here hide the builtins: no function below may use those.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import jax.scipy.special
import numpy as np
from jax import Array

from gradproof.oracles.adapters import jax_complex as complex
from gradproof.oracles.adapters import jax_linalg as linalg
from gradproof.oracles.adapters import jax_nn as nn
from gradproof.oracles.adapters.jax_missing import *
from gradproof.oracles.adapters.jax_order import *
from gradproof.oracles.adapters.jax_pieces import *
from gradproof.oracles.adapters.jax_scatter import *
from gradproof.oracles.adapters.jax_special import *

__all__ = ["complex", "linalg", "nn"]

# elementwise

abs = jnp.abs
acos = jnp.acos
acosh = jnp.acosh
asin = jnp.asin
asinh = jnp.asinh
atan = jnp.atan
atanh = jnp.atanh
cos = jnp.cos
cosh = jnp.cosh
erf = jax.scipy.special.erf
erfc = jax.scipy.special.erfc
exp = jnp.exp
expm1 = jnp.expm1
log = jnp.log
log1p = jnp.log1p
log2 = jnp.log2
log10 = jnp.log10
negative = jnp.negative
reciprocal = jnp.reciprocal
rsqrt = jax.lax.rsqrt
sign = jnp.sign
sin = jnp.sin
sinh = jnp.sinh
sqrt = jnp.sqrt
square = jnp.square
tan = jnp.tan
tanh = jnp.tanh

add = jnp.add
subtract = jnp.subtract
multiply = jnp.multiply
divide = jnp.divide
pow = jnp.pow
maximum = jnp.maximum
minimum = jnp.minimum
hypot = jnp.hypot
atan2 = jnp.atan2
copysign = jnp.copysign
logaddexp = jnp.logaddexp
xlogy = jax.scipy.special.xlogy
where = jnp.where
clip = jnp.clip

# reductions

sum = jnp.sum
prod = jnp.prod
max = jnp.max
min = jnp.min
mean = jnp.mean
var = jnp.var
std = jnp.std
logsumexp = jax.scipy.special.logsumexp
cumulative_sum = jnp.cumulative_sum

# shape

reshape = jnp.reshape
matrix_transpose = jnp.matrix_transpose
expand_dims = jnp.expand_dims
squeeze = jnp.squeeze
broadcast_to = jnp.broadcast_to
concat = jnp.concat
stack = jnp.stack
flip = jnp.flip
roll = jnp.roll
repeat = jnp.repeat
tril = jnp.tril
triu = jnp.triu


def permute_dims(x: Array, axes: tuple[int, ...]) -> Array:
    return jnp.permute_dims(x, tuple(a % x.ndim for a in axes))  # it takes no negative ones


def tile(x: Array, repetitions: tuple[int, ...]) -> Array:
    return jnp.tile(x, repetitions)


def pad(x: Array, pad_width: tuple[tuple[int, int], ...], value: float) -> Array:
    return jnp.pad(x, pad_width, constant_values=value)


# indexing

take = jnp.take
take_along_axis = jnp.take_along_axis


def getitem(x: Array, key: tuple[Any, ...]) -> Array:
    def part(k: Any) -> Any:
        return np.array(k, dtype=bool if k and type(k[0]) is bool else np.int64) if isinstance(k, tuple) else k

    return x[tuple(part(k) for k in key)]


# products

matmul = jnp.matmul
tensordot = jnp.tensordot
vecdot = jnp.linalg.vecdot
einsum = jnp.einsum
