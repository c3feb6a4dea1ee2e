"""Special functions in JAX, and the elementwise functions that are flat between jumps."""

from __future__ import annotations

import jax.numpy as jnp
import jax.scipy.special
from jax import Array

cbrt = jnp.cbrt
ceil = jnp.ceil
digamma = jax.scipy.special.digamma
entr = jax.scipy.special.entr
erfinv = jax.scipy.special.erfinv
exp2 = jnp.exp2
floor = jnp.floor
floor_divide = jnp.floor_divide
i0 = jax.scipy.special.i0
i0e = jax.scipy.special.i0e
i1 = jax.scipy.special.i1
i1e = jax.scipy.special.i1e
lgamma = jax.scipy.special.gammaln
log_ndtr = jax.scipy.special.log_ndtr
logaddexp2 = jnp.logaddexp2
logit = jax.scipy.special.logit
ndtr = jax.scipy.special.ndtr
ndtri = jax.scipy.special.ndtri
positive = jnp.positive
rel_entr = jax.scipy.special.rel_entr
remainder = jnp.remainder
round = jnp.round
sinc = jnp.sinc
trunc = jnp.trunc
xlog1py = jax.scipy.special.xlog1py


def polygamma(x: Array, n: int) -> Array:
    return jax.scipy.special.polygamma(n, x)
